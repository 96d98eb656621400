//! What does not grow: the memory and the start of a host do not depend on how many tokens and
//! closed sessions its store holds. Two stores are made, one much larger than the other, by the
//! real engine in virtual time; over each the real binary is started, killed with kill -9, and
//! started again. Must never compare what a busy machine can change: memory is counted in bytes,
//! the start in processor time.
//!
//! `BUSBAR_GROWTH=2000 cargo test --release -p busbar-tests --test it growth -- --nocapture` makes
//! the larger one 5,000,000 tokens and 1,000,000 sessions, with a log as long as it gets, and
//! prints what a start takes.

mod past;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::host::configuration;
use crate::support::{Api, until};

const BUSBAR: &str = env!("CARGO_BIN_EXE_busbar-host");

/// A store of scale 1; the smaller one is of scale `SMALL`, the larger one of `FACTOR` times it.
const TOKENS: u64 = 2_500;
const SESSIONS: u64 = 500;
const SMALL: u64 = 5;
const FACTOR: u64 = 4;

/// What a start over the larger store may need, in hundredths of what it needs over the smaller
/// one: caches fill up. Held, its 10,000 sessions and 50,000 tokens would need more.
const MEMORY_PERCENT: u64 = 150;
const TIME_PERCENT: u32 = 200;
/// The processor's time is told in hundredths of a second, and a start takes a few of them.
const TICKS: Duration = Duration::from_millis(100);

/// What a start needs.
#[derive(Debug)]
struct Start {
    /// Until it takes requests, by the clock: printed, never compared.
    ready_after: Duration,
    processor: Duration,
    resident_kib: u64,
}

#[test]
fn memory_and_start_do_not_depend_on_tokens_and_closed_sessions() {
    let full: Option<u64> = std::env::var("BUSBAR_GROWTH").ok().map(|text| text.parse().unwrap());
    let large = full.unwrap_or(SMALL * FACTOR);
    let [few, many] = [SMALL, large].map(|scale| {
        let start = start(TOKENS * scale, SESSIONS * scale, full.is_none());
        let Start { ready_after, processor, resident_kib } = &start;
        println!(
            "{} tokens, {} sessions: ready after {ready_after:?}, {processor:?} of processor \
             time, {resident_kib} KiB",
            TOKENS * scale,
            SESSIONS * scale,
        );
        start
    });
    if full.is_none() {
        let (most, needs) = (few.resident_kib * MEMORY_PERCENT / 100, many.resident_kib);
        assert!(needs < most, "{needs} KiB: {few:?}, {many:?}");
        let most = few.processor * TIME_PERCENT / 100 + TICKS;
        assert!(many.processor < most, "{few:?}, {many:?}");
    }
}

/// Makes a store, and starts a host over it after a crash.
fn start(tokens: u64, sessions: u64, short_log: bool) -> Start {
    let folder = tempfile::tempdir().unwrap();
    let (store, began) = (folder.path().join("data/store"), Instant::now());
    past::make(&store, tokens, sessions, short_log);
    println!("made in {:?}; {}", began.elapsed(), sizes(&store));
    // Whoever has a past has a key.
    let key = folder.path().join("data/installation.key");
    std::fs::write(&key, "00".repeat(32)).unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let more = "[store]\nlow_space = \"1MiB\"\n";
    let text = configuration("data", more).replacen("127.0.0.1:0", &address.to_string(), 1);
    std::fs::write(folder.path().join("busbar.toml"), text).unwrap();
    // Once for the plugins to be compiled and kept, once to be measured.
    drop(Running::start(folder.path(), address));
    let began = Instant::now();
    let running = Running::start(folder.path(), address);
    let (ready_after, processor) = (began.elapsed(), running.processor_time());
    let api = running.api.clone();
    let last = api.send("GET", &format!("/api/v1/tokens/T{}", tokens - 1), None);
    assert_eq!(last.status, 200, "the store holds what was made: {}", last.text());
    let bills = api.get("/api/v1/cdrs?limit=1");
    assert_eq!(bills["items"].as_array().unwrap().len(), 1, "{bills}");
    Start { ready_after, processor, resident_kib: running.resident_kib() }
}

/// What a store needs on disk.
fn sizes(store: &Path) -> String {
    let bytes = |path: &Path| -> u64 {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.metadata().unwrap().len()).sum()
    };
    let mib = |bytes: u64| bytes >> 20;
    let rows = std::fs::metadata(store.join("rows.redb")).unwrap().len();
    let (log, archive) = (bytes(&store.join("sled")), bytes(&store.join("archive")));
    format!("{} MiB of rows, {} of log, {} archived", mib(rows), mib(log), mib(archive))
}

struct Running {
    child: Child,
    api: Api,
}

impl Running {
    fn start(folder: &Path, address: std::net::SocketAddr) -> Self {
        let mut command = Command::new(BUSBAR);
        command.arg("serve").arg("--config").arg(folder.join("busbar.toml")).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let api = until("the host", || {
            let token = std::fs::read_to_string(folder.join("data/admin.token")).ok()?;
            let api = Api { address, token: token.trim().to_owned() };
            let ask =
                format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            (api.try_raw(ask.as_bytes()).ok()?.status == 200).then_some(api)
        });
        Self { child, api }
    }

    /// Of all its threads; clock ticks are hundredths of a second on Linux.
    fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1;
        let ticks = after_name.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    fn resident_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // As kill -9 does.
        self.child.kill().unwrap();
        let _ended = self.child.wait();
    }
}
