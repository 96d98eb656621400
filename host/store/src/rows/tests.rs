//! Proves that pages merge what waits with what is in the file, and that damage is named.

use std::path::PathBuf;

use busbar_charging::subject::Table;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const NEVER: Bounds = Bounds { blocks: u64::MAX, rows: usize::MAX, bytes: usize::MAX };

fn key(path: &str) -> Key {
    Key { table: Table::Session, path: path.into() }
}

fn row(text: &str) -> Option<Row> {
    Some(Row(text.as_bytes().to_vec()))
}

fn rows(folder: &TempDir, bounds: Bounds) -> Arc<Rows> {
    let file = RowsFile::create(&folder.path().join(ROWS_FILE), 1 << 20).unwrap();
    Arc::new(Rows::new(file, bounds, 0, 0))
}

fn reader(rows: &Arc<Rows>) -> RowReader {
    RowReader { rows: Arc::clone(rows), _lock: None }
}

#[test]
fn a_generation_is_written_when_enough_has_gathered() {
    let cases = [
        (Bounds { blocks: 3, ..NEVER }, 3),
        (Bounds { rows: 5, ..NEVER }, 5),
        (Bounds { bytes: 700, ..NEVER }, 7),
    ];
    for (bounds, blocks) in cases {
        let home = TempDir::new().unwrap();
        let rows = rows(&home, bounds);
        let _writer = RowWriter::start(&rows).unwrap();
        for block in 1..=blocks {
            assert_eq!(rows.through(), 0, "{bounds:?}");
            rows.show(block, &[(key(&block.to_string()), row(""))]);
        }
        rows.write_all().unwrap();
        assert_eq!((rows.through(), rows.waiting()), (blocks, 0), "{bounds:?}");
        assert_eq!(rows.file.through().unwrap(), blocks);
        assert_eq!(rows.file.get(&key("1")).unwrap(), row(""));
    }
}

#[test]
fn rows_wait_for_no_write_until_a_second_generation_is_full() {
    let home = TempDir::new().unwrap();
    let rows = rows(&home, Bounds { blocks: 2, ..NEVER });
    // Without the thread: as if its write took for ever.
    for block in 1..=3 {
        rows.make_room().unwrap();
        rows.show(block, &[(key("a"), row(&block.to_string()))]);
    }
    assert_eq!(reader(&rows).get(&key("a")).unwrap(), row("3"));
    rows.show(4, &[]);
    let (done, is_done) = std::sync::mpsc::channel();
    let waits = Arc::clone(&rows);
    let waiting = thread::spawn(move || done.send(waits.make_room().is_ok()).unwrap());
    let soon = std::time::Duration::from_millis(50);
    assert!(is_done.recv_timeout(soon).is_err(), "a third generation was begun");
    let _writer = RowWriter::start(&rows).unwrap();
    assert!(is_done.recv().unwrap());
    waiting.join().unwrap();
}

/// Told once, the failure was forgotten, and rows gathered for ever.
#[test]
fn once_nothing_is_written_any_more_there_is_never_room() {
    let home = TempDir::new().unwrap();
    let rows = rows(&home, Bounds { blocks: 2, ..NEVER });
    rows.writing().failed = Some(StoreError::Full("no space".into()));
    for _ in 0..3 {
        assert!(matches!(rows.make_room(), Err(StoreError::Full(_))));
    }
    *rows.writing() = Writing { ended: true, ..Writing::default() };
    assert!(rows.make_room().is_err() && rows.make_room().is_err());
}

/// A generation that was frozen between the end of a write and its being noted was once never
/// written, and the commits waited for it for ever.
#[test]
fn a_generation_that_comes_while_a_write_ends_is_written() {
    let home = TempDir::new().unwrap();
    let rows = rows(&home, Bounds { blocks: 1, ..NEVER });
    let _writer = RowWriter::start(&rows).unwrap();
    let (done, is_done) = std::sync::mpsc::channel();
    let commits = Arc::clone(&rows);
    thread::spawn(move || {
        for block in 1..=500 {
            commits.make_room().unwrap();
            commits.show(block, &[(key("a"), row(&block.to_string()))]);
        }
        done.send(commits.write_all().is_ok()).unwrap();
    });
    let ended = is_done.recv_timeout(std::time::Duration::from_secs(120));
    assert!(ended.is_ok_and(|written| written), "{} of 500", rows.through());
}

