//! Owns what a run comes to: whether the sum of what the cars drew stayed under the limit less the
//! base load, on each line of each circuit, and how much of it they had. Must never forgive an
//! excess that is not the reaction to a surprise.

mod table;

use serde::Serialize;

use super::Options;
use super::grid::{Grid, ms};
use super::plan::{GRID, Plan};
use super::sample::Sample;
use super::scenario::{REACTION_S, Scenario};
use crate::load::Verdict;

/// What a run comes to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// Its length in seconds.
    pub seconds: f64,
    /// Stations, each with one EVSE: 1.6, 2.0.1, 2.1.
    pub stations: [usize; 3],
    /// Looks at the stations, and the longest time between two.
    pub samples: usize,
    /// See `samples`.
    pub gap_s_max: f64,
    /// The limit of the grid connection's lines, at its lowest and at its highest.
    pub limit_a: [f64; 2],
    /// The most that all stations drew together on a line.
    pub draw_a_max: f64,
    /// The most that a line of the grid connection carried, with the base load.
    pub load_a_max: f64,
    /// By how much a limit was exceeded at most, but for reactions to surprises; where and when.
    pub excess_a: f64,
    /// For how long one was.
    pub excess_s: f64,
    /// See `excess_a`.
    pub excess_at: Option<String>,
    /// The share of limit less base load that was drawn in the busy time, by line.
    pub share_percent: Option<[f64; 3]>,
    /// Lower limits for a while.
    pub cuts: Vec<Cut>,
    /// When the host was away.
    pub outages: Vec<Outage>,
    /// Limits that stations were told, in all, and for each EVSE and hour.
    pub limits_told: u32,
    /// See `limits_told`.
    pub limits_per_evse_hour: f64,
    /// Cars that charged and were paused by their stations.
    pub pauses: Vec<Pause>,
    /// Energy that the stations gave.
    pub energy_kwh: f64,
    /// What was held against bounds.
    pub verdicts: Vec<Verdict>,
    /// Every look at the site, so that anyone can add up again.
    pub series: Vec<Moment>,
}

/// A lower limit for a while.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cut {
    /// From when on.
    pub at_s: f64,
    /// To what.
    pub to_a: f64,
    /// How long before it was announced.
    pub lead_s: f64,
    /// How long it was exceeded after it began.
    pub reaction_s: f64,
    /// By how much at most.
    pub excess_a: f64,
}

/// The host was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// When, in milliseconds of the run.
    pub at_ms: i64,
    /// When it took requests again.
    pub ready_ms: i64,
}

/// A car that charged was paused by its station.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pause {
    /// Where.
    pub station: String,
    /// When, in seconds of the run.
    pub at_s: f64,
}

/// The grid connection at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// In seconds of the run.
    pub at_s: f64,
    /// The limit of each line.
    pub limit_a: f64,
    /// The base load, by line.
    pub base_a: [f64; 3],
    /// What the stations drew, by line.
    pub draw_a: [f64; 3],
    /// Stations that were connected.
    pub online: usize,
}

impl Report {
    /// What the looks at the stations come to.
    pub fn new(
        options: &Options,
        plan: &Plan,
        grid: &Grid,
        samples: &[Sample],
        outages: Vec<Outage>,
    ) -> Self {
        let scenario = &options.scenario;
        let samples = match samples.iter().position(|sample| sample.at_ms >= 0) {
            Some(first) => &samples[first..],
            None => &[],
        };
        let mut report = Self {
            scenario: scenario.name.clone(),
            seconds: scenario.seconds,
            stations: versions(plan),
            samples: samples.len(),
            outages,
            series: samples.iter().map(|sample| Moment::of(plan, grid, sample)).collect(),
            ..Self::default()
        };
        report.sum_up();
        report.exceed(scenario, plan, grid, samples);
        report.cuts = cuts(plan, grid, samples);
        report.count(plan, samples);
        report.share_percent =
            scenario.bounds.busy_s.and_then(|busy_s| share(&report.series, busy_s));
        report.judge(scenario);
        report
    }

    fn sum_up(&mut self) {
        let gaps = self.series.windows(2).map(|pair| pair[1].at_s - pair[0].at_s);
        self.gap_s_max = gaps.fold(0.0, f64::max);
        let limits = || self.series.iter().map(|moment| moment.limit_a);
        self.limit_a = [limits().fold(f64::INFINITY, f64::min), limits().fold(0.0, f64::max)];
        for moment in &self.series {
            for (draw, base) in moment.draw_a.into_iter().zip(moment.base_a) {
                self.draw_a_max = self.draw_a_max.max(draw);
                self.load_a_max = self.load_a_max.max(draw + base);
            }
        }
    }

    /// By how much, for how long and where a limit was exceeded.
    fn exceed(&mut self, scenario: &Scenario, plan: &Plan, grid: &Grid, samples: &[Sample]) {
        let (mut worst, mut over_ms) = (0, 0);
        for (index, sample) in samples.iter().enumerate() {
            let mut is_over = false;
            let mut found = |name: &str, line: usize, excess: i64| {
                is_over |= excess > 0;
                if excess > worst {
                    worst = excess;
                    let at_s = seconds(sample.at_ms);
                    self.excess_at = Some(format!("{name}, L{} at {at_s:.1} s", line + 1));
                }
            };
            let (drawn, allowed) = (sample.lines_ma(plan, None), grid.allowed_ma(sample.at_ms));
            (0..3).for_each(|line| found(GRID, line, drawn[line] - allowed[line]));
            for (number, feeder) in scenario.site.feeders.iter().enumerate() {
                let drawn = sample.lines_ma(plan, Some(number));
                let limit = super::grid::ma(feeder.limit_a);
                (0..3).for_each(|line| found(&feeder.name, line, drawn[line] - limit));
            }
            if is_over {
                let next_ms = samples.get(index + 1).map_or(sample.at_ms, |next| next.at_ms);
                over_ms += next_ms - sample.at_ms;
            }
        }
        (self.excess_a, self.excess_s) = (amps(worst), seconds(over_ms));
    }

