//! What a start takes after kill -9, with few and with many rows in the store:
//! `cargo bench -p busbar-store --bench start [-- MILLIONS]`. A process commits facts whose rows
//! are tokens (five of six) and sessions, and is killed; another opens store and engine over what
//! is left. The log is as long as a host lets it get.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use busbar_charging::context::Policy;
use busbar_charging::fact::network::TokenPut;
use busbar_charging::fact::station::AuthorizationStatus;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::ids::{IdToken, TokenKind};
use busbar_charging::network::Network;
use busbar_charging::subject::{Key, Row, Subject, Table};
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Batch, Position, Snapshot, Store};
use busbar_engine::{Engine, Output, Tuning};
use busbar_store::{Options, SledStore};

const PER_BATCH: u64 = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().filter(|word| word != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "make", folder, rows] => make(Path::new(folder), number(rows)),
        [_, "open", folder] => open(Path::new(folder)),
        [_, millions] => compare(number(millions) * 1_000_000),
        _ => compare(1_000_000),
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn compare(most: u64) {
    for rows in [most / 100, most] {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let path = folder.path().display().to_string();
        let began = Instant::now();
        let mut child = this(&["make", &path, &rows.to_string()]);
        let out = child.stdout.take().unwrap_or_else(|| panic!("no output"));
        let made = BufReader::new(out).lines().map_while(Result::ok).any(|line| line == "made");
        assert!(made, "the store was not made");
        child.kill().unwrap_or_else(|error| panic!("{error}"));
        let _ended = child.wait();
        let size = |name: &str| {
            let path = folder.path().join(name);
            path.metadata().map_or(0, |file| file.len() >> 20)
        };
        let (of_rows, of_log) = (size("rows.redb"), size("sled/db"));
        let took = began.elapsed();
        println!("{rows} rows made in {took:?}: {of_rows} MiB of rows, {of_log} MiB of log");
        for _ in 0..2 {
            let opened = this(&["open", &path]).wait_with_output();
            let said = opened.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            print!("  {}", said.unwrap_or_else(|error| error.to_string()));
        }
    }
}

fn this(arguments: &[&str]) -> Child {
    let me = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let child = Command::new(me).args(arguments).stdout(Stdio::piped()).spawn();
    child.unwrap_or_else(|error| panic!("{error}"))
}

/// Commits facts until there are so many rows, and waits to be killed.
fn make(folder: &Path, rows: u64) {
    let opened = SledStore::open(folder, Options::default());
    let (mut store, _) = opened.unwrap_or_else(|error| panic!("{error}"));
    let window = Tuning::default().log_window;
    for first in (0..rows).step_by(PER_BATCH as usize) {
        let (mut batch, shard) = (Batch::default(), Subject::Network.shard());
        let last = (first + PER_BATCH).min(rows);
        for n in first..last {
            let position = Position { shard, sequence: n + 1 };
            batch.facts.push((position, Subject::Network, put(n)));
            batch.rows.push(row(n));
        }
        if first / window != last / window {
            let (at, position) = (Timestamp(0), Position { shard, sequence: last });
            let facts = Network::default().snapshot();
            batch.snapshots.push(Snapshot { subject: Subject::Network, position, at, facts });
        }
        store.commit(&batch).unwrap_or_else(|error| panic!("{error}"));
    }
    println!("made");
    std::io::stdout().flush().unwrap_or_else(|error| panic!("{error}"));
    std::thread::park();
}

/// Opens store and engine, as a host does before it serves, and reads some rows.
fn open(folder: &Path) {
    let before = resident_mib();
    let began = Instant::now();
    let opened = SledStore::open(folder, Options::default());
    let (mut store, restored) = opened.unwrap_or_else(|error| panic!("{error}"));
    let opened = began.elapsed();
    let (facts, missing) = (restored.facts.len(), restored.facts.len() - restored.rows_from);
    let now = Timestamp(1);
    let mut engine = Engine::new(1, 1, Policy::default(), Tuning::default(), restored, now);
    while let Some(output) = engine.poll(now) {
        if let Output::Commit(_, batch) = output {
            store.commit(&batch).unwrap_or_else(|error| panic!("{error}"));
            break;
        }
    }
    let ready = began.elapsed();
    let (reader, mut found) = (store.reader(), 0);
    let head = (facts as u64).max(1);
    for n in 0..10_000_u64 {
        let read = reader.get(&row(n.wrapping_mul(7_919) % head).0);
        found += u64::from(read.is_ok_and(|row| row.is_some()));
    }
    println!(
        "opened in {opened:?}, ready in {ready:?} ({facts} facts in the log, {missing} of them \
         without rows), {} MiB resident more, {found} of 10000 rows read",
        resident_mib() - before
    );
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) >> 10
}

fn spread(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn token(n: u64) -> IdToken {
    IdToken::new(TokenKind::Iso14443, &format!("{:016X}", spread(n)))
}

fn put(n: u64) -> Fact {
    let put = TokenPut {
        at: Timestamp(n as i64),
        actor: Actor::Clock,
        token: token(n),
        status: AuthorizationStatus::Accepted,
        group: None,
        expires: None,
        master: false,
        concurrent: false,
        version: 1,
    };
    put.into()
}

/// Of a token at a random place in its table, or of a session at the end of its own.
fn row(n: u64) -> (Key, Option<Row>) {
    if n.is_multiple_of(6) {
        let path = format!("{n:036}");
        return (Key { table: Table::Session, path }, Some(Row(vec![7; 900])));
    }
    (Key::token(&token(n)), Some(Row(vec![7; 150])))
}
