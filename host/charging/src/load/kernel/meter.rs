//! Owns what is not managed and only measured: the base load behind a meter, and what it is taken
//! for when the meter jumps or falls silent. Must never take silence for little.

use serde::{Deserialize, Serialize};

use crate::units::{Current, Millis, Timestamp};

/// A silent meter is taken at its upper quantile after so many of its periods.
const PERIODS: i64 = 3;

/// After so long nothing is increased beside it any more.
const BOUND_AFTER: Millis = Millis::from_secs(60);

/// After so long it is taken for all that it can be.
const LOST_AFTER: Millis = Millis::from_secs(300);

/// So much history makes the quantile, in so many slots of which each keeps its largest value.
const SLOT: Millis = Millis::from_secs(60);
const SLOTS: usize = 60;

/// What it was at its highest in so many minutes, it is expected to be again.
const LATELY: i64 = 5;
/// What was exported in each of so many minutes in a row is counted on, where that is wanted.
const STEADY: i64 = 15;

/// A reading that was so much later than now was taken before our clock was set back.
pub(super) const SET_BACK: Millis = Millis::from_secs(60);

/// A reading so many times above all that there can be is not believed at once.
const ABSURD: i64 = 4;

/// A meter of what is not managed, on one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// All that it can be, as configured.
    maximum: Current,
    /// The most that its row carries, where that is more.
    #[serde(default)]
    carries: Current,
    period: Millis,
    last: Option<(Timestamp, Current)>,
    /// The largest value of each of the last minutes, the newest last.
    slots: Vec<(i64, Current)>,
    refused: u32,
    /// The last reading, where it was far above all that there can be.
    #[serde(default)]
    jumped: Option<Current>,
    /// Whether what is exported makes room.
    #[serde(default)]
    counts_generation: bool,
}

/// Whether a reading was overtaken by a later one, and our clock was not set back meanwhile.
pub(super) fn is_old(at: Timestamp, last: Timestamp) -> bool {
    let ahead = last.since(at);
    ahead > Millis::ZERO && ahead <= SET_BACK
}

/// What a meter is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Background {
    /// The load; below zero where generation is counted.
    pub load: Current,
    /// What it lately was at its highest; never less than the load.
    pub lately: Current,
    /// How well it is known.
    pub standing: Standing,
}

/// How well a meter is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It was just heard.
    Fresh,
    /// It was silent for three periods: the upper quantile of the last hour stands for it.
    Quantile,
    /// It was silent for a minute: nothing is increased in its rows.
    Bound,
    /// It was silent for five minutes: it is taken for all that it can be, and others are shed.
    Lost,
}

impl Standing {
    /// Whether nothing may be increased beside it.
    pub fn is_bound(self) -> bool {
        self >= Self::Bound
    }
}

impl Meter {
    /// A meter that was not heard yet.
    pub fn new(maximum: Current, period: Millis) -> Self {
        let period = Millis(period.0.max(1));
        Self {
            maximum,
            carries: maximum,
            period,
            last: None,
            slots: Vec::new(),
            refused: 0,
            jumped: None,
            counts_generation: false,
        }
    }

    /// All that it can be, and what its row carries, as configured now.
    pub fn bound(&mut self, maximum: Current, carries: Current) {
        (self.maximum, self.carries) = (maximum, carries);
    }

    /// Counts what is exported as room, or does not.
    pub fn count_generation(&mut self, counts: bool) {
        self.counts_generation = counts;
    }

