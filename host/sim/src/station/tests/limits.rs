//! Charging profiles hold.

use serde_json::json;

use super::*;

fn power_w(world: &World) -> i64 {
    world.station.plugs()[0].power_w
}

fn limit_16(world: &mut World, id: i64, amperes: i64) -> Value {
    let schedule = json!({
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{ "startPeriod": 0, "limit": amperes }],
    });
    let profile = json!({
        "chargingProfileId": id, "stackLevel": 1, "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative", "chargingSchedule": schedule,
    });
    world.call("SetChargingProfile", json!({ "connectorId": 1, "csChargingProfiles": profile }))
}

#[test]
fn a_limit_holds_from_the_next_step_until_it_is_cleared() {
    let mut world = booted(spec(Version::V16));
    charge_s(&mut world, 100);
    assert_eq!(power_w(&world), 11_040);
    assert_eq!(limit_16(&mut world, 5, 10)["status"], json!("Accepted"));
    world.run_s(2);
    assert_eq!(power_w(&world), 6_900);
    assert_eq!(limit_16(&mut world, 5, 5)["status"], json!("Accepted"));
    world.run_s(2);
    assert_eq!(power_w(&world), 0, "a car cannot take less than 6 A");
    assert_eq!(world.all("StatusNotification").last().expect("one")["status"], "SuspendedEVSE");
    assert_eq!(world.call("ClearChargingProfile", json!({ "id": 5 }))["status"], "Accepted");
    assert_eq!(world.call("ClearChargingProfile", json!({ "id": 5 }))["status"], "Unknown");
    world.run_s(2);
    assert_eq!(power_w(&world), 11_040);
}

#[test]
fn a_limit_of_a_transaction_needs_one() {
    let mut world = booted(spec(Version::V16));
    assert_eq!(limit_16(&mut world, 5, 10)["status"], json!("Rejected"));
}

#[test]
fn a_schedule_changes_on_its_own_and_ends() {
    for version in [Version::V201, Version::V21] {
        let mut world = booted(spec(version));
        charge_s(&mut world, 100);
        let start = busbar_ocpp::values::Time::from_epoch_ms(world.now_ms);
        let tx = world.station.plugs()[0].tx.clone();
        let profile = json!({
            "id": 9, "stackLevel": 0, "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute", "transactionId": tx,
            "chargingSchedule": [{
                "id": 1, "startSchedule": start.as_str(), "duration": 120, "chargingRateUnit": "W",
                "chargingSchedulePeriod": [
                    { "startPeriod": 0, "limit": 6900 }, { "startPeriod": 60, "limit": 4200 },
                ],
            }],
        });
        let call = json!({ "evseId": 1, "chargingProfile": profile });
        assert_eq!(world.call("SetChargingProfile", call)["status"], json!("Accepted"));
        let powers = [2, 60, 60].map(|seconds| {
            world.run_s(seconds);
            power_w(&world)
        });
        assert!((6_800..=6_900).contains(&powers[0]), "{powers:?}");
        assert!((4_150..=4_200).contains(&powers[1]), "{powers:?}");
        assert_eq!(powers[2], 11_040);
    }
}

#[test]
fn a_limit_of_the_station_is_shared() {
    let mut spec = spec(Version::V201);
    spec.evses = vec![Supply::Ac { phases: 3, max_ma: 32_000 }; 2];
    let mut world = booted(spec);
    let profile = json!({
        "id": 1, "stackLevel": 0, "chargingProfilePurpose": "ChargingStationMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [{
            "id": 1, "startSchedule": "2020-01-01T00:00:00Z", "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{ "startPeriod": 0, "limit": 24 }],
        }],
    });
    world.call("SetChargingProfile", json!({ "evseId": 0, "chargingProfile": profile }));
    charge_s(&mut world, 100);
    assert_eq!(power_w(&world), 11_040);
    world.act(Act::PlugIn { evse: 2, car: car() });
    world.act(Act::Present { evse: 2, token: Token::card("OTHER") });
    world.run_s(10);
    let powers: Vec<_> = world.station.plugs().iter().map(|plug| plug.power_w).collect();
    assert_eq!(powers, [8_280, 8_280]);
}
