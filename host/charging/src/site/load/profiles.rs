//! Owns what a 2.x station says that it holds (GetChargingProfiles, ReportChargingProfiles) against
//! what it answered to its last limit: what it holds is believed over that. Must never ask a
//! station for ever that holds nothing of it, nor take a report for one of a limit sent later.

use serde::{Deserialize, Serialize};

use super::Load;
use super::check::{AGAIN, TRIES};
use super::survey::{AFTER_END, TOLERANCE};
use crate::fact::load::{HeldVerdict, LimitGrant, LimitPurpose, LoadCall, LoadHeld};
use crate::fact::station::Dialect;
use crate::ids::StationId;
use crate::input::notice::{HeldProfile, HeldPurpose};
use crate::input::schedule::Step;
use crate::load::kernel::event::{Event, EvseChange, Purpose, Returned};
use crate::load::kernel::ledger::{GrantId, Held};
use crate::load::kernel::profile::{ProfilePurpose, id_of};
use crate::load::rows::EvseId;
use crate::site::station::Station;
use crate::units::{Current, Millis, Timestamp};

/// A station that does not hold what it rejected is asked so often on one connection.
const DOUBTS: u8 = 4;

/// It is asked again after `AGAIN`, and after twice as long each time, so often at most.
const DOUBLED: u8 = 4;

/// What an EVSE is to be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ProfilesCheck {
    /// It holds what it was told in this transaction.
    verified: bool,
    /// The grant about which it is to be asked.
    wanted: Option<u64>,
    /// The grant about which it was asked.
    asked: Option<u64>,
    /// It is not asked before.
    not_before: Option<Timestamp>,
    /// How often in a row it was asked and did not report.
    unreported: u8,
    /// How often in a row it did not hold what it was told.
    doubts: u8,
}

impl ProfilesCheck {
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.wanted.is_some() && self.not_before.is_none_or(|at| at <= now)
    }

    /// Our clock was set back by so much.
    pub(super) fn clock_set(&mut self, by: Millis) {
        self.not_before = self.not_before.map(|at| at.plus(by));
    }

    fn pause(&mut self, at: Timestamp) {
        let doubled = self.doubts.saturating_add(self.unreported).clamp(1, DOUBLED + 1) - 1;
        self.not_before = Some(at.plus(Millis(AGAIN.0 << doubled)));
    }
}

/// The number of the request about a grant.
pub(super) fn request_of(grant: u64) -> i32 {
    i32::try_from(grant & 0x7FFF_FFFF).unwrap_or_default()
}

impl Load {
    /// The EVSE that a station is to be asked about.
    pub(super) fn profiles_to_ask(&self, id: &StationId, now: Timestamp) -> Option<LoadCall> {
        let (check, station) = (self.checks.get(id)?, self.kernel.station(id)?);
        if check.hides_profiles || !station.capability().tells_profiles {
            return None;
        }
        let due = check.evses.iter().filter(|(_, evse)| evse.profiles.is_due(now));
        let mut calls = due.filter_map(|(evse, known)| {
            let index = self.kernel.evse(&EvseId { station: id.clone(), evse: *evse })?;
            let grant = known.profiles.wanted?;
            let is_last = self.last_told(index).is_some_and(|(_, last)| last.grant.0 == grant);
            let runs = self.kernel.transaction(index).is_some();
            (is_last && runs).then_some(LoadCall::Profiles { evse: *evse, grant })
        });
        calls.next()
    }

    /// The last grant of an EVSE, where it is of the profile that governs it, and whether it was
    /// accepted.
    pub(super) fn last_told(&self, evse: u32) -> Option<(bool, Held)> {
        let (purpose, ledger) = (self.kernel.governs(evse)?, self.kernel.ledger(evse)?);
        let last = ledger.last_grant();
        let accepted = ledger.held(purpose).map(|held| (true, held));
        let others = ledger.in_flight(purpose).iter().map(|held| (false, *held));
        accepted.into_iter().chain(others).find(|(_, held)| held.grant == last)
    }

