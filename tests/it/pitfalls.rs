//! The points that implementations of OCPP get wrong, in the parts on transport, boot,
//! authorization, transactions and meter values: each has a test that bears its number
//! (`pitfall_047_...`), beside the code that it is about. Must never be satisfied by a comment.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The parts that are built: points 1 to 87.
const LAST: u32 = 87;

/// Points without a test, each with its reason.
const EXEMPT: [(u32, &str); 1] =
    [(22, "permessage-deflate: tokio-tungstenite 0.30 has none (OCPP.md, rule 8)")];

#[test]
fn every_point_has_a_test_that_bears_its_number() {
    let tested = tested();
    let exempt: BTreeSet<u32> = EXEMPT.iter().map(|(point, _)| *point).collect();
    let missing: Vec<u32> = (1..=LAST).filter(|point| !tested.contains(point)).collect();
    let missing: Vec<_> = missing.into_iter().filter(|point| !exempt.contains(point)).collect();
    assert!(missing.is_empty(), "no test bears the number of: {missing:?}");
    let needless: Vec<_> = exempt.intersection(&tested).collect();
    assert!(needless.is_empty(), "these have a test and need no exemption: {needless:?}");
}

/// Numbers in the names of tests: `pitfall_008_...`, `pitfall_010_011_...`,
/// `pitfall_060_to_070_...`.
fn tested() -> BTreeSet<u32> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let listed = Command::new("git")
        .args(["grep", "--untracked", "-hoE", "fn pitfall_[0-9a-z_]+", "--", "*.rs"])
        .current_dir(root)
        .output()
        .unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    let mut points = BTreeSet::new();
    for name in names.lines().filter_map(|line| line.strip_prefix("fn pitfall_")) {
        let mut last = None;
        let mut parts = name.split('_').peekable();
        while let Some(part) = parts.next() {
            if let Some(point) = number(part) {
                points.insert(point);
                last = Some(point);
            } else if part == "to"
                && let (Some(first), Some(end)) = (last, parts.peek().and_then(|next| number(next)))
            {
                points.extend(first..=end);
            } else {
                break;
            }
        }
    }
    points
}

/// Three digits.
fn number(part: &str) -> Option<u32> {
    (part.len() == 3).then(|| part.parse().ok()).flatten()
}
