//! Owns what is known of a station beside what the kernel knows: what it said of itself, what it
//! was seen to refuse, and what it is to be asked. Only facts change it. Must never hold a limit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Load;
use super::profiles::ProfilesCheck;
use crate::fact::command::{CommandEnded, CommandOutcome};
use crate::fact::load::{LimitGrant, LoadCall, LoadTold, LoadVerdict, LoadVerified};
use crate::fact::station::StationBooted;
use crate::ids::StationId;
use crate::load::kernel::capability::{Capability, Hole, Pause, RateUnit};
use crate::load::kernel::event::{Event, EvseChange, Returned};
use crate::load::legs::Legs;
use crate::load::question::Told;
use crate::load::rows::{EvseId, RowKind};
use crate::site::station::Station;
use crate::units::{Current, Millis, Timestamp};

/// A question that was not answered is asked so often on one connection.
pub(super) const TRIES: u8 = 2;

/// A limit of 0 may be rejected once because its transaction has just ended.
const REJECTS_ZERO: u8 = 2;

/// Where a station says that it allows too much it is asked again so much later.
pub(super) const AGAIN: Millis = Millis::from_secs(300);

/// What is known of a station beside what the kernel knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Check {
    /// Vendor, model and firmware: of another one nothing of this is true.
    pub(super) identity: Box<str>,
    /// What it said that it can do.
    pub(super) told: Option<Told>,
    /// It was asked that since it booted, and answered or will not.
    pub(super) asked: bool,
    /// How often it did not answer since it connected.
    pub(super) unanswered: u8,
    /// It does not say what it is going to do, on this connection.
    pub(super) silent: bool,
    /// It does not say which profiles it holds, since it booted.
    pub(super) hides_profiles: bool,
    /// How often in a row it rejected a limit of 0, and none that was higher since.
    pub(super) rejected_zeros: u8,
    /// It says itself that it goes on after the end of a lease.
    pub(super) outlasts: bool,
    /// The most that the whole station may ever draw on a phase, where that is to be told.
    pub(super) cap: Option<Current>,
    /// What of that it took, or would not.
    pub(super) maximum: Option<Current>,
    /// By the EVSE's number there.
    pub(super) evses: BTreeMap<u32, EvseCheck>,
}

/// What an EVSE is to be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct EvseCheck {
    /// Its word was held against what it was told, since the station connected.
    pub(super) verified: bool,
    /// It is to be asked what it is going to do.
    pub(super) wanted: bool,
    /// When it was last asked.
    pub(super) at: Option<Timestamp>,
    /// Which profiles it is to be asked for.
    pub(super) profiles: ProfilesCheck,
}

impl Check {
    /// It connected: what it would not say on the last connection it may say on this one.
    pub(super) fn connected(&mut self) {
        (self.unanswered, self.silent) = (0, false);
        self.evses.clear();
    }

    /// It booted: its firmware may be another, and so may what it can do.
    pub(super) fn booted(&mut self, persists: bool) {
        self.connected();
        (self.asked, self.hides_profiles, self.rejected_zeros) = (false, false, 0);
        if !persists {
            self.maximum = None;
        }
    }

    /// Our clock was set back by so much.
    pub(super) fn clock_set(&mut self, by: Millis) {
        for evse in self.evses.values_mut() {
            evse.at = evse.at.map(|at| at.plus(by));
            evse.profiles.clock_set(by);
        }
    }

    /// It is such a one.
    pub(super) fn is(&mut self, identity: Box<str>) {
        if self.identity != identity {
            *self = Self { identity, evses: std::mem::take(&mut self.evses), ..Self::default() };
        }
    }

    /// Whether there is anything to ask or to tell it beside its limits.
    pub(super) fn wants(&self, now: Timestamp) -> bool {
        let is_due = |evse: &EvseCheck| evse.wanted && evse.at.is_none_or(|at| at <= now);
        self.unanswered < TRIES
            && (!self.asked
                || (self.cap.is_some() && self.cap != self.maximum)
                || (!self.silent && self.evses.values().any(is_due))
                || (!self.hides_profiles
                    && self.evses.values().any(|evse| evse.profiles.is_due(now))))
    }
}

