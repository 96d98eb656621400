//! What `busbar sim load --trace` proves of a real host, by its system calls: nothing is
//! acknowledged before its sync. And that the proof can fail: a server that answers first is
//! caught by the same judgement. Must never build a fault into the product.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use busbar_sim::load::trace::{ARGUMENTS, Traced, judge};
use serde_json::json;
use tokio_tungstenite::tungstenite::{Message, accept};

use crate::support::station::Station;
use crate::support::until;

const BUSBAR: &str = env!("CARGO_BIN_EXE_busbar-host");
/// Set in the child: its folder, and whether it answers before it syncs.
const FOLDER: &str = "BUSBAR_TEST_TRACED";
const HASTY: &str = "BUSBAR_TEST_HASTY";
const MESSAGES: u64 = 20;

#[test]
fn a_real_host_acknowledges_nothing_before_its_sync() {
    if strace_is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("few.toml");
    let text = "name = \"few\"\nstations = 20\n\n[[phase]]\nname = \"status\"\nseconds = 1\n\
                rate = 50\nmix = { status = 1, meter = 1 }\n\
                bounds = { failures_max = 0, broken_max = 0 }\n";
    std::fs::write(&scenario, text).unwrap();
    let run = Command::new(BUSBAR)
        .args(["sim", "load", "--serve", "--trace", "--check", "--json", "--scenario"])
        .arg(&scenario)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{words}\n{}", String::from_utf8_lossy(&run.stdout));
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let trace = &report["trace"];
    assert!(trace["answers"].as_u64().unwrap() > 200, "{trace}");
    assert_eq!((&trace["early"], &trace["illegible"]), (&json!(0), &json!(0)), "{trace}");
}

#[test]
fn a_server_that_answers_before_its_sync_is_caught() {
    if strace_is_missing() {
        return;
    }
    let honest = traced(false);
    assert_eq!((honest.answers, honest.early), (MESSAGES, 0), "{honest:?}");
    let hasty = traced(true);
    assert_eq!((hasty.answers, hasty.early), (MESSAGES, MESSAGES), "{hasty:?}");
}

/// Runs a small server under `strace`, asks it some questions and judges the trace.
fn traced(hasty: bool) -> Traced {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().canonicalize().unwrap();
    let trace = folder.join("trace");
    let mut command = Command::new("strace");
    command.args(ARGUMENTS).arg(&trace).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "traced::server", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, &folder).env(HASTY, if hasty { "1" } else { "0" });
    let mut child = Ended(command.stdout(Stdio::null()).spawn().unwrap());
    let address = until("the server's address", || {
        std::fs::read_to_string(folder.join("address")).ok()?.parse().ok()
    });
    let mut station = Station::connect(address, "S1", "");
    for number in 0..MESSAGES {
        station.call("StatusNotification", &json!({ "number": number }));
        station.call("Heartbeat", &json!({}));
    }
    drop(station);
    assert!(child.0.wait().unwrap().success());
    judge(&std::fs::read_to_string(&trace).unwrap(), &folder.join("store"))
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// What runs in the child; in the test run itself it has nothing to do.
#[test]
fn server() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (folder, hasty) = (Path::new(&folder), std::env::var(HASTY).unwrap() == "1");
    std::fs::create_dir(folder.join("store")).unwrap();
    let mut log = File::create(folder.join("store/log")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::fs::write(folder.join("new"), address).unwrap();
    std::fs::rename(folder.join("new"), folder.join("address")).unwrap();
    let mut socket = accept(listener.accept().unwrap().0).unwrap();
    while let Ok(Message::Text(question)) = socket.read() {
        let id = question.split('"').nth(1).unwrap();
        let answer = Message::text(format!("[3,\"{id}\",{{}}]"));
        log.write_all(question.as_bytes()).unwrap();
        if hasty {
            socket.send(answer).unwrap();
            log.sync_data().unwrap();
        } else {
            log.sync_data().unwrap();
            socket.send(answer).unwrap();
        }
    }
}

fn strace_is_missing() -> bool {
    if Command::new("strace").arg("-V").output().is_ok() {
        return false;
    }
    let skip = std::env::var_os("BUSBAR_SKIP_FOREIGN").is_some();
    assert!(skip, "strace is missing: apt-get install strace (or BUSBAR_SKIP_FOREIGN=1)");
    println!("SKIPPED: strace is missing, so no system call was looked at");
    true
}
