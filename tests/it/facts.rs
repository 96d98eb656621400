//! What was ever written can be read for ever: `tests/facts/` keeps one file for each kind of
//! fact, version and case, as the store writes it, and none of them ever changes or goes.
//!
//! A new fact, a new version or a new optional field: add a case to `samples` (an old case keeps
//! its name and its value), run this test once with `BUSBAR_WRITE_FACTS=1`, and commit the new
//! file. It never writes a file that is there.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use busbar_charging::fact::Fact;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("facts")
}

/// `session.priced/1` and `failed` stand in `session.priced.1.failed.cbor`.
fn file_name(name: &str, case: &str) -> String {
    format!("{}.{case}.cbor", name.replace('/', "."))
}

/// The kind and version that a file is of.
fn fact_name(file: &str) -> Option<String> {
    let (name, _case) = file.strip_suffix(".cbor")?.rsplit_once('.')?;
    let (kind, version) = name.rsplit_once('.')?;
    Some(format!("{kind}/{version}"))
}

#[test]
fn every_fact_ever_written_is_read_as_it_was_meant() {
    let mut samples: BTreeMap<String, Fact> = BTreeMap::new();
    for (case, fact) in samples::all() {
        let twice = samples.insert(file_name(fact.name(), case), fact);
        assert!(twice.is_none(), "two cases {case:?} of one fact");
    }
    let write = std::env::var_os("BUSBAR_WRITE_FACTS").is_some();
    for (file, fact) in &samples {
        let path = folder().join(file);
        if write && !path.exists() {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, fact.encode().unwrap()).unwrap();
        }
        assert!(path.exists(), "{file} is missing: run this test with BUSBAR_WRITE_FACTS=1");
    }
    for entry in fs::read_dir(folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = fact_name(&file).unwrap_or_else(|| panic!("{file} is no fact's file"));
        let read = Fact::decode(&name, &fs::read(folder().join(&file)).unwrap());
        let read = read.unwrap_or_else(|error| panic!("{file}: {error}"));
        let sample = samples.get(&file).unwrap_or_else(|| panic!("{file} lost its sample"));
        assert_eq!(read, *sample, "{file} is read as something else than was written");
    }
}

#[test]
fn every_kind_of_fact_has_a_sample() {
    let sampled: BTreeSet<&str> = samples::all().iter().map(|(_, fact)| fact.name()).collect();
    let missing: Vec<_> = Fact::NAMES.iter().filter(|name| !sampled.contains(*name)).collect();
    assert!(missing.is_empty(), "no sample in tests/it/facts/samples.rs: {missing:?}");
}

#[test]
fn what_is_written_is_read_back() {
    for (case, fact) in samples::all() {
        let again = Fact::decode(fact.name(), &fact.encode().unwrap());
        assert_eq!(again.as_ref(), Ok(&fact), "{} {case}", fact.name());
    }
}