/// What load control learns of a station beside its limits.
impl Load {
    pub(super) fn check(&mut self, station: &StationId) -> &mut Check {
        self.checks.entry(station.clone()).or_default()
    }

    pub(super) fn connected(&mut self, station: &StationId) {
        if let Some(check) = self.checks.get_mut(station) {
            check.connected();
        }
    }

    pub(super) fn booted(&mut self, station: &StationId) {
        let persists =
            self.kernel.station(station).is_some_and(|known| known.capability().persists);
        if let Some(check) = self.checks.get_mut(station) {
            check.booted(persists);
        }
    }

    /// What a station can do, as its model and its own words say, and as it was seen to do.
    pub(super) fn capable(&mut self, at: Timestamp, booted: &StationBooted) {
        let station = booted.station.clone();
        if self.kernel.evses_of(&station).is_empty() {
            return;
        }
        let firmware = booted.firmware.as_deref().unwrap_or_default();
        let identity = [&*booted.vendor, &*booted.model, firmware].join("\n");
        let check = self.check(&station);
        check.is(identity.into());
        let (told, outlasts) = (check.told, check.outlasts);
        let rejects_zero = check.rejected_zeros >= REJECTS_ZERO;
        let mut capability = self.config.capability(&booted.vendor, &booted.model, told.as_ref());
        if rejects_zero {
            capability.pause = Pause::Minimum;
        }
        capability.keeps_durations &= !outlasts;
        self.check(&station).cap = self.cap(&station, &capability);
        self.kernel.apply(&Event::Capable { at, station, capability });
    }

    /// The same, where something was learned since it booted: what the kernel has seen holds on.
    pub(super) fn capable_still(&mut self, at: Timestamp, station: &Station) {
        let Some(booted) = &station.booted else { return };
        let known = self.kernel.station(&station.id).map(|known| *known.capability());
        self.capable(at, booted);
        let now = self.kernel.station(&station.id).map(|known| *known.capability());
        if let (Some(known), Some(now)) = (known, now) {
            let capability = Capability {
                keeps_durations: now.keeps_durations && known.keeps_durations,
                keeps_clock: now.keeps_clock && known.keeps_clock,
                ..now
            };
            let station = station.id.clone();
            self.kernel.apply(&Event::Capable { at, station, capability });
        }
        self.at_once(at);
    }

    /// The most that a station may ever draw on a phase: all its EVSEs together, or what the lines
    /// that they hang on carry. None where that is not told: one that draws all it can for some
    /// seconds whenever it is written to, and one whose limits are watts, which are no current.
    fn cap(&self, station: &StationId, capability: &Capability) -> Option<Current> {
        if capability.hole == Hole::Full || capability.unit == RateUnit::Watts {
            return None;
        }
        let (mut sum, mut least) = (Current::ZERO, Current(i64::MAX));
        for evse in self.kernel.evses_of(station) {
            let wiring = &self.rows.evses()[*evse as usize];
            if wiring.dc {
                return None;
            }
            sum = sum.plus(wiring.max);
            let lines = self.rows.of_evse(*evse, Legs::UNKNOWN).filter_map(|(row, _)| {
                let row = &self.rows.rows()[row as usize];
                row.limit.filter(|_| matches!(row.kind, RowKind::Line(_)))
            });
            least = lines.min().unwrap_or(least).min(least);
        }
        let cap = sum.min(least);
        (cap > Current::ZERO).then_some(cap)
    }

    /// It said what it can do, or will not.
    pub(super) fn told(&mut self, station: &Station, told: &LoadTold) {
        let check = self.check(&told.station);
        check.asked = true;
        if let Some(says) = &told.told {
            check.told = Some(Told {
                stack_level_max: says.stack_level_max,
                periods_max: says.periods_max,
                amperes: says.amperes,
                watts: says.watts,
                switches_phases: says.switches_phases,
                ends_offline: says.ends_offline,
                takes_dynamic: says.takes_dynamic,
            });
        }
        self.capable_still(told.at, station);
    }

