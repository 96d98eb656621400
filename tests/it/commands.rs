//! Commands as an operator gives them over the API, and what becomes of them at a station on a
//! real socket. Must never take a station's "yes" for the deed.

use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::support::station::{Station, ago};
use crate::support::{Answer, Api, TestHost, until};

/// Gives a command on a thread of its own, since its answer waits for the station's.
fn command(api: &Api, station: &str, action: &str, payload: &Value) -> JoinHandle<Answer> {
    let (api, payload) = (api.clone(), payload.clone());
    let path = format!("/api/v1/stations/{station}/commands/{action}");
    std::thread::spawn(move || api.send("POST", &path, Some(&payload)))
}

/// The next CALL of the host: answers it, and gives its action and payload.
fn answer_next(station: &mut Station, answer: &Value) -> (String, Value) {
    loop {
        let frame = station.read().unwrap();
        if frame[0] == 2 {
            station.send(&json!([3, frame[1], answer]).to_string()).unwrap();
            return (frame[2].as_str().unwrap().to_owned(), frame[3].clone());
        }
    }
}

fn booted(host: &TestHost, protocol: &str) -> Station {
    host.prepare(&["S1"]);
    let mut station = Station::connect(host.ocpp, "S1", protocol);
    if protocol == "ocpp1.6" {
        station.boot();
    } else {
        let boot = json!({
            "reason": "PowerUp",
            "chargingStation": { "vendorName": "Test", "model": "Bench" },
        });
        station.call("BootNotification", &boot);
    }
    station
}

fn open_sessions(api: &Api) -> usize {
    api.all("/api/v1/sessions?state=open").len()
}

#[test]
fn pitfall_034_statuses_of_the_station_and_of_each_connector_are_taken_after_a_boot() {
    let host = TestHost::start("");
    let mut station = booted(&host, "ocpp1.6");
    for connector in 0..=2 {
        let status = json!({
            "connectorId": connector, "errorCode": "NoError", "status": "Available",
            "timestamp": ago(0),
        });
        station.call("StatusNotification", &status);
    }
    let shown = host.api.get("/api/v1/stations/S1");
    let connectors = shown["connectors"].as_array().unwrap();
    let evses: Vec<_> = connectors.iter().map(|connector| &connector["evse_id"]).collect();
    assert_eq!(evses, [0, 1, 2], "{shown}");
}

#[test]
fn pitfall_055_an_accepted_remote_start_is_no_transaction_yet() {
    let host = TestHost::start("");
    let mut station = booted(&host, "ocpp1.6");
    let start = json!({ "connectorId": 1, "idTag": "04A1B2C3" });
    let asked = command(&host.api, "S1", "RemoteStartTransaction", &start);
    let (action, payload) = answer_next(&mut station, &json!({ "status": "Accepted" }));
    assert_eq!(
        (action.as_str(), &payload["idTag"]),
        ("RemoteStartTransaction", &json!("04A1B2C3"))
    );
    let answer = asked.join().unwrap();
    assert_eq!(answer.json()["response"]["status"], "Accepted", "{}", answer.text());
    assert_eq!(open_sessions(&host.api), 0);
    station.start(1000, 0);
    until("a session", || (open_sessions(&host.api) == 1).then_some(()));
}

#[test]
fn pitfall_056_an_accepted_remote_stop_ends_nothing_yet() {
    let host = TestHost::start("");
    let mut station = booted(&host, "ocpp1.6");
    let transaction = station.start(1000, 30);
    let stop = json!({ "transactionId": transaction });
    for said in ["Rejected", "Accepted"] {
        let asked = command(&host.api, "S1", "RemoteStopTransaction", &stop);
        answer_next(&mut station, &json!({ "status": said }));
        assert_eq!(asked.join().unwrap().json()["status"], said);
        assert_eq!(open_sessions(&host.api), 1, "only its stop ends it");
    }
    station.stop(transaction, 2000, 10);
    until("its end", || (open_sessions(&host.api) == 0).then_some(()));
}

#[test]
fn pitfall_057_an_unknown_connector_comes_back_as_not_supported() {
    let host = TestHost::start("");
    let mut station = booted(&host, "ocpp1.6");
    let asked = command(&host.api, "S1", "UnlockConnector", &json!({ "connectorId": 9 }));
    answer_next(&mut station, &json!({ "status": "NotSupported" }));
    assert_eq!(asked.join().unwrap().json()["status"], "NotSupported");
}

