//! Pricing plugins that misbehave in every way, over real sockets: the charge ends well, its
//! session is held unpriced, nobody else is touched, and a mended plugin prices it. Must never
//! test the sandbox alone: its own tests do.

mod guests;

use serde_json::{Value, json};

use crate::support::host::PASSWORD;
use crate::support::station::{Station, ago, base64};
use crate::support::{Api, TestHost, until};
use busbar_sandbox::FirstParty;
use busbar_sim::load::tariffs::GUESTS;

#[test]
fn a_charge_priced_by_a_plugin_that_misbehaves_ends_well_and_is_priced_after_the_mend() {
    let host = TestHost::start("[plugins]\nallow_unsigned = true\n");
    host.prepare(&["HONEST"]);
    let mut honest = Station::connect(host.ocpp, "HONEST", "ocpp1.6");
    honest.boot();
    for ((name, component), number) in GUESTS.into_iter().zip(0..) {
        let (wh, minutes_ago) = (1000 + 5000 * number, 400 - 40 * number);
        let transaction = honest.start(wh, minutes_ago);
        let hash = upload(&host.api, name, "1.0.0", component);
        let held = charge(&host, name);
        assert_eq!(held["held"]["reason"], "unpriced", "{name}: {held}");
        // Whoever is priced by another plugin meanwhile has a bill.
        honest.stop(transaction, wh + 5000, minutes_ago - 30);
        let bill = only_cdr(&host.api, "HONEST", &transaction.to_string());
        assert_eq!(bill["cost"]["payable"], "3.33", "{name}: {bill}");

        let hello = FirstParty::find("hello-pricing").unwrap().bytes;
        let mended = upload(&host.api, name, "1.0.1", hello);
        host.api.put(&format!("/api/v1/tariffs/{name}"), &tariff(name));
        let session = format!("/api/v1/sessions/{}", held["id"].as_str().unwrap());
        let why = json!({ "reason": "1.0.1 mends it", "tariff_id": name });
        host.api.post(&format!("{session}/reprice"), &why);
        let cdr = only_cdr(&host.api, &station(name), held["transaction_id"].as_str().unwrap());
        assert_eq!(cdr["cost"]["payable"], "2.98", "{name}: {cdr}");
        assert_eq!(cdr["quote"]["plugin_hash"], mended, "{name}");
        assert_eq!(cdr["repriced_from"]["plugin_hash"], hash, "{name}");
        assert_eq!(host.api.get(&session)["state"], "billed", "{name}");
    }
}

/// An amount in another currency has no place in the contract; a configuration in one is refused.
#[test]
fn a_tariff_in_a_foreign_currency_is_refused() {
    let host = TestHost::start("");
    host.prepare(&["S1"]);
    let mut configuration = crate::support::usual_tariff();
    configuration["currency"] = json!("USD");
    let foreign = json!({ "currency": "EUR", "configuration": configuration, "default": true });
    let refused = host.api.send("PUT", "/api/v1/tariffs/usual", Some(&foreign));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("currency"), "{}", refused.text());
}

fn station(name: &str) -> String {
    format!("BY-{name}")
}

fn tariff(plugin: &str) -> Value {
    json!({
        "currency": "EUR", "plugin": plugin, "valid_from": "2020-01-01T00:00:00Z",
        "configuration": { "price_per_kwh": 0.4, "start_fee": 0.5, "vat": 19 },
    })
}

/// A whole charge by the tariff of a plugin: every message is answered, and its session is held.
fn charge(host: &TestHost, plugin: &str) -> Value {
    host.api.put(&format!("/api/v1/tariffs/{plugin}"), &tariff(plugin));
    let id = station(plugin);
    let put = json!({ "password": PASSWORD, "tariff_id": plugin });
    host.api.put(&format!("/api/v1/stations/{id}"), &put);
    let mut station = Station::connect(host.ocpp, &id, "ocpp1.6");
    station.boot();
    let transaction = station.start_by("04D4E5F6", 1000, 40);
    let reading = json!({
        "connectorId": 1, "transactionId": transaction,
        "meterValue": [{ "timestamp": ago(20), "sampledValue": [{ "value": "3000" }] }],
    });
    station.call("MeterValues", &reading);
    station.stop(transaction, 6000, 10);
    let list = format!("/api/v1/sessions?state=held&station={id}");
    until("a held session", || host.api.all(&list).pop())
}

/// The only CDR of a transaction.
fn only_cdr(api: &Api, station: &str, transaction: &str) -> Value {
    let list = format!("/api/v1/cdrs?station={station}");
    let of = |cdr: &Value| cdr["transaction_id"] == transaction;
    let found = || -> Vec<Value> { api.all(&list).into_iter().filter(of).collect() };
    until("a CDR", || found().pop());
    let cdrs = found();
    assert_eq!(cdrs.len(), 1, "{cdrs:?}");
    api.get(&format!("/api/v1/cdrs/{}", cdrs[0]["id"].as_str().unwrap()))
}

/// Installs a component under a name; gives its hash.
fn upload(api: &Api, name: &str, version: &str, component: &[u8]) -> Value {
    let manifest = format!(
        "name = \"{name}\"\nversion = \"{version}\"\nworld = \"pricing\"\nwit = \"0.1\"\n\
         description = \"of a test\"\nlicence = \"Apache-2.0\"\n"
    );
    let upload = json!({ "manifest": manifest, "component": base64(component) });
    api.post("/api/v1/plugins", &upload)["hash"].clone()
}
