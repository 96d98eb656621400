//! Owns what is measured: of EVSEs that do not obey, and of meters that fall silent.

use crate::load::kernel::draw::Draw;
use crate::load::kernel::meter::{Background, Meter, Standing};
use crate::load::kernel::tests::START;
use crate::units::{Current, Millis, Timestamp};

const MAXIMUM: Current = Current(32_000);

fn at(seconds: i64) -> Timestamp {
    START.plus(Millis::from_secs(seconds))
}

fn amps(amps: i64) -> Current {
    Current(amps * 1_000)
}

#[test]
fn a_draw_above_the_limit_counts_at_once_and_with_a_margin_after_ten_seconds() {
    let mut draw = Draw::default();
    assert!(!draw.measured(at(0), amps(20), amps(10)));
    assert_eq!(draw.counted(at(0), MAXIMUM), amps(20));
    assert!(!draw.measured(at(10), amps(20), amps(10)));
    assert!(draw.measured(at(11), amps(20), amps(10)), "it does not obey");
    assert!(draw.is_disobedient());
    assert_eq!(draw.counted(at(11), MAXIMUM), amps(23));
}

#[test]
fn who_obeys_again_is_believed_after_a_minute() {
    let mut draw = Draw::default();
    draw.measured(at(0), amps(20), amps(10));
    draw.measured(at(11), amps(20), amps(10));
    draw.measured(at(20), amps(9), amps(10));
    draw.measured(at(79), amps(9), amps(10));
    assert!(draw.is_disobedient());
    draw.measured(at(80), amps(9), amps(10));
    assert_eq!(draw.counted(at(80), MAXIMUM), Current::ZERO);
}

#[test]
fn who_does_not_obey_and_is_not_measured_counts_with_all_it_can() {
    let mut draw = Draw::default();
    draw.measured(at(0), amps(20), amps(10));
    draw.measured(at(11), amps(20), amps(10));
    assert_eq!(draw.counted(at(72), MAXIMUM), MAXIMUM);
}

#[test]
fn a_pause_is_believed_once_until_it_keeps_to_a_limit_under_which_it_draws() {
    let mut draw = Draw::default();
    let mut begin = 0;
    let mut disobeys = |draw: &mut Draw| {
        begin += 1_000;
        draw.measured(at(begin), amps(20), amps(10));
        assert!(draw.measured(at(begin + 11), amps(20), amps(10)));
        begin
    };
    let pauses = |draw: &mut Draw, begin: i64| {
        for second in [20, 79, 80] {
            assert!(draw.is_disobedient());
            draw.paused(at(begin + second), Current::ZERO, Current::ZERO);
        }
        draw.is_disobedient()
    };
    let begin = disobeys(&mut draw);
    assert!(!pauses(&mut draw, begin));
    assert_eq!(draw.counted(at(begin + 80), MAXIMUM), Current::ZERO);
    // It keeps to no limit where it may draw all that it takes, nor where it takes less.
    for (second, current, allowed) in [(100, 20, 32), (170, 20, 20), (240, 5, 10), (310, 0, 10)] {
        for second in [second, second + 60] {
            draw.measured(at(begin + second), amps(current), amps(allowed));
        }
    }
    let begin = disobeys(&mut draw);
    assert!(pauses(&mut draw, begin), "once");
    for second in [100, 130, 160] {
        draw.measured(at(begin + second), amps(9), amps(10));
    }
    assert!(!draw.is_disobedient());
    let begin = disobeys(&mut draw);
    assert!(!pauses(&mut draw, begin), "it has shown since that it keeps to limits");
}

/// Two half minutes of different kinds are none.
#[test]
fn a_pause_and_a_draw_do_not_add_up() {
    let mut draw = Draw::default();
    draw.measured(at(0), amps(20), amps(10));
    draw.measured(at(11), amps(20), amps(10));
    for (second, current) in [(20, 0), (50, 0), (60, 9), (110, 9), (115, 0), (170, 0)] {
        match current {
            0 => draw.paused(at(second), Current::ZERO, Current::ZERO),
            _ => draw.measured(at(second), amps(current), amps(10)),
        };
        assert!(draw.is_disobedient(), "{second}");
    }
}

#[test]
fn an_error_of_the_meter_is_no_disobedience() {
    let mut draw = Draw::default();
    for n in 0..20 {
        assert!(!draw.measured(at(n), Current(10_900), amps(10)));
    }
    assert_eq!(draw.counted(at(20), MAXIMUM), Current::ZERO);
}

#[test]
fn a_silent_meter_is_taken_higher_the_longer_it_is_silent() {
    let mut meter = Meter::new(amps(100), Millis::from_secs(10));
    let before = meter.background(at(0));
    let taken = |load, lately, standing| {
        let (load, lately) = (amps(load), amps(lately));
        Background { load, lately, standing }
    };
    assert_eq!(before, taken(100, 100, Standing::Lost));
    for n in 0..40 {
        let value = if n == 20 { amps(60) } else { amps(30) };
        meter.measured(at(n * 10), value);
    }
    let background = |seconds: i64| meter.background(at(390 + seconds));
    assert_eq!(background(30), taken(30, 60, Standing::Fresh));
    assert_eq!(background(31), taken(60, 60, Standing::Quantile));
    assert_eq!(background(60), taken(60, 60, Standing::Bound));
    assert_eq!(background(300), taken(100, 100, Standing::Lost));
    // What was read, it can be again, whatever is configured.
    meter.bound(amps(40), amps(200));
    assert_eq!(meter.background(at(690)), taken(60, 60, Standing::Lost));
}

