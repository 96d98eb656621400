//! Owns progressive filling: all members rise with one level, and where a row is full its members
//! stay. A heap holds the level at which each row fills; as members stay behind, that level only
//! rises, so one that may be too low is computed again when it comes up, and not before. Must
//! never hand anything out: what it finds is rounded and checked elsewhere.

mod level;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use self::level::{Ramp, Ramps};
use crate::load::legs::Legs;
use crate::load::rows::Rows;

/// A row can fill if all that its members could take is so much more than it has, in microamperes.
const FULL: f64 = 1.0;

/// How much a member gets at a level, in mA: nothing below `low`, nothing above `high`, between
/// them `slope` for each level above `offset`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Curve {
    pub(super) offset: f64,
    pub(super) slope: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Before the first level is computed all rows are added up at so many levels, so that each is
/// computed between two of them, and in about the order in which they fill.
const PROBES: usize = 16;
/// So many members are asked for where those levels should be.
const ASKED: usize = 64;

/// Memory of a filling and, after `run`, its result.
#[derive(Debug, Default)]
pub(super) struct Water {
    members: Vec<Member>,
    rows: Vec<Filling>,
    /// Members that still rise and their coefficients, row by row.
    rising: Vec<(u32, u32)>,
    ramps: Ramps,
    heap: BinaryHeap<Full>,
    /// By row: what its members take at each of the probes.
    probed: Vec<[f64; PROBES]>,
    probes: [f64; PROBES],
    asked: Vec<f64>,
    /// No member rises below the one, or above the other.
    bottom: f64,
    top: f64,
}

/// An EVSE in the filling, by what it gets at a level. Looked at out of order by every row: it lies
/// in one line of the cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Member {
    /// The levels between which it rises from `low` to `high`.
    start: f64,
    end: f64,
    slope: f64,
    low: f64,
    high: f64,
    value: f64,
    state: State,
    /// The row that stopped it.
    stopped_by: u32,
    legs: Legs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// It takes no part.
    #[default]
    Out,
    Rising,
    /// A row stopped it below its most.
    Stopped,
    /// It has its most.
    Risen,
}

impl Member {
    fn at(&self, level: f64) -> f64 {
        let value = self.low + self.slope * (level - self.start);
        if level >= self.end { self.high } else { value.max(self.low).min(self.high) }
    }
}

/// A row, in microamperes.
#[derive(Clone, Copy, Debug, Default)]
struct Filling {
    capacity: f64,
    /// What members take that are not among those that rise any more.
    stopped: f64,
    /// What all members would take at their most.
    most: f64,
    /// The sum of the slopes of rising members: it fills no faster than that.
    slopes: f64,
    /// A level at which it would be full, but for `gap`.
    level: f64,
    gap: f64,
    /// It is full there or below, if nobody was stopped yet.
    high: f64,
    start: u32,
    end: u32,
    is_listed: bool,
    /// Members stopped since its level was computed, or it never was.
    is_stale: bool,
}

impl Filling {
    fn can_fill(&self) -> bool {
        self.most > self.capacity + FULL
    }

    /// A level below which it is not full. A part is left off for what floating point loses.
    fn not_before(&self) -> f64 {
        self.level + 0.99 * self.gap / self.slopes
    }
}

/// A row and the level at which it fills; the lowest comes first.
#[derive(Clone, Copy, Debug)]
struct Full {
    level: f64,
    row: u32,
}

