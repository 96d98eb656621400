//! The real binary whose disk goes wrong under it: a log that cannot be synced, and a store that is
//! taken away. It must not answer as if nothing were, nor begin anew. Must never take away what
//! another test uses.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::support::host::{configuration, prepare};
use crate::support::process::free;
use crate::support::station::{Station, ago};
use crate::support::{Api, Process, until};

const BUSBAR: &str = env!("CARGO_BIN_EXE_busbar-host");

struct Place {
    folder: TempDir,
    ocpp: SocketAddr,
    http: SocketAddr,
}

impl Place {
    fn new() -> Self {
        let (folder, ocpp, http) = (tempfile::tempdir().unwrap(), free(), free());
        let more = format!("[ocpp]\nbind = \"{ocpp}\"\nmessage_rate = 100000\n");
        let text = configuration("data", &more).replacen("127.0.0.1:0", &http.to_string(), 1);
        std::fs::write(folder.path().join("busbar.toml"), text).unwrap();
        Self { folder, ocpp, http }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("busbar.toml")
    }

    fn store(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("data/store")
    }

    fn start(&self) -> (Process, Api) {
        let process = Process::start(&self.config());
        let api = process.api(self.http, &self.folder.path().join("data/admin.token"));
        (process, api)
    }

    fn is_ready(&self) -> bool {
        let http = self.http;
        let ask = format!("GET /readyz HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
        let api = Api { address: http, token: String::new() };
        api.try_raw(ask.as_bytes()).is_ok_and(|answer| answer.status == 200)
    }
}

/// Ends its process with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// Tells readings until the host answers no more; gives the transaction, and how many of its
/// messages were acknowledged.
fn charge(ocpp: SocketAddr) -> (i64, u64) {
    let mut station = Station::connect(ocpp, "S1", "ocpp1.6");
    let start = json!({
        "connectorId": 1, "idTag": "04A1B2C3", "meterStart": 0, "timestamp": ago(500),
    });
    let started = station.try_call("StartTransaction", &start).unwrap();
    let transaction = started[2]["transactionId"].as_i64().unwrap();
    for n in 1..400 {
        let reading = json!({
            "connectorId": 1, "transactionId": transaction,
            "meterValue": [{
                "timestamp": ago(500 - n), "sampledValue": [{ "value": (n * 100).to_string() }],
            }],
        });
        let Ok(answer) = station.try_call("MeterValues", &reading) else {
            return (transaction, n as u64);
        };
        assert_eq!(answer[0], 3, "{answer}");
    }
    panic!("every sync failed, and every reading was acknowledged");
}

/// What the system does not keep it may still show to the process that wrote it: only another
/// process can go on.
#[test]
fn a_log_that_cannot_be_synced_ends_the_process() {
    if Command::new("strace").arg("-V").output().is_err() {
        let skip = std::env::var_os("BUSBAR_SKIP_FOREIGN").is_some();
        assert!(skip, "strace is missing: apt-get install strace (or BUSBAR_SKIP_FOREIGN=1)");
        println!("SKIPPED: strace is missing, so no sync failed");
        return;
    }
    let place = Place::new();
    let (process, api) = place.start();
    prepare(&api, &["S1"]);
    Station::connect(place.ocpp, "S1", "ocpp1.6").boot();
    process.kill_in(Duration::ZERO).join().unwrap();

    let said = place.folder.path().join("said");
    let log = std::fs::File::create(&said).unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-P"]);
    command.arg(place.store().join("sled/db"));
    command.args(["-e", "inject=fdatasync:error=EIO:when=20+", BUSBAR, "serve", "--config"]);
    command.arg(place.config()).current_dir(place.folder.path());
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let mut host = Ended(command.spawn().unwrap());
    until("the host", || place.is_ready().then_some(()));
    let (transaction, acknowledged) = charge(place.ocpp);
    let status = until("the end of the process", || host.0.try_wait().unwrap());
    let said = std::fs::read_to_string(said).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("nothing can be acknowledged") && said.contains("sled/db"), "{said}");

    let (_process, api) = place.start();
    let stop = json!({ "transactionId": transaction, "meterStop": 90_000, "timestamp": ago(1) });
    let mut station = Station::connect(place.ocpp, "S1", "ocpp1.6");
    let stopped = station.try_call("StopTransaction", &stop).unwrap();
    assert_eq!(stopped[0], 3, "{stopped}");
    // Bills are sealed after a second online.
    until("a CDR", || (!api.all("/api/v1/cdrs?station=S1").is_empty()).then_some(()));
    let known = api.all("/api/v1/transactions?station=S1")[0]["message_count"].as_u64().unwrap();
    // With the stop, and perhaps the reading whose sync failed.
    assert!((acknowledged + 1..=acknowledged + 2).contains(&known), "{acknowledged}, {known}");
}

#[test]
fn a_store_that_is_taken_away_is_missed_and_not_made_anew() {
    let place = Place::new();
    let (_process, api) = place.start();
    prepare(&api, &["S1"]);
    let (store, away) = (place.store(), place.store().with_file_name("away"));
    let name = |from: &Path, to: &Path| std::fs::rename(from, to).unwrap();
    name(&store, &away);
    until("that it is missed", || (!place.is_ready()).then_some(()));
    let log = place.folder.path().join("log");
    until("that it is not made anew", || {
        let said = std::fs::read_to_string(&log).unwrap();
        (said.matches("holds none any more").count() > 1).then_some(())
    });
    assert!(!store.exists() && !place.is_ready());
    name(&away, &store);
    until("the store", || place.is_ready().then_some(()));
    assert_eq!(api.get("/api/v1/stations/S1")["id"], "S1");
}
