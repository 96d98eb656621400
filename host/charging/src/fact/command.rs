//! Owns the stored facts of commands to stations, version 1. Frozen once merged: new fields are
//! optional, anything else is a new version. Must never hold a domain type: those may change.

use serde::{Deserialize, Serialize};

use super::load::{LimitGrant, LoadCall};
use super::{Actor, Call};
use crate::ids::{CommandId, IdToken, StationId, TransactionId};
use crate::units::Timestamp;

/// What a command means to the core, whatever its version's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// RemoteStartTransaction, RequestStartTransaction.
    RemoteStart {
        /// Where, if it says.
        evse: Option<u32>,
        /// For whom.
        token: IdToken,
        /// 2.x remoteStartId.
        remote_start: Option<i64>,
    },
    /// RemoteStopTransaction, RequestStopTransaction.
    RemoteStop {
        /// Which.
        transaction: TransactionId,
    },
    /// Reset.
    Reset,
    /// UnlockConnector.
    Unlock {
        /// Where.
        evse: u32,
    },
    /// ChangeAvailability.
    Availability {
        /// Where; none or 0 for the whole station.
        evse: Option<u32>,
        /// In service or out.
        operative: bool,
    },
    /// TriggerMessage, GetReport, GetBaseReport: asks for a message, which is then let in also
    /// while the station is pending.
    Trigger {
        /// The action that will come.
        action: Box<str>,
    },
    /// ChangeConfiguration, SetVariables.
    SetVariables {
        /// Component, variable (1.6: key) and value.
        variables: Vec<(Box<str>, Box<str>, Box<str>)>,
    },
    /// SetChargingProfile of load control: a limit that may be on its way from then on.
    Limit(Box<LimitGrant>),
    /// Any other call of load control: no limit of an EVSE is raised by it.
    Load(LoadCall),
    /// Any other.
    Other,
}

/// How urgent a command is; smaller goes first (DESIGN section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// A decrease, a stop, anything for safety.
    Safety,
    /// An increase.
    Increase,
    /// An operator's.
    Operator,
    /// Bulk.
    Bulk,
}

/// `command.wanted/1`: a wish of the station's site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandWanted {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which station.
    pub station: StationId,
    /// Its id.
    pub command: CommandId,
    /// What it means.
    pub intent: Intent,
    /// The action, in the station's version.
    pub action: Box<str>,
    /// Its payload: JSON text, checked against the version's schema.
    pub payload: Box<str>,
    /// How urgent.
    pub priority: Priority,
    /// After this it is not sent any more.
    pub until: Timestamp,
    /// The caller's `Idempotency-Key`.
    pub key: Option<Box<str>>,
    /// Who waits for its end.
    pub caller: Option<Call>,
}

/// `command.joined/1`: a second caller with the same key waits for the same command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandJoined {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// The command.
    pub command: CommandId,
    /// Who waits for its end.
    pub caller: Call,
}

/// `command.sent/1`: it may leave, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSent {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// The command.
    pub command: CommandId,
    /// The process that holds the connection.
    pub incarnation: u64,
    /// The connection.
    pub generation: u64,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandOutcome {
    /// The station answered.
    Answered {
        /// Its response: JSON text.
        response: Box<str>,
        /// The response's `status`, where it has one.
        status: Option<Box<str>>,
        /// The message id of the call.
        message_id: Box<str>,
    },
    /// The station answered with a CALLERROR.
    Refused {
        /// Its code.
        code: Box<str>,
        /// Its description.
        description: Box<str>,
    },
    /// No answer in time.
    TimedOut,
    /// The connection went while it was open: it may have been carried out.
    OutcomeUnknown,
    /// It never left: the station was not connected until it expired.
    Offline,
    /// It never left: another one took its place, or it expired in the queue.
    Expired,
}

/// `command.ended/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnded {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// The command.
    pub command: CommandId,
    /// How.
    pub outcome: CommandOutcome,
    /// As it was wanted.
    pub wanted: Box<CommandWanted>,
    /// When it was sent.
    pub sent: Option<Timestamp>,
}

/// `command.effect/1`: what a command was meant to do was seen, or did not come in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEffect {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// The command.
    pub command: CommandId,
    /// True when it was seen.
    pub seen: bool,
    /// How it ended.
    pub ended: Box<CommandEnded>,
}
