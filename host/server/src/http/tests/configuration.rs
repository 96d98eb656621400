//! Stations, tokens, tariffs and plugins: made, read, changed, removed.

use busbar_charging::fact::station::Dialect;

use super::rig::Rig;
use crate::node::Status;

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_station_gets_a_password_that_is_shown_once() {
    let rig = Rig::new();
    let made = rig.put("/api/v1/stations/CS1", "{}").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let password = made.json["password"].as_str().unwrap();
    assert_eq!(password.len(), 40);
    assert_eq!(made.json["version"], 1);
    let read = rig.get("/api/v1/stations/CS1").await;
    assert!(!read.text.contains(password));
    assert_eq!(read.json["registration"]["password_set"], true);
    assert_eq!(read.json["online"], false);
    let again = rig.put("/api/v1/stations/CS1", r#"{"status":"pending"}"#).await;
    assert_eq!((again.status.as_u16(), &again.json["password"]), (200, &serde_json::Value::Null));
    assert_eq!(rig.get("/api/v1/stations/CS1").await.json["registration"]["status"], "pending");
    let new = rig.put("/api/v1/stations/CS1", r#"{"generate_password":true}"#).await;
    assert_ne!(new.json["password"].as_str().unwrap(), password);
    let open = rig.put("/api/v1/stations/CS2", r#"{"unauthenticated":true}"#).await;
    assert!(open.json.get("password").is_none());
}

#[tokio::test]
async fn versions_guard_changes() {
    let rig = Rig::new();
    let path = "/api/v1/stations/CS1";
    let only_new = [JSON, ("if-none-match", "*")];
    assert_eq!(rig.send("PUT", path, &[JSON, ("if-match", "*")], "{}").await.status, 412);
    assert_eq!(rig.send("PUT", path, &only_new, "{}").await.status, 201);
    let refused = rig.send("PUT", path, &only_new, "{}").await;
    assert_eq!(refused.problem(), "precondition-failed");
    assert_eq!(refused.json["current_version"], 1);
    let read = rig.get(path).await;
    assert_eq!(read.header("etag"), "\"1\"");
    let known = rig.send("GET", path, &[("if-none-match", "\"1\"")], "").await;
    assert_eq!((known.status.as_u16(), &*known.text), (304, ""));
    assert_eq!(rig.send("PUT", path, &[JSON, ("if-match", "\"1\"")], "{}").await.status, 200);
    assert_eq!(rig.send("PUT", path, &[JSON, ("if-match", "\"1\"")], "{}").await.status, 412);
    assert_eq!(rig.send("PUT", path, &[JSON, ("if-match", "*")], "{}").await.status, 200);
    for wrong in ["1", "\"1", "\"1\", \"2\"", "W/\"1\"", "\"x\""] {
        let answer = rig.send("PUT", path, &[JSON, ("if-match", wrong)], "{}").await;
        assert_eq!(answer.problem(), "invalid-header", "{wrong}");
    }
}

#[tokio::test]
async fn a_removed_station_is_gone() {
    let rig = Rig::new();
    rig.put("/api/v1/stations/CS1", "{}").await;
    assert_eq!(rig.send("DELETE", "/api/v1/stations/CS1", &[], "").await.status, 204);
    assert_eq!(rig.get("/api/v1/stations/CS1").await.problem(), "not-found");
    assert_eq!(rig.send("DELETE", "/api/v1/stations/CS1", &[], "").await.problem(), "not-found");
    assert_eq!(rig.get("/api/v1/stations").await.json["items"], serde_json::json!([]));
}

#[tokio::test]
async fn a_connected_station_says_what_it_is() {
    let rig = Rig::ready(Dialect::V201).await;
    let station = rig.get("/api/v1/stations/CS1").await.json;
    assert_eq!(station["online"], true);
    assert_eq!(station["connection"]["protocol"], "ocpp2.0.1");
    assert_eq!(station["boot"]["vendor"], "<script>alert(1)</script>");
    let count = |page: serde_json::Value| page["items"].as_array().unwrap().len();
    assert_eq!(count(rig.get("/api/v1/stations?online=true").await.json), 1);
    assert_eq!(count(rig.get("/api/v1/stations?online=false").await.json), 0);
}

#[tokio::test]
async fn tokens_are_made_read_listed_and_removed() {
    let rig = Rig::new();
    let body = r#"{"status":"blocked","group":"G","expires_at":"2027-01-01T00:00:00+01:00"}"#;
    assert_eq!(rig.put("/api/v1/tokens/04ab", body).await.status, 201);
    let token = rig.get("/api/v1/tokens/04AB").await;
    assert_eq!(token.json["value"], "04AB");
    assert_eq!(token.json["kind"], "ISO14443");
    assert_eq!(token.json["status"], "blocked");
    assert_eq!(token.json["expires_at"], "2026-12-31T23:00:00.000Z");
    assert_eq!(token.header("etag"), "\"1\"");
    assert_eq!(rig.get("/api/v1/tokens/04AB?kind=eMAID").await.problem(), "not-found");
    let odd = "/api/v1/tokens/DE-8AA%2F%3F%20%C3%A4?kind=eMAID";
    assert_eq!(rig.put(odd, "{}").await.status, 201);
    assert_eq!(rig.get(odd).await.json["value"], "DE-8AA/? ä");
    assert_eq!(rig.send("DELETE", odd, &[], "").await.status, 204);
    assert_eq!(rig.send("DELETE", odd, &[], "").await.problem(), "not-found");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let rig = Rig::new();
    for n in 0..7 {
        rig.put(&format!("/api/v1/tokens/A{n}"), "{}").await;
    }
    let mut values = Vec::new();
    let mut path = "/api/v1/tokens?limit=3".to_owned();
    for pages in 1.. {
        let page = rig.get(&path).await.json;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        values.extend(items.iter().map(|token| token["value"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/tokens?limit=3&cursor={cursor}"),
            None => {
                assert_eq!(pages, 3);
                break;
            }
        }
    }
    assert_eq!(values, ["A0", "A1", "A2", "A3", "A4", "A5", "A6"]);
}

#[tokio::test]
async fn a_tariff_is_prepared_before_it_is_accepted() {
    let rig = Rig::ready(Dialect::V16).await;
    let wrong = r#"{"plugin":"played","configuration":{"per_kwh":"x"}}"#;
    let refused = rig.put("/api/v1/tariffs/other", wrong).await;
    assert_eq!(refused.problem(), "invalid-tariff");
    assert_eq!(refused.json["errors"][0]["pointer"], "/configuration/per_kwh");
    assert_eq!(rig.get("/api/v1/tariffs/other").await.problem(), "not-found");
    let nobody = r#"{"plugin":"nobody","configuration":{}}"#;
    let refused = rig.put("/api/v1/tariffs/other", nobody).await;
    assert_eq!(refused.json["errors"][0]["pointer"], "/plugin");
    let currency = r#"{"plugin":"played","currency":"eur","configuration":{"per_kwh":1}}"#;
    let refused = rig.put("/api/v1/tariffs/other", currency).await;
    assert_eq!(refused.json["errors"][0]["pointer"], "/currency");
}

#[tokio::test]
async fn a_change_of_a_tariff_is_a_version() {
    let rig = Rig::ready(Dialect::V16).await;
    let path = "/api/v1/tariffs/standard";
    let body = |price: u32| {
        format!(r#"{{"plugin":"played","configuration":{{ "per_kwh": {price} }},"default":true}}"#)
    };
    assert_eq!(rig.put(path, &body(400_000)).await.json["version"], 2);
    let same = rig.put(path, &body(400_000)).await;
    assert_eq!((same.status.as_u16(), &same.json["version"]), (200, &2.into()));
    let newest = rig.get(path).await;
    assert_eq!(newest.header("etag"), "\"2\"");
    assert!(newest.text.contains(r#""configuration":{ "per_kwh": 400000 }"#), "{}", newest.text);
    assert_eq!(newest.json["components"][0]["price"], "0.40");
    let versions = rig.get(&format!("{path}/versions")).await.json;
    let numbers: Vec<_> =
        versions["items"].as_array().unwrap().iter().map(|one| one["version"].clone()).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(rig.get(&format!("{path}/versions/1")).await.json["version"], 1);
    assert_eq!(rig.get(&format!("{path}/versions/3")).await.problem(), "not-found");
    let sek = r#"{"plugin":"played","currency":"SEK","configuration":{"per_kwh":1}}"#;
    assert_eq!(rig.put(path, sek).await.problem(), "conflict");
    rig.put("/api/v1/tariffs/another", &body(1)).await;
    let page = rig.get("/api/v1/tariffs?limit=1").await.json;
    assert_eq!(page["items"][0]["id"], "another");
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = rig.get(&format!("/api/v1/tariffs?limit=1&cursor={cursor}")).await.json;
    assert_eq!(
        (&page["items"][0]["id"], &page["items"][0]["version"]),
        (&"standard".into(), &2.into())
    );
    assert!(page.get("next_cursor").is_none());
}

#[tokio::test]
async fn plugins_are_installed_where_that_is_allowed() {
    let rig = Rig::ready(Dialect::V16).await;
    let page = rig.get("/api/v1/plugins").await.json;
    assert_eq!(page["items"][0]["name"], "played");
    let bad = rig.post("/api/v1/plugins", r#"{"manifest":"x","component":"AAAA"}"#).await;
    assert_eq!(bad.problem(), "invalid-plugin");
    let bad = rig.post("/api/v1/plugins", r#"{"manifest":"x","component":"!"}"#).await;
    assert_eq!(bad.problem(), "invalid-body");
    let rig = Rig::new();
    let unsigned = r#"{"manifest":"played","component":"Z29vZA=="}"#;
    let refused = rig.post("/api/v1/plugins", unsigned).await;
    assert_eq!(refused.problem(), "invalid-plugin");
    assert!(refused.json["detail"].as_str().unwrap().contains("allow_unsigned"));
}

#[tokio::test]
async fn a_node_that_is_down_says_so() {
    let rig = Rig::new();
    *rig.world.down.lock().unwrap() = true;
    assert_eq!(rig.get("/api/v1/stations").await.problem(), "unavailable");
    assert_eq!(rig.put("/api/v1/tokens/AA", "{}").await.problem(), "unavailable");
    assert_eq!(rig.get("/").await.status, 200);
    *rig.world.status.lock().unwrap() =
        Status { draining: true, running: true, ..Status::default() };
    let ready = rig.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json["draining"]), (503, &true.into()));
    assert_eq!(rig.get("/livez").await.status, 200);
}

#[tokio::test]
async fn sites_are_made_and_stations_move_to_them() {
    let rig = Rig::ready(Dialect::V201).await;
    let made = rig.put("/api/v1/sites/north", r#"{"name":"North yard","currency":"SEK"}"#).await;
    assert_eq!((made.status.as_u16(), &made.json["version"]), (201, &1.into()), "{}", made.text);
    let stale = [JSON, ("if-match", "\"7\"")];
    let body = r#"{"name":"North","time_zone":"Europe/Stockholm"}"#;
    let refused = rig.send("PUT", "/api/v1/sites/north", &stale, body).await;
    assert_eq!(refused.problem(), "precondition-failed");
    let fresh = [JSON, ("if-match", "\"1\"")];
    assert_eq!(rig.send("PUT", "/api/v1/sites/north", &fresh, body).await.status, 200);
    let read = rig.get("/api/v1/sites/north").await;
    assert_eq!((read.header("etag"), &read.json["name"]), ("\"2\"", &"North".into()));
    assert_eq!(rig.get("/api/v1/sites").await.json["items"][0]["time_zone"], "Europe/Stockholm");
    for (body, place) in [
        (r#"{"name":" "}"#, "/name"),
        (r#"{"name":"x","time_zone":"Mars/Olympus"}"#, "/time_zone"),
        (r#"{"name":"x","currency":"euro"}"#, "/currency"),
        (r#"{"name":"x","party":{"country":"de","id":"ABC"}}"#, "/party/country"),
    ] {
        let answer = rig.put("/api/v1/sites/south", body).await;
        assert_eq!(answer.json["errors"][0]["pointer"], place, "{}", answer.text);
    }
    let tree = r#"{"circuit":[{"name":"grid","current":"LIMIT","base_load":"60 A"}],
        "evse":[{"evse":"CS1/1","circuit":"grid","max":"32 A","fallback":"6 A"}]}"#;
    let with = |limit| {
        let tree = tree.replace("LIMIT", limit);
        format!(r#"{{"name":"North","load":{{"policy":"fair","tree":{tree}}}}}"#)
    };
    assert_eq!(rig.put("/api/v1/sites/north", &with("63 A")).await.problem(), "invalid-body");
    let wrong = rig.put("/api/v1/sites/north", &with("63 V")).await;
    assert_eq!(wrong.json["errors"][0]["pointer"], "/load", "{}", wrong.text);
    assert_eq!(rig.put("/api/v1/sites/north", &with("170 A")).await.status, 200);
    let read = rig.get("/api/v1/sites/north").await.json;
    assert_eq!(read["load"]["tree"]["evse"][0]["evse"], "CS1/1", "{read}");
    let path = "/api/v1/stations/CS1/site";
    assert_eq!(rig.get(path).await.json["moving"], false);
    let nowhere = rig.put(path, r#"{"site_id":"south"}"#).await;
    assert_eq!(nowhere.problem(), "invalid-body", "{}", nowhere.text);
    let unknown = rig.put("/api/v1/stations/CS9/site", r#"{"site_id":"north"}"#).await;
    assert_eq!(unknown.problem(), "not-found");
    assert_eq!(rig.put(path, r#"{"site_id":"north"}"#).await.status, 201);
    let placed = rig.get(path).await.json;
    assert_eq!((&placed["site_id"], &placed["moving"]), (&"north".into(), &false.into()));
    let stations = rig.get("/api/v1/sites/north/stations").await.json;
    assert_eq!(stations["items"], serde_json::json!([{ "id": "CS1" }]));
    let station = rig.get("/api/v1/stations/CS1").await.json;
    assert_eq!((&station["site_id"], &station["online"]), (&"north".into(), &false.into()));
    let stale = [JSON, ("if-match", "\"9\"")];
    let refused = rig.send("PUT", path, &stale, r#"{"site_id":null}"#).await;
    assert_eq!(refused.problem(), "precondition-failed");
    assert_eq!(rig.put(path, r#"{"site_id":null}"#).await.status, 200);
    let stations = rig.get("/api/v1/sites/north/stations").await.json;
    assert_eq!(stations["items"], serde_json::json!([]));
}
