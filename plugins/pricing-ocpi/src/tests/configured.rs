//! What `prepare` refuses, and what it says of a tariff.

use busbar_sdk::PriceUnit;

use super::*;

/// A tariff with one field set: by its JSON pointer in `with`.
fn refused(text: &str) -> (String, String) {
    match prepared(text) {
        Err(Error::InvalidConfiguration(fault)) => (fault.at, fault.message),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_is_wrong_in_a_tariff_is_said_with_its_place() {
    for (more, at) in [
        (r#", "min_price": {"excl_vat": -1}"#, "/min_price/excl_vat"),
        (r#", "min_price": {}"#, "/min_price"),
        (r#", "max_price": "75""#, "/max_price"),
        (r#", "min_price": 5, "max_price": 4"#, "/min_price"),
        (r#", "tax_included": "MAYBE""#, "/tax_included"),
        (r#", "type": "HAPPY_HOUR""#, "/type"),
        (r#", "start_date_time": "2026-01-01""#, "/start_date_time"),
        (r#", "start_date_time": "2026-02-30T00:00:00Z""#, "/start_date_time"),
        (
            r#", "start_date_time": "2026-01-02T00:00:00Z",
               "end_date_time": "2026-01-01T00:00:00Z""#,
            "/end_date_time",
        ),
    ] {
        assert_eq!(refused(&tariff(&element(&[("ENERGY", "1", 1)], ""), more)).0, at, "{more}");
    }
}

#[test]
fn what_is_wrong_in_a_restriction_is_said_with_its_place() {
    for (restrictions, at) in [
        (r#""start_time": "24:00""#, "start_time"),
        (r#""start_time": "9:00""#, "start_time"),
        (r#""end_time": 900"#, "end_time"),
        (r#""start_date": "2026-02-29""#, "start_date"),
        (r#""end_date": "01.02.2026""#, "end_date"),
        (r#""start_date": "2026-02-02", "end_date": "2026-02-01""#, "end_date"),
        (r#""min_kwh": -1"#, "min_kwh"),
        (r#""max_kwh": "10""#, "max_kwh"),
        (r#""min_kwh": 10, "max_kwh": 5"#, "max_kwh"),
        (r#""min_power": -0.1"#, "min_power"),
        (r#""max_power": true"#, "max_power"),
        (r#""min_current": [1]"#, "min_current"),
        (r#""max_current": 1e30"#, "max_current"),
        (r#""min_duration": 1.5"#, "min_duration"),
        (r#""max_duration": -60"#, "max_duration"),
        (r#""max_duration": 9223372036854775807"#, "max_duration"),
        (r#""day_of_week": "MONDAY""#, "day_of_week"),
        (r#""day_of_week": ["MONDAY", "Tuesday"]"#, "day_of_week/1"),
        (r#""reservation": "YES""#, "reservation"),
    ] {
        let text = tariff(&element(&[("ENERGY", "1", 1)], restrictions), "");
        let expected = format!("/elements/0/restrictions/{at}");
        assert_eq!(refused(&text).0, expected, "{restrictions}");
    }
    for (component, at) in [
        (r#"{"price": 1}"#, "/type"),
        (r#"{"type": "WATER", "price": 1}"#, "/type"),
        (r#"{"type": "ENERGY"}"#, "/price"),
        (r#"{"type": "ENERGY", "price": "0.25"}"#, "/price"),
        (r#"{"type": "ENERGY", "price": null}"#, "/price"),
        (r#"{"type": "ENERGY", "price": 1e15}"#, "/price"),
        (r#"{"type": "ENERGY", "price": 1, "vat": -1}"#, "/vat"),
        (r#"{"type": "ENERGY", "price": 1, "vat": 101}"#, "/vat"),
        (r#"{"type": "ENERGY", "price": 1, "step_size": -1}"#, "/step_size"),
        (r#"{"type": "ENERGY", "price": 1, "step_size": 0.5}"#, "/step_size"),
        (r#"{"type": "ENERGY", "price": 1, "taxes": [{"percentage": 1}]}"#, "/taxes/0/name"),
        ("7", ""),
    ] {
        let text = tariff(&format!(r#"{{"price_components": [{component}]}}"#), "");
        let expected = format!("/elements/0/price_components/0{at}");
        assert_eq!(refused(&text).0, expected, "{component}");
    }
    for (text, at) in [
        ("", ""),
        ("[]", ""),
        ("{}", "/currency"),
        (r#"{"currency": "EUR"}"#, "/elements"),
        (r#"{"currency": "EUR", "elements": []}"#, "/elements"),
        (r#"{"currency": "EUR", "elements": {}}"#, "/elements"),
        (r#"{"currency": "EUR", "elements": [{}]}"#, "/elements/0/price_components"),
        (
            r#"{"currency": "EUR", "elements": [{"price_components": []}]}"#,
            "/elements/0/price_components",
        ),
        (r#"{"currency": "eur", "elements": [{}]}"#, "/currency"),
        (r#"{"currency": "XYZ", "elements": [{}]}"#, "/currency"),
        (r#"{"currency": "USD", "elements": [{}]}"#, "/currency"),
        (r#"{"currency": 978, "elements": [{}]}"#, "/currency"),
    ] {
        assert_eq!(refused(text).0, at, "{text}");
    }
    let taxed = r#"{"price_components": [{"type": "ENERGY", "price": 1, "vat": 19}]}"#;
    let none = tariff(taxed, r#", "tax_included": "N/A""#);
    assert_eq!(refused(&none).0, "/elements/0/price_components/0");
}

#[test]
fn what_no_price_depends_on_is_passed_over() {
    let text = r#"{"currency": "EUR", "type": null, "min_price": null, "x_vendor": {"a": [1]},
        "tariff_alt_text": [{"language": "en", "text": "cheap"}],
        "elements": [{"restrictions": {"day_of_week": [], "start_time": null, "max_kwh": null},
            "price_components": [{"type": "ENERGY", "price": 1}]}]}"#;
    assert_eq!(lines(text, &session(&[(Activity::Charging, 10, 1)])).len(), 1);
}

#[test]
fn the_host_is_told_where_to_cut() {
    let elements = [
        element(
            &[("ENERGY", "1", 1)],
            r#""start_time": "20:00", "end_time": "08:00", "min_kwh": 0, "max_kwh": 0.5,
               "start_date": "2026-01-01", "end_date": "2027-01-01", "max_duration": 600"#,
        ),
        element(
            &[("ENERGY", "2", 1)],
            r#""start_time": "00:00", "end_time": "20:00", "min_kwh": 0.5, "min_duration": 600"#,
        ),
    ]
    .join(",");
    let prepared = prepared(&tariff(&elements, "")).unwrap();
    let cuts = prepared.boundaries;
    assert_eq!(cuts.times_of_day, [8 * 3_600_000, 20 * 3_600_000]);
    assert_eq!(cuts.dates, ["2026-01-01", "2027-01-01"]);
    assert_eq!(cuts.energies, [500_000]);
    assert_eq!(cuts.durations, [600_000]);
    assert!(!prepared.negative_prices && !prepared.power_dependent);
}

#[test]
fn power_and_current_are_declared() {
    for restriction in ["min_power", "max_power", "min_current", "max_current"] {
        let text = tariff(&element(&[("ENERGY", "1", 1)], &format!(r#""{restriction}": 16"#)), "");
        assert!(prepared(&text).unwrap().power_dependent, "{restriction}");
    }
}

#[test]
fn prices_are_shown_in_the_order_of_the_law() {
    let elements = [
        element(&[("FLAT", "0.5", 1), ("PARKING_TIME", "6", 1), ("SESSION_TIME", "1", 1)], ""),
        element(
            &[("ENERGY", "0.25", 1), ("TIME", "2", 1)],
            r#""start_time": "08:00", "min_kwh": 0.5, "max_power": 22, "max_duration": 5400,
               "day_of_week": ["MONDAY", "SUNDAY"]"#,
        ),
        element(&[("FLAT", "2", 1)], r#""reservation": "RESERVATION_EXPIRES""#),
    ]
    .join(",");
    let more = r#", "max_price": {"excl_vat": 10, "incl_vat": 11}, "tax_included": "NO""#;
    let shown = prepared(&tariff(&elements, more)).unwrap().components;
    let shown: Vec<_> =
        shown.iter().map(|s| (s.unit, s.price, s.tax_included, &*s.description)).collect();
    let when = "08:00 to 24:00, from 0.5 kWh, below 22 kW, below 90 min, Mon Sun";
    let expected = [
        (PriceUnit::PerKwh, 250_000, false, &*format!("energy, {when}")),
        (PriceUnit::PerMinute, 100_000, false, "parking"),
        (PriceUnit::PerMinute, 33_333, false, &*format!("charging, {when}")),
        (PriceUnit::PerSession, 500_000, false, "start fee"),
        (PriceUnit::PerSession, 2_000_000, false, "expired reservation fee"),
        (PriceUnit::Other, 10_000_000, false, "at most, per session"),
        (PriceUnit::Other, 11_000_000, true, "at most, per session"),
        (PriceUnit::Other, 0, false, "SESSION_TIME is not in OCPI: not charged"),
    ];
    assert_eq!(shown, expected);
}
