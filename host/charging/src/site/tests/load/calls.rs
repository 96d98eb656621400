//! Rules of one station's line, and of what it is measured to do.

use super::amps;
use super::host::{Host, accepted, yard as yard_subject};
use super::one_row;
use super::world::Break;
use crate::action::Action;
use crate::fact::command::{Intent, Priority};
use crate::fact::metering::{
    ChargingState, Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind,
};
use crate::fact::site::{Kept, StationAdopted, StationReleased};
use crate::fact::station::{ConnectorStatus, Dialect};
use crate::ids::CommandId;
use crate::input::{CommandReturned, Input, Request, StationEvent, TransactionRef};
use crate::load::config::Config;
use crate::load::external::Window;
use crate::load::kernel::profile::Profile;
use crate::load::kernel::tests::START;
use crate::load::rows::CircuitLimit;
use crate::site::EvseView;
use crate::subject::Subject;
use crate::units::{Current, Millis, Timestamp};

/// A site with one station whose fallback stands.
pub(super) struct Yard {
    pub(super) host: Host,
    pub(super) now: Timestamp,
    /// The last limit of a transaction that was sent, where somebody noted it.
    pub(super) last: Option<Box<Profile>>,
    /// What its transaction's messages say of the flow.
    state: Option<ChargingState>,
    seq: i64,
    transaction: i64,
}

/// What was sent: a limit, or an operator's command.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) command: CommandId,
    pub(super) profile: Option<Box<Profile>>,
}

impl Yard {
    fn new(model: &str) -> Self {
        Self::of(model, &one_row(1, 100, 6))
    }

    /// A site with this load.
    pub(super) fn of(model: &str, config: &Config) -> Self {
        let mut yard = Self::arrived(Dialect::V201, model, config);
        let [fallback] = &yard.pass(2)[..] else { panic!("its fallback is not sent") };
        let command = fallback.command;
        yard.answer(command, accepted());
        yard.pass(20);
        yard
    }

    /// A site whose one station has just booted.
    pub(super) fn arrived(dialect: Dialect, model: &str, config: &Config) -> Self {
        let mut host = Host::new(Break::None, START, config);
        host.all = Some(Vec::new());
        let mut yard = Self { host, now: START, last: None, state: None, seq: 0, transaction: 7 };
        yard.host.adopt(START, "CS-0".into());
        let remote = "192.0.2.1:1".into();
        yard.say(StationEvent::Connected { dialect, incarnation: 1, remote, security_profile: 1 });
        yard.boot(model);
        yard
    }

    pub(super) fn say(&mut self, event: StationEvent) {
        let station = "CS-0".into();
        let input = Input::Station { station, generation: 1, call: None, event };
        self.host.input(self.now, input);
    }

    pub(super) fn boot(&mut self, model: &str) {
        let (vendor, model) = ("Test".into(), model.into());
        let (serial, firmware, reason) = (None, None, None);
        self.say(StationEvent::Booted { vendor, model, serial, firmware, reason });
    }

    pub(super) fn report(&mut self, kind: ReportKind, phases: &[(&str, i64)]) {
        self.seq += 1;
        let phases: Vec<_> = phases.iter().map(|(name, current)| (*name, amps(*current))).collect();
        let mut event = charge(kind, self.now, self.seq, &phases);
        if let StationEvent::Transaction { transaction, report, .. } = &mut event {
            report.state = self.state;
            *transaction = TransactionRef::Known(self.transaction.to_string().as_str().into());
        }
        self.say(event);
    }

    /// What is reported from now on is of another transaction.
    pub(super) fn next_transaction(&mut self) {
        self.transaction += 1;
    }

    pub(super) fn answer(&mut self, command: CommandId, returned: CommandReturned) {
        let input = Input::Command { station: "CS-0".into(), command, returned };
        self.host.input(self.now, input);
    }

    pub(super) fn operator(&mut self) {
        self.ask("GetDiagnostics");
    }

    /// An operator asks for a command; gives whether it is wanted now.
    fn ask(&mut self, action: &str) -> bool {
        self.ask_with(action, "{}")
    }

    fn ask_with(&mut self, action: &str, payload: &str) -> bool {
        let request = Request::Command {
            station: "CS-0".into(),
            intent: Intent::Other,
            action: action.into(),
            payload: payload.into(),
            priority: Priority::Operator,
            until: self.now.plus(Millis::from_secs(600)),
            key: None,
        };
        let before = self.host.facts;
        self.host.ask(self.now, request);
        self.host.facts > before
    }

