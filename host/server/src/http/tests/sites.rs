//! Sites over the API: how one goes, and those that the configuration file has.

use busbar_charging::fact::station::Dialect;

use super::rig::Rig;
use crate::config::Config;
use crate::sites;

const NORTH: &str = "/api/v1/sites/north";
const PLACE: &str = "/api/v1/stations/CS1/site";

#[tokio::test]
async fn a_site_goes_once_nothing_is_there() {
    let rig = Rig::ready(Dialect::V201).await;
    assert_eq!(rig.send("DELETE", NORTH, &[], "").await.problem(), "not-found");
    rig.put(NORTH, r#"{"name":"North"}"#).await;
    rig.put(PLACE, r#"{"site_id":"north"}"#).await;
    rig.world.connect("CS1", Dialect::V201);
    rig.world.charge("CS1", "T1");
    let there = rig.send("DELETE", NORTH, &[], "").await;
    assert_eq!(there.problem(), "conflict");
    assert!(there.text.contains("CS1 is at this site: place"), "{}", there.text);
    rig.put(PLACE, r#"{"site_id":null}"#).await;
    let stale = rig.send("DELETE", NORTH, &[("if-match", "\"7\"")], "").await;
    assert_eq!(stale.problem(), "precondition-failed");
    let gone = rig.send("DELETE", NORTH, &[("if-match", "\"1\"")], "").await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(rig.get(NORTH).await.problem(), "not-found");
    assert_eq!(rig.get("/api/v1/sites").await.json["items"].as_array().map(Vec::len), Some(0));
    let sessions = rig.get("/api/v1/sessions").await.json;
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1), "{sessions}");
    assert_eq!(rig.put(PLACE, r#"{"site_id":"north"}"#).await.problem(), "invalid-body");
    assert_eq!(rig.put(NORTH, r#"{"name":"Again"}"#).await.status, 201);
}

#[tokio::test]
async fn a_site_stays_while_a_station_is_to_come_or_charges() {
    let rig = Rig::ready(Dialect::V201).await;
    rig.put(NORTH, r#"{"name":"North"}"#).await;
    rig.world.draw("CS1", "T1", 0, busbar_charging::units::Current(6_000));
    rig.put(PLACE, r#"{"site_id":"north"}"#).await;
    let coming = rig.send("DELETE", NORTH, &[], "").await;
    assert_eq!(coming.problem(), "conflict");
    assert!(coming.text.contains("CS1 is to come to this site"), "{}", coming.text);
    rig.put("/api/v1/stations/CS2", "{}").await;
    rig.put("/api/v1/stations/CS2/site", r#"{"site_id":"north"}"#).await;
    rig.world.connect("CS2", Dialect::V201);
    rig.world.draw("CS2", "T2", 0, busbar_charging::units::Current(6_000));
    let charging = rig.send("DELETE", NORTH, &[], "").await;
    assert!(charging.text.contains("1 sessions run at this site"), "{}", charging.text);
}

const FILE: &str = r#"[[sites]]
id = "north"
name = "North"
stations = ["CS1", "CS2"]
[[sites.load.tree.circuit]]
name = "grid"
current = "63 A"
[[sites.load.tree.evse]]
evse = "CS1/1"
circuit = "grid"
max = "32 A"
[[sites.load.tree.evse]]
evse = "CS2/1"
circuit = "grid"
max = "32 A"
"#;

#[tokio::test]
async fn a_site_of_the_file_is_made_once_and_changed_there() {
    let rig = Rig::with(FILE);
    let sites = Config::parse(None, FILE, Vec::new()).unwrap().sites;
    rig.put("/api/v1/stations/CS1", "{}").await;
    sites::apply(&rig.app.node, &sites).await.unwrap();
    sites::apply(&rig.app.node, &sites).await.unwrap();
    let read = rig.get(NORTH).await.json;
    assert_eq!((&read["version"], &read["name"]), (&1.into(), &"North".into()), "{read}");
    assert_eq!(read["load"]["tree"]["evse"][1]["evse"], "CS2/1");
    assert_eq!(rig.get(PLACE).await.json["site_id"], "north", "CS1 was registered");
    rig.put("/api/v1/stations/CS2", "{}").await;
    assert_eq!(rig.get("/api/v1/stations/CS2/site").await.json["site_id"], "north");

    for (method, path, body) in [
        ("PUT", NORTH, r#"{"name":"South"}"#),
        ("DELETE", NORTH, ""),
        ("PUT", PLACE, r#"{"site_id":null}"#),
    ] {
        let refused = rig.send(method, path, &[("content-type", "application/json")], body).await;
        assert_eq!(refused.problem(), "conflict", "{method} {path}");
        assert!(refused.text.contains("in busbar.toml:1: "), "{}", refused.text);
    }
    assert_eq!(rig.put(PLACE, r#"{"site_id":"north"}"#).await.status, 200, "as the file says");
    rig.put("/api/v1/stations/CS9", "{}").await;
    let other = rig.put("/api/v1/stations/CS9/site", r#"{"site_id":"north"}"#).await;
    assert_eq!(other.problem(), "conflict", "the file names the stations");

    let changed = Config::parse(None, &FILE.replace("63 A", "50 A"), Vec::new()).unwrap().sites;
    sites::apply(&rig.app.node, &changed).await.unwrap();
    let read = rig.get(NORTH).await.json;
    assert_eq!(
        (&read["version"], read["load"]["tree"]["circuit"][0]["current"].as_str()),
        (&2.into(), Some("50 A"))
    );
}
