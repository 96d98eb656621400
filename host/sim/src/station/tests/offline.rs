//! Queues, repeats, restarts.

use serde_json::json;

use super::*;

#[test]
fn what_was_offline_arrives_in_order() {
    for version in Version::ALL {
        let mut world = booted(spec(version));
        world.reach(false);
        charge_s(&mut world, 600);
        present(&mut world);
        world.run_s(60);
        unplug(&mut world);
        let queued = world.station.queued();
        assert!(queued >= 12, "{queued} queued");
        let before = world.seen.len();
        world.reach(true);
        world.run_s(120);
        assert_eq!(world.station.queued(), 0);
        let times: Vec<_> = world.seen[before..]
            .iter()
            .filter(|seen| seen.action != "StatusNotification")
            .filter_map(|seen| seen.payload["timestamp"].as_str())
            .collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(world.count("Authorize"), 0);
    }
}

#[test]
fn a_start_offline_is_said_to_be_offline() {
    let mut world = booted(spec(Version::V201));
    world.reach(false);
    charge_s(&mut world, 100);
    world.reach(true);
    world.run_s(200);
    let offline: Vec<_> = events(&world).iter().map(|event| event["offline"] == true).collect();
    assert_eq!(&offline[..3], [true, true, true]);
    assert_eq!(offline.last(), Some(&false));
}

#[test]
fn an_answer_that_never_came_makes_a_repeat_of_the_same_content() {
    for version in Version::ALL {
        let start = if version == Version::V16 { "StartTransaction" } else { "TransactionEvent" };
        let mut world = booted(spec(version));
        world.silent.extend([start, start]);
        charge_s(&mut world, 300);
        let starts: Vec<_> = world.seen.iter().filter(|seen| seen.action == start).collect();
        let same = &starts[..3];
        assert!(same.iter().all(|seen| seen.payload == same[0].payload && seen.id == same[0].id));
        // 30 s of patience, then 10 s and 20 s of pause.
        assert_eq!(same[1].at_ms - same[0].at_ms, 40_000);
        assert_eq!(same[2].at_ms - same[1].at_ms, 50_000);
    }
}

#[test]
fn a_start_that_is_refused_for_ever_is_given_up_and_its_stop_has_no_number() {
    let mut world = booted(spec(Version::V16));
    world.refuse = Some("StartTransaction");
    charge_s(&mut world, 300);
    present(&mut world);
    world.run_s(600);
    assert_eq!(world.count("StartTransaction"), 5);
    let stop = world.all("StopTransaction")[0];
    assert_eq!(stop["transactionId"], json!(-1));
}

#[test]
fn a_restart_keeps_the_queue_and_boots_first() {
    let mut world = booted(spec(Version::V16));
    world.reach(false);
    charge_s(&mut world, 200);
    world.act(Act::PowerCut { for_ms: 60_000 });
    world.reach(true);
    let before = world.seen.len();
    world.run_s(120);
    let actions: Vec<_> = world.seen[before..].iter().map(|seen| seen.action.as_str()).collect();
    assert_eq!(actions[0], "BootNotification");
    assert_eq!(actions.last(), Some(&"StopTransaction"));
    assert_eq!(world.all("StopTransaction")[0]["reason"], json!("PowerLoss"));
}

#[test]
fn a_2_1_station_can_go_on_after_a_power_cut() {
    let mut spec = spec(Version::V21);
    spec.resumes = true;
    let mut world = booted(spec);
    charge_s(&mut world, 200);
    let register = world.station.plugs()[0].register_mwh;
    world.act(Act::PowerCut { for_ms: 600_000 });
    world.run_s(599);
    assert_eq!(world.station.plugs()[0].register_mwh, register, "no energy without power");
    world.run_s(60);
    let events = events(&world);
    let reasons = texts(&events, "triggerReason");
    assert!(reasons.contains(&"TxResumed"), "{reasons:?}");
    assert!(!texts(&events, "eventType").contains(&"Ended"));
}

#[test]
fn a_full_queue_drops_readings_and_never_a_start_or_an_end() {
    let mut spec = spec(Version::V201);
    spec.queue_max = 40;
    let mut world = booted(spec);
    world.reach(false);
    charge_s(&mut world, 3 * 3600);
    present(&mut world);
    world.reach(true);
    world.run_s(300);
    let events = events(&world);
    let types = texts(&events, "eventType");
    assert!(types.len() <= 42, "{}", types.len());
    assert_eq!((types.first(), types.last()), (Some(&"Started"), Some(&"Ended")));
}

#[test]
fn a_reconnect_does_not_boot_and_tells_only_what_changed() {
    for version in Version::ALL {
        let mut world = booted(spec(version));
        let before = world.count("StatusNotification");
        world.reach(false);
        world.run_s(5);
        plug_in(&mut world);
        world.run_s(5);
        world.reach(true);
        world.run_s(60);
        assert_eq!(world.count("BootNotification"), 1);
        assert_eq!(world.count("StatusNotification"), before + 1);
    }
}

#[test]
fn pending_boots_again_and_says_nothing_else() {
    for version in Version::ALL {
        let mut world = World::new(spec(version));
        world.registration = "Pending";
        world.run_s(10);
        plug_in(&mut world);
        world.run_s(610);
        assert_eq!(world.seen.len(), world.count("BootNotification"));
        assert_eq!(world.count("BootNotification"), 3, "every 300 s");
        world.registration = "Accepted";
        world.run_s(300);
        assert!(world.count("StatusNotification") > 0);
    }
}
