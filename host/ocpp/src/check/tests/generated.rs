//! Payloads made from the schema table, sound ones and such with one or more faults: both passes
//! must say the same about each, and say what was put in.

use super::faults::{Broken, Spoil, spoil};
use super::payload::{Fill, Maker, Place, Tree, root};
use super::*;
use std::collections::BTreeSet;

fn everything() -> impl Iterator<Item = (Version, &'static Message)> {
    Version::ALL.into_iter().flat_map(|v| messages(v).iter().map(move |message| (v, message)))
}

fn make(message: &'static Message, maker: &mut Maker) -> (Tree, Vec<Place>) {
    let mut places = Vec::new();
    let tree = maker.value(root(message.shape), &mut places);
    (tree, places)
}

/// Checks under both policies; that the passes agree is part of `check`.
fn expect(version: Version, message: &Message, payload: &str, broken: &[Broken]) {
    let context = || format!("{} {}: {payload}", version.subprotocol(), message.file);
    let strict = check(version, message.file, payload, Leniency::Strict);
    let tolerant = check(version, message.file, payload, Leniency::Tolerant);
    assert_ne!(strict.code, Some(ErrorCode::InternalError), "{}", context());
    assert_ne!(tolerant.code, Some(ErrorCode::InternalError), "{}", context());
    assert_eq!(strict.valid, broken.is_empty(), "{}: {strict:?}", context());
    assert_eq!(tolerant.valid, broken.iter().all(|b| b.tolerable), "{}: {tolerant:?}", context());
    assert_eq!(strict.violations, tolerant.violations, "{}", context());
    assert_eq!(strict.violations.len(), broken.len(), "{}: {strict:?}", context());
    for Broken { rule, pointer, tolerable } in broken {
        let said = strict
            .violations
            .iter()
            .any(|v| (v.rule, &v.path, v.tolerable) == (*rule, pointer, *tolerable));
        assert!(said, "{} lacks {broken:?}: {strict:?}", context());
    }
}

#[test]
fn sound_payloads_are_taken_and_go_out_as_they_came() {
    for (version, message) in everything() {
        for (seed, fill) in [(1, Fill::Least), (2, Fill::Most)]
            .into_iter()
            .chain((3..15).map(|seed| (seed, Fill::Random)))
        {
            let payload = make(message, &mut Maker::new(seed, fill)).0.text();
            expect(version, message, &payload, &[]);
            let written = (message.recode)(&payload, Leniency::Strict).unwrap().message;
            assert_eq!(written, payload);
        }
    }
}

#[test]
fn each_fault_is_named_with_its_place() {
    let (mut tried, mut seen) = (0, BTreeSet::new());
    for (version, message) in everything() {
        let (tree, places) = make(message, &mut Maker::new(7, Fill::Most));
        for place in &places {
            for (at, way) in Spoil::ALL.into_iter().enumerate() {
                // A nested type is in many messages: each way at each of its fields once.
                let nested = place.steps.len() > 1;
                let field = place.pointer.rsplit('/').next();
                if nested
                    && !seen.insert((std::ptr::from_ref(place.shape), field.map(str::to_owned), at))
                {
                    continue;
                }
                let mut spoiled = tree.clone();
                if let Some(broken) = spoil(&mut spoiled, place, way, message.dialect) {
                    let broken: Vec<_> = broken.into_iter().collect();
                    expect(version, message, &spoiled.text(), &broken);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 13_000, "only {tried}");
}

/// Faults that do not touch each other: at properties of the payload itself.
#[test]
fn several_faults_are_all_named_and_the_worst_decides() {
    for (version, message) in everything() {
        for seed in 0..10 {
            let mut maker = Maker::new(seed, Fill::Most);
            let (mut tree, places) = make(message, &mut maker);
            let mut broken = Vec::new();
            for place in places.iter().filter(|place| place.steps.len() == 1) {
                let way = Spoil::ALL[maker.below(Spoil::ALL.len())];
                // Taking a member out moves the others.
                if !matches!(way, Spoil::Missing | Spoil::Surplus) && maker.below(2) == 0 {
                    broken.extend(spoil(&mut tree, place, way, message.dialect).flatten());
                }
            }
            // A value that comes twice is judged twice, so that a fault in it is told twice.
            broken.retain(|b: &Broken| b.rule != Rule::Duplicate);
            let payload = tree.text();
            let strict = check(version, message.file, &payload, Leniency::Strict);
            assert_ne!(strict.code, Some(ErrorCode::InternalError), "{payload}");
            let worst = strict.violations.iter().map(|v| v.rule.rank()).min();
            assert_eq!(strict.rule.map(Rule::rank), worst);
            for Broken { rule, pointer, .. } in &broken {
                let said = strict.violations.iter().any(|v| (v.rule, &v.path) == (*rule, pointer));
                assert!(said, "{payload} lacks {rule:?} {pointer}");
            }
            let tolerant = check(version, message.file, &payload, Leniency::Tolerant);
            assert_eq!(tolerant.valid, tolerant.violations.iter().all(|v| v.tolerable));
        }
    }
}
