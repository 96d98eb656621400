//! Sites of many stations, and stations that leave one and come to another.

use super::bench::*;
use crate::action::{Action, Done, Reply};
use crate::context::Context;
use crate::fact::command::{CommandOutcome, CommandWanted, Intent, Priority};
use crate::fact::metering::{ReadingContext, ReportKind};
use crate::fact::site::{Kept, StationAdopted, StationMoved, StationPlaced, StationReleased};
use crate::fact::station::{Dialect, StationConnected};
use crate::fact::{Actor, Fact};
use crate::ids::{CommandId, Ids, SiteId, StationId};
use crate::input::{Input, Recalled, StationEvent, Told, TransactionRef};
use crate::site::Site;
use crate::subject::Subject;
use crate::units::Timestamp;

fn yard() -> Subject {
    Subject::Site(SiteId::from("yard"))
}

/// The network wants the bench's station at the yard.
fn place(bench: &mut Bench, version: u64) {
    let (at, actor) = (bench.now, Actor::Clock);
    let site = Some(SiteId::from("yard"));
    let placed = StationPlaced { at, actor, station: station(), site, version };
    bench.network.apply(&placed.into());
}

fn told_released(bench: &Bench) -> Option<StationReleased> {
    bench.actions.iter().rev().find_map(|action| match action {
        Action::Tell { to, told: Told::Released(released) } => {
            assert_eq!(*to, yard());
            Some(StationReleased::clone(released))
        }
        _ => None,
    })
}

#[test]
fn a_station_leaves_when_nothing_is_open_and_its_calls_are_answered() {
    let mut bench = Bench::new(Dialect::V201);
    let open = |kind, seconds| report(kind, at(seconds), Some(seconds));
    let named = || TransactionRef::Known("T".into());
    bench.report(named(), with_reading(open(ReportKind::Started, 1), ReadingContext::Begin, 0));
    place(&mut bench, 1);
    bench.input(Input::Told(Told::Move { station: station() }));
    assert_eq!(told_released(&bench), None, "it charges");
    bench.report(named(), with_reading(open(ReportKind::Ended, 9), ReadingContext::End, 900));
    let released = told_released(&bench).unwrap();
    assert_eq!((released.number, &released.to), (1, &yard()));
    assert!(!bench.site.has_station(&station()));
    let closes = |action: &Action| matches!(action, Action::Close { .. });
    assert!(bench.actions.iter().any(closes), "its connection stays open");
    // Until it is there, it is told to come back, and after a start the other site is told again.
    let facts = bench.facts.len();
    bench.actions.clear();
    bench.connect(Dialect::V201);
    assert!(bench.actions.iter().any(closes));
    bench.actions.clear();
    bench.restart();
    assert_eq!(told_released(&bench), Some(released.clone()));
    assert_eq!(bench.facts.len(), facts);
    let told = Told::Moved { station: station(), to: yard(), number: 1 };
    bench.input(Input::Told(told.clone()));
    bench.input(Input::Told(told));
    assert_eq!(bench.facts.len(), facts + 1, "the end of a move is told once");
    assert!(bench.site.is_empty());
}

#[test]
fn commands_of_a_station_that_leaves_end_as_never_sent() {
    let mut bench = Bench::new(Dialect::V16);
    bench.say(StationEvent::Disconnected { reason: "test".into() });
    let caller = crate::fact::Call::Api { incarnation: 1, request: 77 };
    let wanted = wanted(&station(), 1, bench.now);
    let wanted = CommandWanted { caller: Some(caller.clone()), ..wanted };
    bench.site.apply(&wanted.into());
    place(&mut bench, 1);
    bench.input(Input::Told(Told::Move { station: station() }));
    assert!(told_released(&bench).is_some());
    let told = bench.actions.iter().any(|action| {
        let outcome = CommandOutcome::Offline;
        let done = Done::Command { command: CommandId(uuid(1)), outcome };
        *action == Action::Reply { call: caller.clone(), reply: Reply::Done(done) }
    });
    assert!(told, "its caller waits for ever: {:?}", bench.actions);
}