impl Ord for Full {
    fn cmp(&self, other: &Self) -> Ordering {
        other.level.total_cmp(&self.level).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Full {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Full {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Full {}

/// A row whose members are gone through for its level.
struct Gathered<'a> {
    filling: &'a mut Filling,
    members: &'a [Member],
    ramps: &'a mut Ramps,
    /// What the rising ones have anyway, and how fast they rise.
    lows: f64,
    slopes: f64,
    from: f64,
}

impl Gathered<'_> {
    /// Takes a member over; whether it still rises. What one that has risen has is no part of
    /// `stopped` yet, what a stopped one has is.
    fn take(&mut self, evse: u32, coefficient: u32) -> bool {
        let (member, part) = (&self.members[evse as usize], f64::from(coefficient));
        let is_rising = member.state == State::Rising;
        if is_rising && member.end > self.from {
            let (start, span) = (member.start, member.end - member.start);
            self.lows += part * member.low;
            self.slopes += part * member.slope;
            self.ramps.add(Ramp { start, span, rate: part * member.slope });
            return true;
        }
        if is_rising || member.state == State::Risen {
            self.filling.stopped += part * member.high;
        }
        false
    }
}

impl Water {
    /// Forgets the last filling. Capacities are in microamperes. Takes all the memory that a
    /// filling of these rows can need.
    pub(super) fn begin(&mut self, rows: &Rows, capacity: &[i64]) {
        self.rising.clear();
        self.rising.reserve(rows.meetings());
        self.heap.clear();
        self.heap.reserve(capacity.len());
        self.ramps.reserve(rows.evses().len());
        self.members.clear();
        self.members.resize(rows.evses().len(), Member::default());
        self.rows.clear();
        let filling = |capacity: &i64| {
            let capacity = (*capacity as f64).max(0.0);
            Filling { capacity, is_stale: true, ..Filling::default() }
        };
        self.rows.extend(capacity.iter().map(filling));
        self.probed.clear();
        self.probed.resize(capacity.len(), [0.0; PROBES]);
        self.asked.clear();
        self.asked.reserve(2 * ASKED);
        (self.bottom, self.top) = (f64::INFINITY, f64::NEG_INFINITY);
    }

    /// Lets an EVSE take part.
    pub(super) fn add(&mut self, evse: u32, legs: Legs, curve: Curve) {
        let Curve { offset, slope, low, high } = curve;
        let (start, end) = (offset + low / slope, offset + high / slope);
        let (value, state, stopped_by) = (high, State::Rising, 0);
        self.members[evse as usize] =
            Member { start, end, slope, low, high, value, state, stopped_by, legs };
        self.bottom = self.bottom.min(start);
        self.top = self.top.max(end);
    }

    /// Adds up what the members of each row take, at the probes and at their most.
    fn probe(&mut self, rows: &Rows) {
        let each = self.members.len().div_ceil(ASKED).max(1);
        let asked = self.members.iter().step_by(each).filter(|member| member.state != State::Out);
        self.asked.extend(asked.flat_map(|member| [member.start, member.end]));
        self.asked.sort_unstable_by(f64::total_cmp);
        for (n, probe) in self.probes.iter_mut().enumerate() {
            let place = (2 * n + 1) * self.asked.len() / (2 * PROBES);
            *probe = self.asked.get(place).copied().unwrap_or(self.bottom);
        }
        self.probes[0] = self.bottom;
        for (evse, member) in (0..).zip(&self.members) {
            if member.state == State::Out {
                continue;
            }
            let values = self.probes.map(|level| member.at(level));
            for (row, coefficient) in rows.of_evse(evse, member.legs).filter(|(_, a)| *a > 0) {
                let (filling, part) = (&mut self.rows[row as usize], f64::from(coefficient));
                filling.most += part * member.high;
                filling.slopes += part * member.slope;
                let sums = self.probed[row as usize].iter_mut().zip(values);
                sums.for_each(|(sum, value)| *sum += part * value);
            }
        }
    }

    /// Fills.
    pub(super) fn run(&mut self, rows: &Rows) {
        self.probe(rows);
        for (row, (filling, probed)) in (0..).zip(self.rows.iter_mut().zip(&self.probed)) {
            if filling.can_fill() {
                let below = |sum: &&f64| **sum <= filling.capacity;
                let last = probed.iter().take_while(below).count().saturating_sub(1);
                filling.level = self.probes[last];
                filling.gap = filling.capacity - probed[last];
                filling.high = self.probes.get(last + 1).copied().unwrap_or(f64::INFINITY);
                self.heap.push(Full { level: filling.not_before(), row });
            }
        }
        while let Some(full) = self.heap.pop() {
            let filling = &self.rows[full.row as usize];
            if !filling.is_stale {
                self.stop(rows, full);
                continue;
            }
            let level = filling.not_before();
            if !filling.can_fill() {
                // All of its members can have their most.
            } else if level > full.level && level < self.top {
                self.heap.push(Full { level, row: full.row });
            } else {
                if let Some(level) = self.level(rows, full.row, full.level) {
                    let filling = &mut self.rows[full.row as usize];
                    (filling.level, filling.gap, filling.is_stale) = (level, 0.0, false);
                    self.heap.push(Full { level, row: full.row });
                }
            }
        }
    }

    /// What a member got; `None` if it takes no part.
    pub(super) fn value(&self, evse: u32) -> Option<f64> {
        let member = self.members.get(evse as usize)?;
        (member.state != State::Out).then_some(member.value)
    }

    /// The row that stopped a member below its most.
    pub(super) fn stopped_by(&self, evse: u32) -> Option<u32> {
        let member = self.members.get(evse as usize)?;
        (member.state == State::Stopped).then_some(member.stopped_by)
    }

    #[cfg(test)]
    pub(super) fn footprint(&self) -> [usize; 5] {
        [
            self.members.capacity(),
            self.rows.capacity(),
            self.rising.capacity(),
            self.ramps.capacity(),
            self.heap.capacity() + self.probed.capacity() + self.asked.capacity(),
        ]
    }

    /// The level at which a row is full, at or above `from`; `None` if nothing of it rises. The
    /// first time the row's members are listed, later looked through.
    fn level(&mut self, rows: &Rows, row: u32, from: f64) -> Option<f64> {
        let Self { members, rising, ramps, .. } = self;
        let filling = &mut self.rows[row as usize];
        ramps.begin(from, filling.high.min(self.top).max(from));
        let mut gathered = Gathered { filling, members, ramps, lows: 0.0, slopes: 0.0, from };
        if gathered.filling.is_listed {
            let first = gathered.filling.start as usize;
            let mut end = first;
            for place in first..gathered.filling.end as usize {
                let (evse, coefficient) = rising[place];
                rising[end] = (evse, coefficient);
                end += usize::from(gathered.take(evse, coefficient));
            }
            gathered.filling.end = end as u32;
        } else {
            gathered.filling.is_listed = true;
            gathered.filling.start = rising.len() as u32;
            // A car that uses none of this row's lines is not held by it.
            for (evse, coefficient) in
                rows.of_row(row, |evse| members[evse as usize].legs).filter(|(_, a)| *a > 0)
            {
                if gathered.take(evse, coefficient) {
                    rising.push((evse, coefficient));
                }
            }
            gathered.filling.end = rising.len() as u32;
        }
        gathered.filling.slopes = gathered.slopes;
        gathered.filling.high = f64::INFINITY;
        let wanted = gathered.filling.capacity - gathered.filling.stopped - gathered.lows;
        let is_empty = gathered.filling.start == gathered.filling.end;
        (!is_empty).then(|| self.ramps.reach(wanted))
    }

    /// Stops the members of a full row where they are. Who has his most changes nothing in his
    /// other rows: they look when their level is computed again.
    fn stop(&mut self, rows: &Rows, full: Full) {
        let filling = self.rows[full.row as usize];
        for place in filling.start..filling.end {
            let (evse, _) = self.rising[place as usize];
            let member = &mut self.members[evse as usize];
            if member.state != State::Rising {
                continue;
            }
            member.value = member.at(full.level);
            if member.value >= member.high {
                member.state = State::Risen;
                continue;
            }
            (member.state, member.stopped_by) = (State::Stopped, full.row);
            let member = *member;
            for (row, coefficient) in rows.of_evse(evse, member.legs).filter(|(_, a)| *a > 0) {
                let (filling, part) = (&mut self.rows[row as usize], f64::from(coefficient));
                filling.stopped += part * member.value;
                filling.most -= part * (member.high - member.value);
                filling.slopes -= part * member.slope;
                filling.gap += part * (member.at(filling.level) - member.value);
                filling.is_stale = true;
                filling.high = f64::INFINITY;
            }
        }
    }
}
