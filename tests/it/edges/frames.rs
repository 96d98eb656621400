//! What a station may send that is no OCPP. Must never cost more than its own connection.

use std::io::Write as _;

use serde_json::{Value, json};

use super::Witness;
use crate::support::TestHost;
use crate::support::station::Station;

/// Texts that are answered with a CALLERROR of this code in 2.0.1, by this id.
const ANSWERED: [(&str, &str, &str); 12] = [
    ("", "-1", "RpcFrameworkError"),
    ("nonsense", "-1", "RpcFrameworkError"),
    ("{}", "-1", "RpcFrameworkError"),
    ("[]", "-1", "RpcFrameworkError"),
    ("[2]", "-1", "RpcFrameworkError"),
    ("[2,\"a\",\"Heartbeat\",{}", "a", "RpcFrameworkError"),
    ("[2,17,\"Heartbeat\",{}]", "-1", "RpcFrameworkError"),
    ("[2,\"a1\",\"Heartbeat\",[]]", "a1", "FormatViolation"),
    ("[2,\"a2\",\"Teleport\",{}]", "a2", "NotImplemented"),
    ("[2,\"a3\",\"Reset\",{\"type\":\"Immediate\"}]", "a3", "NotSupported"),
    ("[2,\"a4\",\"BootNotification\",{}]", "a4", "OccurrenceConstraintViolation"),
    ("[2,\"a5\",\"BootNotification\",{\"reason\":5,\"chargingStation\":{}}]", "a5", ""),
];

/// Texts that are never answered: answers to nothing, and types that are not spoken.
const IGNORED: [&str; 4] = [
    "[3,\"nobody-asked\",{}]",
    "[4,\"nobody-asked\",\"GenericError\",\"\",{}]",
    "[3]",
    "[9,\"x\",{}]",
];

#[test]
fn frames_that_are_none_are_answered_and_the_connection_stays() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp2.0.1");
    for (text, id, code) in ANSWERED {
        station.send(text).unwrap();
        let answer = station.read().unwrap();
        assert_eq!((&answer[0], answer[1].as_str()), (&json!(4), Some(id)), "{text}: {answer}");
        let found = answer[2].as_str().unwrap();
        assert!(
            if code.is_empty() { !found.is_empty() } else { found == code },
            "{text}: {answer}"
        );
        assert!(answer[3].as_str().is_some_and(|words| words.len() <= 255), "{text}: {answer}");
    }
    station.send_binary(vec![0, 159, 146, 150]).unwrap();
    let answer = station.read().unwrap();
    assert_eq!(answer[0], 4, "{answer}");
    for text in IGNORED {
        station.send(text).unwrap();
    }
    alive(&mut station);
    witness.stays_well(&host);
}

#[test]
fn attack_35_frames_too_large_or_too_deep_are_answered_by_name() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    let data = "x".repeat(520 * 1024);
    let large = json!([2, "large", "DataTransfer", { "vendorId": "v", "data": data }]);
    station.send(&large.to_string()).unwrap();
    let answer = station.read().unwrap();
    assert_eq!((&answer[0], &answer[1]), (&json!(4), &json!("large")), "{answer}");
    let deep = format!(
        "[2,\"deep\",\"DataTransfer\",{{\"vendorId\":{}1{}}}]",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    station.send(&deep).unwrap();
    let answer = station.read().unwrap();
    assert_eq!(answer[0], 4, "{answer}");
    alive(&mut station);
    witness.stays_well(&host);
}

#[test]
fn bytes_that_are_no_websocket_close_that_connection_alone() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    let hostile: [&[u8]; 4] = [
        b"\x81\x03abc",                                              // not masked
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", // no such opcode
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",         // longer than memory
        b"\x81\x82\0\0\0\0\xc3\x28",                                 // not UTF-8
    ];
    for bytes in hostile {
        let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
        station.raw().write_all(bytes).unwrap();
        assert!(station.sees_the_end(), "{bytes:?}");
    }
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    alive(&mut station);
    witness.stays_well(&host);
}

/// One of each kind of broken payload of a transaction: all of it is answered, nothing is lost.
#[test]
fn a_damaged_message_costs_its_own_message_only() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    station.boot();
    let transaction = station.start_by("04D4E5F6", 0, 60);
    let damaged = [
        json!({ "connectorId": 1, "meterValue": [] }),
        json!({ "connectorId": "one", "meterValue": 5 }),
        json!({ "connectorId": 1, "transactionId": transaction, "meterValue": [
            { "timestamp": "yesterday", "sampledValue": [{ "value": "100" }] }] }),
        json!({ "connectorId": 1, "transactionId": 99_999_999_999_i64, "meterValue": [] }),
        Value::Null,
    ];
    for payload in damaged {
        let frame = station.try_call("MeterValues", &payload).unwrap();
        assert_eq!(frame[0], 4, "{payload}: {frame}");
    }
    station.stop(transaction, 5000, 20);
    let cdr = crate::support::until("a CDR", || host.api.all("/api/v1/cdrs?station=S1").pop());
    assert_eq!(cdr["energy_wh"], 5000);
    witness.stays_well(&host);
}

fn alive(station: &mut Station) {
    let answer = station.call("Heartbeat", &json!({}));
    assert!(answer["currentTime"].as_str().is_some_and(|now| now.ends_with('Z')), "{answer}");
}