    /// A limit came back: whether its station is to be asked what it holds.
    pub(super) fn doubts_profiles(
        &mut self,
        station: &Station,
        evse: u32,
        grant: &LimitGrant,
        how: Returned,
    ) {
        let dialect = station.connection.as_ref().map(|connection| connection.dialect);
        let purpose = match grant.purpose {
            LimitPurpose::Default => Purpose::Default,
            LimitPurpose::Transaction => Purpose::Transaction,
        };
        let governs = self.kernel.governs(evse) == Some(purpose);
        if matches!(dialect, None | Some(Dialect::V16))
            || !governs
            || self.kernel.transaction(evse).is_none()
        {
            return;
        }
        let lacks = self.kernel.draw(evse).is_some_and(|draw| draw.lacks().is_some());
        let check = self.check(&station.id).evses.entry(grant.evse).or_default();
        let profiles = &mut check.profiles;
        let reports = profiles.unreported < TRIES;
        let asks = match how {
            Returned::Accepted => lacks || (!profiles.verified && reports),
            Returned::Refused => lacks || (profiles.doubts < DOUBTS && reports),
            Returned::TimedOut | Returned::Gone { .. } => false,
        };
        // What was asked about an earlier one is asked about this one.
        profiles.wanted = asks.then_some(grant.grant);
    }

    /// A station is asked.
    pub(super) fn asked_profiles(&mut self, at: Timestamp, station: &StationId, evse: u32) {
        let check = self.check(station).evses.entry(evse).or_default();
        let profiles = &mut check.profiles;
        profiles.asked = profiles.wanted.take();
        profiles.unreported = profiles.unreported.saturating_add(1);
        profiles.pause(at);
    }

    /// A transaction is over: the next one's first limit is verified anew.
    pub(super) fn unverified(&mut self, id: &EvseId) {
        let check = self.checks.get_mut(&id.station);
        if let Some(evse) = check.and_then(|check| check.evses.get_mut(&id.evse)) {
            evse.profiles.verified = false;
        }
    }

    /// What follows from the profiles that a station reports; none where it was not asked, or was
    /// told another limit since, or more of them will come.
    pub(super) fn held(
        &self,
        now: Timestamp,
        id: EvseId,
        request: i64,
        profiles: &[HeldProfile],
        more: bool,
    ) -> Option<LoadHeld> {
        let index = self.kernel.evse(&id)?;
        let asked = self.checks.get(&id.station)?.evses.get(&id.evse)?.profiles.asked?;
        let (accepted, told) = self.last_told(index)?;
        if i64::from(request_of(asked)) != request || told.grant != GrantId(asked) {
            return None;
        }
        self.kernel.transaction(index)?;
        let step = profiles.iter().find_map(|profile| self.holds(index, profile, now));
        if step.is_none() && more {
            return None;
        }
        let (says, verdict, why) = match step {
            None if accepted => (self.falls_to(index, profiles, now), HeldVerdict::Missing, None),
            None => (None, HeldVerdict::Refused, None),
            Some(step) => match self.said(index, &step) {
                None => {
                    let verdict = if accepted { HeldVerdict::Kept } else { HeldVerdict::Refused };
                    (None, verdict, Some("it says nothing of the lines".into()))
                }
                Some(said) => {
                    let most = if accepted {
                        told.limit.max(told.after)
                    } else {
                        self.kernel.allowed_by_limits(index, now)
                    };
                    let ours = || profiles.iter().find(|profile| self.is_ours(index, profile));
                    let is_it =
                        || ours().is_some_and(|ours| self.is_told(index, ours, &told, said));
                    let verdict = match accepted {
                        _ if said > most.plus(TOLERANCE) => HeldVerdict::Exceeds,
                        true => HeldVerdict::Kept,
                        false if is_it() => HeldVerdict::Taken,
                        false => HeldVerdict::Refused,
                    };
                    (Some(said).filter(|said| *said < Current(i64::MAX)), verdict, None)
                }
            },
        };
        let (station, evse, limit) = (id.station, id.evse, told.limit);
        Some(LoadHeld { at: now, station, evse, grant: asked, limit, says, verdict, why })
    }

    /// What an EVSE falls to whose station does not hold the limit of its transaction: our
    /// TxDefaultProfile, where it holds that.
    fn falls_to(&self, evse: u32, profiles: &[HeldProfile], now: Timestamp) -> Option<Current> {
        let is_it = |p: &&HeldProfile| self.is_of(evse, p, ProfilePurpose::Default);
        let step = self.step(evse, profiles.iter().find(is_it)?, now)?;
        self.said(evse, &step).filter(|said| *said < Current(i64::MAX))
    }

    /// Whether a profile is the one that we write of what governs an EVSE now.
    fn is_ours(&self, evse: u32, profile: &HeldProfile) -> bool {
        let purpose = match self.kernel.governs(evse) {
            Some(Purpose::Transaction) => ProfilePurpose::Transaction,
            _ => ProfilePurpose::Default,
        };
        self.is_of(evse, profile, purpose)
    }

