//! The load generator: many stations in several processes, phases of load, and what the host
//! needed for them. Owns the run as a whole; must never be measured as a part of the host.

pub mod api;
mod crew;
mod hist;
mod host;
mod pool;
mod register;
pub mod scenario;
mod script;
mod table;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

pub use host::{cpu_us, resident_kib};
pub use pool::Stats;
pub use script::Kind;
pub use table::{Report, Row};
pub use worker::serve;

use crew::Crew;
use scenario::Scenario;

/// The scenarios that ship, by name.
pub const SCENARIOS: [(&str, &str); 6] = [
    ("table", include_str!("../scenarios/table.toml")),
    ("idle", include_str!("../scenarios/idle.toml")),
    ("steady", include_str!("../scenarios/steady.toml")),
    ("storm", include_str!("../scenarios/storm.toml")),
    ("slow", include_str!("../scenarios/slow.toml")),
    ("flood", include_str!("../scenarios/flood.toml")),
];

/// Open files are capped at 20,000 on the machines of our tests; a station is one.
const STATIONS_PER_PROCESS: usize = 15_000;
/// Rest after connecting, before memory is read.
const REST: Duration = Duration::from_secs(3);

/// What a run needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to do.
    pub scenario: Scenario,
    /// Where stations connect: `ws://host:port/ocpp`.
    pub url: String,
    /// For `wss`, the PEM file of the authority that signed the server.
    pub root: Option<PathBuf>,
    /// The API, `host:port`, and its bearer token: stations and tokens are registered there.
    /// Without it, the host has to know them or let everybody in.
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
}

/// Runs a scenario against a host.
///
/// # Errors
/// Why it could not be run, for people.
pub async fn run(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Report, String> {
    let scenario = &options.scenario;
    let needed = scenario.stations.div_ceil(STATIONS_PER_PROCESS).max(1);
    let processes = options.processes.unwrap_or(needed).clamp(needed, scenario.stations.max(1));
    let accounts = register::accounts(options);
    if let Some((address, token)) = &options.api {
        progress(&format!("registering {} stations", accounts.len()));
        register::register(address, token, &accounts, scenario.charges()).await?;
    }
    let rss = || options.host_pid.and_then(resident_kib);
    tokio::time::sleep(REST / 3).await;
    let before_kib = rss();
    progress(&format!("connecting {} stations from {processes} process(es)", accounts.len()));
    let mut crew = Crew::spawn(options, processes)?;
    let mut rows = vec![measured(options, "connect", crew.connect(options, accounts)).await?];
    tokio::time::sleep(REST).await;
    let connected_kib = rss();
    for phase in &scenario.phases {
        progress(&format!("{} for {} s", phase.name, phase.seconds));
        rows.push(measured(options, &phase.name, crew.run(phase)).await?);
    }
    let end_kib = rss();
    crew.end().await;
    Ok(Report {
        scenario: scenario.name.clone(),
        stations: scenario.stations,
        processes,
        host_rss_before_kib: before_kib,
        host_rss_connected_kib: connected_kib,
        host_rss_end_kib: end_kib,
        phases: rows,
    })
}

async fn measured(
    options: &Options,
    name: &str,
    work: impl Future<Output = Result<Stats, String>>,
) -> Result<Row, String> {
    let cpu = || options.host_pid.and_then(cpu_us);
    let before = cpu();
    let stats = work.await?;
    let used = cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(Row::new(name, stats, used))
}

#[cfg(test)]
mod tests;
