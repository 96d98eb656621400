//! How quantities look on the API.

use busbar_charging::units::{Energy, Timestamp};

use super::{Time, Wh, to_decimal};

#[test]
fn decimals_are_exact() {
    let table = [
        (0, 3, "0"),
        (1, 3, "0.001"),
        (-1, 3, "-0.001"),
        (12_345_600, 3, "12345.6"),
        (-12_345_000, 3, "-12345"),
        (1_000, 3, "1"),
        (190_000, 4, "19"),
        (75_000, 4, "7.5"),
        (i64::MAX, 3, "9223372036854775.807"),
        (i64::MIN, 3, "-9223372036854775.808"),
    ];
    for (value, digits, text) in table {
        assert_eq!(to_decimal(value, digits), text);
    }
    let json = serde_json::to_string(&Wh(Energy(i64::MAX))).unwrap();
    assert_eq!(json, "9223372036854775.807");
}

#[test]
fn times_are_rfc_3339() {
    let time = Time::parse("2026-11-24T08:00:00+01:00").unwrap();
    assert_eq!(serde_json::to_string(&time).unwrap(), "\"2026-11-24T07:00:00.000Z\"");
    for wrong in ["", "yesterday", "2026-11-24", "2026-11-24T08:00:00", "1e9"] {
        assert!(Time::parse(wrong).is_err(), "{wrong}");
    }
    assert!(serde_json::to_string(&Time(Timestamp(i64::MAX))).is_ok());
}
