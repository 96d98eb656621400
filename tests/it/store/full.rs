//! A full disk: the commit fails and says why, what was acknowledged is there, and work resumes
//! when there is space. On a small disk of its own, in a name space of its own.

use std::fs;
use std::path::Path;

use busbar_charging::fact::station::StationRemoved;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::subject::{Key, Row, Subject, Table};
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Batch, Position, Restored, Store, StoreError};
use busbar_store::{Options, SledStore};

use super::node::Node;
use super::noise;
use crate::support::small_disk;

/// Set in the child: a folder on a small disk.
const FOLDER: &str = "BUSBAR_TEST_SMALL_DISK";

fn open(folder: &Path) -> Result<(SledStore, Restored), StoreError> {
    let options = Options {
        cache_bytes: 1 << 20,
        reserve_bytes: 12 << 20,
        low_space_bytes: 14 << 20,
        archive_step: 16,
        ..Options::default()
    };
    SledStore::open(folder, options)
}

fn node((store, restored): (SledStore, Restored)) -> Node {
    let store: Box<dyn Store> = Box::new(store);
    Node::new((store, restored))
}

/// Commits until the disk is full; returns how many inputs were acknowledged.
fn fill(mut node: Node) -> u64 {
    loop {
        match node.try_step() {
            Ok(()) => assert!(node.inputs < 100_000, "the disk is never full"),
            Err(StoreError::Full(_)) => return node.inputs,
            Err(error) => panic!("not told as a full disk: {error}"),
        }
    }
}

/// What runs in the child; in the test run itself it has nothing to do.
#[test]
fn on_a_small_disk() {
    let Some(home) = std::env::var_os(FOLDER) else { return };
    let (ballast, folder) = (Path::new(&home).join("ballast"), Path::new(&home).join("store"));
    fs::write(&ballast, vec![7; 16 << 20]).unwrap();
    let (store, restored) = open(&folder).unwrap();
    let keeper = store.keeper();
    assert!(!keeper.is_low_on_space());
    let acknowledged = fill(node((store, restored)));
    assert!(keeper.is_low_on_space());
    assert!(!folder.join("reserve").exists(), "the reserve is given up");
    drop(keeper);
    // The reserve lets it start and stop in order.
    let after = node(open(&folder).unwrap());
    assert!(after.inputs >= acknowledged && after.inputs <= acknowledged + 1);
    after.check_rows();
    let acknowledged = fill(after);
    // Now there is nothing left to give up.
    match open(&folder) {
        Ok(opened) => {
            let after = node(opened);
            assert!(after.inputs >= acknowledged);
            after.check_rows();
        }
        Err(StoreError::Full(_)) => {}
        Err(error) => panic!("not told as a full disk: {error}"),
    }
    fs::remove_file(ballast).unwrap();
    let mut again = node(open(&folder).unwrap());
    assert!(again.inputs >= acknowledged && again.inputs <= acknowledged + 1);
    again.check_rows();
    (0..50).for_each(|_| again.step());
    again.check_rows();
    drop(again);
    fs::remove_dir_all(folder).unwrap();
    rows_outgrow(Path::new(&home));
    println!("it all held on the small disk");
}

/// A store whose rows need the disk: each fact makes a row a hundred times as long.
struct Rows {
    store: SledStore,
    facts: u64,
}

impl Rows {
    fn open(folder: &Path) -> Result<Self, StoreError> {
        let options = Options {
            reserve_bytes: 12 << 20,
            low_space_bytes: 14 << 20,
            waiting_row_bytes: 1 << 20,
            ..Options::default()
        };
        let (mut store, restored) = SledStore::open(folder, options)?;
        let facts = restored.facts.len() as u64;
        let missing = (restored.rows_from as u64 + 1..=facts).map(row);
        store.commit(&Batch { rows: missing.collect(), ..Batch::default() })?;
        Ok(Self { store, facts })
    }

    fn step(&mut self) -> Result<(), StoreError> {
        let (n, subject) = (self.facts + 1, Subject::Station("S".into()));
        let position = Position { shard: subject.shard(), sequence: n };
        let (at, actor) = (Timestamp(n as i64), Actor::Clock);
        let fact = Fact::from(StationRemoved { at, actor, station: "S".into() });
        let facts = vec![(position, subject, fact)];
        self.store.commit(&Batch { facts, rows: vec![row(n)], snapshots: Vec::new() })?;
        self.facts = n;
        Ok(())
    }

    /// Commits until the disk is full; returns how many facts were acknowledged.
    fn fill(mut self) -> u64 {
        loop {
            match self.step() {
                Ok(()) => assert!(self.facts < 100_000, "the disk is never full"),
                Err(StoreError::Full(_)) => return self.facts,
                Err(error) => panic!("not told as a full disk: {error}"),
            }
        }
    }

    fn check(&self, acknowledged: u64) {
        assert!(self.facts >= acknowledged && self.facts <= acknowledged + 1);
        let reader = self.store.reader();
        for n in 1..=self.facts {
            let (key, row) = row(n);
            assert_eq!(reader.get(&key).unwrap(), row, "row {n} of {}", self.facts);
        }
    }
}

fn row(n: u64) -> (Key, Option<Row>) {
    let key = Key { table: Table::Session, path: format!("{n:06}") };
    (key, Some(Row(noise(n, 30_000).into_bytes())))
}

/// The same where the file of rows is what fills the disk.
fn rows_outgrow(home: &Path) {
    let (ballast, folder) = (home.join("ballast"), home.join("rows"));
    fs::write(&ballast, vec![7; 16 << 20]).unwrap();
    let acknowledged = Rows::open(&folder).unwrap().fill();
    assert!(acknowledged > 500, "{acknowledged}");
    let after = Rows::open(&folder).unwrap();
    after.check(acknowledged);
    let acknowledged = after.fill();
    match Rows::open(&folder) {
        Ok(after) => after.check(acknowledged),
        Err(StoreError::Full(_)) => {}
        Err(error) => panic!("not told as a full disk: {error}"),
    }
    fs::remove_file(ballast).unwrap();
    let mut again = Rows::open(&folder).unwrap();
    again.check(acknowledged);
    (0..200).for_each(|_| again.step().unwrap());
    again.check(again.facts);
    let facts = again.facts;
    again.store.close().unwrap();
    drop(again);
    assert_eq!(fs::read_dir(folder.join("sled/blobs")).unwrap().count(), 0);
    Rows::open(&folder).unwrap().check(facts);
}

#[test]
fn a_full_disk_takes_nothing_that_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let (test, word) = ("store::full::on_a_small_disk", "it all held on the small disk");
    small_disk::run(home.path(), "72m", test, FOLDER, word);
}
