//! Owns the lines between the host and its stations: one open call each, with its delay, some
//! lost; messages of stations, kept while they are offline; operators' slow calls.

use super::host::{answered, unsupported};
use super::world::{Break, World};
use crate::action::Action;
use crate::fact::command::{Intent, Priority};
use crate::fact::metering::{Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind};
use crate::fact::station::Dialect;
use crate::ids::{CommandId, TransactionId};
use crate::input::notice::{HeldProfile, HeldPurpose, Notice};
use crate::input::schedule::{Limit, Schedule, Step};
use crate::input::{CommandReturned, Input, Request, StationEvent, TransactionRef};
use crate::load::kernel::event::Returned;
use crate::load::kernel::profile::{Begins, Period, Profile};
use crate::load::question::{Answer, Question, Told};
use crate::units::{Current, Millis, Timestamp};

/// `link` gives a call up after so long.
const TIMEOUT: Millis = Millis::from_secs(30);

/// ReportChargingProfiles, with all that a station holds.
pub(super) fn report(evse: u32, request: i32, profiles: Vec<HeldProfile>) -> StationEvent {
    let (request, source, more) = (request.into(), "CSO".into(), false);
    let notice = Notice::Profiles { request, evse, source, profiles, more };
    let (action, payload) = ("ReportChargingProfiles".into(), "{}".into());
    StationEvent::Charging { notice, action, payload }
}

/// A profile, as a station that holds it reports it.
pub(super) fn reported(profile: &Profile) -> HeldProfile {
    let step = |period: &Period| Step {
        start: Millis::from_secs(period.start_seconds),
        limit: Some(Limit::Current(Current(period.tenths * 100))),
        phases: Some(period.phases),
    };
    let schedule = Schedule {
        begins: match profile.begins {
            Begins::At(begin) => Some(begin),
            Begins::Always => Some(Timestamp(0)),
            Begins::WithTransaction | Begins::OnReceipt => None,
        },
        duration: profile.duration_seconds.map(Millis::from_secs),
        steps: profile.periods.iter().map(step).collect(),
    };
    HeldProfile {
        id: profile.id.into(),
        purpose: HeldPurpose::Ours(profile.purpose),
        stack_level: profile.stack_level.into(),
        transaction: profile.transaction.clone(),
        kind: "Absolute".into(),
        valid_from: None,
        valid_to: None,
        schedules: vec![schedule],
    }
}

/// A connection, as the host's side holds it.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) generation: u64,
    /// Whether the host takes it for open.
    open: bool,
    call: Option<Call>,
    /// When the host notices that it is gone.
    notices: Option<Timestamp>,
    /// Messages of the station, counted.
    seq: i64,
}

impl Line {
    /// The process that held it is gone.
    pub(super) fn forget(&mut self) {
        (self.open, self.call, self.notices) = (false, None, None);
    }
}

/// The one open call of a station.
#[derive(Clone, Debug)]
struct Call {
    command: CommandId,
    ends: Timestamp,
    returned: CommandReturned,
}

/// What a call says.
#[derive(Clone, Debug)]
enum What {
    Set(Profile),
    Ask(Question),
}

/// A call on its way to a station.
#[derive(Clone, Debug)]
pub(super) struct Transit {
    arrives: Timestamp,
    generation: u64,
    command: CommandId,
    what: What,
    /// When the answer is there; none if it is lost.
    answered: Option<Timestamp>,
}

/// A message on its way to the host.
#[derive(Clone, Debug)]
pub(super) struct Message {
    arrives: Timestamp,
    station: usize,
    generation: u64,
    transaction: TransactionId,
    report: Report,
}

