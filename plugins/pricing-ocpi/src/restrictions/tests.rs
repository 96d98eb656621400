//! Each restriction at its edge.

use busbar_sdk::Activity;

use super::*;
use crate::local::{day_of, time_of};

/// Thursday 2026-01-01, 12:00, 10 kWh and one hour in, between 10 and 20 kW and 16 and 32 A.
fn piece() -> Piece {
    Piece {
        start: 0,
        end: 1,
        activity: Activity::Charging,
        local: Local { day: day_of("2026-01-01").unwrap(), time: time_of("12:00").unwrap() },
        energy: 1,
        energy_before: 10_000_000,
        elapsed: 3_600_000,
        power: (Some(10_000), Some(20_000)),
        current: (Some(16_000), Some(32_000)),
    }
}

fn at(time: &str) -> Piece {
    let day = piece().local.day;
    Piece { local: Local { day, time: time_of(time).unwrap() }, ..piece() }
}

#[test]
fn a_window_includes_its_start_and_may_pass_midnight() {
    for (start, end, inside, outside) in [
        (Some("08:00"), Some("20:00"), ["08:00", "19:59"], ["07:59", "20:00"]),
        (Some("22:00"), Some("06:00"), ["22:00", "05:59"], ["21:59", "06:00"]),
        (Some("20:00"), Some("00:00"), ["20:00", "23:59"], ["00:00", "19:59"]),
        (Some("20:00"), None, ["20:00", "23:59"], ["00:00", "19:59"]),
        (None, Some("06:00"), ["00:00", "05:59"], ["06:00", "23:59"]),
    ] {
        let time = |text: &str| time_of(text).unwrap();
        let when = Restrictions {
            start_time: start.map(time),
            end_time: end.map(time),
            ..Restrictions::default()
        };
        for text in inside {
            assert!(when.hold(&at(text), Purpose::Charging), "{start:?} to {end:?} at {text}");
        }
        for text in outside {
            assert!(!when.hold(&at(text), Purpose::Charging), "{start:?} to {end:?} at {text}");
        }
    }
}

#[test]
fn the_same_start_and_end_is_the_whole_day() {
    for text in ["00:00", "09:00"] {
        let time = time_of(text);
        let when = Restrictions { start_time: time, end_time: time, ..Restrictions::default() };
        for text in ["00:00", "08:59", "09:00", "23:59"] {
            assert!(when.hold(&at(text), Purpose::Charging));
        }
    }
}

#[test]
fn minimum_is_inclusive_and_maximum_exclusive() {
    let day = piece().local.day;
    let none = Restrictions::default();
    for (when, holds) in [
        (Restrictions { start_date: Some(day), ..none.clone() }, true),
        (Restrictions { start_date: Some(day + 1), ..none.clone() }, false),
        (Restrictions { end_date: Some(day + 1), ..none.clone() }, true),
        (Restrictions { end_date: Some(day), ..none.clone() }, false),
        (Restrictions { min_energy: Some(10_000_000), ..none.clone() }, true),
        (Restrictions { min_energy: Some(10_000_001), ..none.clone() }, false),
        (Restrictions { max_energy: Some(10_000_001), ..none.clone() }, true),
        (Restrictions { max_energy: Some(10_000_000), ..none.clone() }, false),
        (Restrictions { min_duration: Some(3_600_000), ..none.clone() }, true),
        (Restrictions { min_duration: Some(3_600_001), ..none.clone() }, false),
        (Restrictions { max_duration: Some(3_600_001), ..none.clone() }, true),
        (Restrictions { max_duration: Some(3_600_000), ..none.clone() }, false),
        (Restrictions { min_power: Some(20_000), ..none.clone() }, true),
        (Restrictions { min_power: Some(20_001), ..none.clone() }, false),
        (Restrictions { max_power: Some(10_001), ..none.clone() }, true),
        (Restrictions { max_power: Some(10_000), ..none.clone() }, false),
        (Restrictions { min_current: Some(32_000), ..none.clone() }, true),
        (Restrictions { min_current: Some(32_001), ..none.clone() }, false),
        (Restrictions { max_current: Some(16_001), ..none.clone() }, true),
        (Restrictions { max_current: Some(16_000), ..none.clone() }, false),
        (Restrictions { days: 0b000_1000, ..none.clone() }, true),
        (Restrictions { days: 0b111_0111, ..none.clone() }, false),
        (Restrictions { days: 0b000_1000, max_power: Some(0), ..none.clone() }, false),
        (none, true),
    ] {
        assert_eq!(when.hold(&piece(), Purpose::Charging), holds, "{when:?}");
    }
}

#[test]
fn an_unknown_power_restricts_nothing() {
    let unknown = Piece { power: (None, None), current: (None, None), ..piece() };
    let when = Restrictions {
        min_power: Some(1),
        max_power: Some(1),
        min_current: Some(1),
        max_current: Some(1),
        ..Restrictions::default()
    };
    assert!(when.hold(&unknown, Purpose::Charging));
}

#[test]
fn an_element_serves_one_purpose() {
    let purposes = [Purpose::Charging, Purpose::Reservation, Purpose::Expiry];
    let kinds = [None, Some(Reservation::Reservation), Some(Reservation::Expires)];
    for (row, reservation) in kinds.into_iter().enumerate() {
        let when = Restrictions { reservation, ..Restrictions::default() };
        for (column, purpose) in purposes.into_iter().enumerate() {
            assert_eq!(when.hold(&piece(), purpose), row == column);
        }
    }
}
