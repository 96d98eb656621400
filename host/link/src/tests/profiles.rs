//! Limits as messages of each version, and what stations answer.

use busbar_charging::fact::station::Dialect;
use busbar_charging::input::CommandReturned;
use busbar_charging::input::schedule::{Limit, Schedule, Step};
use busbar_charging::load::kernel::capability::{Capability, RateUnit};
use busbar_charging::load::kernel::event::{Granted, Purpose, Returned};
use busbar_charging::load::kernel::ledger::{GrantId, Lease};
use busbar_charging::load::kernel::profile::{Begins, Period, Profile, ProfilePurpose, Target};
use busbar_charging::load::rows::EvseId;
use busbar_charging::units::{Current, Millis, Power, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::*;
use crate::intent;
use crate::profile::{
    Message, Unwritable, ask_composite, ask_held, asks_to_wait, clear, composite, returned, set,
    update,
};

/// 2026-09-21T14:13:20Z.
const START: Timestamp = Timestamp(1_790_000_000_000);

fn profile() -> Profile {
    Profile {
        evse: 2,
        id: 300_002,
        purpose: ProfilePurpose::Transaction,
        stack_level: 1,
        transaction: Some("17".into()),
        begins: Begins::At(START),
        duration_seconds: Some(1_020),
        max_offline_seconds: None,
        unit: RateUnit::Amperes,
        periods: vec![
            Period { start_seconds: 0, tenths: 104, phases: 3 },
            Period { start_seconds: 960, tenths: 60, phases: 3 },
        ],
        updates: false,
    }
}

/// The payload, which a strict station of the version takes.
fn strict(dialect: Dialect, message: &Message) -> Value {
    let read = intent(dialect, message.action, &message.payload);
    assert!(read.is_ok(), "{dialect:?} {message:?}: {read:?}");
    serde_json::from_str(&message.payload).unwrap()
}

fn payload(dialect: Dialect, profile: &Profile) -> Value {
    let message = set(dialect, profile).unwrap();
    assert_eq!(message.action, "SetChargingProfile");
    strict(dialect, &message)
}

#[test]
fn a_limit_is_written_in_the_words_of_its_connection() {
    for dialect in [Dialect::V16, Dialect::V201, Dialect::V21] {
        let mut bench = Bench::new(dialect);
        let sent = bench.limit(1, profile()).sent;
        assert_eq!(sent[0][2], "SetChargingProfile");
        assert_eq!(sent[0][3], payload(dialect, &profile()));
        bench.receive(&format!(r#"[3,"{}",{{"status":"Accepted"}}]"#, command_id(1)));
        let unwritable = bench.limit(2, Profile { periods: Vec::new(), ..profile() });
        let [(_, CommandReturned::Refused { description, .. })] = unwritable.returned()[..] else {
            panic!("{unwritable:?}")
        };
        assert!(description.contains("periods"), "{description}");
    }
}

#[test]
fn a_leased_limit_in_three_versions() {
    let periods = json!([
        { "startPeriod": 0, "limit": 10.4, "numberPhases": 3 },
        { "startPeriod": 960, "limit": 6, "numberPhases": 3 },
    ]);
    let expected = json!({ "connectorId": 2, "csChargingProfiles": {
        "chargingProfileId": 300_002, "transactionId": 17, "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "duration": 1020, "startSchedule": "2026-09-21T14:13:20Z", "chargingRateUnit": "A",
            "chargingSchedulePeriod": periods,
        },
    }});
    assert_eq!(payload(Dialect::V16, &profile()), expected);
    let expected = json!({ "evseId": 2, "chargingProfile": {
        "id": 300_002, "stackLevel": 1, "transactionId": "17",
        "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute",
        "chargingSchedule": [{
            "id": 300_002, "duration": 1020, "startSchedule": "2026-09-21T14:13:20Z",
            "chargingRateUnit": "A", "chargingSchedulePeriod": periods,
        }],
    }});
    for dialect in TWO {
        assert_eq!(payload(dialect, &profile()), expected, "{dialect:?}");
    }
}

#[test]
fn a_fallback_has_no_end_and_a_2x_one_says_since_when() {
    let fallback = Profile {
        id: 200_002,
        purpose: ProfilePurpose::Default,
        stack_level: 0,
        transaction: None,
        begins: Begins::Always,
        duration_seconds: None,
        periods: vec![Period { start_seconds: 0, tenths: 60, phases: 0 }],
        ..profile()
    };
    let period = json!([{ "startPeriod": 0, "limit": 6 }]);
    assert_eq!(
        payload(Dialect::V16, &fallback)["csChargingProfiles"],
        json!({
            "chargingProfileId": 200_002, "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute",
            "chargingSchedule": { "chargingRateUnit": "A", "chargingSchedulePeriod": period },
        })
    );
    for dialect in TWO {
        let schedule = &payload(dialect, &fallback)["chargingProfile"]["chargingSchedule"][0];
        assert_eq!(schedule["startSchedule"], "1970-01-01T00:00:00Z", "PITFALLS 102");
        assert_eq!(schedule["duration"], Value::Null);
    }
}

#[test]
fn the_maximum_of_a_station_has_the_name_of_its_version() {
    let capability = Capability { unit: RateUnit::Watts, ..Capability::STANDARD };
    let target = Target {
        capability: &capability,
        transaction: None,
        phases: 3,
        used: 3,
        millivolts: 230_000,
        dc: None,
    };
    let maximum = Profile::station_maximum(Current(63_000), &target);
    let at = |dialect| payload(dialect, &maximum);
    let v16 = at(Dialect::V16);
    assert_eq!(v16["connectorId"], 0);
    assert_eq!(v16["csChargingProfiles"]["chargingProfilePurpose"], "ChargePointMaxProfile");
    for dialect in TWO {
        let payload = at(dialect);
        assert_eq!(payload["evseId"], 0);
        let profile = &payload["chargingProfile"];
        assert_eq!(profile["chargingProfilePurpose"], "ChargingStationMaxProfile");
        assert_eq!(profile["chargingProfileKind"], "Absolute", "never Relative: K01.FR.38");
        let schedule = &profile["chargingSchedule"][0];
        assert_eq!(schedule["chargingRateUnit"], "W");
        // 63 A at 207 V on three phases.
        assert_eq!(schedule["chargingSchedulePeriod"][0]["limit"], json!(39_123));
    }
}

#[test]
fn a_station_that_takes_only_relative_ones_gets_such() {
    let relative = Profile { begins: Begins::WithTransaction, duration_seconds: None, ..profile() };
    let v16 = payload(Dialect::V16, &relative);
    let v201 = payload(Dialect::V201, &relative);
    for (profile, schedule) in [
        (&v16["csChargingProfiles"], &v16["csChargingProfiles"]["chargingSchedule"]),
        (&v201["chargingProfile"], &v201["chargingProfile"]["chargingSchedule"][0]),
    ] {
        assert_eq!(profile["chargingProfileKind"], "Relative");
        assert_eq!(schedule["startSchedule"], Value::Null, "PITFALLS 102");
    }
}

#[test]
fn what_only_21_has() {
    let offline = Profile { max_offline_seconds: Some(900), ..profile() };
    assert_eq!(payload(Dialect::V21, &offline)["chargingProfile"]["maxOfflineDuration"], 900);
    let other = &payload(Dialect::V201, &offline)["chargingProfile"];
    assert_eq!(other["maxOfflineDuration"], Value::Null);
    let dynamic = Profile {
        begins: Begins::OnReceipt,
        duration_seconds: Some(840),
        periods: profile().periods[..1].to_vec(),
        ..profile()
    };
    let written = payload(Dialect::V21, &dynamic);
    assert_eq!(written["chargingProfile"]["chargingProfileKind"], "Dynamic");
    let schedule = &written["chargingProfile"]["chargingSchedule"][0];
    assert_eq!((&schedule["startSchedule"], &schedule["duration"]), (&Value::Null, &json!(840)));
    let message = update(Dialect::V21, &dynamic).unwrap();
    assert_eq!(message.action, "UpdateDynamicSchedule");
    let expected = json!({ "chargingProfileId": 300_002, "scheduleUpdate": { "limit": 10.4 } });
    assert_eq!(strict(Dialect::V21, &message), expected);
    assert_eq!(update(Dialect::V21, &profile()), Err(Unwritable::NotInVersion));
    for dialect in [Dialect::V16, Dialect::V201] {
        assert_eq!(set(dialect, &dynamic), Err(Unwritable::NotInVersion));
        assert_eq!(update(dialect, &dynamic), Err(Unwritable::NotInVersion));
    }
}

#[test]
fn what_no_version_can_say_is_not_said() {
    let of = |change: fn(&mut Profile)| {
        let mut profile = profile();
        change(&mut profile);
        profile
    };
    let long = "0".repeat(37);
    let named = |id: &str| Profile { transaction: Some(id.into()), ..profile() };
    let dynamic = Profile { begins: Begins::OnReceipt, ..profile() };
    for (dialects, profile, expected) in [
        (&ALL[..], of(|p| p.periods.clear()), Unwritable::Periods),
        (&ALL[..], of(|p| p.periods[0].start_seconds = 1), Unwritable::Periods),
        (&ALL[..], of(|p| p.evse = 0), Unwritable::Place),
        (&ALL[..], of(|p| p.purpose = ProfilePurpose::StationMaximum), Unwritable::Place),
        (&TWO[..], of(|p| p.transaction = None), Unwritable::NoTransaction),
        (&TWO[..], named(&long), Unwritable::TransactionId),
        (&[Dialect::V16][..], named("a-17"), Unwritable::TransactionId),
        (&[Dialect::V21][..], dynamic, Unwritable::Periods),
        (&[Dialect::V21][..], of(|p| p.periods[0].phases = 4), Unwritable::Number),
    ] {
        for dialect in dialects {
            assert_eq!(set(*dialect, &profile), Err(expected), "{dialect:?} {profile:?}");
        }
    }
    // 1.6 may leave it out.
    let anonymous = payload(Dialect::V16, &of(|p| p.transaction = None));
    assert_eq!(anonymous["csChargingProfiles"]["transactionId"], Value::Null);
}

#[test]
fn what_a_station_holds_is_asked_for_and_one_profile_is_cleared() {
    for dialect in ALL {
        let id = strict(dialect, &clear(dialect, 200_002));
        let name = if dialect == Dialect::V16 { "id" } else { "chargingProfileId" };
        assert_eq!(id, json!({ name: 200_002 }), "nothing else is cleared with it");
        let asked = ask_composite(dialect, 2, 3_600, RateUnit::Watts).unwrap();
        let asked = strict(dialect, &asked);
        assert_eq!((&asked["duration"], &asked["chargingRateUnit"]), (&json!(3600), &json!("W")));
    }
    assert_eq!(ask_held(Dialect::V16, 7, None), Err(Unwritable::NotInVersion));
    for dialect in TWO {
        let one = strict(dialect, &ask_held(dialect, 7, Some(2)).unwrap());
        assert_eq!(one, json!({ "requestId": 7, "evseId": 2, "chargingProfile": {} }));
        let all = strict(dialect, &ask_held(dialect, 7, None).unwrap());
        assert_eq!(all, json!({ "requestId": 7, "chargingProfile": {} }));
    }
}

fn answered(response: &Value) -> CommandReturned {
    CommandReturned::Answered {
        response: response.to_string().into(),
        status: response["status"].as_str().map(Into::into),
        message_id: "1".into(),
    }
}

#[test]
fn only_accepted_is_believed() {
    for (response, expected) in [
        (json!({ "status": "Accepted" }), Returned::Accepted),
        (json!({ "status": "Rejected" }), Returned::Refused),
        (json!({ "status": "NotSupported" }), Returned::Refused),
        (json!({ "status": "NotImplemented" }), Returned::Refused),
        (json!({}), Returned::Refused),
    ] {
        assert_eq!(returned(&answered(&response)), expected, "{response}");
    }
    let (code, description) = ("NotSupported".into(), "".into());
    assert_eq!(returned(&CommandReturned::Refused { code, description }), Returned::Refused);
    assert_eq!(returned(&CommandReturned::TimedOut), Returned::TimedOut);
    for may_have_left in [false, true] {
        let gone = CommandReturned::Gone { may_have_left };
        assert_eq!(returned(&gone), Returned::Gone { may_have_left });
    }
}

#[test]
fn a_station_that_is_written_to_too_often_says_for_how_long_not() {
    let info = |reason: &str, seconds: Value| {
        answered(&json!({ "status": "Rejected",
            "statusInfo": { "reasonCode": reason, "additionalInfo": seconds } }))
    };
    let limited = "RateLimitExceeded";
    for (seconds, expected) in [
        (json!("30"), 30),
        (json!(" 5 "), 5),
        (json!("soon"), 1),
        (Value::Null, 1),
        (json!("99999999999"), 86_400),
    ] {
        let wait = asks_to_wait(&info(limited, seconds.clone()));
        assert_eq!(wait, Some(Millis::from_secs(expected)), "{seconds}");
    }
    assert_eq!(asks_to_wait(&info("InvalidProfile", json!("30"))), None);
    assert_eq!(asks_to_wait(&answered(&json!({ "status": "Accepted" }))), None);
    assert_eq!(asks_to_wait(&CommandReturned::TimedOut), None);
}

fn composite_answer(dialect: Dialect, unit: &str, periods: &Value) -> String {
    let start = "2026-09-21T14:13:20Z";
    let answer = match dialect {
        Dialect::V16 => json!({ "status": "Accepted", "connectorId": 2, "scheduleStart": start,
            "chargingSchedule": { "duration": 600, "chargingRateUnit": unit,
                "chargingSchedulePeriod": periods } }),
        Dialect::V201 | Dialect::V21 => json!({ "status": "Accepted", "schedule": {
            "evseId": 2, "duration": 600, "scheduleStart": start, "chargingRateUnit": unit,
            "chargingSchedulePeriod": periods } }),
    };
    answer.to_string()
}

#[test]
fn what_a_station_is_going_to_do_in_our_units() {
    let periods = json!([
        { "startPeriod": 0, "limit": 16.1, "numberPhases": 3 },
        { "startPeriod": 300, "limit": -1.0 },
    ]);
    for dialect in ALL {
        let schedule = composite(dialect, &composite_answer(dialect, "A", &periods)).unwrap();
        let step = |start, limit, phases| Step { start: Millis::from_secs(start), limit, phases };
        let limit = Some(Limit::Current(Current(16_100)));
        let steps = vec![step(0, limit, Some(3)), step(300, None, None)];
        let duration = Some(Millis::from_secs(600));
        assert_eq!(schedule, Schedule { begins: Some(START), duration, steps }, "{dialect:?}");
        let told = |second: i64| schedule.at(START.plus(Millis::from_secs(second)));
        assert_eq!(told(-1), None);
        assert_eq!(told(299).and_then(|step| step.limit), limit);
        assert_eq!(told(300).map(|step| step.limit), Some(None), "no limit");
        assert_eq!(told(600), None);
        let watts = composite(dialect, &composite_answer(dialect, "W", &periods)).unwrap();
        assert_eq!(watts.steps[0].limit, Some(Limit::Power(Power(16))), "never rounded up");
    }
}

#[test]
fn an_answer_without_a_schedule_says_why() {
    for dialect in ALL {
        for (response, part) in [
            (r#"{"status":"Rejected"}"#, "rejected"),
            (r#"{"status":"Accepted"}"#, "no schedule"),
            (r#"{"status":"NotImplemented"}"#, ""),
            ("[]", ""),
        ] {
            let why = composite(dialect, response).unwrap_err();
            assert!(!why.is_empty() && why.contains(part), "{dialect:?} {response}: {why}");
        }
    }
}

fn capability() -> impl Strategy<Value = Capability> {
    let flags = any::<(bool, bool, bool, bool)>();
    (0_u32..9, 1_u32..25, flags).prop_map(|(stack_level_max, periods_max, flags)| Capability {
        stack_level_max,
        periods_max,
        unit: if flags.0 { RateUnit::Watts } else { RateUnit::Amperes },
        takes_absolute: flags.1,
        ends_offline: flags.2,
        takes_dynamic: flags.3,
        ..Capability::STANDARD
    })
}

fn granted() -> impl Strategy<Value = Granted> {
    let lease = proptest::option::of((60_000_i64..7_200_000, -3_600_000_i64..3_600_000));
    (0_i64..80_000, 0_i64..33_000, any::<bool>(), lease, 1_u32..60).prop_map(
        |(limit, after, of_transaction, lease, evse)| Granted {
            at: START,
            evse: EvseId { station: "CS-1".into(), evse },
            grant: GrantId(1),
            purpose: if of_transaction { Purpose::Transaction } else { Purpose::Default },
            limit: Current(limit),
            counted: Current(limit),
            after: Current(after),
            lease: lease.map(|(end, offset)| Lease {
                end: START.plus(Millis(end)),
                offset: Millis(offset),
            }),
        },
    )
}

/// The limits of a payload in tenths, whatever its version.
fn limits(payload: &Value) -> Vec<(i64, String)> {
    let profile = payload.get("csChargingProfiles").or(payload.get("chargingProfile")).unwrap();
    let schedule = &profile["chargingSchedule"];
    let schedule = schedule.get(0).unwrap_or(schedule);
    let periods = schedule["chargingSchedulePeriod"].as_array().unwrap();
    let limit =
        |period: &Value| (period["startPeriod"].as_i64().unwrap(), period["limit"].to_string());
    periods.iter().map(limit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever is granted, each version's message is one that a strict station takes, and none
    /// of its limits is more than was granted, in the unit that it is written in.
    #[test]
    fn every_grant_can_be_written_and_none_is_rounded_up(
        granted in granted(),
        capability in capability(),
        used in 0_u8..4,
        phases in 1_u8..4,
    ) {
        for dialect in ALL {
            let capability = Capability {
                takes_dynamic: capability.takes_dynamic && dialect == Dialect::V21,
                ..capability
            };
            let id = "4711".into();
            let target = Target {
                capability: &capability,
                transaction: Some(&id),
                phases,
                used,
                millivolts: 230_000,
                dc: None,
            };
            let profile = Profile::of(&granted, &target);
            let payload = payload(dialect, &profile);
            // Amperes on each phase in thousandths, or watts over all that it may use.
            let used = i64::from(used.min(phases).max(1));
            let allowed = |current: Current| match capability.unit {
                RateUnit::Amperes => current.0,
                RateUnit::Watts => current.0 * 230 * used,
            };
            let most = allowed(granted.limit.max(granted.after));
            for (start, limit) in limits(&payload) {
                prop_assert!(start >= 0);
                let (whole, tenth) = limit.split_once('.').unwrap_or((&limit, "0"));
                prop_assert!(tenth.len() == 1, "more than one decimal: {}", limit);
                let thousandths = whole.parse::<i64>().unwrap() * 1_000
                    + tenth.parse::<i64>().unwrap() * 100;
                prop_assert!(thousandths <= most, "{} of {:?}", limit, granted);
            }
            let told = limits(&payload).len() as u32;
            prop_assert!(told <= capability.periods_max.max(1), "{told} periods");
        }
    }
}
