//! What stations say on their own about smart charging.

use busbar_charging::action::Reply;
use busbar_charging::fact::station::Dialect;
use busbar_charging::input::StationEvent;
use busbar_charging::input::needs::{Needs, Nonsense, Transfer};
use busbar_charging::input::notice::{ChargingReply, Follows, HeldPurpose, Notice};
use busbar_charging::input::schedule::{Limit, Schedule, Step};
use busbar_charging::load::kernel::profile::ProfilePurpose;
use busbar_charging::units::{Current, Energy, Millis, Power, Timestamp};
use serde_json::{Value, json};

use super::support::*;
use crate::Note;

/// 2026-09-21T14:13:20Z, just before `NOW`.
const START: Timestamp = Timestamp(1_790_000_000_000);
const START_TEXT: &str = "2026-09-21T14:13:20Z";

/// What a message says; its original is kept beside it.
fn told(dialect: Dialect, action: &str, payload: &Value) -> (Notice, Vec<Note>) {
    let heap = Bench::new(dialect).call(action, &payload.to_string());
    assert!(heap.sent.is_empty(), "it waits for the core: {heap:?}");
    let StationEvent::Charging { notice, action: named, payload: kept } = heap.event() else {
        panic!("{heap:?}")
    };
    assert_eq!(&**named, action);
    assert_eq!(serde_json::from_str::<Value>(kept).unwrap(), *payload);
    (notice.clone(), heap.notes)
}

fn ac(departure: &str, energy: i64) -> Value {
    json!({ "evseId": 1, "maxScheduleTuples": 3, "chargingNeeds": {
        "requestedEnergyTransfer": "AC_three_phase", "departureTime": departure,
        "acChargingParameters": { "energyAmount": energy, "evMinCurrent": 6, "evMaxCurrent": 16,
            "evMaxVoltage": 400 },
    }})
}

fn nothing(transfer: Transfer) -> Needs {
    Needs {
        reported: None,
        transfer,
        departure: None,
        energy: None,
        minimum: None,
        maximum: None,
        power: None,
        capacity: None,
        charge_percent: None,
        schedules: None,
    }
}

#[test]
fn needs_of_a_car_on_alternating_current() {
    for dialect in TWO {
        let (notice, notes) =
            told(dialect, "NotifyEVChargingNeeds", &ac("2026-09-21T18:13:20Z", 22_000));
        let needs = Needs {
            departure: Some(START.plus(Millis(4 * 3_600_000))),
            energy: Some(Energy::from_wh(22_000)),
            minimum: Some(Current(6_000)),
            maximum: Some(Current(16_000)),
            schedules: Some(3),
            ..nothing(Transfer::Ac(Some(3)))
        };
        assert_eq!(notice, Notice::Needs { evse: 1, needs, nonsense: Vec::new() });
        assert_eq!(notes, []);
    }
}

#[test]
fn needs_of_a_car_on_direct_current() {
    for dialect in TWO {
        let payload = json!({ "evseId": 2, "chargingNeeds": { "requestedEnergyTransfer": "DC",
            "dcChargingParameters": { "evMaxCurrent": 300, "evMaxVoltage": 920,
                "evMaxPower": 150_000, "evEnergyCapacity": 77_000, "energyAmount": 40_000,
                "stateOfCharge": 18 } }});
        let (notice, _) = told(dialect, "NotifyEVChargingNeeds", &payload);
        let needs = Needs {
            energy: Some(Energy::from_wh(40_000)),
            maximum: Some(Current(300_000)),
            power: Some(Power(150_000)),
            capacity: Some(Energy::from_wh(77_000)),
            charge_percent: Some(18),
            ..nothing(Transfer::Dc)
        };
        assert_eq!(notice, Notice::Needs { evse: 2, needs, nonsense: Vec::new() });
    }
}

/// Having neither parameters is legal in 2.1 (PITFALLS 114).
#[test]
fn needs_of_a_car_that_can_give_energy_back() {
    let payload = json!({ "evseId": 1, "timestamp": START_TEXT, "chargingNeeds": {
        "requestedEnergyTransfer": "AC_BPT",
        "v2xChargingParameters": { "evTargetEnergyRequest": 12_500.5, "minChargeCurrent": 6,
            "maxChargeCurrent": 16, "maxChargePower": 11_000, "maxDischargePower": 11_000 } }});
    let (notice, _) = told(Dialect::V21, "NotifyEVChargingNeeds", &payload);
    let needs = Needs {
        reported: Some(START),
        energy: Some(Energy(12_500_500)),
        minimum: Some(Current(6_000)),
        maximum: Some(Current(16_000)),
        power: Some(Power(11_000)),
        ..nothing(Transfer::Ac(None))
    };
    assert_eq!(notice, Notice::Needs { evse: 1, needs, nonsense: Vec::new() });
}

