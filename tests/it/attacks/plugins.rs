//! Plugins that attack (47 to 50), as a running host meets them: uploaded over its API, and asked
//! for the price of a charge on a real socket. Must never trust a plugin of these tests.

use serde_json::{Value, json};

use crate::edges::Witness;
use crate::support::station::{Station, base64};
use crate::support::{Answer, Api, TestHost, guest, until};

fn upload(api: &Api, name: &str, component: &[u8]) -> Answer {
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1.0.0\"\nworld = \"pricing\"\nwit = \"0.1\"\n\
         description = \"of a test\"\nlicence = \"Apache-2.0\"\n"
    );
    let upload = json!({ "manifest": manifest, "component": base64(component) });
    api.send("POST", "/api/v1/plugins", Some(&upload))
}

/// A station that is priced by a plugin of its own.
fn station_of(host: &TestHost, plugin: &str) -> Station {
    let tariff = json!({
        "currency": "EUR", "plugin": plugin, "valid_from": "2020-01-01T00:00:00Z",
        "configuration": { "price_per_kwh": 0.4, "start_fee": 0.5, "vat": 19 },
    });
    host.api.put(&format!("/api/v1/tariffs/{plugin}"), &tariff);
    let put = json!({ "password": crate::support::host::PASSWORD, "tariff_id": plugin });
    host.api.put(&format!("/api/v1/stations/{plugin}"), &put);
    let mut station = Station::connect(host.ocpp, plugin, "ocpp1.6");
    station.boot();
    station
}

fn held(api: &Api, station: &str) -> Value {
    until("a held session", || {
        let path = format!("/api/v1/sessions?state=held&station={station}");
        api.all(&path).pop()
    })
}

/// What `host/sandbox` proves of the sandbox alone, through a whole host: other stations charge
/// and are billed, and the host says what the plugin did.
#[test]
fn attack_47_plugins_that_loop_trap_grow_and_lie() {
    let host = TestHost::start("[plugins]\nallow_unsigned = true\n");
    let witness = Witness::start(&host);
    let grow = "(loop $more (drop (memory.grow (i32.const 16))) (br $more)) unreachable";
    let wide = "(i32.store (i32.const 1032) (i32.const 600000))
        (i32.store (i32.const 1028) (i32.const 8192)) (i32.const 1024)";
    for (name, does) in [
        ("loops", "(loop $again (br $again)) unreachable"),
        ("traps", "unreachable"),
        ("grows", grow),
        ("outside", "(i32.load (i32.const -8))"),
        ("too-wide", wide),
        ("nowhere", "(i32.const -4)"),
    ] {
        let answer = upload(&host.api, name, &guest::misbehaving(does));
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        let mut station = station_of(&host, name);
        let transaction = station.start_by("04D4E5F6", 1000, 60);
        station.stop(transaction, 6000, 10);
        let session = held(&host.api, name);
        assert_eq!(session["held"]["reason"], "unpriced", "{name}: {session}");
        assert!(session["held"].to_string().contains(name), "it is named: {session}");
        assert!(session["cost"].is_null(), "{name}: {session}");
        station.call("Heartbeat", &json!({}));
    }
    assert_eq!(host.api.all("/api/v1/cdrs").len(), 0);
    witness.stays_well(&host);
}

/// A component that wants something of the host, beside what it should be.
fn wanting(import: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (import \"{import}\" (instance)))")).unwrap()
}

#[test]
fn attack_48_plugins_that_want_more_than_they_may() {
    let host = TestHost::start("[plugins]\nallow_unsigned = true\n");
    for import in [
        "wasi:filesystem/types@0.2.0",
        "wasi:sockets/tcp@0.2.0",
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:cli/environment@0.2.0",
        "busbar:pricing/secrets@0.1.0",
        "busbar:host/kv@0.1.0",
    ] {
        let answer = upload(&host.api, "mine", &wanting(import));
        assert_eq!(answer.status, 422, "{import}: {}", answer.text());
    }
    let installed = host.api.all("/api/v1/plugins");
    assert!(installed.iter().all(|plugin| plugin["name"] != "mine"), "{installed:?}");
}

