//! PITFALLS 79 to 87, as far as a connection decides them.

use busbar_charging::fact::metering::{
    Measurand, Reading, ReadingContext, ReadingValue, ReportKind,
};
use busbar_charging::fact::station::Dialect;
use busbar_charging::input::{StationEvent, TransactionRef};
use busbar_charging::units::{Energy, Power, Timestamp};

use super::support::*;

const AT: Timestamp = Timestamp(1_767_225_600_000);

fn values_16(id: &str, samples: &str) -> String {
    format!(
        r#"{{"connectorId":1{id},"meterValue":[
            {{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{samples}]}}]}}"#
    )
}

fn readings_16(samples: &str) -> Vec<Reading> {
    Bench::new(Dialect::V16).call("MeterValues", &values_16("", samples)).readings().to_vec()
}

fn readings_2x(dialect: Dialect, samples: &str) -> Vec<Reading> {
    let payload = format!(
        r#"{{"evseId":1,"meterValue":[
            {{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{samples}]}}]}}"#
    );
    Bench::new(dialect).call("MeterValues", &payload).readings().to_vec()
}

#[test]
fn pitfall_079_defaults_of_16() {
    let [reading] = &readings_16(r#"{"value":"1234.5"}"#)[..] else { panic!() };
    let expected = Reading {
        at: AT,
        context: ReadingContext::Sample,
        measurand: Measurand::EnergyImport,
        phase: None,
        location: None,
        value: ReadingValue::Energy(Energy(1_234_500)),
    };
    assert_eq!(*reading, expected);
    // A number for a text is borne (OCPP.md rule 9).
    let [reading] = &readings_16(r#"{"value":1234.5}"#)[..] else { panic!() };
    assert_eq!(*reading, expected);
}

#[test]
fn pitfall_080_signed_data_is_kept_byte_for_byte() {
    let ocmf = r#"OCMF|{\"FV\":\"1.0\",\"RD\":[{\"RV\":1.50}]}|{\"SD\":\"00\"}"#;
    let kept = r#"OCMF|{"FV":"1.0","RD":[{"RV":1.50}]}|{"SD":"00"}"#;
    let sample = format!(
        r#"{{"value":"{ocmf}","format":"SignedData","context":"Transaction.End","unit":"kWh"}}"#
    );
    let signed =
        ReadingValue::Signed { data: kept.into(), method: None, encoding: None, public_key: None };
    assert_eq!(readings_16(&sample)[0].value, signed);
    let stop = format!(
        r#"{{"transactionId":5,"meterStop":1,"timestamp":"2026-01-01T00:00:00Z","transactionData":[
            {{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{sample}]}}]}}"#
    );
    let heap = Bench::new(Dialect::V16).call("StopTransaction", &stop);
    assert_eq!(heap.readings()[0].value, signed);
    assert_eq!(heap.readings()[0].context, ReadingContext::End);
}

#[test]
fn pitfall_081_signed_values_of_2x() {
    let sample = r#"{"value":1.5,"unitOfMeasure":{"unit":"kWh"},"signedMeterValue":{
        "signedMeterData":"AAEC/w==","signingMethod":"ECDSA","encodingMethod":"OCMF",
        "publicKey":"oca:base16:asn1:00"}}"#;
    let short = r#"{"value":1.5,"signedMeterValue":{"signedMeterData":"AA==",
        "encodingMethod":"OCMF"}}"#;
    for dialect in TWO {
        let [plain, signed] = &readings_2x(dialect, sample)[..] else { panic!() };
        assert_eq!(plain.value, ReadingValue::Energy(Energy(1_500_000)));
        let expected = ReadingValue::Signed {
            data: "AAEC/w==".into(),
            method: Some("ECDSA".into()),
            encoding: Some("OCMF".into()),
            public_key: Some("oca:base16:asn1:00".into()),
        };
        assert_eq!(signed.value, expected);
    }
    let [_, signed] = &readings_2x(Dialect::V21, short)[..] else { panic!() };
    assert!(matches!(&signed.value, ReadingValue::Signed { method: None, public_key: None, .. }));
}

#[test]
fn pitfall_081_signed_data_of_32_768_characters() {
    let sample = format!(
        r#"{{"value":1,"signedMeterValue":{{"signedMeterData":"{}","encodingMethod":"X"}}}}"#,
        "A".repeat(32_768)
    );
    let payload = format!(
        r#"{{"evseId":1,"meterValue":[
            {{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{sample}]}}]}}"#
    );
    let heap = Bench::new(Dialect::V21).call("MeterValues", &payload);
    assert!(heap.borne().is_empty());
    assert!(matches!(&heap.readings()[1].value, ReadingValue::Signed { data, .. }
        if data.len() == 32_768));
}

#[test]
fn pitfall_082_the_multiplier_of_2x() {
    for dialect in TWO {
        for (value, unit, milliwatt_hours) in [
            ("1234.5", "", 1_234_500),
            ("1234.5", r#","unitOfMeasure":{}"#, 1_234_500),
            ("12", r#","unitOfMeasure":{"multiplier":2}"#, 1_200_000),
            ("12", r#","unitOfMeasure":{"unit":"kWh","multiplier":-2}"#, 120_000),
            ("1.5e2", r#","unitOfMeasure":{"unit":"kWh"}"#, 150_000_000),
        ] {
            let sample = format!(r#"{{"value":{value}{unit}}}"#);
            let value = &readings_2x(dialect, &sample)[0].value;
            assert_eq!(*value, ReadingValue::Energy(Energy(milliwatt_hours)), "{sample}");
        }
    }
}

#[test]
fn pitfall_083_a_batch_without_energy_says_nothing_of_energy() {
    let readings = readings_16(
        r#"{"value":"7.36","measurand":"Power.Active.Import","unit":"kW",
            "context":"Sample.Clock"}"#,
    );
    let [reading] = &readings[..] else { panic!() };
    assert_eq!(reading.value, ReadingValue::Power(Power(7360)));
    assert_eq!(reading.context, ReadingContext::Sample);
}

#[test]
fn pitfall_084_readings_of_2x_name_an_evse_and_no_transaction() {
    for dialect in TWO {
        for evse in [0, 2] {
            let payload = format!(
                r#"{{"evseId":{evse},"meterValue":[
                    {{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{{"value":1}}]}}]}}"#
            );
            let heap = Bench::new(dialect).call("MeterValues", &payload);
            let StationEvent::Readings { evse: told, .. } = heap.event() else {
                panic!("{heap:?}")
            };
            assert_eq!(*told, evse);
        }
    }
}

