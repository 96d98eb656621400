//! Owns all that the kernel learns and all that it has granted: the values that change its state,
//! each of which is a fact, or is told by one. Must never hold what an operator merely wishes.

use serde::{Deserialize, Serialize};

use super::capability::Capability;
use super::ledger::{GrantId, Lease};
use crate::ids::{StationId, TransactionId};
use crate::load::rows::EvseId;
use crate::units::{Current, Millis, Timestamp};

/// Something that changes the kernel's state. Replaying the same events gives the same state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The site's EVSEs, in the order of its rows. What is known of those that stay is kept.
    Wired {
        /// When.
        at: Timestamp,
        /// All of them.
        evses: Vec<Wired>,
    },
    /// What a station's model can do became known, or changed.
    Capable {
        /// When.
        at: Timestamp,
        /// Which station.
        station: StationId,
        /// What it can do.
        capability: Capability,
    },
    /// Something happened to a station.
    Station {
        /// When, by our clock.
        at: Timestamp,
        /// Which station.
        station: StationId,
        /// What.
        what: StationChange,
    },
    /// Something happened at an EVSE.
    Evse {
        /// When, by our clock.
        at: Timestamp,
        /// Which EVSE.
        evse: EvseId,
        /// What.
        what: EvseChange,
    },
    /// A limit was granted: journalled before it leaves.
    Granted(Granted),
    /// A grant's call came back.
    Returned {
        /// When.
        at: Timestamp,
        /// Which EVSE.
        evse: EvseId,
        /// Which grant.
        grant: GrantId,
        /// How.
        how: Returned,
    },
    /// The process has just started: no connection of the one before is left, and nobody knows
    /// what our clock did meanwhile.
    Restarted {
        /// When.
        at: Timestamp,
        /// When it was last right: at the last decision before.
        known: Timestamp,
    },
    /// Our own clock was set.
    ClockSet {
        /// By how much, forward where that is positive.
        by: Millis,
        /// When, by what it shows now.
        at: Timestamp,
        /// When it was last right: at the last decision before.
        known: Timestamp,
    },
}

/// An EVSE as the kernel must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wired {
    /// Which.
    pub id: EvseId,
    /// The most that it can draw on a phase, whatever it is told.
    pub maximum: Current,
    /// What it is to give by itself, without a valid profile.
    pub fallback: Current,
}

/// What happens to a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StationChange {
    /// It connected.
    Connected,
    /// Its connection ended.
    Disconnected,
    /// It booted: its clock may be another, and what it does not persist is gone.
    Booted,
    /// It gave the time in a message that was not buffered.
    Heard {
        /// By its own clock.
        reported: Timestamp,
    },
    /// It is faulted, or no longer.
    Faulted(bool),
    /// Something else than a limit was sent to it: its line is taken.
    LineTaken,
    /// That came back or was given up.
    LineFreed,
    /// A test, or a composite schedule after the end of a lease, showed whether it keeps to the
    /// durations of its profiles.
    KeepsDurations(bool),
}

/// What happens at an EVSE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvseChange {
    /// A transaction began.
    Started(TransactionId),
    /// The transaction ended, and its limit with it.
    Ended,
    /// Its busiest phase was measured.
    Measured(Current),
    /// The same, while its station says that it is the station that pauses it.
    Paused(Current),
    /// Its station says that it allows more than it was told, or that it does not.
    Claimed(Option<Current>),
    /// By the profiles that its station holds it allows more than it was told, or it does not.
    Lacks(Option<Current>),
}

/// Which of a station's profiles a grant replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Purpose {
    /// TxDefaultProfile: what holds without a transaction, and what a station falls back to.
    Default,
    /// TxProfile: of the running transaction.
    Transaction,
}

/// `Granted`: a limit that may be on its way to a station from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// When it was decided.
    pub at: Timestamp,
    /// Which EVSE.
    pub evse: EvseId,
    /// Its name; grants of an EVSE count up.
    pub grant: GrantId,
    /// Which profile it replaces.
    pub purpose: Purpose,
    /// The limit, on each phase.
    pub limit: Current,
    /// What the EVSE may draw while the station replaces its profile; never less than the limit.
    pub counted: Current,
    /// What holds after the lease.
    pub after: Current,
    /// When it ends by itself; without one, never.
    pub lease: Option<Lease>,
}

/// How a grant's call came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// `Acknowledged`: the station accepted it.
    Accepted,
    /// It rejected it, or answered with an error. Some that do have applied it nevertheless.
    Refused,
    /// No answer came in time, or it was given up.
    TimedOut,
    /// The connection is gone.
    Gone {
        /// True when the call may have left.
        may_have_left: bool,
    },
}

impl Event {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Wired { at, .. }
            | Self::Capable { at, .. }
            | Self::Station { at, .. }
            | Self::Evse { at, .. }
            | Self::Returned { at, .. }
            | Self::Restarted { at, .. }
            | Self::ClockSet { at, .. } => *at,
            Self::Granted(granted) => granted.at,
        }
    }
}
