//! Stations that do otherwise than they say.

use super::*;
use crate::spec::{ProfileFaults, Rejects};

fn with(version: Version, profiles: ProfileFaults) -> World {
    let mut spec = spec(version);
    spec.faults.profiles = profiles;
    charging_at(spec)
}

#[test]
fn which_profiles_are_rejected() {
    let faults = |rejects| ProfileFaults { rejects, ..ProfileFaults::default() };
    for version in ALL {
        for (rejects, default, tx, zero) in [
            (Rejects::Wrong, "Accepted", "Accepted", "Accepted"),
            (Rejects::All, "Rejected", "Rejected", "Rejected"),
            (Rejects::OfTransactions, "Accepted", "Rejected", "Rejected"),
            (Rejects::Zero, "Accepted", "Accepted", "Rejected"),
        ] {
            let mut world = with(version, faults(rejects));
            assert_eq!(default_of(&world, 6.0).set(&mut world), default, "{rejects:?}");
            assert_eq!(of_transaction(&world, 8.0).set(&mut world), tx, "{rejects:?}");
            assert_eq!(of_transaction(&world, 0.0).set(&mut world), zero, "{rejects:?}");
        }
    }
}

#[test]
fn a_station_takes_only_what_it_knows() {
    let relative =
        |world: &World| Written { kind: "Relative", start_ms: None, ..of_transaction(world, 10.0) };
    let watts = |world: &World| Written { unit: "W", ..of_transaction(world, 6_900.0) };
    let low = |world: &World| Written { stack: 0, ..of_transaction(world, 10.0) };
    for version in ALL {
        for (rejects, expected) in [
            (Rejects::Amperes, ["Rejected", "Rejected", "Accepted", "Rejected"]),
            (Rejects::Absolute, ["Rejected", "Accepted", "Rejected", "Rejected"]),
            (Rejects::Levels, ["Rejected", "Rejected", "Rejected", "Accepted"]),
        ] {
            let faults = ProfileFaults { rejects, ..ProfileFaults::default() };
            let mut world = with(version, faults);
            let usual = of_transaction(&world, 10.0);
            let all = [usual, relative(&world), watts(&world), low(&world)];
            assert_eq!(all.map(|profile| profile.set(&mut world)), expected, "{rejects:?}");
        }
    }
}

#[test]
fn a_clock_is_another_after_a_reboot() {
    let mut spec = spec(Version::V201);
    spec.faults.clock_offset_ms = 5_000;
    spec.faults.clock_jump_ms = -600_000;
    let mut world = booted(spec);
    assert_eq!(world.station.clock_ms(), world.now_ms + 5_000);
    world.act(Act::PowerCut { for_ms: 3_000 });
    world.run_s(10);
    assert_eq!(world.station.clock_ms(), world.now_ms - 595_000);
}

#[test]
fn a_limit_is_accepted_and_ignored() {
    for version in ALL {
        let mut world = with(version, ProfileFaults { ignores: true, ..ProfileFaults::default() });
        assert_eq!(of_transaction(&world, 8.0).set(&mut world), "Accepted");
        world.run_s(10);
        assert_eq!(power_w(&world), 11_040);
    }
}

/// What it reports is what it does, not what it said.
#[test]
fn a_limit_is_accepted_and_dropped_or_rejected_and_held() {
    let none = ProfileFaults::default();
    for (faults, said, held, watts) in [
        (ProfileFaults { drops: true, ..none }, "Accepted", 1, 4_140),
        (ProfileFaults { denies: true, ..none }, "Rejected", 2, 5_520),
    ] {
        for version in ALL {
            let mut world = with(version, faults);
            assert_eq!(default_of(&world, 6.0).set(&mut world), "Accepted");
            assert_eq!(of_transaction(&world, 8.0).set(&mut world), said, "{version:?}");
            world.run_s(10);
            assert_eq!(power_w(&world), watts, "{version:?} {faults:?}");
            if version != Version::V16 {
                let all = json!({ "requestId": 7, "evseId": 1, "chargingProfile": {} });
                assert_eq!(status(&world.call("GetChargingProfiles", all)), "Accepted");
                world.run_s(2);
                let reports = world.all("ReportChargingProfiles");
                assert_eq!(reports[0]["chargingProfile"].as_array().map(Vec::len), Some(held));
            }
        }
    }
}

