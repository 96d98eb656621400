//! How quotes, bills and what looks wrong about them look on the API: shared by sessions and CDRs.
//! Must never show a stored form as it is.

use busbar_charging::fact::transaction::{
    Finding as StoredFinding, HeldFor, Proposal as Stored, Quote as Pinned,
};
use busbar_charging::pricing::{
    Activity, CutSession, Dimension, Line as StoredLine, NamedValue, Period as Cut, PriceError,
    QuantityUnit,
};
use busbar_charging::units::Currency;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::units::{A, Amount, Cost, Percent, Thousandths, Time, W, Wh};

/// What a session is priced by, pinned at its start.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quote {
    tariff_id: String,
    tariff_version: u64,
    /// SHA-256 of the plugin's bytes.
    plugin_hash: String,
    /// SHA-256 of the configuration's text.
    configuration_hash: String,
}

/// One line of a bill.
#[derive(Debug, Serialize, ToSchema)]
pub struct Line {
    #[schema(value_type = String, example = "energy")]
    dimension: Dimension,
    description: String,
    /// In `unit`.
    quantity: Quantity,
    unit: Unit,
    /// Per `unit_price_per`.
    unit_price: Amount,
    unit_price_per: &'static str,
    amount: Amount,
    /// Whether `amount` includes `taxes`.
    tax_included: bool,
    taxes: Vec<Tax>,
    start: Time,
    end: Time,
}

/// A quantity: a JSON number with up to three decimals.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Quantity(Thousandths);

/// What a quantity counts.
#[derive(Debug, Serialize, ToSchema)]
pub enum Unit {
    /// Watt-hours.
    Wh,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Millis,
    /// Pieces.
    #[serde(rename = "1")]
    Count,
}

/// A tax on a line.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tax {
    name: String,
    rate_percent: Percent,
    amount: Amount,
}

/// Something that looks wrong.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// A register reading below an earlier one.
    MeterBackwards {
        /// When the lower one was read.
        at: Time,
        /// How far it fell.
        by_wh: Wh,
    },
    /// More energy than the EVSE can deliver in the time.
    ImpossiblePower {
        /// When the interval ended.
        at: Time,
        /// Energy in it.
        energy_wh: Wh,
        /// Its length.
        span_ms: i64,
    },
    /// The station's clock is far from ours.
    ClockOff {
        /// Station time minus server time.
        by_ms: i64,
    },
    /// A value that could not be read.
    UnreadableReading {
        /// When it was read.
        at: Time,
    },
    /// No reading at all.
    NoReadings,
    /// The end was never reported.
    MissingEnd,
    /// The start was never reported.
    MissingStart,
    /// It ends before it starts.
    EndBeforeStart,
    /// Energy was delivered though its token was refused.
    NotAuthorized,
    /// Two different readings of one register at one time.
    Contradiction {
        /// When they were read.
        at: Time,
    },
}

/// Why a session is held.
#[derive(Debug, Serialize, ToSchema)]
pub struct Held {
    reason: HeldReason,
    /// What looks wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    /// Why there is no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_error: Option<PriceFailure>,
}

/// Why a session is held, in a word.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HeldReason {
    /// It looks wrong.
    Review,
    /// It has no valid price.
    Unpriced,
    /// No tariff was in force at its start.
    NoTariff,
}

/// Why there is no price.
#[derive(Debug, Serialize, ToSchema)]
pub struct PriceFailure {
    /// `invalid_configuration`, `invalid_session`, `not_applicable`, `internal` or `misbehaved`.
    pub kind: &'static str,
    /// The place in the configuration or session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// What an operator may accept.
#[derive(Debug, Serialize, ToSchema)]
pub struct Proposal {
    quote: Quote,
    lines: Vec<Line>,
    cost: Cost,
}

/// The complete input of a price.
#[derive(Debug, Serialize, ToSchema)]
pub struct PricedSession {
    start: Time,
    end: Time,
    /// In order, without gaps.
    periods: Vec<Period>,
    /// False for a running cost.
    complete: bool,
    attributes: Vec<Attribute>,
}

/// A part of a session in which nothing that decides a price changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Period {
    start: Time,
    end: Time,
    /// Local time minus UTC.
    utc_offset_minutes: i32,
    #[schema(value_type = String, example = "charging")]
    activity: Activity,
    energy_wh: Wh,
    min_power_w: Option<W>,
    max_power_w: Option<W>,
    /// Sum of phases.
    min_current_a: Option<A>,
    /// Sum of phases.
    max_current_a: Option<A>,
}

/// An open-ended attribute.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attribute {
    name: String,
    value: String,
}

