//! `busbar sim`: load on a host from simulated stations. Owns the flags; must never do the work,
//! which is in `busbar_sim::load`.

mod allocate;
mod served;
mod site;

use std::io::Write;
use std::path::PathBuf;

use busbar_sim::load::scenario::{Mix, Phase, Scenario, Versions};
use busbar_sim::load::{self, Echo, Options, Report, Row, tariffs};
use clap::{Args, Subcommand};
use tokio::io::AsyncBufReadExt as _;

use super::{Failure, Outcome};
use served::{Served, Wanted, unless_ended};

#[derive(Debug, Subcommand)]
pub(super) enum Sim {
    /// Put load on a host and say what it needed for it
    Load(Box<Load>),
    /// Run a whole site of simulated stations, with faults, and hold what their cars draw against
    /// the limit
    Site(Box<site::Site>),
    /// List the built-in scenarios
    Scenarios,
    /// Share a site's capacity step by step, as a driver on standard input tells it
    Allocate(allocate::Allocate),
    /// A process of `load`, told what to do on standard input
    #[command(hide = true)]
    Worker,
    /// The process of `load --echo`: says its port and answers until it is ended
    #[command(hide = true)]
    Echo,
}

#[derive(Debug, Args)]
pub(super) struct Load {
    /// A built-in scenario, or a file; without one, the flags below make it
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Option<String>,
    /// Start a host for the run: default configuration, its own ports and a temporary folder
    #[arg(long, conflicts_with_all = ["url", "api", "token_file", "host_pid", "root"])]
    serve: bool,
    /// Measure a bare WebSocket echo instead of a host, with heartbeats: what a message costs at
    /// least on this machine
    #[arg(long, conflicts_with_all = ["serve", "scenario", "url", "api", "host_pid", "root"])]
    echo: bool,
    /// With --serve: stations speak TLS
    #[arg(long, requires = "serve")]
    tls: bool,
    /// With --serve: at the end, trace the host's system calls for some seconds with strace, and
    /// hold every answer to a durable message against the syncs before it
    #[arg(long, requires = "serve", conflicts_with = "tls")]
    trace: bool,
    /// With --serve: leave its folder where it is at the end
    #[arg(long, requires = "serve")]
    keep: bool,
    /// Where stations connect
    #[arg(long, default_value = "ws://127.0.0.1:9000/ocpp")]
    url: String,
    /// For wss: the certificate of the authority that signed the host's (PEM)
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// The host's API, at which stations and tokens are registered
    #[arg(long, value_name = "HOST:PORT", requires = "token_file")]
    api: Option<String>,
    /// The file with the API's token: <data>/admin.token
    #[arg(long, value_name = "FILE", requires = "api")]
    token_file: Option<PathBuf>,
    /// The host's process: its CPU time and memory are measured
    #[arg(long, value_name = "PID")]
    host_pid: Option<u32>,
    /// Loader processes [default: as many as the stations need]
    #[arg(long, value_name = "K")]
    processes: Option<usize>,
    /// Stations; takes the place of the scenario's, of its sizes too
    #[arg(long, value_name = "N")]
    stations: Option<usize>,
    /// New connections a second; takes the place of the scenario's
    #[arg(long)]
    ramp: Option<f64>,
    /// Versions with their shares, such as 1.6=60,2.0.1=30,2.1=10
    #[arg(long, value_name = "SHARES")]
    versions: Option<String>,
    /// Messages, a phase for each, such as heartbeat,status,meter,charge; shares in one phase as
    /// heartbeat=4+status=1
    #[arg(long, default_value = "heartbeat,status,meter,charge", conflicts_with = "scenario")]
    mix: String,
    /// Messages a second of all stations; 0: the next as soon as the last is answered
    #[arg(long, default_value_t = 1000.0, conflicts_with = "scenario")]
    rate: f64,
    /// Seconds of each phase; takes the place of the scenario's
    #[arg(long, value_name = "SECONDS")]
    duration: Option<f64>,
    /// Seed of everything that happens by chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the names of the stations begin with
    #[arg(long, default_value = "LOAD")]
    prefix: String,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Fail when a bound of the scenario is missed or was not measured
    #[arg(long)]
    check: bool,
}