    pub(super) fn cut(&mut self, limit: i64) {
        let limit = CircuitLimit { lines: Some([amps(limit); 3]), power: None };
        let window = Window { from: self.now, until: Timestamp::NEVER, limit };
        let (circuit, source) = ("grid".into(), "dso".into());
        self.host
            .ask(self.now, Request::LimitLoad { circuit, source, windows: Some(vec![window]) });
    }

    /// Seconds go by; gives what is sent meanwhile.
    pub(super) fn pass(&mut self, seconds: i64) -> Vec<Sent> {
        let actions = self.actions(seconds);
        let sent = actions.into_iter().filter_map(|action| match action {
            Action::Command { command, profile, .. } => Some(Sent { command, profile }),
            _ => None,
        });
        sent.collect()
    }

    fn actions(&mut self, seconds: i64) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..seconds {
            self.now = self.now.plus(Millis::from_secs(1));
            actions.extend(self.host.due_answered(self.now));
        }
        actions
    }

    pub(super) fn evse(&self) -> EvseView {
        self.host.site.load_view(self.now).unwrap().evses.remove(0)
    }

    /// A car that was told that it may draw 32 A, at a site with this load.
    pub(super) fn charging_at(config: &Config) -> Self {
        let mut yard = Self::of("true-true-Default", config);
        yard.report(ReportKind::Started, &[("L1", 0)]);
        let raised = yard.pass(1);
        assert_eq!(raised[0].profile.as_ref().unwrap().periods[0].tenths, 320);
        yard.answer(raised[0].command, accepted());
        yard.pass(20);
        assert_eq!(yard.evse().limit, amps(32));
        yard
    }
}

/// A message of a transaction on the first EVSE of a station.
pub(super) fn charge(
    kind: ReportKind,
    at: Timestamp,
    seq: i64,
    phases: &[(&str, Current)],
) -> StationEvent {
    let reading = |(phase, current): &(&str, Current)| Reading {
        at,
        context: ReadingContext::Sample,
        measurand: Measurand::CurrentImport,
        phase: Some((*phase).into()),
        location: None,
        value: ReadingValue::Current(*current),
    };
    let report = Report {
        kind,
        at,
        seq: Some(seq),
        trigger: "test".into(),
        offline: false,
        evse: Some(1),
        connector: Some(1),
        token: None,
        state: None,
        stopped_reason: None,
        remote_start: None,
        reservation: None,
        readings: phases.iter().map(reading).collect(),
    };
    // In 1.6 only a number is an id that was issued, and names the same transaction twice.
    let transaction = TransactionRef::Known("7".into());
    StationEvent::Transaction { transaction, report, wants_cost: false }
}

#[test]
fn an_operator_waits_for_a_limit_and_a_decrease_for_no_operator() {
    let mut yard = Yard::new("true-true-Default");
    yard.report(ReportKind::Started, &[("L1", 0)]);
    yard.operator();
    let sent = yard.pass(3);
    assert_eq!(sent.len(), 1, "two calls on one line");
    assert!(sent[0].profile.is_some(), "the operator went first");
    yard.answer(sent[0].command, accepted());
    let sent = yard.pass(3);
    assert!(
        matches!(&sent[..], [Sent { profile: None, .. }]),
        "the operator waits for ever: {sent:?}"
    );
    let open = sent[0].command;
    // The line is taken when less is to be drawn: after ten seconds the call is given up.
    yard.cut(10);
    let actions = yard.actions(15);
    let abandons =
        |action: &Action| matches!(action, Action::Abandon { command, .. } if *command == open);
    assert!(actions.iter().any(abandons), "{actions:?}");
    yard.answer(open, CommandReturned::TimedOut);
    let sent = yard.pass(1);
    let tenths = sent[0].profile.as_ref().unwrap().periods[0].tenths;
    assert!((60..=100).contains(&tenths), "{tenths}");
}

