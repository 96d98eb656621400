//! What does not grow: the memory and the start of a host do not depend on how many tokens and
//! closed sessions its store holds. Two stores are made, one much larger than the other, by the
//! real engine in virtual time; the real binary is started over each. Must never compare what a
//! busy machine can change: memory is counted in bytes, the start in processor time.
//!
//! `BUSBAR_GROWTH=2000` makes the larger one 5,000,000 tokens and 1,000,000 sessions.

mod past;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::host::configuration;
use crate::support::{Api, until};

const BUSBAR: &str = env!("CARGO_BIN_EXE_busbar-host");

/// Of the smaller store; the larger one has `FACTOR` times as many.
const TOKENS: u64 = 2_500;
const SESSIONS: u64 = 500;
const FACTOR: u64 = 20;

/// What a host over the larger store may need more: caches fill up. Held, its 10,000 sessions and
/// 50,000 tokens would need more.
const MORE_KIB: u64 = 40 * 1024;
/// What its start may take more of a processor: the log since the last snapshots is longer.
const MORE_TIME: Duration = Duration::from_secs(3);

/// What a start needs.
#[derive(Debug)]
struct Start {
    took: Duration,
    resident_kib: u64,
}

#[test]
fn memory_and_start_do_not_depend_on_tokens_and_closed_sessions() {
    let factor = std::env::var("BUSBAR_GROWTH").map_or(FACTOR, |text| text.parse().unwrap());
    let few = start(TOKENS, SESSIONS);
    let many = start(TOKENS * factor, SESSIONS * factor);
    println!("{TOKENS} tokens, {SESSIONS} sessions: {few:?}; {factor} times as many: {many:?}");
    let more = many.resident_kib.saturating_sub(few.resident_kib);
    assert!(more < MORE_KIB, "{more} KiB more: {few:?}, {many:?}");
    assert!(many.took < few.took + MORE_TIME, "{few:?}, {many:?}");
}

/// Makes a store and starts a host over it.
fn start(tokens: u64, sessions: u64) -> Start {
    let folder = tempfile::tempdir().unwrap();
    past::make(&folder.path().join("data/store"), tokens, sessions);
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let more = "[store]\ncache = \"8MiB\"\nlow_space = \"1MiB\"\n";
    let text = configuration("data", more).replacen("127.0.0.1:0", &address.to_string(), 1);
    std::fs::write(folder.path().join("busbar.toml"), text).unwrap();
    // Once for the plugins to be compiled and kept, once to be measured.
    drop(Running::start(folder.path(), address));
    let running = Running::start(folder.path(), address);
    let took = running.processor_time();
    let api = running.api.clone();
    let last = api.send("GET", &format!("/api/v1/tokens/T{}", tokens - 1), None);
    assert_eq!(last.status, 200, "the store holds what was made: {}", last.text());
    let bills = api.get("/api/v1/cdrs?limit=1");
    assert_eq!(bills["items"].as_array().unwrap().len(), 1, "{bills}");
    Start { took, resident_kib: running.resident_kib() }
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
        let stopped = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(stopped.is_ok_and(|status| status.success()), "kill -TERM");
        let _ended = self.child.wait();
    }
}
