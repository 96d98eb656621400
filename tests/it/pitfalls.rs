//! The points that implementations of OCPP get wrong, in the parts on transport, boot,
//! authorization, transactions and meter values: each has a test that bears its number
//! (`pitfall_047_...`), beside the code that it is about. Must never be satisfied by a comment.

use std::collections::BTreeSet;

use crate::support::numbered::numbered;

/// The parts that are built: points 1 to 87.
const LAST: u32 = 87;

/// Points without a test, each with its reason.
const EXEMPT: [(u32, &str); 1] =
    [(22, "permessage-deflate: tokio-tungstenite 0.30 has none (OCPP.md, rule 8)")];

#[test]
fn every_point_has_a_test_that_bears_its_number() {
    let tested = numbered("pitfall", 3);
    let exempt: BTreeSet<u32> = EXEMPT.iter().map(|(point, _)| *point).collect();
    let missing: Vec<u32> = (1..=LAST).filter(|point| !tested.contains(point)).collect();
    let missing: Vec<_> = missing.into_iter().filter(|point| !exempt.contains(point)).collect();
    assert!(missing.is_empty(), "no test bears the number of: {missing:?}");
    let needless: Vec<_> = exempt.intersection(&tested).collect();
    assert!(needless.is_empty(), "these have a test and need no exemption: {needless:?}");
}
