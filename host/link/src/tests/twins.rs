//! One charge, three transcripts, one meaning: all but what only a version has is equal.

use busbar_charging::fact::metering::{Reading, Report};
use busbar_charging::fact::station::Dialect;
use busbar_charging::input::{StationEvent, TransactionRef};

use super::support::*;

/// What the charge looks like in a version: actions and payloads.
fn transcript(dialect: Dialect) -> Vec<(&'static str, String)> {
    match dialect {
        Dialect::V16 => transcript_16(),
        Dialect::V201 | Dialect::V21 => transcript_2x(),
    }
}

fn transcript_16() -> Vec<(&'static str, String)> {
    vec![
        ("BootNotification", boot_payload(Dialect::V16).into()),
        ("Authorize", r#"{"idTag":"cafe"}"#.into()),
        (
            "StartTransaction",
            r#"{"connectorId":1,"idTag":"cafe","meterStart":1000,
                "timestamp":"2026-05-01T10:00:00Z"}"#
                .into(),
        ),
        (
            "MeterValues",
            r#"{"connectorId":1,"transactionId":9,"meterValue":[
                {"timestamp":"2026-05-01T10:15:00Z","sampledValue":[
                    {"value":"2.7505","unit":"kWh"},
                    {"value":"11.04","measurand":"Power.Active.Import","unit":"kW"},
                    {"value":"16.0","measurand":"Current.Import","phase":"L1","unit":"A"},
                    {"value":"54","measurand":"SoC","unit":"Percent","location":"EV"}]}]}"#
                .into(),
        ),
        (
            "StopTransaction",
            r#"{"transactionId":9,"idTag":"cafe","meterStop":6000,"reason":"EVDisconnected",
                "timestamp":"2026-05-01T10:30:00Z"}"#
                .into(),
        ),
        (
            "StatusNotification",
            r#"{"connectorId":1,"errorCode":"NoError","status":"Available",
                "timestamp":"2026-05-01T10:31:00Z"}"#
                .into(),
        ),
    ]
}

fn transcript_2x() -> Vec<(&'static str, String)> {
    let event = |kind: &str, minute: u32, seq: u32, info: &str, rest: &str| {
        format!(
            r#"{{"eventType":"{kind}","timestamp":"2026-05-01T10:{minute:02}:00Z","seqNo":{seq},
                "triggerReason":"Trigger","evse":{{"id":1,"connectorId":1}},
                "transactionInfo":{{"transactionId":"9"{info}}}{rest}}}"#
        )
    };
    let energy = |minute: u32, context: &str, value: &str| {
        format!(
            r#","meterValue":[{{"timestamp":"2026-05-01T10:{minute:02}:00Z","sampledValue":[
                {{"value":{value},"context":"{context}"}}]}}]"#
        )
    };
    let token = r#","idToken":{"idToken":"cafe","type":"ISO14443"}"#;
    let samples = r#","meterValue":[{"timestamp":"2026-05-01T10:15:00Z","sampledValue":[
        {"value":27505,"unitOfMeasure":{"unit":"Wh","multiplier":-1}},
        {"value":11040,"measurand":"Power.Active.Import","unitOfMeasure":{"unit":"W"}},
        {"value":16,"measurand":"Current.Import","phase":"L1","unitOfMeasure":{"unit":"A"}},
        {"value":54.0,"measurand":"SoC","location":"EV","unitOfMeasure":{"unit":"Percent"}}]}]"#;
    let reason = r#","stoppedReason":"EVDisconnected""#;
    let started = format!("{token}{}", energy(0, "Transaction.Begin", "1000"));
    let ended = format!("{token}{}", energy(30, "Transaction.End", "6000"));
    vec![
        ("BootNotification", boot_payload(Dialect::V201).into()),
        ("Authorize", r#"{"idToken":{"idToken":"cafe","type":"ISO14443"}}"#.into()),
        ("TransactionEvent", event("Started", 0, 0, "", &started)),
        ("TransactionEvent", event("Updated", 15, 1, "", samples)),
        ("TransactionEvent", event("Ended", 30, 2, reason, &ended)),
        (
            "StatusNotification",
            r#"{"evseId":1,"connectorId":1,"connectorStatus":"Available",
                "timestamp":"2026-05-01T10:31:00Z"}"#
                .into(),
        ),
    ]
}

/// An event without what only its version has: the boot's reason, the number, the trigger, who
/// made the transaction's id, 1.6's silence about the place of a stop, and the room for a cost.
fn neutral(event: &StationEvent) -> String {
    let report = |report: &Report| {
        let Report { seq: _, trigger: _, evse: _, connector: _, .. } = report;
        let readings: Vec<Reading> = report.readings.clone();
        format!(
            "{:?} {} {:?} {:?} {:?} {readings:?}",
            report.kind, report.at, report.token, report.state, report.stopped_reason
        )
    };
    match event {
        StationEvent::Booted { vendor, model, .. } => format!("booted {vendor} {model}"),
        StationEvent::Transaction { report: told, .. } => report(told),
        other => format!("{other:?}"),
    }
}

#[test]
fn three_transcripts_of_one_charge_say_the_same() {
    let told = |dialect| -> Vec<StationEvent> {
        let mut bench = Bench::new(dialect);
        let calls = transcript(dialect);
        let heaps = calls.iter().map(|(action, payload)| bench.call(action, payload));
        heaps.map(|heap| heap.event().clone()).collect()
    };
    let [v16, v201, v21] = ALL.map(told);
    let neutral = |events: &[StationEvent]| events.iter().map(neutral).collect::<Vec<_>>();
    assert_eq!(neutral(&v16), neutral(&v201));
    assert_eq!(neutral(&v201), neutral(&v21));
    // What only a version has.
    let of = |event: &StationEvent| match event {
        StationEvent::Transaction { transaction, report, .. } => (transaction.clone(), report.seq),
        other => panic!("{other:?}"),
    };
    let known = || TransactionRef::Known("9".into());
    assert_eq!(of(&v16[2]), (TransactionRef::Issue, None));
    assert_eq!(of(&v16[4]), (known(), None));
    assert_eq!(of(&v21[2]), (known(), Some(0)));
    assert_eq!(of(&v201[4]), (known(), Some(2)));
}
