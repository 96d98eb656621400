//! Orders of the server are obeyed and answered by their schemas.

use serde_json::json;

use super::*;

#[test]
fn a_remote_start_and_stop_make_a_charge() {
    let mut world = booted(spec(Version::V16));
    plug_in(&mut world);
    let start = json!({ "idTag": "APP-1", "connectorId": 1 });
    assert_eq!(world.call("RemoteStartTransaction", start)["status"], json!("Accepted"));
    world.run_s(100);
    assert_eq!(world.all("StartTransaction")[0]["idTag"], json!("APP-1"));
    let stop = json!({ "transactionId": 42 });
    assert_eq!(world.call("RemoteStopTransaction", stop.clone())["status"], json!("Accepted"));
    world.run_s(5);
    assert_eq!(world.all("StopTransaction")[0]["reason"], json!("Remote"));
    assert_eq!(world.call("RemoteStopTransaction", stop)["status"], json!("Rejected"));

    for version in [Version::V201, Version::V21] {
        let mut world = booted(spec(version));
        let token = json!({ "idToken": "APP-1", "type": "Central" });
        let start = json!({ "idToken": token, "remoteStartId": 77 });
        assert_eq!(world.call("RequestStartTransaction", start)["status"], json!("Accepted"));
        world.run_s(20);
        plug_in(&mut world);
        world.run_s(100);
        let first = events(&world)[0].clone();
        assert_eq!(first["transactionInfo"]["remoteStartId"], json!(77));
        let tx = first["transactionInfo"]["transactionId"].clone();
        let status = world.call("GetTransactionStatus", json!({ "transactionId": tx }));
        assert_eq!(status, json!({ "ongoingIndicator": true, "messagesInQueue": false }));
        let stop = json!({ "transactionId": tx });
        assert_eq!(world.call("RequestStopTransaction", stop)["status"], json!("Accepted"));
        world.run_s(5);
        let last = events(&world).pop().expect("an event");
        assert_eq!(last["transactionInfo"]["stoppedReason"], json!("Remote"));
    }
}

#[test]
fn a_remote_start_without_a_car_runs_out() {
    let mut world = booted(spec(Version::V16));
    world.call("RemoteStartTransaction", json!({ "idTag": "APP-1" }));
    world.run_s(61);
    plug_in(&mut world);
    world.run_s(60);
    assert_eq!(world.count("StartTransaction"), 0);
}

#[test]
fn a_reset_ends_the_charge_boots_and_tells_everything_again() {
    for version in Version::ALL {
        let mut world = booted(spec(version));
        charge_s(&mut world, 100);
        let kind = if version == Version::V16 { "Soft" } else { "Immediate" };
        assert_eq!(world.call("Reset", json!({ "type": kind }))["status"], json!("Accepted"));
        let statuses = world.count("StatusNotification");
        world.run_s(60);
        assert_eq!(world.count("BootNotification"), 2);
        assert!(world.count("StatusNotification") > statuses);
        let ended = if version == Version::V16 {
            world.count("StopTransaction")
        } else {
            texts(&events(&world), "eventType").iter().filter(|of| **of == "Ended").count()
        };
        assert_eq!(ended, 1);
    }
}

#[test]
fn out_of_service_waits_for_the_charge() {
    let mut world = booted(spec(Version::V16));
    charge_s(&mut world, 60);
    let order = json!({ "connectorId": 0, "type": "Inoperative" });
    assert_eq!(world.call("ChangeAvailability", order)["status"], json!("Scheduled"));
    unplug(&mut world);
    world.run_s(5);
    assert_eq!(world.all("StatusNotification").last().expect("one")["status"], "Unavailable");
    present(&mut world);
    world.run_s(5);
    assert_eq!(world.count("Authorize"), 1, "nobody can charge there now");
}

#[test]
fn settings_have_a_name_in_each_version() {
    let mut world = booted(spec(Version::V16));
    let set = json!({ "key": "MeterValueSampleInterval", "value": "10" });
    assert_eq!(world.call("ChangeConfiguration", set)["status"], json!("Accepted"));
    let get = json!({ "key": ["MeterValueSampleInterval", "Nonsense"] });
    let answer = world.call("GetConfiguration", get);
    assert_eq!(answer["configurationKey"][0]["value"], json!("10"));
    assert_eq!(answer["unknownKey"], json!(["Nonsense"]));
    charge_s(&mut world, 101);
    assert_eq!(world.count("MeterValues"), 10);

    for version in [Version::V201, Version::V21] {
        let mut world = booted(spec(version));
        let (component, variable) =
            (json!({ "name": "SampledDataCtrlr" }), json!({ "name": "TxUpdatedInterval" }));
        let one = json!({ "component": component, "variable": variable, "attributeValue": "10" });
        let set = world.call("SetVariables", json!({ "setVariableData": [one] }));
        assert_eq!(set["setVariableResult"][0]["attributeStatus"], json!("Accepted"));
        let one = json!({ "component": component, "variable": { "name": "Nonsense" } });
        let get = world.call("GetVariables", json!({ "getVariableData": [one] }));
        assert_eq!(get["getVariableResult"][0]["attributeStatus"], json!("UnknownVariable"));
        world.call("GetBaseReport", json!({ "requestId": 3, "reportBase": "FullInventory" }));
        world.run_s(1);
        assert_eq!(world.all("NotifyReport")[0]["requestId"], json!(3));
    }
}

