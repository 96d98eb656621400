//! Owns how the result of a run is shown: a table for people, JSON for machines. Must never
//! compute what was not measured.

use serde::Serialize;

use super::hist::Histogram;
use super::kept::Kept;
use super::memory::Samples;
use super::pool::Stats;
use super::script::Kind;
use super::trace::Traced;
use super::verdict::{Verdict, dearest_to_first, median};

/// Phases of at least so many seconds show how memory went.
const LONG_S: f64 = 60.0;

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The scenario.
    pub scenario: String,
    /// Stations that took part.
    pub stations: usize,
    /// Processes that held them.
    pub processes: usize,
    /// Resident memory of the host before the first connection, in KiB.
    pub host_rss_before_kib: Option<u64>,
    /// With all connected and idle, in KiB.
    pub host_rss_connected_kib: Option<u64>,
    /// At the end, in KiB.
    pub host_rss_end_kib: Option<u64>,
    /// What a message costs a bare echo on this machine.
    pub echo: Vec<Echo>,
    /// Its phases.
    pub phases: Vec<Row>,
    /// What its system calls showed, where they were traced.
    pub trace: Option<Traced>,
    /// Whether it kept to its bounds.
    pub verdicts: Vec<Verdict>,
}

/// What a bare echo needed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Echo {
    /// Messages a second.
    pub rate: f64,
    /// Over so many connections.
    pub stations: usize,
    /// CPU time for each message, in microseconds.
    pub us: f64,
}

/// The result of a phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name, with the plugin that it had.
    pub phase: String,
    /// Where it stands in the run; none of what is no phase of the scenario.
    pub place: Option<Place>,
    /// Stations that were connected.
    pub stations: usize,
    /// Messages a second that were to be sent; 0 without a pace.
    pub rate: f64,
    /// How long it took.
    pub seconds: f64,
    /// Answered calls.
    pub answered: u64,
    /// Answered calls in a second.
    pub per_second: f64,
    /// Half of the answers came within, in microseconds.
    pub p50_us: u64,
    /// 90 of 100.
    pub p90_us: u64,
    /// 99 of 100.
    pub p99_us: u64,
    /// 999 of 1000.
    pub p999_us: u64,
    /// All.
    pub max_us: u64,
    /// CPU time of the host for each message that it was sent, in microseconds.
    pub host_cpu_us_per_message: Option<f64>,
    /// CPU of the host, in parts of one core.
    pub host_cores: Option<f64>,
    /// CPU of the load generator, in parts of one core.
    pub loader_cores: f64,
    /// Resident memory of the host meanwhile.
    pub memory: Samples,
    /// Whether what was acknowledged was there, where that was looked for.
    pub kept: Option<Kept>,
    /// Everything else that was counted.
    pub stats: Stats,
}

/// Which phase of a scenario a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Number of the phase, from 0.
    pub phase: usize,
    /// Number of the round, from 0.
    pub round: usize,
}

impl Report {
    /// The rows of a phase, in the order of their rounds and sizes.
    pub(super) fn rows_of(&self, phase: usize) -> impl Iterator<Item = &Row> {
        let of_phase = move |row: &&Row| row.place.is_some_and(|place| place.phase == phase);
        self.phases.iter().filter(of_phase)
    }

    /// The p99 of a phase divided by that of another, pair by pair.
    pub(super) fn p99_ratios(&self, phase: usize, against: usize) -> Vec<f64> {
        let pairs = self.rows_of(phase).zip(self.rows_of(against));
        let answered = pairs.filter(|(row, other)| row.answered > 0 && other.answered > 0);
        answered.map(|(row, other)| row.p99_us as f64 / other.p99_us.max(1) as f64).collect()
    }

    /// CPU time of the host for each message of a phase, one for each size of the fleet: the
    /// median of its rounds.
    pub(super) fn costs_by_size(&self, phase: usize) -> Vec<f64> {
        let mut by_size = std::collections::BTreeMap::<usize, Vec<f64>>::new();
        for row in self.rows_of(phase) {
            if let Some(cost) = row.host_cpu_us_per_message {
                by_size.entry(row.stations).or_default().push(cost);
            }
        }
        by_size.values().filter_map(|costs| median(costs)).collect()
    }

    /// The same, less what a message costs a bare echo more than with the smallest size: what the
    /// host itself adds. None where the echo was not measured with each size.
    pub(super) fn costs_beyond_echo(&self, phase: usize) -> Option<Vec<f64>> {
        let mut sizes: Vec<&Row> = self.rows_of(phase).collect();
        sizes.dedup_by_key(|row| row.stations);
        let echo: Option<Vec<f64>> = sizes.into_iter().map(|row| self.echo_us(row)).collect();
        let echo = echo?;
        let first = *echo.first()?;
        let costs = self.costs_by_size(phase).into_iter();
        Some(costs.zip(echo).map(|(cost, echo)| cost - (echo - first)).collect())
    }

    /// What a bare echo needs for a message, in microseconds of CPU time, at the rate of a row and
    /// over as many connections.
    pub(super) fn echo_us(&self, row: &Row) -> Option<f64> {
        let same = |echo: &&Echo| (echo.rate, echo.stations) == (row.rate, row.stations);
        self.echo.iter().find(same).map(|echo| echo.us)
    }

