//! Whole charges in every version.

use serde_json::json;

use super::*;

#[test]
fn a_charge_of_1_6_tells_its_energy() {
    let world = whole_charge(spec(Version::V16));
    let start = world.all("StartTransaction")[0];
    let stop = world.all("StopTransaction")[0];
    let wh = stop["meterStop"].as_i64().expect("Wh") - start["meterStart"].as_i64().expect("Wh");
    // 16 A on three phases of 230 V for an hour less the two seconds in which the car thinks.
    assert!((11_000..11_041).contains(&wh), "{wh} Wh");
    assert_eq!(stop["transactionId"], json!(42));
    assert_eq!(stop["reason"], json!("Local"));
    assert_eq!(world.count("MeterValues"), 60);
    let statuses = world.all("StatusNotification");
    let told = statuses.iter().filter(|status| status["connectorId"] == json!(1));
    let told: Vec<_> = told.map(|status| status["status"].as_str().expect("text")).collect();
    assert_eq!(told, ["Available", "Preparing", "Charging", "Finishing", "Available"]);
    assert_eq!(world.count("Heartbeat"), 1);
}

#[test]
fn a_charge_of_2_x_tells_its_energy() {
    for version in [Version::V201, Version::V21] {
        let world = whole_charge(spec(version));
        let events = events(&world);
        let types = texts(&events, "eventType");
        assert_eq!(types.first(), Some(&"Started"));
        assert_eq!(types.last(), Some(&"Ended"));
        assert_eq!(types.iter().filter(|of| **of == "Updated").count(), 61);
        let numbers: Vec<_> = events.iter().map(|event| event["seqNo"].as_i64()).collect();
        assert_eq!(numbers, (0..63).map(Some).collect::<Vec<_>>());
        let wh = register_wh(&events[62]) - register_wh(&events[0]);
        assert!((11_000.0..11_041.0).contains(&wh), "{wh} Wh");
        assert_eq!(events[0]["evse"], json!({ "id": 1, "connectorId": 1 }));
        assert_eq!(events[1]["transactionInfo"]["chargingState"], json!("Charging"));
        assert_eq!(events[1]["evse"], json!(null));
        assert_eq!(events[62]["triggerReason"], json!("StopAuthorized"));
        let statuses = world.all("StatusNotification").len();
        assert_eq!(statuses, 3, "available, occupied, available");
    }
}

#[test]
fn a_full_car_takes_no_more_and_stays() {
    let mut world = booted(spec(Version::V21));
    charge_s(&mut world, 4 * 3600);
    let events = events(&world);
    let last = events.last().expect("an event");
    assert_eq!(last["transactionInfo"]["chargingState"], json!("SuspendedEV"));
    let plug = world.station.plugs().remove(0);
    assert!(plug.full && plug.power_w == 0);
    assert!((19_500_000..=20_100_000).contains(&plug.tx_mwh), "{} mWh", plug.tx_mwh);
}

#[test]
fn direct_current_follows_the_curve_and_tells_the_state_of_charge() {
    let mut spec = spec(Version::V201);
    spec.evses = vec![Supply::Dc { max_w: 150_000 }];
    let mut world = booted(spec);
    charge_s(&mut world, 1200);
    let events = events(&world);
    let samples = events[10]["meterValue"][0]["sampledValue"].as_array().expect("samples");
    let measurands: Vec<_> = samples.iter().map(|s| s["measurand"].as_str()).collect();
    assert!(measurands.contains(&Some("SoC")));
    let power = |event: &Value| event["meterValue"][0]["sampledValue"][1]["value"].as_f64();
    assert!(power(&events[2]) > power(&events[20]), "it tapers");
}

#[test]
fn one_seed_is_one_run() {
    let faulty = |seed| {
        let mut spec = Spec::new("CP-1", Version::V201, seed);
        spec.faults.lost_answers_permille = 200;
        spec.faults.doubled_permille = 200;
        whole_charge(spec).frames
    };
    assert_eq!(faulty(1), faulty(1));
    assert_ne!(faulty(1), faulty(2));
}

#[test]
fn a_2_1_station_can_tell_its_states_by_event() {
    let mut spec = spec(Version::V21);
    spec.status_by_event = true;
    let world = whole_charge(spec);
    assert_eq!((world.count("StatusNotification"), world.count("NotifyEvent")), (0, 3));
}

#[test]
fn a_transaction_can_last_as_long_as_the_cable_is_in() {
    for version in [Version::V201, Version::V21] {
        let mut spec = spec(version);
        spec.starts_on_plug = true;
        let world = whole_charge(spec);
        let events = events(&world);
        let triggers = texts(&events, "triggerReason");
        assert_eq!(&triggers[..3], ["CablePluggedIn", "Authorized", "ChargingStateChanged"]);
        assert_eq!(events[0]["idToken"], json!(null));
        assert_eq!(events[1]["idToken"]["idToken"], json!("04A1B2C3"));
        let last = &events[events.len() - 2..];
        assert_eq!(texts(last, "triggerReason"), ["StopAuthorized", "EVCommunicationLost"]);
        assert_eq!(last[1]["transactionInfo"]["stoppedReason"], json!("Local"));
        let wh = register_wh(&last[1]) - register_wh(&events[0]);
        assert!((11_000.0..11_041.0).contains(&wh), "{wh} Wh");
    }
}
