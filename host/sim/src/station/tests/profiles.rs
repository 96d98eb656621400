//! What a station makes of charging profiles, in three versions and with all its faults.

mod broken;
mod cars;

use serde_json::json;

use super::*;

const ALL: [Version; 3] = [Version::V16, Version::V201, Version::V21];
const TWO: [Version; 2] = [Version::V201, Version::V21];

fn power_w(world: &World) -> i64 {
    world.station.plugs()[0].power_w
}

fn version(world: &World) -> Version {
    world.station.spec().version
}

/// A profile of EVSE 1 as the server writes it, without what is not given.
#[derive(Clone)]
struct Written {
    evse: i64,
    id: i64,
    stack: i64,
    purpose: &'static str,
    kind: &'static str,
    tx: Option<String>,
    start_ms: Option<i64>,
    duration_s: Option<i64>,
    offline_s: Option<i64>,
    pull_s: Option<i64>,
    unit: &'static str,
    periods: Value,
}

fn periods(limits: &[(i64, f64)]) -> Value {
    let period = |(start, limit): &(i64, f64)| json!({ "startPeriod": start, "limit": limit });
    Value::Array(limits.iter().map(period).collect())
}

/// Of the running transaction, with this limit from a minute ago on.
fn of_transaction(world: &World, amperes: f64) -> Written {
    let tx = match version(world) {
        Version::V16 => Some(world.next_number.to_string()),
        _ => world.station.plugs()[0].tx.clone(),
    };
    Written {
        evse: 1,
        id: 300_001,
        stack: 1,
        purpose: "TxProfile",
        kind: "Absolute",
        tx,
        start_ms: Some(world.station.clock_ms() - 60_000),
        duration_s: None,
        offline_s: None,
        pull_s: None,
        unit: "A",
        periods: periods(&[(0, amperes)]),
    }
}

fn default_of(world: &World, amperes: f64) -> Written {
    let (purpose, tx) = ("TxDefaultProfile", None);
    Written { id: 200_001, stack: 0, purpose, tx, ..of_transaction(world, amperes) }
}

impl Written {
    fn payload(&self, version: Version) -> Value {
        let start = self.start_ms.map(busbar_ocpp::values::Time::from_epoch_ms);
        let mut schedule = json!({
            "chargingRateUnit": self.unit, "chargingSchedulePeriod": self.periods,
        });
        let mut profile = json!({
            "stackLevel": self.stack, "chargingProfilePurpose": self.purpose,
            "chargingProfileKind": self.kind,
        });
        put(&mut schedule, "startSchedule", start.as_ref().map(|start| json!(start.as_str())));
        put(&mut schedule, "duration", self.duration_s.map(|seconds| json!(seconds)));
        put(&mut profile, "maxOfflineDuration", self.offline_s.map(|seconds| json!(seconds)));
        put(&mut profile, "dynUpdateInterval", self.pull_s.map(|seconds| json!(seconds)));
        if version == Version::V16 {
            let tx = self.tx.as_ref().map(|tx| json!(tx.parse::<i64>().expect("a number")));
            put(&mut profile, "transactionId", tx);
            profile["chargingProfileId"] = self.id.into();
            profile["chargingSchedule"] = schedule;
            return json!({ "connectorId": self.evse, "csChargingProfiles": profile });
        }
        put(&mut profile, "transactionId", self.tx.as_ref().map(|tx| json!(tx)));
        schedule["id"] = 1.into();
        profile["id"] = self.id.into();
        profile["chargingSchedule"] = json!([schedule]);
        json!({ "evseId": self.evse, "chargingProfile": profile })
    }

    fn set(&self, world: &mut World) -> String {
        let payload = self.payload(version(world));
        status(&world.call("SetChargingProfile", payload))
    }
}

fn put(object: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        object[name] = value;
    }
}

fn status(answer: &Value) -> String {
    answer["status"].as_str().unwrap_or("no status").to_owned()
}

/// A charge that has run for a while.
fn charging(version: Version) -> World {
    charging_at(spec(version))
}

fn charging_at(spec: Spec) -> World {
    let mut world = booted(spec);
    charge_s(&mut world, 100);
    world
}