#[test]
fn nonsense_is_left_out_and_noted() {
    let long_ago = Timestamp(0);
    for dialect in TWO {
        let payload = ac("1970-01-01T00:00:00Z", -5);
        let (notice, notes) = told(dialect, "NotifyEVChargingNeeds", &payload);
        let Notice::Needs { needs, nonsense, .. } = notice else { panic!("{notice:?}") };
        let found = vec![Nonsense::DepartureUnset(long_ago), Nonsense::Energy(Energy::from_wh(-5))];
        assert_eq!((needs.departure, needs.energy), (None, None));
        assert_eq!(needs.maximum, Some(Current(16_000)), "the rest is taken");
        assert_eq!(nonsense, found);
        assert_eq!(notes, [Note::Nonsense { found, original: payload.to_string().into() }]);
        // Numbers beyond all bounds are nonsense too, not a panic.
        let (notice, _) =
            told(dialect, "NotifyEVChargingNeeds", &ac("9999-12-31T23:59:59Z", i64::MAX));
        let Notice::Needs { needs, nonsense, .. } = notice else { panic!("{notice:?}") };
        assert_eq!((needs.departure, needs.energy, nonsense.len()), (None, None, 2));
    }
}

#[test]
fn a_departure_is_judged_by_the_clock_that_tells_it() {
    // The station is two days behind, and says so.
    let mut payload = ac("2026-09-19T18:00:00Z", 5_000);
    payload["timestamp"] = "2026-09-19T14:13:20Z".into();
    let (notice, notes) = told(Dialect::V21, "NotifyEVChargingNeeds", &payload);
    let Notice::Needs { needs, .. } = notice else { panic!("{notice:?}") };
    assert!(needs.departure.is_some());
    assert_eq!(notes, []);
}

fn schedule(dialect: Dialect) -> (Value, Schedule) {
    let period = json!({ "startPeriod": 0, "limit": 8.5, "numberPhases": 1 });
    let mut told = json!({ "id": 1, "startSchedule": START_TEXT, "duration": 600,
        "chargingRateUnit": "A", "chargingSchedulePeriod": [period] });
    let limit = Some(Limit::Current(Current(8_500)));
    let mut steps = vec![Step { start: Millis::ZERO, limit, phases: Some(1) }];
    if dialect == Dialect::V21 {
        // 2.1 has periods that set a point only.
        let periods = told["chargingSchedulePeriod"].as_array_mut().unwrap();
        periods.push(json!({ "startPeriod": 300, "setpoint": 3 }));
        steps.push(Step { start: Millis::from_secs(300), limit: None, phases: None });
    }
    let duration = Some(Millis::from_secs(600));
    (told, Schedule { begins: Some(START), duration, steps })
}

#[test]
fn limits_of_others_are_told_and_cleared() {
    for dialect in TWO {
        let (told_schedule, expected) = schedule(dialect);
        let limit = json!({ "chargingLimitSource": "SO", "isGridCritical": true });
        let payload = json!({ "evseId": 0, "chargingLimit": limit,
            "chargingSchedule": [told_schedule] });
        let (notice, _) = told(dialect, "NotifyChargingLimit", &payload);
        let limited = |evse, grid_critical, local_generation, schedules| Notice::Limited {
            evse,
            source: "SO".into(),
            grid_critical,
            local_generation,
            schedules,
        };
        assert_eq!(notice, limited(Some(0), true, false, vec![expected]));
        let bare = json!({ "chargingLimit": { "chargingLimitSource": "SO" } });
        let (notice, _) = told(dialect, "NotifyChargingLimit", &bare);
        assert_eq!(notice, limited(None, false, false, Vec::new()));
        let cleared = json!({ "chargingLimitSource": "EMS", "evseId": 3 });
        let (notice, _) = told(dialect, "ClearedChargingLimit", &cleared);
        assert_eq!(notice, Notice::Unlimited { evse: Some(3), source: "EMS".into() });
    }
    let sun = json!({ "chargingLimit": { "chargingLimitSource": "EMS",
        "isLocalGeneration": true } });
    let (notice, _) = told(Dialect::V21, "NotifyChargingLimit", &sun);
    assert!(matches!(notice, Notice::Limited { local_generation: true, .. }), "{notice:?}");
}