    /// Our clock was set by so much and shows `now`. Where that is forward the time may have passed
    /// all the same, as on a machine that slept: what was measured is as old as it looks.
    pub(crate) fn clock_set(&mut self, now: Timestamp, by: Millis) {
        if by >= Millis::ZERO {
            return;
        }
        self.last = self.last.map(|(at, value)| (at.plus(by), value));
        let newest = now.0.div_euclid(SLOT.0);
        let minutes = by.0.div_euclid(SLOT.0);
        for (slot, _) in &mut self.slots {
            *slot = slot.saturating_add(minutes).min(newest);
        }
        self.slots.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = kept.1.max(later.1);
            }
            same
        });
    }

    /// The process was started, by a clock that was set back, and nobody knows for how long nothing
    /// was heard: nothing is increased before the next reading.
    pub(crate) fn restarted(&mut self, now: Timestamp) {
        let old = now.plus(Millis(-BOUND_AFTER.0));
        self.last = self.last.map(|(at, value)| (at.min(old), value));
    }

    /// What the load is taken for now. What exports counts as nothing, for it can end at any time;
    /// where generation is counted, as the least that was exported lately, while the meter is
    /// heard. That ends with the reading that shows its end: others make room as after a cut that
    /// nobody announced.
    pub fn background(&self, now: Timestamp) -> Background {
        let jumped = self.jumped.unwrap_or_default();
        let Some((at, value)) = self.last else {
            let (load, standing) = (self.maximum.max(jumped), Standing::Lost);
            return Background { load, lately: load, standing };
        };
        let silent = now.since(at);
        let standing = match silent {
            silent if silent < Millis(-SET_BACK.0) => Standing::Lost,
            silent if silent >= LOST_AFTER => Standing::Lost,
            silent if silent >= BOUND_AFTER => Standing::Bound,
            silent if silent.0 > self.period.0 * PERIODS => Standing::Quantile,
            _ => Standing::Fresh,
        };
        let load = match standing {
            Standing::Fresh => value,
            Standing::Quantile | Standing::Bound => self.quantile().max(value).max(jumped),
            Standing::Lost => self.maximum.max(self.quantile()).max(value).max(jumped),
        };
        let least = match standing {
            Standing::Fresh if self.counts_generation => self.steady(now),
            _ => Current::ZERO,
        };
        let load = load.max(least);
        Background { load, lately: self.lately(now).max(load), standing }
    }

    fn lately(&self, now: Timestamp) -> Current {
        let first = now.0.div_euclid(SLOT.0) - LATELY;
        let slots = self.slots.iter().rev().take_while(|(slot, _)| *slot > first);
        slots.map(|(_, value)| *value).max().unwrap_or_default()
    }

    /// The upper quantile of the last hour: nineteen of twenty minutes stayed below it.
    pub fn quantile(&self) -> Current {
        let mut values: Vec<_> = self.slots.iter().map(|(_, value)| *value).collect();
        values.sort_unstable();
        let index = values.len() * 19 / 20;
        values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or(self.maximum)
    }

    /// The most of the last minutes, in all of which it was heard; never above zero. Of each minute
    /// the largest value is kept, so that hardly any reading was below what is exported here.
    fn steady(&self, now: Timestamp) -> Current {
        let minute = now.0.div_euclid(SLOT.0);
        let lately = self.slots.iter().filter(|(kept, _)| minute - kept <= STEADY);
        let heard = lately.clone().count() as i64;
        let most = lately.map(|(_, value)| *value).max();
        most.filter(|_| heard >= STEADY).unwrap_or(Current::ZERO).min(Current::ZERO)
    }

    /// When it was last read.
    pub fn read(&self) -> Option<Timestamp> {
        self.last.map(|(at, _)| at)
    }

    /// How many readings were refused as absurd.
    pub fn refused(&self) -> u32 {
        self.refused
    }

    /// A reading. One that cannot be (older than the last, or far above all that there can be) is
    /// refused, and the meter counts as silent; one that is too high counts then, for if it stays
    /// so it is no slip of the meter.
    pub fn measured(&mut self, at: Timestamp, value: Current) {
        let limit = self.maximum.max(self.carries).0.max(1).saturating_mul(ABSURD);
        let old = self.last.is_some_and(|(last, _)| is_old(at, last));
        if old || value.0 > limit || value.0 < -limit {
            self.refused = self.refused.saturating_add(1);
            if !old && value > Current::ZERO {
                self.jumped = Some(value);
            }
            return;
        }
        (self.last, self.jumped) = (Some((at, value)), None);
        let slot = at.0.div_euclid(SLOT.0);
        match self.slots.last_mut() {
            Some((newest, largest)) if *newest == slot => *largest = value.max(*largest),
            _ => self.slots.push((slot, value)),
        }
        self.slots.retain(|(kept, _)| slot - kept < SLOTS as i64);
    }
}
