//! Owns the commands of a station as wishes of its site: queued, sent once, answered, and
//! followed until their effect is seen (DESIGN section 4, step 7).
//! Must never send twice what may have left.

use super::Site;
use super::station::Station;
use crate::action::{Action, Done, Problem, Reply};
use crate::context::{Context, Outcome};
use crate::fact::command::{
    CommandEffect, CommandEnded, CommandJoined, CommandOutcome, CommandSent, CommandWanted, Intent,
};
use crate::fact::metering::{Report, ReportKind};
use crate::fact::station::Registration;
use crate::fact::{Actor, Call, Fact};
use crate::ids::{CommandId, StationId, TransactionId};
use crate::input::{CommandReturned, Request};
use crate::network::problem;
use crate::row::{self, RowBody};
use crate::subject::Key;
use crate::units::{Millis, Timestamp};

/// A command that asks for an effect waits so long for it (1.6 ConnectionTimeOut is rarely more).
const EFFECT_WAIT: Millis = Millis::from_secs(120);

/// A command and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) wanted: CommandWanted,
    pub(crate) sent: Option<CommandSent>,
    pub(crate) ended: Option<CommandEnded>,
    pub(crate) callers: Vec<Call>,
}

impl Command {
    pub(crate) fn new(wanted: &CommandWanted) -> Self {
        let callers = wanted.caller.clone().into_iter().collect();
        Self { wanted: wanted.clone(), sent: None, ended: None, callers }
    }

    /// Whether the station agreed to something that is yet to be seen.
    pub(crate) fn awaits_effect(&self) -> bool {
        let agreed = matches!(
            self.ended.as_ref().map(|ended| &ended.outcome),
            Some(CommandOutcome::Answered { status: Some(status), .. })
                if matches!(&**status, "Accepted" | "Scheduled" | "Unlocked")
        );
        let visible = matches!(
            self.wanted.intent,
            Intent::RemoteStart { .. }
                | Intent::RemoteStop { .. }
                | Intent::Reset
                | Intent::Availability { .. }
        );
        agreed && visible
    }

    fn is_waiting(&self) -> bool {
        self.sent.is_none() && self.ended.is_none()
    }

    fn is_open(&self) -> bool {
        self.sent.is_some() && self.ended.is_none()
    }
}

impl Station {
    /// When its commands want to be looked at again.
    pub(crate) fn commands_due(&self) -> Option<Timestamp> {
        let line_free = self.connection.is_some() && !self.commands.values().any(Command::is_open);
        let due = |command: &Command| match &command.ended {
            Some(ended) => Some(ended.at.plus(EFFECT_WAIT)),
            None if command.is_waiting() && line_free => Some(command.wanted.at),
            None if command.is_waiting() => Some(command.wanted.until),
            None => None,
        };
        self.commands.values().filter_map(due).min()
    }

    /// The command that has the line.
    pub(crate) fn open_command(&self) -> Option<CommandId> {
        let mut open = self.commands.iter().filter(|(_, command)| command.is_open());
        open.next().map(|(id, _)| *id)
    }

    /// Whether a command waits and could leave.
    pub(crate) fn wants_line(&self) -> bool {
        let waits = self.commands.values().any(Command::is_waiting);
        waits && self.connection.is_some() && self.open_command().is_none()
    }

    fn next_command(&self) -> Option<&Command> {
        let waiting = self.commands.values().filter(|command| command.is_waiting());
        waiting.min_by_key(|command| {
            (command.wanted.priority, command.wanted.at, command.wanted.command)
        })
    }
}

impl Site {
    /// An operator's command: refused, joined to one with the same key, or wanted.
    pub(crate) fn want_command(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        actor: Actor,
        call: Option<Call>,
        request: Request,
    ) -> Outcome {
        let Request::Command { station, intent, action, payload, priority, until, key } = request
        else {
            return Outcome::default();
        };
        if let Some(key) = &key
            && let Some(outcome) =
                self.same_key(context, now, &station, (key, &action, &payload), call.as_ref())
        {
            return outcome;
        }
        let Some(state) = self.station(&station) else {
            return problem(call, Problem::NotFound(format!("no station {station}")));
        };
        if matches!(intent, Intent::RemoteStart { .. }) && !context.policy.new_sessions {
            let why = "no session may start now: the disk is nearly full";
            return problem(call, Problem::Conflict(why.into()));
        }
        let command = CommandId(context.ids.uuid(now, 0));
        if state.connection.is_none() {
            let outcome = CommandOutcome::Offline;
            return answer(call, Done::Command { command, outcome });
        }
        let forbidden =
            state.forbids(&intent).or_else(|| self.owns_limits(&station, &action, &payload));
        if let Some(why) = forbidden {
            return problem(call, Problem::Conflict(why.into()));
        }
        let fact = CommandWanted {
            at: now,
            actor,
            station,
            command,
            intent,
            action,
            payload,
            priority,
            until,
            key,
            caller: call,
        };
        Outcome { facts: vec![fact.into()], ..Outcome::default() }
    }