#[test]
fn a_limit_of_a_transaction_goes_before_the_default_and_ends_at_it() {
    for version in ALL {
        let mut world = charging(version);
        assert_eq!(power_w(&world), 11_040);
        assert_eq!(default_of(&world, 6.0).set(&mut world), "Accepted");
        world.run_s(5);
        assert_eq!(power_w(&world), 4_140, "{version:?}");
        let tx = Written { duration_s: Some(160), ..of_transaction(&world, 10.4) };
        assert_eq!(tx.set(&mut world), "Accepted");
        world.run_s(5);
        assert_eq!(power_w(&world), 7_176, "{version:?}");
        // The same id again: there is one profile, and no gap.
        assert_eq!(Written { periods: periods(&[(0, 8.0)]), ..tx }.set(&mut world), "Accepted");
        assert_eq!(world.station.limits().iter().count(), 2);
        world.run_s(5);
        assert_eq!(power_w(&world), 5_520, "{version:?}");
        world.run_s(100);
        assert_eq!(power_w(&world), 4_140, "{version:?}: its lease is over");
        present(&mut world);
        world.run_s(5);
        let left: Vec<i64> = world.station.limits().iter().map(|profile| profile.id).collect();
        assert_eq!(left, [200_001], "a transaction takes its profile with it");
    }
}

#[test]
fn the_draw_shows_in_the_meter_values() {
    for version in TWO {
        let mut world = charging(version);
        of_transaction(&world, 10.4).set(&mut world);
        world.run_s(70);
        let events = events(&world);
        let event = events.iter().rev().find(|event| event["meterValue"].is_array());
        let samples = &event.expect("a reading")["meterValue"][0]["sampledValue"];
        let of = |measurand: &str| -> Vec<f64> {
            let all = samples.as_array().expect("samples").iter();
            let all = all.filter(|sample| sample["measurand"] == measurand);
            all.map(|sample| sample["value"].as_f64().expect("a number")).collect()
        };
        assert_eq!(of("Current.Import"), [10.4, 10.4, 10.4]);
        assert_eq!(of("Power.Active.Import"), [7_176.0]);
        assert_eq!(of("Energy.Active.Import.Register").len(), 1);
    }
}

#[test]
fn what_is_wrong_is_rejected() {
    type Change = fn(&mut Written);
    let wrong: [(&[Version], Change); 12] = [
        (&ALL, |p| p.stack = 9),
        (&ALL, |p| p.periods = periods(&[(5, 10.0)])),
        (&ALL, |p| p.periods = periods(&[(0, 10.0), (20, 8.0), (10, 6.0)])),
        (&ALL, |p| p.periods = periods(&[(0, 10.0); 25])),
        (&ALL, |p| p.evse = 3),
        (&ALL, |p| p.evse = 0),
        (&ALL, |p| p.tx = Some("99999".to_owned())),
        (&TWO, |p| p.tx = None),
        (&TWO, |p| p.start_ms = None),
        (&TWO, |p| p.kind = "Relative"),
        (&TWO, |p| p.purpose = "ChargingStationMaxProfile"),
        (&TWO, |p| p.purpose = "ChargingStationExternalConstraints"),
    ];
    for (place, (versions, change)) in wrong.into_iter().enumerate() {
        for version in versions {
            let mut world = charging(*version);
            let mut profile = of_transaction(&world, 10.0);
            assert_eq!(profile.set(&mut world), "Accepted");
            change(&mut profile);
            assert_eq!(profile.set(&mut world), "Rejected", "{place} {version:?}");
            world.run_s(5);
            assert_eq!(power_w(&world), 6_900, "what it held stands");
        }
    }
}

#[test]
fn two_of_one_level_take_turns_in_16_and_clash_in_2x() {
    for (version, expected) in
        [(Version::V16, "Accepted"), (Version::V201, "Rejected"), (Version::V21, "Rejected")]
    {
        let mut world = charging(version);
        of_transaction(&world, 10.0).set(&mut world);
        let other = Written { id: 7, ..of_transaction(&world, 8.0) };
        assert_eq!(other.set(&mut world), expected, "{version:?}");
        assert_eq!(world.station.limits().iter().count(), 1);
    }
}

#[test]
fn a_full_station_takes_no_more() {
    let mut world = charging(Version::V201);
    for n in 0..8 {
        let at_evse = Written { id: n, stack: n, ..default_of(&world, 10.0) };
        assert_eq!(at_evse.set(&mut world), "Accepted");
        let at_all = Written { id: 10 + n, evse: 0, ..at_evse };
        assert_eq!(at_all.set(&mut world), "Accepted");
    }
    let one_more = Written { id: 50, stack: 8, ..default_of(&world, 10.0) };
    assert_eq!(one_more.set(&mut world), "Rejected");
    assert_eq!(Written { id: 3, stack: 3, ..one_more }.set(&mut world), "Accepted", "it replaces");
}

fn ask(world: &mut World, evse: i64, seconds: i64, unit: &str) -> Value {
    let place = if version(world) == Version::V16 { "connectorId" } else { "evseId" };
    let asked = json!({ place: evse, "duration": seconds, "chargingRateUnit": unit });
    world.call("GetCompositeSchedule", asked)
}

