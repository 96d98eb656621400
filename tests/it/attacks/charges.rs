//! Attacks on what is billed, over real sockets (15 to 22, 37 and 38): somebody else's
//! transaction, replays, impossible meters and clocks, answers that nobody asked for. Must never
//! accept a bill that the attack changed.

use serde_json::{Value, json};

use crate::edges::Witness;
use crate::support::station::{Station, ago};
use crate::support::{Api, TestHost, until};

fn online(host: &TestHost, stations: &[&str]) -> Vec<Station> {
    host.prepare(stations);
    let connect = |identity: &&str| {
        let mut station = Station::connect(host.ocpp, identity, "ocpp1.6");
        station.boot();
        station
    };
    stations.iter().map(connect).collect()
}

fn session(api: &Api, station: &str) -> Value {
    let mut sessions = api.all(&format!("/api/v1/sessions?station={station}"));
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions.remove(0)
}

/// The energy and the price of the only CDR of a station.
fn bill(api: &Api, station: &str) -> (Value, Value) {
    let path = format!("/api/v1/cdrs?station={station}");
    until("a CDR", || api.all(&path).pop());
    let cdrs = api.all(&path);
    assert_eq!(cdrs.len(), 1, "{cdrs:?}");
    (cdrs[0]["energy_wh"].clone(), cdrs[0]["cost"]["payable"].clone())
}

fn orphans(api: &Api, station: &str) -> usize {
    let transactions = api.all(&format!("/api/v1/transactions?station={station}"));
    transactions.iter().filter(|transaction| transaction["orphan"] == true).count()
}

fn readings(transaction: i64, wh: i64, minutes_ago: i64) -> Value {
    json!({
        "connectorId": 1, "transactionId": transaction,
        "meterValue": [{
            "timestamp": ago(minutes_ago), "sampledValue": [{ "value": wh.to_string() }],
        }],
    })
}

#[test]
fn attack_15_a_station_stops_the_transaction_of_another() {
    let host = TestHost::start("");
    let mut stations = online(&host, &["A", "B"]);
    let transaction = stations[0].start(1000, 60);
    stations[1].stop(transaction, 999_999, 0);
    assert_eq!(session(&host.api, "A")["state"], "open", "A still charges");
    assert_eq!(orphans(&host.api, "B"), 1, "what B said is kept, as its own");
    stations[0].stop(transaction, 6000, 10);
    assert_eq!(bill(&host.api, "A"), (json!(5000), json!("3.33")));
    assert_eq!(host.api.all("/api/v1/cdrs").len(), 1);
}

#[test]
fn attack_16_readings_for_the_transaction_of_another_and_for_one_that_ended() {
    let host = TestHost::start("");
    let mut stations = online(&host, &["A", "B"]);
    let transaction = stations[0].start(1000, 60);
    stations[1].call("MeterValues", &readings(transaction, 900_000, 30));
    stations[0].stop(transaction, 6000, 10);
    let billed = bill(&host.api, "A");
    assert_eq!(billed, (json!(5000), json!("3.33")));
    stations[1].call("MeterValues", &readings(transaction, 900_000, 5));
    stations[0].call("MeterValues", &readings(transaction, 5500, 15));
    stations[0].call("MeterValues", &readings(transaction, 6000, 10));
    // Its own late readings change nothing that was billed by start and stop.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(bill(&host.api, "A"), billed);
    let orphan = session(&host.api, "B");
    assert_eq!(orphan["transaction_id"], transaction.to_string(), "kept, as B's own");
    assert!(host.api.all("/api/v1/cdrs?station=B").is_empty(), "an orphan is never billed");
}

