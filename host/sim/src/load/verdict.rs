//! Owns whether a run kept to its bounds. What was not measured is missed. Must never round in
//! favour of the host.

use serde::Serialize;

use super::scenario::{Bounds, Phase, Scenario};
use super::script::Kind;
use super::table::{Report, Row};

/// A bound, and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The phase, or the whole run.
    pub of: String,
    /// The bound, as scenario files name it.
    pub bound: &'static str,
    /// The most, or the least, that is allowed.
    pub limit: f64,
    /// The worst that was measured; none where it could not be.
    pub measured: Option<f64>,
    /// Whether it is met.
    pub met: bool,
}

impl Verdict {
    pub(crate) fn most(of: &str, bound: &'static str, limit: f64, measured: Option<f64>) -> Self {
        let met = measured.is_some_and(|measured| measured <= limit);
        Self { of: of.to_owned(), bound, limit, measured, met }
    }

    pub(crate) fn least(of: &str, bound: &'static str, limit: f64, measured: Option<f64>) -> Self {
        let met = measured.is_some_and(|measured| measured >= limit);
        Self { of: of.to_owned(), bound, limit, measured, met }
    }

    /// A line for people.
    pub fn line(&self) -> String {
        let Self { of, bound, limit, .. } = self;
        let word = if self.met { "met" } else { "MISSED" };
        let measured = self.measured.map_or_else(
            || "not measured".to_owned(),
            |measured| format!("{}", (measured * 1000.0).round() / 1000.0),
        );
        format!("{word:<7} {of}: {bound} {limit}, measured {measured}\n")
    }
}

/// All that a scenario bounds.
pub(super) fn judge(scenario: &Scenario, tls: bool, report: &Report) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let Bounds { kib_per_connection_max, kib_per_connection_tls_max } = scenario.bounds;
    let (bound, limit) = if tls {
        ("kib_per_connection_tls_max", kib_per_connection_tls_max)
    } else {
        ("kib_per_connection_max", kib_per_connection_max)
    };
    let kib = report.kib_per_connection();
    verdicts.extend(limit.map(|limit| Verdict::most("idle connections", bound, limit, kib)));
    for (index, phase) in scenario.phases.iter().enumerate() {
        let rows: Vec<&Row> = report.rows_of(index).collect();
        of_rows(phase, &rows, &mut verdicts);
        if let Some(limit) = phase.bounds.cpu_echo_ratio_max {
            let ratio = |row: &Row| Some(row.host_cpu_us_per_message? / report.echo_us(row)?);
            let worst = worst(&rows, &ratio, f64::max);
            verdicts.push(Verdict::most(&phase.name, "cpu_echo_ratio_max", limit, worst));
        }
        compared(scenario, index, report, &mut verdicts);
    }
    verdicts
}

/// What each row of a phase is held to: the worst counts.
fn of_rows(phase: &Phase, rows: &[&Row], verdicts: &mut Vec<Verdict>) {
    let (name, bounds) = (phase.name.as_str(), &phase.bounds);
    let mut most = |bound, limit: Option<f64>, of: &dyn Fn(&Row) -> Option<f64>| {
        let worst = worst(rows, of, f64::max);
        verdicts.extend(limit.map(|limit| Verdict::most(name, bound, limit, worst)));
    };
    most("cpu_us_max", bounds.cpu_us_max, &|row| row.host_cpu_us_per_message);
    most("p99_ms_max", bounds.p99_ms_max, &|row| {
        (row.answered > 0).then(|| row.p99_us as f64 / 1000.0)
    });
    let number = |most: Option<u64>| most.map(|most| most as f64);
    most("failures_max", number(bounds.failures_max), &|row| Some(row.stats.failures() as f64));
    most("broken_max", number(bounds.broken_max), &|row| Some(row.stats.broken as f64));
    most("back_within_s", bounds.back_within_s, &|row| {
        let back = row.stats.latencies.get(&Kind::Back)?;
        (back.count() == row.stations as u64).then(|| back.max_us() as f64 / 1e6)
    });
    let lost = bounds.nothing_lost.then_some(0.0);
    most("nothing_lost", lost, &|row| {
        let kept = row.kept.as_ref().filter(|kept| kept.looked_for == row.stations)?;
        Some(kept.lost as f64)
    });
    most("rss_ratio_max", bounds.rss_ratio_max, &|row| row.memory.ratio());
    most("rss_slope_kib_per_min_max", bounds.rss_slope_kib_per_min_max, &|row| {
        row.memory.slope_kib_per_min()
    });
    if let Some(limit) = bounds.per_second_min {
        let slowest = worst(rows, &|row| Some(row.per_second), f64::min);
        verdicts.push(Verdict::least(name, "per_second_min", limit, slowest));
    }
}

/// What rows are held to beside each other.
fn compared(scenario: &Scenario, index: usize, report: &Report, verdicts: &mut Vec<Verdict>) {
    let phase = &scenario.phases[index];
    if let (Some(limit), Some(against)) = (phase.bounds.p99_ratio_max, &phase.against) {
        let other = scenario.phases.iter().position(|phase| phase.name == *against);
        let ratios = other.map(|other| report.p99_ratios(index, other)).unwrap_or_default();
        let whole = ratios.len() == scenario.rounds * scenario.steps().len();
        let median = whole.then(|| median(&ratios)).flatten();
        verdicts.push(Verdict::most(&phase.name, "p99_ratio_max", limit, median));
    }
    let mut growth = |bound, limit: Option<f64>, costs: Option<Vec<f64>>| {
        let whole = costs.filter(|costs| costs.len() == scenario.sizes.len());
        let ratio = whole.and_then(|costs| dearest_to_first(&costs));
        verdicts.extend(limit.map(|limit| Verdict::most(&phase.name, bound, limit, ratio)));
    };
    let bounds = &phase.bounds;
    growth("cpu_ratio_max", bounds.cpu_ratio_max, Some(report.costs_by_size(index)));
    let beyond = report.costs_beyond_echo(index);
    growth("cpu_ratio_beyond_echo_max", bounds.cpu_ratio_beyond_echo_max, beyond);
}

/// The dearest of all sizes divided by the first one; none where nothing was to be paid for it.
pub(super) fn dearest_to_first(costs: &[f64]) -> Option<f64> {
    let first = costs.first().filter(|first| **first > 0.0)?;
    costs.iter().skip(1).copied().reduce(f64::max).map(|dearest| dearest / first)
}

/// The worst of all rows; none where a single one was not measured.
fn worst(
    rows: &[&Row],
    of: &dyn Fn(&Row) -> Option<f64>,
    worse: fn(f64, f64) -> f64,
) -> Option<f64> {
    let all: Option<Vec<f64>> = rows.iter().map(|row| of(row)).collect();
    all?.into_iter().reduce(worse)
}

/// The middle one; the mean of the two in the middle of an even number.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[middle - 1], upper) })
}

#[cfg(test)]
mod tests;
