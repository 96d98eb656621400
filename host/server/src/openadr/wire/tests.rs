//! Numbers, times and spans as VTNs write them.

use super::*;

#[test]
fn a_number_is_read_by_its_digits() {
    use Rounding::{Down, Nearest};
    for (text, scale, rounding, expected) in [
        ("0.2534", 6, Nearest, Some(253_400)),
        ("0.30000000000000004", 6, Nearest, Some(300_000)),
        ("-0.0000005", 6, Nearest, Some(-1)),
        ("0.0000004999", 6, Nearest, Some(0)),
        ("2.5e-1", 6, Nearest, Some(250_000)),
        ("17", 3, Down, Some(17_000)),
        ("1.7E1", 3, Down, Some(17_000)),
        ("17.9999", 3, Down, Some(17_999)),
        ("-0.0001", 3, Down, Some(-1)),
        ("0", 3, Down, Some(0)),
        ("0.0", 3, Down, Some(0)),
        ("1e80", 3, Down, None),
        ("1e999999999999", 3, Down, None),
        ("9223372036854775807", 3, Down, None),
        ("\"17\"", 3, Down, None),
        ("null", 3, Down, None),
        ("[]", 3, Down, None),
        ("", 3, Down, None),
        ("-", 3, Down, None),
    ] {
        assert_eq!(scaled(text, scale, rounding), expected, "{text}");
    }
}

#[test]
fn a_span_is_added_by_the_calendar() {
    let at = |text: &str| time(text, Timestamp(5)).unwrap();
    let from = at("2026-11-29T10:00:00Z");
    for (span, expected) in [
        ("PT15M", "2026-11-29T10:15:00Z"),
        ("P0Y0M1DT0H0M0S", "2026-11-30T10:00:00Z"),
        ("P1M", "2026-12-29T10:00:00Z"),
        ("PT0S", "2026-11-29T10:00:00Z"),
    ] {
        assert_eq!(after(from, span), Ok(at(expected)), "{span}");
    }
    for span in ["P9999Y", "P9999Y0M0DT0H0M0S"] {
        assert_eq!(after(from, span), Ok(Timestamp::NEVER), "{span}");
    }
    for span in ["", "P", "-PT1H", "15"] {
        assert!(after(from, span).is_err(), "{span}");
    }
    assert_eq!(
        after(Timestamp::NEVER, "PT1H"),
        Err("\"PT1H\" is not a duration as PT15M is".into())
    );
}

#[test]
fn the_first_day_of_the_calendar_is_now() {
    let now = Timestamp(5);
    for text in ["0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z"] {
        assert_eq!(time(text, now), Ok(now), "{text}");
    }
    assert_eq!(time("1970-01-01T01:00:00+01:00", now), Ok(Timestamp(0)));
    assert!(time("today", now).is_err());
}
