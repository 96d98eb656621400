//! A pricing plugin: its configuration is an OCPI Tariff object (2.1.1, 2.2.1 or 2.3.0), its rules
//! are those of OCPI `mod_tariffs` and `mod_cdrs`. Whole numbers only, and the same input gives the
//! same bytes. Must never round money (the host does, once) and never price what no element covers.
//!
//! A running cost is what the session would cost if it ended now.

mod bill;
mod coded;
mod currencies;
mod display;
mod limits;
mod local;
mod pieces;
mod read;
mod restrictions;
mod tariff;

use busbar_sdk::{Configuration, Error, Line, Prepared, Pricing, Session, export_pricing, json};

use tariff::Tariff;

/// The plugin.
pub struct OcpiPricing;
export_pricing!(OcpiPricing);

impl Pricing for OcpiPricing {
    fn prepare(config: &Configuration) -> Result<Prepared, Error> {
        let document = json::parse(&config.text)?;
        let (tariff, ignored) = read::tariff(&document.root(), &config.currency)?;
        Ok(Prepared {
            compiled: coded::write(&tariff),
            boundaries: display::boundaries(&tariff),
            components: display::components(&tariff, &ignored),
            negative_prices: tariff.components().any(|component| component.price < 0),
            power_dependent: tariff.elements.iter().any(|element| element.when.is_electrical()),
        })
    }

    fn price(compiled: &[u8], session: &Session) -> Result<Vec<Line>, Error> {
        let tariff = coded::read(compiled)?;
        tariff.covers_start(session.start)?;
        let pieces = pieces::cut(&tariff, session)?;
        let mut lines = bill::lines(&tariff, &pieces, session)?;
        lines.extend(limits::adjustments(&tariff, &lines, session)?);
        Ok(lines)
    }
}

impl Tariff {
    /// OCPI Tariff `start_date_time`, `end_date_time`: the start of the session decides.
    fn covers_start(&self, start: i64) -> Result<(), Error> {
        if self.valid_from.is_some_and(|from| start < from) {
            return Err(Error::NotApplicable("the session started before start_date_time".into()));
        }
        if self.valid_until.is_some_and(|until| start >= until) {
            return Err(Error::NotApplicable("the session started after end_date_time".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