    fn count(&mut self, plan: &Plan, samples: &[Sample]) {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
        let told = |sample: &Sample| sample.evses.iter().map(|evse| evse.told).sum::<u32>();
        let energy =
            |sample: &Sample| sample.evses.iter().map(|evse| evse.register_mwh).sum::<i64>();
        self.limits_told = told(last).saturating_sub(told(first));
        let hours = seconds(last.at_ms - first.at_ms) / 3_600.0;
        let evses = last.evses.len() as f64;
        self.limits_per_evse_hour = f64::from(self.limits_told) / (evses * hours).max(1e-9);
        self.energy_kwh = (energy(last) - energy(first)) as f64 / 1e6;
        for pair in samples.windows(2) {
            let seen = plan.places.iter().zip(pair[0].evses.iter().zip(&pair[1].evses));
            let paused = seen.filter(|(_, (before, after))| before.charges && after.paused);
            self.pauses.extend(paused.map(|(place, _)| Pause {
                station: place.identity.clone(),
                at_s: seconds(pair[1].at_ms),
            }));
        }
    }

    fn judge(&mut self, scenario: &Scenario) {
        let bounds = &scenario.bounds;
        let measured = |value: f64| (self.samples > 0).then_some(value);
        let mut verdicts = vec![
            Verdict::most("limits", "excess_a_max", 0.0, measured(self.excess_a)),
            Verdict::most("looks at the stations", "gap_s_max", 1.0, measured(self.gap_s_max)),
        ];
        if let Some(worst) = self.cuts.iter().map(|cut| cut.reaction_s).reduce(f64::max) {
            let worst = measured(worst);
            verdicts.push(Verdict::most("cuts", "reaction_s_max", REACTION_S, worst));
        }
        if let Some(least) = bounds.share_percent_min {
            let share = self.share_percent.map(|lines| lines.iter().sum::<f64>() / 3.0);
            verdicts.push(Verdict::least("busy time", "share_percent_min", least, share));
        }
        if let Some(most) = bounds.pauses_max {
            let pauses = measured(self.pauses.len() as f64);
            verdicts.push(Verdict::most("cars", "pauses_max", f64::from(most), pauses));
        }
        self.verdicts = verdicts;
    }
}

impl Moment {
    fn of(plan: &Plan, grid: &Grid, sample: &Sample) -> Self {
        Self {
            at_s: seconds(sample.at_ms),
            limit_a: amps(grid.limit_ma(sample.at_ms)),
            base_a: grid.base_ma(sample.at_ms).map(amps),
            draw_a: sample.lines_ma(plan, None).map(amps),
            online: sample.evses.iter().filter(|evse| evse.online).count(),
        }
    }
}

/// By how much each line of the grid connection is over its limit; below zero where it is not.
fn excess_ma(plan: &Plan, grid: &Grid, sample: &Sample) -> [i64; 3] {
    let (drawn, room) = (sample.lines_ma(plan, None), grid.room_ma(sample.at_ms));
    [0, 1, 2].map(|line: usize| drawn[line] - room[line])
}

/// How long after each cut it was exceeded, within what is allowed for it.
fn cuts(plan: &Plan, grid: &Grid, samples: &[Sample]) -> Vec<Cut> {
    let until_ms = samples.last().map_or(0, |last| last.at_ms);
    let begun = grid.cuts().iter().filter(|cut| cut.from_ms <= until_ms);
    let cut = |cut: &super::grid::Window| {
        let (mut reaction_ms, mut excess) = (0, 0);
        let holds = cut.from_ms..cut.until_ms;
        for pair in samples.windows(2).filter(|pair| holds.contains(&pair[0].at_ms)) {
            let worst = excess_ma(plan, grid, &pair[0]).into_iter().max().unwrap_or(0);
            if worst > 0 {
                excess = excess.max(worst);
                reaction_ms = pair[1].at_ms - cut.from_ms;
            }
        }
        Cut {
            at_s: seconds(cut.from_ms),
            to_a: amps(cut.to_ma),
            lead_s: seconds(cut.from_ms - cut.told_ms),
            reaction_s: seconds(reaction_ms),
            excess_a: amps(excess),
        }
    };
    begun.map(cut).collect()
}

/// What was drawn of limit less base load between two times, by line, in percent.
fn share(series: &[Moment], [from_s, to_s]: [f64; 2]) -> Option<[f64; 3]> {
    let busy = |moment: &&Moment| (ms(from_s)..=ms(to_s)).contains(&ms(moment.at_s));
    let (mut drawn, mut there_was, mut count) = ([0.0; 3], [0.0; 3], 0);
    for moment in series.iter().filter(busy) {
        count += 1;
        drawn.iter_mut().zip(moment.draw_a).for_each(|(sum, draw)| *sum += draw);
        let room = moment.base_a.map(|base| (moment.limit_a - base).max(0.0));
        there_was.iter_mut().zip(room).for_each(|(sum, room)| *sum += room);
    }
    (count > 0).then(|| [0, 1, 2].map(|line: usize| 100.0 * drawn[line] / there_was[line].max(1.0)))
}

fn versions(plan: &Plan) -> [usize; 3] {
    use busbar_ocpp::Version;
    [Version::V16, Version::V201, Version::V21]
        .map(|version| plan.places.iter().filter(|p| p.spec().version == version).count())
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

fn amps(ma: i64) -> f64 {
    ma as f64 / 1e3
}
