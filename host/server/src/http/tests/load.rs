//! A site's load over the API.

use std::time::Duration;

use busbar_charging::fact::station::Dialect;
use busbar_charging::units::{Current, Timestamp};

use super::events::Follower;
use super::rig::Rig;
use crate::http::units::Time;
use crate::load_watch::Watch;

const SITE: &str = r#"{"name":"North","load":{"tree":{
    "circuit":[{"name":"grid","current":"63 A","meter":"M1","external":[{"source":"dso"}]}],
    "evse":[{"evse":"CS1/1","circuit":"grid","max":"32 A","fallback":"6 A"}]}}}"#;

#[tokio::test]
async fn who_may_draw_what_and_what_outsiders_say() {
    let rig = Rig::ready(Dialect::V201).await;
    let load = "/api/v1/sites/north/load";
    assert_eq!(rig.get(load).await.problem(), "not-found");
    assert_eq!(rig.put("/api/v1/sites/north", r#"{"name":"North"}"#).await.status, 201);
    let uncontrolled = rig.get(load).await;
    assert_eq!(uncontrolled.problem(), "not-found");
    assert!(uncontrolled.text.contains("not controlled"), "{}", uncontrolled.text);
    assert_eq!(rig.put("/api/v1/sites/north", SITE).await.status, 200);
    let read = rig.get(load).await.json;
    assert_eq!(read["configuration"]["tree"]["circuit"][0]["name"], "grid", "{read}");
    let evse = &read["evses"][0];
    assert_eq!((&evse["evse"], evse.get("limit_a")), (&"CS1/1".into(), Some(&().into())), "{read}");

    let limits = "/api/v1/sites/north/load/limits/dso";
    let far = r#"{"circuit":"grid","limits":[{"until":"2099-01-01T00:00:00Z","current":"40 A"},
        {"from":"2099-01-01T00:00:00Z","power":"11 kW"}]}"#;
    assert_eq!(rig.put(limits, far).await.status, 204);
    assert_eq!(rig.put(limits, r#"{"circuit":"grid"}"#).await.status, 204, "it is still there");
    assert_eq!(rig.put(limits, r#"{"circuit":"attic"}"#).await.problem(), "not-found");
    assert_eq!(
        rig.put("/api/v1/sites/north/load/limits/me", r#"{"circuit":"grid"}"#).await.problem(),
        "not-found"
    );
    for wrong in [
        r#"{"circuit":"grid","limits":[{"current":"-1 A"}]}"#,
        r#"{"circuit":"grid","limits":[{"current":"NaN"}]}"#,
        r#"{"circuit":"grid","limits":[{}]}"#,
        r#"{"circuit":"grid","limits":[{"until":"2001-01-01T00:00:00Z","current":"40 A"}]}"#,
        r#"{"circuit":"grid","limits":[{"current":"40 V"}]}"#,
    ] {
        let answer = rig.put(limits, wrong).await;
        assert_eq!(answer.problem(), "invalid-body", "{wrong}: {}", answer.text);
    }

    let meter = "/api/v1/sites/north/load/meters/M1";
    assert_eq!(rig.put(meter, r#"{"current":["10 A","-2.5 A","0 A"]}"#).await.status, 204);
    assert_eq!(rig.put(meter, r#"{"current":"1e9 A"}"#).await.problem(), "invalid-body");
    // What is shown in amperes is not taken back in thousandths of them.
    for bare in [r#"{"current":43}"#, r#"{"current":[30,30,30]}"#, r#"{"current":30.0}"#] {
        let answer = rig.put(meter, bare).await;
        assert_eq!(answer.problem(), "invalid-body", "{bare}");
        assert!(answer.text.contains("text with its unit"), "{bare}: {}", answer.text);
    }
    let bare = r#"{"circuit":"grid","limits":[{"current":40}]}"#;
    assert_eq!(rig.put(limits, bare).await.problem(), "invalid-body");
    let unknown = "/api/v1/sites/north/load/meters/M2";
    assert_eq!(rig.put(unknown, r#"{"current":"10 A"}"#).await.problem(), "not-found");
}

/// A rig with a station at the site, which takes every limit.
async fn north() -> Rig {
    let rig = Rig::ready(Dialect::V201).await;
    assert_eq!(rig.put("/api/v1/sites/north", SITE).await.status, 201);
    let placed = rig.put("/api/v1/stations/CS1/site", r#"{"site_id":"north"}"#).await;
    assert_eq!(placed.status, 201, "{}", placed.text);
    rig.takes_all();
    rig
}

#[tokio::test]
async fn what_nobody_knows_of_a_base_load_is_no_number() {
    let rig = Rig::ready(Dialect::V201).await;
    let site = r#"{"name":"North","load":{"tree":{"circuit":[{"name":"grid","current":"63 A"},
        {"name":"board","parent":"grid","meter":"M1","external":[{"source":"dso"}]}],
        "evse":[{"evse":"CS1/1","circuit":"board","max":"32 A","fallback":"6 A"}]}}}"#;
    let put = rig.put("/api/v1/sites/north", site).await;
    assert_eq!(put.status, 201, "{}", put.text);
    let read = async || {
        let read = rig.get("/api/v1/sites/north/load").await.json;
        read["circuits"][1]["rows"][0]["current_a"]["base_load"].clone()
    };
    assert_eq!(read().await, serde_json::Value::Null);
    rig.put("/api/v1/sites/north/load/meters/M1", r#"{"current":["10 A","0 A","0 A"]}"#).await;
    assert_eq!(read().await, 10);
}

#[tokio::test]
async fn how_the_load_stands_now() {
    let rig = north().await;
    let path = "/api/v1/sites/north/load";
    let read = rig.get(path).await.json;
    let circuit = &read["circuits"][0];
    assert_eq!((&circuit["circuit"], &circuit["kind"]), (&"grid".into(), &"circuit".into()));
    let row = &circuit["rows"][0];
    assert_eq!((&row["row"], &row["base_load_standing"]), (&"L1".into(), &"lost".into()), "{row}");
    assert_eq!(row["current_a"]["configured_limit"], 63);
    assert_eq!(row["current_a"]["headroom"], 0, "a meter that was never heard may show all: {row}");
    assert_eq!(read["evses"][0]["state"], "uncommandable", "{read}");
    assert_eq!(read["evses"][0]["exposure_a"], 32, "nothing was acknowledged: {read}");
    assert_eq!(read["meters"][0]["standing"], "lost");
    assert!(read["now"].as_str().unwrap().ends_with('Z') && read.get("plan").is_none());

    let meter = r#"{"current":["10 A","-2.5 A","0 A"]}"#;
    rig.put("/api/v1/sites/north/load/meters/M1", meter).await;
    let limit = r#"{"circuit":"grid","limits":[{"until":"2098-01-01T00:00:00Z","current":"50 A"},
        {"until":"2099-01-01T00:00:00Z","current":"40 A"}]}"#;
    rig.put("/api/v1/sites/north/load/limits/dso", limit).await;
    rig.world.connect("CS1", Dialect::V201);
    rig.world.pass(20);
    let idle = rig.get(path).await.json;
    assert_eq!(
        (&idle["evses"][0]["state"], &idle["evses"][0]["limit_a"]),
        (&"idle".into(), &6.into())
    );
    let row = &idle["circuits"][0]["rows"][0];
    assert_eq!((&row["set_by"], &row["current_a"]["limit"]), (&"dso".into(), &40.into()), "{row}");
    assert_eq!(row["set_until"], "2099-01-01T00:00:00.000Z");
    assert_eq!(
        (&row["current_a"]["base_load"], &row["current_a"]["headroom"]),
        (&10.into(), &30.into())
    );
    assert_eq!(row["current_a"]["fallback"], 6, "{row}");
    assert_eq!(idle["sources"][0]["holds"]["current_a"][2], 40);

    rig.world.draw("CS1", "T1", 0, Current(6_000));
    rig.world.pass(30);
    let charging = rig.get(path).await.json;
    let evse = &charging["evses"][0];
    assert_eq!(
        (&evse["state"], &evse["transaction_id"]),
        (&"charging".into(), &"T1".into()),
        "{evse}"
    );
    assert!(evse["acknowledged_a"].as_f64().unwrap() > 6.0, "{evse}");
    assert!(evse["reason"].as_str().unwrap().contains("grid"), "{evse}");
    assert_eq!(evse["measured_a"], 6);
}

#[tokio::test]
async fn a_sites_history_is_kept_in_slots() {
    let rig = north().await;
    let path = "/api/v1/sites/north/load/history";
    rig.world.connect("CS1", Dialect::V201);
    for n in 0..8 {
        rig.put("/api/v1/sites/north/load/meters/M1", r#"{"current":"10 A"}"#).await;
        rig.world.draw("CS1", "T1", n, Current(16_000));
        rig.world.pass(50);
    }
    let now = rig.world.now();
    let read = rig.get(path).await.json;
    assert_eq!((&read["resolution"], &read["resolution_ms"]), (&"minute".into(), &60_000.into()));
    let slots = read["slots"].as_array().unwrap();
    assert!((5..=9).contains(&slots.len()), "{read:#}");
    let slot = &slots[slots.len() - 2];
    assert_eq!((&slot["limit_w"], &slot["base_load_w"]), (&43_470.into(), &6_900.into()), "{slot}");
    assert_eq!(slot["measured_w"], 16 * 3 * 230, "{slot}");
    assert!(slot["allocated_w"].as_i64().unwrap() >= 16 * 3 * 230, "{slot}");
    let long = rig.get(&format!("{path}?resolution=quarter_hour")).await.json;
    assert_eq!(long["resolution_ms"], 900_000);
    assert!(!long["slots"].as_array().unwrap().is_empty(), "{long}");
    let days = rig.get(&format!("{path}?from=2020-01-01T00:00:00Z")).await.json;
    assert_eq!(days["resolution"], "quarter_hour", "minutes are kept for a day only");
    assert_eq!(days["slots"], long["slots"]);
    let before = format!(
        "{path}?to={}",
        serde_json::to_value(Time(Timestamp(now.0 - 3_600_000))).unwrap().as_str().unwrap()
    );
    assert_eq!(rig.get(&before).await.json["slots"].as_array().map(Vec::len), Some(0));
    for wrong in ["from=2099-01-01T00:00:00Z", "from=yesterday", "resolution=second", "x=1"] {
        assert_eq!(rig.get(&format!("{path}?{wrong}")).await.problem(), "invalid-query", "{wrong}");
    }
    assert_eq!(rig.get("/api/v1/sites/south/load/history").await.problem(), "not-found");
}

#[tokio::test]
async fn metrics_and_alerts_follow_the_load() {
    let rig = north().await;
    let mut watch = Watch::default();
    let mut look = async || {
        let view = rig.app.node.load(&"north".into(), Duration::from_secs(1)).await.unwrap();
        let views = [("north".to_owned(), *view.unwrap())];
        watch.seen(&views, &rig.app.metrics, rig.app.alerts());
    };
    look().await;
    let path = "/api/v1/alerts?standing=true";
    let found = rig.get(path).await.json;
    let kinds = |found: &serde_json::Value| -> Vec<String> {
        let all = found["items"].as_array().unwrap().iter();
        all.map(|one| format!("{} {}", one["kind"].as_str().unwrap(), one["subject"])).collect()
    };
    assert_eq!(kinds(&found), ["load_meter_silent \"north: M1\""], "{found}");
    rig.put("/api/v1/sites/north/load/meters/M1", r#"{"current":"40 A"}"#).await;
    rig.world.pass(70);
    rig.put("/api/v1/sites/north/load/meters/M1", r#"{"current":"40 A"}"#).await;
    look().await;
    assert_eq!(kinds(&rig.get(path).await.json), Vec::<String>::new(), "the meter is back");
    rig.world.pass(50);
    rig.world.pass(50);
    rig.put("/api/v1/sites/north/load/meters/M1", r#"{"current":"40 A"}"#).await;
    look().await;
    let found = rig.get(path).await.json;
    let expected = [
        "load_commissioning \"north: grid, L3\"",
        "load_commissioning \"north: grid, L2\"",
        "load_commissioning \"north: grid, L1\"",
    ];
    assert_eq!(kinds(&found), expected, "the station has taken no fallback: {found}");
    let text = rig.get("/metrics").await.text;
    for line in [
        "busbar_load_headroom_amperes{site=\"north\",row=\"grid, L1\"} 23.0",
        "busbar_load_exposure_amperes{site=\"north\",row=\"grid, L1\"} 32.0",
        "busbar_load_evses{site=\"north\",state=\"uncommandable\"} 1",
        "busbar_load_throttled_watt_hours_total{site=\"north\"} 0.0",
        "busbar_load_sites 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    rig.world.connect("CS1", Dialect::V201);
    rig.put("/api/v1/sites/north/load/meters/M1", r#"{"current":"40 A"}"#).await;
    rig.world.pass(20);
    look().await;
    assert_eq!(kinds(&rig.get(path).await.json), Vec::<String>::new(), "it has taken its fallback");
    let over = rig.get("/api/v1/alerts?standing=false&kind=load_commissioning").await.json;
    assert_eq!(over["items"].as_array().map(Vec::len), Some(3), "{over}");
}

#[tokio::test]
async fn a_station_that_says_that_it_allows_more_is_an_alert_until_it_does_not() {
    let rig = north().await;
    let mut watch = Watch::default();
    let view = rig.app.node.load(&"north".into(), Duration::from_secs(1)).await.unwrap();
    let mut view = *view.unwrap();
    view.meters.clear();
    for (claimed, drawn, expected) in [
        (Some(25_000), 16_000, &["load_station_allows_more"][..]),
        (Some(25_000), 25_000, &["load_limit_ignored", "load_station_allows_more"]),
        (None, 25_000, &["load_limit_ignored"]),
        (None, 16_000, &[]),
    ] {
        let evse = &mut view.evses[0];
        evse.limit = Current(16_000);
        evse.claimed = claimed.map(Current);
        evse.drawn = Some((view.at, Current(drawn)));
        evse.disobedient = claimed.is_some() || drawn > 16_000;
        watch.seen(&[("north".to_owned(), view.clone())], &rig.app.metrics, rig.app.alerts());
        let found = rig.get("/api/v1/alerts?standing=true").await.json;
        let items = found["items"].as_array().unwrap().iter();
        let mut kinds: Vec<_> = items.map(|one| one["kind"].as_str().unwrap()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, expected, "{claimed:?} {drawn}: {found}");
        for one in found["items"].as_array().unwrap() {
            assert_eq!(one["subject"], "CS1/1", "{one}");
        }
    }
}

#[tokio::test]
async fn what_load_control_does_is_told_as_events() {
    let rig = north().await;
    let mut follower = Follower::open(&rig, "/api/v1/events?type=load.", None).await;
    follower.next().await.unwrap();
    let mut commands = Follower::open(&rig, "/api/v1/events?type=command.wanted", None).await;
    commands.next().await.unwrap();
    rig.put("/api/v1/sites/north/load/meters/M1", r#"{"current":"10 A"}"#).await;
    rig.put("/api/v1/sites/north/load/limits/dso", r#"{"circuit":"grid"}"#).await;
    rig.world.connect("CS1", Dialect::V201);
    rig.world.draw("CS1", "T1", 0, Current(6_000));
    rig.world.pass(20);
    let mut seen = Vec::new();
    while !seen.iter().any(|detail: &String| detail.contains("CS1/1 may charge")) {
        let (kind, _, data) = follower.next().await.unwrap();
        assert_eq!(data["subject"], "site:north");
        seen.push(format!("{kind} {}", data["detail"].as_str().unwrap_or("")));
    }
    let metered = |one: &String| one == "load.metered M1: 10 A, 10 A, 10 A";
    assert!(seen.iter().any(metered), "{seen:?}");
    assert!(seen.iter().any(|one| one == "load.limited dso says what grid may carry"), "{seen:?}");
    // Each limit that a station is told is one of the commands.
    let mut limits: Vec<String> = Vec::new();
    while !limits.iter().any(|limit| limit.starts_with("EVSE 1: ") && limit.contains("A (")) {
        let (_, _, data) = commands.next().await.unwrap();
        limits.push(data["detail"].as_str().unwrap().to_owned());
    }
    assert!(limits.contains(&"EVSE 1: 6 A where nothing else is said".to_owned()), "{limits:?}");
}