#[test]
fn a_station_charges_fully_while_it_replaces_a_profile() {
    let mut world =
        with(Version::V16, ProfileFaults { hole_ms: 3_000, ..ProfileFaults::default() });
    of_transaction(&world, 8.0).set(&mut world);
    world.run_s(10);
    assert_eq!(power_w(&world), 5_520);
    of_transaction(&world, 7.0).set(&mut world);
    world.run_s(2);
    assert_eq!(power_w(&world), 11_040);
    world.run_s(5);
    assert_eq!(power_w(&world), 4_830);
}

#[test]
fn a_station_goes_on_with_a_limit_that_is_over() {
    let limits = |world: &World| Written {
        duration_s: Some(100),
        periods: periods(&[(0, 16.0), (80, 8.0)]),
        ..of_transaction(world, 0.0)
    };
    for (ignores_duration, ignores_periods, watts) in
        [(false, false, 4_140), (true, false, 5_520), (true, true, 11_040)]
    {
        let faults =
            ProfileFaults { ignores_duration, ignores_periods, ..ProfileFaults::default() };
        let mut world = with(Version::V201, faults);
        default_of(&world, 6.0).set(&mut world);
        limits(&world).set(&mut world);
        world.run_s(100);
        assert_eq!(power_w(&world), watts, "{faults:?}");
        // Its composite schedule shows it.
        let said = told(Version::V201, &ask(&mut world, 1, 600, "A"));
        let volts = 3.0 * 230.0;
        assert_eq!(said.len(), 1);
        assert_eq!((said[0].1.min(16.0) * volts) as i64, watts);
    }
}

#[test]
fn profiles_outlive_a_reboot_or_not() {
    for (forgets, watts) in [(false, 4_140), (true, 11_040)] {
        let mut world = with(Version::V201, ProfileFaults { forgets, ..ProfileFaults::default() });
        default_of(&world, 6.0).set(&mut world);
        world.call("Reset", json!({ "type": "Immediate" }));
        world.run_s(10);
        unplug(&mut world);
        world.run_s(20);
        charge_s(&mut world, 20);
        assert_eq!(power_w(&world), watts, "forgets: {forgets}");
    }
}

#[test]
fn a_station_counts_by_its_own_clock() {
    for offset_ms in [-1_200_000, 3_600_000] {
        let mut spec = spec(Version::V201);
        spec.faults.clock_offset_ms = offset_ms;
        let mut world = charging_at(spec);
        default_of(&world, 6.0).set(&mut world);
        let lease = |start_ms| Written {
            start_ms: Some(start_ms),
            duration_s: Some(100),
            ..of_transaction(&world, 10.4)
        };
        let (by_ours, by_its) = (lease(world.now_ms), lease(world.now_ms + offset_ms));
        by_ours.set(&mut world);
        world.run_s(50);
        assert_eq!(power_w(&world), 4_140, "it begins at another time there");
        by_its.set(&mut world);
        world.run_s(10);
        assert_eq!(power_w(&world), 7_176);
        world.run_s(45);
        assert_eq!(power_w(&world), 4_140);
        let answer = ask(&mut world, 1, 60, "A");
        let begins = answer["schedule"]["scheduleStart"].as_str().expect("a time");
        let begins = busbar_ocpp::values::Time::new(begins).expect("a time").epoch_ms();
        assert_eq!(begins, world.now_ms + offset_ms);
    }
}

#[test]
fn a_station_never_goes_below_its_least() {
    let faults = ProfileFaults { least_ma: 10_000, ..ProfileFaults::default() };
    for amperes in [0.0, 6.0, 9.9] {
        let mut world = with(Version::V16, faults);
        assert_eq!(of_transaction(&world, amperes).set(&mut world), "Accepted");
        world.run_s(10);
        assert_eq!(power_w(&world), 6_900, "{amperes}");
    }
}

#[test]
fn a_slow_station_obeys_at_once_and_answers_late() {
    let faults = ProfileFaults { answers_after_ms: 12_000, ..ProfileFaults::default() };
    let mut world = with(Version::V201, faults);
    let payload = of_transaction(&world, 8.0).payload(Version::V201).to_string();
    world.hear(&busbar_ocpp::rpc::call("slow", "SetChargingProfile", &payload));
    world.run_s(5);
    assert_eq!(power_w(&world), 5_520);
    let answers = |world: &World| world.answers.iter().filter(|(id, _)| id == "slow").count();
    world.run_s(6);
    assert_eq!(answers(&world), 0);
    world.run_s(1);
    assert_eq!(answers(&world), 1);
    // What was not answered when the connection went is never answered.
    world.hear(&busbar_ocpp::rpc::call("slow", "SetChargingProfile", &payload));
    world.reach(false);
    world.run_s(5);
    world.reach(true);
    world.run_s(60);
    assert_eq!(answers(&world), 1);
}
