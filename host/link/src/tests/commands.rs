//! Each command ends exactly once.

use busbar_charging::action::Action;
use busbar_charging::fact::station::Dialect;
use busbar_charging::input::CommandReturned;

use super::support::*;
use crate::{LinkOutput, Note, Strange};

fn gone(may_have_left: bool) -> CommandReturned {
    CommandReturned::Gone { may_have_left }
}

#[test]
fn a_time_out_frees_the_line_and_a_late_answer_changes_nothing() {
    let mut bench = Bench::new(Dialect::V201);
    bench.command(1, "ClearCache", "{}");
    bench.command(2, "GetLocalListVersion", "{}");
    assert!(bench.after(29).is_silent());
    let heap = bench.after(1);
    assert_eq!(heap.returned(), [(command_id(1), &CommandReturned::TimedOut)]);
    assert_eq!(heap.sent[0][1], command_id(2).to_string());
    let late = bench.receive(&format!(r#"[3,"{}",{{"status":"Accepted"}}]"#, command_id(1)));
    assert!(late.is_silent());
    assert_eq!(late.notes, [Note::Strange(Strange::Late)]);
    let heap = bench.receive(&format!(r#"[3,"{}",{{"versionNumber":4}}]"#, command_id(2)));
    let [(id, CommandReturned::Answered { response, status: None, .. })] = heap.returned()[..]
    else {
        panic!("{heap:?}")
    };
    assert_eq!((id, &**response), (command_id(2), r#"{"versionNumber":4}"#));
    assert_eq!(bench.link.deadline(), None);
}

#[test]
fn abandon_gives_up_the_open_call_once() {
    let mut bench = Bench::new(Dialect::V16);
    bench.command(1, "ClearCache", "{}");
    bench.command(2, "ClearCache", "{}");
    bench.command(3, "ClearCache", "{}");
    let abandon = |n| Action::Abandon {
        station: "CS-1".into(),
        generation: GENERATION,
        command: command_id(n),
    };
    assert!(bench.link.act(&abandon(3), NOW));
    assert_eq!(bench.look().returned(), [(command_id(3), &gone(false))]);
    assert!(bench.link.act(&abandon(1), NOW));
    let heap = bench.look();
    assert_eq!(heap.returned(), [(command_id(1), &CommandReturned::TimedOut)]);
    assert_eq!(heap.sent[0][1], command_id(2).to_string());
    assert!(bench.link.act(&abandon(1), NOW));
    assert!(bench.look().is_silent());
    let late = bench.receive(&format!(r#"[3,"{}",{{"status":"Accepted"}}]"#, command_id(1)));
    assert_eq!(late.notes, [Note::Strange(Strange::Late)]);
}

#[test]
fn a_closed_connection_ends_every_command() {
    let mut bench = Bench::new(Dialect::V16);
    bench.command(1, "ClearCache", "{}");
    bench.command(2, "ClearCache", "{}");
    bench.link.closed("gone", NOW);
    let heap = bench.look();
    assert_eq!(heap.returned(), [(command_id(1), &gone(true)), (command_id(2), &gone(false))]);
    assert_eq!(bench.command(3, "ClearCache", "{}").returned(), [(command_id(3), &gone(false))]);
}

#[test]
fn a_call_that_was_not_given_out_has_not_left() {
    let mut bench = Bench::new(Dialect::V16);
    let action = Action::Command {
        station: "CS-1".into(),
        generation: GENERATION,
        command: command_id(1),
        action: "ClearCache".into(),
        payload: "{}".into(),
        profile: None,
        question: None,
    };
    assert!(bench.link.act(&action, NOW));
    bench.link.closed("gone", NOW);
    let heap = bench.look();
    assert!(heap.sent.is_empty());
    assert_eq!(heap.returned(), [(command_id(1), &gone(false))]);
}

#[test]
fn another_connections_command_is_not_taken() {
    let mut bench = Bench::new(Dialect::V16);
    let action = Action::Command {
        station: "CS-1".into(),
        generation: GENERATION + 1,
        command: command_id(1),
        action: "ClearCache".into(),
        payload: "{}".into(),
        profile: None,
        question: None,
    };
    assert!(!bench.link.act(&action, NOW));
    assert!(bench.link.poll().is_none());
}

#[test]
fn an_answer_that_cannot_be_used_is_a_failed_call() {
    for dialect in ALL {
        let mut bench = Bench::new(dialect);
        for (n, answer) in [
            (1, r#"[3,"ID",{"status":"NotImplemented"}]"#),
            (2, r#"[3,"ID",{}]"#),
            (3, r#"[3,"ID",{},4]"#),
            (4, r#"[3,"ID"]"#),
            (5, r#"[4,"ID"]"#),
        ] {
            bench.command(n, "ClearCache", "{}");
            let id = command_id(n).to_string();
            let heap = bench.receive(&answer.replace("ID", &id));
            let [(command, CommandReturned::Refused { .. })] = heap.returned()[..] else {
                panic!("{answer}: {heap:?}")
            };
            assert_eq!(command, command_id(n));
            // 2.1 may tell the station; nobody else may answer a response.
            let told = usize::from(dialect == Dialect::V21 && answer.starts_with("[3"));
            assert_eq!(heap.sent.len(), told, "{dialect:?} {heap:?}");
            if let Some(frame) = heap.sent.first() {
                assert_eq!((&frame[0], &frame[1]), (&5.into(), &id.into()));
            }
        }
    }
}

#[test]
fn whatever_ends_a_call_frees_the_line() {
    for answer in [
        r#"[3,"ID",{"status":"Accepted"}]"#,
        r#"[3,"ID",{}]"#,
        r#"[4,"ID","GenericError","",{}]"#,
        r#"[3,"ID"]"#,
        r#"[4,"ID"]"#,
    ] {
        let mut bench = Bench::new(Dialect::V16);
        bench.command(1, "ClearCache", "{}");
        bench.command(2, "ClearCache", "{}");
        let heap = bench.receive(&answer.replace("ID", &command_id(1).to_string()));
        let next = heap.sent.last().expect(answer);
        assert_eq!(next[1], command_id(2).to_string(), "{answer}");
    }
}

#[test]
fn the_stations_refusal_of_our_answer_is_counted() {
    let mut bench = Bench::new(Dialect::V21);
    let heap = bench.receive(r#"[5,"x","FormatViolation","bad",{}]"#);
    assert!(heap.is_silent());
    assert!(matches!(heap.notes[..], [Note::AnswerRefused { .. }]));
}

#[test]
fn our_message_ids_fit_and_never_repeat() {
    let mut bench = Bench::new(Dialect::V16);
    let heap = bench.command(1, "ClearCache", "{}");
    let id = heap.sent[0][1].as_str().unwrap();
    assert!(id.len() <= 36);
    assert_eq!(heap.sent[0], serde_json::json!([2, id, "ClearCache", {}]));
}

#[test]
fn outputs_keep_their_order() {
    let mut bench = Bench::new(Dialect::V16);
    bench.link.receive(r#"[2,"a","Heartbeat",{}]"#, NOW);
    bench.link.receive(r#"[2,"b","Authorize",{"idTag":"x"}]"#, NOW);
    assert!(matches!(bench.link.poll(), Some(LinkOutput::Send(_))));
    assert!(matches!(bench.link.poll(), Some(LinkOutput::Note(Note::Heartbeat))));
    assert!(matches!(bench.link.poll(), Some(LinkOutput::Input(_))));
    assert!(bench.link.poll().is_none());
}