    /// Memory of the host for each connection, in KiB.
    pub fn kib_per_connection(&self) -> Option<f64> {
        let (before, after) = (self.host_rss_before_kib?, self.host_rss_connected_kib?);
        let connected = self.phases.first().map(|row| row.stats.connected)?;
        (connected > 0).then(|| (after as f64 - before as f64) / connected as f64)
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut out = format!(
            "{}: {} stations, {} loader process(es)\n\n",
            self.scenario, self.stations, self.processes
        );
        out.push_str(
            "| phase | answered | per s | p50 ms | p99 ms | max ms | host CPU per message | \
             host cores | errors | broken |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        for row in &self.phases {
            out.push_str(&row.line());
        }
        out.push('\n');
        for Echo { rate, stations, us } in &self.echo {
            out.push_str(&format!(
                "A bare WebSocket echo here: {us:.1} µs a message at {rate:.0} a second over \
                 {stations} connections\n"
            ));
        }
        if let Some(kib) = self.kib_per_connection() {
            out.push_str(&format!("Host memory per idle connection: {kib:.1} KiB"));
            if let (Some(before), Some(end)) = (self.host_rss_before_kib, self.host_rss_end_kib) {
                out.push_str(&format!(
                    " (resident {:.1} MiB before, {:.1} MiB at the end)",
                    before as f64 / 1024.0,
                    end as f64 / 1024.0
                ));
            }
            out.push('\n');
        }
        out.push_str(&self.growth());
        out.push_str(&self.trace.as_ref().map(Traced::lines).unwrap_or_default());
        let errors = self.phases.iter().flat_map(|row| &row.stats.samples);
        let lost = self.phases.iter().flat_map(|row| &row.kept).flat_map(|kept| &kept.samples);
        for sample in errors.chain(lost).take(3) {
            out.push_str(&format!("an error: {sample}\n"));
        }
        if !self.verdicts.is_empty() {
            out.push('\n');
        }
        out.extend(self.verdicts.iter().map(Verdict::line));
        out
    }

    /// CPU time for each message, the sizes of the fleet side by side.
    fn growth(&self) -> String {
        let mut sizes: Vec<usize> = self.phases.iter().map(|row| row.stations).collect();
        sizes.dedup();
        if sizes.len() < 2 {
            return String::new();
        }
        let mut out = "\n| host CPU per message, µs, at |".to_owned();
        out.extend(sizes.iter().map(|size| format!(" {size} |")));
        out.push_str(" most / first | beyond a bare echo |\n|---|");
        out.push_str(&"---:|".repeat(sizes.len() + 2));
        let phases = self.phases.iter().filter_map(|row| row.place).map(|place| place.phase);
        for phase in 0..phases.max().map_or(0, |last| last + 1) {
            let costs = self.costs_by_size(phase);
            let Some(name) = self.rows_of(phase).next().map(|row| &row.phase) else {
                continue;
            };
            out.push_str(&format!("\n| {name} |"));
            out.extend(costs.iter().map(|cost| format!(" {cost:.1} |")));
            for costs in [Some(costs), self.costs_beyond_echo(phase)] {
                let ratio = costs.and_then(|costs| dearest_to_first(&costs));
                out.push_str(&ratio.map_or_else(|| " – |".to_owned(), |r| format!(" {r:.2} |")));
            }
        }
        out.push('\n');
        out
    }
}

impl Row {
    pub(super) fn new(
        phase: String,
        stations: usize,
        stats: Stats,
        host_cpu_us: Option<u64>,
        memory: Samples,
    ) -> Self {
        let seconds = stats.seconds;
        let mut all = Histogram::default();
        for (kind, latencies) in &stats.latencies {
            // A handshake is no message, and the way back is made of the others.
            if !matches!(kind, Kind::Connect | Kind::Back) {
                all.add(latencies);
            }
        }
        let messages = all.count() + stats.errors + stats.unpaced;
        let per_message = |us: u64| (messages > 0).then(|| us as f64 / messages as f64);
        let of = |permille| all.permille_us(permille);
        Self {
            phase,
            place: None,
            stations,
            rate: 0.0,
            seconds,
            answered: all.count(),
            per_second: all.count() as f64 / seconds.max(1e-9),
            p50_us: of(500),
            p90_us: of(900),
            p99_us: of(990),
            p999_us: of(999),
            max_us: all.max_us(),
            host_cpu_us_per_message: host_cpu_us.and_then(per_message),
            host_cores: host_cpu_us.map(|us| us as f64 / 1e6 / seconds.max(1e-9)),
            loader_cores: stats.cpu_us as f64 / 1e6 / seconds.max(1e-9),
            memory,
            kept: None,
            stats,
        }
    }

    fn line(&self) -> String {
        let ms = |us: u64| format!("{:.1}", us as f64 / 1000.0);
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        let mut line = format!(
            "| {} | {} | {:.0} | {} | {} | {} | {} | {} | {} | {} |\n",
            self.phase,
            self.answered,
            self.per_second,
            ms(self.p50_us),
            ms(self.p99_us),
            ms(self.max_us),
            or_dash(self.host_cpu_us_per_message.map(|us| format!("{us:.1} µs"))),
            or_dash(self.host_cores.map(|cores| format!("{cores:.2}"))),
            self.stats.failures(),
            self.stats.broken,
        );
        if let Some(back) = self.stats.latencies.get(&Kind::Back) {
            line.push_str(&format!(
                "| … {} back, the last after {:.1} s (half after {:.1} s) | | | | | | | | | |\n",
                back.count(),
                back.max_us() as f64 / 1e6,
                back.permille_us(500) as f64 / 1e6
            ));
        }
        if let Some(Kept { looked_for, lost, .. }) = &self.kept {
            line.push_str(&format!(
                "| … of {looked_for} acknowledged states {lost} are lost | | | | | | | | | |\n"
            ));
        }
        if let (Some(ratio), Some(slope)) = (self.memory.ratio(), self.memory.slope_kib_per_min())
            && self.seconds >= LONG_S
        {
            line.push_str(&format!(
                "| … memory: last quarter / first {ratio:.3}, {slope:.0} KiB a minute | | | \
                 | | | | | |\n"
            ));
        }
        line
    }
}
