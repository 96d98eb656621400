//! PITFALLS 1 to 24, as far as a connection decides them. Handshake, identity and compression
//! (1 to 5, 21, 22) are the driver's.

use busbar_charging::action::{Action, Reply};
use busbar_charging::fact::Call;
use busbar_charging::fact::station::Dialect;
use busbar_charging::input::{CommandReturned, Input, StationEvent};
use busbar_ocpp::rpc::{BadKind, Limits};
use busbar_ocpp::{Leniency, Rule};

use super::support::*;
use crate::{LinkConfig, Note, Strange};

const RESET_16: &str = r#"{"type":"Soft"}"#;

#[test]
fn pitfall_006_answers_while_own_call_is_open() {
    for dialect in ALL {
        let mut bench = Bench::new(dialect);
        assert_eq!(bench.command(1, "ClearCache", "{}").sent.len(), 1);
        let heap = bench.call("Heartbeat", "{}");
        assert_eq!(heap.sent.len(), 1, "{heap:?}");
        let heap = bench.call("StatusNotification", status_payload(dialect));
        let answered = bench.reply(&heap.call(), Reply::Received);
        assert_eq!(answered.sent.len(), 1, "{answered:?}");
        assert_eq!(bench.link.open_calls(), (0, 1));
        let id = command_id(1).to_string();
        let heap = bench.receive(&format!(r#"[3,"{id}",{{"status":"Accepted"}}]"#));
        let [(_, CommandReturned::Answered { status, message_id, .. })] = heap.returned()[..]
        else {
            panic!("{heap:?}")
        };
        assert_eq!((status.as_deref(), &**message_id), (Some("Accepted"), &*id));
    }
}

#[test]
fn pitfall_007_one_own_call_at_a_time() {
    let mut bench = Bench::new(Dialect::V16);
    assert_eq!(bench.command(1, "Reset", RESET_16).sent.len(), 1);
    assert!(bench.command(2, "ClearCache", "{}").is_silent());
    let heap = bench.receive(&format!(r#"[3,"{}",{{"status":"Accepted"}}]"#, command_id(1)));
    assert_eq!(heap.returned().len(), 1);
    assert_eq!(heap.sent[0][2], "ClearCache");
    assert_eq!(heap.sent[0][1], command_id(2).to_string());
}

#[test]
fn pitfall_008_repeat_of_an_open_call_has_no_second_effect() {
    let mut bench = Bench::new(Dialect::V16);
    let payload = status_payload(Dialect::V16);
    let first = bench.call_as("1", "StatusNotification", payload);
    let again = bench.call_as("1", "StatusNotification", payload);
    assert!(again.is_silent());
    assert!(matches!(again.notes[..], [Note::Repeated { answered: false, .. }]));
    assert_eq!(bench.reply(&first.call(), Reply::Received).sent.len(), 1);
}

#[test]
fn pitfall_008_repeat_of_an_answered_call_gets_the_same_answer() {
    let mut bench = Bench::new(Dialect::V16);
    let start =
        r#"{"connectorId":1,"idTag":"A","meterStart":1,"timestamp":"2026-01-01T00:00:00Z"}"#;
    let first = bench.call_as("1", "StartTransaction", start);
    let accepted = authorization(busbar_charging::fact::station::AuthorizationStatus::Accepted);
    let answer = bench.reply(&first.call(), transaction_reply("42", Some(accepted)));
    let again = bench.call_as("1", "StartTransaction", start);
    assert_eq!(again.sent, answer.sent);
    assert!(again.inputs.is_empty());
    // Not for ever: some stations use one id for everything they say.
    bench.now = bench.now.plus(busbar_charging::units::Millis::from_secs(10 * 60));
    assert_eq!(bench.call_as("1", "StartTransaction", start).inputs.len(), 1);
}

#[test]
fn pitfall_008_same_id_with_another_payload_is_another_message() {
    let mut bench = Bench::new(Dialect::V16);
    let available = status_payload(Dialect::V16);
    let charging = available.replace("Available", "Charging");
    let first = bench.call_as("1", "StatusNotification", available);
    let second = bench.call_as("1", "StatusNotification", &charging);
    assert_ne!(first.call(), second.call());
    // In any order, each gets its own.
    let b = bench.reply(&second.call(), Reply::Received);
    let a = bench.reply(&first.call(), Reply::Received);
    assert_eq!((&a.sent[0][1], &b.sent[0][1]), (&"1".into(), &"1".into()));
    // The newest message of an id is the one that counts as said.
    assert_eq!(bench.call_as("1", "StatusNotification", &charging).inputs.len(), 1);
}

#[test]
fn pitfall_008_one_id_for_everything_loses_nothing() {
    let mut bench = Bench::new(Dialect::V16);
    let status = status_payload(Dialect::V16);
    for (action, payload) in [
        ("StatusNotification", status),
        ("Heartbeat", "{}"),
        ("StatusNotification", status),
        ("Nonsense", "{}"),
        ("StatusNotification", status),
        ("Authorize", r#"{"idTag":"x"}"#),
        ("StatusNotification", status),
    ] {
        let heap = bench.call_as("0", action, payload);
        if action == "StatusNotification" {
            bench.reply(&heap.call(), Reply::Received);
        }
    }
}

#[test]
fn pitfall_008_answers_are_kept_in_bounds() {
    let mut bench = Bench::new(Dialect::V16);
    for n in 0..20 {
        let heap =
            bench.call_as(&n.to_string(), "StatusNotification", status_payload(Dialect::V16));
        bench.reply(&heap.call(), Reply::Received);
    }
    let old = bench.call_as("0", "StatusNotification", status_payload(Dialect::V16));
    let new = bench.call_as("19", "StatusNotification", status_payload(Dialect::V16));
    assert_eq!((old.inputs.len(), new.inputs.len()), (1, 0));
}

#[test]
fn pitfall_008_a_repeated_heartbeat_gets_the_time_of_now() {
    let mut bench = Bench::new(Dialect::V16);
    let first = bench.call_as("1", "Heartbeat", "{}");
    bench.after(60);
    let second = bench.call_as("1", "Heartbeat", "{}");
    assert_ne!(first.sent, second.sent);
}

#[test]
fn pitfall_009_unknown_action_and_wrong_direction() {
    for dialect in ALL {
        let mut bench = Bench::new(dialect);
        for (action, code) in [("MakeCoffee", "NotImplemented"), ("Reset", "NotSupported")] {
            let heap = bench.call(action, "{}");
            assert_eq!(heap.error().1, code);
            assert!(heap.inputs.is_empty());
        }
    }
    assert_eq!(
        Bench::new(Dialect::V201).call("StartTransaction", "{}").error().1,
        "NotImplemented"
    );
    assert_eq!(Bench::new(Dialect::V16).call("TransactionEvent", "{}").error().1, "NotImplemented");
}

#[test]
fn pitfall_010_011_error_spelling_by_version() {
    let missing = [
        (Dialect::V16, "OccurenceConstraintViolation"),
        (Dialect::V201, "OccurrenceConstraintViolation"),
        (Dialect::V21, "OccurrenceConstraintViolation"),
    ];
    for (dialect, code) in missing {
        let heap = Bench::new(dialect).call("BootNotification", "{}");
        assert_eq!(heap.error().1, code);
    }
    let format = [
        (Dialect::V16, "FormationViolation"),
        (Dialect::V201, "FormatViolation"),
        (Dialect::V21, "FormatViolation"),
    ];
    for (dialect, code) in format {
        assert_eq!(Bench::new(dialect).call("Authorize", "[]").error().1, code);
    }
}

#[test]
fn pitfall_010_errors_in_any_spelling_are_read() {
    for code in ["FormationViolation", "FormatViolation", "OccurenceConstraintViolation", "Odd"] {
        let mut bench = Bench::new(Dialect::V201);
        bench.command(1, "ClearCache", "{}");
        let heap = bench.receive(&format!(r#"[4,"{}","{code}","no",{{}}]"#, command_id(1)));
        let [(_, CommandReturned::Refused { code: read, .. })] = heap.returned()[..] else {
            panic!("{heap:?}")
        };
        assert_eq!(&**read, code);
    }
}

#[test]
fn pitfall_012_a_bad_payload_costs_its_own_message_only() {
    let bad = [
        r#"{"connectorId":"one","errorCode":"NoError","status":"Available"}"#,
        r#"{"connectorId":null,"errorCode":"NoError","status":"Available"}"#,
        r#"{"connectorId":1,"errorCode":"NoError","status":"Flying"}"#,
        r#"{"connectorId":1,"errorCode":"NoError","status":"Available","timestamp":"yesterday"}"#,
        r#"{"connectorId":1}"#,
    ];
    let mut bench = Bench::new(Dialect::V16);
    for payload in bad {
        let heap = bench.call("StatusNotification", payload);
        heap.error();
        let frame = &heap.sent[0];
        assert!(frame[4]["path"].as_str().unwrap().starts_with('/'), "{frame}");
        assert!(matches!(heap.notes[..], [Note::Refused { .. }]));
        let good = bench.call("StatusNotification", status_payload(Dialect::V16));
        bench.reply(&good.call(), Reply::Received);
    }
}

#[test]
fn pitfall_013_long_frames_pass_and_too_long_ones_are_answered() {
    let mut bench = Bench::new(Dialect::V16);
    let sample = r#"{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{"value":"1"}]}"#;
    let data = vec![sample; 5_000].join(",");
    let stop = format!(
        r#"{{"transactionId":1,"meterStop":2,"timestamp":"2026-01-01T00:00:00Z",
            "transactionData":[{data}]}}"#
    );
    assert!(stop.len() > 300_000);
    let heap = bench.call("StopTransaction", &stop);
    assert_eq!(heap.readings().len(), 5_001);

    let limits = Limits { bytes: 1000, depth: 32 };
    let mut bench = Bench::with(LinkConfig { limits, ..config(Dialect::V201) });
    let heap = bench.call("StopTransaction", &stop);
    assert_eq!(heap.error(), ("id-1", "FormatViolation"));
    assert_eq!(heap.notes, [Note::BadFrame(BadKind::TooLong)]);
    bench.call("Heartbeat", "{}");
}

#[test]
fn pitfall_014_custom_data_is_welcome() {
    for dialect in TWO {
        let mut bench = Bench::new(dialect);
        let heap = bench.call(
            "MeterValues",
            r#"{"evseId":1,"customData":{"vendorId":"x","a":{"b":[1]}},"meterValue":[
                {"timestamp":"2026-01-01T00:00:00Z","customData":{"vendorId":"y"},
                 "sampledValue":[{"value":1}]}]}"#,
        );
        assert!(heap.borne().is_empty(), "{heap:?}");
        assert_eq!(heap.readings().len(), 1);
    }
}

#[test]
fn pitfall_015_surplus_properties_are_borne_and_counted_or_refused_by_policy() {
    let payload = r#"{"connectorId":1,"errorCode":"NoError","status":"Available","mood":"fine"}"#;
    let heap = Bench::new(Dialect::V16).call("StatusNotification", payload);
    assert_eq!(heap.borne(), [Rule::AdditionalProperties]);
    let Note::Borne { original, .. } = &heap.notes[0] else { panic!("{heap:?}") };
    assert_eq!(&**original, payload);
    let strict = LinkConfig { leniency: Leniency::Strict, ..config(Dialect::V16) };
    let heap = Bench::with(strict).call("StatusNotification", payload);
    assert_eq!(heap.error().1, "FormationViolation");
    assert!(heap.inputs.is_empty());
}

#[test]
fn pitfall_017_dates_of_all_kinds() {
    let dates = [
        ("2026-01-02T03:04:05Z", 0),
        ("2026-01-02T03:04:05.123456789Z", 123),
        ("2026-01-02T05:04:05+02:00", 0),
        ("2026-01-02T03:04:05", 0),
        ("2026-01-02T05:04:05+02", 0),
    ];
    for (text, ms) in dates {
        let payload = format!(
            r#"{{"connectorId":1,"errorCode":"NoError","status":"Available","timestamp":"{text}"}}"#
        );
        let heap = Bench::new(Dialect::V16).call("StatusNotification", &payload);
        let StationEvent::Status { reported: Some(at), .. } = heap.event() else {
            panic!("{heap:?}")
        };
        assert_eq!(at.0, 1_767_323_045_000 + ms, "{text}");
    }
}

#[test]
fn pitfall_018_current_time_is_utc_with_z() {
    for dialect in ALL {
        let mut bench = Bench::new(dialect);
        let heap = bench.call("Heartbeat", "{}");
        assert_eq!(heap.sent[0][2]["currentTime"], "2026-09-21T14:13:20.123Z");
        assert_eq!(heap.notes, [Note::Heartbeat]);
        assert!(heap.inputs.is_empty());
    }
}

#[test]
fn pitfall_019_no_timestamp_is_none() {
    for stamp in ["", r#","timestamp":"0001-01-01T00:00:00Z""#, r#","timestamp":null"#] {
        let payload =
            format!(r#"{{"connectorId":1,"errorCode":"NoError","status":"Available"{stamp}}}"#);
        let heap = Bench::new(Dialect::V16).call("StatusNotification", &payload);
        assert!(matches!(heap.event(), StationEvent::Status { reported: None, .. }), "{heap:?}");
    }
}

#[test]
fn pitfall_020_silence_ends_nothing() {
    let mut bench = Bench::new(Dialect::V16);
    assert_eq!(bench.link.deadline(), None);
    assert!(bench.after(24 * 60 * 60).is_silent());
}

#[test]
fn pitfall_023_a_send_is_never_answered() {
    let good =
        r#"{"data":[{"t":0.1,"v":"1"}],"id":1,"pending":0,"basetime":"2026-01-01T00:00:00Z"}"#;
    let mut bench = Bench::new(Dialect::V21);
    for (action, payload, inputs) in [
        ("NotifyPeriodicEventStream", good, 1),
        ("NotifyPeriodicEventStream", "{}", 0),
        ("NotifyPeriodicEventStream", "[]", 0),
        ("Heartbeat", "{}", 0),
        ("Nonsense", "{}", 0),
    ] {
        let heap = bench.receive(&format!(r#"[6,"s","{action}",{payload}]"#));
        assert!(heap.sent.is_empty(), "{heap:?}");
        assert_eq!(heap.inputs.len(), inputs, "{action} {payload}");
    }
    assert!(bench.receive(r#"[6,"s","NotifyPeriodicEventStream"]"#).sent.is_empty());
    let heap = bench.receive(&format!(r#"[6,"s","NotifyPeriodicEventStream",{good}]"#));
    let [Input::Station { call: None, event: StationEvent::Other { action, payload }, .. }] =
        heap.inputs.as_slice()
    else {
        panic!("{heap:?}")
    };
    assert_eq!((&**action, &**payload), ("NotifyPeriodicEventStream", good));
    // Called instead of sent, it is no action that can be answered with a result.
    assert_eq!(bench.call("NotifyPeriodicEventStream", good).error().1, "NotSupported");
    // The types 5 and 6 are unknown elsewhere, and ignored.
    for dialect in [Dialect::V16, Dialect::V201] {
        let heap = Bench::new(dialect).receive(r#"[6,"s","Heartbeat",{}]"#);
        assert!(heap.is_silent());
        assert_eq!(heap.notes, [Note::BadFrame(BadKind::UnknownType)]);
    }
}

#[test]
fn pitfall_024_a_stream_without_basetime_is_taken() {
    let mut bench = Bench::new(Dialect::V21);
    let payload = r#"{"data":[{"t":0.1,"v":"1"}],"id":1,"pending":0}"#;
    let heap = bench.receive(&format!(r#"[6,"s","NotifyPeriodicEventStream",{payload}]"#));
    assert_eq!(heap.inputs.len(), 1);
    assert_eq!(heap.borne(), [Rule::Required]);
}

#[test]
fn unreadable_frames_by_version() {
    let frames = ["", "{", "hello", "[]", "{}", "[2]", r#"[2,7,"Heartbeat",{}]"#, "[\u{0}"];
    for text in frames {
        let heap = Bench::new(Dialect::V16).receive(text);
        assert!(heap.is_silent(), "{text}: {heap:?}");
        assert!(matches!(heap.notes[..], [Note::BadFrame(_)]));
        for dialect in TWO {
            let heap = Bench::new(dialect).receive(text);
            assert_eq!(heap.error(), ("-1", "RpcFrameworkError"), "{text}");
        }
    }
    for dialect in ALL {
        let mut bench = Bench::new(dialect);
        bench.link.receive_binary(NOW);
        let heap = bench.look();
        assert_eq!(heap.sent.len(), usize::from(dialect != Dialect::V16));
        assert_eq!(heap.notes, [Note::Binary]);
        assert_eq!(bench.call("Heartbeat", "{}").sent.len(), 1);
    }
}

#[test]
fn readable_id_in_a_wrong_frame_is_answered_with_it() {
    for (dialect, code) in
        [(Dialect::V16, "FormationViolation"), (Dialect::V21, "RpcFrameworkError")]
    {
        for text in [r#"[2,"x","Heartbeat"]"#, r#"[2,"x",{},{}]"#, r#"[2,"x","Heartbeat",{},1]"#] {
            assert_eq!(Bench::new(dialect).receive(text).error(), ("x", code), "{text}");
        }
    }
}

#[test]
fn empty_payload_as_null_is_taken() {
    for dialect in ALL {
        assert_eq!(Bench::new(dialect).call("Heartbeat", "null").sent[0][0], 3);
    }
}

#[test]
fn unknown_message_types_are_ignored() {
    for dialect in ALL {
        let heap = Bench::new(dialect).receive(r#"[9,"x","Heartbeat",{}]"#);
        assert!(heap.is_silent());
        assert_eq!(heap.notes, [Note::BadFrame(BadKind::UnknownType)]);
    }
}

#[test]
fn responses_that_nobody_waits_for_are_ignored() {
    for dialect in ALL {
        let mut bench = Bench::new(dialect);
        for text in [r#"[3,"x",{}]"#, r#"[4,"x","GenericError","",{}]"#, r#"[3,"x"]"#] {
            let heap = bench.receive(text);
            assert!(heap.is_silent(), "{text} {heap:?}");
            assert!(heap.notes.contains(&Note::Strange(Strange::Foreign)), "{text} {heap:?}");
        }
    }
}

#[test]
fn strangers_replies_are_dropped() {
    let mut bench = Bench::new(Dialect::V16);
    let heap = bench.call_as("1", "StatusNotification", status_payload(Dialect::V16));
    let Call::Station { incarnation, generation, message_id } = heap.call() else { panic!() };
    for (incarnation, generation) in [(incarnation + 1, generation), (incarnation, generation + 1)]
    {
        let call = Call::Station { incarnation, generation, message_id: message_id.clone() };
        assert!(!bench.link.act(&Action::Reply { call, reply: Reply::Received }, NOW));
        assert!(bench.look().is_silent());
    }
    let call = Call::Station { incarnation, generation, message_id: "other".into() };
    assert_eq!(bench.reply(&call, Reply::Received).notes, [Note::StrayReply]);
    assert_eq!(bench.reply(&heap.call(), Reply::Received).sent.len(), 1);
    assert_eq!(bench.reply(&heap.call(), Reply::Received).notes, [Note::StrayReply]);
}

#[test]
fn a_flood_of_open_calls_is_bounded() {
    let mut bench = Bench::new(Dialect::V16);
    let mut refused = 0;
    for n in 0..1000 {
        let payload = format!(r#"{{"idTag":"{n}"}}"#);
        refused += bench.call("Authorize", &payload).sent.len();
    }
    assert_eq!(refused, 1000 - bench.link.open_calls().0);
    assert!(bench.link.open_calls().0 <= 64);
    bench.after(180);
    assert_eq!(bench.call("Authorize", r#"{"idTag":"late"}"#).inputs.len(), 1);
}

#[test]
fn closing_comes_after_what_was_sent_and_cuts_its_reason() {
    let mut bench = Bench::new(Dialect::V16);
    let reason = "ü".repeat(100);
    let close =
        Action::Close { station: "CS-1".into(), generation: GENERATION, reason: reason.into() };
    assert!(bench.link.act(&close, NOW));
    let heap = bench.look();
    assert_eq!(heap.closes, [(1000, "ü".repeat(61))]);
    assert!(bench.call("Heartbeat", "{}").is_silent());
    bench.link.closed("closed by us", NOW);
    let heap = bench.look();
    assert!(matches!(heap.event(), StationEvent::Disconnected { .. }));
    bench.link.closed("twice", NOW);
    assert!(bench.look().is_silent());
}

#[test]
fn signed_messages_are_unwrapped() {
    use base64::Engine as _;
    let payload =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(status_payload(Dialect::V21));
    let envelope = format!(r#"{{"payload":"{payload}","protected":"e30","signature":"AA"}}"#);
    let mut bench = Bench::new(Dialect::V21);
    let heap = bench.call("StatusNotification-Signed", &envelope);
    assert!(matches!(heap.event(), StationEvent::Status { .. }));
    assert_eq!(bench.reply(&heap.call(), Reply::Received).sent[0][0], 3);
    assert_eq!(bench.call("StatusNotification-Signed", "{}").error().1, "FormatViolation");
    assert_eq!(bench.call("Coffee-Signed", &envelope).error().1, "NotImplemented");
    assert_eq!(Bench::new(Dialect::V16).call("Heartbeat-Signed", "{}").error().1, "NotImplemented");
}