impl World {
    /// What the host does.
    pub(super) fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Command { station, generation, command, profile, question, .. } => {
                    let n = self.number(&station);
                    assert_eq!(generation, self.lines[n].generation, "of another connection");
                    match (profile, question) {
                        (Some(profile), _) => self.transmit(n, command, What::Set(*profile)),
                        (None, Some(question)) => {
                            self.score.questions += 1;
                            self.transmit(n, command, What::Ask(question));
                        }
                        (None, None) => self.slow_call(n, command),
                    }
                }
                Action::Abandon { station, command, .. } => {
                    let n = self.number(&station);
                    let open = self.lines[n].call.take_if(|call| call.command == command);
                    if open.is_some() {
                        self.come_back(n, command, CommandReturned::TimedOut);
                    }
                }
                _ => {}
            }
        }
    }

    fn number(&self, station: &crate::ids::StationId) -> usize {
        station.as_str().strip_prefix("CS-").unwrap().parse().unwrap()
    }

    /// A call leaves: it takes one to ten seconds there and back, and may be lost on either way.
    fn transmit(&mut self, n: usize, command: CommandId, what: What) {
        self.score.messages += 1;
        let trip = self.random.between(1_000, 10_000);
        let there = self.random.between(200, trip - 200);
        let after_last = self.transit[n].back().map_or(self.now, |last| last.arrives);
        let arrives = self.now.plus(Millis(there)).max(after_last);
        let lost = self.random.per_mille(self.setting.loss_per_mille);
        let lost_there = lost && self.random.per_mille(500);
        let answer = arrives.plus(Millis(trip - there));
        if !lost_there {
            self.transit[n].push_back(Transit {
                arrives,
                generation: self.lines[n].generation,
                command,
                what,
                answered: (!lost).then_some(answer),
            });
        }
        self.open(n, command, self.now.plus(TIMEOUT), CommandReturned::TimedOut);
    }

    /// An operator's call is slow: it may take more than half a minute.
    fn slow_call(&mut self, n: usize, command: CommandId) {
        let ends = self.now.plus(Millis::from_secs(self.random.between(1, 40)));
        self.open(n, command, ends, answered("Accepted"));
    }

    fn open(&mut self, n: usize, command: CommandId, ends: Timestamp, returned: CommandReturned) {
        let is_broken = self.setting.broken != Break::None;
        assert!(self.lines[n].call.is_none() || is_broken, "two open calls on one line");
        self.lines[n].call = Some(Call { command, ends, returned });
    }

    fn come_back(&mut self, n: usize, command: CommandId, returned: CommandReturned) {
        if self.is_up() {
            let station = self.station_id(n);
            let input = Input::Command { station, command, returned };
            let actions = self.host.input(self.now, input);
            self.act(actions);
        }
    }

    pub(super) fn operator_calls(&mut self, n: usize) {
        if !self.is_up() {
            return;
        }
        let request = Request::Command {
            station: self.station_id(n),
            intent: Intent::Other,
            action: "GetDiagnostics".into(),
            payload: "{}".into(),
            priority: Priority::Operator,
            until: self.now.plus(self.host.ahead).plus(Millis::from_secs(60)),
            key: None,
        };
        let actions = self.host.ask(self.now, request);
        self.act(actions);
    }

    /// What arrives in this second.
    pub(super) fn network(&mut self) {
        for n in 0..self.stations.len() {
            while self.transit[n].front().is_some_and(|call| call.arrives <= self.now) {
                let call = self.transit[n].pop_front();
                call.into_iter().for_each(|call| self.arrive(n, call));
            }
            let ended = self.lines[n].call.take_if(|call| call.ends <= self.now);
            if let Some(Call { command, returned, .. }) = ended {
                self.come_back(n, command, returned);
            }
        }
        let (due, later): (Vec<_>, _) =
            std::mem::take(&mut self.messages).into_iter().partition(|m| m.arrives <= self.now);
        self.messages = later;
        due.into_iter().for_each(|message| self.deliver(message));
        self.tell_profiles();
    }

    fn arrive(&mut self, n: usize, call: Transit) {
        if !self.stations[n].online || self.lines[n].generation != call.generation {
            return;
        }
        let returned = match call.what {
            What::Set(profile) => {
                let how = self.stations[n].set(self.now, profile, &mut self.random);
                answered(if how == Returned::Accepted { "Accepted" } else { "Rejected" })
            }
            What::Ask(question) => self.asked(n, question),
        };
        let open = self.lines[n].call.as_mut().filter(|open| open.command == call.command);
        if let (Some(open), Some(at)) = (open, call.answered) {
            (open.ends, open.returned) = (at.max(self.now), returned);
        }
    }

    /// Of what it holds it says first that it will, and then what.
    fn asked(&mut self, n: usize, question: Question) -> CommandReturned {
        let returned = self.says(n, question);
        let told = matches!(returned, CommandReturned::Told { .. });
        if let (true, Question::Profiles { evse, request }) = (told, question) {
            let profiles: Vec<_> = self.stations[n].profiles().map(reported).collect();
            let at = self.now.plus(Millis(self.random.between(200, 5_000)));
            let event = report(evse, request, profiles);
            let generation = self.lines[n].generation;
            self.reports.push((at, n, generation, event));
        }
        returned
    }

    /// What stations tell of what they hold.
    fn tell_profiles(&mut self) {
        let all = std::mem::take(&mut self.reports);
        let (due, later): (Vec<_>, _) = all.into_iter().partition(|(at, ..)| *at <= self.now);
        self.reports = later;
        for (_, n, generation, event) in due {
            let is_there = self.stations[n].online && self.is_up() && self.lines[n].open;
            if is_there && generation == self.lines[n].generation {
                self.say(n, event);
            }
        }
    }

    /// Some stations answer no questions.
    fn says(&self, n: usize, question: Question) -> CommandReturned {
        let answer = match question {
            _ if n % 7 == 5 => return unsupported(),
            Question::Capability => Answer::Capability(Told {
                stack_level_max: Some(3),
                periods_max: Some(24),
                amperes: Some(true),
                ..Told::default()
            }),
            Question::Composite { seconds, .. } => {
                Answer::Schedule(self.stations[n].composite(self.now, seconds))
            }
            Question::Profiles { .. } => {
                Answer::Profiles(self.stations[n].profiles().next().is_some())
            }
        };
        let (response, message_id) = ("{}".into(), "m".into());
        CommandReturned::Told { response, status: None, message_id, answer: Box::new(answer) }
    }

    /// A station says something of the car that is there, when it can.
    pub(super) fn report(&mut self, n: usize, kind: ReportKind) {
        let station = &self.stations[n];
        let Some(car) = &station.car else { return };
        if !station.online && kind == ReportKind::Updated && !self.random.per_mille(300) {
            return;
        }
        let delay = self.random.between(100, 3_000);
        let (station, line) = (&self.stations[n], &mut self.lines[n]);
        line.seq += 1;
        let clock = match self.setting.broken {
            Break::CreditsAnyClock => self.now,
            _ => station.clock(self.now),
        };
        let phases: &[Option<&str>] =
            if n.is_multiple_of(2) { &[None] } else { &[Some("L1"), Some("L2"), Some("L3")] };
        let reading = |phase: &Option<&str>| Reading {
            at: clock,
            context: ReadingContext::Sample,
            measurand: Measurand::CurrentImport,
            phase: phase.map(Into::into),
            location: None,
            value: ReadingValue::Current(station.draw),
        };
        let report = Report {
            kind,
            at: clock,
            seq: Some(line.seq),
            trigger: "test".into(),
            // Every other station says so of what it kept.
            offline: !station.online && n.is_multiple_of(2),
            evse: Some(1),
            connector: Some(1),
            token: None,
            state: None,
            stopped_reason: None,
            remote_start: None,
            reservation: None,
            readings: phases.iter().map(reading).collect(),
        };
        self.messages.push(Message {
            // What it cannot say now it says when it is back.
            arrives: if station.online { self.now.plus(Millis(delay)) } else { Timestamp::NEVER },
            station: n,
            generation: line.generation,
            transaction: car.transaction.as_str().into(),
            report,
        });
    }

    fn deliver(&mut self, message: Message) {
        let n = message.station;
        if !self.stations[n].online || !self.is_up() || !self.lines[n].open {
            self.messages.push(Message { arrives: Timestamp::NEVER, ..message });
            return;
        }
        let Message { transaction, mut report, generation, .. } = message;
        if generation != self.lines[n].generation && n.is_multiple_of(2) {
            report.offline = true;
        }
        let transaction = TransactionRef::Known(transaction);
        let event = StationEvent::Transaction { transaction, report, wants_cost: false };
        self.say(n, event);
    }

    fn say(&mut self, n: usize, event: StationEvent) {
        let (station, generation) = (self.station_id(n), self.lines[n].generation);
        let input = Input::Station { station, generation, call: None, event };
        let actions = self.host.input(self.now, input);
        self.act(actions);
    }

    pub(super) fn lose_connection(&mut self, n: usize) {
        self.stations[n].online = false;
        self.transit[n].clear();
        // The host notices within half a minute, by its own pings.
        let notices = self.now.plus(Millis::from_secs(self.random.between(0, 30)));
        let line = &mut self.lines[n];
        if let Some(call) = &mut line.call {
            call.ends = Timestamp::NEVER;
        }
        if line.open {
            line.notices = Some(notices);
        }
    }

    pub(super) fn notice(&mut self, n: usize) {
        if self.is_up() && self.lines[n].notices.take_if(|at| *at <= self.now).is_some() {
            self.gone(n);
        }
    }

    /// The host learns that a connection is gone.
    fn gone(&mut self, n: usize) {
        self.lines[n].notices = None;
        self.lines[n].open = false;
        if let Some(call) = self.lines[n].call.take() {
            let returned = CommandReturned::Gone { may_have_left: true };
            self.come_back(n, call.command, returned);
        }
        self.say(n, StationEvent::Disconnected { reason: "lost".into() });
    }

    /// False when there is nobody to connect to.
    pub(super) fn connect(&mut self, n: usize) -> bool {
        if !self.is_up() {
            return false;
        }
        let known = self.lines[n].open;
        if known {
            // Two at a time: the new one wins, and what was open there is over.
            self.lines[n].call = None;
            self.lines[n].notices = None;
        }
        self.stations[n].online = true;
        self.lines[n].generation += 1;
        self.lines[n].open = true;
        let (dialect, remote) = (Dialect::V201, "192.0.2.1:1".into());
        let connected =
            StationEvent::Connected { dialect, incarnation: 1, remote, security_profile: 1 };
        self.say(n, connected);
        let first = self.lines[n].generation == 1;
        if first || self.random.per_mille(300) {
            self.boot(n);
            if self.stations[n].forgets_clock && self.random.per_mille(500) {
                let offset = self.random.between(-3_600, 3_600);
                self.stations[n].offset = Millis::from_secs(offset);
            }
        }
        let mine = self.messages.iter_mut().filter(|message| message.station == n);
        for (delay, message) in (0..).zip(mine) {
            message.arrives = message.arrives.min(self.now.plus(Millis(2_000 + delay * 200)));
        }
        true
    }

    fn boot(&mut self, n: usize) {
        let known = self.stations[n].capability();
        let any = self.setting.broken == Break::CreditsAnyClock;
        let (durations, clock) = (any || known.keeps_durations, any || known.keeps_clock);
        let model = format!("{durations}-{clock}-{:?}", known.hole).into();
        let vendor = "Test".into();
        self.say(
            n,
            StationEvent::Booted { vendor, model, serial: None, firmware: None, reason: None },
        );
    }
}
