//! Samples of all versions, as readings.

use busbar_charging::fact::metering::ReadingValue;
use busbar_charging::units::{Current, Energy, Power, Timestamp};

use super::{Sample, fixed_point};

fn value(
    value: &str,
    multiplier: i64,
    unit: Option<&str>,
    measurand: Option<&str>,
) -> ReadingValue {
    let at = Timestamp(0);
    let (context, phase, location) = (None, None, None);
    Sample { at, value, multiplier, unit, measurand, context, phase, location }.plain().value
}

fn energy(text: &str, unit: Option<&str>) -> ReadingValue {
    value(text, 0, unit, None)
}

#[test]
fn decimals_become_fixed_point_without_floats() {
    for (text, shift, expected) in [
        ("0", 3, Some(0)),
        ("-0", 3, Some(0)),
        ("1", 3, Some(1000)),
        ("0.1", 3, Some(100)),
        ("0.0004", 3, Some(0)),
        ("0.0005", 3, Some(1)),
        ("-0.0005", 3, Some(-1)),
        ("16.1", 1, Some(161)),
        ("1234567.891", 3, Some(1_234_567_891)),
        (" 12 ", 0, Some(12)),
        ("+12", 0, Some(12)),
        ("0012", 0, Some(12)),
        (".5", 1, Some(5)),
        ("5.", 1, Some(50)),
        ("1.5e3", 0, Some(1500)),
        ("1.5E-1", 2, Some(15)),
        ("9007199254740993", 0, Some(9_007_199_254_740_993)),
        ("9223372036854775807", 0, Some(i64::MAX)),
        ("9223372036854775808", 0, None),
        ("1e999999999999999999999", 0, None),
        ("1e-999999999", 0, Some(0)),
        ("", 0, None),
        (".", 0, None),
        ("-", 0, None),
        ("e5", 0, None),
        ("1,5", 0, None),
        ("1 000", 0, None),
        ("0x10", 0, None),
        ("NaN", 0, None),
        ("inf", 0, None),
        ("--1", 0, None),
        ("12Wh", 0, None),
        ("\u{0661}", 0, None),
    ] {
        assert_eq!(fixed_point(text, shift), expected, "{text:?} {shift}");
    }
}

#[test]
fn the_short_way_and_the_long_one_agree() {
    let texts = ["0", "7", "007", "12.5", "5.", "0.001", "1234567.8901", "123456789012"];
    for (text, shift) in texts.iter().flat_map(|text| (0..=6).map(move |shift| (text, shift))) {
        // With an exponent a number is read the long way.
        let long = fixed_point(&format!("{text}e0"), shift);
        assert!(long.is_some(), "{text} {shift}");
        assert_eq!(fixed_point(text, shift), long, "{text} {shift}");
    }
}

#[test]
fn units_of_what_is_billed_are_never_guessed() {
    assert_eq!(energy("1.5", None), ReadingValue::Energy(Energy(1500)));
    assert_eq!(energy("1.5", Some("")), ReadingValue::Energy(Energy(1500)));
    assert_eq!(energy("1.5", Some("kWh")), ReadingValue::Energy(Energy(1_500_000)));
    assert_eq!(energy("1.5", Some(" KWH ")), ReadingValue::Energy(Energy(1_500_000)));
    for unit in ["MWh", "mWh", "W", "kW", "varh", "VAh", "J"] {
        let kept = format!("1.5 {unit}");
        assert_eq!(energy("1.5", Some(unit)), ReadingValue::Unreadable(kept.into()));
    }
    let far = value("1", 30, Some("kWh"), None);
    assert_eq!(far, ReadingValue::Unreadable("1 x 10^30 kWh".into()));
    let overflow = value("1", i64::MAX, None, None);
    assert!(matches!(overflow, ReadingValue::Unreadable(_)));
}

#[test]
fn power_current_and_the_rest() {
    let of = |text, unit, measurand| value(text, 0, unit, Some(measurand));
    assert_eq!(of("7.36", Some("kW"), "Power.Active.Import"), ReadingValue::Power(Power(7360)));
    assert_eq!(of("7360.4", None, "Power.Active.Import"), ReadingValue::Power(Power(7360)));
    assert_eq!(of("16.25", None, "Current.Import"), ReadingValue::Current(Current(16_250)));
    assert_eq!(of("16250", Some("mA"), "Current.Import"), ReadingValue::Current(Current(16_250)));
    assert!(matches!(of("1", Some("MW"), "Power.Active.Import"), ReadingValue::Unreadable(_)));
    let other = |thousandths, unit: &str| ReadingValue::Other { thousandths, unit: unit.into() };
    assert_eq!(of("230.1", None, "Voltage"), other(230_100, "V"));
    assert_eq!(of("55", Some("%"), "SoC"), other(55_000, "Percent"));
    assert_eq!(of("0.98", None, "Power.Factor"), other(980, ""));
    assert_eq!(of("3", None, "Power.Offered"), other(3000, "W"));
    assert_eq!(of("3", Some("kvarh"), "Energy.Reactive.Import.Register"), other(3000, "kvarh"));
}

#[test]
fn a_register_beyond_what_is_held_is_unreadable() {
    let reading = super::register(
        Timestamp(0),
        busbar_charging::fact::metering::ReadingContext::Begin,
        i64::MAX,
    );
    assert_eq!(reading.value, ReadingValue::Unreadable(i64::MAX.to_string().into()));
}