#[test]
fn what_a_station_holds() {
    for dialect in TWO {
        let (told_schedule, expected) = schedule(dialect);
        let profile = |id: i64, purpose: &str| {
            json!({ "id": id, "stackLevel": 1, "chargingProfilePurpose": purpose,
                "chargingProfileKind": "Absolute", "transactionId": "t-1",
                "validFrom": START_TEXT, "chargingSchedule": [told_schedule] })
        };
        let payload = json!({ "requestId": 7, "chargingLimitSource": "CSO", "evseId": 1,
            "tbc": true, "chargingProfile": [profile(300_001, "TxProfile"),
                profile(-5, "ChargingStationExternalConstraints")] });
        let (notice, _) = told(dialect, "ReportChargingProfiles", &payload);
        let Notice::Profiles { request: 7, evse: 1, source, profiles, more: true } = notice else {
            panic!("{notice:?}")
        };
        assert_eq!((&*source, profiles.len()), ("CSO", 2));
        let ours = &profiles[0];
        assert_eq!(ours.purpose, HeldPurpose::Ours(ProfilePurpose::Transaction));
        assert_eq!((ours.id, ours.stack_level, &*ours.kind), (300_001, 1, "Absolute"));
        assert_eq!(ours.transaction, Some("t-1".into()));
        assert_eq!((ours.valid_from, ours.valid_to), (Some(START), None));
        assert_eq!(ours.schedules, [expected]);
        let other = "ChargingStationExternalConstraints".into();
        assert_eq!((profiles[1].id, &profiles[1].purpose), (-5, &HeldPurpose::Other(other)));
    }
}

#[test]
fn a_schedule_that_a_car_chose_counts_from_its_time_base() {
    for dialect in TWO {
        let (mut told_schedule, expected) = schedule(dialect);
        told_schedule["startSchedule"].take();
        told_schedule.as_object_mut().unwrap().remove("startSchedule");
        let payload =
            json!({ "timeBase": START_TEXT, "evseId": 1, "chargingSchedule": told_schedule });
        let (notice, _) = told(dialect, "NotifyEVChargingSchedule", &payload);
        assert_eq!(notice, Notice::CarSchedule { evse: 1, schedule: expected });
    }
}

#[test]
fn answers_say_what_the_core_said() {
    let needs = ac("2026-09-21T18:13:20Z", 22_000).to_string();
    let says = |follows| Reply::Charging(ChargingReply::Needs(follows));
    for (dialect, follows, status) in [
        (Dialect::V201, Follows::Now, "Accepted"),
        (Dialect::V201, Follows::Later, "Processing"),
        (Dialect::V201, Follows::Not, "Rejected"),
        (Dialect::V21, Follows::Now, "Accepted"),
        (Dialect::V21, Follows::Later, "Processing"),
        (Dialect::V21, Follows::Not, "NoChargingProfile"),
    ] {
        let answer = Bench::new(dialect).answer("NotifyEVChargingNeeds", &needs, says(follows));
        assert_eq!(answer, json!({ "status": status }), "{dialect:?} {follows:?}");
    }
    for dialect in TWO {
        let (told_schedule, _) = schedule(dialect);
        let payload =
            json!({ "timeBase": START_TEXT, "evseId": 1, "chargingSchedule": told_schedule });
        for (fits, status) in [(true, "Accepted"), (false, "Rejected")] {
            let reply = Reply::Charging(ChargingReply::Schedule { fits });
            let answer =
                Bench::new(dialect).answer("NotifyEVChargingSchedule", &payload.to_string(), reply);
            assert_eq!(answer, json!({ "status": status }), "PITFALLS 113");
        }
    }
}

#[test]
fn a_dynamic_profile_is_told_what_holds_now_each_time() {
    let pull = r#"{"chargingProfileId":300001}"#;
    let mut bench = Bench::new(Dialect::V21);
    let heap = bench.call_as("a", "PullDynamicScheduleUpdate", pull);
    let StationEvent::Charging { notice, .. } = heap.event() else { panic!("{heap:?}") };
    assert_eq!(*notice, Notice::Pulled { profile: 300_001 });
    let update = |tenths| Reply::Charging(ChargingReply::Update { tenths });
    let heap = bench.reply(&heap.call(), update(Some(163)));
    let expected = json!({ "status": "Accepted", "scheduleUpdate": { "limit": 16.3 } });
    assert_eq!(heap.sent[0][2], expected);
    // The same question again, id and all: what held before may be too much by now.
    let heap = bench.call_as("a", "PullDynamicScheduleUpdate", pull);
    assert!(heap.sent.is_empty(), "{heap:?}");
    let heap = bench.reply(&heap.call(), update(Some(60)));
    assert_eq!(heap.sent[0][2]["scheduleUpdate"], json!({ "limit": 6 }));
    let answer = bench.answer("PullDynamicScheduleUpdate", pull, update(None));
    assert_eq!(answer, json!({ "status": "Rejected" }));
}
