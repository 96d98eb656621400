//! The checks of the fuzz targets over their committed corpora, so that what was once found is
//! red without libFuzzer (docs/fuzz.md). Must never look for something new: `fuzz/run` does.

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a crate of its own under libFuzzer")]
mod checks;
#[path = "../../fuzz/host/src/lib.rs"]
#[allow(unreachable_pub, reason = "a crate of its own under libFuzzer")]
mod host_checks;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

type Check = fn(&[u8]);

/// As `fuzz/run --list` has them.
const TARGETS: [(&str, Check); 15] = [
    ("frames", checks::frames::check),
    ("decode_16", checks::decode::v16),
    ("decode_201", checks::decode::v201),
    ("decode_21", checks::decode::v21),
    ("facts", checks::facts::check),
    ("blocks", checks::stored::block),
    ("snapshots", checks::stored::snapshot),
    ("archive", checks::stored::archive),
    ("frame_log", checks::frame_log::check),
    ("link", checks::link::check),
    ("answers", checks::answers::check),
    ("config", host_checks::config::check),
    ("api", host_checks::api::check),
    ("plugin_answers", host_checks::plugin_answers::check),
    ("plugin_inputs", host_checks::plugin_inputs::check),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

#[test]
fn every_seed_of_every_corpus_holds() {
    let mut broken = Vec::new();
    for (target, check) in TARGETS {
        for (name, bytes) in seeds(target) {
            if catch_unwind(|| check(&bytes)).is_err() {
                broken.push(format!("fuzz/run {target} fuzz/corpus/{target}/{name}"));
            }
        }
    }
    assert!(broken.is_empty(), "what it said stands above; to see one alone:\n{broken:#?}");
}

/// A seed that nobody can explain is noise.
#[test]
fn every_seed_has_its_reason() {
    for (target, _) in TARGETS {
        let reasons = fs::read_to_string(folder().join(format!("corpus/{target}.txt"))).unwrap();
        let told = reasons.lines().map(|line| {
            let (name, why) = line.split_once(": ").unwrap_or_else(|| panic!("{target}: {line}"));
            assert!(why.len() > 5, "{target}: {line}");
            name.to_owned()
        });
        let told: BTreeSet<String> = told.collect();
        let stand: BTreeSet<String> = seeds(target).into_iter().map(|(name, _)| name).collect();
        assert_eq!(told, stand, "{target}: reasons and seeds");
        assert!(stand.len() >= 5, "{target} has too few seeds");
    }
}

#[test]
fn every_target_has_a_corpus_and_a_binary() {
    let run = fs::read_to_string(folder().join("run")).unwrap();
    let lists = run.lines().filter(|line| line.starts_with("light=") || line.starts_with("heavy="));
    let listed: BTreeSet<&str> = lists
        .flat_map(|line| line.split_once("=(").unwrap().1.trim_end_matches(')').split(' '))
        .collect();
    let checked: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, checked);
    let corpora = fs::read_dir(folder().join("corpus")).unwrap().map(|entry| entry.unwrap());
    let corpora = corpora.filter(|entry| entry.path().is_dir());
    let corpora: BTreeSet<String> =
        corpora.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(corpora, checked.iter().map(|name| (*name).to_owned()).collect());
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for entry in fs::read_dir(folder().join("corpus").join(target)).unwrap() {
        let entry = entry.unwrap();
        seeds.push((entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    }
    seeds.sort();
    seeds
}
