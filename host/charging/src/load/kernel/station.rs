//! Owns what the kernel knows of a station: whether it can be told anything now, its clock, what
//! it can do, and how often it was written to. Must never hold two open calls of one station.

use serde::{Deserialize, Serialize};

use super::capability::Capability;
use super::clock::{Clock, Credit};
use super::event::StationChange;
use super::ledger::GrantId;
use crate::units::{Millis, Timestamp};

/// A call that is open for so long makes its station uncommandable, and is given up.
pub const UNANSWERED_AFTER: Millis = Millis::from_secs(10);

/// A clock that is seen to jump so soon after a boot was set by it.
const BOOT: Millis = Millis::from_secs(600);

const DAY: Millis = Millis::from_secs(24 * 3_600);

/// What the kernel knows of a station.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Station {
    pub(super) connected: bool,
    /// When it last connected.
    #[serde(default)]
    pub(super) since: Option<Timestamp>,
    pub(super) faulted: bool,
    pub(super) booted: Option<Timestamp>,
    pub(super) line: Line,
    pub(super) clock: Clock,
    pub(super) capability: Capability,
    writes: Writes,
}

/// Who has the one open call of a station.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Line {
    /// Nobody.
    #[default]
    Free,
    /// A limit.
    Limit {
        /// Of which EVSE, by its index.
        evse: u32,
        /// Which grant.
        grant: GrantId,
        /// Since when.
        since: Timestamp,
    },
    /// Something else.
    Taken {
        /// Since when.
        since: Timestamp,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Writes {
    day: i64,
    count: u32,
}

impl Station {
    /// Whether its own limits reach it: it is there, it is well, and its line is free or was
    /// taken just now.
    pub fn is_commandable(&self, now: Timestamp) -> bool {
        let answers = match self.line {
            Line::Free => true,
            Line::Limit { since, .. } | Line::Taken { since } => {
                now.since(since) < UNANSWERED_AFTER
            }
        };
        self.connected && !self.faulted && answers
    }

    /// Whether something can be sent to it this moment.
    pub fn is_free(&self) -> bool {
        self.connected && self.line == Line::Free
    }

    /// The credit that its leases have: none where it does not keep to them, or its clock is not
    /// known well enough.
    pub fn credit(&self, now: Timestamp) -> Option<Credit> {
        self.clock.credit(now).filter(|_| self.capability.leases())
    }

    /// Whether it is connected.
    pub fn connected(&self) -> bool {
        self.connected
    }

    /// Whether it connected or booted after a time: what it held then it may have given up.
    pub(super) fn is_back_since(&self, at: Timestamp) -> bool {
        [self.since, self.booted].into_iter().flatten().any(|back| back > at)
    }

    /// Whether it is faulted.
    pub fn faulted(&self) -> bool {
        self.faulted
    }

    /// What its clock shows, as far as is known.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What it can do.
    pub fn capability(&self) -> &Capability {
        &self.capability
    }

    /// Who has its line.
    pub fn line(&self) -> Line {
        self.line
    }

    /// How many limits were written to it today (UTC).
    pub fn writes(&self, now: Timestamp) -> u32 {
        if self.writes.day == day(now) { self.writes.count } else { 0 }
    }

    /// Whether its budget lasts for the day: a quarter of it may go at any time, the rest evenly.
    pub(super) fn writes_in_time(&self, now: Timestamp) -> bool {
        let budget = i64::from(self.capability.writes_a_day);
        let gone = now.0.rem_euclid(DAY.0);
        i64::from(self.writes(now)) * 4 * DAY.0 <= budget * (DAY.0 + 3 * gone)
    }

    pub(super) fn wrote(&mut self, at: Timestamp) {
        self.writes = Writes { day: day(at), count: self.writes(at) + 1 };
    }

    pub(super) fn change(&mut self, at: Timestamp, what: StationChange) {
        match what {
            StationChange::Connected => {
                self.connected = true;
                self.since = Some(at);
                self.line = Line::Free;
                self.clock.begin();
            }
            StationChange::Disconnected => self.disconnect(),
            StationChange::Booted => {
                self.booted = Some(at);
                self.clock.begin();
            }
            StationChange::Heard { reported } => self.hear(at, reported),
            StationChange::Faulted(faulted) => self.faulted = faulted,
            StationChange::LineTaken => self.line = Line::Taken { since: at },
            StationChange::LineFreed => self.line = Line::Free,
            StationChange::KeepsDurations(keeps) => self.capability.keeps_durations = keeps,
        }
    }

    fn hear(&mut self, at: Timestamp, reported: Timestamp) {
        self.clock.heard(at, reported);
        let booted = self.booted.is_some_and(|booted| at.since(booted) <= BOOT);
        if self.clock.jumped() == Some(at) && booted {
            self.capability.keeps_clock = false;
        }
    }

    /// Our clock was set by so much: what happened did so by another time.
    pub(super) fn doubt_our_clock(&mut self, by: Millis) {
        self.since = self.since.map(|at| at.plus(by));
        self.booted = self.booted.map(|at| at.plus(by));
        if let Line::Limit { since, .. } | Line::Taken { since } = &mut self.line {
            *since = since.plus(by);
        }
        self.clock.doubt_ours(by);
    }

    pub(super) fn disconnect(&mut self) {
        self.connected = false;
        self.line = Line::Free;
    }
}

fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY.0)
}
