//! Proves that keys keep the order of paths and are bounded.

use busbar_charging::subject::{Key, Table};

use super::*;

fn key(path: &str) -> Vec<u8> {
    row_part(&Key { table: Table::Token, path: path.into() }, 0)
}

#[test]
fn the_order_of_paths_stays() {
    let mut paths = ["", "\0", "\0\0", "a", "a\0", "a\0b", "a\u{1}", "ab", "b", "é", "日\0"];
    let mut keys: Vec<_> = paths.iter().map(|path| key(path)).collect();
    paths.sort_unstable();
    keys.sort_unstable();
    let read: Vec<_> = keys.iter().filter_map(|key| parse_path(key)).collect();
    assert_eq!(read, paths);
}

#[test]
fn long_paths_are_bounded_and_kept_apart() {
    let long = "é".repeat(300_000);
    let (one, other) = (key(&format!("{long}1")), key(&format!("{long}2")));
    assert_ne!(one, other);
    assert!(one.len() < 700);
    assert_eq!(parse_path(&one), None);
    let prefix = row_prefix(&Key { table: Table::Token, path: long });
    assert!(one.starts_with(&prefix));
}

#[test]
fn a_prefix_finds_what_begins_so_and_nothing_else() {
    let prefix = row_prefix(&Key { table: Table::Token, path: "a\0".into() });
    assert!(key("a\0b").starts_with(&prefix));
    assert!(!key("ab").starts_with(&prefix));
    assert!(!key("a").starts_with(&prefix));
}

#[test]
fn block_parts_are_read_back() {
    assert_eq!(parse_block_part(&block_part(7, 3)), Some((7, 3)));
    assert!(block_part(255, 9) < block_part(256, 0));
    assert_eq!(parse_block_part(b"L123"), None);
}
