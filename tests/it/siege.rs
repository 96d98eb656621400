//! The crash proof of the real binary: stations of the three versions charge, an operator sends
//! commands, and the host is killed with kill -9 at random moments, again and again; between two
//! lives its files are damaged, or its disk fills up while it runs. Afterwards what the API tells
//! is held against what the stations saw acknowledged. Must never give the host time to say
//! good-bye, nor know how it keeps anything, but for the damage.
//!
//! `BUSBAR_KILLS=300 cargo test --release --workspace --test it siege -- --nocapture` kills it
//! that often; `BUSBAR_SEED` gives other moments.

mod damage;
mod proof;
mod station;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use busbar_sim::rng::Rng;
use serde_json::json;
use tempfile::TempDir;

use crate::support::host::{configuration, prepare};
use crate::support::process::free;
use crate::support::{Api, Process, small_disk};
use damage::Damage;
use station::{Told, Version};

/// So many lives in CI.
const KILLS: u64 = 7;
/// Two of each version.
const STATIONS: u32 = 6;

/// Set in the child: a folder on a small disk.
const SMALL_DISK: &str = "BUSBAR_TEST_SIEGE_DISK";

#[test]
fn a_host_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    Siege::begin(folder.path()).run(number("BUSBAR_KILLS").unwrap_or(KILLS), &Damage::ALL);
}

/// What runs in the child; in the test run itself it has nothing to do.
#[test]
fn on_a_small_disk() {
    let Some(home) = std::env::var_os(SMALL_DISK) else { return };
    Siege::begin(Path::new(&home)).run(3, &[Damage::FullDisk]);
    println!("it held on the small disk");
}

#[test]
fn a_host_whose_disk_is_full_loses_and_doubles_nothing() {
    let home: TempDir = tempfile::tempdir().unwrap();
    let (test, word) = ("siege::on_a_small_disk", "it held on the small disk");
    small_disk::run(home.path(), "160m", test, SMALL_DISK, word);
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// A host, and all that talk to it.
struct Siege {
    folder: PathBuf,
    ocpp: SocketAddr,
    http: SocketAddr,
    process: Process,
    api: Api,
    over: Arc<AtomicBool>,
    stations: Vec<JoinHandle<Told>>,
    operator: JoinHandle<u64>,
}

impl Siege {
    fn begin(folder: &Path) -> Self {
        let (ocpp, http) = (free(), free());
        let more = format!(
            "[ocpp]\nbind = \"{ocpp}\"\nmessage_rate = 100000\n[store]\nlow_space = \"24MiB\"\n"
        );
        let text = configuration("data", &more).replacen("127.0.0.1:0", &http.to_string(), 1);
        std::fs::write(folder.join("busbar.toml"), text).unwrap();
        let process = Process::start(&folder.join("busbar.toml"));
        let api = process.api(http, &folder.join("data/admin.token"));
        let names: Vec<String> = (0..STATIONS).map(|n| format!("S{n}")).collect();
        prepare(&api, &names.iter().map(String::as_str).collect::<Vec<_>>());
        // Each has a token of its own, named as it is: one token charges at one place at a time.
        for name in &names {
            api.put(&format!("/api/v1/tokens/{name}"), &json!({ "status": "accepted" }));
        }
        let over = Arc::new(AtomicBool::new(false));
        let stations = names.iter().zip(0..).map(|(name, n)| {
            let version = [Version::V16, Version::V201, Version::V21][n % 3];
            let (name, over) = (name.clone(), Arc::clone(&over));
            std::thread::spawn(move || station::charge(ocpp, &name, version, n as u64, &over))
        });
        let stations = stations.collect();
        let operator = std::thread::spawn({
            let (api, over) = (api.clone(), Arc::clone(&over));
            move || command(&api, &over)
        });
        Self { folder: folder.to_owned(), ocpp, http, process, api, over, stations, operator }
    }

    /// Kills the host so often, then lets the stations finish and looks.
    fn run(mut self, kills: u64, damages: &[Damage]) {
        let mut rng = Rng::new(number("BUSBAR_SEED").unwrap_or(1));
        let (mut refusals, mut old_rows) = (0, None);
        for round in 0..kills {
            let damage = damages[(round % damages.len() as u64) as usize];
            let alive = Duration::from_millis(50 + rng.below(900));
            if damage == Damage::FullDisk {
                damage::fill_disk(&self.folder, alive);
            }
            let killer = self.process.kill_in(alive);
            killer.join().unwrap();
            refusals += u32::from(damage.strike(&self.folder, &mut old_rows));
            self.process = Process::start(&self.folder.join("busbar.toml"));
            self.process.api(self.http, &self.folder.join("data/admin.token"));
        }
        self.over.store(true, Ordering::Relaxed);
        let told: Vec<Told> =
            self.stations.into_iter().map(|station| station.join().unwrap()).collect();
        let asked = self.operator.join().unwrap();
        // Bills are sealed after a second online.
        let online: Vec<_> = told.iter().map(|told| told.stay_online(self.ocpp)).collect();
        let proof = proof::hold(&self.api, &told);
        drop(online);
        assert_eq!(proof::large_files(&self.folder), 0, "sled keeps no file that nobody syncs");
        println!("{kills} kills, {refusals} refusals of a damaged log, {asked} commands: {proof}");
    }
}

/// Sends commands that must never go twice, each with a number of its own, until it is over.
fn command(api: &Api, over: &AtomicBool) -> u64 {
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        number += 1;
        let station = number % u64::from(STATIONS);
        let body = json!({ "vendorId": "siege", "data": number.to_string() }).to_string();
        let path = format!("/api/v1/stations/S{station}/commands/DataTransfer");
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nIdempotency-Key: {number}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            api.address,
            api.token,
            body.len()
        );
        // Twice: the key keeps the second from going out, whatever became of the first.
        for _ in 0..2 {
            let _gone = api.try_raw(request.as_bytes());
        }
        std::thread::park_timeout(Duration::from_millis(15));
    }
    number
}