#[test]
fn attack_17_messages_that_come_again_and_again() {
    let host = TestHost::start("");
    let mut station = online(&host, &["S1"]).remove(0);
    let (began, ended) = (ago(60), ago(10));
    let start = json!({
        "connectorId": 1, "idTag": "04A1B2C3", "meterStart": 1000, "timestamp": began,
    });
    let ids: Vec<_> =
        (0..3).map(|_| station.call("StartTransaction", &start)["transactionId"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let stop = json!({ "transactionId": ids[0], "meterStop": 6000, "timestamp": ended });
    for _ in 0..3 {
        station.call("StopTransaction", &stop);
    }
    assert_eq!(bill(&host.api, "S1"), (json!(5000), json!("3.33")));
    // Again when it is billed, and over another connection.
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    assert_eq!(station.call("StartTransaction", &start)["transactionId"], ids[0]);
    station.call("StopTransaction", &stop);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(bill(&host.api, "S1"), (json!(5000), json!("3.33")));
    session(&host.api, "S1");
}

#[test]
fn attack_18_ten_clicks_are_one_start() {
    let host = TestHost::start("");
    let mut station = online(&host, &["S1"]).remove(0);
    for (connector, key) in [(1, "Idempotency-Key: one-visit\r\n"), (2, "")] {
        let start = json!({ "connectorId": connector, "idTag": "04A1B2C3" }).to_string();
        let clicks: Vec<_> = (0..10)
            .map(|_| {
                let api = host.api.clone();
                let request = format!(
                    "POST /api/v1/stations/S1/commands/RemoteStartTransaction HTTP/1.1\r\n\
                     Host: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
                     {key}Content-Length: {}\r\nConnection: close\r\n\r\n{start}",
                    api.address,
                    api.token,
                    start.len()
                );
                std::thread::spawn(move || api.raw(request.as_bytes()))
            })
            .collect();
        let call = station.read().unwrap();
        assert_eq!(call[2], "RemoteStartTransaction", "{call}");
        // All ten have come by then.
        std::thread::sleep(std::time::Duration::from_millis(1000));
        station.send(&json!([3, call[1], { "status": "Accepted" }]).to_string()).unwrap();
        let answers: Vec<_> = clicks.into_iter().map(|click| click.join().unwrap()).collect();
        let (done, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 200);
        // With a key they are one request, without one the connector is taken.
        assert_eq!(done.len(), if key.is_empty() { 1 } else { 10 }, "{answers:?}");
        assert!(done.iter().all(|answer| answer.json()["message_id"] == call[1]), "{answers:?}");
        assert!(refused.iter().all(|answer| answer.status == 409), "{answers:?}");
        // Nothing else was sent: the next frame is the answer to its own call.
        station.send("[2,\"mine\",\"Heartbeat\",{}]").unwrap();
        assert_eq!(station.read().unwrap()[1], "mine", "{key:?}");
    }
}

#[test]
fn attack_21_meters_that_cannot_be() {
    let host = TestHost::start("");
    host.prepare(&["S1"]);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    station.boot();
    // What the meter says at the start, in between and at the stop; when; and what is found.
    let vectors: [(&str, i64, Option<i64>, i64, i64); 6] = [
        ("backwards", 5000, None, 1000, 10),
        ("a jump that no connector could deliver", 0, None, 50_000_000, 10),
        ("back to zero in between", 5000, Some(100), 6000, 10),
        ("kWh said to be Wh in between", 5_000_000, Some(5_005), 5_010_000, 10),
        ("a jump in between and back", 0, Some(90_000_000), 5000, 10),
        ("a stop that is still to come", 0, None, 5000, -60 * 24 * 365),
    ];
    for (n, (what, begin, between, end, minutes)) in vectors.into_iter().enumerate() {
        let name = format!("METER{n}");
        host.prepare(&[&name]);
        let mut station = Station::connect(host.ocpp, &name, "ocpp1.6");
        station.boot();
        let transaction = station.start_by("04D4E5F6", begin, 60);
        if let Some(wh) = between {
            station.call("MeterValues", &readings(transaction, wh, 30));
        }
        station.stop(transaction, end, minutes);
        let held = until(what, || {
            let session = session(&host.api, &name);
            matches!(session["state"].as_str(), Some("held" | "billed")).then_some(session)
        });
        assert_eq!(held["state"], "held", "{what}: {held}");
        assert_eq!(held["held"]["reason"], "review", "{what}: {held}");
        assert!(host.api.all(&format!("/api/v1/cdrs?station={name}")).is_empty(), "{what}");
        let energy = held["energy_wh"].as_f64().unwrap();
        let proposed = &held["proposal"];
        assert!(energy >= 0.0, "{what}: {held}");
        assert!(!proposed.to_string().contains("\"-"), "nothing negative is proposed: {proposed}");
    }
    // Numbers that no meter has are refused as they come.
    for meter in ["1e30", "99999999999999999999", "-1e999", "0.5e"] {
        let text = format!(
            "[2,\"n\",\"StartTransaction\",{{\"connectorId\":1,\"idTag\":\"04A1B2C3\",\
             \"meterStart\":{meter},\"timestamp\":\"{}\"}}]",
            ago(5)
        );
        station.send(&text).unwrap();
        assert_eq!(station.read().unwrap()[0], 4, "{meter}");
    }
}

#[test]
fn attack_22_a_clock_that_is_a_year_off() {
    const YEAR: i64 = 60 * 24 * 365;
    let host = TestHost::start("");
    let mut station = online(&host, &["S1"]).remove(0);
    let transaction = station.start(1000, YEAR + 60);
    station.stop(transaction, 6000, YEAR + 10);
    let held = until("its review", || {
        Some(session(&host.api, "S1")).filter(|session| session["state"] == "held")
    });
    assert!(held["held"].to_string().contains("clock_off"), "{held}");
    // What is proposed is the price by our own time, for the same energy.
    assert_eq!(held["proposal"]["cost"]["payable"], "3.33", "{held}");
    assert!(host.api.all("/api/v1/cdrs").is_empty());
}

#[test]
fn attack_37_answers_that_nobody_asked_for() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    station.boot();
    let transaction = station.start_by("04D4E5F6", 1000, 60);
    let before = until("its first running cost", || {
        Some(session(&host.api, "S1")).filter(|session| !session["cost"].is_null())
    });
    let ask = |api: &Api| {
        let api = api.clone();
        std::thread::spawn(move || {
            let path = "/api/v1/stations/S1/commands/ClearCache";
            api.send("POST", path, Some(&json!({})))
        })
    };
    // One that was answered: its id is worth nothing any more.
    let asked = ask(&host.api);
    let old = station.read().unwrap();
    station.send(&json!([3, old[1], { "status": "Rejected" }]).to_string()).unwrap();
    assert_eq!(asked.join().unwrap().json()["status"], "Rejected");
    let asked = ask(&host.api);
    let open = station.read().unwrap();
    assert_ne!(open[1], old[1]);
    for text in [
        json!([3, "never-sent", { "status": "Accepted" }]),
        json!([4, "never-sent", "GenericError", "", {}]),
        json!([3, old[1], { "status": "Accepted" }]),
        json!([3, old[1], { "idTagInfo": { "status": "Accepted" }, "transactionId": 1 }]),
        json!([3, "", {}]),
    ] {
        station.send(&text.to_string()).unwrap();
    }
    // Two calls at once, and one id for two things: each is answered by what it says.
    let call = |id: &str, action: &str, payload: Value| json!([2, id, action, payload]).to_string();
    station.send(&call("two", "Heartbeat", json!({}))).unwrap();
    station.send(&call("two", "Authorize", json!({ "idTag": "04D4E5F6" }))).unwrap();
    let answers = [station.read().unwrap(), station.read().unwrap()];
    assert!(answers.iter().all(|answer| answer[1] == "two"), "{answers:?}");
    assert!(answers.iter().any(|answer| answer[2]["currentTime"].is_string()), "{answers:?}");
    assert!(answers.iter().any(|answer| answer[2]["idTagInfo"].is_object()), "{answers:?}");
    // The open one is still open, and its own answer counts.
    station.send(&json!([3, open[1], { "status": "Accepted" }]).to_string()).unwrap();
    assert_eq!(asked.join().unwrap().json()["status"], "Accepted");
    assert_eq!(session(&host.api, "S1"), before, "nothing of it touched the charge");
    station.stop(transaction, 6000, 10);
    assert_eq!(bill(&host.api, "S1"), (json!(5000), json!("3.33")));
    witness.stays_well(&host);
}

#[test]
fn attack_38_messages_of_a_station_that_was_never_accepted() {
    let host = TestHost::start("");
    host.prepare(&["S1"]);
    for status in ["pending", "rejected"] {
        let name = status.to_uppercase();
        let put = json!({ "password": crate::support::host::PASSWORD, "status": status });
        host.api.put(&format!("/api/v1/stations/{name}"), &put);
    }
    let start = json!({
        "connectorId": 1, "idTag": "04A1B2C3", "meterStart": 0, "timestamp": ago(60),
    });
    for name in ["S1", "PENDING", "REJECTED"] {
        let mut station = Station::connect(host.ocpp, name, "ocpp1.6");
        if name != "S1" {
            station.boot();
        }
        for (action, payload) in [
            ("StartTransaction", start.clone()),
            ("StopTransaction", json!({ "transactionId": 1, "meterStop": 9, "timestamp": ago(1) })),
            ("MeterValues", readings(1, 5, 1)),
            ("Authorize", json!({ "idTag": "04A1B2C3" })),
        ] {
            let frame = station.try_call(action, &payload).unwrap();
            let told = (&frame[0], frame[2].as_str());
            assert_eq!(told, (&json!(4), Some("SecurityError")), "{name} {action}: {frame}");
        }
    }
    assert!(host.api.all("/api/v1/sessions").is_empty());
    // Once accepted it stays so over connections.
    Station::connect(host.ocpp, "S1", "ocpp1.6").boot();
    Station::connect(host.ocpp, "S1", "ocpp1.6").start(1000, 60);
}
