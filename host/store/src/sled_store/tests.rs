//! Proves what a start finds after a process died at any commit, and that damage is named.

mod lost;

pub(crate) use lost::contents;

use std::ops::ControlFlow;

use busbar_charging::context::Policy;
use busbar_charging::fact::network::{PluginInstalled, TokenPut};
use busbar_charging::fact::station::AuthorizationStatus;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::ids::{Hash, IdToken, TokenKind};
use busbar_charging::input::{Input, Precondition, Request};
use busbar_charging::network::Network;
use busbar_charging::subject::{Key, Row, Subject, Table};
use busbar_charging::units::{Millis, Timestamp};
use busbar_engine::store::{Range, recall};
use busbar_engine::{Engine, Event, Output, Tuning};
use tempfile::TempDir;

use super::*;
use crate::keys;
use crate::rows::ROWS_FILE;

pub(crate) fn options() -> Options {
    Options {
        cache_bytes: 8 << 20,
        reserve_bytes: 4096,
        row_delay_blocks: 5,
        waiting_rows: 6,
        archive_step: 4,
        archive_file_bytes: 2_000,
        ..Options::default()
    }
}

fn tuning() -> Tuning {
    Tuning { pace: Millis::ZERO, log_window: 30, ..Tuning::default() }
}

/// An engine that runs on a store, one input at a time.
pub(crate) struct Node {
    engine: Engine,
    pub(crate) store: SledStore,
    now: Timestamp,
}

impl Node {
    pub(crate) fn open(folder: &Path, now: i64) -> Result<Self, StoreError> {
        Self::open_with(folder, now, options())
    }

    fn open_with(folder: &Path, now: i64, options: Options) -> Result<Self, StoreError> {
        let (store, restored) = SledStore::open(folder, options)?;
        let now = Timestamp(now);
        let engine = Engine::new(1, 1, Policy::default(), tuning(), restored, now);
        let mut node = Self { engine, store, now };
        node.run()?;
        Ok(node)
    }

    fn run(&mut self) -> Result<(), StoreError> {
        while let Some(output) = self.engine.poll(self.now) {
            match output {
                Output::Recall(id, needs) => {
                    let recalled = recall(&*self.store.reader(), &needs)?;
                    self.engine.handle(Event::Recalled(id, recalled), self.now);
                }
                Output::Commit(id, batch) => {
                    self.store.commit(&batch)?;
                    self.engine.handle(Event::Committed(id), self.now);
                }
                Output::Act(_) | Output::Work(_) => {}
            }
        }
        Ok(())
    }

    /// Puts a token whose row has about `bytes` bytes.
    pub(crate) fn put(&mut self, n: usize, bytes: usize) -> Result<(), StoreError> {
        let put = TokenPut {
            at: Timestamp(0),
            actor: Actor::User(noise(n, bytes).into()),
            token: token(n),
            status: AuthorizationStatus::Accepted,
            group: None,
            expires: None,
            master: false,
            concurrent: false,
            version: 0,
        };
        self.ask(Request::PutToken(Box::new(put), Precondition::None))
    }

    fn ask(&mut self, request: Request) -> Result<(), StoreError> {
        self.now = Timestamp(self.now.0 + 10);
        let input = Input::Operator { actor: Actor::Clock, call: None, request };
        self.engine.handle(Event::Input(Subject::Network, input), self.now);
        self.run()
    }

    fn rows(&self) -> Vec<(Key, Row)> {
        let prefix = Key { table: Table::Token, path: String::new() };
        let range = Range { prefix, after: None, reverse: false, limit: 10_000 };
        self.store.reader().page(&range).unwrap()
    }

    /// Fails unless the state and the rows are those that all facts ever committed make.
    pub(crate) fn check_replayed(&self, facts: usize) {
        let (mut network, mut rows) = (Network::default(), BTreeMap::new());
        let history = self.history();
        assert_eq!(history.len(), facts);
        for fact in &history {
            network.apply(fact);
            for (key, row) in network.rows(fact) {
                match row {
                    Some(row) => rows.insert(key, row),
                    None => rows.remove(&key),
                };
            }
        }
        assert_eq!(*self.engine.network(), network);
        assert_eq!(self.rows(), rows.into_iter().collect::<Vec<_>>());
    }

    fn history(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let all = self.store.keeper().history(|(_, _, fact)| {
            facts.push(fact);
            ControlFlow::Continue(())
        });
        all.unwrap();
        facts
    }
}

