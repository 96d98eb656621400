//! Owns what an EVSE is measured to draw, what its station says that it lets it draw, and whether
//! it keeps to its limits. Must never let a low
//! reading lower what it may draw: only an acknowledgement does.

use serde::{Deserialize, Serialize};

use super::meter::{SET_BACK, is_old};
use crate::units::{Current, Millis, Timestamp};

/// A draw so far above what is allowed is no error of the meter.
pub const TOLERANCE: Current = Current(1_000);

/// Above its limit for so long, a station does not obey.
const PATIENCE: Millis = Millis::from_secs(10);

/// A station that did not obey must do so for this long before it is believed again.
const PROBATION: Millis = Millis::from_secs(60);

/// A reading is old after three periods, and no older than this.
const SILENT: Millis = Millis::from_secs(60);

/// What an EVSE is measured to draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// The last reading of its busiest phase.
    last: Option<(Timestamp, Current)>,
    /// Since when it draws more than it may.
    over: Option<Timestamp>,
    /// Since when it obeys again.
    obeys: Option<Timestamp>,
    disobedient: bool,
    /// The most that it drew beyond what it may, until it obeys again.
    peak: Current,
    /// What its station says that it allows, where that is more than it was told.
    #[serde(default)]
    claimed: Option<Current>,
    /// What it allows by the profiles that its station holds, where that is more.
    #[serde(default)]
    lacks: Option<Current>,
    /// Since when it pauses as it was told to.
    #[serde(default)]
    pauses: Option<Timestamp>,
    /// What it drew where it did not obey, once it was believed again because it paused; none
    /// again when it has shown that a limit below that holds it.
    #[serde(default)]
    exceeded: Option<Current>,
    /// Since when it shows that.
    #[serde(default)]
    is_held: Option<Timestamp>,
}

impl Draw {
    /// The last reading and its time.
    pub fn last(&self) -> Option<(Timestamp, Current)> {
        self.last
    }

    /// What it draws, where it is known to: a reading that is not older than a minute.
    pub fn fresh(&self, now: Timestamp) -> Option<Current> {
        let age = |at: Timestamp| now.since(at);
        let is_fresh = |at| age(at) <= SILENT && age(at) >= Millis(-SET_BACK.0);
        self.last.filter(|(at, _)| is_fresh(*at)).map(|(_, draw)| draw)
    }

    /// Our clock was set by so much. Where that is forward the time may have passed all the same,
    /// as on a machine that slept: what was measured is as old as it looks.
    pub(super) fn clock_set(&mut self, by: Millis) {
        self.last = self.last.map(|(at, draw)| (at.plus(by.min(Millis::ZERO)), draw));
        self.over = self.over.map(|at| at.plus(by));
        self.obeys = self.obeys.map(|at| at.plus(by));
        self.pauses = self.pauses.map(|at| at.plus(by));
        self.is_held = self.is_held.map(|at| at.plus(by));
    }

    /// Nobody looked meanwhile: its probation begins anew.
    pub(super) fn restarted(&mut self) {
        (self.obeys, self.pauses, self.is_held) = (None, None, None);
    }

    /// Whether it does not keep to its limits.
    pub fn is_disobedient(&self) -> bool {
        self.disobedient || self.claimed().is_some()
    }

    /// What its station says that it allows, or holds, where that is more than it was told.
    pub fn claimed(&self) -> Option<Current> {
        self.claimed.max(self.lacks)
    }

    /// What it says of the time ahead alone (GetCompositeSchedule), where that is more.
    pub fn says(&self) -> Option<Current> {
        self.claimed
    }

    /// What it allows by the profiles that its station holds alone, where that is more.
    pub fn lacks(&self) -> Option<Current> {
        self.lacks
    }

    /// What it must be counted with because it draws more than it may: its draw; once it does not
    /// obey, the most that it drew, with a margin, whatever it draws now; and all it can when it
    /// is not measured any more. At least what its station says that it allows.
    pub fn counted(&self, now: Timestamp, maximum: Current) -> Current {
        self.measured_beyond(now, maximum).max(self.claimed().unwrap_or_default())
    }

    fn measured_beyond(&self, now: Timestamp, maximum: Current) -> Current {
        let Some((_, draw)) = self.last.filter(|_| self.over.is_some() || self.disobedient) else {
            return Current::ZERO;
        };
        if !self.disobedient {
            return draw;
        }
        match self.fresh(now) {
            Some(draw) => {
                let peak = self.peak.max(draw);
                Current(peak.0 + peak.0 / 10 + TOLERANCE.0).min(maximum).max(peak)
            }
            None => maximum.max(draw),
        }
    }

    /// Its station says that it allows more than it was told; none: no more than that.
    pub(super) fn claims(&mut self, current: Option<Current>) {
        self.claimed = current;
    }

    /// The same, by the profiles that its station holds.
    pub(super) fn lacks_limit(&mut self, current: Option<Current>) {
        self.lacks = current;
    }

    /// It was measured while it was allowed so much. True when it has just turned out that it
    /// does not obey.
    pub(super) fn measured(&mut self, at: Timestamp, draw: Current, allowed: Current) -> bool {
        let Some(draw) = self.reads(at, draw) else { return false };
        self.pauses = None;
        if draw > allowed.plus(TOLERANCE) {
            (self.obeys, self.is_held) = (None, None);
            self.peak = self.peak.max(draw);
            let since = *self.over.get_or_insert(at);
            let found = !self.disobedient && at.since(since) > PATIENCE;
            self.disobedient |= found;
            return found;
        }
        self.over = None;
        if draw <= TOLERANCE {
            // Without a car that charges it neither obeys nor does it not.
            (self.obeys, self.is_held) = (None, None);
            return false;
        }
        if lasts(&mut self.obeys, at, true) {
            self.disobedient = false;
            self.peak = Current::ZERO;
        }
        let is_held = self.exceeded.is_some_and(|exceeded| {
            allowed.plus(TOLERANCE) < exceeded && draw.plus(TOLERANCE) >= allowed
        });
        if lasts(&mut self.is_held, at, is_held) {
            self.exceeded = None;
        }
        false
    }

    /// It was measured while it was told nothing and its station said that it pauses it. Where it
    /// draws nothing it obeys, and is believed again after a while: once, for one may obey a pause
    /// and no other limit.
    pub(super) fn paused(&mut self, at: Timestamp, draw: Current, allowed: Current) -> bool {
        if draw > TOLERANCE || self.exceeded.is_some() || !self.disobedient {
            return self.measured(at, draw, allowed);
        }
        if self.reads(at, draw).is_none() {
            return false;
        }
        (self.over, self.obeys) = (None, None);
        if lasts(&mut self.pauses, at, true) {
            self.exceeded = Some(self.peak);
            self.disobedient = false;
            self.peak = Current::ZERO;
        }
        false
    }

    /// Takes a reading over; none where it was overtaken by a later one.
    fn reads(&mut self, at: Timestamp, draw: Current) -> Option<Current> {
        if self.last.is_some_and(|(last, _)| is_old(at, last)) {
            return None;
        }
        let draw = draw.max(Current::ZERO);
        self.last = Some((at, draw));
        Some(draw)
    }
}

/// Whether something holds for as long as a probation lasts, and since when it does.
fn lasts(since: &mut Option<Timestamp>, at: Timestamp, holds: bool) -> bool {
    if !holds {
        *since = None;
        return false;
    }
    at.since(*since.get_or_insert(at)) >= PROBATION
}
