//! Owns which changes are not worth a message.

use super::commands::{Bench, amps};
use crate::load::kernel::capability::Capability;
use crate::load::kernel::decide::Why;
use crate::load::kernel::event::Returned;
use crate::units::Current;

fn bench(wishes: [i64; 3]) -> Bench {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle(wishes);
    assert_eq!(bench.sent(), []);
    bench
}

#[test]
fn a_little_less_is_not_said_while_the_row_holds_it() {
    let mut bench = bench([14, 13, 12]);
    bench.wishes = [13_100, 12_100, 11_100].map(Current);
    assert_eq!(bench.sent(), []);
    // An ampere is said, whatever the row holds.
    bench.wishes[0] = amps(13);
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(13))]);
}

#[test]
fn a_limit_that_its_car_does_not_reach_stays_until_somebody_wants_the_room() {
    let mut bench = bench([14, 13, 6]);
    bench.measured(0, amps(7));
    bench.wishes[0] = amps(9);
    assert_eq!(bench.sent(), []);
    bench.wishes[2] = amps(16);
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(9))]);
    bench.answer(0, Returned::Accepted);
    bench.wait(30);
    // It takes all that it may again: now a lower limit bites.
    bench.measured(0, amps(9));
    bench.wishes = [amps(8), amps(13), amps(6)];
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(8))]);
}

#[test]
fn a_row_that_cannot_hold_it_lowers_a_few_by_a_whole_step() {
    let mut bench = bench([14, 13, 13]);
    let mut messages = 0;
    let mut told = [14_000, 13_000, 13_000];
    // A base load that rises by 3 A in half a minute; all fall by a third of that.
    for second in 1..=30 {
        bench.limit = Current(40_000 - second * 100);
        (bench.announced, bench.lasting) = (bench.limit, bench.limit);
        bench.wishes = [14_000, 13_000, 13_000].map(|from| Current(from - second * 34));
        for (evse, why, limit) in bench.sent() {
            assert_eq!(why, Why::Decrease);
            assert!(limit.0 <= told[evse] - 1_000, "{evse}: {} to {}", told[evse], limit.0);
            (told[evse], messages) = (limit.0, messages + 1);
            bench.answer(evse, Returned::Accepted);
        }
        bench.wait(1);
    }
    let sum: i64 = told.iter().sum();
    assert!(sum <= bench.limit.0, "{told:?}");
    assert!(messages <= 6, "{messages}");
}

#[test]
fn who_waits_for_room_gets_it_of_those_who_have_a_little_too_much() {
    let mut bench = bench([14, 13, 7]);
    bench.wishes = [13_100, 12_100, 13_900].map(Current);
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(13))]);
    bench.answer(0, Returned::Accepted);
    bench.wait(61);
    assert_eq!(bench.sent(), [(2, Why::Increase, Current(13_900))]);
}

#[test]
fn nobody_is_raised_into_what_will_not_last() {
    let mut bench = bench([14, 7, 7]);
    bench.wishes[1] = amps(12);
    bench.lasting = amps(28);
    assert_eq!(bench.sent(), [], "the base load was higher a minute ago");
    bench.lasting = amps(31);
    assert_eq!(bench.sent(), [(1, Why::Increase, amps(10))]);
}

#[test]
fn a_small_part_of_what_is_wished_does_not_keep_the_rest_waiting() {
    let mut bench = bench([14, 10, 7]);
    bench.wishes[1] = amps(16);
    bench.lasting = Current(31_600);
    assert_eq!(bench.sent(), [], "0.6 A now would make 6 A wait for a minute");
    bench.lasting = amps(40);
    assert_eq!(bench.sent(), [(1, Why::Increase, amps(16))]);
}
