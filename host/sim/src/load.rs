//! The load generator: many stations in several processes, phases of load, and what the host
//! needed for them. Owns the run as a whole; must never be measured as a part of the host.

pub mod api;
mod crew;
mod echo;
mod hist;
mod host;
mod kept;
mod memory;
mod pool;
mod register;
mod run;
pub mod scenario;
mod script;
mod table;
pub mod tariffs;
pub mod trace;
mod verdict;
mod worker;

use std::path::PathBuf;

pub use echo::echo;
pub use host::{cpu_us, resident_kib};
pub use pool::Stats;
pub use run::run;
pub use script::Kind;
pub use table::{Echo, Report, Row};
pub use verdict::Verdict;
pub use worker::serve;

use scenario::Scenario;
use trace::Tracing;

/// The scenarios that ship, by name.
pub const SCENARIOS: [(&str, &str); 9] = [
    ("table", include_str!("../scenarios/table.toml")),
    ("grow", include_str!("../scenarios/grow.toml")),
    ("idle", include_str!("../scenarios/idle.toml")),
    ("steady", include_str!("../scenarios/steady.toml")),
    ("hour", include_str!("../scenarios/hour.toml")),
    ("storm", include_str!("../scenarios/storm.toml")),
    ("slow", include_str!("../scenarios/slow.toml")),
    ("flood", include_str!("../scenarios/flood.toml")),
    ("sandbox", include_str!("../scenarios/sandbox.toml")),
];

/// What a run needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to do.
    pub scenario: Scenario,
    /// Where stations connect: `ws://host:port/ocpp`.
    pub url: String,
    /// For `wss`, the PEM file of the authority that signed the server.
    pub root: Option<PathBuf>,
    /// The API, `host:port`, and its bearer token: stations, tokens and tariffs are registered
    /// there. Without it, the host has to know them or let everybody in.
    pub api: Option<(String, String)>,
    /// The process of the host, for its CPU time and memory.
    pub host_pid: Option<u32>,
    /// Loader processes; as many as the stations need where nothing is said.
    pub processes: Option<usize>,
    /// The program and its arguments that call [`serve`] on standard input and output.
    pub worker: (PathBuf, Vec<String>),
    /// Where all chance comes from.
    pub seed: u64,
    /// What the names of the stations begin with.
    pub prefix: String,
    /// What a message costs a bare echo on this machine.
    pub echo: Vec<Echo>,
    /// At the end, look at the host's system calls for a while.
    pub tracing: Option<Tracing>,
}

#[cfg(test)]
mod tests;
