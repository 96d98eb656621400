//! Proves the engine by steps: order, release, recall, recovery.

mod random;
mod sites;
mod world;

use busbar_charging::action::{Done, Problem, Reply};
use busbar_charging::input::{Precondition, Request};
use busbar_charging::subject::{Key, Subject};

use world::{World, put_tariff, put_token, token};

#[test]
fn an_action_waits_for_its_commit_and_leaves_in_order() {
    let mut world = World::new();
    let first = world.ask(put_tariff(1));
    let second = world.ask(put_tariff(2));
    assert!(world.replies.is_empty(), "left before its commit");
    world.commit();
    world.drain();
    assert!(world.replies.is_empty(), "left before the acknowledgement");
    world.acknowledge();
    let left: Vec<_> = world.replies.iter().map(|(request, ..)| *request).collect();
    assert_eq!(left, [first], "the second is in the next batch");
    world.settle();
    let left: Vec<_> = world.replies.iter().map(|(request, ..)| *request).collect();
    assert_eq!(left, [first, second]);
}

#[test]
fn an_action_without_facts_waits_only_for_what_was_decided_before() {
    let mut world = World::new();
    world.ask(Request::RemoveStation("S1".into()));
    assert_eq!(world.replies.len(), 1, "nothing is pending: at once");
    world.ask(put_tariff(1));
    world.ask(Request::RemoveStation("S1".into()));
    assert_eq!(world.replies.len(), 1);
    world.commit();
    world.acknowledge();
    assert_eq!(world.replies.len(), 3);
}

#[test]
fn the_first_batch_leaves_at_once_and_the_next_at_its_pace() {
    let mut world = World::new();
    world.ask(put_tariff(1));
    assert!(world.in_flight.is_some(), "idle: at once");
    world.ask(put_tariff(2));
    world.ask(put_tariff(3));
    world.commit();
    world.acknowledge();
    assert!(world.in_flight.is_none(), "too early");
    let due = world.engine.deadline().unwrap();
    let pace = world::tuning().pace;
    assert_eq!(due, world.now.plus(pace));
    world.pass(pace.0);
    let (_, batch, _) = world.in_flight.as_ref().unwrap();
    assert_eq!(batch.facts.len(), 2, "all that was decided meanwhile");
}

#[test]
fn a_recall_sees_rows_that_are_not_durable() {
    let mut world = World::new();
    for precondition in [Precondition::Absent, Precondition::Version(1), Precondition::Version(2)] {
        world.ask(put_token(1, precondition));
        world.read_recall();
        world.answer_recall();
    }
    world.ask(Request::RemoveToken(token(1)));
    world.read_recall();
    world.answer_recall();
    world.ask(put_token(1, Precondition::Absent));
    world.settle();
    let replies: Vec<_> = world.replies.iter().map(|(_, reply, _)| reply.clone()).collect();
    let version = |n| Reply::Done(Done::Version(n));
    let removed = Reply::Done(Done::Accepted);
    assert_eq!(replies, [version(1), version(2), version(3), removed, version(1)]);
}

#[test]
fn a_recall_that_read_before_a_commit_sees_its_rows_all_the_same() {
    let mut world = World::new();
    world.ask(put_token(1, Precondition::None));
    world.read_recall();
    world.answer_recall();
    world.ask(put_token(1, Precondition::Absent));
    world.read_recall();
    world.commit();
    world.acknowledge();
    world.answer_recall();
    world.settle();
    let refused = Reply::Problem(Problem::Precondition(Some(1)));
    assert_eq!(world.replies.last().map(|(_, reply, _)| reply), Some(&refused));
}

#[test]
fn inputs_behind_a_recall_keep_their_order() {
    let mut world = World::new();
    world.ask(put_token(1, Precondition::None));
    world.ask(put_tariff(1));
    world.ask(put_token(1, Precondition::Version(1)));
    assert_eq!(world.recalls.len(), 1, "one subject recalls for one input at a time");
    assert_eq!(world.engine.counters().queued, 3);
    world.settle();
    let order: Vec<_> = world.replies.iter().map(|(request, ..)| *request).collect();
    assert_eq!(order, [1, 2, 3]);
}

#[test]
fn a_start_makes_missing_rows_again_and_goes_on_counting() {
    let mut world = World::new();
    for n in 0..20 {
        world.ask(put_token(n, Precondition::None));
        world.ask(put_tariff(n % 3));
        world.settle();
        world.disk.write_behind(usize::from(n % 2));
    }
    assert!(world.engine.counters().snapshots > 0);
    let before = world.engine.network().clone();
    world.crash();
    assert_eq!(*world.engine.network(), before);
    assert!(world.in_flight.is_some(), "rows are owed at once");
    world.settle();
    assert_eq!(world.disk.rows, world.replayed().rows);
    world.ask(put_token(3, Precondition::Version(1)));
    world.settle();
    let last = world.disk.facts().last().unwrap();
    assert_eq!(last.0.sequence, 41, "positions have no gaps: the network is one subject");
    assert!(world.disk.rows.contains_key(&Key::token(&token(3))));
}

#[test]
fn a_call_of_another_process_is_not_answered() {
    let mut world = World::new();
    world.incarnation = 9;
    world.ask(put_tariff(1));
    world.incarnation = 1;
    world.settle();
    assert_eq!(world.replies.len(), 0);
    assert_eq!(world.engine.counters().strange_replies, 1);
}

#[test]
fn asking_about_a_station_that_does_not_exist_costs_no_memory() {
    let mut world = World::new();
    for n in 0..100 {
        let subject = Subject::Station(format!("S{n}").as_str().into());
        let input = busbar_charging::input::Input::Deadline;
        world.engine.handle(crate::Event::Input(subject, input), world.now);
    }
    assert_eq!(world.engine.counters().subjects, 0);
}
