//! Taxes, minimum and maximum price.

use busbar_sdk::Activity::{Charging, ReservationExpired};
use busbar_sdk::{Dimension, Tax};

use super::*;

const VAT: &str = r#"{"price_components": [{"type": "ENERGY", "price": 0.5, "vat": 20}]}"#;

/// Totals in thousandths of the currency, for 10 kWh.
fn total(elements: &str, more: &str) -> (i64, i64) {
    let session = session(&[(Charging, 60, 10_000)]);
    let (excl, incl) = totals(&priced(&tariff(elements, more), &session).unwrap());
    (excl / 1_000, incl / 1_000)
}

#[test]
fn taxes_are_on_top_inside_or_none() {
    let no_tax = r#"{"price_components": [{"type": "ENERGY", "price": 0.5}]}"#;
    let two = r#"{"price_components": [{"type": "ENERGY", "price": 1,
        "taxes": [{"name": "GST", "percentage": 5}, {"name": "QST", "percentage": 9.975}]}]}"#;
    for (elements, more, expected) in [
        (VAT, "", (5_000, 6_000)),
        (VAT, r#", "tax_included": "NO""#, (5_000, 6_000)),
        (VAT, r#", "tax_included": "YES""#, (4_166, 5_000)),
        (no_tax, r#", "tax_included": "N/A""#, (5_000, 5_000)),
        (no_tax, r#", "tax_included": "YES""#, (5_000, 5_000)),
        (no_tax, "", (5_000, 5_000)),
        (two, "", (10_000, 11_497)),
    ] {
        assert_eq!(total(elements, more), expected, "{elements}{more}");
    }
}

#[test]
fn limits_apply_to_both_totals_by_themselves() {
    for (more, expected) in [
        // Raw: 5.00 and 6.00.
        (r#", "min_price": {"excl_vat": 7, "incl_vat": 8}"#, (7_000, 8_000)),
        (r#", "min_price": {"excl_vat": 4, "incl_vat": 8}"#, (5_000, 8_000)),
        (r#", "min_price": {"excl_vat": 5.5, "incl_vat": 3}"#, (5_500, 6_000)),
        (r#", "max_price": {"excl_vat": 4, "incl_vat": 4.8}"#, (4_000, 4_800)),
        (r#", "max_price": {"excl_vat": 9, "incl_vat": 5.5}"#, (5_000, 5_500)),
        (r#", "max_price": {"excl_vat": 4, "incl_vat": 9}"#, (4_000, 6_000)),
        (r#", "max_price": {"before_taxes": 4, "after_taxes": 4.8}"#, (4_000, 4_800)),
        // One given: the other keeps its proportion.
        (r#", "max_price": {"excl_vat": 4}"#, (4_000, 4_800)),
        (r#", "max_price": {"incl_vat": 4.8}"#, (4_000, 4_800)),
        (r#", "max_price": 4"#, (4_000, 4_800)),
        (r#", "max_price": 5"#, (5_000, 6_000)),
        (r#", "min_price": 6"#, (6_000, 7_200)),
        (r#", "max_price": 4.8, "tax_included": "YES""#, (4_000, 4_800)),
    ] {
        assert_eq!(total(VAT, more), expected, "{more}");
    }
}

#[test]
fn a_minimum_price_is_due_for_no_energy_but_not_for_an_expired_reservation() {
    let reservation = element(&[("FLAT", "1", 1)], r#""reservation": "RESERVATION_EXPIRES""#);
    let text = tariff(&format!("{VAT},{reservation}"), r#", "min_price": 2"#);
    let free = priced(&text, &session(&[(Charging, 10, 0)])).unwrap();
    assert_eq!(totals(&free), (2_000_000, 2_000_000), "two taxes: none can be said of nothing");
    let text_of_one = tariff(VAT, r#", "min_price": 2"#);
    let free = priced(&text_of_one, &session(&[(Charging, 10, 0)])).unwrap();
    assert_eq!(totals(&free), (2_000_000, 2_400_000));
    let expired = priced(&text, &session(&[(ReservationExpired, 10, 0)])).unwrap();
    assert_eq!(totals(&expired), (1_000_000, 1_000_000));
}

#[test]
fn an_adjustment_names_its_tax_where_it_has_one() {
    let session = session(&[(Charging, 60, 10_000)]);
    let limits = r#", "max_price": {"excl_vat": 4, "incl_vat": 4.8}"#;
    let lines = priced(&tariff(VAT, limits), &session).unwrap();
    let line = lines.last().unwrap();
    assert_eq!((line.dimension, line.amount), (Dimension::Adjustment, -1_000_000));
    assert_eq!(line.taxes, [Tax { name: "VAT".into(), rate: 200_000, amount: -200_000 }]);
    let limits = r#", "max_price": {"excl_vat": 9, "incl_vat": 5}"#;
    let lines = priced(&tariff(VAT, limits), &session).unwrap();
    let line = lines.last().unwrap();
    assert_eq!((line.amount, line.unit_price), (0, 0));
    assert_eq!(line.taxes, [Tax { name: "VAT".into(), rate: 0, amount: -1_000_000 }]);
}

#[test]
fn negative_prices_are_declared_and_priced() {
    let text = tariff(&element(&[("ENERGY", "-0.05", 1)], ""), "");
    assert!(prepared(&text).unwrap().negative_prices);
    let lines = priced(&text, &session(&[(Charging, 60, 10_000)])).unwrap();
    assert_eq!(totals(&lines), (-500_000, -500_000));
    let floor = tariff(&element(&[("ENERGY", "-0.05", 1)], ""), r#", "min_price": 0"#);
    let lines = priced(&floor, &session(&[(Charging, 60, 10_000)])).unwrap();
    assert_eq!(totals(&lines), (0, 0));
}
