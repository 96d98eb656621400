//! Facts as they are stored: written, read again, and refused by name.

use super::*;

#[test]
fn names_are_unique_and_versioned() {
    let mut names: Vec<_> = Fact::NAMES.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Fact::NAMES.len());
    assert!(names.iter().all(|name| name.ends_with("/1")));
}

#[test]
fn an_unknown_name_and_a_broken_body_say_so() {
    let unknown = Fact::decode("session.vanished/7", &[]).unwrap_err();
    assert!(unknown.to_string().contains("session.vanished/7"));
    assert!(Fact::decode("station.removed/1", &[0xFF, 0x00]).is_err());
}
