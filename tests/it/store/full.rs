//! A full disk: the commit fails and says why, what was acknowledged is there, and work resumes
//! when there is space. On a small disk of its own, in a name space of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use busbar_charging::fact::station::StationRemoved;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::subject::{Key, Row, Subject, Table};
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Batch, Position, Restored, Store, StoreError};
use busbar_store::{Options, SledStore};

use super::killed::acknowledged;
use super::node::Node;
use super::noise;
use crate::support::small_disk;

/// Set in the child: a folder on a small disk.
const FOLDER: &str = "BUSBAR_TEST_SMALL_DISK";
/// Set in a child of that: the folder of a store that it fills until it is killed.
const FILLS: &str = "BUSBAR_TEST_FILLS";
/// How many such are killed.
const KILLS: usize = 2;

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
    outgrow(&Path::new(&home).join("rows"), Bulk::Row);
    outgrow(&Path::new(&home).join("log"), Bulk::Fact);
    (0..KILLS).for_each(|round| kill_while_full(Path::new(&home), round));
    println!("it all held on the small disk");
}

/// Fills the disk, and tries again and again, like a host whose commit failed.
#[test]
fn filler() {
    let Some(folder) = std::env::var_os(FILLS) else { return };
    let say = |line: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").unwrap();
        out.flush().unwrap();
    };
    loop {
        let opened = open(Path::new(&folder)).map(|(store, restored)| {
            let store: Box<dyn Store> = Box::new(store);
            (store, restored)
        });
        if let Ok(mut node) = opened.and_then(Node::try_new) {
            say(&format!("acknowledged {}", node.inputs));
            while node.try_step().is_ok() {
                say(&format!("acknowledged {}", node.inputs));
            }
        }
        say("it is full");
    }
}

/// It is killed when it found the disk full so many times, and some lines of work later.
fn kill_while_full(home: &Path, round: usize) {
    let (ballast, folder) = (home.join("ballast"), home.join("killed"));
    fs::write(&ballast, vec![7; 16 << 20]).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::full::filler", "--nocapture", "--test-threads=1"])
        .env(FILLS, &folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut last, mut found_full, mut later) = (0, 0, round);
    for line in lines.map_while(Result::ok) {
        last = acknowledged(&line).unwrap_or(last);
        found_full += usize::from(line.contains("it is full"));
        if found_full > round {
            if later == 0 {
                // What it has said since is still read.
                child.kill().unwrap();
            }
            later = later.wrapping_sub(1);
        }
    }
    child.wait().unwrap();
    assert!(found_full > round, "round {round}: it ended by itself");
    fs::remove_file(ballast).unwrap();
    let mut node = node(open(&folder).unwrap());
    let there = node.inputs;
    let kept = (last..=last + 1).contains(&there);
    assert!(kept, "round {round}: {last} inputs were acknowledged, {there} are there");
    node.check_rows();
    (0..50).for_each(|_| node.step());
    node.check_rows();
    drop(node);
    fs::remove_dir_all(folder).unwrap();
}

/// What of a step needs the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bulk {
    /// The log: so nothing but a commit can find the disk full.
    Fact,
    /// The file of rows.
    Row,
}

/// A store of which one part grows, and no fact is ever archived.
struct Steps {
    store: SledStore,
    bulk: Bulk,
    facts: u64,
}

impl Steps {
    fn open(folder: &Path, bulk: Bulk) -> Result<Self, StoreError> {
        let options = Options {
            reserve_bytes: 12 << 20,
            low_space_bytes: 14 << 20,
            waiting_row_bytes: 1 << 20,
            ..Options::default()
        };
        let (mut store, restored) = SledStore::open(folder, options)?;
        let facts = restored.facts.len() as u64;
        for (n, (.., found)) in (1..).zip(&restored.facts) {
            assert!(*found == fact(n, bulk), "fact {n} of {facts} is another one");
        }
        let missing = (restored.rows_from as u64 + 1..=facts).map(|n| row(n, bulk));
        store.commit(&Batch { rows: missing.collect(), ..Batch::default() })?;
        Ok(Self { store, bulk, facts })
    }

    fn step(&mut self) -> Result<(), StoreError> {
        let (n, subject) = (self.facts + 1, Subject::Station("S".into()));
        let position = Position { shard: subject.shard(), sequence: n };
        let facts = vec![(position, subject, fact(n, self.bulk))];
        let rows = vec![row(n, self.bulk)];
        self.store.commit(&Batch { facts, rows, snapshots: Vec::new() })?;
        self.facts = n;
        Ok(())
    }

    /// Commits until the disk is full; returns how many facts were acknowledged.
    fn fill(mut self) -> u64 {
        loop {
            match self.step() {
                Ok(()) => assert!(self.facts < 100_000, "the disk is never full"),
                Err(StoreError::Full(why)) => {
                    // What rows leave of the disk can be too little for the next commit as well.
                    let expected = self.bulk == Bulk::Row || why.contains("a commit");
                    assert!(expected, "something else is full: {why}");
                    return self.facts;
                }
                Err(error) => panic!("not told as a full disk: {error}"),
            }
        }
    }

    fn check(&self, acknowledged: u64) {
        let facts = self.facts;
        let kept = (acknowledged..=acknowledged + 1).contains(&facts);
        assert!(kept, "{acknowledged} facts were acknowledged, {facts} are there");
        let reader = self.store.reader();
        for n in 1..=facts {
            let (key, row) = row(n, self.bulk);
            assert_eq!(reader.get(&key).unwrap(), row, "row {n} of {facts}");
        }
    }
}

fn fact(n: u64, bulk: Bulk) -> Fact {
    let actor = match bulk {
        Bulk::Fact => Actor::User(noise(n, 30_000).into()),
        Bulk::Row => Actor::Clock,
    };
    Fact::from(StationRemoved { at: Timestamp(n as i64), actor, station: "S".into() })
}

fn row(n: u64, bulk: Bulk) -> (Key, Option<Row>) {
    let key = Key { table: Table::Session, path: format!("{n:06}") };
    let bytes = if bulk == Bulk::Row { 30_000 } else { 30 };
    (key, Some(Row(noise(n, bytes).into_bytes())))
}

/// The same where one part of the store fills the disk.
fn outgrow(folder: &Path, bulk: Bulk) {
    let ballast = folder.with_extension("ballast");
    fs::write(&ballast, vec![7; 16 << 20]).unwrap();
    let acknowledged = Steps::open(folder, bulk).unwrap().fill();
    assert!(acknowledged > 500, "{acknowledged}");
    let after = Steps::open(folder, bulk).unwrap();
    after.check(acknowledged);
    let acknowledged = after.fill();
    match Steps::open(folder, bulk) {
        Ok(after) => after.check(acknowledged),
        Err(StoreError::Full(_)) => {}
        Err(error) => panic!("not told as a full disk: {error}"),
    }
    fs::remove_file(ballast).unwrap();
    let mut again = Steps::open(folder, bulk).unwrap();
    again.check(acknowledged);
    (0..50).for_each(|_| again.step().unwrap());
    again.check(again.facts);
    let facts = again.facts;
    again.store.close().unwrap();
    drop(again);
    assert_eq!(fs::read_dir(folder.join("sled/blobs")).unwrap().count(), 0);
    Steps::open(folder, bulk).unwrap().check(facts);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_full_disk_takes_nothing_that_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let (test, word) = ("store::full::on_a_small_disk", "it all held on the small disk");
    small_disk::run(home.path(), "72m", test, FOLDER, word);
}
