//! Owns what an EVSE is counted with.

use crate::load::kernel::clock::Credit;
use crate::load::kernel::event::{Granted, Purpose, Returned};
use crate::load::kernel::ledger::{GRACE, GrantId, LEASE_GRACE, Lease, Ledger};
use crate::load::kernel::tests::START;
use crate::load::rows::EvseId;
use crate::units::{Current, Millis, Timestamp};

const MAXIMUM: Current = Current(32_000);
const FALLBACK: Current = Current(6_000);
const CREDIT: Option<Credit> =
    Some(Credit { offset: Millis(0), uncertainty: Millis::from_secs(5) });

fn at(seconds: i64) -> Timestamp {
    START.plus(Millis::from_secs(seconds))
}

fn granted(grant: u64, seconds: i64, amps: i64) -> Granted {
    let (lease, purpose) = match grant {
        1 => (None, Purpose::Default),
        _ => (Some(Lease { end: at(seconds + 900), offset: Millis(0) }), Purpose::Transaction),
    };
    Granted {
        at: at(seconds),
        evse: EvseId::parse("CS-0/1").unwrap(),
        grant: GrantId(grant),
        purpose,
        limit: Current(amps * 1_000),
        counted: Current(amps * 1_000),
        after: FALLBACK,
        lease,
    }
}

fn accept(ledger: &mut Ledger, grant: u64, seconds: i64) {
    ledger.returned(at(seconds), GrantId(grant), Returned::Accepted, CREDIT);
}

/// Its fallback was acknowledged long ago.
fn commissioned() -> Ledger {
    let mut ledger = Ledger::new(MAXIMUM);
    ledger.grant(&granted(1, -100, 6));
    accept(&mut ledger, 1, -99);
    ledger
}

#[test]
fn an_evse_that_was_told_nothing_is_counted_with_all_it_can() {
    let mut ledger = Ledger::new(MAXIMUM);
    assert_eq!(ledger.exposure(at(0), CREDIT), MAXIMUM);
    ledger.grant(&granted(1, 0, 6));
    assert_eq!(ledger.exposure(at(1), CREDIT), MAXIMUM, "it was sent, and no more");
    accept(&mut ledger, 1, 2);
    assert_eq!(ledger.exposure(at(3), CREDIT), MAXIMUM, "its car has not followed");
    assert_eq!(ledger.exposure(at(2).plus(GRACE), CREDIT), FALLBACK);
}

#[test]
fn an_increase_counts_when_it_is_granted_and_a_decrease_when_the_car_has_followed() {
    let mut ledger = commissioned();
    ledger.grant(&granted(2, 0, 20));
    assert_eq!(ledger.exposure(at(0), CREDIT), Current(20_000));
    accept(&mut ledger, 2, 3);
    ledger.grant(&granted(3, 60, 10));
    assert_eq!(ledger.exposure(at(62), CREDIT), Current(20_000));
    accept(&mut ledger, 3, 64);
    assert_eq!(ledger.exposure(at(71), CREDIT), Current(20_000));
    assert_eq!(ledger.exposure(at(72), CREDIT), Current(10_000));
}

#[test]
fn what_was_not_acknowledged_may_hold() {
    for how in [Returned::Refused, Returned::TimedOut, Returned::Gone { may_have_left: true }] {
        let mut ledger = commissioned();
        ledger.grant(&granted(2, 0, 20));
        ledger.returned(at(10), GrantId(2), how, CREDIT);
        assert_eq!(ledger.exposure(at(60), CREDIT), Current(20_000), "{how:?}");
        // A later one replaces it.
        ledger.grant(&granted(3, 60, 8));
        accept(&mut ledger, 3, 62);
        assert_eq!(ledger.exposure(at(62).plus(GRACE), CREDIT), Current(8_000), "{how:?}");
    }
}

#[test]
fn what_never_left_does_not_count() {
    let mut ledger = commissioned();
    ledger.grant(&granted(2, 0, 20));
    let how = Returned::Gone { may_have_left: false };
    ledger.returned(at(1), GrantId(2), how, CREDIT);
    assert_eq!(ledger.exposure(at(1), CREDIT), FALLBACK);
}

