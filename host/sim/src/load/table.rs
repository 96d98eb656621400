//! Owns how the result of a run is shown: a table for people, JSON for machines. Must never
//! compute what was not measured.

use serde::Serialize;

use super::hist::Histogram;
use super::pool::Stats;
use super::script::Kind;

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// Its phases.
    pub phases: Vec<Row>,
}

/// The result of a phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub phase: String,
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
    /// Everything else that was counted.
    pub stats: Stats,
}

impl Report {
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
        for sample in self.phases.iter().flat_map(|row| &row.stats.samples).take(3) {
            out.push_str(&format!("an error: {sample}\n"));
        }
        out
    }
}

impl Row {
    pub(super) fn new(phase: &str, stats: Stats, host_cpu_us: Option<u64>) -> Self {
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
            phase: phase.to_owned(),
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
            self.stats.errors + self.stats.timeouts,
            self.stats.broken,
        );
        if let Some(back) = self.stats.latencies.get(&Kind::Back) {
            line.push_str(&format!(
                "| … all {} back after {:.1} s (half after {:.1} s) | | | | | | | | | |\n",
                back.count(),
                back.max_us() as f64 / 1e6,
                back.permille_us(500) as f64 / 1e6
            ));
        }
        line
    }
}
