//! Owns the judgement: what the cars truly draw in each row, second by second, against what is
//! allowed there. Must never ask the host anything.

use super::yard::{CUT, Kind, OUTLET_MA, Yard};
use crate::simulation::plan::SECOND;

/// A cut of the grid connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) announced: bool,
    /// Until when nobody could react, because there was no host.
    pub(super) excused: i64,
}

/// A reaction to a cut that was not announced may take so long.
pub(super) const REACTION: i64 = 15 * SECOND;

/// A station that ignores its limits is seen to after so long: two readings, each late or lost
/// once, and the others' decreases.
pub(super) const FOUND_OUT: i64 = 90 * SECOND;

/// What flows at an outlet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    pub(super) ma: i64,
    pub(super) phases: usize,
    /// What its car would take of all that the outlet can give.
    pub(super) wish_ma: i64,
    pub(super) wish_phases: usize,
    /// Since when it draws more than it was ever told that it may.
    pub(super) lies_since: Option<i64>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) seconds: i64,
    pub(super) cars: i64,
    /// Seconds above a limit outside the reaction to a cut that was not announced.
    pub(super) over: i64,
    /// The longest time that such a reaction took.
    pub(super) reaction: i64,
    /// The longest time without a break, and the worst load in per mille of its limit.
    pub(super) longest: i64,
    pub(super) worst: i64,
    /// Cuts that were not announced, and those after which something was over at all.
    pub(super) cuts: i64,
    pub(super) felt: i64,
    /// Seconds above a limit for a station that nobody knew to ignore it.
    pub(super) lied: i64,
    pub(super) drawn: i64,
    pub(super) ideal: i64,
    pub(super) messages: i64,
    pub(super) pauses: i64,
    pub(super) crashes: i64,
    pub(super) facts: i64,
    /// The first second above a limit outside a reaction.
    pub(super) first: Option<String>,
}

impl Score {
    pub(super) fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.cars += other.cars;
        self.over += other.over;
        self.reaction = self.reaction.max(other.reaction);
        self.longest = self.longest.max(other.longest);
        self.worst = self.worst.max(other.worst);
        self.cuts += other.cuts;
        self.felt += other.felt;
        self.lied += other.lied;
        self.drawn += other.drawn;
        self.ideal += other.ideal;
        self.messages += other.messages;
        self.pauses += other.pauses;
        self.crashes += other.crashes;
        self.facts += other.facts;
        if self.first.is_none() {
            self.first.clone_from(&other.first);
        }
    }
}

/// The judge.
#[derive(Default)]
pub(super) struct Judge {
    pub(super) score: Score,
    run: i64,
    felt: Option<i64>,
}

impl Judge {
    /// Looks at one second.
    pub(super) fn look(
        &mut self,
        yard: &Yard,
        now: i64,
        flows: &[Flow],
        base: [i64; 3],
        cut: &Cut,
    ) {
        self.score.seconds += 1;
        let is_cut = cut.from <= now && now < cut.until;
        let since = now - cut.from.max(cut.excused);
        let reacting = is_cut && !cut.announced && since <= REACTION;
        let mut worst: Option<(i64, String)> = None;
        let mut found = None;
        for (index, circuit) in yard.circuits.iter().enumerate() {
            let limit = limit(yard, index, is_cut);
            let loads = loads(yard, index, flows, base, |flow| flow.ma);
            for (line, load) in loads.into_iter().enumerate().filter(|(_, load)| *load > limit) {
                let lying = lies(yard, index, line, flows, now);
                found = Some(
                    found.unwrap_or(true)
                        && lying
                        && load - lying_ma(yard, index, line, flows) <= limit,
                );
                let part = load * 1_000 / limit;
                if worst.as_ref().is_none_or(|(most, _)| part > *most) {
                    let what = format!("{}/L{}: {load} of {limit} mA", circuit.name, line + 1);
                    worst = Some((part, what));
                }
            }
        }
        self.count(
            now,
            worst,
            (reacting, is_cut && !cut.announced),
            since,
            found == Some(true),
            cut,
        );
        self.ideal(yard, flows, base, is_cut);
    }