    fn same_key(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        station: &StationId,
        (key, action, payload): (&str, &str, &str),
        call: Option<&Call>,
    ) -> Option<Outcome> {
        let row = context.recalled.get(&Key::idempotency(station, key))?;
        let known = row::Idempotency::from_row(row).ok()?;
        if (&*known.action, &*known.payload) != (action, payload) {
            let why = "this Idempotency-Key was used for another request";
            return Some(problem(call.cloned(), Problem::Conflict(why.into())));
        }
        let row::Idempotency { command, outcome, .. } = known;
        if let Some(outcome) = outcome {
            return Some(answer(call.cloned(), Done::Command { command, outcome }));
        }
        self.station(station)?.commands.get(&command)?;
        let joined = |caller: &Call| {
            let caller = caller.clone();
            Fact::from(CommandJoined { at: now, station: station.clone(), command, caller })
        };
        Some(Outcome { facts: call.map(joined).into_iter().collect(), ..Outcome::default() })
    }

    /// A command's call came back.
    pub(crate) fn command_returned(
        &self,
        now: Timestamp,
        station: &StationId,
        command: CommandId,
        returned: CommandReturned,
    ) -> Outcome {
        let known = self.station(station).and_then(|state| state.commands.get(&command));
        let Some(known) = known.filter(|command| command.ended.is_none()) else {
            return Outcome::default();
        };
        let learned = match &known.wanted.intent {
            Intent::Load(call) => self.load_call_returned(now, station, *call, &returned),
            _ => None,
        };
        let outcome = match returned {
            CommandReturned::Answered { response, status, message_id }
            | CommandReturned::Told { response, status, message_id, .. } => {
                CommandOutcome::Answered { response, status, message_id }
            }
            CommandReturned::Refused { code, description } => {
                CommandOutcome::Refused { code, description }
            }
            CommandReturned::TimedOut => CommandOutcome::TimedOut,
            CommandReturned::Gone { may_have_left: true } => CommandOutcome::OutcomeUnknown,
            CommandReturned::Gone { may_have_left: false } => CommandOutcome::Offline,
        };
        let mut result = Outcome::default();
        end(&mut result, now, station, known, outcome);
        result.facts.extend(learned);
        result
    }

    /// Sends the next command of a station, ends those that expired.
    pub(crate) fn run_commands(&self, now: Timestamp, station: &Station, outcome: &mut Outcome) {
        for command in station.commands.values() {
            if command.is_waiting() && command.wanted.until <= now {
                let how = if station.connection.is_some() {
                    CommandOutcome::Expired
                } else {
                    CommandOutcome::Offline
                };
                end(outcome, now, &station.id, command, how);
            }
            let late =
                command.ended.as_ref().is_some_and(|ended| ended.at.plus(EFFECT_WAIT) <= now);
            if late {
                outcome.facts.extend(effect(now, &station.id, command, false));
            }
        }
        let Some(connection) = &station.connection else { return };
        if station.commands.values().any(Command::is_open) {
            return;
        }
        let Some(next) = station.next_command().filter(|next| next.wanted.until > now) else {
            return;
        };
        outcome.facts.push(Fact::from(CommandSent {
            at: now,
            station: station.id.clone(),
            command: next.wanted.command,
            incarnation: connection.incarnation,
            generation: connection.generation,
        }));
        outcome.actions.push(Action::Command {
            station: station.id.clone(),
            generation: connection.generation,
            command: next.wanted.command,
            action: next.wanted.action.clone(),
            payload: next.wanted.payload.clone(),
            profile: None,
            question: None,
        });
    }
}

