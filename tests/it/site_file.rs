//! A site that stands in the configuration file, in a real host: it is made at the start, its
//! station is placed once it is registered, the API does not change it, and a start with the same
//! file changes nothing. Must never look at anything but the API and the log.

use std::time::Duration;

use serde_json::json;

use crate::support::host::{configuration, prepare};
use crate::support::process::free;
use crate::support::{Process, until};

const SITE: &str = r#"
[[sites]]
id = "north"
name = "North"
stations = ["CS1"]

[sites.load]
policy = "fair"

[[sites.load.tree.circuit]]
name = "grid"
current = "63 A"
meter = "M1"

[[sites.load.tree.evse]]
evse = "CS1/1"
circuit = "grid"
max = "32 A"
fallback = "6 A"
"#;

#[test]
fn a_site_of_the_configuration_file_is_kept_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let http = free();
    let config = folder.path().join("busbar.toml");
    let token = folder.path().join("data/admin.token");
    let text = configuration("data", SITE).replacen("127.0.0.1:0", &http.to_string(), 1);
    std::fs::write(&config, &text).unwrap();
    let process = Process::start(&config);
    let api = process.api(http, &token);
    let load = api.get("/api/v1/sites/north/load");
    assert_eq!(load["circuits"][0]["rows"][0]["current_a"]["configured_limit"], 63, "{load}");
    prepare(&api, &["CS1"]);
    until("the station at its site", || {
        (api.get("/api/v1/stations/CS1/site")["site_id"] == "north").then_some(())
    });
    let refused = api.send("PUT", "/api/v1/sites/north", Some(&json!({ "name": "South" })));
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("in busbar.toml:"), "{}", refused.text());
    assert_eq!(api.send("DELETE", "/api/v1/sites/north", None).status, 409);
    // The meter was never heard.
    let alert = until("the alert", || {
        let found = api.get("/api/v1/alerts?standing=true&kind=load_meter_silent");
        found["items"].as_array()?.first().cloned()
    });
    assert_eq!(alert["subject"], "north: M1", "{alert}");
    let metrics = api.send("GET", "/metrics", None).text();
    let line = "busbar_load_headroom_amperes{site=\"north\",row=\"grid, L1\"} 0.0";
    assert!(metrics.contains(line), "{metrics}");

    process.kill_in(Duration::ZERO).join().unwrap();
    let process = Process::start(&config);
    let api = process.api(http, &token);
    assert_eq!(api.get("/api/v1/sites/north")["version"], 1, "the file has not changed");
    process.kill_in(Duration::ZERO).join().unwrap();
    std::fs::write(&config, text.replace("63 A", "50 A")).unwrap();
    let process = Process::start(&config);
    let api = process.api(http, &token);
    let site = api.get("/api/v1/sites/north");
    assert_eq!(
        (&site["version"], &site["load"]["tree"]["circuit"][0]["current"]),
        (&2.into(), &"50 A".into())
    );
    let log = std::fs::read_to_string(config.with_file_name("log")).unwrap();
    for (line, times) in [("site made", 1), ("site changed", 1), ("the station is placed", 1)] {
        assert_eq!(log.matches(line).count(), times, "{line}\n{log}");
    }
}
