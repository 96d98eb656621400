//! Proves that keys keep the order of paths and are bounded.

use busbar_charging::subject::Subject;

use super::*;

fn key(station: &str) -> Vec<u8> {
    snapshot_part(&Subject::Station(station.into()), 0)
}

#[test]
fn the_order_of_paths_stays() {
    let mut paths = ["", "\0", "\0\0", "a", "a\0", "a\0b", "a\u{1}", "ab", "b", "é", "日\0"];
    let mut keys: Vec<_> = paths.iter().map(|path| key(path)).collect();
    paths.sort_unstable();
    keys.sort_unstable();
    assert_eq!(keys, paths.map(key));
}

#[test]
fn long_paths_are_bounded_and_kept_apart() {
    let long = "é".repeat(300_000);
    let (one, other) = (key(&format!("{long}1")), key(&format!("{long}2")));
    assert_ne!(one, other);
    assert!(one.len() < 700);
}

#[test]
fn block_parts_are_read_back() {
    assert_eq!(parse_block_part(&block_part(7, 3)), Some((7, 3)));
    assert!(block_part(255, 9) < block_part(256, 0));
    assert_eq!(parse_block_part(b"L123"), None);
}
