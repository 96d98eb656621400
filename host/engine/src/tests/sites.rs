//! Many subjects: none waits for another, deadlines come by themselves, and whatever happens and
//! whenever the process dies, states and rows are those that plain replay of all facts makes.

use std::collections::BTreeMap;

use busbar_charging::action::{Done, Reply};
use busbar_charging::fact::metering::{
    ChargingState, Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind,
};
use busbar_charging::fact::station::{ConnectorStatus, Dialect};
use busbar_charging::ids::StationId;
use busbar_charging::input::{Precondition, Request, StationEvent, TransactionRef};
use busbar_charging::row::{self, RowBody, SessionState};
use busbar_charging::site::Site;
use busbar_charging::subject::{Key, Subject, Table};
use busbar_charging::units::{Energy, Millis, Timestamp};
use proptest::prelude::*;

use super::world::{World, put_site, put_tariff, put_token, site, token};
use crate::engine::Event;

fn connected(incarnation: u64) -> StationEvent {
    let (dialect, remote) = (Dialect::V201, "192.0.2.1:1".into());
    StationEvent::Connected { dialect, incarnation, remote, security_profile: 1 }
}

fn booted() -> StationEvent {
    let (vendor, model) = ("v".into(), "m".into());
    StationEvent::Booted { vendor, model, serial: None, firmware: None, reason: None }
}

fn status(status: ConnectorStatus) -> StationEvent {
    StationEvent::Status { evse: 1, connector: 1, status, reported: None, error: None }
}

/// A message about transaction `n`, of which `seq` counts the messages.
fn transaction(n: u8, seq: u8, kind: ReportKind, at: Timestamp) -> StationEvent {
    let reading = Reading {
        at,
        context: ReadingContext::Sample,
        measurand: Measurand::EnergyImport,
        phase: None,
        location: None,
        value: ReadingValue::Energy(Energy::from_wh(i64::from(seq) * 100)),
    };
    let report = Report {
        kind,
        at,
        seq: Some(seq.into()),
        trigger: "MeterValuePeriodic".into(),
        offline: false,
        evse: Some(1),
        connector: Some(1),
        token: (kind == ReportKind::Started).then(|| token(n)),
        state: Some(ChargingState::Charging),
        stopped_reason: None,
        remote_start: None,
        reservation: None,
        readings: vec![reading],
    };
    let transaction = TransactionRef::Known(format!("t{n}").as_str().into());
    StationEvent::Transaction { transaction, report, wants_cost: true }
}

#[test]
fn a_recall_holds_up_its_own_subject_only() {
    let mut world = World::new();
    for station in ["S1", "S2"] {
        world.hear(station, connected(1));
        world.hear(station, booted());
    }
    world.settle();
    let waits = world.hear("S1", StationEvent::Authorize { token: token(1) });
    let behind = world.hear("S1", status(ConnectorStatus::Available));
    let other = world.hear("S2", status(ConnectorStatus::Available));
    assert_eq!(world.recalls.len(), 1);
    world.pass(5);
    world.commit();
    world.acknowledge();
    let answered = |world: &World, call| world.replies.iter().any(|(number, ..)| *number == call);
    assert!(answered(&world, other) && !answered(&world, waits) && !answered(&world, behind));
    world.settle();
    assert!(answered(&world, waits) && answered(&world, behind));
}

#[test]
fn a_clock_that_was_set_is_told_before_all_that_waits() {
    let mut world = World::new();
    world.hear("S1", connected(1));
    world.hear("S1", booted());
    world.settle();
    world.hear("S1", StationEvent::Authorize { token: token(1) });
    world.hear("S1", status(ConnectorStatus::Available));
    let before = world.engine.counters();
    assert_eq!((before.queued, before.recalling), (2, 1));
    world.engine.handle(Event::ClockSet(Millis(3_600_000)), world.now);
    let after = world.engine.counters();
    assert_eq!(after.queued, 2, "what waits is decided by the new time");
    assert_eq!(after.inputs - before.inputs, after.subjects, "all are told");
}

#[test]
fn a_deadline_comes_by_itself() {
    let mut world = World::new();
    world.ask(put_tariff(0));
    world.ask(put_token(1, Precondition::None));
    world.hear("S1", connected(1));
    world.hear("S1", booted());
    world.settle();
    for (seq, kind) in [(0, ReportKind::Started), (9, ReportKind::Ended)] {
        world.hear("S1", transaction(1, seq, kind, world.now));
        world.settle();
    }
    let (before, due) = (world.engine.counters(), world.engine.deadline());
    assert!(due.is_some_and(|due| due > world.now), "it waits for messages still to come");
    for _ in 0..40 {
        world.pass(60_000);
        world.settle();
    }
    let after = world.engine.counters();
    assert!(after.inputs > before.inputs && after.facts > before.facts, "nobody asked the site");
    assert_eq!(after.idle_deadlines, 0);
}