#[test]
fn nobody_else_sets_a_limit() {
    let mut yard = Yard::new("true-true-Default");
    for action in ["SetChargingProfile", "ClearChargingProfile", "UpdateDynamicSchedule"] {
        assert!(!yard.ask(action), "{action}");
    }
    assert!(yard.ask("GetCompositeSchedule"));
    for action in ["RemoteStartTransaction", "RequestStartTransaction"] {
        for payload in [r#"{"chargingProfile":{}}"#, r#"{"\u0063hargingProfile":{}}"#] {
            assert!(!yard.ask_with(action, payload), "{action} {payload}");
        }
        yard.pass(1);
        assert!(yard.ask_with(action, r#"{"idTag":"A"}"#), "{action}");
    }
}

#[test]
fn a_station_that_forgets_counts_with_all_it_can_after_a_boot() {
    let mut yard = Yard::new("a model that nothing is known of");
    assert_eq!(yard.evse().exposure, amps(6));
    yard.boot("a model that nothing is known of");
    assert_eq!(yard.evse().exposure, amps(32));
    assert_eq!(yard.pass(2).len(), 1, "its fallback is not said again");
    let mut keeps = Yard::new("true-true-Default");
    keeps.boot("true-true-Default");
    assert_eq!(keeps.evse().exposure, amps(6));
}

/// Where it goes it may be told anything.
#[test]
fn a_station_that_left_is_not_believed_when_it_comes_back() {
    let mut yard = Yard::new("true-true-Default");
    assert_eq!(yard.evse().exposure, amps(6));
    let own = Subject::Station("CS-0".into());
    let released = StationReleased {
        at: yard.now,
        station: "CS-0".into(),
        from: yard_subject(),
        to: own.clone(),
        number: 2,
        state: Kept::default(),
    };
    let back = StationReleased { from: own, to: yard_subject(), number: 3, ..released.clone() };
    let adopted = StationAdopted { at: yard.now, released: Box::new(back) };
    for fact in [released.into(), adopted.into()] {
        yard.host.site.apply(&fact);
        let evse = yard.evse();
        assert_eq!((evse.exposure, evse.commandable), (amps(32), false));
    }
}

#[test]
fn what_a_station_draws_beyond_its_limit_is_seen_and_counted() {
    let mut yard = Yard::new("true-true-Default");
    yard.cut(6);
    yard.report(ReportKind::Started, &[("L1", 0)]);
    for _ in 0..4 {
        yard.report(ReportKind::Updated, &[("L1", 20)]);
        yard.pass(8);
    }
    let evse = yard.evse();
    assert!(evse.disobedient && !evse.commandable, "{evse:?}");
    assert!(evse.exposure >= amps(20), "{evse:?}");
}

impl Yard {
    /// Seconds go by in which it draws so much, and whatever it is told is taken.
    fn draws(&mut self, seconds: i64, current: i64) {
        for _ in 0..seconds / 5 {
            self.report(ReportKind::Updated, &[("L1", current)]);
            for sent in self.pass(5) {
                self.answer(sent.command, accepted());
            }
        }
    }

    /// It draws 20 A where there are 6, and is found out.
    fn disobeys(&mut self) {
        self.cut(6);
        self.draws(60, 20);
        assert!(self.evse().disobedient, "{:?}", self.evse());
        assert_eq!(self.evse().limit, Current::ZERO, "what it counts with does not fit");
    }
}

/// It counts with more than there is, and is told nothing: nobody could ever see it draw less.
#[test]
fn one_that_pauses_when_it_is_told_to_is_believed_again_once() {
    let mut yard = Yard::charging_at(&one_row(1, 100, 6));
    yard.disobeys();
    // It draws nothing: the car may be full, or gone.
    yard.state = Some(ChargingState::SuspendedEv);
    yard.draws(120, 0);
    assert!(yard.evse().disobedient, "a full car shows nothing");
    yard.state = Some(ChargingState::SuspendedEvse);
    yard.draws(60, 0);
    assert!(yard.evse().disobedient, "for a minute");
    yard.draws(90, 0);
    assert!(!yard.evse().disobedient);
    assert_eq!(yard.evse().limit, amps(6));
    // But to no other limit does it keep.
    yard.state = Some(ChargingState::Charging);
    yard.disobeys();
    yard.state = Some(ChargingState::SuspendedEvse);
    yard.draws(600, 0);
    assert!(yard.evse().disobedient, "a pause is believed once");
}

/// 1.6 says it by the status of the connector.
#[test]
fn one_of_1_6_that_pauses_when_it_is_told_to_is_believed_again() {
    for (status, believed) in
        [(ConnectorStatus::SuspendedEvse, true), (ConnectorStatus::SuspendedEv, false)]
    {
        let mut yard = Yard::charging_at(&one_row(1, 100, 6));
        yard.disobeys();
        let (evse, connector, reported, error) = (1, 1, Some(yard.now), None);
        yard.say(StationEvent::Status { evse, connector, status, reported, error });
        yard.draws(90, 0);
        assert_eq!(yard.evse().disobedient, !believed, "{status:?}");
    }
}