#[test]
fn a_site_takes_a_station_once() {
    let mut bench = Bench::new(Dialect::V16);
    place(&mut bench, 1);
    let before = bench.site.snapshot();
    bench.input(Input::Told(Told::Move { station: station() }));
    let released = told_released(&bench).unwrap();
    let mut there = Site::new(yard());
    let mut adopt = |bench: &Bench| {
        let recalled = Recalled::default();
        let context = Context {
            network: &bench.network,
            recalled: &recalled,
            ids: Ids { seed: 1 },
            policy: &bench.policy,
        };
        let told = Told::Released(Box::new(released.clone()));
        let outcome = there.decide(&context, bench.now, Input::Told(told));
        outcome.facts.iter().for_each(|fact| there.apply(fact));
        let adopted = |action: &Action| {
            matches!(action, Action::Tell { to: Subject::Network, told: Told::Adopted { .. } })
        };
        assert!(outcome.actions.iter().any(adopted), "the network is not told");
        outcome.facts.len()
    };
    assert_eq!(adopt(&bench), 1);
    assert_eq!(adopt(&bench), 0, "it is there");
    let (from, to) = (released.from.clone(), released.to.clone());
    let moved = StationMoved { at: bench.now, station: station(), from, to, number: 1 };
    bench.network.apply(&moved.into());
    assert_eq!(adopt(&bench), 0, "that move is over");
    let gone = StationReleased { number: 2, from: yard(), to: yard(), ..released.clone() };
    there.apply(&gone.into());
    let recalled = Recalled::default();
    let (network, policy, ids) = (&bench.network, &bench.policy, Ids { seed: 1 });
    let context = Context { network, recalled: &recalled, ids, policy };
    let late = Input::Told(Told::Released(Box::new(released.clone())));
    let late = there.decide(&context, bench.now, late);
    assert_eq!(late.facts, [], "a late word of a move that is over brings it back");
    // Nothing was lost on the way but the connection.
    let mut whole = Site::new(yard());
    whole.apply(&StationAdopted { at: bench.now, released: Box::new(released) }.into());
    let connections = |fact: &&Fact| !matches!(fact, Fact::StationConnected(_));
    let same = |facts: &[Fact]| facts.iter().filter(connections).count();
    assert_eq!(same(&whole.snapshot()), same(&before));
}

fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

fn wanted(station: &StationId, n: u128, at: Timestamp) -> CommandWanted {
    CommandWanted {
        at,
        actor: Actor::Clock,
        station: station.clone(),
        command: CommandId(uuid(n)),
        intent: Intent::Other,
        action: "DataTransfer".into(),
        payload: "{}".into(),
        priority: Priority::Operator,
        until: at.plus(crate::units::Millis(i64::try_from(n * 7 % 1_000).unwrap_or(0))),
        key: None,
        caller: None,
    }
}

/// Who is due in a site of many is who would be due in a site of its own.
#[test]
fn a_site_of_many_knows_who_is_due_without_asking_all() {
    let mut random: u64 = 1;
    let mut draw = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % below
    };
    let mut site = Site::new(yard());
    let mut alone: Vec<Option<Site>> = vec![None; 40];
    for n in 0..3_000_u64 {
        let which = draw(40) as usize;
        let id = StationId::from(format!("S{which}").as_str());
        let at = T0.plus(crate::units::Millis(i64::try_from(n).unwrap_or(0)));
        let is_known = alone[which].is_some();
        let fact: Fact = match draw(6) {
            0..3 => wanted(&id, u128::from(n) + 1, at).into(),
            // Half of the time few are left.
            3 if is_known && n % 1_000 > 500 => {
                let (from, to, state) = (yard(), yard(), Kept::default());
                StationReleased { at, station: id, from, to, number: n, state }.into()
            }
            _ => StationConnected {
                at,
                station: id,
                incarnation: 1,
                generation: n,
                dialect: Dialect::V16,
                remote: "192.0.2.1:1".into(),
                security_profile: 0,
            }
            .into(),
        };
        site.apply(&fact);
        if matches!(fact, Fact::StationReleased(_)) {
            alone[which] = None;
        } else {
            alone[which].get_or_insert_with(|| Site::new(yard())).apply(&fact);
        }
        let due = |site: &Option<Site>| site.as_ref().and_then(Site::deadline);
        assert_eq!(site.deadline(), alone.iter().filter_map(due).min(), "after {n} facts");
        let mut again = Site::new(yard());
        if n % 100 == 0 {
            site.snapshot().iter().for_each(|fact| again.apply(fact));
            assert_eq!(again, site, "after {n} facts");
        }
    }
}
