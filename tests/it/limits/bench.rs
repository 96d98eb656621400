//! Owns one simulated station, its connection and a host that says yes to all, with the time
//! between them. Must never decide what the station does.

use std::collections::VecDeque;

use busbar_charging::action::{Action, Reply};
use busbar_charging::fact::station::{Authorization, AuthorizationStatus, Dialect, Registration};
use busbar_charging::ids::{CommandId, TransactionId};
use busbar_charging::input::notice::Notice;
use busbar_charging::input::{CommandReturned, Input, StationEvent, TransactionRef};
use busbar_charging::units::{Millis, Timestamp};
use busbar_link::profile::Message;
use busbar_link::{Link, LinkConfig, LinkOutput, version};
use busbar_sim::car::{Car, MJ_PER_WH};
use busbar_sim::spec::{ProfileFaults, Spec};
use busbar_sim::station::{Act, Input as Happens, Output, Station};
use busbar_sim::words::Token;
use uuid::Uuid;

const START: Timestamp = Timestamp(1_790_000_000_000);
const GENERATION: u64 = 1;

/// A station with a car that takes all that it is given.
pub(super) struct Bench {
    pub(super) dialect: Dialect,
    pub(super) now: Timestamp,
    /// How far the station's clock is ahead.
    pub(super) offset: Millis,
    /// What runs at EVSE 1, as the host calls it.
    pub(super) transaction: Option<TransactionId>,
    pub(super) notices: Vec<Notice>,
    station: Station,
    link: Option<Link>,
    is_reachable: bool,
    returned: VecDeque<CommandReturned>,
    commands: u128,
}

impl Bench {
    /// A charge that runs at full power.
    pub(super) fn charging(dialect: Dialect, offset: Millis) -> Self {
        Self::charging_with(dialect, offset, ProfileFaults::default())
    }

    /// The same at a station that takes profiles otherwise than it should.
    pub(super) fn charging_with(dialect: Dialect, offset: Millis, profiles: ProfileFaults) -> Self {
        let mut spec = Spec::new("CS-1", version(dialect), 7);
        spec.faults.clock_offset_ms = offset.0;
        spec.faults.profiles = profiles;
        spec.tells_needs = true;
        let mut bench = Self {
            dialect,
            now: START,
            offset,
            transaction: None,
            notices: Vec::new(),
            station: Station::new(spec, START.0),
            link: None,
            is_reachable: true,
            returned: VecDeque::new(),
            commands: 0,
        };
        bench.run_s(10);
        let car = Car {
            battery_wh: 2_000_000,
            content_mj: 100_000 * MJ_PER_WH,
            target_permille: 1_000,
            ac_phases: 3,
            ac_max_ma: 64_000,
            dc_peak_w: 100_000,
            wake_ms: 1_000,
            follows_ms: 5_000,
            wakes: true,
            departs_ms: None,
        };
        bench.happen(Happens::Act(Act::PlugIn { evse: 1, car }));
        bench.happen(Happens::Act(Act::Present { evse: 1, token: Token::card("ADA") }));
        bench.run_s(10);
        assert!(bench.transaction.is_some(), "{dialect:?}");
        bench
    }

    /// Lets time pass.
    pub(super) fn run_s(&mut self, seconds: i64) {
        let until = self.now.plus(Millis::from_secs(seconds));
        self.happen(Happens::Tick);
        while let Some(at_ms) = self.station.deadline().filter(|at_ms| *at_ms <= until.0) {
            self.now = Timestamp(at_ms.max(self.now.0));
            self.happen(Happens::Tick);
        }
        self.now = until;
        self.happen(Happens::Tick);
    }

    /// On each phase, as it truly flows.
    pub(super) fn current_ma(&self) -> i64 {
        self.station.plug(0).map_or(0, |plug| (plug.power_w * 1_000 + 689) / 690)
    }

