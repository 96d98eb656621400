//! The smallest pricing plugin. Its configuration: `{"price_per_kwh": 0.45, "start_fee": 0.5,
//! "vat": 19}`, where fee and tax (in per cent) may be left out. A pricing plugin must never round
//! to cents: the host does, once.

use busbar_sdk::compiled::{Reader, Writer};
use busbar_sdk::{Configuration, Error, Line, Prepared, Pricing, Session};
use busbar_sdk::{PriceComponent, PriceUnit, export_pricing, json};

/// The plugin.
pub struct HelloPricing;
export_pricing!(HelloPricing);

impl Pricing for HelloPricing {
    fn prepare(config: &Configuration) -> Result<Prepared, Error> {
        let document = json::parse(&config.text)?;
        let config = document.root();
        config.only(&["price_per_kwh", "start_fee", "vat"])?;
        // Six places: prices are in millionths of the currency. Four: 19 (%) is 190000 millionths.
        let per_kwh = config.field("price_per_kwh")?.decimal(6)?;
        let fee = config.optional("start_fee")?.map_or(Ok(0), |fee| fee.decimal(6))?;
        let vat = config.optional("vat")?.map_or(Ok(0), |vat| vat.decimal(4))?;
        if per_kwh < 0 || fee < 0 || !(0..=1_000_000).contains(&vat) {
            return Err(config.error("prices must not be negative, nor a tax above 100 %"));
        }
        let show = |unit, price, description: &str| PriceComponent {
            unit,
            price,
            tax_included: false,
            description: description.into(),
        };
        Ok(Prepared {
            components: vec![
                show(PriceUnit::PerKwh, per_kwh, "energy"),
                show(PriceUnit::PerSession, fee, "start"),
            ],
            ..Prepared::plain(Writer::new().i64(per_kwh).i64(fee).i64(vat).finish())
        })
    }

    fn price(compiled: &[u8], session: &Session) -> Result<Vec<Line>, Error> {
        let mut compiled = Reader::new(compiled);
        let (per_kwh, fee, vat) = (compiled.i64()?, compiled.i64()?, compiled.i64()?);
        let energy = Line::energy(session.energy()?, per_kwh, session)?.described("energy");
        let mut lines = vec![energy.plus_taxes(&[("VAT", vat)])?];
        if fee > 0 {
            let fee = Line::flat(fee, session)?.described("start");
            lines.push(fee.plus_taxes(&[("VAT", vat)])?);
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests;
