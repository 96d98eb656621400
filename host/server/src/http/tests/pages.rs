//! Pages, health, metrics and the OpenAPI document.

use busbar_charging::fact::station::Dialect;

use super::rig::Rig;
use crate::http::{Listener, api, router};
use crate::node::{FrameRecord, Status};
use busbar_charging::units::Timestamp;

#[tokio::test]
async fn the_status_page_is_honest_and_escapes() {
    let rig = Rig::with("[site]\nname = \"<b>Ours</b> & 'co'\"");
    let page = rig.get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text.contains("&lt;b&gt;Ours&lt;/b&gt; &amp; &#39;co&#39;"), "{}", page.text);
    assert!(page.text.contains("It runs."));
    assert!(page.text.contains("None yet."));
    assert!(!page.text.contains("<script") && !page.text.contains("<b>"));
    let trouble = Some("<img src=x>".to_owned());
    *rig.world.status.lock().unwrap() = Status { running: true, trouble, ..Status::default() };
    let page = rig.get("/").await.text;
    assert!(page.contains("&lt;img src=x&gt;") && !page.contains("<img"), "{page}");
}

#[tokio::test]
async fn the_status_page_shows_bills_on_this_machine_only() {
    let rig = Rig::ready(Dialect::V201).await;
    rig.world.charge("CS1", "T1");
    rig.world.pass(1200);
    let page = rig.send("GET", "/", &[("authorization", "")], "").await.text;
    assert!(page.contains("3.50 EUR") && page.contains("10000.5 Wh"), "{page}");
    let far = Listener {
        bind: ([0, 0, 0, 0], 8080).into(),
        serves: vec![crate::config::Serves::Admin],
        hosts: Vec::new(),
    };
    let far = Rig { router: router(&rig.app, far), ..rig };
    let page = far.send("GET", "/", &[("authorization", ""), ("host", "example.org")], "").await;
    assert_eq!(page.status, 200);
    for secret in ["CS1", "3.50", "<dl>", "10000.5"] {
        assert!(!page.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_docs_page_needs_nothing_from_elsewhere() {
    let rig = Rig::new();
    let page = rig.send("GET", "/api/docs", &[("authorization", "")], "").await;
    assert_eq!(page.status, 200);
    for (path, _) in serde_json::to_value(api::openapi()).unwrap()["paths"].as_object().unwrap() {
        assert!(page.text.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for elsewhere in ["http://", "https://", "src=", "<script", "@import", " style="] {
        let foreign = page.text.replace("http://127.0.0.1:8080", "");
        assert!(!foreign.contains(elsewhere), "{elsewhere}");
    }
    assert_eq!(rig.get("/style.css").await.header("content-type"), "text/css; charset=utf-8");
}

#[tokio::test]
async fn readiness_says_what_is_wrong() {
    let rig = Rig::new();
    assert_eq!(rig.get("/readyz").await.json["ready"], true);
    let states = [
        Status { running: false, ..Status::default() },
        Status { running: true, draining: true, ..Status::default() },
        Status { running: true, low_space: true, ..Status::default() },
        Status { running: true, trouble: Some("secret path".into()), ..Status::default() },
    ];
    for state in states {
        *rig.world.status.lock().unwrap() = state;
        let answer = rig.send("GET", "/readyz", &[("authorization", "")], "").await;
        assert_eq!((answer.status.as_u16(), &answer.json["ready"]), (503, &false.into()));
        assert!(!answer.text.contains("secret"));
    }
}

#[tokio::test]
async fn metrics_have_no_label_that_a_peer_can_choose() {
    let rig = Rig::ready(Dialect::V16).await;
    for n in 0..50 {
        rig.get(&format!("/api/v1/stations/evil{n}%22%7D%0A")).await;
        rig.get(&format!("/evil{n}")).await;
        rig.send(&format!("EVIL{n}"), "/livez", &[], "").await;
    }
    let text = rig.get("/metrics").await.text;
    assert!(!text.to_lowercase().contains("evil") && !text.contains("CS1"), "{text}");
    assert!(text.contains("busbar_stations 1"), "{text}");
    assert!(text.contains("busbar_ready 1"), "{text}");
    assert!(text.ends_with("# EOF\n"));
    assert!(text.lines().count() < 200, "{}", text.lines().count());
}

#[tokio::test]
async fn frames_come_newest_first_in_pages() {
    let rig = Rig::ready(Dialect::V16).await;
    for n in 0..5 {
        rig.world.frames.lock().unwrap().push(FrameRecord {
            id: n.to_string(),
            at: Timestamp(n),
            inbound: n % 2 == 0,
            generation: 1,
            text: format!("[2,\"{n}\",\"Heartbeat\",{{}}]"),
            mended: None,
        });
    }
    let path = "/api/v1/stations/CS1/frames?limit=3";
    let page = rig.get(path).await.json;
    let ids = |page: &serde_json::Value| {
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|frame| frame["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&page), ["4", "3", "2"]);
    assert_eq!(page["items"][0]["direction"], "in");
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = rig.get(&format!("{path}&cursor={cursor}")).await.json;
    assert_eq!(ids(&page), ["1", "0"]);
    assert!(page.get("next_cursor").is_none());
    let other = rig.get(&format!("/api/v1/stations/CS2/frames?cursor={cursor}")).await;
    assert_eq!(other.problem(), "not-found");
}

/// The committed document is what the code says: `UPDATE_OPENAPI=1 cargo test -p busbar openapi`.
#[test]
fn the_openapi_document_is_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let made = api::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == made, "openapi.json is stale: UPDATE_OPENAPI=1 cargo test -p busbar openapi");
}