#[test]
fn a_lease_ends_for_a_clock_that_is_known_and_for_no_other() {
    let mut ledger = commissioned();
    ledger.grant(&granted(2, 0, 20));
    accept(&mut ledger, 2, 3);
    let end = at(900).plus(LEASE_GRACE).plus(Millis::from_secs(5));
    assert_eq!(ledger.exposure(end, CREDIT), Current(20_000));
    assert_eq!(ledger.exposure(end.plus(Millis(1)), CREDIT), FALLBACK);
    assert_eq!(ledger.exposure(at(100_000), None), Current(20_000));
    // The clock turns out to be five minutes behind what was believed when the end was written.
    let slower = Some(Credit { offset: Millis::from_secs(-300), uncertainty: Millis(0) });
    assert_eq!(ledger.exposure(at(900 + 329), slower), Current(20_000));
    assert_eq!(ledger.exposure(at(900 + 331), slower), FALLBACK);
}

#[test]
fn the_limit_of_a_transaction_falls_when_it_ends() {
    let mut ledger = commissioned();
    ledger.grant(&granted(2, 0, 20));
    accept(&mut ledger, 2, 3);
    ledger.transaction_ended(at(50), CREDIT);
    assert_eq!(ledger.exposure(at(57), CREDIT), Current(20_000));
    assert_eq!(ledger.exposure(at(58), CREDIT), FALLBACK);
}

#[test]
fn a_hundred_answers_that_never_came_are_counted_in_bounded_memory() {
    let mut ledger = commissioned();
    for grant in 2..102 {
        ledger.grant(&granted(grant, grant as i64 * 10, 10 + (grant as i64 % 10)));
        ledger.returned(at(grant as i64 * 10 + 5), GrantId(grant), Returned::TimedOut, CREDIT);
    }
    assert!(ledger.in_flight(Purpose::Transaction).len() <= 8);
    assert_eq!(ledger.exposure(at(1_100), CREDIT), Current(19_000));
    accept(&mut ledger, 101, 1_101);
    assert!(ledger.in_flight(Purpose::Transaction).is_empty());
}

#[test]
fn what_is_lost_in_a_reboot_counts_with_all_it_can() {
    let mut ledger = commissioned();
    ledger.lost(MAXIMUM);
    assert!(ledger.is_unlimited());
    assert_eq!(ledger.exposure(at(0), CREDIT), MAXIMUM);
}

#[test]
fn what_was_over_by_a_clock_that_was_right_stays_so_and_nothing_else_is() {
    let mut ledger = commissioned();
    ledger.grant(&granted(2, 0, 20));
    accept(&mut ledger, 2, 3);
    let (set, hour) = (at(100), 3_600);
    let mut early = ledger.clone();
    early.doubt_our_clock(at(100 + hour), set, Millis::from_secs(hour), CREDIT);
    assert_eq!(early.exposure(at(100 + hour), None), Current(20_000), "all it had fallen from");
    assert_eq!(early.exposure(at(5_000), None), Current(20_000), "its lease may go on");
    ledger.doubt_our_clock(at(950 + hour), at(950), Millis::from_secs(hour), CREDIT);
    assert_eq!(ledger.exposure(at(950 + hour), None), FALLBACK, "it was over before");
}

#[test]
fn what_was_falling_when_our_clock_was_set_falls_anew() {
    let mut ledger = commissioned();
    ledger.grant(&granted(2, 0, 20));
    accept(&mut ledger, 2, 3);
    ledger.grant(&granted(3, 60, 10));
    accept(&mut ledger, 3, 64);
    ledger.doubt_our_clock(at(3_664), at(66), Millis(0), CREDIT);
    assert_eq!(ledger.exposure(at(3_671), None), Current(20_000));
    assert_eq!(ledger.exposure(at(3_672), None), Current(10_000));
}

#[test]
fn what_stayed_over_is_judged_anew_once_its_station_is_heard() {
    let mut ledger = commissioned();
    ledger.grant(&granted(2, 0, 20));
    accept(&mut ledger, 2, 3);
    ledger.doubt_our_clock(at(950), at(950), Millis(0), CREDIT);
    assert_eq!(ledger.exposure(at(960), None), FALLBACK);
    ledger.judge_ends_anew();
    assert_eq!(ledger.exposure(at(960), None), Current(20_000));
}
