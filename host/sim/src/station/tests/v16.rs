use super::*;
use serde_json::json;

fn spec() -> Spec {
    Spec::new("CP-1", Version::V16, 7)
}

#[test]
fn a_whole_charge_tells_its_energy() {
    let world = whole_charge(spec());
    let start = world.all("StartTransaction")[0];
    let stop = world.all("StopTransaction")[0];
    let wh = stop["meterStop"].as_i64().expect("Wh") - start["meterStart"].as_i64().expect("Wh");
    // 16 A on three phases of 230 V for an hour less the two seconds in which the car thinks.
    assert!((11_000..11_041).contains(&wh), "{wh} Wh");
    assert_eq!(stop["transactionId"], json!(42));
    assert_eq!(stop["reason"], json!("Local"));
    assert_eq!(world.count("MeterValues"), 60);
    let statuses: Vec<_> = world.all("StatusNotification");
    let told: Vec<_> = statuses.iter().filter(|s| s["connectorId"] == json!(1)).collect();
    let told: Vec<_> = told.iter().map(|s| s["status"].as_str().expect("text")).collect();
    assert_eq!(told, ["Available", "Preparing", "Charging", "Finishing", "Available"]);
    assert_eq!(world.count("Heartbeat"), 1);
}
