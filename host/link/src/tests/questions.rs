//! What load control asks, as messages of each version, and what stations answer.

use busbar_charging::fact::station::Dialect;
use busbar_charging::input::CommandReturned;
use busbar_charging::load::kernel::capability::RateUnit;
use busbar_charging::load::question::{Answer, Question, Told};
use serde_json::{Value, json};

use super::support::*;
use crate::intent;
use crate::question::{answer, ask};

/// The payload, which a strict station of the version takes.
fn asked(dialect: Dialect, question: Question) -> (&'static str, Value) {
    let message = ask(dialect, question).unwrap();
    let read = intent(dialect, message.action, &message.payload);
    assert!(read.is_ok(), "{dialect:?} {message:?}: {read:?}");
    (message.action, serde_json::from_str(&message.payload).unwrap())
}

#[test]
fn a_station_is_asked_for_a_few_things_by_name() {
    let keys = [
        "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargingScheduleMaxPeriods",
    ];
    let v16 = asked(Dialect::V16, Question::Capability);
    assert_eq!(v16, ("GetConfiguration", json!({ "key": keys })));
    let of = |names: &[&str]| {
        let component = json!({ "name": "SmartChargingCtrlr" });
        let one = |name| json!({ "component": component, "variable": { "name": name } });
        let all: Vec<_> = names.iter().map(one).collect();
        ("GetVariables", json!({ "getVariableData": all }))
    };
    let both = ["ProfileStackLevel", "RateUnit", "PeriodsPerSchedule"];
    assert_eq!(asked(Dialect::V201, Question::Capability), of(&both));
    let new = ["SupportsMaxOfflineDuration", "SupportsDynamicProfiles"];
    let all: Vec<_> = both.into_iter().chain(new).collect();
    assert_eq!(asked(Dialect::V21, Question::Capability), of(&all));
}

fn configuration(pairs: &[(&str, &str)]) -> String {
    let key = |(key, value): &(&str, &str)| json!({ "key": key, "readonly": true, "value": value });
    let keys: Vec<_> = pairs.iter().map(key).collect();
    json!({ "configurationKey": keys, "unknownKey": ["x"] }).to_string()
}

fn variables(rows: &[(&str, &str, &str)]) -> String {
    let result = |(name, status, value): &(&str, &str, &str)| {
        json!({
            "attributeStatus": status, "attributeValue": value,
            "component": { "name": "SmartChargingCtrlr" }, "variable": { "name": name },
        })
    };
    let results: Vec<_> = rows.iter().map(result).collect();
    json!({ "getVariableResult": results }).to_string()
}

#[test]
fn what_it_can_do_is_read_whatever_its_spelling() {
    let read = |dialect, response: &str| answer(dialect, Question::Capability, response);
    let v16 = configuration(&[
        ("ChargeProfileMaxStackLevel", " 3 "),
        ("chargingscheduleallowedchargingrateunit", "\"Current, power\""),
        ("ChargingScheduleMaxPeriods", "six"),
    ]);
    let told = Told {
        stack_level_max: Some(3),
        amperes: Some(true),
        watts: Some(true),
        ..Told::default()
    };
    assert_eq!(read(Dialect::V16, &v16), Answer::Capability(told));
    assert_eq!(told.unit(), Some(RateUnit::Amperes));
    // QUIRKS Q67: watts only.
    let huawei = configuration(&[("ChargingScheduleAllowedChargingRateUnit", "Power")]);
    let Answer::Capability(told) = read(Dialect::V16, &huawei) else { panic!() };
    assert_eq!((told.unit(), told.stack_level_max), (Some(RateUnit::Watts), None));
    let none = configuration(&[]);
    assert!(matches!(read(Dialect::V16, &none), Answer::Nothing(_)));
    let v21 = variables(&[
        ("ProfileStackLevel", "Accepted", "0"),
        ("RateUnit", "Accepted", "A,W"),
        ("PeriodsPerSchedule", "Rejected", "24"),
        ("SupportsMaxOfflineDuration", "Accepted", "TRUE"),
        ("SupportsDynamicProfiles", "Accepted", "yes"),
    ]);
    let told = Told {
        stack_level_max: Some(0),
        amperes: Some(true),
        watts: Some(true),
        ends_offline: Some(true),
        ..Told::default()
    };
    assert_eq!(read(Dialect::V21, &v21), Answer::Capability(told));
    let unknown = variables(&[("RateUnit", "UnknownVariable", "")]);
    assert!(matches!(read(Dialect::V201, &unknown), Answer::Nothing(_)));
    for dialect in ALL {
        assert!(matches!(read(dialect, "[]"), Answer::Nothing(_)), "{dialect:?}");
    }
}

#[test]
fn a_station_of_2_x_is_asked_what_it_holds_of_an_evse() {
    let question = Question::Profiles { evse: 2, request: 17 };
    assert!(ask(Dialect::V16, question).is_err(), "1.6 has no such message");
    for dialect in [Dialect::V201, Dialect::V21] {
        let payload = json!({ "requestId": 17, "evseId": 2, "chargingProfile": {} });
        assert_eq!(asked(dialect, question), ("GetChargingProfiles", payload));
        for (status, expected) in [("Accepted", true), ("NoProfiles", false)] {
            let response = json!({ "status": status }).to_string();
            assert_eq!(answer(dialect, question, &response), Answer::Profiles(expected));
        }
        for other in [json!({ "status": "NotSupported" }), json!({}), json!([])] {
            let said = answer(dialect, question, &other.to_string());
            assert!(matches!(said, Answer::Nothing(_)), "{dialect:?} {other}: {said:?}");
        }
    }
}

/// A question leaves in the words of the connection, and its answer comes back in ours.
#[test]
fn a_question_is_answered_in_our_words() {
    let composite = Question::Composite { evse: 1, seconds: 600, unit: RateUnit::Amperes };
    for dialect in ALL {
        let mut bench = Bench::new(dialect);
        let sent = bench.question(1, composite).sent;
        assert_eq!(sent[0][2], "GetCompositeSchedule");
        let id = command_id(1).to_string();
        let returned = bench.receive(&json!([3, id, { "status": "Rejected" }]).to_string());
        let [(_, CommandReturned::Told { answer, status, .. })] = &returned.returned()[..] else {
            panic!("{dialect:?} {returned:?}");
        };
        assert!(matches!(&**answer, Answer::Nothing(why) if why.contains("rejected")));
        assert_eq!(status.as_deref(), Some("Rejected"));
        // What cannot be used, or is an error, says nothing.
        bench.question(2, Question::Capability);
        let id = command_id(2).to_string();
        let frame = json!([4, id, "NotSupported", "", {}]).to_string();
        let refused = bench.receive(&frame);
        assert!(matches!(refused.returned()[0].1, CommandReturned::Refused { .. }), "{dialect:?}");
        assert_eq!(bench.question(3, composite).sent.len(), 1, "the line is free again");
    }
}