#[derive(Clone, Debug)]
enum Step {
    Connect(u8),
    Boot(u8),
    Disconnect(u8),
    Status(u8, bool),
    Authorize(u8, u8),
    Transaction(u8, u8, u8, ReportKind),
    Tariff(u8),
    Token(u8),
    Site(u8),
    Place(u8, Option<u8>),
    Tell,
    FailWork,
    ReadRecall,
    AnswerRecall,
    Commit,
    Acknowledge,
    WriteBehind(usize),
    Pass(i64),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        1 => Just(ReportKind::Started),
        2 => Just(ReportKind::Updated),
        1 => Just(ReportKind::Ended),
    ];
    prop_oneof![
        3 => (0..3_u8).prop_map(Step::Connect),
        3 => (0..3_u8).prop_map(Step::Boot),
        1 => (0..3_u8).prop_map(Step::Disconnect),
        3 => (0..3_u8, any::<bool>()).prop_map(|(s, free)| Step::Status(s, free)),
        2 => (0..3_u8, 0..3_u8).prop_map(|(s, t)| Step::Authorize(s, t)),
        9 => (0..3_u8, 0..3_u8, 0..9_u8, kind)
            .prop_map(|(s, t, seq, kind)| Step::Transaction(s, t, seq, kind)),
        1 => (0..2_u8).prop_map(Step::Tariff),
        2 => (0..3_u8).prop_map(Step::Token),
        2 => (0..2_u8).prop_map(Step::Site),
        3 => (0..3_u8, prop::option::weighted(0.8, 0..2_u8))
            .prop_map(|(station, site)| Step::Place(station, site)),
        6 => Just(Step::Tell),
        2 => Just(Step::FailWork),
        6 => Just(Step::ReadRecall),
        6 => Just(Step::AnswerRecall),
        5 => Just(Step::Commit),
        5 => Just(Step::Acknowledge),
        2 => (1..6_usize).prop_map(Step::WriteBehind),
        4 => (0..6_i64).prop_map(Step::Pass),
        1 => (1..2_000_000_i64).prop_map(Step::Pass),
        1 => Just(Step::Crash),
    ]
}

fn event(world: &World, step: &Step) -> Option<(u8, StationEvent)> {
    Some(match *step {
        Step::Connect(station) => (station, connected(world.incarnation)),
        Step::Boot(station) => (station, booted()),
        Step::Disconnect(station) => {
            (station, StationEvent::Disconnected { reason: "gone".into() })
        }
        Step::Status(station, true) => (station, status(ConnectorStatus::Available)),
        Step::Status(station, false) => (station, status(ConnectorStatus::Occupied)),
        Step::Authorize(station, n) => (station, StationEvent::Authorize { token: token(n) }),
        Step::Transaction(station, n, seq, kind) => {
            let at = Timestamp(1_000).plus(Millis(i64::from(seq) * 60_000));
            (station, transaction(n, seq, kind, at))
        }
        _ => return None,
    })
}

fn station(n: u8) -> StationId {
    format!("S{n}").as_str().into()
}

fn place(n: u8, at: Option<u8>) -> Request {
    let precondition = Precondition::None;
    Request::PlaceStation { station: station(n), site: at.map(site), precondition }
}

/// The facts that were decided when a call was decided at once: it must not be answered before
/// they are durable.
type Floors = BTreeMap<u64, u64>;

fn take(world: &mut World, floors: &mut Floors, step: &Step) {
    if let Some((station, event)) = event(world, step) {
        let (before, held) = (world.engine.counters(), world.recalls.len());
        let call = world.hear(&format!("S{station}"), event);
        let after = world.engine.counters();
        if world.recalls.len() == held && after.inputs == before.inputs + 1 {
            floors.insert(call, world.restored + after.facts);
        }
    }
    match *step {
        Step::Tariff(n) => drop(world.ask(put_tariff(n))),
        Step::Token(n) => drop(world.ask(put_token(n, Precondition::None))),
        Step::Site(n) => drop(world.ask_of(Subject::Site(site(n)), put_site(n))),
        Step::Place(station, at) => drop(world.ask(place(station, at))),
        Step::Tell => world.tell(),
        Step::FailWork => world.fail_work(),
        Step::ReadRecall => world.read_recall(),
        Step::AnswerRecall => world.answer_recall(),
        Step::Commit => world.commit(),
        Step::Acknowledge => world.acknowledge(),
        Step::WriteBehind(batches) => world.disk.write_behind(batches),
        Step::Pass(millis) => world.pass(millis),
        Step::Crash => world.crash(),
        _ => {}
    }
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut world, mut floors) = (World::new(), Floors::new());
    world.ask_of(Subject::Site(site(0)), put_site(0));
    for step in steps {
        world.pass(1);
        take(&mut world, &mut floors, step);
    }
    world.settle();
    // Who waits for a price stays where it is.
    while !world.work.is_empty() {
        world.fail_work();
        world.settle();
    }
    for (call, _, durable) in &world.replies {
        let floor = floors.get(call).copied().unwrap_or(0);
        prop_assert!(*durable as u64 >= floor, "{call} left before its facts were durable");
    }
    check_states(&world)?;
    // Once more through the start, with what is in snapshots and what is not.
    world.crash();
    world.settle();
    while !world.work.is_empty() {
        world.fail_work();
        world.settle();
    }
    check_states(&world)
}

