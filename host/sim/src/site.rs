//! A whole site of simulated stations against a real host: its tree is told by the API, cars come
//! and go, base load and limits change, stations and the host fail, and what the cars really draw
//! is held against what there is, line by line. Owns such a run as a whole; must never know how
//! the host shares, nor ask it what the cars draw.

mod grid;
mod picture;
mod plan;
mod report;
mod run;
mod sample;
mod scenario;
mod setup;

pub use grid::Grid;
pub use picture::draw;
pub use plan::{Place, Plan};
pub use report::{Cut, Moment, Outage, Report};
pub use run::{Host, NotOurs, Run, run};
pub use sample::{Drawn, Sample};
pub use scenario::{Bounds, Event, Fault, Feeder, Group, Scenario, Site};

use std::path::PathBuf;

/// The scenarios that ship, by name.
pub const SCENARIOS: [(&str, &str); 2] = [
    ("faults", include_str!("../scenarios/site/faults.toml")),
    ("short", include_str!("../scenarios/site/short.toml")),
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
    /// The API, `host:port`, and its bearer token.
    pub api: (String, String),
    /// Where all chance comes from.
    pub seed: u64,
    /// What the names of the stations begin with; in small letters, the site's name.
    pub prefix: String,
}

#[cfg(test)]
mod tests;