fn token(n: usize) -> IdToken {
    IdToken::new(TokenKind::Central, &format!("T{n:04}"))
}

/// Text that does not compress.
pub(crate) fn noise(seed: usize, bytes: usize) -> String {
    let mut state = seed as u64 + 1;
    let letter = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + (state >> 33) as u8 % 90)
    };
    (0..bytes).map(letter).collect()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The disk as it is after every commit is what a process killed there leaves behind.
#[test]
fn after_every_commit_a_start_finds_everything() {
    let home = TempDir::new().unwrap();
    let mut node = Node::open(&home.path().join("live"), 0).unwrap();
    for n in 0..160 {
        if n % 7 == 3 {
            node.ask(Request::RemoveToken(token(n % 12))).unwrap();
        } else {
            node.put(n % 12, [10, 500, 9_000, 40_000][n % 4]).unwrap();
        }
        if n % 5 != 0 {
            continue;
        }
        let dead = home.path().join(format!("dead-{n}"));
        copy(&home.path().join("live"), &dead);
        let again = Node::open(&dead, node.now.0).unwrap();
        assert_eq!(again.engine.network(), node.engine.network());
        assert_eq!(again.rows(), node.rows(), "after {n}");
        assert_eq!(again.history(), node.history());
        // A start that dies before it wrote the rows that were owed owes them again.
        drop(again);
        let mut again = Node::open(&dead, node.now.0).unwrap();
        assert_eq!(again.rows(), node.rows(), "after {n}, second start");
        again.put(500, 10).unwrap();
        again.store.close().unwrap();
        drop(again);
        let again = Node::open(&dead, node.now.0).unwrap();
        assert_eq!(again.rows().len(), node.rows().len() + 1);
    }
    let (first, last) = node.store.keeper().log_blocks();
    assert!(first > 60 && last - first < 90, "the log is trimmed: {first} to {last}");
    assert!(node.engine.counters().snapshots > 2);
}

/// The first batch after a start may hold new facts beside the rows that were owed.
#[test]
fn rows_that_are_owed_keep_the_log_also_beside_new_facts() {
    let home = TempDir::new().unwrap();
    let (live, dead) = (home.path().join("live"), home.path().join("dead"));
    let mut node = Node::open(&live, 0).unwrap();
    for n in 0..4 {
        node.put(n, 100).unwrap();
    }
    copy(&live, &dead);
    let (mut store, restored) = SledStore::open(&dead, options()).unwrap();
    assert_eq!(restored.rows_from, 0);
    let mut engine = Engine::new(1, 1, Policy::default(), tuning(), restored, node.now);
    for (name, rows) in [("p", 5), ("q", 1), ("r", 1)] {
        let installed = PluginInstalled {
            at: node.now,
            actor: Actor::Clock,
            name: name.into(),
            version: "1".into(),
            world: "pricing".into(),
            hash: Hash([0; 32]),
        };
        let request = Request::InstallPlugin(Box::new(installed));
        let input = Input::Operator { actor: Actor::Clock, call: None, request };
        engine.handle(Event::Input(Subject::Network, input), node.now);
        let Some(Output::Commit(id, batch)) = engine.poll(node.now) else { panic!("no commit") };
        assert_eq!((batch.facts.len(), batch.rows.len()), (1, rows));
        store.commit(&batch).unwrap();
        node.now = Timestamp(node.now.0 + 10);
        engine.handle(Event::Committed(id), node.now);
    }
    drop((store, engine));
    let again = Node::open(&dead, node.now.0).unwrap();
    assert_eq!(again.rows(), node.rows());
}

#[test]
fn a_store_is_in_one_process_at_a_time() {
    let home = TempDir::new().unwrap();
    let _one = SledStore::open(home.path(), options()).unwrap();
    let Err(error) = SledStore::open(home.path(), options()) else { panic!("opened twice") };
    assert!(error.to_string().contains("is in use"), "{error}");
}

pub(crate) fn filled(folder: &Path) {
    let mut node = Node::open(folder, 0).unwrap();
    for n in 0..20 {
        node.put(n, 3_000).unwrap();
    }
}

