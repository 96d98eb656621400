//! Rules of what a car is measured to draw, and on which legs.

use super::amps;
use super::calls::Yard;
use super::{circuit, config, one_row, point};
use crate::fact::metering::{Measurand, Reading, ReadingContext, ReadingValue, ReportKind};
use crate::input::{Request, StationEvent};
use crate::load::config::Model;
use crate::load::kernel::capability::RateUnit;
use crate::load::kernel::profile::ProfilePurpose;
use crate::load::legs::Legs;
use crate::units::{Current, Millis, Power};

/// A car at an EVSE of three phases.
fn three_legs() -> Yard {
    let points = vec![point(0, "grid", "L1 L2 L3", 6)];
    Yard::charging_at(&config(vec![circuit("grid", None, 100)], points))
}

fn reading(yard: &Yard, phase: Option<&str>, value: ReadingValue) -> Reading {
    let measurand = match value {
        ReadingValue::Power(_) => Measurand::PowerImport,
        ReadingValue::Other { .. } => Measurand::Voltage,
        _ => Measurand::CurrentImport,
    };
    Reading {
        at: yard.now,
        context: ReadingContext::Sample,
        measurand,
        phase: phase.map(Into::into),
        location: None,
        value,
    }
}

#[test]
fn the_legs_of_a_car_are_sure_after_a_minute_and_gone_with_it() {
    let mut yard = three_legs();
    for (seconds, legs) in [(30, Legs::UNKNOWN), (40, Legs::UNKNOWN), (1, Legs::TWO)] {
        yard.report(ReportKind::Updated, &[("L1", 16), ("L2-N", 16), ("L3", 0)]);
        assert_eq!(yard.evse().legs, legs);
        yard.pass(seconds);
    }
    // What was kept while it was away says nothing about now.
    let before = yard.evse().drawn;
    let (now, later) = (yard.now, yard.now.plus(Millis::from_secs(1_000)));
    assert_eq!(yard.evse().legs, Legs::TWO);
    yard.now = now.plus(Millis::from_secs(300));
    assert_eq!(yard.evse().legs, Legs::TWO, "many stations tell their readings seldom");
    yard.now = later;
    // Another car may be there by now.
    assert_eq!(yard.evse().legs, Legs::UNKNOWN);
    let old = now.plus(Millis::from_secs(20));
    let event = StationEvent::Readings {
        evse: 1,
        readings: vec![Reading {
            at: old,
            context: ReadingContext::Sample,
            measurand: Measurand::CurrentImport,
            phase: None,
            location: None,
            value: ReadingValue::Current(Current(30_000)),
        }],
    };
    yard.say(event);
    assert_eq!(yard.evse().drawn, before);
    yard.report(ReportKind::Ended, &[]);
    let evse = yard.evse();
    assert_eq!((evse.transaction, evse.legs), (None, Legs::UNKNOWN));
}

#[test]
fn a_leg_of_which_nothing_is_said_may_be_used() {
    let mut yard = three_legs();
    for _ in 0..4 {
        yard.report(ReportKind::Updated, &[("L1", 16)]);
        yard.pass(30);
    }
    assert_eq!(yard.evse().legs, Legs::UNKNOWN);
    // Where its power is no more than what is on the first, nothing is left for the others.
    for watts in [11_000, 3_700, 3_700] {
        let current = ReadingValue::Current(amps(16));
        let readings = vec![
            reading(&yard, Some("L1"), current),
            reading(&yard, None, ReadingValue::Power(Power(watts))),
        ];
        yard.say(StationEvent::Readings { evse: 1, readings });
        assert_eq!(yard.evse().legs, Legs::UNKNOWN);
        yard.pass(30);
    }
    // It has been so for a minute.
    yard.report(ReportKind::Updated, &[("L1", 16), ("L2", 0), ("L3", 0)]);
    assert_eq!(yard.evse().legs, Legs::ONE);
}

/// Says readings each half minute, and gives the legs that are known after each.
fn legs_by(yard: &mut Yard, told: &[(Option<&str>, ReadingValue)], times: usize) -> Vec<Legs> {
    let once = |_| {
        let readings = told.iter().map(|(phase, value)| reading(yard, *phase, value.clone()));
        let readings = readings.collect();
        yard.say(StationEvent::Readings { evse: 1, readings });
        let legs = yard.evse().legs;
        yard.pass(30);
        legs
    };
    (0..times).map(once).collect()
}

fn on(phase: &str, current: i64) -> (Option<&str>, ReadingValue) {
    (Some(phase), ReadingValue::Current(Current(current)))
}

