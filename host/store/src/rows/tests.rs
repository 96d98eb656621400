//! Proves that pages merge what waits with what is on disk.

use busbar_charging::subject::Table;
use proptest::prelude::*;

use super::*;

const NONE: Take = Take { before: 0, most_old: 0, keep_rows: usize::MAX, keep_bytes: usize::MAX };
const ALL: Take = Take { before: u64::MAX, most_old: usize::MAX, ..NONE };

fn key(path: &str) -> Key {
    Key { table: Table::Session, path: path.into() }
}

fn row(text: &str) -> Option<Row> {
    Some(Row(text.as_bytes().to_vec()))
}

#[test]
fn a_row_that_changes_again_waits_once_and_for_the_later_block() {
    let mut waiting = WaitingRows::default();
    waiting.put(1, &[(key("a"), row("1")), (key("b"), row("1"))]);
    waiting.put(2, &[(key("a"), row("2"))]);
    assert_eq!(waiting.oldest(), Some(1));
    let taken = waiting.take(&Take { before: 3, most_old: 1, ..ALL });
    assert_eq!(taken.iter().map(|row| row.key.path.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(waiting.oldest_without(&taken), Some(2));
    waiting.put(3, &[(key("b"), row("3"))]);
    waiting.written(&taken);
    assert_eq!(waiting.len(), 2, "what changed while it was written waits on");
    assert_eq!(waiting.oldest(), Some(2));
}

#[test]
fn bytes_beyond_the_bound_are_taken() {
    let mut waiting = WaitingRows::default();
    let rows: Vec<_> = (0..10).map(|n| (key(&n.to_string()), row(&"x".repeat(900)))).collect();
    waiting.put(1, &rows);
    assert_eq!(waiting.bytes, 10_000);
    assert_eq!(waiting.take(&Take { keep_bytes: 7_500, ..NONE }).len(), 3);
    assert_eq!(waiting.take(&Take { keep_rows: 6, ..NONE }).len(), 4);
    assert_eq!(waiting.take(&Take { before: 1, most_old: 9, ..NONE }).len(), 0);
    assert_eq!(waiting.take(&Take { before: 2, most_old: 9, ..NONE }).len(), 9);
    let all = waiting.take(&ALL);
    waiting.written(&all);
    assert_eq!((waiting.bytes, waiting.len(), waiting.oldest()), (0, 0, None));
}

#[test]
fn a_key_that_changes_all_the_time_costs_no_memory() {
    let mut waiting = WaitingRows::default();
    for block in 0..50_000 {
        waiting.put(block, &[(key("hot"), row("x"))]);
        waiting.written(&[]);
    }
    assert!(waiting.order.len() < 2_000);
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => prop::collection::vec(prop::sample::select(vec!['\0', 'a', 'b', 'é']), 0..4)
            .prop_map(|letters| letters.into_iter().collect::<String>()),
        1 => prop::sample::select(vec!['a', 'b']).prop_map(|c| c.to_string().repeat(700)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Whatever is on disk and whatever waits: a page is what an ordered map of all would give.
    #[test]
    fn pages_merge_what_waits_with_what_is_on_disk(
        disk in prop::collection::vec((path(), 0..20_000_usize), 0..20),
        waits in prop::collection::vec((path(), prop::option::of(0..9_usize)), 0..20),
        ranges in prop::collection::vec(
            (path(), prop::option::of(path()), any::<bool>(), 0..6_usize), 10,
        ),
    ) {
        let db = sled::Config::new().temporary(true).open().unwrap();
        let mut all: BTreeMap<Key, Row> = BTreeMap::new();
        for (path, length) in disk {
            let (key, row) = (key(&path), Row(vec![7; length]));
            for (part, value) in parts::cut(&pack(&key, &row)).unwrap() {
                db.insert(keys::row_part(&key, part), value).unwrap();
            }
            if all.contains_key(&key) {
                // Written twice: the shorter must not keep parts of the longer.
                let first = db.get(keys::row_part(&key, 0)).unwrap().unwrap();
                for part in parts::count(&first).unwrap()..9 {
                    db.remove(keys::row_part(&key, part)).unwrap();
                }
            }
            all.insert(key, row);
        }
        let mut waiting = WaitingRows::default();
        for (path, length) in waits {
            let row = length.map(|length| Row(vec![9; length]));
            waiting.put(1, &[(key(&path), row.clone())]);
            match row {
                Some(row) => all.insert(key(&path), row),
                None => all.remove(&key(&path)),
            };
        }
        let reader = SledReader { db, waiting: Arc::new(RwLock::new(waiting)), _lock: None };
        for (key, row) in &all {
            let read = reader.get(key).unwrap();
            prop_assert_eq!(read.as_ref(), Some(row));
        }
        for (prefix, after, reverse, limit) in ranges {
            let range = Range { prefix: key(&prefix), after, reverse, limit };
            let mut wanted: Vec<_> = all.clone().into_iter().filter(|(key, _)| {
                let beyond = range.after.as_ref().is_none_or(|after| {
                    if reverse { key.path < *after } else { key.path > *after }
                });
                is_under(key, &range) && beyond
            }).collect();
            if reverse {
                wanted.reverse();
            }
            wanted.truncate(limit);
            prop_assert_eq!(reader.page(&range).unwrap(), wanted, "{:?}", range);
        }
    }
}