    fn count(
        &mut self,
        now: i64,
        worst: Option<(i64, String)>,
        (reacting, in_cut): (bool, bool),
        since: i64,
        lied: bool,
        cut: &Cut,
    ) {
        let Some((part, what)) = worst else {
            self.run = 0;
            return;
        };
        if lied {
            self.score.lied += 1;
            return;
        }
        self.run += 1;
        self.score.longest = self.score.longest.max(self.run);
        self.score.worst = self.score.worst.max(part);
        if in_cut && self.felt != Some(cut.from) {
            self.felt = Some(cut.from);
            self.score.felt += 1;
        }
        if reacting {
            self.score.reaction = self.score.reaction.max(since / SECOND);
        } else {
            self.score.over += 1;
            let at = self.score.seconds;
            self.score.first.get_or_insert_with(|| {
                format!("second {at} (time {now}), {} s after the last cut: {what}", since / SECOND)
            });
        }
    }

    /// What perfect sharing could give, line by line.
    fn ideal(&mut self, yard: &Yard, flows: &[Flow], base: [i64; 3], is_cut: bool) {
        self.score.drawn += flows.iter().map(|flow| flow.ma * flow.phases as i64).sum::<i64>();
        for (line, base) in base.into_iter().enumerate() {
            // From the leaves up: what a circuit passes on is what it is asked for, or its limit.
            let mut passed = [0; 5];
            for index in (0..yard.circuits.len()).rev() {
                let own: i64 = yard
                    .outlets
                    .iter()
                    .zip(flows)
                    .filter(|(outlet, flow)| {
                        outlet.above[0] == index && outlet.lines[..flow.wish_phases].contains(&line)
                    })
                    .map(|(_, flow)| flow.wish_ma.min(OUTLET_MA))
                    .sum();
                let free = limit(yard, index, is_cut) - if index == 0 { base } else { 0 };
                passed[index] = (passed[index] + own).min(free.max(0));
                if let Some(parent) = yard.parent(index) {
                    passed[parent] += passed[index];
                }
            }
            self.score.ideal += passed[0];
        }
    }
}

fn limit(yard: &Yard, circuit: usize, is_cut: bool) -> i64 {
    let limit = yard.circuits[circuit].limit_ma;
    if circuit == 0 && is_cut { cut_to(limit) } else { limit }
}

/// What is left of the grid connection in a cut.
pub(super) fn cut_to(limit: i64) -> i64 {
    limit * CUT / 1_000
}

fn loads(
    yard: &Yard,
    circuit: usize,
    flows: &[Flow],
    base: [i64; 3],
    of: impl Fn(&Flow) -> i64,
) -> [i64; 3] {
    let mut loads = if circuit == 0 { base } else { [0; 3] };
    let below = yard.outlets.iter().zip(flows).filter(|(o, _)| o.above.contains(&circuit));
    for (outlet, flow) in below {
        for line in &outlet.lines[..flow.phases] {
            loads[*line] += of(flow);
        }
    }
    loads
}

/// Whether a station draws there that nobody knows to ignore its limit, and not for long.
fn lies(yard: &Yard, circuit: usize, line: usize, flows: &[Flow], now: i64) -> bool {
    yard.outlets.iter().zip(flows).any(|(outlet, flow)| {
        let there = outlet.above.contains(&circuit) && outlet.lines[..flow.phases].contains(&line);
        there && flow.lies_since.is_some_and(|since| now - since <= FOUND_OUT)
    })
}

/// What such stations draw beyond their fallback.
fn lying_ma(yard: &Yard, circuit: usize, line: usize, flows: &[Flow]) -> i64 {
    let all = yard.outlets.iter().zip(flows).filter(|(outlet, flow)| {
        outlet.kind == Kind::Liar
            && outlet.above.contains(&circuit)
            && outlet.lines[..flow.phases].contains(&line)
    });
    all.map(|(outlet, flow)| (flow.ma - outlet.fallback_ma).max(0)).sum()
}