    /// Its word was held against what it was told.
    pub(super) fn verified(&mut self, station: &Station, verified: &LoadVerified) {
        let at = verified.at;
        let id = EvseId { station: verified.station.clone(), evse: verified.evse };
        let Some(index) = self.kernel.evse(&id) else { return };
        let claims = match verified.verdict {
            LoadVerdict::Silent => self.kernel.draw(index).and_then(|draw| draw.says()),
            LoadVerdict::Kept | LoadVerdict::Outlasts => None,
            // Without a limit it draws what it can.
            LoadVerdict::Exceeds => {
                Some(verified.says.unwrap_or(self.rows.evses()[index as usize].max))
            }
        };
        let what = EvseChange::Claimed(claims);
        self.kernel.apply(&Event::Evse { at, evse: id, what });
        let check = self.check(&verified.station);
        check.silent |= verified.verdict == LoadVerdict::Silent;
        // It is asked again as long as it says that it allows too much.
        let again = claims.map(|_| at.plus(AGAIN));
        let evse = check.evses.entry(verified.evse).or_default();
        (evse.verified, evse.wanted, evse.at) = (true, claims.is_some(), again);
        if verified.verdict == LoadVerdict::Outlasts {
            check.outlasts = true;
            self.capable_still(at, station);
        }
        self.at_once(at);
    }

    /// A limit came back: the first that a station took on this connection is verified, and one of
    /// 0 that it would not take is not told again.
    pub(super) fn limit_returned(
        &mut self,
        at: Timestamp,
        station: &Station,
        grant: &LimitGrant,
        how: Returned,
    ) {
        let id = EvseId { station: station.id.clone(), evse: grant.evse };
        let Some(index) = self.kernel.evse(&id) else { return };
        let runs = self.kernel.transaction(index).is_some();
        let claims = self.kernel.draw(index).is_some_and(|draw| draw.says().is_some());
        self.doubts_profiles(station, index, grant, how);
        let check = self.check(&station.id);
        if how == Returned::Accepted {
            let evse = check.evses.entry(grant.evse).or_default();
            if runs && (!evse.verified || claims) {
                (evse.wanted, evse.at) = (true, None);
            }
        }
        let (rejected, is_zero) = (check.rejected_zeros, grant.limit <= Current::ZERO);
        check.rejected_zeros = match how {
            Returned::Refused if is_zero => rejected.saturating_add(1),
            // Whatever it is told it rejects, or it takes this one.
            Returned::Refused => 0,
            Returned::Accepted if is_zero || rejected < REJECTS_ZERO => 0,
            _ => rejected,
        };
        if (rejected >= REJECTS_ZERO) != (check.rejected_zeros >= REJECTS_ZERO) {
            self.capable_still(at, station);
        }
    }

    /// It holds a limit that it rejected: what it rejects is not what it does not take.
    pub(super) fn takes_zero(&mut self, at: Timestamp, station: &Station) {
        let check = self.check(&station.id);
        let rejected = std::mem::take(&mut check.rejected_zeros);
        if rejected >= REJECTS_ZERO {
            self.capable_still(at, station);
        }
    }

    /// Another call of load control came back; what was said in answer is a fact of its own.
    pub(super) fn call_returned(&mut self, call: LoadCall, ended: &CommandEnded) {
        let check = self.check(&ended.station);
        match (&ended.outcome, call) {
            // What could not even leave may not leave the next time either.
            (CommandOutcome::TimedOut | CommandOutcome::Offline | CommandOutcome::Expired, _) => {
                check.unanswered = check.unanswered.saturating_add(1);
            }
            (
                CommandOutcome::Answered { .. } | CommandOutcome::Refused { .. },
                LoadCall::StationMaximum { limit },
            ) => check.maximum = Some(limit),
            _ => {}
        }
    }

    /// It draws more than it may, for longer than a car takes to follow.
    pub(super) fn suspect(&mut self, id: &EvseId) {
        let evse = self.check(&id.station).evses.entry(id.evse).or_default();
        (evse.wanted, evse.at) = (true, None);
    }
}