fn watts(phase: Option<&str>, watts: i64) -> (Option<&str>, ReadingValue) {
    (phase, ReadingValue::Power(Power(watts)))
}

fn volts(phase: &str, volts: i64) -> (Option<&str>, ReadingValue) {
    (Some(phase), ReadingValue::Other { thousandths: volts * 1_000, unit: "V".into() })
}

#[test]
fn a_model_may_be_known_to_leave_out_legs_without_current() {
    let (unknown, one) = (Legs::UNKNOWN, Legs::ONE);
    for (omits, then) in [(None, unknown), (Some(false), unknown), (Some(true), one)] {
        let mut config =
            config(vec![circuit("grid", None, 100)], vec![point(0, "grid", "L1 L2 L3", 6)]);
        let model = Some("true-true-Default".into());
        let described = Model { model, omits_idle_phases: omits, ..config.models[0].clone() };
        config.models.insert(0, described);
        let mut yard = Yard::charging_at(&config);
        assert_eq!(legs_by(&mut yard, &[on("L1", 16_000)], 4), [unknown, unknown, then, then]);
        // Its power says otherwise.
        let both = [on("L1", 16_000), watts(None, 11_000)];
        assert_eq!(legs_by(&mut yard, &both, 3), [unknown; 3]);
        // No leg is named.
        let sum = [(None, ReadingValue::Current(amps(16)))];
        assert_eq!(legs_by(&mut yard, &sum, 3), [unknown; 3]);
    }
}

/// At the outlet and at the inlet, of a car on two legs.
#[test]
fn a_leg_that_is_told_at_two_places_carries_its_current_once() {
    let twice = [on("L1", 16_000), on("L1", 16_000), watts(None, 7_360)];
    assert_eq!(legs_by(&mut three_legs(), &twice, 3), [Legs::UNKNOWN; 3]);
}

#[test]
fn more_power_than_is_on_the_known_legs_is_on_others() {
    let mut yard = three_legs();
    let (unknown, one) = (Legs::UNKNOWN, Legs::ONE);
    // It ends its charge with little on all, of which the others are not told, and begins anew.
    let first = |current, all| [on("L1", current), watts(None, all)];
    assert_eq!(legs_by(&mut yard, &first(1_100, 330), 3), [unknown; 3], "too little to tell");
    assert_eq!(legs_by(&mut yard, &first(6_000, 1_380), 3), [unknown, unknown, one]);
    assert_eq!(legs_by(&mut yard, &first(16_000, 11_040), 4), [unknown; 4]);
    assert_eq!(legs_by(&mut yard, &first(16_000, 3_680), 3), [unknown, unknown, one]);
}

#[test]
fn the_voltage_may_be_a_tenth_more_and_is_believed_where_it_is_told() {
    let (unknown, one) = (Legs::UNKNOWN, Legs::ONE);
    // 250 V; another leg with as much at 207 V.
    for (all, then) in [(8_000, one), (13_248, unknown)] {
        let mut yard = three_legs();
        let told = [on("L1", 32_000), watts(None, all)];
        assert_eq!(legs_by(&mut yard, &told, 3), [unknown, unknown, then]);
    }
    let between = volts("L1-L2", 400);
    for (told, then) in [
        (vec![volts("L1-N", 250), between.clone()], one),
        (vec![volts("L1-N", 230)], unknown),
        (vec![between, volts("L2-N", 0)], one),
    ] {
        let mut yard = three_legs();
        let told = [&[on("L1", 32_000), watts(None, 8_000)], &told[..]].concat();
        assert_eq!(legs_by(&mut yard, &told, 3), [unknown, unknown, then], "{told:?}");
    }
}

#[test]
fn the_power_of_each_leg_says_where_no_current_does() {
    let (unknown, two) = (Legs::UNKNOWN, Legs::TWO);
    let legs = |third| [watts(Some("L1-N"), 3_680), watts(Some("L2-N"), 3_600), third];
    let sum = (None, ReadingValue::Current(amps(16)));
    for third in [watts(Some("L3-N"), 0), watts(None, 7_280)] {
        let mut yard = three_legs();
        assert_eq!(legs_by(&mut yard, &legs(third.clone()), 3), [unknown, unknown, two]);
        // A current that names no leg does not hide it.
        let mut yard = three_legs();
        let told = [&legs(third)[..], std::slice::from_ref(&sum)].concat();
        assert_eq!(legs_by(&mut yard, &told, 3), [unknown, unknown, two]);
    }
    let mut yard = three_legs();
    assert_eq!(legs_by(&mut yard, &legs(sum), 3), [unknown; 3], "the third is not told");
}