#[test]
fn pitfall_029_a_boot_that_was_asked_for_is_answered_as_any_other() {
    let host = TestHost::start("");
    let mut station = booted(&host, "ocpp1.6");
    let transaction = station.start(1000, 30);
    let trigger = json!({ "requestedMessage": "BootNotification" });
    let asked = command(&host.api, "S1", "TriggerMessage", &trigger);
    // It is sent because an operator asks for it, never by the host itself.
    answer_next(&mut station, &json!({ "status": "Accepted" }));
    assert_eq!(asked.join().unwrap().status, 200);
    assert_eq!(station.boot()["status"], "Accepted");
    assert_eq!(open_sessions(&host.api), 1, "a boot ends no transaction");
    station.stop(transaction, 2000, 10);
}

#[test]
fn pitfall_071_072_what_a_station_says_of_a_transaction_closes_nothing() {
    let host = TestHost::start("");
    let mut station = booted(&host, "ocpp2.0.1");
    event(&mut station, "Started", 0);
    let of_one = json!({ "transactionId": "T-1" });
    let asked = command(&host.api, "S1", "GetTransactionStatus", &of_one);
    let queued = json!({ "ongoingIndicator": false, "messagesInQueue": true });
    answer_next(&mut station, &queued);
    assert_eq!(asked.join().unwrap().json()["response"], queued);
    assert_eq!(open_sessions(&host.api), 1, "more events come");
    let asked = command(&host.api, "S1", "GetTransactionStatus", &json!({}));
    answer_next(&mut station, &json!({ "messagesInQueue": false }));
    let answer = asked.join().unwrap();
    assert_eq!(answer.status, 200, "an answer has no ongoingIndicator here: {}", answer.text());
    event(&mut station, "Ended", 1);
    until("its end", || (open_sessions(&host.api) == 0).then_some(()));
}

#[test]
fn pitfall_074_a_transaction_event_is_answered_within_seconds_whatever_the_price_takes() {
    let host = TestHost::start("");
    let mut station = booted(&host, "ocpp2.0.1");
    for (number, kind) in ["Started", "Updated", "Ended"].into_iter().enumerate() {
        let began = std::time::Instant::now();
        event(&mut station, kind, number);
        assert!(began.elapsed().as_secs() < 5, "{kind} took {:?}", began.elapsed());
    }
}

#[test]
fn a_station_that_is_not_there_a_refusal_and_a_payload_that_cannot_be_are_different_problems() {
    let host = TestHost::start("");
    host.prepare(&["S1"]);
    let reset = json!({ "type": "Hard" });
    let offline = command(&host.api, "S1", "Reset", &reset).join().unwrap();
    let mut station = booted(&host, "ocpp1.6");
    let asked = command(&host.api, "S1", "Reset", &reset);
    loop {
        let frame = station.read().unwrap();
        if frame[0] == 2 {
            let refusal = json!([4, frame[1], "InternalError", "no", {}]);
            station.send(&refusal.to_string()).unwrap();
            break;
        }
    }
    let refused = asked.join().unwrap();
    let invalid = command(&host.api, "S1", "Reset", &json!({ "type": "Maybe" })).join().unwrap();
    let answers = [&offline, &refused, &invalid];
    let kinds = answers.map(|answer| answer.json()["type"].clone());
    assert!(answers.iter().all(|answer| answer.status >= 400), "{answers:?}");
    assert!(kinds[0] != kinds[1] && kinds[1] != kinds[2] && kinds[0] != kinds[2], "{kinds:?}");
}

fn event(station: &mut Station, kind: &str, number: usize) {
    let event = json!({
        "eventType": kind, "timestamp": ago(30 - number as i64), "seqNo": number,
        "triggerReason": if kind == "Ended" { "EVDeparted" } else { "CablePluggedIn" },
        "transactionInfo": { "transactionId": "T-1" }, "evse": { "id": 1, "connectorId": 1 },
        "idToken": { "idToken": "04A1B2C3", "type": "ISO14443" },
        "meterValue": [{ "timestamp": ago(30 - number as i64), "sampledValue": [
            { "value": 1000 + 100 * number }] }],
    });
    station.call("TransactionEvent", &event);
}
