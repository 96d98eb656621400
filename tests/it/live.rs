//! What an operator changes while cars charge: a price, and a plugin that turns out to be broken.
//! Must never stop the host to change anything.

use serde_json::{Value, json};

use crate::support::guest;
use crate::support::host::put_tariff;
use crate::support::station::{Station, ago, base64};
use crate::support::{Api, TestHost, tariff_of, until, usual_tariff};

#[test]
fn running_sessions_keep_their_quote_when_the_tariff_changes() {
    let host = TestHost::start("");
    host.prepare(&["OLD", "NEW"]);
    let mut old = Station::connect(host.ocpp, "OLD", "ocpp1.6");
    old.boot();
    let running = old.start(1000, 60);
    let mut changed = json!({
        "currency": "EUR", "configuration": tariff_of("0.99"), "default": true,
        "valid_from": ago(600),
    });
    let put = host.api.put("/api/v1/tariffs/usual", &changed);
    assert_eq!(put["version"], 2, "{put}");
    let mut new = Station::connect(host.ocpp, "NEW", "ocpp1.6");
    new.boot();
    // A new version is never in force before it was made, whatever it says of itself.
    let fresh = new.start_by("04D4E5F6", 1000, -1);
    old.stop(running, 6000, 10);
    new.stop(fresh, 6000, -11);
    let (old_cdr, new_cdr) = (cdr(&host.api, "OLD"), cdr(&host.api, "NEW"));
    assert_eq!(quoted(&old_cdr), (&json!(1), &json!("3.33")), "{old_cdr}");
    assert_eq!(quoted(&new_cdr), (&json!(2), &json!("6.31")), "{new_cdr}");
    for cdr in [&old_cdr, &new_cdr] {
        verifies(&host.api, cdr);
    }
    // A tariff that its plugin cannot prepare is refused, and the one in force stays.
    changed["configuration"] = json!({ "id": "usual", "elements": "none" });
    let refused = host.api.send("PUT", "/api/v1/tariffs/usual", Some(&changed));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(host.api.get("/api/v1/tariffs/usual")["version"], 2);
}

#[test]
fn a_broken_plugin_holds_its_sessions_and_a_mended_one_prices_them() {
    let host = TestHost::start("[plugins]\nallow_unsigned = true\n");
    host.prepare(&["S1"]);
    let broken = upload(&host.api, "1.0.0", &guest::trapping());
    let tariff = json!({
        "currency": "EUR", "plugin": "mine", "default": true,
        "configuration": { "price_per_kwh": 0.4, "start_fee": 0.5, "vat": 19 },
        "valid_from": "2020-01-01T00:00:00Z",
    });
    host.api.put("/api/v1/tariffs/mine", &tariff);
    let station = json!({ "tariff_id": "mine" });
    host.api.put("/api/v1/stations/S1", &station);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    station.boot();
    let transaction = station.start(1000, 40);
    station.stop(transaction, 6000, 10);
    let held = until("a held session", || {
        host.api.all("/api/v1/sessions?state=held").pop().filter(|held| held["station_id"] == "S1")
    });
    assert_eq!(held["held"]["reason"], "unpriced", "{held}");
    assert_eq!(host.api.all("/api/v1/cdrs").len(), 0, "there is no fallback price");
    // The host goes on, and so do other plugins.
    put_tariff(&host.api, &usual_tariff());

    let mended = upload(&host.api, "1.0.1", guest::hello());
    assert_ne!(broken, mended);
    host.api.put("/api/v1/tariffs/mine", &tariff);
    let session = format!("/api/v1/sessions/{}", held["id"].as_str().unwrap());
    let why = json!({ "reason": "the plugin trapped; 1.0.1 mends it", "tariff_id": "mine" });
    host.api.post(&format!("{session}/reprice"), &why);
    let cdr = cdr(&host.api, "S1");
    assert_eq!(cdr["cost"]["payable"], "2.98", "{cdr}");
    assert_eq!(cdr["quote"]["plugin_hash"], mended);
    assert_eq!(cdr["repriced_from"]["plugin_hash"], broken);
    assert_eq!(cdr["reason"], "the plugin trapped; 1.0.1 mends it");
    assert_eq!(host.api.get(&session)["state"], "billed");
    verifies(&host.api, &cdr);
}

/// The only CDR of a station.
fn cdr(api: &Api, station: &str) -> Value {
    let list = format!("/api/v1/cdrs?station={station}");
    until("a CDR", || api.all(&list).first().cloned());
    let cdrs = api.all(&list);
    assert_eq!(cdrs.len(), 1, "{cdrs:?}");
    api.get(&format!("/api/v1/cdrs/{}", cdrs[0]["id"].as_str().unwrap()))
}

fn quoted(cdr: &Value) -> (&Value, &Value) {
    (&cdr["quote"]["tariff_version"], &cdr["cost"]["payable"])
}

fn verifies(api: &Api, cdr: &Value) {
    let verified = api.get(&format!("/api/v1/cdrs/{}/verify", cdr["id"].as_str().unwrap()));
    assert_eq!(verified["verified"], true, "{verified}");
}

/// Installs a component as the plugin `mine`; gives its hash.
fn upload(api: &Api, version: &str, component: &[u8]) -> Value {
    let manifest = format!(
        "name = \"mine\"\nversion = \"{version}\"\nworld = \"pricing\"\nwit = \"0.1\"\n\
         description = \"of a test\"\nlicence = \"Apache-2.0\"\n"
    );
    let upload = json!({ "manifest": manifest, "component": base64(component) });
    api.post("/api/v1/plugins", &upload)["hash"].clone()
}
