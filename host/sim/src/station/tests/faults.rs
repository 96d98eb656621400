//! Each fault does what it says, and nothing else.

use serde_json::json;

use super::*;
use crate::spec::Meter;

fn faulty(version: Version, change: impl FnOnce(&mut crate::spec::Faults)) -> World {
    let mut spec = spec(version);
    change(&mut spec.faults);
    whole_charge(spec)
}

#[test]
fn lost_answers_make_repeats_with_the_old_id_or_a_new_one() {
    for new_id in [false, true] {
        let world = faulty(Version::V201, |faults| {
            faults.lost_answers_permille = 300;
            faults.new_id_on_repeat = new_id;
        });
        let events: Vec<_> =
            world.seen.iter().filter(|seen| seen.action == "TransactionEvent").collect();
        let repeats = events.windows(2).filter(|two| two[0].payload == two[1].payload);
        let same_id: Vec<bool> = repeats.map(|two| two[0].id == two[1].id).collect();
        assert!(same_id.len() > 5, "{} repeats", same_id.len());
        assert!(same_id.iter().all(|same| *same != new_id));
    }
}

#[test]
fn doubled_messages_come_twice_at_once() {
    let world = faulty(Version::V16, |faults| faults.doubled_permille = 1000);
    assert_eq!((world.count("StartTransaction"), world.count("StopTransaction")), (2, 2));
    assert_eq!(world.count("MeterValues"), 120);
}

#[test]
fn a_wrong_clock_is_wrong_everywhere() {
    let right = faulty(Version::V16, |_| {});
    let wrong = faulty(Version::V16, |faults| faults.clock_offset_ms = -366 * 86_400_000);
    let of = |world: &World| {
        let text = world.all("StartTransaction")[0]["timestamp"].as_str().expect("text").to_owned();
        busbar_ocpp::values::Time::new(&text).expect("a time").epoch_ms()
    };
    assert_eq!(of(&right) - of(&wrong), 366 * 86_400_000);
}

#[test]
fn meters_lie_as_they_are_told() {
    let registers = |meter| {
        let world = faulty(Version::V201, |faults| faults.meter = meter);
        let with = |event: &Value| event["meterValue"].is_array();
        events(&world).iter().filter(|event| with(event)).map(register_wh).collect::<Vec<_>>()
    };
    assert!(registers(Meter::True).is_sorted());
    assert!(!registers(Meter::Backwards).is_sorted());
    let jumps = registers(Meter::Jumps);
    assert!(jumps.iter().any(|wh| *wh > jumps[0] + 900_000.0));
    let frozen = registers(Meter::Frozen);
    assert!(frozen.iter().all(|wh| *wh == frozen[0]));
}

#[test]
fn a_stop_can_get_lost_for_ever() {
    let world = faulty(Version::V16, |faults| faults.lost_stop_permille = 1000);
    assert_eq!((world.count("StartTransaction"), world.count("StopTransaction")), (1, 0));
}

#[test]
fn a_transaction_that_started_offline_can_keep_a_number_that_is_none() {
    for number in [0, -1] {
        let mut spec = spec(Version::V16);
        spec.faults.offline_number = Some(number);
        let mut world = booted(spec);
        world.reach(false);
        charge_s(&mut world, 200);
        world.reach(true);
        world.run_s(300);
        present(&mut world);
        world.run_s(10);
        assert_eq!(world.all("StopTransaction")[0]["transactionId"], json!(number));
        assert!(world.all("MeterValues").iter().all(|m| m["transactionId"] == json!(number)));
    }
}

#[test]
fn an_end_can_come_before_what_was_queued() {
    let mut spec = spec(Version::V21);
    spec.faults.end_first = true;
    let mut world = booted(spec);
    world.reach(false);
    charge_s(&mut world, 300);
    present(&mut world);
    world.reach(true);
    world.run_s(300);
    let events = events(&world);
    let types = texts(&events, "eventType");
    assert_eq!(&types[..3], ["Started", "Ended", "Updated"]);
}
