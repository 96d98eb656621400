//! Owns the map: which crate may import which, read from `cargo metadata`. Must never be widened
//! without the design.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What each crate of ours may import of ours (DESIGN section 2).
const MAY_IMPORT: [(&str, &[&str]); 9] = [
    ("busbar-ocpp", &[]),
    ("busbar-charging", &[]),
    ("busbar-link", &["busbar-ocpp", "busbar-charging"]),
    ("busbar-engine", &["busbar-charging"]),
    ("busbar-store", &["busbar-charging", "busbar-engine"]),
    ("busbar-sandbox", &["busbar-charging"]),
    ("busbar-sim", &["busbar-ocpp"]),
    ("busbar-sdk", &[]),
    (
        "busbar",
        &[
            "busbar-charging",
            "busbar-engine",
            "busbar-link",
            "busbar-ocpp",
            "busbar-sandbox",
            "busbar-sim",
            "busbar-store",
        ],
    ),
];

/// Crates from outside that only some of ours may name, in `dependencies` of any kind.
const NAMED_BY: [(&str, &[&str]); 8] = [
    ("tokio", &["busbar", "busbar-sim", "busbar-tests"]),
    ("tokio-tungstenite", &["busbar", "busbar-sim", "busbar-tests"]),
    ("tokio-rustls", &["busbar", "busbar-sim", "busbar-tests"]),
    ("axum", &["busbar"]),
    ("wasmtime", &["busbar-sandbox"]),
    ("sled", &["busbar-store", "busbar-tests"]),
    ("redb", &["busbar-store"]),
    ("wit-bindgen", &["busbar-sdk"]),
];

#[test]
fn crates_import_what_the_design_allows() {
    let mut wrong = Vec::new();
    let may: BTreeMap<_, _> = MAY_IMPORT.into_iter().collect();
    for (name, imports) in ours() {
        if name == "busbar-tests" {
            continue;
        }
        let Some(may) = may.get(name.as_str()) else {
            wrong.push(format!("{name} is not in the design"));
            continue;
        };
        for import in imports.iter().filter(|import| import.starts_with("busbar")) {
            if !may.contains(&import.as_str()) {
                wrong.push(format!("{name} imports {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_shell_names_a_runtime_and_only_the_sandbox_names_wasmtime() {
    let mut wrong = Vec::new();
    for (name, imports) in ours() {
        for (outside, by) in NAMED_BY {
            if imports.contains(outside) && !by.contains(&name.as_str()) {
                wrong.push(format!("{name} names {outside}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The wire and the domain compile without a runtime, however deep their dependencies go.
#[test]
fn the_core_reaches_no_runtime_and_no_engine() {
    let metadata = metadata();
    for name in ["busbar-ocpp", "busbar-charging", "busbar-link", "busbar-engine"] {
        let reached = reached(&metadata, name);
        for heavy in ["tokio", "wasmtime", "sled", "redb", "axum", "mio", "rustls"] {
            assert!(!reached.contains(heavy), "{name} reaches {heavy}");
        }
    }
}

/// With `arbitrary_precision`, numbers of untyped JSON are something else in the whole binary.
#[test]
fn serde_json_keeps_its_numbers() {
    let metadata = metadata();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let of_json = nodes.iter().filter(|node| name_of(&node["id"]) == "serde_json");
    let mut seen = 0;
    for node in of_json {
        seen += 1;
        let features = node["features"].as_array().unwrap();
        assert!(!features.iter().any(|feature| feature == "arbitrary_precision"), "{features:?}");
    }
    assert_eq!(seen, 1, "one serde_json");
    let number: Value = serde_json::from_str("1.0").unwrap();
    assert!(number.is_f64(), "arbitrary_precision is on");
}

/// Our crates, each with all that it names.
fn ours() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let members = metadata["workspace_members"].as_array().unwrap();
    let ours = packages.iter().filter(|package| members.contains(&package["id"]));
    let named = |package: &Value| {
        let names = package["dependencies"].as_array().unwrap().iter();
        names.map(|dependency| text(&dependency["name"])).collect()
    };
    let ours: BTreeMap<_, _> = ours.map(|p| (text(&p["name"]), named(p))).collect();
    assert_eq!(ours.len(), MAY_IMPORT.len() + 1, "eight under host, the SDK, the tests: {ours:?}");
    ours
}

/// All that a crate builds with, dependencies of its tests aside.
fn reached(metadata: &Value, name: &str) -> BTreeSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let by_id: BTreeMap<&str, &Value> =
        nodes.iter().map(|node| (node["id"].as_str().unwrap(), node)).collect();
    let start = by_id.keys().find(|id| name_of(&Value::from(**id)) == name).unwrap();
    let (mut seen, mut todo) = (BTreeSet::new(), vec![*start]);
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in by_id[id]["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                todo.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    seen.into_iter().map(|id| name_of(&Value::from(id))).collect()
}

/// The name in an id of `cargo metadata`: `registry+url#name@1.0.0` or `path+file://.../dir#1.0.0`.
fn name_of(id: &Value) -> String {
    let id = id.as_str().unwrap();
    let (place, end) = id.rsplit_once('#').unwrap();
    let named = end.split_once('@').map(|(name, _)| name);
    named.unwrap_or_else(|| place.rsplit('/').next().unwrap()).to_owned()
}

fn metadata() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let told = Command::new(env!("CARGO"))
        // Of this platform alone: a newcomer has fetched no other crates.
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "host-tuple"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