impl Sim {
    pub(super) fn run(self) -> Outcome {
        match self {
            Self::Load(load) => load.run(),
            Self::Site(site) => site.run(),
            Self::Scenarios => scenarios(),
            Self::Allocate(allocate) => allocate.run(),
            Self::Worker => worker(),
            Self::Echo => echo(),
        }
    }
}

impl Load {
    fn run(self) -> Outcome {
        let scenario = self.scenario().map_err(Failure::Failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let report = runtime.block_on(unless_ended(self.measure(scenario)))?;
        let text = if self.json {
            serde_json::to_string_pretty(&report).map_err(|e| Failure::Failed(e.to_string()))?
                + "\n"
        } else {
            report.table()
        };
        std::io::stdout().write_all(text.as_bytes())?;
        let met = report.verdicts.iter().all(|verdict| verdict.met);
        if self.check && !met { Err(Failure::No) } else { Ok(()) }
    }

    async fn measure(&self, scenario: Scenario) -> Result<Report, Failure> {
        if self.echo {
            return self.echoed(scenario).await;
        }
        let echo = self.echo_costs(&scenario).await?;
        if !self.serve {
            let options = Options { echo, ..self.options(scenario)? };
            return load::run(&options, &mut progress).await.map_err(Failure::Failed);
        }
        progress("starting a host");
        let unsigned = scenario.plugins().into_iter().any(tariffs::is_guest);
        let wanted = Wanted { tls: self.tls, unsigned, keep: self.keep };
        let served = Served::start(wanted).await.map_err(Failure::Failed)?;
        let mut options = self.options(scenario)?;
        options.echo = echo;
        served.tell(&mut options);
        options.tracing = self.trace.then(|| served.tracing());
        let report = load::run(&options, &mut progress).await;
        served.stop().await;
        report.map_err(Failure::Failed)
    }

    /// Runs against a bare echo.
    async fn echoed(&self, scenario: Scenario) -> Result<Report, Failure> {
        let (child, url) = echo_process().await?;
        let mut options = self.options(scenario)?;
        (options.url, options.host_pid, options.api) = (url, child.id(), None);
        load::run(&options, &mut progress).await.map_err(Failure::Failed)
    }

    /// What a message costs a bare echo, at each rate at which a phase is held against it, with
    /// each size of the fleet.
    async fn echo_costs(&self, scenario: &Scenario) -> Result<Vec<Echo>, Failure> {
        let mut phases: Vec<Phase> = Vec::new();
        for phase in scenario.phases.iter().filter(|phase| phase.bounds.need_an_echo()) {
            if phases.iter().all(|known| known.rate != phase.rate) {
                phases.push(Phase {
                    name: "echo".to_owned(),
                    seconds: phase.seconds,
                    rate: phase.rate,
                    mix: Mix::HEART,
                    ..Phase::default()
                });
            }
        }
        if phases.is_empty() {
            return Ok(Vec::new());
        }
        let echoed = Scenario {
            name: "echo".to_owned(),
            bounds: load::scenario::Bounds::default(),
            rounds: 1,
            phases,
            ..scenario.clone()
        };
        let rows = self.echoed(echoed).await?.phases.into_iter();
        let phases = rows.filter(|row| row.place.is_some());
        let echo = |row: Row| {
            let us = row.host_cpu_us_per_message?;
            Some(Echo { rate: row.rate, stations: row.stations, us })
        };
        Ok(phases.filter_map(echo).collect())
    }

    fn options(&self, scenario: Scenario) -> Result<Options, Failure> {
        let api = match (&self.api, &self.token_file) {
            (Some(api), Some(file)) => {
                let token = std::fs::read_to_string(file);
                let token = token
                    .map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
                Some((api.clone(), token.trim().to_owned()))
            }
            _ => None,
        };
        let program = std::env::current_exe()?;
        Ok(Options {
            scenario,
            url: self.url.clone(),
            root: self.root.clone(),
            api,
            host_pid: self.host_pid,
            processes: self.processes,
            worker: (program, vec!["sim".to_owned(), "worker".to_owned()]),
            seed: self.seed,
            prefix: self.prefix.clone(),
            echo: Vec::new(),
            tracing: None,
        })
    }

    fn scenario(&self) -> Result<Scenario, String> {
        let mut scenario = match &self.scenario {
            Some(name) => named(name)?,
            None => Scenario {
                name: "flags".to_owned(),
                stations: 100,
                ramp: 400.0,
                rounds: 1,
                phases: phases(if self.echo { "heartbeat" } else { &self.mix }, self.rate)?,
                ..Scenario::default()
            },
        };
        if let Some(stations) = self.stations {
            scenario.stations = stations;
            scenario.sizes.clear();
        }
        if let Some(ramp) = self.ramp {
            scenario.ramp = ramp;
        }
        if let Some(shares) = &self.versions {
            scenario.versions = versions(shares)?;
        }
        if let Some(seconds) = self.duration {
            for phase in &mut scenario.phases {
                phase.seconds = seconds;
            }
        }
        scenario.check()?;
        Ok(scenario)
    }
}

/// Starts `busbar sim echo`; it ends with the value.
async fn echo_process() -> Result<(tokio::process::Child, String), Failure> {
    let mut child = tokio::process::Command::new(std::env::current_exe()?)
        .args(["sim", "echo"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut said = String::new();
    if let Some(out) = child.stdout.as_mut() {
        tokio::io::BufReader::new(out).read_line(&mut said).await?;
    }
    Ok((child, format!("ws://127.0.0.1:{}/ocpp", said.trim())))
}

/// One thread, like a host's for sockets.
fn echo() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
        Ok(load::echo(listener).await?)
    })
}