#[test]
fn attack_49_the_bytes_of_a_plugin_are_swapped_on_the_disk() {
    let more = "[plugins]\nallow_unsigned = true\n";
    let host = TestHost::start(more);
    host.prepare(&[]);
    let component = [guest::hello(), &[0, 2, 1, b'x']].concat();
    let uploaded = upload(&host.api, "mine", &component);
    assert_eq!(uploaded.status, 201, "{}", uploaded.text());
    let hash = uploaded.json()["hash"].as_str().unwrap().to_owned();
    drop(station_of(&host, "mine"));
    let folder = host.stop();
    // Another plugin that runs as well, under the name of the first; and its compiled code.
    let other = guest::misbehaving("unreachable");
    let mut swapped = 0;
    for file in super::hosts::files(&folder.path().join("data")) {
        if file.is_file() && std::fs::read(&file).unwrap() == component {
            std::fs::write(&file, &other).unwrap();
            swapped += 1;
        }
    }
    assert!(swapped > 0, "its bytes are kept in no file");
    let cache = folder.path().join("data/cache/compiled");
    for file in super::hosts::files(&cache) {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
    }
    let host = TestHost::start_in(folder, more);
    let mut station = Station::connect(host.ocpp, "mine", "ocpp1.6");
    let transaction = station.start(1000, 60);
    station.stop(transaction, 6000, 10);
    let session = held(&host.api, "mine");
    assert_eq!(session["held"]["reason"], "unpriced", "{session}");
    let said = session["held"].to_string();
    assert!(!said.contains("unreachable"), "the other one was asked: {said}");
    assert!(said.contains(&hash[..8]) || said.contains("hash") || said.contains("bytes"), "{said}");
    assert!(host.api.all("/api/v1/cdrs").is_empty());
}

#[test]
fn attack_49_what_nobody_signed() {
    let host = TestHost::start("");
    let component = [guest::hello(), &[0, 2, 1, b'x']].concat();
    let answer = upload(&host.api, "mine", &component);
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("signed"), "{}", answer.text());
}

#[test]
fn attack_50_prices_that_depend_on_time_or_chance() {
    let host = TestHost::start("[plugins]\nallow_unsigned = true\n");
    for import in [
        "wasi:clocks/wall-clock@0.2.0",
        "wasi:clocks/monotonic-clock@0.2.0",
        "wasi:random/random@0.2.0",
        "wasi:random/insecure-seed@0.2.0",
    ] {
        let answer = upload(&host.api, "mine", &wanting(import));
        assert_eq!(answer.status, 422, "{import}: {}", answer.text());
    }
    // One that counts its calls, and traps at the second: every call has a fresh instance, so
    // there is no second one.
    let counts = "(if (i32.load (i32.const 4096)) (then unreachable))
        (i32.store (i32.const 4096) (i32.const 1))
        (i64.store (i32.const 1024) (i64.const 0)) (i64.store (i32.const 1032) (i64.const 0))
        (i32.const 1024)";
    let answer = upload(&host.api, "counts", &guest::misbehaving(counts));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mut station = station_of(&host, "counts");
    host.prepare(&[]);
    for minutes in [200, 100] {
        let transaction = station.start(1000, minutes);
        station.stop(transaction, 6000, minutes - 50);
    }
    let cdrs = until("two bills", || {
        Some(host.api.all("/api/v1/cdrs?station=counts")).filter(|cdrs| cdrs.len() == 2)
    });
    for cdr in cdrs {
        let verify = format!("/api/v1/cdrs/{}/verify", cdr["id"].as_str().unwrap());
        for _ in 0..3 {
            assert_eq!(host.api.get(&verify)["verified"], true);
        }
    }
}
