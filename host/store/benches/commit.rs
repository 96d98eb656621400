//! What a commit costs: `cargo bench -p busbar-store`. For batches of several sizes: processor
//! time per fact, of all threads and with all rows written in the end, and how long commits took.

use std::path::Path;
use std::time::{Duration, Instant};

use busbar_charging::fact::network::TokenPut;
use busbar_charging::fact::station::AuthorizationStatus;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::ids::{IdToken, TokenKind};
use busbar_charging::network::Network;
use busbar_charging::subject::{Key, Row, Subject, Table};
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Batch, Position, Range, Snapshot, Store};
use busbar_store::{Options, SledStore};

/// Rows that change again and again.
const TOKENS: u64 = 40_000;
/// Facts after which the subject is saved, so that the log is trimmed.
const SAVED_EVERY: u64 = 20_000;

fn main() {
    for (size, commits) in [(1_u64, 20_000_u64), (16, 8_000), (64, 6_000), (256, 3_000)] {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        run(folder.path(), size, commits);
    }
}

fn run(folder: &Path, size: u64, commits: u64) {
    let opened = SledStore::open(folder, Options::default());
    let (mut store, _) = opened.unwrap_or_else(|error| panic!("{error}"));
    let batches: Vec<Batch> = (0..commits).map(|n| batch(n, size)).collect();
    let (began, before) = (Instant::now(), processor_time());
    let mut took: Vec<Duration> = Vec::new();
    for batch in &batches {
        let began = Instant::now();
        store.commit(batch).unwrap_or_else(|error| panic!("{error}"));
        took.push(began.elapsed());
    }
    // The threads are counted while they are there.
    let (working, wall) = (processor_time() - before, began.elapsed());
    let closing = Instant::now();
    store.close().unwrap_or_else(|error| panic!("{error}"));
    let closed = closing.elapsed();
    took.sort_unstable();
    let facts = size * commits;
    let per_fact = working.as_secs_f64() * 1e6 / facts as f64;
    let per_commit = working.as_secs_f64() * 1e6 / commits as f64;
    println!(
        "{size:>4} facts: {per_fact:>7.2} us of processor a fact, {per_commit:>7.1} us a commit; \
         p50 {:?}, p99 {:?}, longest {:?}; {:.0} facts/s; closed in {closed:?}",
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        took[took.len() - 1],
        facts as f64 / wall.as_secs_f64(),
    );
    read(&store);
}

/// How long reads of rows on disk take.
fn read(store: &SledStore) {
    let (reader, reads) = (store.reader(), 100_000_u64);
    let (began, mut found) = (Instant::now(), 0_u64);
    for n in 0..reads {
        let key = row(spread(n) % TOKENS).0;
        let read = reader.get(&key).unwrap_or_else(|error| panic!("{error}"));
        found += u64::from(read.is_some());
    }
    let get = began.elapsed() / u32::try_from(reads).unwrap_or(1);
    let began = Instant::now();
    for n in 0..1_000 {
        let (prefix, path) = (Key { table: Table::Token, path: String::new() }, spread(n));
        let after = Some(format!("{path:016X}"));
        let range = Range { prefix, after, reverse: n % 2 == 0, limit: 100 };
        found += reader.page(&range).map_or(0, |rows| rows.len() as u64);
    }
    println!("     a get {get:?}, a page of 100 {:?} ({found})", began.elapsed() / 1_000);
}

fn batch(number: u64, size: u64) -> Batch {
    let mut batch = Batch::default();
    let shard = Subject::Network.shard();
    for n in 0..size {
        let sequence = number * size + n + 1;
        let fact = put(sequence);
        batch.rows.push(row(sequence));
        batch.facts.push((Position { shard, sequence }, Subject::Network, fact));
    }
    batch.rows.sort_by(|(left, _), (right, _)| left.cmp(right));
    let last = (number + 1) * size;
    if last / SAVED_EVERY != (last - size) / SAVED_EVERY {
        let (at, position) = (Timestamp(0), Position { shard, sequence: last });
        let facts = Network::default().snapshot();
        batch.snapshots.push(Snapshot { subject: Subject::Network, position, at, facts });
    }
    batch
}

fn put(sequence: u64) -> Fact {
    let put = TokenPut {
        at: Timestamp(sequence as i64),
        actor: Actor::User(noise(sequence, 60).into()),
        token: IdToken::new(TokenKind::Iso14443, &format!("{:016X}", spread(sequence % TOKENS))),
        status: AuthorizationStatus::Accepted,
        group: Some(noise(sequence + 1, 20).into()),
        expires: None,
        master: false,
        concurrent: false,
        version: sequence,
    };
    put.into()
}

fn row(sequence: u64) -> (Key, Option<Row>) {
    let path = format!("{:016X}", spread(sequence % TOKENS));
    (Key { table: Table::Token, path }, Some(Row(noise(sequence, 400).into_bytes())))
}

fn spread(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn noise(seed: u64, bytes: usize) -> String {
    let mut state = spread(seed + 1);
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + (state >> 40) as u8 % 64)
    };
    (0..bytes).map(letter).collect()
}

/// Of all threads of this process that are there.
fn processor_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
