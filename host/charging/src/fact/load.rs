//! Owns the stored facts of load control, version 1. Frozen once merged: new fields are optional,
//! anything else is a new version. Must never hold a domain type: those may change.

mod plan;

use serde::{Deserialize, Serialize};

pub use self::plan::{
    BatteryPlan, EvseDelay, EvsePlan, ForecastSlot, LoadBattery, LoadDelayed, LoadForecast,
    LoadPlanWanted, LoadPlanned, LoadPriced, LoadWished, PlanRun, PowerRun, PriceSlot,
};

use super::Actor;
use super::site::Blob;
use crate::ids::StationId;
use crate::units::{Current, Millis, Power, Timestamp};

/// A limit that load control has granted to an EVSE: what a command's intent holds, so that it is
/// durable before it leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitGrant {
    /// The EVSE's number at its station.
    pub evse: u32,
    /// The grant's name: they count up for each EVSE.
    pub grant: u64,
    /// Which profile it replaces.
    pub purpose: LimitPurpose,
    /// The limit, on each phase.
    pub limit: Current,
    /// What the EVSE may draw while the station replaces its profile.
    pub counted: Current,
    /// What holds after the lease.
    pub after: Current,
    /// When it ends by itself, by our clock; without one, never.
    pub lease_end: Option<Timestamp>,
    /// How much the station's clock was ahead of ours when that was written.
    #[serde(default)]
    pub lease_offset: Millis,
    /// Why it is no more, for people.
    pub reason: Box<str>,
}

/// What load control asks of a station beside the limits of its EVSEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadCall {
    /// What it can do with charging profiles.
    Capability,
    /// GetCompositeSchedule: what it is going to do.
    Schedule {
        /// At which EVSE.
        evse: u32,
    },
    /// ChargePointMaxProfile, ChargingStationMaxProfile: the most that it may ever draw on a phase.
    StationMaximum {
        /// How much.
        limit: Current,
    },
    /// GetChargingProfiles (2.x): which profiles it holds, of an EVSE that was told a limit.
    Profiles {
        /// At which EVSE.
        evse: u32,
        /// The last grant there: what it holds is held against that.
        grant: u64,
    },
}

/// `load.told/1`: a station was asked what it can do with charging profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadTold {
    /// When its answer was received.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// What it said; none where it said nothing that can be read.
    pub told: Option<StationTold>,
    /// Why it said nothing, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Box<str>>,
}

/// What a station says that it can do with charging profiles; none where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationTold {
    /// The highest stack level.
    pub stack_level_max: Option<u32>,
    /// The most periods in a schedule.
    pub periods_max: Option<u32>,
    /// It takes amperes.
    pub amperes: Option<bool>,
    /// It takes watts.
    pub watts: Option<bool>,
    /// It can choose the phase of a car that uses one.
    pub switches_phases: Option<bool>,
    /// It takes profiles that end while it is offline.
    pub ends_offline: Option<bool>,
    /// It takes `Dynamic` profiles.
    pub takes_dynamic: Option<bool>,
}

/// `load.verified/1`: what a station says that it is going to do was held against what it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadVerified {
    /// When its answer was received.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// The EVSE's number there.
    pub evse: u32,
    /// What its limits let it draw on a phase, as we count.
    pub counted: Current,
    /// What it says that it allows on a phase; none where it says that there is no limit, or
    /// nothing.
    pub says: Option<Current>,
    /// What follows.
    pub verdict: LoadVerdict,
    /// Why it cannot be verified, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Box<str>>,
}

/// Whether a station says that it does what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadVerdict {
    /// It does, or something else limits it to less.
    Kept,
    /// It allows more: it counts with what it says.
    Exceeds,
    /// It does now, and goes on after the end of its lease: it gets no credit for leases.
    Outlasts,
    /// It does not say: it is not asked again on this connection.
    Silent,
}