#[test]
fn what_was_triggered_comes() {
    for version in Version::ALL {
        let mut world = booted(spec(version));
        let asks = [
            ("Heartbeat", "Heartbeat"),
            ("MeterValues", "MeterValues"),
            ("FirmwareStatusNotification", "FirmwareStatusNotification"),
            ("BootNotification", "BootNotification"),
        ];
        for (asked, comes) in asks {
            let before = world.count(comes);
            let answer = world.call("TriggerMessage", json!({ "requestedMessage": asked }));
            assert_eq!(answer["status"], json!("Accepted"));
            world.run_s(1);
            assert_eq!(world.count(comes), before + 1, "{version:?} {comes}");
        }
    }
}

#[test]
fn a_reservation_keeps_strangers_away_and_is_named_by_the_start() {
    let mut world = booted(spec(Version::V16));
    let reserve = json!({
        "connectorId": 1, "expiryDate": "2030-01-01T00:00:00Z", "idTag": "04A1B2C3",
        "reservationId": 12,
    });
    assert_eq!(world.call("ReserveNow", reserve)["status"], json!("Accepted"));
    world.run_s(1);
    assert_eq!(world.all("StatusNotification").last().expect("one")["status"], "Reserved");
    world.act(Act::Present { evse: 1, token: Token::card("STRANGER") });
    world.run_s(1);
    assert_eq!(world.count("Authorize"), 0);
    charge_s(&mut world, 30);
    assert_eq!(world.all("StartTransaction")[0]["reservationId"], json!(12));
}

#[test]
fn nonsense_gets_an_error_and_harms_nothing() {
    for version in Version::ALL {
        let mut world = booted(spec(version));
        let bad = [
            r#"[2,"a","NoSuchThing",{}]"#,
            r#"[2,"b","Heartbeat",{}]"#,
            r#"[2,"c","Reset",{"type":7}]"#,
            r#"[3,"nobody asked",{}]"#,
            "[",
        ];
        for text in bad {
            world.hear(text);
        }
        let errors: Vec<_> =
            world.answers.iter().map(|(_, answer)| answer["error"].as_str()).collect();
        assert_eq!(errors[0], Some("NotImplemented"));
        assert_eq!(errors[1], Some("NotSupported"));
        assert!(errors[2].is_some());
        world.run_s(400);
        assert!(world.count("Heartbeat") > 0);
    }
}

/// Every action that a server may send gets an answer that its schema allows.
#[test]
fn every_simple_order_is_answered() {
    let orders_16 = [
        ("ClearCache", json!({})),
        ("GetLocalListVersion", json!({})),
        ("SendLocalList", json!({ "listVersion": 3, "updateType": "Full" })),
        ("UnlockConnector", json!({ "connectorId": 1 })),
        ("DataTransfer", json!({ "vendorId": "org.example" })),
        ("GetDiagnostics", json!({ "location": "ftp://example.org/" })),
        ("GetCompositeSchedule", json!({ "connectorId": 1, "duration": 60 })),
        ("CancelReservation", json!({ "reservationId": 1 })),
        (
            "GetInstalledCertificateIds",
            json!({ "certificateType": "CentralSystemRootCertificate" }),
        ),
    ];
    let orders_2 = [
        ("ClearCache", json!({})),
        ("GetLocalListVersion", json!({})),
        ("SendLocalList", json!({ "versionNumber": 3, "updateType": "Full" })),
        ("UnlockConnector", json!({ "evseId": 1, "connectorId": 1 })),
        ("DataTransfer", json!({ "vendorId": "org.example" })),
        ("GetCompositeSchedule", json!({ "evseId": 1, "duration": 60 })),
        ("CostUpdated", json!({ "totalCost": 1.5, "transactionId": "x" })),
        ("GetInstalledCertificateIds", json!({})),
        ("ClearVariableMonitoring", json!({ "id": [1, 2] })),
        ("GetMonitoringReport", json!({ "requestId": 1 })),
        ("SetMonitoringLevel", json!({ "severity": 3 })),
        ("GetDisplayMessages", json!({ "requestId": 1 })),
        ("GetChargingProfiles", json!({ "requestId": 1, "chargingProfile": {} })),
    ];
    let mut world = booted(spec(Version::V16));
    for (action, payload) in orders_16 {
        world.call(action, payload);
    }
    for version in [Version::V201, Version::V21] {
        let mut world = booted(spec(version));
        for (action, payload) in orders_2.clone() {
            world.call(action, payload);
        }
    }
}