fn told(version: Version, answer: &Value) -> Vec<(i64, f64)> {
    let schedule = match version {
        Version::V16 => &answer["chargingSchedule"],
        _ => &answer["schedule"],
    };
    let periods = schedule["chargingSchedulePeriod"].as_array().expect("periods").iter();
    let number = |value: &Value| value.as_f64().expect("a number");
    periods.map(|p| (p["startPeriod"].as_i64().expect("a second"), number(&p["limit"]))).collect()
}

#[test]
fn it_says_what_it_is_going_to_do() {
    for version in ALL {
        let mut world = charging(version);
        let maximum = Written {
            evse: 0,
            id: 100_000,
            purpose: match version {
                Version::V16 => "ChargePointMaxProfile",
                _ => "ChargingStationMaxProfile",
            },
            ..default_of(&world, 25.0)
        };
        assert_eq!(maximum.set(&mut world), "Accepted");
        default_of(&world, 6.0).set(&mut world);
        let limits = periods(&[(0, 30.0), (90, 12.5)]);
        let tx = Written { duration_s: Some(120), periods: limits, ..of_transaction(&world, 0.0) };
        tx.set(&mut world);
        let answer = ask(&mut world, 1, 600, "A");
        assert_eq!(status(&answer), "Accepted");
        assert_eq!(told(version, &answer), [(0, 25.0), (30, 12.5), (60, 6.0)], "{version:?}");
        let watts = told(version, &ask(&mut world, 1, 600, "W"));
        assert_eq!(watts, [(0, 17_250.0), (30, 8_625.0), (60, 4_140.0)]);
        assert_eq!(told(version, &ask(&mut world, 0, 600, "A")), [(0, 25.0)], "in all");
        assert_eq!(status(&ask(&mut world, 2, 600, "A")), "Rejected");
    }
}

#[test]
fn it_reports_what_it_holds() {
    for version in TWO {
        let mut world = charging(version);
        default_of(&world, 6.0).set(&mut world);
        Written { evse: 0, id: 200_000, ..default_of(&world, 16.0) }.set(&mut world);
        of_transaction(&world, 10.4).set(&mut world);
        let asks = |asked: Value| json!({ "requestId": 7, "chargingProfile": asked });
        let answer = world.call("GetChargingProfiles", asks(json!({})));
        assert_eq!(status(&answer), "Accepted");
        world.run_s(2);
        let reports = world.all("ReportChargingProfiles");
        let heads: Vec<_> = reports.iter().map(|r| (&r["evseId"], &r["tbc"])).collect();
        assert_eq!(heads, [(&json!(0), &json!(true)), (&json!(1), &Value::Null)]);
        let profiles = reports[1]["chargingProfile"].as_array().expect("profiles");
        assert_eq!(profiles.len(), 2);
        let sent = of_transaction(&world, 10.4).payload(version)["chargingProfile"].clone();
        assert_eq!(profiles[1]["transactionId"], sent["transactionId"]);
        assert_eq!(
            profiles[1]["chargingSchedule"][0]["chargingSchedulePeriod"],
            sent["chargingSchedule"][0]["chargingSchedulePeriod"]
        );
        for (asked, expected) in [
            (json!({ "chargingProfileId": [300_001] }), "Accepted"),
            (json!({ "chargingProfilePurpose": "TxDefaultProfile" }), "Accepted"),
            (json!({ "chargingLimitSource": ["CSO"] }), "Accepted"),
            (json!({ "chargingLimitSource": ["EMS"] }), "NoProfiles"),
            (json!({ "chargingProfileId": [5] }), "NoProfiles"),
            (json!({ "stackLevel": 4 }), "NoProfiles"),
            (
                json!({ "chargingProfilePurpose": "ChargingStationExternalConstraints" }),
                "NoProfiles",
            ),
        ] {
            let answer = world.call("GetChargingProfiles", asks(asked.clone()));
            assert_eq!(status(&answer), expected, "{asked}");
        }
    }
}

#[test]
fn criteria_of_a_clear_are_all_meant() {
    for version in TWO {
        let mut world = charging(version);
        default_of(&world, 6.0).set(&mut world);
        of_transaction(&world, 10.4).set(&mut world);
        let criteria = |criteria: Value| json!({ "chargingProfileCriteria": criteria });
        for (asked, expected) in [
            (json!({}), "Unknown"),
            (criteria(json!({ "stackLevel": 1, "evseId": 0 })), "Unknown"),
            (
                criteria(json!({ "chargingProfilePurpose": "TxProfile", "stackLevel": 0 })),
                "Unknown",
            ),
            (
                criteria(json!({ "chargingProfilePurpose": "TxProfile", "stackLevel": 1 })),
                "Accepted",
            ),
            (json!({ "chargingProfileId": 300_001 }), "Unknown"),
            (json!({ "chargingProfileId": 200_001 }), "Accepted"),
        ] {
            let answer = world.call("ClearChargingProfile", asked.clone());
            assert_eq!(status(&answer), expected, "{asked}");
        }
    }
}

