//! The plugin, called as plain Rust.

use super::*;
use busbar_sdk::{Activity, Period};

fn prepared(text: &str) -> Result<Prepared, Error> {
    HelloPricing::prepare(&Configuration { text: text.into(), currency: "EUR".into() })
}

#[test]
fn energy_and_start_are_priced() {
    let hour = Period {
        start: 0,
        end: 3_600_000,
        utc_offset: 60,
        activity: Activity::Charging,
        energy: 20_450_000,
        min_power: None,
        max_power: None,
        min_current: None,
        max_current: None,
    };
    let (start, end) = (hour.start, hour.end);
    let session = Session { start, end, periods: vec![hour], complete: true, attributes: vec![] };
    let config = r#"{"price_per_kwh": 0.45, "start_fee": 0.5, "vat": 19}"#;
    let compiled = prepared(config).unwrap().compiled;
    let lines = HelloPricing::price(&compiled, &session).unwrap();
    let amounts: Vec<_> = lines.iter().map(|line| (line.amount, line.taxes[0].amount)).collect();
    assert_eq!(amounts, [(9_202_500, 1_748_475), (500_000, 95_000)]);
}

#[test]
fn a_wrong_configuration_says_where() {
    let wrong = prepared(r#"{"price_per_kwh": "0.45"}"#);
    assert!(matches!(wrong, Err(Error::InvalidConfiguration(f)) if f.at == "/price_per_kwh"));
    assert!(prepared(r#"{"price_per_kwh": 0.45, "price_per_kwn": 1}"#).is_err());
    assert!(prepared(r#"{"price_per_kwh": -0.45}"#).is_err());
}