/// Opens a store whose table was changed, and gives the error.
fn damage(change: impl FnOnce(&sled::Db)) -> String {
    let home = TempDir::new().unwrap();
    filled(home.path());
    let db = open_sled(home.path(), 1 << 20).unwrap();
    change(&db);
    db.flush().unwrap();
    drop(db);
    match SledStore::open(home.path(), options()) {
        Err(error @ StoreError::Damaged(_)) => error.to_string(),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("a damaged store was opened"),
    }
}

#[test]
fn damage_is_named_and_never_opened() {
    let gap = damage(|db| drop(db.remove(keys::block_part(7, 0))));
    assert!(gap.contains("block 7") && gap.contains("busbar restore"), "{gap}");
    let flipped = damage(|db| {
        let key = keys::block_part(9, 0);
        let mut value = db.get(&key).unwrap().unwrap().to_vec();
        value[60] ^= 1;
        db.insert(key, value).unwrap();
    });
    assert!(flipped.contains("block 9") && flipped.contains("checksum"), "{flipped}");
    let tail = damage(|db| {
        let last = db.scan_prefix(keys::LOG).keys().next_back().unwrap().unwrap();
        db.remove(last).unwrap();
        let mut marks = Marks::decode(&db.get(keys::MARKS).unwrap().unwrap()).unwrap();
        marks.rows_through = 20;
        db.insert(keys::MARKS, marks.encode()).unwrap();
    });
    assert!(tail.contains("block 20"), "{tail}");
    // Nothing but the tip knows of the last block, when its rows were not written yet.
    let silent = damage(|db| {
        let last = db.scan_prefix(keys::LOG).keys().next_back().unwrap().unwrap();
        db.remove(keys::block_part(keys::parse_block_part(&last).unwrap().0, 0)).unwrap();
    });
    assert!(silent.contains("block 20 was acknowledged"), "{silent}");
    assert!(damage(|db| drop(db.remove(keys::MARKS))).contains("marks"));
}

/// Rows are derived: whatever becomes of their file, the archive and the log make them again.
#[test]
fn rows_that_are_lost_are_made_again() {
    let home = TempDir::new().unwrap();
    let path = home.path().join(ROWS_FILE);
    let mut node = Node::open(home.path(), 0).unwrap();
    (0..40).for_each(|n| node.put(n % 12, [10, 9_000][n % 2]).unwrap());
    drop(node);
    let old = std::fs::read(&path).unwrap();
    let mut node = Node::open(home.path(), 1_000_000).unwrap();
    for n in 0..80 {
        node.put(n % 14, 300).unwrap();
        node.ask(Request::RemoveToken(token(n % 5))).unwrap();
    }
    assert!(node.store.keeper().log_blocks().0 > 50, "a part of the history is in the archive");
    let facts = node.history().len();
    drop(node);
    let whole = std::fs::read(&path).unwrap();
    let damages: [(&str, &dyn Fn()); 4] = [
        ("missing", &|| std::fs::remove_file(&path).unwrap()),
        ("rows.redb", &|| std::fs::write(&path, &whole[..whole.len() / 2]).unwrap()),
        ("rows.redb", &|| std::fs::write(&path, vec![7; 50_000]).unwrap()),
        ("up to block", &|| std::fs::write(&path, &old).unwrap()),
    ];
    for (why, damage) in damages {
        damage();
        let read_only = Options { read_only: true, ..options() };
        let Err(refused) = SledStore::open(home.path(), read_only) else { panic!("{why}") };
        let refused = refused.to_string();
        assert!(refused.contains(why) && refused.contains("start a host"), "{refused}");
        let node = Node::open(home.path(), 2_000_000).unwrap();
        let mended = node.store.mended().unwrap_or_default();
        assert!(mended.contains(why) && mended.contains("made again"), "{why}: {mended}");
        node.check_replayed(facts);
        drop(node);
        let node = Node::open(home.path(), 2_000_000).unwrap();
        assert_eq!(node.store.mended(), None, "{why}");
        node.check_replayed(facts);
    }
}