    /// Sends a command; gives how it came back.
    pub(super) fn command(&mut self, message: Message) -> CommandReturned {
        self.commands += 1;
        let action = Action::Command {
            station: "CS-1".into(),
            generation: GENERATION,
            command: CommandId(Uuid::from_u128(self.commands)),
            action: message.action.into(),
            payload: message.payload.into(),
            profile: None,
            question: None,
        };
        let now = self.now;
        assert!(self.link.as_mut().is_some_and(|link| link.act(&action, now)));
        self.drain();
        self.returned.pop_front().expect("an answer at once")
    }

    /// The payload of the answer to a command.
    pub(super) fn answer(&mut self, message: Message) -> Box<str> {
        match self.command(message) {
            CommandReturned::Answered { response, .. } => response,
            other => panic!("{other:?}"),
        }
    }

    /// A grid operator limits the station, or does not any more.
    pub(super) fn limit_by_other(&mut self, ma: Option<i64>) {
        self.happen(Happens::Act(Act::Limit { ma }));
        self.run_s(5);
    }

    /// The network goes, and does not come again.
    pub(super) fn disconnect(&mut self) {
        self.is_reachable = false;
        self.link = None;
        self.happen(Happens::Disconnected);
    }

    fn happen(&mut self, happens: Happens<'_>) {
        self.station.handle(self.now.0, happens);
        self.drain();
    }

    /// Carries frames between the two until both are silent.
    fn drain(&mut self) {
        loop {
            if let Some(output) = self.station.poll() {
                self.of_station(output);
            } else if let Some(output) = self.link.as_mut().and_then(Link::poll) {
                self.of_link(output);
            } else {
                return;
            }
        }
    }

    fn of_station(&mut self, output: Output) {
        match output {
            Output::Connect if self.is_reachable => {
                let config = LinkConfig::new("CS-1".into(), self.dialect, 1, GENERATION);
                self.link = Some(Link::new(config, self.now));
                self.station.handle(self.now.0, Happens::Connected);
            }
            Output::Connect => self.station.handle(self.now.0, Happens::Disconnected),
            Output::Close => self.link = None,
            Output::Send(text) => {
                if let Some(link) = &mut self.link {
                    link.receive(&text, self.now);
                }
            }
        }
    }

    fn of_link(&mut self, output: LinkOutput) {
        match output {
            LinkOutput::Send(text) => self.station.handle(self.now.0, Happens::Text(&text)),
            LinkOutput::Input(Input::Command { returned, .. }) => self.returned.push_back(returned),
            LinkOutput::Input(Input::Station { call, event, .. }) => {
                let reply = self.reply(event);
                let Some(call) = call else { return };
                let now = self.now;
                if let Some(link) = &mut self.link {
                    link.act(&Action::Reply { call, reply }, now);
                }
            }
            LinkOutput::Note(note) => {
                let fine = matches!(note, busbar_link::Note::Heartbeat);
                assert!(fine, "a sound station and a sound host: {note:?}");
            }
            LinkOutput::Input(_) | LinkOutput::Close { .. } => {}
        }
    }

    fn reply(&mut self, event: StationEvent) -> Reply {
        let status = AuthorizationStatus::Accepted;
        let yes = Authorization { status, group: None, expires: None, master: false };
        match event {
            StationEvent::Booted { .. } => {
                Reply::Boot { registration: Registration::Accepted, now: self.now }
            }
            StationEvent::Authorize { .. } => Reply::Authorized(yes),
            StationEvent::Transaction { transaction, report, .. } => {
                let transaction = match transaction {
                    TransactionRef::Issue => "4711".into(),
                    TransactionRef::Known(id) => id,
                };
                self.transaction = Some(transaction.clone());
                let authorization = report.token.map(|_| yes);
                Reply::Transaction { transaction, authorization, cost: None }
            }
            StationEvent::Charging { notice, .. } => {
                self.notices.push(notice);
                Reply::Received
            }
            _ => Reply::Received,
        }
    }
}