fn check_states(world: &World) -> Result<(), TestCaseError> {
    let replayed = world.replayed();
    prop_assert_eq!(world.engine.network(), &replayed.network);
    for (subject, site) in &replayed.sites {
        // By what a snapshot keeps: when a running cost was last asked for is not in it.
        let now = world.engine.site(subject).map(Site::snapshot).unwrap_or_default();
        prop_assert_eq!(now, site.snapshot(), "{}", subject);
    }
    for (key, row) in &replayed.rows {
        prop_assert_eq!(world.disk.rows.get(key), Some(row), "{:?}", key);
    }
    prop_assert_eq!(world.disk.rows.len(), replayed.rows.len(), "rows that nothing made");
    let of_nothing = world
        .engine
        .subjects()
        .find(|subject| **subject != Subject::Network && !replayed.sites.contains_key(subject));
    prop_assert_eq!(of_nothing, None, "a subject without facts stays");
    let sites = world.engine.subjects().filter(|subject| **subject != Subject::Network).count();
    prop_assert_eq!(world.engine.sites().count(), sites, "a forgotten one is counted");
    prop_assert_eq!(world.engine.counters().idle_deadlines, 0);
    (0..3).try_for_each(|n| check_place(world, &station(n)))
}

/// A station is at one site, where the network thinks it is; and where it is wanted, unless a
/// transaction keeps it.
fn check_place(world: &World, station: &StationId) -> Result<(), TestCaseError> {
    let own = Subject::Station(station.clone());
    let holder = world.engine.network().holder(station).unwrap_or(own);
    let has = |subject: &&Subject| {
        world.engine.site(subject).is_some_and(|site| site.has_station(station))
    };
    let having: Vec<_> = world.engine.subjects().filter(has).collect();
    let is_known = world.disk.rows.contains_key(&Key::station(station));
    prop_assert_eq!(having, Vec::from_iter(is_known.then_some(&holder)));
    let Some(row) = world.disk.rows.get(&Key::place(station)) else { return Ok(()) };
    let place = row::Place::from_row(row).unwrap();
    let wanted = place.placed.site.clone();
    let charges = world.disk.rows.values().any(|row| {
        row::Session::from_row(row)
            .is_ok_and(|s| s.station == *station && s.state == SessionState::Open)
    });
    prop_assert!(charges || place.holder == wanted, "{place:?}");
    let mut at = world.disk.rows.keys().filter(|key| key.table == Table::SiteStation);
    let listed = at.find(|key| key.path.ends_with(&format!("\0{station}")));
    prop_assert_eq!(listed.cloned(), place.holder.map(|site| Key::site_station(&site, station)));
    Ok(())
}

#[test]
fn a_station_moves_with_all_that_is_known_of_it() {
    let mut world = World::new();
    world.ask_of(Subject::Site(site(0)), put_site(0));
    world.hear("S1", connected(1));
    world.hear("S1", booted());
    world.hear("S1", transaction(1, 0, ReportKind::Started, world.now));
    world.settle();
    let before = world.engine.site(&Subject::Station(station(1))).unwrap().clone();
    let asked = world.ask(place(1, Some(0)));
    world.settle();
    let answer = world.replies.iter().find(|(number, ..)| *number == asked);
    assert!(matches!(answer, Some((_, Reply::Done(Done::Version(1)), _))), "{answer:?}");
    // It charges: it stays until that is over, across a crash, and then it goes at once.
    assert_eq!(world.engine.site(&Subject::Station(station(1))), Some(&before));
    world.crash();
    world.hear("S1", connected(2));
    world.settle();
    world.hear("S1", transaction(1, 1, ReportKind::Ended, world.now));
    for _ in 0..3 {
        world.settle();
        world.fail_work();
    }
    let there = world.engine.site(&Subject::Site(site(0))).unwrap();
    assert!(there.has_station(&station(1)));
    let left = world.engine.site(&Subject::Station(station(1)));
    assert!(left.is_none_or(Site::is_empty), "{left:?}");
    check_states(&world).unwrap();
    // What it says goes to where it is.
    world.hear("S1", connected(2));
    world.settle();
    world.hear("S1", status(ConnectorStatus::Available));
    world.settle();
    let row = &world.disk.rows[&Key::station(&station(1))];
    let row = row::Station::from_row(row).unwrap();
    assert_eq!((row.connected.is_some(), row.site), (true, Some(site(0))));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_charges_and_crashes(steps in prop::collection::vec(step(), 1..150)) {
        run(&steps)?;
    }
}
