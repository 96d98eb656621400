//! Values of fields: bounds when built, nothing lost when read.

use super::*;
use crate::{Leniency, v16, v201};

#[test]
fn length_counts_characters() {
    assert!(Str::<3>::new("漢漢漢").is_ok());
    assert_eq!(Str::<3>::new("abcd"), Err(OutOfBounds));
    assert_eq!(Str::<3>::cut("漢é😀x").as_str(), "漢é😀");
    assert_eq!(Str::<3>::cut("ab").as_str(), "ab");
    assert_eq!(Text::from("any").as_str(), "any");
}

#[test]
fn lists_hold_their_bounds() {
    assert!(List::<i64, 1, 2>::new(vec![]).is_err());
    assert!(List::<i64, 1, 2>::new(vec![1, 2, 3]).is_err());
    assert_eq!(List::<i64, 1, 2>::one(5).into_vec(), [5]);
}

#[test]
fn any_json_is_checked_and_kept() {
    assert_eq!(Json::new(r#" {"a": 1e2} "#).unwrap().as_str(), r#"{"a": 1e2}"#);
    assert_eq!(Json::new("{} {}"), Err(OutOfBounds));
    assert_eq!(Json::string("a\"").as_str(), r#""a\"""#);
    assert_eq!(Json::default().as_str(), "null");
}

#[test]
fn custom_data_and_surplus_properties_stay() {
    let payload = concat!(
        r#"{"chargingStation":{"customData":{"vendorId":"x","k":[1.50,null],"k":2},"#,
        r#""model":"m","vendorName":"v"},"reason":"PowerUp","sur\"plus":{"a":1e2}}"#
    );
    let decoded = v201::Request::decode("BootNotification", payload, Leniency::Tolerant).unwrap();
    assert_eq!(decoded.violations.len(), 1);
    assert_eq!(decoded.message.encode(), payload);
    let v201::Request::BootNotification(boot) = decoded.message else { panic!() };
    let custom = boot.charging_station.custom_data.as_ref().unwrap();
    assert_eq!(custom.extra.get("k").unwrap().as_str(), "[1.50,null]");
    assert_eq!(custom.extra.iter().count(), 2);
    assert_eq!(boot.extra.get("sur\"plus").unwrap().as_str(), r#"{"a":1e2}"#);
}

#[test]
fn numbers_go_out_as_they_came() {
    for number in ["16.1", "1e2", "0.30", "1e308", "123456789012345678901234567890.5", "-0.0"] {
        let payload = format!(
            r#"{{"evseId":1,"meterValue":[{{"timestamp":"2024-03-01T12:00:00.120Z",
                "sampledValue":[{{"value":{number}}}]}}]}}"#
        );
        let decoded = v201::Request::decode("MeterValues", &payload, Leniency::Strict).unwrap();
        let written = decoded.message.encode();
        assert!(written.contains(&format!(r#""value":{number}"#)), "{written}");
        assert!(written.contains("12:00:00.120Z"));
    }
}

/// What stations of 1.6 send, and what is held of it.
#[test]
fn quirks_of_1_6_are_held() {
    let payload = r#"{"connectorId":"1","transactionId":null,"meterValue":[{
        "timestamp":"2024-03-01T12:00:00","sampledValue":[
        {"value":230.50,"unit":"Volt","measurand":"","context":"Sample.Periodical"}]}]}"#;
    let decoded = v16::Request::decode("MeterValues", payload, Leniency::Tolerant).unwrap();
    assert_eq!(decoded.violations.len(), 7);
    let v16::Request::MeterValues(values) = decoded.message else { panic!() };
    assert_eq!((values.connector_id, values.transaction_id), (1, None));
    let sample = &values.meter_value[0].sampled_value[0];
    assert_eq!(sample.value, "230.50");
    assert_eq!(sample.unit, Some(v16::UnitOfMeasure::Unlisted("Volt".into())));
    assert_eq!(sample.measurand, None);
    assert_eq!(values.meter_value[0].timestamp.epoch_ms(), 1_709_294_400_000);
    assert!(v16::Request::decode("MeterValues", payload, Leniency::Strict).is_err());
}
