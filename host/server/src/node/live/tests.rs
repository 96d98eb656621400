//! Followers: in order, too slow, too late.

use busbar_charging::fact::station::StationRemoved;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;

use super::{Cursor, Followed, Live};

fn fact(n: i64) -> (Subject, Fact) {
    let fact = StationRemoved { at: Timestamp(n), actor: Actor::Clock, station: "CS".into() };
    (Subject::Network, fact.into())
}

fn numbers(followed: Followed) -> Vec<u64> {
    match followed {
        Followed::Facts(facts) => facts.iter().map(|fact| fact.number).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_follower_gets_every_fact_once_and_in_order() {
    let live = Live::new(7, 10);
    let mut cursor = live.now();
    live.publish([fact(1), fact(2), fact(3)]);
    assert_eq!(numbers(live.follow(&mut cursor, 2).await), [1, 2]);
    live.publish([fact(4)]);
    assert_eq!(numbers(live.follow(&mut cursor, 2).await), [3, 4]);
}

#[tokio::test]
async fn a_follower_resumes_where_it_was() {
    let live = Live::new(7, 10);
    let start = live.now();
    live.publish([fact(1), fact(2), fact(3)]);
    let mut cursor = Cursor::parse("7-2").expect("a cursor");
    assert_eq!(numbers(live.follow(&mut cursor, 10).await), [3]);
    assert_eq!(cursor.to_string(), "7-3");
    assert_eq!(start.to_string(), "7-0");
}

#[tokio::test]
async fn a_slow_follower_is_told_that_it_missed_some_and_then_follows_on() {
    let live = Live::new(7, 2);
    let mut cursor = live.now();
    live.publish([fact(1), fact(2), fact(3)]);
    assert!(matches!(live.follow(&mut cursor, 10).await, Followed::Missed));
    live.publish([fact(4)]);
    assert_eq!(numbers(live.follow(&mut cursor, 10).await), [4]);
}

#[tokio::test]
async fn a_place_of_another_process_means_nothing() {
    let live = Live::new(7, 10);
    live.publish([fact(1)]);
    let mut cursor = Cursor::parse("8-1").expect("a cursor");
    assert!(matches!(live.follow(&mut cursor, 10).await, Followed::Missed));
    for nonsense in ["", "7", "7-", "-1", "x-1", "7-x", "7--1"] {
        assert_eq!(Cursor::parse(nonsense), None, "{nonsense}");
    }
}