#[test]
fn pitfall_085_readings_of_16_by_transaction_or_by_place() {
    for (id, by_transaction) in [
        ("", false),
        (r#","transactionId":0"#, false),
        (r#","transactionId":-1"#, false),
        (r#","transactionId":null"#, false),
        (r#","transactionId":5"#, true),
    ] {
        let payload = values_16(id, r#"{"value":"1"}"#);
        let heap = Bench::new(Dialect::V16).call("MeterValues", &payload);
        match heap.event() {
            StationEvent::Readings { evse: 1, .. } => assert!(!by_transaction, "{id}"),
            StationEvent::Transaction { transaction, report, wants_cost: false } => {
                assert!(by_transaction, "{id}");
                assert_eq!(*transaction, TransactionRef::Known("5".into()));
                assert_eq!((report.kind, report.seq), (ReportKind::Updated, None));
                assert_eq!((report.at, &*report.trigger), (AT, "MeterValues"));
                assert_eq!((report.evse, report.connector), (Some(1), Some(1)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn pitfall_085_several_values_count_from_the_first() {
    let payload = r#"{"connectorId":1,"transactionId":5,"meterValue":[
        {"timestamp":"2026-01-01T00:15:00Z","sampledValue":[{"value":"2"}]},
        {"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{"value":"1"}]}]}"#;
    let heap = Bench::new(Dialect::V16).call("MeterValues", payload);
    assert_eq!(heap.report().1.at, AT);
    let times: Vec<_> = heap.readings().iter().map(|reading| reading.at.0 - AT.0).collect();
    assert_eq!(times, [900_000, 0]);
}

#[test]
fn pitfall_086_begin_and_end_are_marked() {
    for (name, context) in [
        ("Transaction.Begin", ReadingContext::Begin),
        ("Transaction.End", ReadingContext::End),
        ("Sample.Periodic", ReadingContext::Sample),
        ("Trigger", ReadingContext::Sample),
        ("Whatever", ReadingContext::Sample),
    ] {
        let sample = format!(r#"{{"value":"1","context":"{name}"}}"#);
        assert_eq!(readings_16(&sample)[0].context, context);
        for dialect in TWO {
            let sample = format!(r#"{{"value":1,"context":"{name}"}}"#);
            assert_eq!(readings_2x(dialect, &sample)[0].context, context);
        }
    }
}

#[test]
fn pitfall_087_a_stop_with_its_data_keeps_first_and_last() {
    let stop = r#"{"transactionId":5,"meterStop":900,"timestamp":"2026-01-01T01:00:00Z",
        "transactionData":[
            {"timestamp":"2026-01-01T00:00:00Z","sampledValue":[
                {"value":"0.1","unit":"kWh","context":"Transaction.Begin"}]},
            {"timestamp":"2026-01-01T01:00:00Z","sampledValue":[
                {"value":"0.9","unit":"kWh","context":"Transaction.End"}]}]}"#;
    let heap = Bench::new(Dialect::V16).call("StopTransaction", stop);
    let told: Vec<_> =
        heap.readings().iter().map(|r| (r.context.clone(), r.value.clone())).collect();
    let energy = |wh| ReadingValue::Energy(Energy::from_wh(wh));
    assert_eq!(
        told,
        [
            (ReadingContext::Begin, energy(100)),
            (ReadingContext::End, energy(900)),
            (ReadingContext::End, energy(900)),
        ]
    );
}

#[test]
fn phase_and_place_are_kept() {
    let sample = r#"{"value":"16","measurand":"Current.Import","phase":"L1-N","location":"Outlet"},
        {"value":"16","measurand":"Current.Import","phase":"L2","location":"EV"}"#;
    let [first, second] = &readings_16(sample)[..] else { panic!() };
    assert_eq!((first.phase.as_deref(), first.location.as_deref()), (Some("L1-N"), None));
    assert_eq!((second.phase.as_deref(), second.location.as_deref()), (Some("L2"), Some("EV")));
}

#[test]
fn quirk_51_53_spellings_and_empty_values() {
    let readings = readings_16(
        r#"{"value":"50.01","measurand":"Frequency","unit":"Hz"},
           {"value":"50.01","measurand":"Frequency","unit":"Hertz"},
           {"value":"21","measurand":"Temperature","unit":"Celcius"},
           {"value":"21","measurand":"Temperature","unit":"Celsius"},
           {"value":"80","measurand":"SoC"},
           {"value":"","measurand":"SoC"}"#,
    );
    let other = |thousandths, unit: &str| ReadingValue::Other { thousandths, unit: unit.into() };
    let values: Vec<_> = readings.iter().map(|reading| reading.value.clone()).collect();
    let expected = [
        other(50_010, "Hz"),
        other(50_010, "Hz"),
        other(21_000, "Celsius"),
        other(21_000, "Celsius"),
        other(80_000, "Percent"),
        ReadingValue::Unreadable("".into()),
    ];
    assert_eq!(values, expected);
}
