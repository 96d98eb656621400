//! Owns what the host and a pricing plugin say to each other, in the words of
//! `wit/v0.1/pricing/pricing.wit`, how a session is cut (`cut`), and how a plugin's answer is
//! checked and added up (`bill`). Must never call a plugin or read a clock.

pub mod bill;
pub mod cut;

use serde::{Deserialize, Serialize};

use crate::units::{Current, Energy, Micros, Millis, Power, Timestamp};

/// An open-ended attribute of site, EVSE or token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamedValue {
    /// For instance `token.group`.
    pub name: String,
    /// Its value as text.
    pub value: String,
}

/// Where the host cuts a session, beside every reading, state change and local midnight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundaries {
    /// Local times of day, in milliseconds after local midnight.
    pub times_of_day: Vec<u32>,
    /// Local dates, `YYYY-MM-DD`: cut at their first instant.
    pub dates: Vec<String>,
    /// Energy delivered since the start.
    pub energies: Vec<Energy>,
    /// Time since the start.
    pub durations: Vec<Millis>,
}

impl Boundaries {
    /// True when the plugin asked for no cut at all.
    pub fn is_empty(&self) -> bool {
        self.times_of_day.is_empty()
            && self.dates.is_empty()
            && self.energies.is_empty()
            && self.durations.is_empty()
    }
}

/// What a displayed price is per.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceUnit {
    /// Per kilowatt-hour.
    PerKwh,
    /// Per minute.
    PerMinute,
    /// Per session.
    PerSession,
    /// Anything else; its description says what.
    Other,
}

/// A price that a driver is shown before the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceComponent {
    /// What the price is per.
    pub unit: PriceUnit,
    /// Millionths of the currency per unit.
    pub price: Micros,
    /// Whether `price` includes tax.
    pub tax_included: bool,
    /// In a driver's words.
    pub description: String,
}

/// What `prepare` gives for one plugin and configuration, without the compiled form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedTariff {
    /// Where the host must cut.
    pub boundaries: Boundaries,
    /// What to show.
    pub components: Vec<PriceComponent>,
    /// Whether unit prices and totals may be negative.
    pub negative_prices: bool,
    /// Whether a price depends on power or current, so that readings in between may change the
    /// bill though no boundary lies between them.
    pub power_dependent: bool,
}

/// What happened during a period, and who stopped the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Energy flows, or may flow.
    Charging,
    /// The car does not ask for energy.
    PausedByCar,
    /// The charging station does not offer energy.
    PausedByStation,
    /// Our load control does not offer energy; never billable as idle.
    PausedByLoadControl,
    /// The EVSE is reserved.
    Reserved,
    /// The EVSE was reserved and the reservation expired unused.
    ReservationExpired,
    /// Plugged in, or the bay taken, before or after the charge.
    Idle,
}

/// A part of a session in which nothing that decides a price changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First instant.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
    /// Local time minus UTC, in minutes.
    pub utc_offset: i32,
    /// What happened.
    pub activity: Activity,
    /// Energy delivered in it; never negative.
    pub energy: Energy,
    /// Smallest power, where known.
    pub min_power: Option<Power>,
    /// Largest power, where known.
    pub max_power: Option<Power>,
    /// Smallest current, sum of phases, where known.
    pub min_current: Option<Current>,
    /// Largest current, sum of phases, where known.
    pub max_current: Option<Current>,
}

/// A session as it was metered, before it is cut: what `cut::cut` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteredSession {
    /// First instant, by corrected station time.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// Energy since the start, never falling, in order of time; linear in between.
    pub energy: Vec<(Timestamp, Energy)>,
    /// What happens from each instant on, in order of time; the first at or before `start`.
    pub activities: Vec<(Timestamp, Activity)>,
    /// Momentary power, in order of time; each holds until the next.
    pub power: Vec<(Timestamp, Power)>,
    /// Momentary current, sum of phases, in order of time; each holds until the next.
    pub current: Vec<(Timestamp, Current)>,
    /// False for a running cost.
    pub complete: bool,
    /// Sorted by name.
    pub attributes: Vec<NamedValue>,
}

/// The complete input of a `price` call: what a CDR keeps and `verify` runs again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutSession {
    /// First instant.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
    /// In order, without gaps or overlaps.
    pub periods: Vec<Period>,
    /// False for a running cost.
    pub complete: bool,
    /// Sorted by name.
    pub attributes: Vec<NamedValue>,
}

/// What a line charges for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Energy.
    Energy,
    /// Time during which the car could charge.
    ChargingTime,
    /// Time during which the car did not ask for energy.
    ParkingTime,
    /// Time reserved.
    ReservationTime,
    /// A reservation that was not used.
    ReservationExpired,
    /// Once per session.
    Flat,
    /// A minimum or maximum price, a discount.
    Adjustment,
    /// Anything else; its description says what.
    Other,
}

/// What a line's quantity counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantityUnit {
    /// Milliwatt-hours; the unit price is per kWh.
    Energy,
    /// Milliseconds; the unit price is per hour.
    Time,
    /// Thousandths of one; the unit price is per one.
    Count,
}

impl QuantityUnit {
    /// How many of the quantity make one unit of the unit price.
    pub fn per_unit_price(self) -> i64 {
        match self {
            Self::Energy => 1_000_000,
            Self::Time => 3_600_000,
            Self::Count => 1_000,
        }
    }
}

/// A tax on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tax {
    /// For instance `VAT`.
    pub name: String,
    /// Millionths: 190000 is 19 %.
    pub rate: i64,
    /// Its amount.
    pub amount: Micros,
}

/// One line of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it charges for.
    pub dimension: Dimension,
    /// In a driver's words.
    pub description: String,
    /// In `unit`.
    pub quantity: i64,
    /// What `quantity` counts.
    pub unit: QuantityUnit,
    /// Millionths of the currency per kWh, hour or one.
    pub unit_price: Micros,
    /// Quantity times unit price, within a millionth.
    pub amount: Micros,
    /// Whether `amount` includes `taxes`.
    pub tax_included: bool,
    /// The taxes on it.
    pub taxes: Vec<Tax>,
    /// First instant of the part that it covers.
    pub start: Timestamp,
    /// First instant after that part.
    pub end: Timestamp,
}

/// Why a plugin could not prepare or price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceError {
    /// The configuration cannot be used.
    InvalidConfiguration {
        /// JSON pointer into the configuration.
        at: String,
        /// What is wrong there.
        message: String,
    },
    /// The session cannot be priced.
    InvalidSession {
        /// The field.
        at: String,
        /// What is wrong with it.
        message: String,
    },
    /// No element of the tariff covers the session.
    NotApplicable(String),
    /// The plugin failed inside, in its own words.
    Internal(String),
    /// The host stopped it or refused its answer: a trap, a limit, a broken rule.
    Misbehaved(String),
}
