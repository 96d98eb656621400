//! Whatever comes: no panic, at most one answer to a call, none to an answer, and every command
//! ends exactly once.

use std::collections::BTreeMap;

use busbar_charging::action::{Action, Reply};
use busbar_charging::fact::station::{AuthorizationStatus, Registration};
use busbar_charging::input::notice::{ChargingReply, Follows, Notice};
use busbar_charging::input::{Input, StationEvent};
use proptest::prelude::*;
use serde_json::Value;

use super::support::*;
use crate::{Link, LinkOutput};

#[derive(Clone, Debug)]
enum Step {
    Frame(String),
    Binary,
    Command(u8),
    Abandon(u8),
    /// Answers the nth open call, with the nth kind of reply.
    Reply(usize, u8),
    After(i64),
    Close,
}

fn frame() -> impl Strategy<Value = String> {
    let actions = prop::sample::select(vec![
        "Heartbeat",
        "BootNotification",
        "Authorize",
        "StartTransaction",
        "StopTransaction",
        "MeterValues",
        "StatusNotification",
        "TransactionEvent",
        "NotifyEvent",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "PullDynamicScheduleUpdate",
        "DataTransfer",
        "Reset",
        "Nonsense",
        "NotifyPeriodicEventStream",
        "Heartbeat-Signed",
    ]);
    let payloads = prop::sample::select(vec![
        "{}",
        "null",
        "[]",
        "1",
        r#"{"idTag":"x"}"#,
        r#"{"chargePointVendor":"a","chargePointModel":"b"}"#,
        r#"{"connectorId":1,"idTag":"x","meterStart":1,"timestamp":"2026-01-01T00:00:00Z"}"#,
        r#"{"transactionId":1,"meterStop":1,"timestamp":"2026-01-01T00:00:00Z"}"#,
        r#"{"idToken":{"idToken":"x","type":"Central"}}"#,
        r#"{"eventType":"Ended","timestamp":"2026-01-01T00:00:00Z","triggerReason":"Trigger",
            "seqNo":0,"transactionInfo":{"transactionId":"t"}}"#,
        r#"{"payload":"e30","signature":""}"#,
        r#"{"connectorId":1,"errorCode":"NoError","status":"Occupied"}"#,
        r#"{"status":"Accepted"}"#,
        r#"{"chargingProfileId":1}"#,
        r#"{"evseId":1,"chargingNeeds":{"requestedEnergyTransfer":"DC",
            "departureTime":"1970-01-01T00:00:00Z"}}"#,
        r#"{"evseId":1,"timeBase":"2026-01-01T00:00:00Z","chargingSchedule":{"id":1,
            "chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":-1}]}}"#,
    ]);
    let ids = prop_oneof![
        (0u8..4).prop_map(|n| n.to_string()),
        (0u8..4).prop_map(|n| command_id(n).to_string()),
    ];
    prop_oneof![
        8 => (ids.clone(), actions, payloads.clone())
            .prop_map(|(id, action, payload)| format!(r#"[2,"{id}","{action}",{payload}]"#)),
        2 => (ids.clone(), payloads).prop_map(|(id, p)| format!(r#"[3,"{id}",{p}]"#)),
        1 => ids.clone().prop_map(|id| format!(r#"[4,"{id}","GenericError","",{{}}]"#)),
        1 => (0u8..10, ids).prop_map(|(kind, id)| format!(r#"[{kind},"{id}"]"#)),
        1 => ".{0,40}",
        1 => r#"\[[0-9],"[a-z]{0,2}",?.{0,20}\]?"#,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => frame().prop_map(Step::Frame),
        1 => Just(Step::Binary),
        3 => (0u8..8).prop_map(Step::Command),
        1 => (0u8..8).prop_map(Step::Abandon),
        6 => (0usize..3, 0u8..9).prop_map(|(at, kind)| Step::Reply(at, kind)),
        1 => (0i64..40).prop_map(Step::After),
        1 => prop::bool::weighted(0.1)
            .prop_map(|close| if close { Step::Close } else { Step::After(1) }),
    ]
}

fn reply(kind: u8) -> Reply {
    let accepted = authorization(AuthorizationStatus::Accepted);
    match kind {
        0 => Reply::Boot { registration: Registration::Pending, now: NOW },
        1 => Reply::Authorized(accepted),
        2 => transaction_reply("5", Some(accepted)),
        3 => transaction_reply("no number", None),
        4 => Reply::NotAccepted,
        5 => Reply::Charging(ChargingReply::Needs(Follows::Later)),
        6 => Reply::Charging(ChargingReply::Schedule { fits: false }),
        7 => Reply::Charging(ChargingReply::Update { tenths: Some(i64::MIN) }),
        _ => Reply::Received,
    }
}

/// What went in and came out, counted.
#[derive(Default)]
struct Tally {
    /// By message id: calls that came, answers that went.
    calls: BTreeMap<String, (usize, usize)>,
    /// By command: given, ended.
    commands: BTreeMap<String, (usize, usize)>,
    open: Vec<busbar_charging::fact::Call>,
    /// Of ours: at most one may be open.
    ours: usize,
}

impl Tally {
    fn came(&mut self, text: &str) {
        // Also of what breaks off behind its id.
        if let Some((id, _)) = text.strip_prefix("[2,\"").and_then(|rest| rest.split_once('"')) {
            self.calls.entry(id.to_owned()).or_default().0 += 1;
        }
    }

    fn look(&mut self, link: &mut Link) {
        while let Some(output) = link.poll() {
            match output {
                LinkOutput::Send(text) => self.sent(&serde_json::from_str(&text).unwrap()),
                LinkOutput::Input(Input::Station { call: Some(call), .. }) => self.open.push(call),
                LinkOutput::Input(Input::Command { command, .. }) => {
                    self.commands.entry(command.to_string()).or_default().1 += 1;
                }
                _ => {}
            }
            self.ours = link.open_calls().1;
        }
    }

    fn sent(&mut self, frame: &Value) {
        let id = frame[1].as_str().unwrap();
        match frame[0].as_u64().unwrap() {
            3 | 4 if id != "-1" => {
                let (calls, answers) = self.calls.get_mut(id).expect("an answer to no call");
                *answers += 1;
                assert!(*answers <= *calls, "{frame}");
            }
            2 => assert!(frame.as_array().unwrap().len() == 4),
            4 | 5 => {}
            other => panic!("{other}"),
        }
    }
}

fn play(dialect: usize, steps: Vec<Step>) {
    let mut bench = Bench::new(ALL[dialect]);
    let mut tally = Tally::default();
    let mut closed = false;
    for step in steps {
        let (link, now) = (&mut bench.link, bench.now);
        match step {
            Step::Frame(text) => {
                tally.came(&text);
                link.receive(&text, now);
            }
            Step::Binary => link.receive_binary(now),
            Step::Command(n) => {
                let action = Action::Command {
                    station: "CS-1".into(),
                    generation: GENERATION,
                    command: command_id(n),
                    action: "ClearCache".into(),
                    payload: "{}".into(),
                    profile: None,
                    question: None,
                };
                tally.commands.entry(command_id(n).to_string()).or_default().0 += 1;
                assert!(link.act(&action, now));
            }
            Step::Abandon(n) => {
                let (station, command) = ("CS-1".into(), command_id(n));
                link.act(&Action::Abandon { station, generation: GENERATION, command }, now);
            }
            Step::Reply(at, kind) => {
                if at < tally.open.len() {
                    let call = tally.open.remove(at);
                    link.act(&Action::Reply { call, reply: reply(kind) }, now);
                }
            }
            Step::After(seconds) => {
                bench.now = now.plus(busbar_charging::units::Millis::from_secs(seconds));
                link.tick(bench.now);
            }
            Step::Close => {
                link.closed("end", now);
                closed = true;
            }
        }
        tally.look(&mut bench.link);
    }
    if !closed {
        bench.link.closed("end", bench.now);
        tally.look(&mut bench.link);
    }
    for (command, (given, ended)) in tally.commands {
        assert_eq!(given, ended, "{command}");
    }
    assert_eq!(bench.link.open_calls(), (0, 0));
    assert!(bench.link.deadline().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn any_course_keeps_the_contract(
        dialect in 0usize..3, steps in prop::collection::vec(step(), 1..60)
    ) {
        play(dialect, steps);
    }

    /// Numbers and times that cannot be are left out, and what is left can be.
    #[test]
    fn any_needs_are_sound_when_they_arrive(
        dialect in 1usize..3,
        numbers in prop::array::uniform4(prop_oneof![any::<i64>(), -10_i64..100_000]),
        year in 0u32..10_000,
    ) {
        let mut bench = Bench::new(ALL[dialect]);
        let [energy, least, most, capacity] = numbers;
        let payload = serde_json::json!({ "evseId": 1, "chargingNeeds": {
            "requestedEnergyTransfer": "AC_three_phase",
            "departureTime": format!("{year:04}-06-01T00:00:00Z"),
            "acChargingParameters": { "energyAmount": energy, "evMinCurrent": least,
                "evMaxCurrent": most, "evMaxVoltage": 400 },
            "dcChargingParameters": { "evMaxCurrent": most, "evMaxVoltage": 400,
                "energyAmount": energy, "evEnergyCapacity": capacity } }});
        let heap = bench.call("NotifyEVChargingNeeds", &payload.to_string());
        let StationEvent::Charging { notice: Notice::Needs { needs, nonsense, .. }, .. } =
            heap.event()
        else {
            panic!("{heap:?}")
        };
        prop_assert_eq!(needs.clone().sound(NOW).1, []);
        prop_assert_eq!(nonsense.is_empty(), heap.notes.is_empty());
    }

    #[test]
    fn any_text_is_survived(dialect in 0usize..3, text in ".{0,200}") {
        let mut bench = Bench::new(ALL[dialect]);
        bench.receive(&text);
        prop_assert_eq!(bench.call("Heartbeat", "{}").sent.len(), 1);
    }

    #[test]
    fn any_damage_to_a_good_frame_is_survived(
        dialect in 0usize..3, at in 0usize..400, with in any::<char>()
    ) {
        let mut bench = Bench::new(ALL[dialect]);
        let good = format!(
            r#"[2,"1","{}",{}]"#,
            if dialect == 0 { "StatusNotification" } else { "BootNotification" },
            if dialect == 0 { status_payload(ALL[0]) } else { boot_payload(ALL[1]) },
        );
        let mut text: Vec<char> = good.chars().collect();
        let at = at % text.len();
        text[at] = with;
        let heap = bench.receive(&text.into_iter().collect::<String>());
        prop_assert!(heap.sent.len() <= 1);
        prop_assert_eq!(bench.call("Heartbeat", "{}").sent.len(), 1);
    }
}
