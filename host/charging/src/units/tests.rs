//! Quantities: their arithmetic and their text.

use super::*;

#[test]
fn money_rounds_half_away_from_zero_and_prints_exactly() {
    for (micros, decimals, rounded, text) in [
        (1_234_999, 2, 1_230_000, "1.23"),
        (1_235_000, 2, 1_240_000, "1.24"),
        (-1_235_000, 2, -1_240_000, "-1.24"),
        (500_000, 0, 1_000_000, "1"),
        (1_000_500, 3, 1_001_000, "1.001"),
        (-1, 6, -1, "-0.000001"),
    ] {
        let value = Micros(micros).round_half_up(decimals);
        assert_eq!(value, Micros(rounded), "{micros} to {decimals} decimals");
        assert_eq!(value.to_decimal(decimals), text);
    }
}

#[test]
fn currencies_are_three_capitals() {
    assert_eq!(Currency::parse("JPY").map(Currency::decimals), Some(0));
    for bad in ["", "eur", "EURO", "E1R", "É1"] {
        assert!(Currency::parse(bad).is_none(), "{bad} was taken");
    }
}

#[test]
fn timestamps_print_as_rfc_3339() {
    assert_eq!(Timestamp(1_700_000_000_123).to_string(), "2023-11-14T22:13:20.123Z");
    assert_eq!(Timestamp::NEVER.to_string(), "9999-12-30T22:00:00.999Z");
}