#[test]
fn what_is_removed_and_made_again_is_there() {
    let home = TempDir::new().unwrap();
    let rows = rows(&home, NEVER);
    let _writer = RowWriter::start(&rows).unwrap();
    let versions = [row("1"), None, row("2"), row("3"), None, None, row("4")];
    for (version, block) in versions.into_iter().zip(1..) {
        rows.show(block, &[(key("a"), version.clone())]);
        assert_eq!(reader(&rows).get(&key("a")).unwrap(), version);
        rows.write_all().unwrap();
        assert_eq!(reader(&rows).get(&key("a")).unwrap(), version);
    }
}

fn made(folder: &TempDir) -> PathBuf {
    let path = folder.path().join(ROWS_FILE);
    let file = RowsFile::create(&path, 1 << 20).unwrap();
    let rows = (0..500).map(|n| (key(&n.to_string()), row("something to be read")));
    file.write(&rows.collect(), 7).unwrap();
    path
}

#[test]
fn a_file_that_is_no_file_of_rows_is_not_used() {
    let home = TempDir::new().unwrap();
    let path = made(&home);
    let whole = std::fs::read(&path).unwrap();
    let unusable = |what: &str| match RowsFile::open(&path, 1 << 20).unwrap() {
        Opened::Ready(_) => panic!("{what}: it was opened"),
        Opened::Unusable(why) => why,
    };
    let halves = [0, 1, 100, whole.len() / 2];
    for length in halves {
        std::fs::write(&path, &whole[..length]).unwrap();
        unusable(&format!("cut to {length} bytes"));
    }
    std::fs::write(&path, [b"no file of rows".as_slice(), &[7; 100_000]].concat()).unwrap();
    unusable("another file");
    std::fs::remove_file(&path).unwrap();
    assert!(unusable("none").contains("missing"));
    drop(redb::Database::create(&path).unwrap());
    unusable("a file of somebody else");
}

#[test]
fn a_row_that_was_changed_on_disk_is_never_given() {
    let home = TempDir::new().unwrap();
    let path = made(&home);
    let mut whole = std::fs::read(&path).unwrap();
    let places = whole.windows(9).enumerate().filter(|(_, text)| *text == b"something");
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    assert!(places.len() >= 500);
    for at in places {
        whole[at] ^= 1;
    }
    std::fs::write(&path, whole).unwrap();
    let Opened::Ready(file) = RowsFile::open(&path, 1 << 20).unwrap() else { panic!("unusable") };
    let all = Range { prefix: key(""), after: None, reverse: false, limit: 9 };
    let errors = [
        file.get(&key("17")).map(drop).unwrap_err(),
        file.page(&all, |_| false).map(drop).unwrap_err(),
        file.copy(|_, _| Ok(())).map(drop).unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(matches!(error, StoreError::Damaged(_)), "{text}");
        assert!(text.contains(ROWS_FILE) && text.contains("remove that file"), "{text}");
    }
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => prop::collection::vec(prop::sample::select(vec!['\0', 'a', 'b', 'é']), 0..4)
            .prop_map(|letters| letters.into_iter().collect::<String>()),
        1 => prop::sample::select(vec!['a', 'b']).prop_map(|c| c.to_string().repeat(700)),
    ]
}

fn versions() -> impl Strategy<Value = Vec<(String, Option<usize>)>> {
    prop::collection::vec((path(), prop::option::weighted(0.7, 0..9_000_usize)), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Whatever is in the file, is being written and gathers: a page is what an ordered map of
    /// all would give.
    #[test]
    fn pages_merge_what_waits_with_what_is_in_the_file(
        generations in prop::collection::vec(versions(), 3),
        ranges in prop::collection::vec(
            (path(), prop::option::of(path()), any::<bool>(), 0..6_usize), 10,
        ),
    ) {
        let home = TempDir::new().unwrap();
        let rows = rows(&home, NEVER);
        let mut all: BTreeMap<Key, Row> = BTreeMap::new();
        for (generation, block) in generations.into_iter().zip(1_u8..) {
            for (path, length) in generation {
                let row = length.map(|length| Row(vec![block; length]));
                rows.show(block.into(), &[(key(&path), row.clone())]);
                match row {
                    Some(row) => all.insert(key(&path), row),
                    None => all.remove(&key(&path)),
                };
            }
            rows.show(block.into(), &[]);
            match block {
                1 => {
                    let _writer = RowWriter::start(&rows).unwrap();
                    rows.write_all().unwrap();
                }
                2 => prop_assert!(rows.waiting.write().unwrap().freeze()),
                _ => {}
            }
            rows.writing().ended = false;
        }
        let reader = reader(&rows);
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
                key.path.starts_with(&prefix) && beyond
            }).collect();
            if reverse {
                wanted.reverse();
            }
            wanted.truncate(limit);
            prop_assert_eq!(reader.page(&range).unwrap(), wanted, "{:?}", range);
        }
    }
}
