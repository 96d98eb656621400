//! Commands to stations: what is sent, what is not, and how each end is told apart.

use std::sync::Arc;

use busbar_charging::fact::station::Dialect;
use busbar_charging::input::{CommandReturned, StationEvent};

use super::rig::Rig;

const PATH: &str = "/api/v1/stations/CS1/commands";

fn answered(response: &str, status: Option<&str>) -> Option<CommandReturned> {
    Some(CommandReturned::Answered {
        response: response.into(),
        status: status.map(Into::into),
        message_id: "m-1".into(),
    })
}

#[tokio::test]
async fn the_answer_is_the_stations_own() {
    let rig = Rig::ready(Dialect::V16).await;
    *rig.world.answer.lock().unwrap() = answered(r#"{"status":"Accepted"}"#, Some("Accepted"));
    let done = rig.post(&format!("{PATH}/Reset"), r#"{"type":"Soft"}"#).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(
        done.text,
        r#"{"message_id":"m-1","status":"Accepted","response":{"status":"Accepted"}}"#
    );
    let sent = rig.world.sent.lock().unwrap().clone();
    assert_eq!(sent, [("Reset".to_owned(), r#"{"type":"Soft"}"#.to_owned())]);
}

#[tokio::test]
async fn what_breaks_the_schema_is_not_sent() {
    let rig = Rig::ready(Dialect::V16).await;
    let table = [
        ("Reset", "{}", "invalid-payload", "/type"),
        ("Reset", r#"{"type":"Sideways"}"#, "invalid-payload", "/type"),
        ("Reset", r#"{"type":"Soft","x":1}"#, "invalid-payload", ""),
        ("Reset", "[]", "invalid-payload", ""),
        ("UnlockConnector", r#"{"connectorId":"1"}"#, "invalid-payload", "/connectorId"),
    ];
    for (action, payload, kind, pointer) in table {
        let answer = rig.post(&format!("{PATH}/{action}"), payload).await;
        assert_eq!(answer.problem(), kind, "{action} {payload}");
        assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{}", answer.text);
        assert!(answer.json["errors"][0]["code"].is_string(), "{}", answer.text);
    }
    for (action, payload, kind) in [
        ("Reset", "", "malformed-json"),
        ("Reset", "{", "malformed-json"),
        ("Reset", "{} {}", "malformed-json"),
        ("Nonsense", "{}", "unknown-action"),
        ("GetVariables", "{}", "unknown-action"),
        ("BootNotification", "{}", "unknown-action"),
        ("%00", "{}", "unknown-action"),
    ] {
        let answer = rig.post(&format!("{PATH}/{action}"), payload).await;
        assert_eq!(answer.problem(), kind, "{action} {payload}");
    }
    assert_eq!(*rig.world.sent.lock().unwrap(), []);
}

#[tokio::test]
async fn each_end_is_a_problem_of_its_own() {
    let rig = Rig::ready(Dialect::V201).await;
    let refused =
        CommandReturned::Refused { code: "NotSupported".into(), description: "no".into() };
    let table = [
        (refused, "station-refused", 502),
        (CommandReturned::TimedOut, "station-timeout", 504),
        (CommandReturned::Gone { may_have_left: true }, "outcome-unknown", 502),
    ];
    for (returned, kind, status) in table {
        *rig.world.answer.lock().unwrap() = Some(returned);
        let answer = rig.post(&format!("{PATH}/ClearCache"), "{}").await;
        assert_eq!((answer.problem(), answer.status.as_u16()), (kind, status), "{}", answer.text);
    }
    let answer = rig.post("/api/v1/stations/CS9/commands/ClearCache", "{}").await;
    assert_eq!(answer.problem(), "not-found");
    rig.world.say("CS1", StationEvent::Disconnected { reason: "test".into() });
    let answer = rig.post(&format!("{PATH}/ClearCache"), "{}").await;
    assert_eq!((answer.problem(), answer.status.as_u16()), ("station-offline", 409));
}

#[tokio::test]
async fn one_key_sends_one_call() {
    let rig = Rig::ready(Dialect::V16).await;
    *rig.world.answer.lock().unwrap() = answered(r#"{"status":"Accepted"}"#, Some("Accepted"));
    let headers = [("content-type", "application/json"), ("idempotency-key", "k-1")];
    let path = format!("{PATH}/Reset");
    for _ in 0..3 {
        let done = rig.send("POST", &path, &headers, r#"{"type":"Soft"}"#).await;
        assert_eq!(done.json["message_id"], "m-1", "{}", done.text);
    }
    assert_eq!(rig.world.sent.lock().unwrap().len(), 1);
    let long = "k".repeat(201);
    for wrong in [&*long, " ", "ä"] {
        let headers = [("content-type", "application/json"), ("idempotency-key", wrong)];
        let answer = rig.send("POST", &path, &headers, r#"{"type":"Soft"}"#).await;
        assert_eq!(answer.problem(), "invalid-header", "{wrong:?}");
    }
}

#[tokio::test]
async fn ten_at_once_with_one_key_send_one_call() {
    let rig = Arc::new(Rig::ready(Dialect::V16).await);
    let posts: Vec<_> = (0..10)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move {
                let headers = [("content-type", "application/json"), ("idempotency-key", "k-1")];
                let path = format!("{PATH}/Reset");
                rig.send("POST", &path, &headers, r#"{"type":"Soft"}"#).await
            })
        })
        .collect();
    while rig.world.waiting() < 10 {
        tokio::task::yield_now().await;
    }
    let returned = answered(r#"{"status":"Accepted"}"#, Some("Accepted"));
    rig.world.come_back(returned.expect("an answer"));
    for post in posts {
        let done = post.await.unwrap();
        assert_eq!(done.json["message_id"], "m-1", "{}", done.text);
    }
    assert_eq!(rig.world.sent.lock().unwrap().len(), 1);
}
