//! Transactions, sessions and CDRs: read, filtered, proven, repriced, resolved.

use busbar_charging::fact::station::Dialect;
use busbar_charging::input::StationEvent;
use busbar_charging::pricing::PriceError;
use serde_json::Value;

use super::rig::Rig;

fn only(page: &Value) -> &Value {
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{page}");
    &items[0]
}

#[tokio::test]
async fn a_charge_is_a_session_and_a_cdr_that_verifies() {
    let rig = Rig::ready(Dialect::V201).await;
    rig.world.charge("CS1", "T1");
    rig.world.pass(1200);
    let sessions = rig.get("/api/v1/sessions").await;
    let session = only(&sessions.json);
    assert_eq!(session["state"], "billed", "{session}");
    assert!(sessions.text.contains(r#""energy_wh":10000.5"#), "{}", sessions.text);
    assert_eq!(session["cost"]["payable"], "3.50");
    assert_eq!(session["cost"]["total_excl_tax"], "3.500175");
    assert_eq!(session["cost"]["currency"], "EUR");
    let id = session["id"].as_str().unwrap();
    let whole = rig.get(&format!("/api/v1/sessions/{id}")).await.json;
    let cdr = whole["cdr_ids"][0].as_str().unwrap();
    let shown = rig.get(&format!("/api/v1/cdrs/{cdr}")).await;
    assert_eq!(shown.json["session_id"], id);
    assert_eq!(shown.json["lines"][0]["unit"], "Wh");
    assert_eq!(shown.json["lines"][0]["unit_price"], "0.35");
    assert!(shown.text.contains(r#""quantity":10000.5,"unit":"Wh""#), "{}", shown.text);
    assert!(shown.json["input"]["periods"].is_array());
    let verified = rig.get(&format!("/api/v1/cdrs/{cdr}/verify")).await.json;
    assert_eq!(verified["verified"], true, "{verified}");
    rig.world.break_plugin(Some(PriceError::Internal("it is gone".into())));
    let verified = rig.get(&format!("/api/v1/cdrs/{cdr}/verify")).await.json;
    assert_eq!(verified["verified"], false);
    assert!(verified["difference"].as_str().unwrap().contains("it is gone"));
}

#[tokio::test]
async fn lists_are_filtered() {
    let rig = Rig::ready(Dialect::V201).await;
    rig.world.charge("CS1", "T1");
    rig.world.pass(1200);
    let table = [
        ("sessions?state=billed", 1),
        ("sessions?state=open", 0),
        ("sessions?station=CS1", 1),
        ("sessions?station=CS2", 0),
        ("sessions?station=%27%20OR%201%3D1--", 0),
        ("sessions?token=04aabb", 1),
        ("sessions?token=04", 0),
        ("sessions?from=2020-01-01T00:00:00Z", 1),
        ("sessions?to=2020-01-01T00:00:00Z", 0),
        ("cdrs?station=CS1", 1),
        ("cdrs?station=CS2", 0),
        ("cdrs?session=x", 0),
        ("cdrs?from=2099-01-01T00:00:00Z", 0),
        ("transactions", 1),
        ("transactions?station=CS1", 1),
        ("transactions?station=CS", 0),
    ];
    for (path, count) in table {
        let page = rig.get(&format!("/api/v1/{path}")).await;
        let items = page.json["items"].as_array();
        assert_eq!(items.map(Vec::len), Some(count), "{path} {}", page.text);
    }
    let transaction = rig.get("/api/v1/transactions/CS1/T1").await.json;
    assert_eq!(transaction["messages"].as_array().unwrap().len(), 2, "{transaction}");
    assert_eq!(transaction["messages"][0]["readings"][0]["energy_wh"], 1000);
    assert_eq!(rig.get("/api/v1/transactions/CS1/T2").await.problem(), "not-found");
}

#[tokio::test]
async fn a_held_session_is_repriced_with_a_reason() {
    let rig = Rig::ready(Dialect::V201).await;
    rig.world.break_plugin(Some(PriceError::Misbehaved("a trap".into())));
    rig.world.charge("CS1", "T1");
    rig.world.pass(1200);
    let session = only(&rig.get("/api/v1/sessions?state=held").await.json).clone();
    assert_eq!(session["held"]["reason"], "unpriced");
    assert_eq!(session["held"]["price_error"]["message"], "a trap");
    let path = format!("/api/v1/sessions/{}/reprice", session["id"].as_str().unwrap());
    for (body, kind) in [
        ("{}", "invalid-body"),
        (r#"{"reason":" "}"#, "invalid-body"),
        (r#"{"reason":"x","tariff_version":1}"#, "invalid-body"),
        (r#"{"reason":"x","tariff_id":"nothing"}"#, "invalid-body"),
        (r#"{"reason":"x","tariff_id":"standard","tariff_version":9}"#, "invalid-body"),
    ] {
        assert_eq!(rig.post(&path, body).await.problem(), kind, "{body}");
    }
    rig.world.break_plugin(None);
    let body = r#"{"reason":"the plugin was mended","tariff_id":"standard"}"#;
    let done = rig.post(&path, body).await;
    assert!(done.status.is_success(), "{}", done.text);
    rig.world.pass(10);
    let cdr = only(&rig.get("/api/v1/cdrs").await.json).clone();
    assert_eq!(cdr["reason"], "the plugin was mended");
    assert_eq!(cdr["sealed_by"], "user:admin");
    let again = rig.post(&path, body).await;
    assert_eq!(again.problem(), "conflict");
    let nobody = "/api/v1/sessions/00000000-0000-7000-8000-000000000000/resolve";
    let answer = rig.post(nobody, r#"{"accept":true,"reason":"x"}"#).await;
    assert_eq!(answer.problem(), "not-found");
}

#[tokio::test]
async fn a_session_under_review_is_given_up_with_a_reason() {
    let rig = Rig::ready(Dialect::V201).await;
    rig.world.break_plugin(Some(PriceError::Misbehaved("a trap".into())));
    rig.world.charge("CS1", "T1");
    rig.world.pass(1200);
    let session = only(&rig.get("/api/v1/sessions?state=held").await.json).clone();
    let path = format!("/api/v1/sessions/{}/resolve", session["id"].as_str().unwrap());
    let done = rig.post(&path, r#"{"accept":false,"reason":"a test"}"#).await;
    assert!(done.status.is_success(), "{}", done.text);
    only(&rig.get("/api/v1/sessions?state=void").await.json);
}

#[tokio::test]
async fn a_station_that_is_gone_keeps_its_history() {
    let rig = Rig::ready(Dialect::V201).await;
    rig.world.charge("CS1", "T1");
    rig.world.pass(1200);
    rig.world.say("CS1", StationEvent::Disconnected { reason: "test".into() });
    rig.send("DELETE", "/api/v1/stations/CS1", &[], "").await;
    only(&rig.get("/api/v1/sessions?station=CS1").await.json);
}