impl Station {
    /// Why a command must not be sent as things are (PITFALLS 26 and 28, ATTACKS 18).
    fn forbids(&self, intent: &Intent) -> Option<&'static str> {
        let boot_only =
            matches!(intent, Intent::Trigger { action } if &**action == "BootNotification");
        match self.standing() {
            Some(Registration::Rejected) if !boot_only => {
                return Some("the station is rejected: only a boot may be asked for");
            }
            Some(Registration::Pending)
                if matches!(intent, Intent::RemoteStart { .. } | Intent::RemoteStop { .. }) =>
            {
                return Some("the station is pending: it may not start or stop");
            }
            _ => {}
        }
        let Intent::RemoteStart { evse, remote_start, .. } = intent else { return None };
        // One that was accepted is under way until its transaction came, or did not in time.
        let same = |command: &Command| match &command.wanted.intent {
            Intent::RemoteStart { evse: other, remote_start: id, .. } => {
                evse.is_none()
                    || other.is_none()
                    || other == evse
                    || (id.is_some() && id == remote_start)
            }
            _ => false,
        };
        self.commands.values().any(same).then_some("a remote start is already under way there")
    }
}

/// Ends all commands that were sent on a connection which is gone.
pub(crate) fn end_sent(now: Timestamp, station: &Station, outcome: &mut Outcome) {
    for command in station.commands.values().filter(|command| command.is_open()) {
        end(outcome, now, &station.id, command, CommandOutcome::OutcomeUnknown);
    }
}

/// Ends all commands that did not end: the station leaves this site, and its line is closed.
pub(crate) fn end_all(now: Timestamp, station: &Station, outcome: &mut Outcome) {
    end_sent(now, station, outcome);
    for command in station.commands.values().filter(|command| command.is_waiting()) {
        end(outcome, now, &station.id, command, CommandOutcome::Offline);
    }
}

/// The commands whose effect this message is.
pub(crate) fn effects_of_report(
    now: Timestamp,
    station: &Station,
    transaction: &TransactionId,
    report: &Report,
) -> Vec<Fact> {
    let seen = |command: &&Command| match &command.wanted.intent {
        Intent::RemoteStart { evse, token, remote_start } => {
            let named = report.remote_start.is_some() && report.remote_start == *remote_start;
            let by_token = report.kind == ReportKind::Started
                && report.token.as_ref().is_some_and(|t| t.value() == token.value())
                && (evse.is_none() || *evse == report.evse);
            named || by_token
        }
        Intent::RemoteStop { transaction: stopped } => {
            report.kind == ReportKind::Ended && stopped == transaction
        }
        _ => false,
    };
    effects(now, station, seen)
}

/// The commands whose effect a boot is.
pub(crate) fn effects_of_boot(now: Timestamp, station: &Station) -> Vec<Fact> {
    effects(now, station, |command| command.wanted.intent == Intent::Reset)
}

/// The commands whose effect a status is.
pub(crate) fn effects_of_status(
    now: Timestamp,
    station: &Station,
    evse: u32,
    available: bool,
) -> Vec<Fact> {
    effects(now, station, |command| match &command.wanted.intent {
        Intent::Availability { evse: asked, operative } => {
            let here = asked.is_none_or(|asked| asked == 0 || asked == evse);
            here && *operative == available
        }
        _ => false,
    })
}

fn effects(now: Timestamp, station: &Station, seen: impl Fn(&&Command) -> bool) -> Vec<Fact> {
    let awaiting = station.commands.values().filter(|command| command.awaits_effect());
    awaiting.filter(seen).filter_map(|command| effect(now, &station.id, command, true)).collect()
}

fn effect(now: Timestamp, station: &StationId, command: &Command, seen: bool) -> Option<Fact> {
    Some(Fact::from(CommandEffect {
        at: now,
        station: station.clone(),
        command: command.wanted.command,
        seen,
        ended: Box::new(command.ended.clone()?),
    }))
}

fn end(
    outcome: &mut Outcome,
    now: Timestamp,
    station: &StationId,
    command: &Command,
    how: CommandOutcome,
) {
    let id = command.wanted.command;
    let fact = CommandEnded {
        at: now,
        station: station.clone(),
        command: id,
        outcome: how.clone(),
        wanted: Box::new(command.wanted.clone()),
        sent: command.sent.as_ref().map(|sent| sent.at),
    };
    outcome.facts.push(fact.into());
    for caller in &command.callers {
        let done = Done::Command { command: id, outcome: how.clone() };
        outcome.actions.push(Action::Reply { call: caller.clone(), reply: Reply::Done(done) });
    }
}

fn answer(call: Option<Call>, done: Done) -> Outcome {
    let reply = |call| Action::Reply { call, reply: Reply::Done(done) };
    Outcome { actions: call.map(reply).into_iter().collect(), ..Outcome::default() }
}
