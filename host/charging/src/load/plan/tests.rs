//! Departures that are learned, the cheapest slots, and the linear program.

mod battery;
mod lp;
mod surplus;

use super::departure::Departures;
use super::greedy::Greedy;
use super::*;
use crate::load::legs::Line;
use crate::load::rows::{EvseId, EvseWiring, Phasor, Row, RowKind, RowsBuilder, Term};

const HOUR: i64 = 3_600_000;

/// EVSEs of one leg on one line.
fn rows(evses: u32) -> Rows {
    let wiring = |n: u32| EvseWiring {
        id: EvseId { station: "CS".into(), evse: n + 1 },
        min: Current(6_000),
        max: Current(16_000),
        fallback: Current::ZERO,
        legs: 1,
        millivolts: 230_000,
        efficiency: 1_000,
        dc: false,
    };
    let mut builder = RowsBuilder::new((0..evses).map(wiring).collect());
    let row = Row {
        circuit: "site".into(),
        kind: RowKind::Line(Line::L1),
        limit: None,
        reserve: Current::ZERO,
        base_max: Current::ZERO,
        millivolts: 230_000,
    };
    let phasor = Phasor { re: 1.0, im: 0.0 };
    builder.line(row, &(0..evses).map(|evse| Term { evse, leg: 0, phasor }).collect::<Vec<_>>());
    builder.build()
}

/// A car that wants two and a half slots of ten, at 3.68 kW.
fn car() -> Car {
    Car {
        evse: 0,
        legs: Legs::ONE,
        min: Current(6_000),
        max: Current(16_000),
        is_on: false,
        energy: Energy::from_wh(9_200),
        there: vec![1_000; 10],
    }
}

fn ask(prices: &[i64], headroom: i64) -> Plan {
    let (rows, cars) = (rows(1), [car()]);
    Greedy { margin: 0, ..Greedy::default() }.plan(&Question {
        from: Timestamp(0),
        slot: Millis(HOUR),
        rows: &rows,
        headroom: &[Current(headroom)],
        scarce: &[],
        prices,
        surplus: &[],
        feed_in: 0,
        cars: &cars,
        free: &[],
        stores: &Stores::default(),
    })
}

#[test]
fn a_car_waits_for_the_cheapest_slots_that_are_enough() {
    let plan = ask(&[5, 9, 9, 1, 9, 9, 2, 9, 9, 9, 0], 32_000);
    let caps: Vec<_> = (0..11).map(|slot| plan.wishes[0].at(slot).0).collect();
    let (wait, go) = (Some(Current::ZERO), None);
    // The eleventh is the cheapest, and the car is gone by then.
    assert_eq!(caps, [go, wait, wait, go, wait, wait, go, wait, wait, wait, go]);
    assert_eq!(plan.slot_at(Timestamp(3 * HOUR)), Some(3));
    assert_eq!(plan.slot_at(Timestamp(-1)), None);
}

#[test]
fn nobody_waits_for_a_price_where_a_row_is_scarce_or_there_is_no_choice() {
    assert_eq!(ask(&[5, 9, 9, 1, 9, 9, 2, 9, 9, 9], 3_000).wishes, []);
    assert_eq!(ask(&[9, 1], 32_000).wishes, []);
    assert_eq!(ask(&[], 32_000).wishes, []);
}

#[test]
fn departures_are_learned_and_never_in_the_past() {
    let mut departures = Departures::assumed(Millis(HOUR));
    let expected = Timestamp(10 * HOUR);
    let early = departures.quantile(expected, Timestamp(0), 300);
    assert!(early < expected && early > Timestamp(9 * HOUR), "{early}");
    for _ in 0..200 {
        departures.left(expected, Timestamp(8 * HOUR));
    }
    assert_eq!(departures.quantile(expected, Timestamp(0), 300), Timestamp(8 * HOUR));
    // It is still there after that: then only the later ones say something.
    let now = Timestamp(9 * HOUR);
    assert!(departures.quantile(expected, now, 300) > now);
    assert_eq!(departures.still_there(expected, Timestamp(0), Timestamp(0)), 1_000);
    let later = departures.still_there(expected, Timestamp(0), now);
    assert!((50..100).contains(&later), "{later}");
    // Nobody ever stayed so long.
    let beyond = Timestamp(20 * HOUR);
    assert_eq!(departures.quantile(expected, beyond, 300), beyond);
    assert_eq!(departures.still_there(expected, beyond, beyond.plus(Millis(1))), 0);
}
