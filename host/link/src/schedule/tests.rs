//! Numbers on the wire, in our units.

use super::*;

fn number(text: &str) -> Number {
    Number::new(text).unwrap()
}

#[test]
fn numbers_are_rounded_down() {
    for (text, places, expected) in [
        ("16.1", 3, 16_100),
        ("16.1009", 3, 16_100),
        ("6.999999", 3, 6_999),
        ("-0.5", 0, -1),
        ("1e2", 3, 100_000),
        ("0.0000004", 3, 0),
        ("1e30", 3, i64::MAX),
        ("-1e30", 3, i64::MIN),
    ] {
        assert_eq!(floor(&number(text), places), expected, "{text}");
    }
}

#[test]
fn quantities_of_both_versions_are_the_same() {
    assert_eq!(current(&16_i64), current(&number("16")));
    assert_eq!(energy(&i64::MAX), Energy(i64::MAX));
    assert_eq!(power(&number("11000.9")), Power(11_000));
}

#[test]
fn a_limit_below_zero_is_zero_but_for_a_composite_schedule() {
    let below = number("-1.0");
    let told = Told { start: 60, limit: Some(&below), amperes: true, phases: Some(3) };
    let start = Millis::from_secs(60);
    let zero = Some(Limit::Current(Current(0)));
    assert_eq!(told.step(), Step { start, limit: zero, phases: Some(3) });
    assert_eq!(told.step_of_composite().limit, None);
    let watts = number("3680.4");
    let told = Told { limit: Some(&watts), amperes: false, phases: Some(700), ..told };
    let limit = Some(Limit::Power(Power(3_680)));
    assert_eq!(told.step(), Step { start, limit, phases: None });
    assert_eq!(told.step_of_composite().limit, limit);
}
