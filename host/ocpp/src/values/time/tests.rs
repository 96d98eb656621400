//! Dates with time: readings, instants and round trips.

use super::*;
use proptest::prelude::*;

#[test]
fn reads_what_the_standard_demands() {
    for (text, ms) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.001Z", 1),
        ("1970-01-01T00:00:00.0019999999Z", 1),
        ("1970-01-01T00:00:00.5Z", 500),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2024-03-01t12:00:00z", 1_709_294_400_000),
        ("2024-03-01T14:00:00+02:00", 1_709_294_400_000),
        ("2024-03-01T06:30:00-05:30", 1_709_294_400_000),
        ("2024-03-01T12:00:00-00:00", 1_709_294_400_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000),
    ] {
        assert_eq!(read(text), Reading::Sound(ms), "{text}");
        assert_eq!(Time::new(text).unwrap().epoch_ms(), ms);
        assert_eq!(Time::new(text).unwrap().as_str(), text);
    }
}

#[test]
fn bears_a_missing_and_a_short_zone() {
    for (text, ms) in [
        ("1970-01-01T00:00:01", 1000),
        ("1970-01-01T00:00:01.25", 1250),
        ("1970-01-01T02:00:01+02", 1000),
        ("1970-01-01T02:30:01+0230", 1000),
    ] {
        assert_eq!(read(text), Reading::Borne(ms), "{text}");
        assert_eq!(Time::new(text), Err(OutOfBounds));
    }
}

#[test]
fn refuses_the_rest() {
    for text in [
        "",
        "yesterday",
        "2024-03-01",
        "2024-03-01 12:00:00Z",
        "2024-02-30T12:00:00Z",
        "2023-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2024-13-01T12:00:00Z",
        "2024-00-01T12:00:00Z",
        "2024-01-00T12:00:00Z",
        "2024-03-01T24:00:00Z",
        "2024-03-01T12:60:00Z",
        "2024-03-01T12:00:61Z",
        "2024-03-01T12:58:60Z",
        "2024-03-01T12:00:00.Z",
        "2024-03-01T12:00Z",
        "2024-03-01T12:00:00+2",
        "2024-03-01T12:00:00+24:00",
        "2024-03-01T12:00:00+02:60",
        "2024-03-01T12:00:00+02:",
        "2024-03-01T12:00:00+02:0",
        "2024-03-01T12:00:00Zx",
        "2024-03-01T12:00:00 Z",
        "+2024-03-01T12:00:00Z",
        "12024-03-01T12:00:00Z",
        "2024-3-1T12:00:00Z",
        "２024-03-01T12:00:00Z",
    ] {
        assert_eq!(read(text), Reading::Unreadable, "{text}");
    }
}

#[test]
fn writes_utc_with_milliseconds_only_where_there_are_some() {
    assert_eq!(Time::from_epoch_ms(0).as_str(), "1970-01-01T00:00:00Z");
    assert_eq!(Time::from_epoch_ms(1_709_294_400_050).as_str(), "2024-03-01T12:00:00.050Z");
    assert_eq!(Time::from_epoch_ms(-1).as_str(), "1969-12-31T23:59:59.999Z");
    assert_eq!(Time::from_epoch_ms(i64::MAX).as_str(), "9999-12-31T23:59:59.999Z");
    assert_eq!(Time::from_epoch_ms(i64::MIN).as_str(), "0000-01-01T00:00:00Z");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(ms in FIRST_MS..=LAST_MS) {
        let time = Time::from_epoch_ms(ms);
        prop_assert_eq!(read(time.as_str()), Reading::Sound(ms));
        prop_assert_eq!(time.epoch_ms(), ms);
    }

    #[test]
    fn any_text_is_read_without_panic(text in "[0-9]{0,4}[-T:0-9.Zz+ é]{0,24}") {
        let _ = read(&text);
    }
}
