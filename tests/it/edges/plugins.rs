//! Files that are no plugins. Must never run before they are checked.

use serde_json::json;

use super::Witness;
use crate::support::TestHost;
use crate::support::station::base64;

const MANIFEST: &str = "name = \"mine\"\nversion = \"1.0.0\"\nworld = \"pricing\"\nwit = \"0.1\"\n\
    description = \"of a test\"\nlicence = \"Apache-2.0\"\n";

#[test]
fn files_that_are_no_plugins_are_refused_in_words() {
    let host = TestHost::start("[plugins]\nallow_unsigned = true\n");
    let witness = Witness::start(&host);
    let real = busbar_sandbox::FirstParty::find("hello-pricing").unwrap().bytes;
    let mut flipped = real.to_vec();
    for at in (2000..flipped.len()).step_by(997) {
        flipped[at] ^= 0x55;
    }
    let module = wat::parse_str("(module (func (export \"price\")))").unwrap();
    let empty = wat::parse_str("(component)").unwrap();
    let other_world = MANIFEST.replace("pricing", "teleport");
    let other_wit = MANIFEST.replace("0.1", "9.9");
    let path_name = MANIFEST.replace("mine", "../../mine");
    for (what, manifest, component) in [
        ("nothing", MANIFEST, &[][..]),
        ("text", MANIFEST, b"#!/bin/sh\nrm -rf /\n"),
        ("half of one", MANIFEST, &real[..real.len() / 2]),
        ("a damaged one", MANIFEST, &flipped),
        ("a module", MANIFEST, &module),
        ("an empty component", MANIFEST, &empty),
        ("no manifest", "", real),
        ("a manifest that is no TOML", "name = = 5", real),
        ("another world", &other_world, real),
        ("a contract to come", &other_wit, real),
        ("a name that is a path", &path_name, real),
    ] {
        let upload = json!({ "manifest": manifest, "component": base64(component) });
        let answer = host.api.send("POST", "/api/v1/plugins", Some(&upload));
        assert_eq!(answer.status, 422, "{what}: {} {}", answer.status, answer.text());
        let words = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(words.len() > 10, "{what}: {words:?}");
    }
    let upload = json!({ "manifest": MANIFEST, "component": "not base64!" });
    let answer = host.api.send("POST", "/api/v1/plugins", Some(&upload));
    assert_eq!(answer.status, 422, "{}", answer.text());
    let installed = host.api.all("/api/v1/plugins");
    assert!(installed.iter().all(|plugin| plugin["name"] != "mine"), "{installed:?}");
    witness.stays_well(&host);
}

#[test]
fn what_nobody_signed_is_refused_by_default() {
    let host = TestHost::start("");
    let mut bytes = busbar_sandbox::FirstParty::find("hello-pricing").unwrap().bytes.to_vec();
    // A custom section more: the same plugin, by nobody.
    bytes.extend_from_slice(&[0, 2, 1, b'x']);
    let upload = json!({ "manifest": MANIFEST, "component": base64(&bytes) });
    let answer = host.api.send("POST", "/api/v1/plugins", Some(&upload));
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("signed"), "{}", answer.text());
}
