//! Owns what is to be written to a station, whatever its version's words: the adapters of `link`
//! make SetChargingProfile of it. Must never round a limit up, nor ask for a clear before a set.

use super::capability::{Capability, RateUnit};
use super::event::{Granted, Purpose};
use crate::ids::TransactionId;
use crate::units::{Current, Millis, Timestamp};

/// A schedule begins so long before it is written, so that a clock that is a little behind what we
/// know does not leave a hole before it.
const EARLY: Millis = Millis::from_secs(60);

/// A profile outlives its lease by so long, with the fallback: a station that ignores either the
/// duration or the last period still ends at the fallback.
const AFTER_LEASE: Millis = Millis::from_secs(60);

/// The fallback stands so long before the lease of a TxDefaultProfile, and without end after it:
/// where no TxDefaultProfile holds, a station charges with all it can, whatever its clock shows.
const BEFORE_LEASE: Millis = Millis::from_secs(30 * 24 * 3_600);

/// The duration of a `Dynamic` profile counts from when it arrives, whatever a clock shows: it is
/// shorter than its lease by what it may be late.
const LATE: Millis = Millis::from_secs(60);

/// A profile that ends by itself while its station is offline does so after this.
const OFFLINE: Millis = Millis::from_secs(900);

/// No car charges at more; at less, the same current is less power.
const MOST_DC_VOLTS: i64 = 1_000;

/// The voltage may fall by a tenth, and a limit in watts then means more amperes.
const LEAST_VOLTAGE_PERCENT: i64 = 90;

/// A charging profile. Its id is one for each EVSE and purpose for ever, so that a set replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The EVSE's number at its station; in 1.6 the connector's; 0 for the station.
    pub evse: u32,
    /// `chargingProfileId`, `id`.
    pub id: i32,
    /// What it is for.
    pub purpose: ProfilePurpose,
    /// `stackLevel`.
    pub stack_level: u32,
    /// Of which transaction; only with `Transaction`.
    pub transaction: Option<TransactionId>,
    /// When it begins.
    pub begins: Begins,
    /// In seconds; without one it has no end.
    pub duration_seconds: Option<i64>,
    /// `maxOfflineDuration`, in seconds; without one it holds while the station is offline.
    pub max_offline_seconds: Option<i64>,
    /// The unit of the limits.
    pub unit: RateUnit,
    /// What holds from when on; the first begins at 0.
    pub periods: Vec<Period>,
    /// The station holds it already, as a `Dynamic` one: only its limit is told.
    pub updates: bool,
}

/// What a profile is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfilePurpose {
    /// 1.6 ChargePointMaxProfile, 2.x ChargingStationMaxProfile.
    StationMaximum,
    /// TxDefaultProfile.
    Default,
    /// TxProfile.
    Transaction,
}

/// When a schedule begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// `Absolute`, at a time by the station's own clock.
    At(Timestamp),
    /// `Absolute` for a profile without an end, where no time need be given: always.
    Always,
    /// `Relative`: for a station that takes nothing else. Such a profile has no end.
    WithTransaction,
    /// `Dynamic`: whenever it was last set or updated. Such a profile has one period.
    OnReceipt,
}

/// A limit that holds for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Seconds after the schedule's begin.
    pub start_seconds: i64,
    /// In tenths of an ampere on each phase, or of a watt over all.
    pub tenths: i64,
    /// `numberPhases`.
    pub phases: u8,
}

/// What a station's profile must know beside the grant.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// What the station can do.
    pub capability: &'a Capability,
    /// The running transaction.
    pub transaction: Option<&'a TransactionId>,
    /// How many legs are connected.
    pub phases: u8,
    /// Of these, how many the car was measured to use; 0 if that is not known.
    pub used: u8,
    /// Across one leg.
    pub millivolts: u32,
    /// Where it gives direct current: thousandths of its AC power that reach the car.
    pub dc: Option<u32>,
}

impl Profile {
    /// What a grant is written as.
    pub fn of(granted: &Granted, target: &Target<'_>) -> Self {
        let purpose = match granted.purpose {
            Purpose::Default => ProfilePurpose::Default,
            Purpose::Transaction => ProfilePurpose::Transaction,
        };
        let period = |start: Millis, limit| target.period(start, limit);
        let first = period(Millis::ZERO, granted.limit);
        let mut profile = Self {
            evse: granted.evse.evse,
            id: id(granted.evse.evse, purpose),
            purpose,
            stack_level: stack_level(target.capability, purpose),
            transaction: target
                .transaction
                .filter(|_| purpose == ProfilePurpose::Transaction)
                .cloned(),
            begins: if target.capability.takes_absolute {
                Begins::Always
            } else {
                Begins::WithTransaction
            },
            duration_seconds: None,
            max_offline_seconds: None,
            unit: target.capability.unit,
            periods: vec![first],
            updates: false,
        };
        if target.capability.takes_dynamic && purpose == ProfilePurpose::Transaction {
            profile.begins = Begins::OnReceipt;
        }
        if target.capability.ends_offline && purpose == ProfilePurpose::Transaction {
            // Its station falls back by itself. That is not believed: it may notice late that it
            // is offline.
            profile.max_offline_seconds = Some(OFFLINE.0 / 1_000);
        }
        if let Some(lease) = granted.lease {
            let span = lease.end.since(granted.at);
            if purpose == ProfilePurpose::Transaction && target.capability.ends_offline {
                profile.max_offline_seconds = Some(span.0.max(0) / 1_000);
            }
            if profile.begins == Begins::OnReceipt {
                profile.duration_seconds = Some(span.minus(LATE).0.max(1_000) / 1_000);
                return profile;
            }
            let start = granted.at.plus(lease.offset.minus(EARLY));
            let held = lease.end.plus(lease.offset).since(start);
            match granted.purpose {
                Purpose::Transaction => profile.end(start, held, period(held, granted.after)),
                Purpose::Default => {
                    profile.begins = Begins::At(start.plus(Millis(-BEFORE_LEASE.0)));
                    profile.periods = vec![
                        period(Millis::ZERO, granted.after),
                        period(BEFORE_LEASE, granted.limit),
                        period(BEFORE_LEASE.plus(held), granted.after),
                    ];
                }
            }
            if profile.periods.len() as u32 > target.capability.periods_max {
                profile.periods.truncate(1);
                profile.duration_seconds = Some(held.0 / 1_000);
            }
        }
        profile
    }

