//! Owns the course of a run: registers, connects, runs phase after phase, measures beside them and
//! judges at the end. Must never be measured as a part of the host.

use std::time::Duration;

use super::Options;
use super::crew::Crew;
use super::host::{cpu_us, resident_kib};
use super::kept;
use super::memory::Samples;
use super::pool::{Account, Stats};
use super::register;
use super::scenario::{Mix, Phase};
use super::table::{Place, Report, Row};
use super::tariffs::Tariffs;
use super::trace::{Tracer, Tracing, judge};
use super::verdict::{self, Verdict};

/// Open files are capped at 20,000 on the machines of our tests; a station is one.
const STATIONS_PER_PROCESS: usize = 15_000;
/// Rest after connecting, before memory is read.
const REST: Duration = Duration::from_secs(3);
/// What a process needs beside its stations.
const OTHER_FILES: u64 = 100;

/// Runs a scenario against a host.
///
/// # Errors
/// Why it could not be run, for people.
pub async fn run(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Report, String> {
    let scenario = &options.scenario;
    let mut run = Run::begin(options, progress).await?;
    for size in scenario.steps() {
        run.grow(size).await?;
        for round in 0..scenario.rounds {
            for index in 0..scenario.phases.len() {
                run.phase(Place { phase: index, round }).await?;
            }
        }
    }
    if let Some(tracing) = &options.tracing {
        run.traced(tracing).await?;
    }
    Ok(run.end().await)
}

struct Run<'a> {
    options: &'a Options,
    progress: &'a mut dyn FnMut(&str),
    crew: Crew,
    accounts: Vec<Account>,
    connected: usize,
    tariffs: Option<Tariffs>,
    report: Report,
}

impl<'a> Run<'a> {
    async fn begin(
        options: &'a Options,
        progress: &'a mut dyn FnMut(&str),
    ) -> Result<Self, String> {
        let scenario = &options.scenario;
        let needed = scenario.most().div_ceil(STATIONS_PER_PROCESS).max(1);
        let processes = options.processes.unwrap_or(needed).clamp(needed, scenario.most().max(1));
        enough_files(scenario.most(), processes)?;
        let accounts = register::accounts(options);
        let mut tariffs = None;
        if let Some(api) = &options.api {
            progress(&format!("registering {} stations", accounts.len()));
            if scenario.charges() {
                let mut made = Tariffs::new(api);
                made.make().await?;
                tariffs = Some(made);
            }
            register::register(api, &accounts, scenario).await?;
        }
        tokio::time::sleep(REST / 3).await;
        let report = Report {
            scenario: scenario.name.clone(),
            stations: scenario.most(),
            processes,
            echo: options.echo.clone(),
            host_rss_before_kib: options.host_pid.and_then(resident_kib),
            ..Report::default()
        };
        let crew = Crew::spawn(options, processes)?;
        Ok(Self { options, progress, crew, accounts, connected: 0, tariffs, report })
    }

    /// Connects further stations until there are so many.
    async fn grow(&mut self, size: usize) -> Result<(), String> {
        let (options, of) = (self.options, self.report.processes);
        let further = &self.accounts[self.connected..size];
        (self.progress)(&format!("connecting {} stations from {of} process(es)", further.len()));
        let seconds = further.len() as f64 / options.scenario.ramp;
        let connect = self.crew.connect(options, further);
        let row = measured(options, "connect".to_owned(), size, seconds, connect).await?;
        self.report.phases.push(row);
        self.connected = size;
        tokio::time::sleep(REST).await;
        self.report.host_rss_connected_kib = options.host_pid.and_then(resident_kib);
        Ok(())
    }

    async fn phase(&mut self, place: Place) -> Result<(), String> {
        let (options, size) = (self.options, self.connected);
        let phase = &options.scenario.phases[place.phase];
        let mut name = phase.name.clone();
        if let Some(plugin) = phase.plugin(place.round) {
            let tariffs = self.tariffs.as_mut();
            let tariffs = tariffs.ok_or("plugins need the host's API (--api or --serve)")?;
            tariffs.hand_to(plugin).await?;
            name = format!("{name}: {plugin}");
        }
        (self.progress)(&format!("{name} for {} s", phase.seconds));
        let work = self.crew.run(phase);
        let mut row = measured(options, name, size, phase.seconds, work).await?;
        (row.place, row.rate) = (Some(place), phase.rate);
        let told = std::mem::take(&mut row.stats.told);
        if phase.bounds.nothing_lost {
            let api = options.api.as_ref();
            let api = api.ok_or("nothing_lost needs the host's API (--api or --serve)")?;
            row.kept = Some(kept::look(api, &told).await?);
        }
        self.report.phases.push(row);
        Ok(())
    }

    /// A phase of durable messages, few enough that the tracer keeps up.
    async fn traced(&mut self, Tracing { store, file }: &Tracing) -> Result<(), String> {
        let phase = Phase {
            name: "traced".to_owned(),
            seconds: 4.0,
            rate: 100.0,
            mix: Mix { status: 1, meter: 1, ..Mix::default() },
            ..Phase::default()
        };
        let pid = self.options.host_pid.ok_or("a trace needs the host's process")?;
        (self.progress)(&format!("system calls for {} s", phase.seconds));
        let tracer = Tracer::attach(pid, file).await?;
        let work = self.crew.run(&phase);
        let row = measured(self.options, phase.name.clone(), self.connected, phase.seconds, work);
        let row = row.await?;
        tracer.detach().await.map_err(|error| format!("strace: {error}"))?;
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
        let traced = judge(&text, store);
        let (durable, answers) = (row.stats.durable() as f64, traced.answers as f64);
        let early = (traced.early + traced.illegible) as f64;
        self.report.verdicts.extend([
            Verdict::least("traced", "durable_answers_seen_min", durable.max(1.0), Some(answers)),
            Verdict::most("traced", "answers_before_their_sync_max", 0.0, Some(early)),
        ]);
        self.report.phases.push(row);
        self.report.trace = Some(traced);
        Ok(())
    }

    async fn end(mut self) -> Report {
        self.report.host_rss_end_kib = self.options.host_pid.and_then(resident_kib);
        self.crew.end().await;
        let tls = self.options.url.starts_with("wss:");
        let mut verdicts = verdict::judge(&self.options.scenario, tls, &self.report);
        verdicts.append(&mut self.report.verdicts);
        Report { verdicts, ..self.report }
    }
}

async fn measured(
    options: &Options,
    name: String,
    stations: usize,
    seconds: f64,
    work: impl Future<Output = Result<Stats, String>>,
) -> Result<Row, String> {
    let cpu = || options.host_pid.and_then(cpu_us);
    let before = cpu();
    let (memory, stats) = Samples::during(options.host_pid, seconds, work).await;
    let stats = stats?;
    let used = cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(Row::new(name, stations, stats, used, memory))
}

/// A process that may not open a file for each of its stations says so before it begins.
fn enough_files(stations: usize, processes: usize) -> Result<(), String> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    let each = stations.div_ceil(processes) as u64;
    // The host is another process of the same limit, and has all of them.
    let needed = each.max(stations as u64) + OTHER_FILES;
    match soft {
        Some(soft) if soft < needed => Err(format!(
            "{stations} stations need {needed} open files, {soft} are allowed: ulimit -n {needed}"
        )),
        _ => Ok(()),
    }
}