fn named(name: &str) -> Result<Scenario, String> {
    let built_in = load::SCENARIOS.iter().find(|(known, _)| *known == name);
    match built_in {
        Some((name, text)) => Scenario::read(text).map_err(|error| format!("{name}:{error}")),
        None => {
            let text = std::fs::read_to_string(name).map_err(|error| {
                let known: Vec<_> = load::SCENARIOS.iter().map(|(known, _)| *known).collect();
                format!("{name}: {error}; built in are {}", known.join(", "))
            })?;
            Scenario::read(&text).map_err(|error| format!("{name}:{error}"))
        }
    }
}

/// `heartbeat,status=2+meter=1`: a phase for each part between commas.
fn phases(text: &str, rate: f64) -> Result<Vec<Phase>, String> {
    let mut phases = Vec::new();
    for part in text.split(',').map(str::trim) {
        let mut mix = Mix::default();
        for share in part.split('+') {
            let (name, number) = share.split_once('=').unwrap_or((share, "1"));
            let number =
                number.parse().map_err(|_| format!("--mix {part}: {number} is no share"))?;
            match name.trim() {
                "heartbeat" => mix.heartbeat = number,
                "status" => mix.status = number,
                "meter" => mix.meter = number,
                "charge" => mix.charge = number,
                other => {
                    return Err(format!(
                        "--mix {part}: {other:?} is not one of heartbeat, status, meter, charge"
                    ));
                }
            }
        }
        phases.push(Phase { name: part.to_owned(), seconds: 10.0, rate, mix, ..Phase::default() });
    }
    Ok(phases)
}

fn versions(text: &str) -> Result<Versions, String> {
    let mut versions = Versions { v16: 0, v201: 0, v21: 0 };
    for part in text.split(',').map(str::trim) {
        let (name, number) = part.split_once('=').unwrap_or((part, "1"));
        let number = number.parse().map_err(|_| format!("--versions {part}: no share"))?;
        match name {
            "1.6" => versions.v16 = number,
            "2.0.1" => versions.v201 = number,
            "2.1" => versions.v21 = number,
            _ => return Err(format!("--versions {part}: not one of 1.6, 2.0.1, 2.1")),
        }
    }
    Ok(versions)
}

fn progress(text: &str) {
    // Where standard error is gone, nobody follows.
    let _ = writeln!(std::io::stderr(), "busbar sim: {text}");
}

fn scenarios() -> Outcome {
    let mut out = std::io::stdout().lock();
    let of_load = load::SCENARIOS.iter().map(|scenario| ("load", scenario));
    let of_site = busbar_sim::site::SCENARIOS.iter().map(|scenario| ("site", scenario));
    for (of, (name, text)) in of_load.chain(of_site) {
        let about: Vec<_> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let about = about.join(" ").replace("# ", "");
        writeln!(out, "{of} {name:<10}{}", about.trim_start_matches('#').trim())?;
    }
    Ok(())
}

fn worker() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let input = tokio::io::BufReader::new(tokio::io::stdin());
    Ok(runtime.block_on(load::serve(input, tokio::io::stdout()))?)
}

#[cfg(test)]
mod tests;
