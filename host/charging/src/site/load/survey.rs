//! Owns what load control asks stations beside setting limits: what they can do, whether they do
//! what they were told, and the most that they may ever draw. Must never take a line that a limit
//! needs now, nor ask what a station will not say.

use super::Load;
use super::check::TRIES;
use super::profiles::request_of;
use crate::action::Action;
use crate::context::{Context, Outcome};
use crate::fact::command::{CommandSent, CommandWanted, Intent, Priority};
use crate::fact::load::{
    HeldVerdict, LoadCall, LoadHeld, LoadTold, LoadVerdict, LoadVerified, StationTold,
};
use crate::fact::{Actor, Fact};
use crate::ids::{CommandId, StationId};
use crate::input::CommandReturned;
use crate::input::schedule::{Limit, Schedule, Step};
use crate::load::kernel::decide::LEASE;
use crate::load::kernel::profile::{Profile, Target};
use crate::load::question::{Answer, Question};
use crate::load::rows::EvseId;
use crate::site::Site;
use crate::site::station::Station;
use crate::units::{Current, Millis, Power, Timestamp};

/// How far ahead a station is asked: beyond the end of a lease, where its fallback must follow.
const AHEAD: Millis = Millis::from_secs(180);

/// Stations round otherwise than we do, and turn watts into amperes by another voltage.
pub(super) const TOLERANCE: Current = Current(500);

/// The end of a lease is looked at so much later.
pub(super) const AFTER_END: Millis = Millis::from_secs(5);

/// What did not leave after so long is asked again when there is time.
const SEND_WITHIN: Millis = Millis::from_secs(30);

impl Load {
    /// What each station is to be asked now, if its line is free.
    pub(super) fn calls(&self, now: Timestamp) -> Vec<(StationId, LoadCall)> {
        let wanting = self.checks.iter().filter(|(_, check)| check.wants(now));
        let call = |(station, _)| Some((StationId::clone(station), self.call(station, now)?));
        wanting.filter_map(call).collect()
    }

    fn call(&self, id: &StationId, now: Timestamp) -> Option<LoadCall> {
        let (check, station) = (self.checks.get(id)?, self.kernel.station(id)?);
        let capability = station.capability();
        if !station.is_free() {
            return None;
        }
        if !check.asked && capability.tells_capability {
            return Some(LoadCall::Capability);
        }
        let evses = self.kernel.evses_of(id);
        let stands = |evse: &u32| {
            let ledger = self.kernel.ledger(*evse);
            self.kernel.transaction(*evse).is_none() && ledger.is_some_and(|l| !l.is_unlimited())
        };
        if let Some(limit) = check.cap.filter(|cap| check.maximum != Some(*cap))
            && evses.iter().all(stands)
        {
            return Some(LoadCall::StationMaximum { limit });
        }
        self.composite_to_ask(id, now).or_else(|| self.profiles_to_ask(id, now))
    }

    fn composite_to_ask(&self, id: &StationId, now: Timestamp) -> Option<LoadCall> {
        let (check, station) = (self.checks.get(id)?, self.kernel.station(id)?);
        if check.silent || !station.capability().tells_schedule {
            return None;
        }
        let wanted = check.evses.iter().find(|(number, evse)| {
            let id = EvseId { station: id.clone(), evse: **number };
            let index = self.kernel.evse(&id);
            let runs = index.is_some_and(|index| self.kernel.transaction(index).is_some());
            evse.wanted && runs && evse.at.is_none_or(|at| at <= now)
        });
        wanted.map(|(evse, _)| LoadCall::Schedule { evse: *evse })
    }

    /// The station's word against what it was told.
    fn verdict(&self, now: Timestamp, id: EvseId, schedule: &Schedule) -> Option<LoadVerified> {
        let evse = self.kernel.evse(&id)?;
        let counted = self.kernel.allowed_by_limits(evse, now);
        let mut verified = LoadVerified {
            at: now,
            station: id.station,
            evse: id.evse,
            counted,
            says: None,
            verdict: LoadVerdict::Silent,
            why: None,
        };
        let first = schedule.steps.first().filter(|step| step.start <= Millis::ZERO);
        let Some(said) = first.and_then(|step| self.said(evse, step)) else {
            verified.why = Some("it says nothing of the lines".into());
            return Some(verified);
        };
        verified.says = Some(said).filter(|said| *said < Current(i64::MAX));
        let later = self.after_lease(now, evse, schedule);
        let fallback = self.kernel.fallback(evse).plus(TOLERANCE);
        verified.verdict = match later.and_then(|step| self.said(evse, &step)) {
            _ if said > counted.plus(TOLERANCE) => LoadVerdict::Exceeds,
            Some(later) if later > fallback => LoadVerdict::Outlasts,
            _ => LoadVerdict::Kept,
        };
        Some(verified)
    }

