//! Owns the stations of one process: a small task each, one open call, the next message at its
//! time. Must never parse more of an answer than it counts.

mod member;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::hist::Histogram;
use super::kept::Told;
use super::scenario::Phase;
use super::script::{Kind, State};
use crate::socket::{Login, Target};
use member::Member;

/// Handshakes of a process that are under way at once.
const DIALING: usize = 64;

/// What a process is told once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) url: String,
    pub(super) root: Option<PathBuf>,
    pub(super) seed: u64,
    /// New connections in a second, of this process.
    pub(super) ramp: f64,
    /// Number of the process, and of the first of these stations in the whole run.
    pub(super) process: usize,
    pub(super) first: usize,
    pub(super) stations: Vec<Account>,
}

/// A phase that a process is told to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) phase: Phase,
    /// Stations in the whole run.
    pub(super) of: usize,
}

/// A station's account at the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) identity: String,
    pub(super) version: String,
    pub(super) password: Option<String>,
}

/// What a process counted in a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// How long it took.
    pub seconds: f64,
    /// Latencies of answered calls by kind.
    pub latencies: BTreeMap<Kind, Histogram>,
    /// Answers that were errors.
    pub errors: u64,
    /// Calls that were not answered in time.
    pub timeouts: u64,
    /// Connections that broke or were refused.
    pub broken: u64,
    /// Messages of flooding and slow stations, which are in no latency.
    pub unpaced: u64,
    /// Stations that are connected at the end.
    pub connected: u64,
    /// Microseconds of CPU of this process.
    pub cpu_us: u64,
    /// The first few errors, as they came.
    pub samples: Vec<String>,
    /// Where it is to be looked for: the newest acknowledged state of each station.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) told: Vec<Told>,
}

impl Stats {
    /// Adds what another process counted.
    pub fn add(&mut self, other: &Self) {
        self.seconds = self.seconds.max(other.seconds);
        for (kind, latencies) in &other.latencies {
            self.latencies.entry(*kind).or_default().add(latencies);
        }
        self.errors += other.errors;
        self.timeouts += other.timeouts;
        self.broken += other.broken;
        self.unpaced += other.unpaced;
        self.connected += other.connected;
        self.cpu_us += other.cpu_us;
        self.samples.extend(other.samples.iter().take(3).cloned());
        self.told.extend(other.told.iter().cloned());
    }

    /// Errors, and calls without an answer.
    pub fn failures(&self) -> u64 {
        self.errors + self.timeouts
    }

    /// Answered calls that the host must have made durable before.
    pub fn durable(&self) -> u64 {
        let durable =
            |kind: &Kind| matches!(kind, Kind::Status | Kind::Meter | Kind::Start | Kind::Stop);
        let of = self.latencies.iter().filter(|(kind, _)| durable(kind));
        of.map(|(_, latencies)| latencies.count()).sum()
    }

    fn record(&mut self, kind: Kind, since: Instant) {
        let us = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.latencies.entry(kind).or_default().record(us);
    }

    fn note(&mut self, text: &str) {
        if self.samples.len() < 3 {
            self.samples.push(text.chars().take(300).collect());
        }
    }
}

/// What all members do now.
#[derive(Clone, Debug)]
struct Order {
    phase: Phase,
    of: usize,
    start: Instant,
    number: u64,
}

/// What the stations of a process share.
#[derive(Default)]
struct Common {
    stats: RefCell<Stats>,
    /// The newest acknowledged states, by identity.
    told: RefCell<BTreeMap<Rc<str>, State>>,
}

/// The stations.
pub(super) struct Pool {
    tasks: LocalSet,
    orders: watch::Sender<Option<Rc<Order>>>,
    common: Rc<Common>,
    dialing: Rc<Semaphore>,
    size: usize,
    number: u64,
}

impl Pool {
    /// No stations yet.
    pub(super) fn new() -> Self {
        Self {
            tasks: LocalSet::new(),
            orders: watch::channel(None).0,
            common: Rc::default(),
            dialing: Rc::new(Semaphore::new(DIALING)),
            size: 0,
            number: 0,
        }
    }

