//! That slots are cut where the clock cuts them, that an idle site says nothing, and that no
//! energy is lost between them.

use super::{History, Sample};
use crate::row::LoadSlot;
use crate::units::{Energy, Millis, Power, Timestamp};

fn sample(watts: i64) -> Sample {
    Sample {
        limit: Some(Power(watts * 2)),
        base: Power(100),
        allocated: Power(watts),
        measured: Power(watts),
        throttled: Power(watts),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(900_000 * 1_000 + seconds * 1_000)
}

#[test]
fn a_minute_is_the_average_of_what_held_in_it() {
    let mut history = History::default();
    let mut closed = Vec::new();
    for (seconds, watts) in [(0, 1_000), (30, 3_000), (50, 3_000), (70, 500), (125, 500)] {
        history.note(at(seconds), sample(watts));
        closed.append(&mut history.closed.clone());
    }
    let [first, second] = closed.try_into().unwrap();
    assert_eq!((first.start, first.covered), (at(0), LoadSlot::MINUTE));
    assert_eq!((first.measured, first.most), (Power(2_000), Power(3_000)));
    assert_eq!((first.limit, first.base), (Some(Power(2_000)), Power(100)), "the least limit");
    // Ten seconds of 3 kW, fifty of 0.5 kW.
    assert_eq!((second.start, second.measured), (at(60), Power(916)));
    assert_eq!(first.throttled, Energy(2_000 * 60_000 / 3_600));
    let open = history.open();
    assert_eq!((open[0].start, open[0].covered), (at(120), Millis::from_secs(5)));
    assert_eq!((open[1].start, open[1].covered), (at(0), Millis::from_secs(125)));
    let sum = 1_000 * 30 + 3_000 * 40 + 500 * 55;
    assert_eq!(history.throttled(), Energy(sum * 1_000 / 3_600));
}

#[test]
fn an_idle_site_says_nothing() {
    let mut history = History::default();
    history.note(at(0), sample(1_000));
    history.note(at(7_200), sample(0));
    let spans: Vec<_> = history.closed.iter().map(|slot| (slot.start, slot.span)).collect();
    assert_eq!(spans, [], "the minute stays open until another one begins");
    history.note(at(7_210), sample(0));
    let covered: Vec<_> = history.closed.iter().map(|slot| slot.covered).collect();
    assert_eq!(covered, [Millis::from_secs(60), Millis::from_secs(60)]);
    history.note(at(7_210), sample(9));
    assert!(history.closed.is_empty(), "decisions that follow each other at once are one");
}