/// The first form kept rows in sled, and began them with an R.
#[test]
fn a_store_of_the_first_form_is_moved_over() {
    let home = TempDir::new().unwrap();
    filled(home.path());
    std::fs::remove_file(home.path().join(ROWS_FILE)).unwrap();
    let db = open_sled(home.path(), 1 << 20).unwrap();
    let marks = Marks::decode(&db.get(keys::MARKS).unwrap().unwrap()).unwrap();
    let mut form = minicbor::Encoder::new(Vec::new());
    form.array(4).unwrap().u8(1).unwrap().u64(marks.first_block).unwrap();
    form.u64(marks.rows_through).unwrap().array(64).unwrap();
    for head in marks.heads {
        form.u64(head).unwrap();
    }
    db.insert(keys::MARKS, form.into_writer()).unwrap();
    for n in 0..3_000 {
        db.insert(format!("R{n}"), vec![7; 900]).unwrap();
    }
    db.flush().unwrap();
    drop(db);
    for mended in [true, false] {
        let node = Node::open(home.path(), 1_000_000).unwrap();
        assert_eq!(node.store.mended().is_some(), mended);
        node.check_replayed(20);
        assert_eq!(node.store.shared.db.scan_prefix(keys::OLD_ROWS).count(), 0);
    }
}

#[test]
fn a_store_that_was_closed_owes_nothing() {
    let home = TempDir::new().unwrap();
    let lazy = Options { row_delay_blocks: 1_000, waiting_rows: 1_000, ..options() };
    let mut node = Node::open_with(home.path(), 0, lazy.clone()).unwrap();
    for n in 0..100 {
        node.put(n % 12, 300).unwrap();
    }
    let keeper = node.store.keeper();
    assert_eq!((keeper.waiting_rows(), keeper.log_blocks()), (12, (1, 100)));
    node.store.close().unwrap();
    assert_eq!(keeper.waiting_rows(), 0);
    assert!(keeper.log_blocks().0 > 50, "what snapshots made needless is trimmed");
    assert!(node.put(1, 1).is_err(), "nothing is committed after");
    drop((node, keeper));
    let (_store, restored) = SledStore::open(home.path(), lazy).unwrap();
    assert!(restored.facts.len() < 50 && restored.snapshots.len() == 1);
    assert_eq!(restored.rows_from, restored.facts.len());
}

/// sled finds its own snapshot damaged where a crash cut off the writing of it.
#[test]
fn an_unfinished_snapshot_of_sled_is_no_damage() {
    let home = TempDir::new().unwrap();
    filled(home.path());
    for _ in 0..2 {
        let sled = home.path().join("sled");
        for entry in std::fs::read_dir(&sled).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("snap.") {
                std::fs::write(&path, "cut").unwrap();
                std::fs::write(path.with_extension("0.generating"), "cut").unwrap();
            }
        }
        let node = Node::open(home.path(), 1_000_000).unwrap();
        node.check_replayed(20);
    }
}

#[test]
fn a_store_that_is_only_read_takes_no_facts_and_stays_as_it_is() {
    let home = TempDir::new().unwrap();
    filled(home.path());
    let read_only = Options { read_only: true, ..options() };
    let (mut store, restored) = SledStore::open(home.path(), read_only.clone()).unwrap();
    assert_eq!(restored.facts.len(), 20);
    let batch = Batch { facts: restored.facts[..1].to_vec(), ..Batch::default() };
    assert!(store.commit(&batch).is_err());
    let nothing = home.path().join("nothing");
    assert!(SledStore::open(&nothing, read_only).is_err());
    assert!(!nothing.join("sled").exists());
}

#[test]
fn archive_files_follow_each_other() {
    let home = TempDir::new().unwrap();
    let mut node = Node::open(home.path(), 0).unwrap();
    for n in 0..120 {
        node.put(n % 5, 200).unwrap();
    }
    let files = crate::archive::block_files(&home.path().join("archive")).unwrap();
    assert!(files.len() > 1, "{files:?}");
    let all = node.history();
    assert_eq!(all.len(), 120);
    drop(node);
    std::fs::remove_file(&files[files.len() - 1].1).unwrap();
    let Err(error) = SledStore::open(home.path(), options()) else { panic!("opened") };
    assert!(error.to_string().contains("lacks the blocks"), "{error}");
}

#[test]
fn space_and_the_reserve_are_looked_after() {
    let home = TempDir::new().unwrap();
    let (store, _) = SledStore::open(home.path(), options()).unwrap();
    assert_eq!(std::fs::metadata(home.path().join("reserve")).unwrap().len(), 4096);
    assert!(!store.keeper().is_low_on_space());
    drop(store);
    let greedy = Options { low_space_bytes: u64::MAX / 2, ..options() };
    let (store, _) = SledStore::open(home.path(), greedy).unwrap();
    assert!(store.keeper().is_low_on_space());
}
