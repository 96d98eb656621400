//! Cars under a limit.

use super::*;

fn with(car: Car) -> World {
    let mut world = booted(spec(Version::V201));
    world.act(Act::PlugIn { evse: 1, car });
    world.run_s(5);
    present(&mut world);
    world.run_s(100);
    world
}

#[test]
fn a_car_takes_its_time_to_follow() {
    let mut world = with(Car { follows_ms: 4_000, ..car() });
    of_transaction(&world, 8.0).set(&mut world);
    world.run_s(3);
    assert_eq!(power_w(&world), 11_040);
    world.run_s(2);
    assert_eq!(power_w(&world), 5_520);
    // Limits that change all the time are followed one after the other.
    let mut seen = Vec::new();
    for amperes in [9.0, 10.0, 11.0, 12.0, 12.0, 12.0, 12.0, 12.0] {
        of_transaction(&world, amperes).set(&mut world);
        world.run_s(1);
        seen.push(power_w(&world) / 690);
    }
    assert_eq!(seen, [8, 8, 8, 9, 10, 11, 12, 12]);
}

#[test]
fn a_car_that_begins_knows_its_limit() {
    let mut world = booted(spec(Version::V201));
    default_of(&world, 6.0).set(&mut world);
    world.act(Act::PlugIn { evse: 1, car: Car { follows_ms: 5_000, ..car() } });
    world.run_s(5);
    present(&mut world);
    for _ in 0..30 {
        world.run_s(1);
        assert!(power_w(&world) <= 4_140);
    }
    assert_eq!(power_w(&world), 4_140);
}

#[test]
fn a_car_wakes_from_a_pause_or_does_not() {
    for (wakes, watts) in [(true, 11_040), (false, 0)] {
        let mut world = with(Car { wakes, ..car() });
        of_transaction(&world, 0.0).set(&mut world);
        world.run_s(10);
        assert_eq!(power_w(&world), 0);
        of_transaction(&world, 16.0).set(&mut world);
        world.run_s(300);
        assert_eq!(power_w(&world), watts, "wakes: {wakes}");
        let events = events(&world);
        let state = &events[events.len() - 1]["transactionInfo"]["chargingState"];
        assert_eq!(state, if wakes { "Charging" } else { "SuspendedEV" });
        // Plugged in anew, it charges.
        unplug(&mut world);
        world.run_s(20);
        world.act(Act::PlugIn { evse: 1, car: Car { wakes, ..car() } });
        world.run_s(5);
        present(&mut world);
        world.run_s(20);
        assert_eq!(power_w(&world), 11_040);
    }
}

#[test]
fn a_car_on_few_phases() {
    for (phases, amperes_of_watts, watts) in [(1_u8, 16, 3_680), (2, 13, 6_000), (3, 8, 6_000)] {
        let mut world = with(Car { ac_phases: phases, ..car() });
        assert_eq!(power_w(&world), 3_680 * i64::from(phases));
        // Watts are all on the phases that it uses, whichever the station has.
        let limit =
            Written { unit: "W", periods: periods(&[(0, 6_000.0)]), ..of_transaction(&world, 0.0) };
        limit.set(&mut world);
        world.run_s(5);
        let expected = watts - 30..=watts;
        assert!(expected.contains(&power_w(&world)), "{phases}: {} W", power_w(&world));
        assert_eq!(power_w(&world) / (230 * i64::from(phases)), amperes_of_watts);
    }
}

#[test]
fn a_limit_can_leave_one_phase() {
    let mut world = with(car());
    let one = json!([{ "startPeriod": 0, "limit": 10.0, "numberPhases": 1 }]);
    Written { periods: one, ..of_transaction(&world, 0.0) }.set(&mut world);
    world.run_s(5);
    assert_eq!(power_w(&world), 2_300);
}

#[test]
fn a_car_that_is_nearly_full_takes_less_than_it_may() {
    let nearly = Car { content_mj: 49_000 * MJ_PER_WH, ..car() };
    let mut world = with(nearly);
    of_transaction(&world, 12.0).set(&mut world);
    world.run_s(5);
    assert!((1..8_280).contains(&power_w(&world)), "{} W", power_w(&world));
    world.run_s(3 * 3_600);
    assert_eq!(power_w(&world), 0);
    assert!(world.station.plugs()[0].full);
}

#[test]
fn a_car_tells_what_it_needs_once_its_transaction_runs() {
    for (version, supply) in [
        (Version::V201, Supply::Ac { phases: 3, max_ma: 32_000 }),
        (Version::V21, Supply::Ac { phases: 3, max_ma: 32_000 }),
        (Version::V21, Supply::Dc { max_w: 150_000 }),
        (Version::V16, Supply::Ac { phases: 3, max_ma: 32_000 }),
    ] {
        let mut spec = spec(version);
        spec.tells_needs = true;
        spec.evses = vec![supply];
        spec.faults.clock_offset_ms = -60_000;
        let mut world = booted(spec);
        let departs_ms = Some(csms::START_MS + 3_600_000);
        world.act(Act::PlugIn { evse: 1, car: Car { departs_ms, ..car() } });
        world.run_s(5);
        present(&mut world);
        world.run_s(30);
        let all = world.all("NotifyEVChargingNeeds");
        if version == Version::V16 {
            assert!(all.is_empty());
            continue;
        }
        let [needs] = all.as_slice() else { panic!("{all:?}") };
        let of = &needs["chargingNeeds"];
        let time = of["departureTime"].as_str().expect("a time");
        let time = busbar_ocpp::values::Time::new(time).expect("a time").epoch_ms();
        assert_eq!(time, csms::START_MS + 3_540_000, "by the station's clock");
        let direct = matches!(supply, Supply::Dc { .. });
        let name = if direct { "dcChargingParameters" } else { "acChargingParameters" };
        let energy_wh = of[name]["energyAmount"].as_i64().expect("an energy");
        assert!((19_900..=20_000).contains(&energy_wh), "{energy_wh}");
        let place = |action| world.seen.iter().position(|seen| seen.action == action);
        assert!(place("TransactionEvent") < place("NotifyEVChargingNeeds"));
    }
}