#[test]
fn a_dynamic_profile_is_updated_and_ends_where_nobody_does() {
    let mut world = charging(Version::V21);
    default_of(&world, 6.0).set(&mut world);
    let dynamic = |world: &World| Written {
        kind: "Dynamic",
        start_ms: None,
        duration_s: Some(60),
        ..of_transaction(world, 16.0)
    };
    let two = Written { periods: periods(&[(0, 16.0), (9, 8.0)]), ..dynamic(&world) };
    assert_eq!(two.set(&mut world), "Rejected", "PITFALLS 117");
    assert_eq!(dynamic(&world).set(&mut world), "Accepted");
    world.run_s(50);
    assert_eq!(power_w(&world), 11_040);
    let update = |id: i64| json!({ "chargingProfileId": id, "scheduleUpdate": { "limit": 10.4 } });
    assert_eq!(status(&world.call("UpdateDynamicSchedule", update(300_001))), "Accepted");
    world.run_s(50);
    assert_eq!(power_w(&world), 7_176);
    assert_eq!(status(&world.call("UpdateDynamicSchedule", update(200_001))), "Rejected");
    assert_eq!(status(&world.call("UpdateDynamicSchedule", update(5))), "Rejected");
    world.run_s(15);
    assert_eq!(power_w(&world), 4_140, "nobody told it anything for a minute");
}

#[test]
fn a_station_asks_for_the_limit_of_a_dynamic_profile() {
    let mut world = charging(Version::V21);
    let pulls = Written {
        kind: "Dynamic",
        start_ms: None,
        duration_s: Some(60),
        pull_s: Some(20),
        ..of_transaction(&world, 16.0)
    };
    assert_eq!(pulls.set(&mut world), "Accepted");
    world.run_s(19);
    assert_eq!(world.count("PullDynamicScheduleUpdate"), 0);
    world.run_s(5);
    assert_eq!(world.count("PullDynamicScheduleUpdate"), 1);
    assert_eq!(power_w(&world), 5_865, "8.5 A, as the server answered");
    world.run_s(200);
    assert_eq!(world.count("PullDynamicScheduleUpdate"), 11);
    assert_eq!(power_w(&world), 5_865, "each answer begins its duration anew");
    // One that is refused asks no more often.
    world.refuse = Some("PullDynamicScheduleUpdate");
    world.run_s(50);
    assert_eq!(world.count("PullDynamicScheduleUpdate"), 13);
    world.reach(false);
    world.run_s(70);
    assert_eq!(power_w(&world), 11_040);
}

#[test]
fn a_profile_can_end_while_the_station_is_offline() {
    let mut world = charging(Version::V21);
    default_of(&world, 6.0).set(&mut world);
    let tx = Written { offline_s: Some(60), ..of_transaction(&world, 10.4) };
    assert_eq!(tx.set(&mut world), "Accepted");
    world.run_s(100);
    assert_eq!(power_w(&world), 7_176);
    world.reach(false);
    world.run_s(55);
    assert_eq!(power_w(&world), 7_176);
    world.run_s(10);
    assert_eq!(power_w(&world), 4_140);
    world.reach(true);
    world.run_s(100);
    assert_eq!(power_w(&world), 7_176, "it is valid again");
}

#[test]
fn a_limit_of_a_grid_operator_is_told_and_held() {
    for version in ALL {
        let mut world = charging(version);
        of_transaction(&world, 14.0).set(&mut world);
        world.act(Act::Limit { ma: Some(8_000) });
        world.run_s(5);
        assert_eq!(power_w(&world), 5_520);
        assert_eq!(told(version, &ask(&mut world, 1, 60, "A")), [(0, 8.0)]);
        assert_eq!(told(version, &ask(&mut world, 0, 60, "A")), [(0, 8.0)]);
        assert!(!world.station.limits().iter().any(|p| p.id == 0));
        world.call(
            "ClearChargingProfile",
            if version == Version::V16 {
                json!({})
            } else {
                json!({ "chargingProfileCriteria": { "evseId": 0 } })
            },
        );
        world.run_s(5);
        assert_eq!(power_w(&world), 5_520, "it is not the server's to clear");
        world.act(Act::Limit { ma: None });
        world.run_s(5);
        assert!(power_w(&world) > 9_000);
        let told = [world.all("NotifyChargingLimit"), world.all("ClearedChargingLimit")];
        let counts = told.map(|all| all.len());
        assert_eq!(counts, if version == Version::V16 { [0, 0] } else { [1, 1] });
    }
}