/// `load.held/1`: which profiles a station holds was held against what it answered to the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadHeld {
    /// When its answer or report was received.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// The EVSE's number there.
    pub evse: u32,
    /// The last grant there.
    pub grant: u64,
    /// The limit of that, on each phase.
    pub limit: Current,
    /// What its profile allows on a phase, or where it does not hold that its TxDefaultProfile;
    /// none where it holds none, or one without a limit.
    pub says: Option<Current>,
    /// What follows.
    pub verdict: HeldVerdict,
    /// Why that is not known, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Box<str>>,
}

/// Whether a station holds what it answered that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldVerdict {
    /// It holds what it accepted.
    Kept,
    /// It holds what it rejected: that counts as taken.
    Taken,
    /// It holds not what it rejected, as it said; what it may hold counts on.
    Refused,
    /// It does not hold what it accepted: it is not limited by it.
    Missing,
    /// It holds a higher limit: it counts with that.
    Exceeds,
    /// It does not say: it is not asked again before it boots.
    Silent,
}

/// `load.alarmed/1`: people should look at a station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadAlarmed {
    /// When it was found.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// What.
    pub alarm: LoadAlarm,
}

/// Why people should look at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadAlarm {
    /// It was written to as often today (UTC) as its budget allows. Nothing is held back but
    /// increases, which are rarer from now on.
    WriteBudget {
        /// How often.
        writes: u32,
    },
}

/// Which of a station's profiles a limit replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitPurpose {
    /// TxDefaultProfile.
    Default,
    /// TxProfile.
    Transaction,
}

/// `load.limited/1`: a source outside has said what a circuit may carry, or that it is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadLimited {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// The circuit.
    pub circuit: Box<str>,
    /// The source, as the tree names it.
    pub source: Box<str>,
    /// All that it has announced; none where it only said that it is there.
    pub windows: Option<Vec<LimitWindow>>,
}

/// A limit that holds for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitWindow {
    /// From then on.
    pub from: Timestamp,
    /// Until before then; the greatest time has no end.
    pub until: Timestamp,
    /// On each line.
    pub lines: Option<[Current; 3]>,
    /// Of all lines.
    pub power: Option<Power>,
}

/// `load.station_limited/1`: somebody else limits a station, as the station says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadStationLimited {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Which EVSE of it; none for all of it.
    pub evse: Option<u32>,
    /// Who (`chargingLimitSource`), as it came.
    pub source: Box<str>,
    /// To what; none where that one does not limit it any more.
    pub windows: Option<Vec<LimitWindow>>,
}

/// `load.clock_doubted/1`: the host's own clock may not have gone on as it did, so what is known of
/// the clocks of stations by it is no measure any more. No lease that was not over yet counts as
/// over before its station was heard again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadClockDoubted {
    /// When, by what it shows now.
    pub at: Timestamp,
    /// By how much it was set, forward where that is positive; none where the process was started
    /// and nobody watched it.
    pub by: Option<Millis>,
}

/// `load.metered/1`: a meter of a circuit was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadMetered {
    /// When it was received.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// The meter, as the tree names it.
    pub meter: Box<str>,
    /// What flows on each line; negative where it is exported.
    pub lines: [Current; 3],
    /// True where the EVSEs of the circuit are in it.
    #[serde(default)]
    pub with_evses: bool,
}

/// `load.filled/1`: it was decided anew who may charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadFilled {
    /// When it was decided.
    pub at: Timestamp,
    /// When to decide again, if nothing happens.
    pub next: Option<Timestamp>,
    /// EVSEs that may charge now and might not before, or the other way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<EvseShare>,
    /// Limits that the last check held back: each is a defect of ours.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withheld: u32,
}

/// Whether an EVSE may charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvseShare {
    /// `STATION/1`.
    pub evse: Box<str>,
    /// Whether it may charge.
    pub on: bool,
    /// Why, for people.
    pub reason: Box<str>,
}

/// `load.recorded/1`: what a snapshot holds of load control, in a form of its own version. What
/// cannot be read any more is not believed: every EVSE counts with all that it can draw again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadRecorded {
    /// When the snapshot was made.
    pub at: Timestamp,
    /// Of the body.
    pub version: u16,
    /// As load control reads and writes it.
    pub body: Blob,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
