//! What a site generates makes room where its operator says so, and no longer than it is there.

use super::Plans;
use super::cars::{Yard, laxity};
use crate::input::Request;
use crate::load::config::Config;
use crate::units::Current;

/// Two cars of 16 A on a line of 20 A that exports 12 A beside them.
fn sunny(count_generation: bool) -> Yard {
    let mut config = Config { count_generation, ..laxity(2, 20) };
    config.tree.circuits[0].meter = Some("M1".into());
    let mut yard = Yard::new(&config, Plans::BuiltIn);
    yard.plug(0, 16, 50_000);
    yard.plug(1, 16, 50_000);
    yard
}

/// The most that both were allowed together while the meter read the same every five seconds.
fn reads(yard: &mut Yard, amps: i64, seconds: i64) -> i64 {
    let mut most = 0;
    for _ in 0..seconds / 5 {
        let lines = [Current(amps * 1_000), Current::ZERO, Current::ZERO];
        yard.ask(Request::MeterLoad { meter: "M1".into(), lines, with_evses: false });
        yard.pass(5);
        most = most.max(allowed(yard));
    }
    most
}

fn allowed(yard: &Yard) -> i64 {
    yard.cars.iter().map(|car| car.limit.0).sum()
}

#[test]
fn generation_makes_room_until_it_ends() {
    let mut yard = sunny(true);
    assert!(reads(&mut yard, -12, 12 * 60) <= 20_000, "it is not steady yet");
    assert!(reads(&mut yard, -12, 10 * 60) > 31_000, "{} mA", allowed(&yard));
    yard.host.crash(yard.now);
    yard.host.input(yard.now, crate::input::Input::Recovered);
    (0..2).for_each(|n| yard.connect(n));
    reads(&mut yard, -12, 5 * 60);
    assert!(allowed(&yard) > 31_000, "{} mA after a crash", allowed(&yard));
    reads(&mut yard, 0, 15);
    assert!(allowed(&yard) <= 20_000, "{} mA, 15 s after all of it ended", allowed(&yard));
}

#[test]
fn a_silent_meter_generates_nothing() {
    let mut yard = sunny(true);
    reads(&mut yard, -12, 22 * 60);
    assert!(allowed(&yard) > 31_000, "{} mA", allowed(&yard));
    yard.pass(50);
    assert!(allowed(&yard) <= 20_000, "{} mA", allowed(&yard));
}

#[test]
fn who_does_not_ask_for_it_counts_no_generation() {
    assert!(reads(&mut sunny(false), -12, 22 * 60) <= 20_000);
}