    /// It ends by its duration, and by its last period where the station ignores that.
    fn end(&mut self, start: Timestamp, held: Millis, last: Period) {
        self.begins = Begins::At(start);
        self.duration_seconds = Some(held.plus(AFTER_LEASE).0 / 1_000);
        self.periods.push(last);
    }

    /// The most of the whole station, written once when it is commissioned.
    pub fn station_maximum(limit: Current, target: &Target<'_>) -> Self {
        Self {
            evse: 0,
            id: id(0, ProfilePurpose::StationMaximum),
            purpose: ProfilePurpose::StationMaximum,
            stack_level: 0,
            transaction: None,
            begins: Begins::Always,
            duration_seconds: None,
            max_offline_seconds: None,
            unit: target.capability.unit,
            periods: vec![target.period(Millis::ZERO, limit)],
            updates: false,
        }
    }
}

/// Whether a lease can be written: a TxDefaultProfile must hold for ever, so that its lease is one
/// period of three. Where a station gives its limits up when it is offline they need none, and no
/// renewals, which wear its flash out.
pub fn can_lease(capability: &Capability, purpose: Purpose) -> bool {
    if capability.ends_offline && purpose == Purpose::Transaction {
        return false;
    }
    let periods = match purpose {
        Purpose::Transaction => 1,
        Purpose::Default => 3,
    };
    capability.takes_absolute && capability.periods_max >= periods
}

impl Target<'_> {
    fn period(&self, start: Millis, limit: Current) -> Period {
        let tenths = match (self.capability.unit, self.dc) {
            (RateUnit::Amperes, None) => limit.0.max(0) / 100,
            // Of the line or of the car, the station does not say: no more than either.
            (RateUnit::Amperes, Some(_)) => {
                (self.tenths_of_watts(limit) / MOST_DC_VOLTS).min(limit.0.max(0) / 100)
            }
            (RateUnit::Watts, _) => self.tenths_of_watts(limit),
        };
        Period { start_seconds: start.0 / 1_000, tenths, phases: self.phases }
    }

    /// The power that is no more than the current on each phase, whichever phases the car uses: a
    /// single-phase car may put all of it on one. A rectifier draws on all alike, and what it loses
    /// is no part of what the car gets.
    fn tenths_of_watts(&self, limit: Current) -> i64 {
        let phases = match (self.dc, self.used) {
            (Some(_), _) => self.phases,
            (None, 0) => 1,
            (None, used) => used.min(self.phases),
        };
        let microwatts =
            i128::from(limit.0.max(0)) * i128::from(self.millivolts) * i128::from(phases);
        let microwatts = microwatts * i128::from(self.dc.unwrap_or(1_000)) / 1_000;
        let least = microwatts * i128::from(LEAST_VOLTAGE_PERCENT) / 100;
        i64::try_from(least / 100_000).unwrap_or(i64::MAX)
    }
}

/// The id of the profile that a grant of an EVSE is written as.
pub fn id_of(evse: u32, purpose: ProfilePurpose) -> i32 {
    id(evse, purpose)
}

/// The id of an EVSE's TxProfile.
pub fn id_of_transaction(evse: u32) -> i32 {
    id(evse, ProfilePurpose::Transaction)
}

/// Fixed for ever: purposes are a hundred thousand apart.
fn id(evse: u32, purpose: ProfilePurpose) -> i32 {
    let base = match purpose {
        ProfilePurpose::StationMaximum => 100_000,
        ProfilePurpose::Default => 200_000,
        ProfilePurpose::Transaction => 300_000,
    };
    base + i32::try_from(evse % 100_000).unwrap_or_default()
}

/// TxDefaultProfile is at the bottom; TxProfile needs no height, and one fixed level.
fn stack_level(capability: &Capability, purpose: ProfilePurpose) -> u32 {
    match purpose {
        ProfilePurpose::StationMaximum | ProfilePurpose::Default => 0,
        ProfilePurpose::Transaction => capability.stack_level_max.min(1),
    }
}