impl Line {
    pub(super) fn new(line: StoredLine, currency: Currency) -> Self {
        let (unit, unit_price_per) = match line.unit {
            QuantityUnit::Energy => (Unit::Wh, "kWh"),
            QuantityUnit::Time => (Unit::Millis, "h"),
            QuantityUnit::Count => (Unit::Count, "1"),
        };
        let quantity = match line.unit {
            QuantityUnit::Time => line.quantity.saturating_mul(1000),
            QuantityUnit::Energy | QuantityUnit::Count => line.quantity,
        };
        let tax = |tax: busbar_charging::pricing::Tax| Tax {
            name: tax.name,
            rate_percent: Percent(tax.rate),
            amount: Amount::new(tax.amount, currency),
        };
        Self {
            dimension: line.dimension,
            description: line.description,
            quantity: Quantity(Thousandths(quantity)),
            unit,
            unit_price: Amount::new(line.unit_price, currency),
            unit_price_per,
            amount: Amount::new(line.amount, currency),
            tax_included: line.tax_included,
            taxes: line.taxes.into_iter().map(tax).collect(),
            start: Time(line.start),
            end: Time(line.end),
        }
    }
}

impl From<Pinned> for Quote {
    fn from(quote: Pinned) -> Self {
        Self {
            tariff_id: quote.tariff.to_string(),
            tariff_version: quote.version,
            plugin_hash: quote.plugin_hash.to_string(),
            configuration_hash: quote.configuration_hash.to_string(),
        }
    }
}

impl From<StoredFinding> for Finding {
    fn from(finding: StoredFinding) -> Self {
        match finding {
            StoredFinding::MeterBackwards { at, by } => {
                Self::MeterBackwards { at: Time(at), by_wh: Wh(by) }
            }
            StoredFinding::ImpossiblePower { at, energy, span } => {
                Self::ImpossiblePower { at: Time(at), energy_wh: Wh(energy), span_ms: span.0 }
            }
            StoredFinding::ClockOff { by } => Self::ClockOff { by_ms: by.0 },
            StoredFinding::UnreadableReading { at } => Self::UnreadableReading { at: Time(at) },
            StoredFinding::NoReadings => Self::NoReadings,
            StoredFinding::MissingEnd => Self::MissingEnd,
            StoredFinding::MissingStart => Self::MissingStart,
            StoredFinding::EndBeforeStart => Self::EndBeforeStart,
            StoredFinding::NotAuthorized => Self::NotAuthorized,
            StoredFinding::Contradiction { at } => Self::Contradiction { at: Time(at) },
        }
    }
}

impl From<HeldFor> for Held {
    fn from(held: HeldFor) -> Self {
        let (reason, findings, price_error) = match held {
            HeldFor::Review(findings) => (HeldReason::Review, findings, None),
            HeldFor::Unpriced(error) => (HeldReason::Unpriced, Vec::new(), Some(error.into())),
            HeldFor::NoTariff => (HeldReason::NoTariff, Vec::new(), None),
        };
        let findings = findings.into_iter().map(Finding::from).collect();
        Self { reason, findings, price_error }
    }
}

impl From<PriceError> for PriceFailure {
    fn from(error: PriceError) -> Self {
        let (kind, at, message) = match error {
            PriceError::InvalidConfiguration { at, message } => {
                ("invalid_configuration", Some(at), message)
            }
            PriceError::InvalidSession { at, message } => ("invalid_session", Some(at), message),
            PriceError::NotApplicable(message) => ("not_applicable", None, message),
            PriceError::Internal(message) => ("internal", None, message),
            PriceError::Misbehaved(message) => ("misbehaved", None, message),
        };
        Self { kind, at, message }
    }
}

impl From<Stored> for Proposal {
    fn from(proposal: Stored) -> Self {
        let currency = proposal.totals.payable.currency;
        Self {
            quote: proposal.quote.into(),
            lines: proposal.lines.into_iter().map(|line| Line::new(line, currency)).collect(),
            cost: Cost::from(&proposal.totals),
        }
    }
}

impl From<CutSession> for PricedSession {
    fn from(session: CutSession) -> Self {
        let attribute = |named: NamedValue| Attribute { name: named.name, value: named.value };
        Self {
            start: Time(session.start),
            end: Time(session.end),
            periods: session.periods.into_iter().map(Period::from).collect(),
            complete: session.complete,
            attributes: session.attributes.into_iter().map(attribute).collect(),
        }
    }
}

impl From<Cut> for Period {
    fn from(period: Cut) -> Self {
        Self {
            start: Time(period.start),
            end: Time(period.end),
            utc_offset_minutes: period.utc_offset,
            activity: period.activity,
            energy_wh: Wh(period.energy),
            min_power_w: period.min_power.map(W),
            max_power_w: period.max_power.map(W),
            min_current_a: period.min_current.map(A),
            max_current_a: period.max_current.map(A),
        }
    }
}
