//! Owns what a station says on its own about smart charging, in our words. Must never hold words of
//! one OCPP version.

use super::needs::{Needs, Nonsense};
use super::schedule::Schedule;
use crate::ids::TransactionId;
use crate::load::kernel::profile::ProfilePurpose;
use crate::units::Timestamp;

/// What a station says about smart charging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// NotifyEVChargingNeeds: a car says what it needs. Answered by `ChargingReply::Needs`.
    Needs {
        /// Where.
        evse: u32,
        /// What of it can be.
        needs: Needs,
        /// What was left out, and why.
        nonsense: Vec<Nonsense>,
    },
    /// NotifyEVChargingSchedule: what a car is going to do. Answered by
    /// `ChargingReply::Schedule`.
    CarSchedule {
        /// Where.
        evse: u32,
        /// What.
        schedule: Schedule,
    },
    /// NotifyChargingLimit: somebody else limits the station, or an EVSE of it.
    Limited {
        /// Where; none or 0 for the whole station.
        evse: Option<u32>,
        /// Who (`chargingLimitSource`), as it came.
        source: Box<str>,
        /// It is to keep the grid up.
        grid_critical: bool,
        /// What is generated at the station, which adds to its limits (2.1).
        local_generation: bool,
        /// To what; none where it does not say.
        schedules: Vec<Schedule>,
    },
    /// ClearedChargingLimit: that one does not limit it any more.
    Unlimited {
        /// Where; none or 0 for the whole station.
        evse: Option<u32>,
        /// Who (`chargingLimitSource`), as it came.
        source: Box<str>,
    },
    /// ReportChargingProfiles: what it holds, as it was asked.
    Profiles {
        /// The request that asked.
        request: i64,
        /// Where; 0 for the whole station.
        evse: u32,
        /// Who set them (`chargingLimitSource`), as it came.
        source: Box<str>,
        /// Which.
        profiles: Vec<HeldProfile>,
        /// More will come.
        more: bool,
    },
    /// PullDynamicScheduleUpdate (2.1): it asks what holds now. Answered by
    /// `ChargingReply::Update`.
    Pulled {
        /// Of which profile.
        profile: i64,
    },
}

/// A profile that a station holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldProfile {
    /// `chargingProfileId`, `id`.
    pub id: i64,
    /// What it is for.
    pub purpose: HeldPurpose,
    /// `stackLevel`.
    pub stack_level: i64,
    /// Of which transaction.
    pub transaction: Option<TransactionId>,
    /// `chargingProfileKind`, as it came.
    pub kind: Box<str>,
    /// Not before.
    pub valid_from: Option<Timestamp>,
    /// Not after.
    pub valid_to: Option<Timestamp>,
    /// What it says; more than one where a car may choose.
    pub schedules: Vec<Schedule>,
}

/// What a profile is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldPurpose {
    /// One that we write.
    Ours(ProfilePurpose),
    /// Any other, as it came.
    Other(Box<str>),
}

/// The answer to what a station says about smart charging. A plain `Reply::Received` is honest
/// where nobody controls its load: no profile follows, nothing is known of a dynamic one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargingReply {
    /// To `Notice::Needs`.
    Needs(Follows),
    /// To `Notice::CarSchedule`: whether it is within the limits.
    Schedule {
        /// When it is not, a profile must follow.
        fits: bool,
    },
    /// To `Notice::Pulled`.
    Update {
        /// What holds now, in tenths of the profile's unit; none for a profile that is not ours.
        tenths: Option<i64>,
    },
}

/// Whether a profile follows on what a car needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// `Accepted`: now; the car waits for it.
    Now,
    /// `Processing`: later; the car may begin.
    Later,
    /// None: the car charges as it is.
    Not,
}