    /// Makes further stations and connects them, no faster than the ramp.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(super) async fn connect(&mut self, setup: Setup) -> Result<Stats, String> {
        let target = Target::new(&setup.url, setup.root.as_deref())?;
        let start = Instant::now();
        let cpu = cpu_us_of_this_process();
        let size = setup.stations.len();
        let connected = Rc::new(Semaphore::new(0));
        for (index, account) in setup.stations.into_iter().enumerate() {
            let version = busbar_ocpp::Version::from_subprotocol(&account.version);
            let login = Login {
                identity: account.identity,
                version: version.ok_or("no such version")?,
                password: account.password,
            };
            let member = Member::new(
                login,
                target.from(source(setup.process, index)),
                setup.seed,
                setup.first + index,
                Rc::clone(&self.common),
                Rc::clone(&self.dialing),
            );
            let wait = Duration::from_secs_f64(index as f64 / setup.ramp.max(0.1));
            let (orders, connected) = (self.orders.subscribe(), Rc::clone(&connected));
            self.tasks.spawn_local(member.live(wait, orders, connected));
        }
        self.size += size;
        let all = u32::try_from(size).map_err(|_| "too many stations")?;
        let _ = self.tasks.run_until(connected.acquire_many(all)).await;
        let mut stats = self.counted();
        stats.seconds = start.elapsed().as_secs_f64();
        stats.cpu_us = cpu_us_of_this_process().saturating_sub(cpu);
        Ok(stats)
    }

    /// Runs a phase and says what was counted.
    pub(super) async fn run(&mut self, Run { phase, of }: Run) -> Stats {
        self.number += 1;
        let cpu = cpu_us_of_this_process();
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(phase.seconds);
        let (storm, nothing_lost) = (phase.drop, phase.bounds.nothing_lost);
        let order = Order { phase, of, start, number: self.number };
        self.orders.send_replace(Some(Rc::new(order)));
        loop {
            let nap = if storm { Duration::from_millis(50) } else { Duration::from_secs(1) };
            let until = end.min(Instant::now() + nap);
            self.tasks.run_until(tokio::time::sleep_until(until)).await;
            let all_back = storm && self.back() >= self.size as u64;
            if Instant::now() >= end || all_back {
                break;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        // Calls that are on their way are still counted.
        self.orders.send_replace(None);
        self.tasks.run_until(tokio::time::sleep(Duration::from_millis(300))).await;
        let mut stats = self.counted();
        stats.seconds = seconds;
        stats.cpu_us = cpu_us_of_this_process().saturating_sub(cpu);
        if nothing_lost {
            let told = self.common.told.borrow();
            let one =
                |(id, state): (&Rc<str>, &State)| Told { identity: id.to_string(), state: *state };
            stats.told = told.iter().map(one).collect();
        }
        stats
    }

    /// Lets the stations live without an order: pings are answered.
    pub(super) async fn idle<T>(&self, until: impl Future<Output = T>) -> T {
        self.tasks.run_until(until).await
    }

    /// Takes what was counted; who is connected stays so.
    fn counted(&self) -> Stats {
        let stats = self.common.stats.take();
        self.common.stats.borrow_mut().connected = stats.connected;
        stats
    }

    fn back(&self) -> u64 {
        self.common.stats.borrow().latencies.get(&Kind::Back).map_or(0, Histogram::count)
    }
}

fn cpu_us_of_this_process() -> u64 {
    super::host::cpu_us(std::process::id()).unwrap_or(0)
}

/// Every address of ours has ports for some 28,000 connections: a process has four.
fn source(process: usize, index: usize) -> IpAddr {
    let number = (process * 4 + index % 4) as u32;
    // The whole of 127.0.0.0/8 is this machine.
    IpAddr::V4(Ipv4Addr::from(0x7F00_0101 + number))
}