#[test]
fn a_reading_that_cannot_be_is_none() {
    let mut meter = Meter::new(amps(100), Millis::from_secs(10));
    meter.measured(at(0), amps(30));
    meter.measured(at(10), Current(i64::MAX));
    meter.measured(at(20), Current(i64::MIN));
    meter.measured(at(-5), amps(40));
    assert_eq!(meter.refused(), 3);
    assert_eq!(meter.background(at(40)).standing, Standing::Quantile, "it counts as silent");
    meter.measured(at(50), amps(-20));
    assert_eq!(meter.background(at(50)).load, Current::ZERO, "an export can end at any time");
}

/// A meter that counts what is exported, read every second, and one that does not.
fn counting() -> Meter {
    let mut meter = Meter::new(amps(100), Millis::from_secs(10));
    meter.count_generation(true);
    meter
}

#[test]
fn generation_counts_with_the_least_of_a_quarter_of_an_hour_until_it_ends() {
    let mut meter = counting();
    let mut read = |from: i64, until: i64, value: fn(i64) -> i64| {
        for second in from..until {
            meter.measured(at(second), amps(value(second)));
        }
        meter.background(at(until - 1)).load
    };
    // Clouds: between 20 and 30 A, and for one second of each quarter of an hour 12 A.
    let cloudy = |second: i64| if second % 900 == 450 { -12 } else { -20 - second % 11 };
    assert_eq!(read(0, 13 * 60, cloudy), Current::ZERO, "it is not steady yet");
    assert_eq!(read(13 * 60, 3_600, cloudy), amps(-12));
    // All of it ends, and is seen to with the first reading.
    assert_eq!(read(3_600, 3_601, |_| 5), amps(5));
    assert_eq!(read(3_601, 3_660, cloudy), Current::ZERO, "it has to be steady again");
    assert_eq!(read(3_660, 3_601 + 16 * 60, cloudy), amps(-12));
    let last = 3_600 + 16 * 60;
    let silent = |seconds: i64| meter.background(at(last + seconds));
    let (load, standing) = (amps(-12), Standing::Fresh);
    assert_eq!(silent(30), Background { load, lately: load, standing });
    assert_eq!(silent(31).standing, Standing::Quantile);
    for seconds in [31, 60, 299, 300, 4_000] {
        assert!(silent(seconds).load >= Current::ZERO, "it is silent: {:?}", silent(seconds));
    }
}

#[test]
fn generation_is_never_more_than_what_was_read_and_nothing_where_it_is_not_asked_for() {
    use crate::load::kernel::tests::Random;
    for seed in 0..200 {
        let mut random = Random(seed);
        let (mut counts, mut plain) = (counting(), Meter::new(amps(100), Millis::from_secs(10)));
        let (mut now, mut readings) = (0, Vec::new());
        let level = random.between(-40, 20);
        for _ in 0..400 {
            now += if random.per_mille(20) { random.between(1, 400) } else { 10 };
            let value = amps(level + random.between(-6, 6));
            readings.push((now, value));
            counts.measured(at(now), value);
            plain.measured(at(now), value);
            let later = at(now + random.between(0, 400));
            let (with, without) = (counts.background(later), plain.background(later));
            assert_eq!(with.standing, without.standing, "seed {seed}");
            assert_eq!(with.load.max(Current::ZERO), without.load, "seed {seed}");
            if with.load < Current::ZERO {
                assert_eq!(with.standing, Standing::Fresh, "seed {seed}");
                let lately = readings.iter().filter(|(read, _)| now - read <= 14 * 60);
                assert!(lately.clone().all(|(_, value)| *value <= with.load), "seed {seed}");
                assert!(lately.count() >= 14, "seed {seed}");
            }
        }
    }
}

/// Our own clock was an hour ahead, and is set right: what is read from then on counts.
#[test]
fn a_clock_that_is_set_back_makes_no_reading_old_for_ever() {
    let mut meter = Meter::new(amps(100), Millis::from_secs(10));
    meter.measured(at(3_600), amps(30));
    let before = meter.background(at(0));
    assert_eq!((before.load, before.standing), (amps(100), Standing::Lost));
    meter.measured(at(5), amps(40));
    let after = meter.background(at(6));
    assert_eq!((after.load, after.standing), (amps(40), Standing::Fresh));
    let mut draw = Draw::default();
    draw.measured(at(3_600), amps(6), amps(32));
    assert_eq!(draw.fresh(at(0)), None);
    draw.measured(at(5), amps(16), amps(32));
    assert_eq!(draw.fresh(at(6)), Some(amps(16)));
}

#[test]
fn a_meter_is_heard_on_when_our_clock_was_set_back_by_little() {
    let mut meter = Meter::new(amps(100), Millis::from_secs(10));
    for second in 0..600 {
        meter.measured(at(second), amps(10));
    }
    meter.clock_set(at(555), Millis::from_secs(-45));
    meter.measured(at(556), amps(40));
    assert_eq!(meter.background(at(556)).load, amps(40));
    assert_eq!(meter.background(at(587)).standing, Standing::Quantile);
    // Forward, or asleep: nobody knows which.
    meter.clock_set(at(4_187), Millis::from_secs(3_600));
    assert_eq!(meter.background(at(4_187)).standing, Standing::Lost);
    meter.measured(at(4_190), amps(20));
    meter.restarted(at(4_191));
    assert_eq!(meter.background(at(4_191)).standing, Standing::Bound);
}