    /// What a step allows on a phase; none where that cannot be said of the lines.
    pub(super) fn said(&self, evse: u32, step: &Step) -> Option<Current> {
        let wiring = &self.rows.evses()[evse as usize];
        match step.limit {
            None => Some(Current(i64::MAX)),
            Some(Limit::Current(current)) => (!wiring.dc).then_some(current),
            Some(Limit::Power(power)) => {
                // As limits are written: a car whose legs are not known may put all of it on one.
                let legs = match wiring.dc {
                    true => u32::from(wiring.legs),
                    false => self.evses[evse as usize].legs.count().clamp(1, wiring.legs.into()),
                };
                Some(wiring.current(Power(power.0.max(0)), legs))
            }
        }
    }

    /// What the schedule says of the time after its lease, by the station's own clock.
    fn after_lease(&self, now: Timestamp, evse: u32, schedule: &Schedule) -> Option<Step> {
        let lease = self.kernel.told(evse).and_then(|held| held.lease)?;
        let begins = schedule.begins.unwrap_or(now.plus(lease.offset));
        let end = lease.end.plus(lease.offset).plus(AFTER_END).since(begins);
        let told = schedule.duration.is_none_or(|duration| end < duration);
        let steps = schedule.steps.iter().rev();
        steps.copied().find(|step| step.start <= end).filter(|_| told && end > Millis::ZERO)
    }
}

impl Site {
    /// Asks stations whose line nothing else needs.
    pub(super) fn survey(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        calls: Vec<(StationId, LoadCall)>,
        outcome: &mut Outcome,
    ) {
        let taken = crate::site::lines_taken(outcome);
        for (n, (id, call)) in (0..).zip(calls) {
            let Some(station) = self.station(&id) else { continue };
            if taken.contains(&id) || !is_idle(station) {
                continue;
            }
            let command = CommandId(context.ids.uuid(now, 2_000_000 + n));
            self.call_station(now, command, station, call, outcome);
        }
    }

    /// The stations that are asked what they can do before anything is written to them that has
    /// time.
    pub(super) fn asks_first(&self, calls: &[(StationId, LoadCall)], station: &StationId) -> bool {
        let asks =
            |(id, call): &(StationId, LoadCall)| id == station && *call == LoadCall::Capability;
        calls.iter().any(asks) && self.station(station).is_some_and(is_idle)
    }

    fn call_station(
        &self,
        now: Timestamp,
        command: CommandId,
        station: &Station,
        call: LoadCall,
        outcome: &mut Outcome,
    ) {
        let (Some(load), Some(connection)) = (self.load(), &station.connection) else { return };
        let Some(known) = load.kernel.station(&station.id) else { return };
        let (capability, unit) = (known.capability(), known.capability().unit);
        let (phases, used, millivolts, dc) = (0, 0, 230_000, None);
        let target = Target { capability, transaction: None, phases, used, millivolts, dc };
        let seconds = u32::try_from(LEASE.plus(AHEAD).0 / 1_000).unwrap_or_default();
        let (action, profile, question) = match call {
            LoadCall::Capability => ("GetVariables", None, Some(Question::Capability)),
            LoadCall::Schedule { evse } => {
                let question = Question::Composite { evse, seconds, unit };
                ("GetCompositeSchedule", None, Some(question))
            }
            LoadCall::Profiles { evse, grant } => {
                let question = Question::Profiles { evse, request: request_of(grant) };
                ("GetChargingProfiles", None, Some(question))
            }
            LoadCall::StationMaximum { limit } => {
                let profile = Profile::station_maximum(limit, &target);
                ("SetChargingProfile", Some(Box::new(profile)), None)
            }
        };
        outcome.facts.push(Fact::from(CommandWanted {
            at: now,
            actor: Actor::Clock,
            station: station.id.clone(),
            command,
            intent: Intent::Load(call),
            action: action.into(),
            payload: "".into(),
            priority: Priority::Bulk,
            until: now.plus(SEND_WITHIN),
            key: None,
            caller: None,
        }));
        outcome.facts.push(Fact::from(CommandSent {
            at: now,
            station: station.id.clone(),
            command,
            incarnation: connection.incarnation,
            generation: connection.generation,
        }));
        outcome.actions.push(Action::Command {
            station: station.id.clone(),
            generation: connection.generation,
            command,
            action: action.into(),
            payload: "".into(),
            profile,
            question,
        });
    }