#[test]
fn the_only_leg_may_have_the_name_of_its_line() {
    let mut second = one_row(1, 100, 6);
    second.tree.evses[0].phases = crate::load::legs::Rotation::parse("L2").unwrap();
    let mut yard = Yard::charging_at(&second);
    for _ in 0..4 {
        yard.report(ReportKind::Updated, &[("L2", 16)]);
        yard.pass(30);
    }
    let evse = yard.evse();
    assert_eq!((evse.legs, evse.drawn.map(|(_, drawn)| drawn)), (Legs::UNKNOWN, Some(amps(16))));
}

#[test]
fn a_draw_that_no_cable_bears_is_bounded_and_seen() {
    let mut yard = three_legs();
    yard.report(ReportKind::Updated, &[("L1", 16)]);
    for value in [i64::MIN, i64::MAX, i64::MAX, i64::MAX].map(Current) {
        let readings = vec![
            reading(&yard, Some("L1"), ReadingValue::Current(value)),
            reading(&yard, Some("L2"), ReadingValue::Current(value)),
            reading(&yard, None, ReadingValue::Power(Power(i64::MAX))),
        ];
        yard.say(StationEvent::Readings { evse: 1, readings });
        yard.pass(15);
    }
    let evse = yard.evse();
    assert_eq!((evse.drawn.map(|(_, drawn)| drawn), evse.disobedient), (Some(amps(512)), true));
}

/// The meter shows all, the station tells its car's draw once a minute: in between the car is told
/// less, or leaves.
#[test]
fn what_a_car_no_longer_draws_is_not_taken_from_the_reading_of_all() {
    let mut tree = one_row(1, 63, 6);
    tree.tree.circuits[0].meter = Some("main".into());
    tree.tree.circuits[0].base_load = Some(crate::load::amount::PerLine::all(amps(40)));
    let mut yard = Yard::of("true-true-Default", &tree);
    let read = |yard: &mut Yard, all: i64| {
        let (meter, lines) = ("main".into(), [amps(all); 3]);
        yard.host.ask(yard.now, Request::MeterLoad { meter, lines, with_evses: true });
        yard.host.site.load_view(yard.now).unwrap().rows[0].base
    };
    read(&mut yard, 20);
    yard.report(ReportKind::Started, &[("L1", 0)]);
    for _ in 0..3 {
        for sent in yard.pass(30) {
            yard.answer(sent.command, super::host::accepted());
        }
        read(&mut yard, 20);
    }
    assert_eq!(yard.evse().limit, amps(32));
    yard.report(ReportKind::Updated, &[("L1", 32)]);
    assert_eq!(read(&mut yard, 52), amps(20));
    yard.cut(40);
    let told = yard.pass(2);
    assert_eq!(told.len(), 1, "{told:?}");
    let limit = told[0].profile.as_ref().unwrap().periods[0].tenths;
    yard.answer(told[0].command, super::host::accepted());
    yard.pass(10);
    // It followed, and the base load has grown by as much.
    assert_eq!(read(&mut yard, 52), Current(52_000 - limit * 100));
    yard.report(ReportKind::Ended, &[]);
    assert_eq!(read(&mut yard, 52), amps(52));
}

/// A station of watts forgets its limits while a car of three legs charges. Its fallback stands for
/// the next car too, which may use one.
#[test]
fn a_fallback_in_watts_is_that_of_a_car_on_one_leg() {
    let mut tree = config(vec![circuit("grid", None, 100)], vec![point(0, "grid", "L1 L2 L3", 6)]);
    let (model, unit) = (Some("watts".into()), Some(RateUnit::Watts));
    tree.models.push(Model { model, unit, ..Model::default() });
    let mut yard = Yard::of("watts", &tree);
    yard.report(ReportKind::Started, &[("L1", 0)]);
    for _ in 0..4 {
        for sent in yard.pass(30) {
            yard.answer(sent.command, super::host::accepted());
        }
        yard.report(ReportKind::Updated, &[("L1", 16), ("L2", 16), ("L3", 16)]);
    }
    assert_eq!(yard.evse().legs, Legs::THREE);
    yard.boot("watts");
    let sent = yard.pass(2).remove(0).profile.unwrap();
    // 6 A at 207 V.
    assert_eq!((sent.purpose, sent.periods[0].tenths), (ProfilePurpose::Default, 12_420));
}
