//! Owns the stored facts of the planner, version 1: what it was asked, what it answered, and what
//! it reckons with. Frozen once merged: new fields are optional, anything else is a new version.
//! Must never hold a domain type: those may change.

use serde::{Deserialize, Serialize};

use crate::fact::Actor;
use crate::ids::TransactionId;
use crate::units::{Current, Energy, Micros, Millis, Power, Timestamp};

/// `load.plan_wanted/1`: a planner was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadPlanWanted {
    /// When it was decided.
    pub at: Timestamp,
    /// The plan's number: they count up at each site.
    pub number: u64,
    /// An answer after that is late: the cheapest slots stand in for it.
    pub until: Timestamp,
    /// When the first slot begins.
    pub from: Timestamp,
    /// How long a slot is.
    pub slot: Millis,
    /// How many slots there are.
    pub slots: u32,
    /// True where slots differ in price: only then may a plan make a car wait.
    pub lowers: bool,
    /// The rows, as people call them, that hold back a car which has hardly time enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scarce: Vec<Box<str>>,
}

/// `load.planned/1`: a plan stands in the place of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadPlanned {
    /// When it was decided.
    pub at: Timestamp,
    /// The number that was asked; of a plan without a question, the last one.
    pub number: u64,
    /// Who made it: `lp`, `greedy`, a plugin's name; empty where there was nothing to plan.
    pub by: Box<str>,
    /// True where the planner was late, and another stood in for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// When the first slot begins.
    pub from: Timestamp,
    /// How long a slot is.
    pub slot: Millis,
    /// When to plan again, if nothing happens.
    pub next: Option<Timestamp>,
    /// EVSEs that are planned for; others are left to the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evses: Vec<EvsePlan>,
    /// What all cars together are expected to take, slot after slot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub power: Vec<PowerRun>,
    /// What batteries are to do; positive charges. Others are not planned for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batteries: Vec<BatteryPlan>,
}

/// What is planned for a battery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatteryPlan {
    /// As the tree names it.
    pub battery: Box<str>,
    /// Slot after slot.
    pub runs: Vec<PowerRun>,
}

/// What is planned for an EVSE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvsePlan {
    /// `STATION/1`.
    pub evse: Box<str>,
    /// Slot after slot.
    pub runs: Vec<PlanRun>,
}

/// What is planned for some slots in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRun {
    /// How many slots.
    pub slots: u32,
    /// The most that it may have; none does not lower it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Current>,
    /// What it is to have before others get more than theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Current>,
}

/// A power for some slots in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerRun {
    /// How many slots.
    pub slots: u32,
    /// The power.
    pub power: Power,
}

/// `load.wished/1`: somebody said what a car needs, in the place of what was said before. Ends
/// with the transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadWished {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom; a station passes on what its car says.
    pub actor: Actor,
    /// `STATION/1`.
    pub evse: Box<str>,
    /// The transaction that it is for; none where it has not begun yet.
    pub transaction: Option<TransactionId>,
    /// What it wants from now on.
    pub energy: Option<Energy>,
    /// When it leaves, by our clock.
    pub departure: Option<Timestamp>,
    /// The most that the car takes on each phase.
    pub maximum: Option<Current>,
    /// Its priority class; 0 is served before 1.
    pub class: Option<u8>,
    /// True where it waits neither for a price nor for a random delay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
}

/// `load.priced/1`: what energy costs the site, in the place of what was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadPriced {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// In order of time.
    pub slots: Vec<PriceSlot>,
}

/// What a kWh costs for a while, in the site's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceSlot {
    /// From then on.
    pub from: Timestamp,
    /// Until before then.
    pub until: Timestamp,
    /// Of a kWh.
    pub price: Micros,
}

/// `load.forecast/1`: what the site is expected to generate and not to use itself, in the place of
/// what was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadForecast {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// In order of time.
    pub slots: Vec<ForecastSlot>,
}

/// A surplus for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastSlot {
    /// From then on.
    pub from: Timestamp,
    /// Until before then.
    pub until: Timestamp,
    /// What is left over for charging.
    pub power: Power,
}

/// `load.battery/1`: what a battery holds, in the place of what was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBattery {
    /// When it was decided. After a quarter of an hour it says nothing any more.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// As the tree names it.
    pub battery: Box<str>,
    /// Its state of charge: thousandths of what it can hold.
    pub charge: u32,
    /// What it takes now, on its AC side; negative where it gives. None where that was not said.
    pub power: Option<Power>,
}

/// `load.delayed/1`: EVSEs begin a random while later, so that not all of a country begin at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadDelayed {
    /// When it was decided.
    pub at: Timestamp,
    /// Which, and until when.
    pub evses: Vec<EvseDelay>,
}

/// Until when an EVSE does not begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvseDelay {
    /// `STATION/1`.
    pub evse: Box<str>,
    /// It begins then.
    pub until: Timestamp,
}
