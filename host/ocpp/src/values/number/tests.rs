//! Numbers: exact values of texts.

use super::*;
use proptest::prelude::*;

#[test]
fn integers_are_integers_however_written() {
    let held = |value, plain| Integer::Held { value, plain };
    for (text, expected) in [
        ("5", held(5, true)),
        ("-0", held(0, true)),
        ("2.0", held(2, false)),
        ("-2.000", held(-2, false)),
        ("1e2", held(100, false)),
        ("1200e-2", held(12, false)),
        ("0.0e99999999999999999999", held(0, false)),
        ("9223372036854775807", held(i64::MAX, true)),
        ("9223372036854775807.0", held(i64::MAX, false)),
        ("-9223372036854775808.0", held(i64::MIN, false)),
        ("9223372036854775808", Integer::TooBig { negative: false }),
        ("-1e400", Integer::TooBig { negative: true }),
        ("1e99999999999999999999", Integer::TooBig { negative: false }),
        ("0.5", Integer::Fraction),
        ("1e-1", Integer::Fraction),
        ("1e-99999999999999999999", Integer::Fraction),
        ("12345678901234567890123456789012345678901234567890.5", Integer::Fraction),
    ] {
        assert_eq!(Integer::of(text), expected, "{text}");
    }
}

#[test]
fn decimals_become_fixed_point_exactly_or_not_at_all() {
    for (text, places, exact, rounded) in [
        ("16.1", 1, Some(161), Some(161)),
        ("16.1", 0, None, Some(16)),
        ("16.5", 0, None, Some(17)),
        ("-16.5", 0, None, Some(-17)),
        ("-16.4999", 0, None, Some(-16)),
        ("1e2", 3, Some(100_000), Some(100_000)),
        ("0.00001", 3, None, Some(0)),
        ("0", 9, Some(0), Some(0)),
        ("-0.0", 9, Some(0), Some(0)),
        ("1e308", 3, None, None),
        ("1e-308", 3, None, Some(0)),
        ("9223372036854775.807", 3, Some(i64::MAX), Some(i64::MAX)),
        ("9223372036854775.808", 3, None, None),
        ("0.12345678901234567890123456789012345678901234567890", 3, None, Some(123)),
    ] {
        let number = Number::new(text).unwrap();
        assert_eq!(number.to_fixed(places), exact, "{text}");
        assert_eq!(number.to_fixed_rounded(places), rounded, "{text}");
        assert_eq!(number.as_str(), text);
    }
    for text in ["", "x", "1 ", " 1", "+1", "1.", "0x1", "NaN", "1e"] {
        assert_eq!(Number::new(text), Err(OutOfBounds), "{text}");
    }
}

#[test]
fn tenths_are_exact() {
    for (text, good) in [
        ("16.1", true),
        ("0.1", true),
        ("1.10", true),
        ("161e-1", true),
        ("5", true),
        ("1e300", true),
        ("16.11", false),
        ("1e-2", false),
        ("0.30000000000000004", false),
    ] {
        assert_eq!(Decimal::of(text).is_multiple_of_power(-1), good, "{text}");
    }
    assert_eq!(Tenths::from_tenths(161).get().as_str(), "16.1");
    assert_eq!(Tenths::from_tenths(-5).get().as_str(), "-0.5");
    assert_eq!(Tenths::from_tenths(160).get().as_str(), "16");
    assert_eq!(Tenths::from_tenths(i64::MIN).tenths(), Some(i64::MIN));
}

#[test]
fn numbers_compare_with_integers() {
    use Ordering::{Equal, Greater, Less};
    for (text, other, expected) in [
        ("0.0", 0, Equal),
        ("-0", 0, Equal),
        ("1.5", 1, Greater),
        ("1.5", 2, Less),
        ("-1.5", -1, Less),
        ("-1.5", -2, Greater),
        ("1e-400", 0, Greater),
        ("-1e-400", 0, Less),
        ("1e400", i64::MAX, Greater),
        ("-1e400", i64::MIN, Less),
        ("100.000", 100, Equal),
        ("1e2", 100, Equal),
        ("100.00000000000000000000000000000000000000000000000001", 100, Greater),
        ("-100.00000000000000000000000000000000000000000000000001", -100, Less),
        ("99.99999999999999999999999999999999999999999999999999", 100, Less),
    ] {
        assert_eq!(Number::new(text).unwrap().compare(other), expected, "{text} and {other}");
    }
}

#[test]
fn bounds_hold() {
    assert!(IntIn::<0, 9>::new(9).is_ok() && IntIn::<0, 9>::new(10).is_err());
    assert_eq!(IntIn::<3, 9>::default().get(), 3);
    let number = |text| Number::new(text).unwrap();
    assert!(NumberIn::<0, 100>::new(number("100.0")).is_ok());
    assert!(NumberIn::<0, 100>::new(number("100.1")).is_err());
    assert!(NumberIn::<{ i64::MIN }, 0>::new(number("-1e300")).is_ok());
    assert!(NumberIn::<{ i64::MIN }, 0>::new(number("0.1")).is_err());
}

proptest! {
    #[test]
    fn fixed_point_reads_back(units in any::<i64>(), places in 0u32..12) {
        let number = Number::from_fixed(units, places);
        prop_assert!(is_number(number.as_str()));
        prop_assert_eq!(number.to_fixed(places), Some(units));
    }

    #[test]
    fn compares_as_a_float_does(
        units in -100_000i64..100_000, places in 0u32..4, other in -200i64..200,
    ) {
        let float = units as f64 / 10f64.powi(places as i32);
        let number = Number::from_fixed(units, places);
        prop_assert_eq!(Some(number.compare(other)), float.partial_cmp(&(other as f64)));
    }

    #[test]
    fn any_text_has_some_value(text in "[-+0-9.eE]{0,60}|.{0,20}") {
        let number = Decimal::of(&text);
        let _ = (number.to_fixed(3), number.to_fixed_rounded(9), number.compare(7));
        let _ = Integer::of(&text);
    }
}