    /// Whether a profile is the one that we write of a purpose.
    fn is_of(&self, evse: u32, profile: &HeldProfile, purpose: ProfilePurpose) -> bool {
        let number = self.rows.evses()[evse as usize].id.evse;
        let of = profile.transaction.as_ref();
        profile.id == i64::from(id_of(number, purpose))
            && profile.purpose == HeldPurpose::Ours(purpose)
            && of.is_none_or(|of| self.kernel.transaction(evse) == Some(of))
    }

    /// What our profile allows now, if it is that.
    fn holds(&self, evse: u32, profile: &HeldProfile, now: Timestamp) -> Option<Step> {
        self.step(evse, profile, now).filter(|_| self.is_ours(evse, profile))
    }

    /// What a profile allows now.
    fn step(&self, evse: u32, profile: &HeldProfile, now: Timestamp) -> Option<Step> {
        let station = self.kernel.station(&self.rows.evses()[evse as usize].id.station)?;
        let now = now.plus(station.clock().offset().unwrap_or_default());
        let is_over = profile.valid_to.is_some_and(|until| until <= now);
        if is_over {
            return None;
        }
        let steps = profile.schedules.iter().filter_map(|schedule| match schedule.begins {
            Some(_) => schedule.at(now),
            // It begins with the transaction, or when it arrived: which step holds is not known.
            None => schedule.steps.iter().copied().max_by_key(|step| self.said(evse, step)),
        });
        steps.max_by_key(|step| self.said(evse, step))
    }

    /// Whether a profile that allows so much now is the one that a station rejected: its limit, or
    /// in watts a little less, and it ends when that does.
    fn is_told(&self, evse: u32, profile: &HeldProfile, told: &Held, said: Current) -> bool {
        let least = Current(told.limit.0 / 5 * 4 - TOLERANCE.0);
        let fallback = told.after.plus(TOLERANCE);
        let ends = |schedule: &crate::input::schedule::Schedule| match (told.lease, schedule.begins)
        {
            (None, _) => true,
            (Some(_), None) => schedule.duration.is_some(),
            (Some(lease), Some(_)) => {
                let later = schedule.at(lease.end.plus(lease.offset).plus(AFTER_END));
                later.is_none_or(|step| self.said(evse, &step).is_some_and(|say| say <= fallback))
            }
        };
        least <= said && said <= told.limit && profile.schedules.iter().all(ends)
    }

    /// What a station holds was held against what it answered.
    pub(super) fn profiles_told(&mut self, station: &Station, held: &LoadHeld) {
        let at = held.at;
        let id = EvseId { station: held.station.clone(), evse: held.evse };
        let Some(index) = self.kernel.evse(&id) else { return };
        let lacks = match held.verdict {
            HeldVerdict::Kept | HeldVerdict::Taken => None,
            HeldVerdict::Refused | HeldVerdict::Silent => {
                self.kernel.draw(index).and_then(|draw| draw.lacks())
            }
            // Without a profile that it falls to, or a limit in it, it draws what it can.
            HeldVerdict::Missing | HeldVerdict::Exceeds => {
                Some(held.says.unwrap_or(self.rows.evses()[index as usize].max))
            }
        };
        self.kernel.apply(&Event::Evse { at, evse: id.clone(), what: EvseChange::Lacks(lacks) });
        if held.verdict == HeldVerdict::Taken {
            let (grant, how) = (GrantId(held.grant), Returned::Accepted);
            self.kernel.apply(&Event::Returned { at, evse: id, grant, how });
            self.takes_zero(at, station);
        }
        let check = self.check(&held.station);
        check.hides_profiles |= held.verdict == HeldVerdict::Silent;
        let profiles = &mut check.evses.entry(held.evse).or_default().profiles;
        (profiles.asked, profiles.unreported) = (None, 0);
        match held.verdict {
            HeldVerdict::Kept | HeldVerdict::Taken => {
                (profiles.verified, profiles.doubts) = (true, 0);
                profiles.not_before = None;
            }
            HeldVerdict::Refused | HeldVerdict::Missing | HeldVerdict::Exceeds => {
                profiles.doubts = profiles.doubts.saturating_add(1);
                profiles.pause(at);
            }
            HeldVerdict::Silent => {}
        }
        if lacks.is_some() {
            // It is asked again as long as it holds too little.
            profiles.wanted = profiles.wanted.or(Some(held.grant));
        }
        self.at_once(at);
    }
}
