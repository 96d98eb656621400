//! Owns the prices of the simulation: a small pure function of a cut session, used by the host's
//! worker and by the truth alike, and the sandbox with the plugin of the host beside it.
//! Must never round but once a line.

use std::sync::Arc;

use busbar_charging::fact::Actor;
use busbar_charging::fact::network::TariffPut;
use busbar_charging::ids::Hash;
use busbar_charging::pricing::bill::{Totals, add_up};
use busbar_charging::pricing::cut::cut;
use busbar_charging::pricing::{
    Boundaries, CutSession, Dimension, Line, MeteredSession, PreparedTariff, PriceComponent,
    PriceError, PriceUnit, QuantityUnit, Tax,
};
use busbar_charging::units::{Currency, Energy, Micros, Timestamp};
use busbar_sandbox::{Config, FirstParty, Plugin, Sandbox};
use serde_json::{Value, json};

/// The one tariff of the simulation.
pub(super) const TARIFF: &str = "T";
const TEN_MINUTES: u32 = 600_000;

/// Who prices.
#[derive(Clone)]
pub(super) enum Pricer {
    /// The function of this module.
    Native,
    /// The plugin of the host, in the sandbox.
    Sandboxed(Plugin),
}

/// The plugin of the host, loaded.
pub(super) fn sandboxed() -> Pricer {
    let embedded = FirstParty::find("pricing-ocpi").expect("it is built in");
    let sandbox = Sandbox::new(Config::default()).expect("a sandbox");
    let manifest = embedded.manifest().expect("its manifest is sound");
    Pricer::Sandboxed(sandbox.load(embedded.bytes, &manifest).expect("it loads"))
}

pub(super) fn euro() -> Currency {
    Currency::parse("EUR").expect("a currency")
}

impl Pricer {
    /// A version of the tariff, by a number that makes its prices and its kind.
    pub(super) fn tariff(&self, number: u64) -> TariffPut {
        let (configuration, prepared) = match self {
            Self::Native => native(number),
            Self::Sandboxed(plugin) => {
                let text = ocpi(number);
                let prepared = plugin.prepare(&text, euro()).expect("a sound tariff");
                (text, prepared.tariff.clone())
            }
        };
        TariffPut {
            at: Timestamp(0),
            actor: Actor::Clock,
            tariff: TARIFF.into(),
            version: 0,
            valid_from: Timestamp(0),
            currency: euro(),
            plugin: "pricing".into(),
            plugin_hash: Hash([1; 32]),
            configuration: configuration.into(),
            configuration_hash: Hash([2; 32]),
            prepared,
            default: true,
        }
    }

    /// What a worker answers.
    pub(super) fn price(
        &self,
        tariff: &TariffPut,
        session: &MeteredSession,
    ) -> Result<(CutSession, Vec<Line>), PriceError> {
        match self {
            Self::Native => {
                let session = cut(session, &tariff.prepared.boundaries)?;
                let lines = lines(&tariff.configuration, &session);
                Ok((session, lines))
            }
            Self::Sandboxed(plugin) => plugin
                .price_metered(&tariff.configuration, tariff.currency, session)
                .map(|priced| (priced.session, priced.lines)),
        }
    }

    /// What a true charge costs.
    pub(super) fn truth(&self, tariff: &Arc<TariffPut>, session: &MeteredSession) -> Totals {
        let (_, lines) = self.price(tariff, session).expect("a true charge has a price");
        add_up(&lines, tariff.currency, false).expect("its lines are sound")
    }
}

fn ocpi(number: u64) -> String {
    let cents = 20 + number % 60;
    let component = |kind: &str, price: f64, step: u32| -> Value {
        json!({ "type": kind, "price": price, "vat": 19.0, "step_size": step })
    };
    // No component counts time: what was charging time is not in the truth.
    let components = vec![
        component("ENERGY", cents as f64 / 100.0, 1),
        component("FLAT", (number % 3) as f64 / 2.0, 1),
    ];
    json!({
        "country_code": "DE", "party_id": "BBR", "id": TARIFF, "currency": "EUR",
        "elements": [{ "price_components": components }],
        "last_updated": "2026-01-01T00:00:00Z",
    })
    .to_string()
}

/// Prices per kWh up to a threshold and above it, in even and odd slices of ten minutes, per
/// session and per hour. What is zero or equal does not count, and is not cut for.
fn native(number: u64) -> (String, PreparedTariff) {
    let micros = |part: u64| (100_000 + (number >> part) % 700_000) as i64;
    // The last kind is the one that a message in between can change: half of all.
    let kind = (number % 6).min(3);
    let per_hour = if kind == 1 { micros(3) } else { 0 };
    let threshold = if kind == 2 { 1_000_000 + (number % 4_000_000) as i64 } else { 0 };
    let odd = if kind == 3 { micros(5) } else { 0 };
    let configuration = json!({
        "kwh": micros(0), "above": micros(7), "threshold": threshold, "odd": odd,
        "session": micros(2), "hour": per_hour,
    });
    let mut boundaries = Boundaries::default();
    if threshold > 0 {
        boundaries.energies.push(Energy(threshold));
    }
    if odd > 0 {
        boundaries.times_of_day.extend((0..144).map(|n| n * TEN_MINUTES));
    }
    let component = |unit, price| PriceComponent {
        unit,
        price: Micros(price),
        tax_included: false,
        description: String::new(),
    };
    let mut components =
        vec![component(PriceUnit::PerKwh, micros(0)), component(PriceUnit::PerSession, micros(2))];
    if per_hour > 0 {
        components.push(component(PriceUnit::PerMinute, per_hour / 60));
    }
    let prepared =
        PreparedTariff { boundaries, components, negative_prices: false, power_dependent: false };
    (configuration.to_string(), prepared)
}

fn lines(configuration: &str, session: &CutSession) -> Vec<Line> {
    let configuration: Value = serde_json::from_str(configuration).expect("it is JSON");
    let number = |name: &str| configuration[name].as_i64().unwrap_or(0);
    let (threshold, odd) = (number("threshold"), number("odd"));
    let (mut below, mut above, mut in_odd, mut so_far) = (0, 0, 0, 0);
    for period in &session.periods {
        let slice = period.start.0.rem_euclid(24 * 3_600_000) / i64::from(TEN_MINUTES);
        let energy = period.energy.0;
        if threshold > 0 && so_far >= threshold {
            above += energy;
        } else if odd > 0 && slice % 2 == 1 {
            in_odd += energy;
        } else {
            below += energy;
        }
        so_far += energy;
    }
    let line = |dimension, quantity: i64, unit: QuantityUnit, price: i64| {
        let product = i128::from(quantity) * i128::from(price);
        let amount = (product / i128::from(unit.per_unit_price())) as i64;
        Line {
            dimension,
            description: String::new(),
            quantity,
            unit,
            unit_price: Micros(price),
            amount: Micros(amount),
            tax_included: false,
            taxes: vec![Tax {
                name: "VAT".into(),
                rate: 190_000,
                amount: Micros(amount * 19 / 100),
            }],
            start: session.start,
            end: session.end,
        }
    };
    let span = session.end.since(session.start).0;
    vec![
        line(Dimension::Energy, below, QuantityUnit::Energy, number("kwh")),
        line(Dimension::Energy, above, QuantityUnit::Energy, number("above")),
        line(Dimension::Energy, in_odd, QuantityUnit::Energy, odd),
        line(Dimension::ChargingTime, span, QuantityUnit::Time, number("hour")),
        line(Dimension::Flat, 1_000, QuantityUnit::Count, number("session")),
    ]
}
