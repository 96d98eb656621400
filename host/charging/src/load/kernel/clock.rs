//! Owns what is known of a station's clock: how far it is ahead of ours, how surely, and whether
//! it jumps. Must never take a late message for a slow clock without doubt in the meantime, nor
//! give credit to a clock that was seen to jump, or by a clock of ours that was.
//!
//! A message's time is at most that of its receipt by the station's clock, and earlier by its
//! delay. So of several the greatest difference is nearest to the truth, and an error of the
//! estimate makes a lease end earlier than counted, which is the safe side.

use serde::{Deserialize, Serialize};

use crate::units::{Millis, Timestamp};

/// So many messages make an estimate, over so long a time: what was kept while a station was away
/// comes all at once, and by the clock of before.
const ENOUGH: u8 = 3;
const SETTLED_AFTER: Millis = Millis::from_secs(60);

/// So many are remembered, and so long.
const KEPT: usize = 16;
const KEPT_FOR: Millis = Millis::from_secs(3_600);

/// What a message may be late, or a clock be off, without being noticed.
const TOLERANCE: Millis = Millis::from_secs(15);

/// Times that are too early must say so for so long before they are taken for a jump.
const DOUBTED_FOR: Millis = Millis::from_secs(60);

/// A clock that jumped gets no credit for so long.
const DISTRUSTED_FOR: Millis = Millis::from_secs(6 * 3_600);

/// Times on the wire are often whole seconds.
const RESOLUTION: Millis = Millis::from_secs(1);

/// How far a clock may run away from ours: one part of so many.
const DRIFT: i64 = 5_000;

/// What is known of a station's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The station's time less ours, of its last messages, the newest last.
    samples: Vec<Sample>,
    /// Those among the newest that are too early, in a row.
    early: Vec<Sample>,
    /// How many were heard since it connected or booted, up to `ENOUGH`, and since when.
    heard: u8,
    since: Option<Timestamp>,
    established: bool,
    jumped: Option<Timestamp>,
    /// What was heard is by a time of ours that may have gone on otherwise since.
    #[serde(default)]
    doubted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sample {
    at: Timestamp,
    offset: Millis,
}

/// How far a station's clock is ahead of ours, where it can be trusted with a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Its time less ours.
    pub offset: Millis,
    /// It may be behind that by so much.
    pub uncertainty: Millis,
}

impl Clock {
    /// How far it is ahead of ours, as far as is known.
    pub fn offset(&self) -> Option<Millis> {
        self.samples.iter().map(|sample| sample.offset).max()
    }

    /// The same where a lease may be built on it: it was heard for long enough on this connection,
    /// there is no doubt, and it did not jump for long.
    pub fn credit(&self, now: Timestamp) -> Option<Credit> {
        let offset = self.offset()?;
        let distrusted = self.jumped.is_some_and(|at| now.since(at) < DISTRUSTED_FOR);
        let settled = self.since.is_some_and(|since| now.since(since) >= SETTLED_AFTER);
        let doubtful = self.doubted || distrusted || self.early.len() > 1;
        if doubtful || self.heard < ENOUGH || !settled {
            return None;
        }
        let newest = self.samples.iter().rev().take(usize::from(ENOUGH));
        let behind = newest.map(|sample| offset.minus(sample.offset)).min().unwrap_or_default();
        let silent = self.samples.last().map_or(Millis::ZERO, |sample| now.since(sample.at));
        let drift = Millis(silent.0.max(0) / DRIFT);
        Some(Credit { offset, uncertainty: behind.plus(RESOLUTION).plus(drift) })
    }

    /// When it was last seen to jump.
    pub fn jumped(&self) -> Option<Timestamp> {
        self.jumped
    }

    /// A message that was not buffered gave the station's time.
    pub(super) fn heard(&mut self, at: Timestamp, reported: Timestamp) {
        let sample = Sample { at, offset: reported.since(at) };
        if std::mem::take(&mut self.doubted) {
            self.samples.clear();
            self.established = false;
        }
        let Some(offset) = self.offset() else {
            self.keep(sample);
            return;
        };
        if sample.offset.plus(TOLERANCE) < offset {
            self.doubt(sample);
            return;
        }
        self.early.clear();
        if self.established && sample.offset > offset.plus(TOLERANCE) {
            self.jump(vec![sample]);
            return;
        }
        self.keep(sample);
    }

    /// It connected or booted: its clock may have been set, and must be heard again.
    pub(super) fn begin(&mut self) {
        self.heard = 0;
        self.since = None;
        self.early.clear();
    }

    /// Our own clock was set by so much, or nobody knows what it did meanwhile: what was heard is
    /// no measure any more. Until something is, it is the best guess of where a lease should end.
    pub(super) fn doubt_ours(&mut self, by: Millis) {
        self.begin();
        for sample in &mut self.samples {
            *sample = Sample { at: sample.at.plus(by), offset: sample.offset.minus(by) };
        }
        self.jumped = self.jumped.map(|at| at.plus(by));
        self.doubted = !self.samples.is_empty();
    }

    /// Nobody knows how long we were away: one that is not trusted for a jump is not from now on.
    pub(super) fn restarted(&mut self, at: Timestamp, known: Timestamp) {
        let distrusted = |jumped: &Timestamp| known.since(*jumped) < DISTRUSTED_FOR;
        self.jumped = self.jumped.map(|jumped| if distrusted(&jumped) { at } else { jumped });
    }

    fn keep(&mut self, sample: Sample) {
        self.samples.retain(|kept| sample.at.since(kept.at) < KEPT_FOR);
        if self.samples.len() == KEPT {
            self.samples.remove(0);
        }
        self.samples.push(sample);
        self.heard = (self.heard + 1).min(ENOUGH);
        self.since.get_or_insert(sample.at);
        self.established |= self.heard == ENOUGH;
    }

    /// Too early: a late message, or a clock that was set back. Late ones are late by different
    /// times and are followed by one that is not; a clock that was set back stays so.
    fn doubt(&mut self, sample: Sample) {
        let early = &mut self.early;
        let agrees = |other: &Sample| {
            let apart = other.offset.minus(sample.offset).0.abs();
            apart <= TOLERANCE.0
        };
        early.retain(agrees);
        if early.len() == KEPT {
            early.remove(1);
        }
        early.push(sample);
        let lasts = sample.at.since(early[0].at) >= DOUBTED_FOR;
        if early.len() >= usize::from(ENOUGH) && lasts {
            let early = std::mem::take(&mut self.early);
            self.jump(early);
        }
    }

    fn jump(&mut self, samples: Vec<Sample>) {
        self.jumped = samples.last().map(|sample| sample.at);
        self.heard = u8::try_from(samples.len()).unwrap_or(ENOUGH).min(ENOUGH);
        self.since = samples.first().map(|sample| sample.at);
        self.samples = samples;
    }
}
