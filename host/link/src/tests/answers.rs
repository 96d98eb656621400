//! Every action that a station may send has an answer that its schema takes, strictly.

use busbar_charging::action::Reply;
use busbar_charging::fact::station::{AuthorizationStatus, Dialect, Registration};
use busbar_charging::input::{Input, StationEvent};
use busbar_ocpp::{Leniency, check};
use serde_json::{Value, json};

use super::support::*;
use crate::version;

/// Two valid payloads of each action, the shortest and a long one, made from the schemas.
const REQUESTS: &str = include_str!("requests.jsonl");

fn requests(dialect: Dialect) -> Vec<(String, String)> {
    let rows = REQUESTS.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.filter(|row| row["version"] == fixture_name(dialect))
        .map(|row| (text(&row, "action"), text(&row, "payload")))
        .collect()
}

/// A reply of the kind that an event asks for.
fn fit(event: &StationEvent) -> Reply {
    let accepted = authorization(AuthorizationStatus::Accepted);
    match event {
        StationEvent::Booted { .. } => {
            Reply::Boot { registration: Registration::Accepted, now: NOW }
        }
        StationEvent::Authorize { .. } => Reply::Authorized(accepted),
        StationEvent::Transaction { .. } => transaction_reply("7", Some(accepted)),
        _ => Reply::Received,
    }
}

#[test]
fn every_action_of_the_station_is_answered_as_its_schema_asks() {
    for (dialect, actions) in [(Dialect::V16, 14), (Dialect::V201, 25), (Dialect::V21, 38)] {
        let mut seen = std::collections::BTreeSet::new();
        for (action, payload) in requests(dialect) {
            if action == "NotifyPeriodicEventStream" {
                continue;
            }
            let mut bench = Bench::new(dialect);
            let mut heap = bench.call(&action, &payload);
            if action != "Heartbeat" {
                let Some(Input::Station { event, .. }) = heap.inputs.last() else {
                    panic!("{action} {payload} {heap:?}")
                };
                let reply = fit(event);
                heap = bench.reply(&heap.call(), reply);
            }
            let [frame] = heap.sent.as_slice() else { panic!("{action} {heap:?}") };
            assert_eq!(frame[0], 3, "{action} {payload} {frame}");
            let answer = frame[2].to_string();
            let schema = format!("{action}Response");
            let result = check(version(dialect), &schema, &answer, Leniency::Strict);
            assert!(result.valid, "{dialect:?} {action} {answer}: {result:?}");
            seen.insert(action);
        }
        assert_eq!(seen.len(), actions, "{dialect:?}");
    }
}

/// The plain answers that say more than nothing.
#[test]
fn pitfall_111_114_140_143_150_152_176_plain_answers_are_honest() {
    let all = [Dialect::V16, Dialect::V201, Dialect::V21].as_slice();
    let table: [(&[Dialect], &str, Value); 10] = [
        (all, "DataTransfer", json!({"status": "UnknownVendorId"})),
        (all, "SignCertificate", json!({"status": "Rejected"})),
        (&TWO, "Get15118EVCertificate", json!({"status": "Failed", "exiResponse": ""})),
        (&TWO, "GetCertificateStatus", json!({"status": "Failed"})),
        (&[Dialect::V201], "NotifyEVChargingNeeds", json!({"status": "Rejected"})),
        (&[Dialect::V21], "NotifyEVChargingNeeds", json!({"status": "NoChargingProfile"})),
        (&TWO, "NotifyEVChargingSchedule", json!({"status": "Accepted"})),
        (&[Dialect::V21], "OpenPeriodicEventStream", json!({"status": "Accepted"})),
        (&[Dialect::V21], "PullDynamicScheduleUpdate", json!({"status": "Rejected"})),
        (&[Dialect::V21], "NotifySettlement", json!({})),
    ];
    for (dialects, action, expected) in table {
        for dialect in dialects {
            let all = requests(*dialect);
            for (_, payload) in all.iter().filter(|(name, _)| name == action) {
                let answer = Bench::new(*dialect).answer(action, payload, Reply::Received);
                assert_eq!(answer, expected, "{dialect:?} {action}");
            }
        }
    }
}

#[test]
fn answers_that_repeat_what_was_asked() {
    for (_, payload) in requests(Dialect::V21).iter().filter(|(a, _)| a == "VatNumberValidation") {
        let asked: Value = serde_json::from_str(payload).unwrap();
        let mut bench = Bench::new(Dialect::V21);
        let answer = bench.answer("VatNumberValidation", payload, Reply::Received);
        assert_eq!(
            (&answer["vatNumber"], &answer["status"]),
            (&asked["vatNumber"], &"Rejected".into())
        );
        assert_eq!(answer.get("evseId"), asked.get("evseId"));
    }
    let chains = requests(Dialect::V21);
    for (_, payload) in chains.iter().filter(|(a, _)| a == "GetCertificateChainStatus") {
        let asked: Value = serde_json::from_str(payload).unwrap();
        let mut bench = Bench::new(Dialect::V21);
        let answer = bench.answer("GetCertificateChainStatus", payload, Reply::Received);
        let asked = asked["certificateStatusRequests"].as_array().unwrap();
        let told = answer["certificateStatus"].as_array().unwrap();
        assert_eq!(asked.len(), told.len());
        for (asked, told) in asked.iter().zip(told) {
            assert_eq!(told["certificateHashData"], asked["certificateHashData"]);
            assert_eq!(told["status"], "Failed");
        }
    }
}

#[test]
fn pitfall_173_what_the_csms_sends_is_answered_when_a_station_sends_it() {
    let mut bench = Bench::new(Dialect::V21);
    let payload = r#"{"evseId":1,"timeout":60}"#;
    let answer = bench.answer("NotifyWebPaymentStarted", payload, Reply::Received);
    assert_eq!(answer, json!({}));
}

#[test]
fn pitfall_146_154_158_the_security_extension_is_taken() {
    for (action, payload) in [
        (
            "SecurityEventNotification",
            r#"{"type":"NeverHeardOf","timestamp":"2026-01-01T00:00:00Z"}"#,
        ),
        ("FirmwareStatusNotification", r#"{"status":"Idle"}"#),
        ("SignedFirmwareStatusNotification", r#"{"status":"Idle"}"#),
        ("LogStatusNotification", r#"{"status":"Idle"}"#),
        ("DiagnosticsStatusNotification", r#"{"status":"Idle"}"#),
    ] {
        let mut bench = Bench::new(Dialect::V16);
        let heap = bench.call(action, payload);
        let StationEvent::Other { action: told, payload: kept } = heap.event() else {
            panic!("{heap:?}")
        };
        assert_eq!((&**told, &**kept), (action, payload));
        assert_eq!(bench.reply(&heap.call(), Reply::Received).sent[0][2], json!({}));
    }
}

#[test]
fn pitfall_177_data_is_any_json_in_2x_and_a_text_in_16() {
    let payload = r#"{"vendorId":"x","data":{"a":[1,2]}}"#;
    for dialect in TWO {
        let mut bench = Bench::new(dialect);
        let answer = bench.answer("DataTransfer", payload, Reply::Received);
        assert_eq!(answer["status"], "UnknownVendorId");
    }
    assert_eq!(
        Bench::new(Dialect::V16).call("DataTransfer", payload).error().1,
        "TypeConstraintViolation"
    );
}
