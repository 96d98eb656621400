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
use super::scenario::Phase;
use super::script::Kind;
use crate::socket::{Login, Target};
use member::Member;

/// What a process is told once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) url: String,
    pub(super) root: Option<PathBuf>,
    pub(super) seed: u64,
    /// New connections in a second, of this process.
    pub(super) ramp: f64,
    /// Number of the process, and of its first station in the whole run.
    pub(super) process: usize,
    pub(super) first: usize,
    /// Stations in the whole run.
    pub(super) of: usize,
    pub(super) stations: Vec<Account>,
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
    start: Instant,
    number: u64,
}

/// The stations.
pub(super) struct Pool {
    tasks: LocalSet,
    orders: watch::Sender<Option<Rc<Order>>>,
    stats: Rc<RefCell<Stats>>,
    size: usize,
    number: u64,
}

impl Pool {
    /// Makes the stations and connects them, no faster than the ramp.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(super) async fn connect(setup: Setup) -> Result<(Self, Stats), String> {
        let target = Target::new(&setup.url, setup.root.as_deref())?;
        let (start, (orders, _)) = (Instant::now(), watch::channel(None));
        let stats = Rc::new(RefCell::new(Stats::default()));
        let tasks = LocalSet::new();
        let dialing = Rc::new(Semaphore::new(64));
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
                (setup.first + index, setup.of),
                Rc::clone(&stats),
                Rc::clone(&dialing),
            );
            let wait = Duration::from_secs_f64(index as f64 / setup.ramp.max(0.1));
            let (orders, connected) = (orders.subscribe(), Rc::clone(&connected));
            tasks.spawn_local(member.live(wait, orders, connected));
        }
        let pool = Self { tasks, orders, stats, size, number: 0 };
        let all = u32::try_from(size).map_err(|_| "too many stations")?;
        let _ = pool.tasks.run_until(connected.acquire_many(all)).await;
        let mut stats = pool.counted();
        stats.seconds = start.elapsed().as_secs_f64();
        Ok((pool, stats))
    }

    /// Runs a phase and says what was counted.
    pub(super) async fn run(&mut self, phase: Phase) -> Stats {
        self.number += 1;
        let cpu = super::host::cpu_us(std::process::id()).unwrap_or(0);
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(phase.seconds);
        let storm = phase.drop;
        let order = Order { phase, start, number: self.number };
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
        let now = super::host::cpu_us(std::process::id()).unwrap_or(0);
        stats.cpu_us = now.saturating_sub(cpu);
        stats
    }

    /// Lets the stations live without an order: pings are answered.
    pub(super) async fn idle<T>(&self, until: impl Future<Output = T>) -> T {
        self.tasks.run_until(until).await
    }

    /// Takes what was counted; who is connected stays so.
    fn counted(&self) -> Stats {
        let stats = self.stats.take();
        self.stats.borrow_mut().connected = stats.connected;
        stats
    }

    fn back(&self) -> u64 {
        self.stats.borrow().latencies.get(&Kind::Back).map_or(0, Histogram::count)
    }
}

/// Every address of ours has ports for some 28,000 connections: a process has four.
fn source(process: usize, index: usize) -> IpAddr {
    let number = (process * 4 + index % 4) as u32;
    // The whole of 127.0.0.0/8 is this machine.
    IpAddr::V4(Ipv4Addr::from(0x7F00_0101 + number))
}