    /// What follows from the return of such a call: facts of their own, since the answer is in the
    /// words of the station's version.
    pub(in crate::site) fn load_call_returned(
        &self,
        now: Timestamp,
        station: &StationId,
        call: LoadCall,
        returned: &CommandReturned,
    ) -> Option<Fact> {
        let load = self.load()?;
        let why: Box<str> = match returned {
            CommandReturned::Told { answer, .. } => match (&**answer, call) {
                (Answer::Capability(told), LoadCall::Capability) => {
                    return Some(said(now, station, told));
                }
                (Answer::Schedule(schedule), LoadCall::Schedule { evse }) => {
                    let id = EvseId { station: station.clone(), evse };
                    return load.verdict(now, id, schedule).map(Fact::from);
                }
                // It reports them on its own.
                (Answer::Profiles(true), LoadCall::Profiles { .. }) => return None,
                (Answer::Profiles(false), LoadCall::Profiles { evse, grant }) => {
                    let id = EvseId { station: station.clone(), evse };
                    let request = request_of(grant).into();
                    return load.held(now, id, request, &[], false).map(Fact::from);
                }
                (Answer::Nothing(why), _) => why.clone(),
                _ => "another answer".into(),
            },
            CommandReturned::Answered { .. } => "an answer that was not read".into(),
            CommandReturned::Refused { code, description } => {
                format!("{code}: {description}").into()
            }
            CommandReturned::TimedOut => {
                let unanswered = load.checks.get(station).map_or(0, |check| check.unanswered);
                if unanswered + 1 < TRIES {
                    return None;
                }
                "no answer in time".into()
            }
            CommandReturned::Gone { .. } => return None,
        };
        silent(load, now, station, call, why)
    }
}

fn said(now: Timestamp, station: &StationId, told: &crate::load::question::Told) -> Fact {
    let told = StationTold {
        stack_level_max: told.stack_level_max,
        periods_max: told.periods_max,
        amperes: told.amperes,
        watts: told.watts,
        switches_phases: told.switches_phases,
        ends_offline: told.ends_offline,
        takes_dynamic: told.takes_dynamic,
    };
    Fact::from(LoadTold { at: now, station: station.clone(), told: Some(told), why: None })
}

/// It will not say: that is remembered, and it is not asked again.
fn silent(
    load: &Load,
    now: Timestamp,
    station: &StationId,
    call: LoadCall,
    why: Box<str>,
) -> Option<Fact> {
    let (at, station, why) = (now, station.clone(), Some(why));
    match call {
        LoadCall::Capability => Some(LoadTold { at, station, told: None, why }.into()),
        LoadCall::Schedule { evse } => {
            let index = load.kernel.evse(&EvseId { station: station.clone(), evse })?;
            let counted = load.kernel.allowed_by_limits(index, now);
            let (says, verdict) = (None, LoadVerdict::Silent);
            Some(LoadVerified { at, station, evse, counted, says, verdict, why }.into())
        }
        LoadCall::Profiles { evse, grant } => {
            let index = load.kernel.evse(&EvseId { station: station.clone(), evse })?;
            let (_, told) = load.last_told(index)?;
            let (says, verdict) = (None, HeldVerdict::Silent);
            Some(
                LoadHeld { at, station, evse, grant, limit: told.limit, says, verdict, why }.into(),
            )
        }
        LoadCall::StationMaximum { .. } => None,
    }
}

/// Nobody waits for its line.
fn is_idle(station: &Station) -> bool {
    station.connection.is_some()
        && station.is_accepted()
        && station.open_command().is_none()
        && !station.wants_line()
}
