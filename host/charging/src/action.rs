//! Owns the closed list of what is done to the world once its facts are durable.
//! Must never hold words of one OCPP version.

use crate::fact::Call;
use crate::fact::command::CommandOutcome;
use crate::fact::station::{Authorization, Registration};
use crate::ids::{CdrId, CommandId, StationId, TransactionId};
use crate::input::Told;
use crate::load::kernel::profile::Profile;
use crate::load::question::Question;
use crate::subject::Subject;
use crate::units::{Money, Timestamp};

/// All that is done to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answer a call.
    Reply {
        /// Whose call; of another process: drop it.
        call: Call,
        /// What to answer.
        reply: Reply,
    },
    /// Send a command on a connection; answered with one `CommandReturned`.
    Command {
        /// Which station.
        station: StationId,
        /// Which connection.
        generation: u64,
        /// The command.
        command: CommandId,
        /// Its action, in the station's version.
        action: Box<str>,
        /// JSON text.
        payload: Box<str>,
        /// A limit, to be written in the station's version instead of the payload.
        profile: Option<Box<Profile>>,
        /// A question of load control, to be written and its answer to be read in the station's
        /// version.
        question: Option<Question>,
    },
    /// Give up an open command.
    Abandon {
        /// Which station.
        station: StationId,
        /// Which connection.
        generation: u64,
        /// The command.
        command: CommandId,
    },
    /// The station is accepted by an operator since its last boot was answered: its connection
    /// answers its heartbeats.
    Accept {
        /// Which station.
        station: StationId,
        /// Which connection.
        generation: u64,
    },
    /// Close a connection.
    Close {
        /// Which station.
        station: StationId,
        /// Which connection.
        generation: u64,
        /// Why, for people.
        reason: Box<str>,
    },
    /// Tell another subject something: an input of it, wherever it is decided.
    Tell {
        /// Whom.
        to: Subject,
        /// What.
        told: Told,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To BootNotification.
    Boot {
        /// Whether it is accepted.
        registration: Registration,
        /// Our time.
        now: Timestamp,
    },
    /// To Authorize.
    Authorized(Authorization),
    /// To a message about a transaction.
    Transaction {
        /// Which; 1.6's start tells its station.
        transaction: TransactionId,
        /// What its token was answered, where it had one.
        authorization: Option<Authorization>,
        /// What it costs, where that is asked for and known.
        cost: Option<Money>,
    },
    /// To what a station says about smart charging.
    Charging(crate::input::notice::ChargingReply),
    /// To any other message: its version's plain answer.
    Received,
    /// To any message of a station that is not accepted: SecurityError.
    NotAccepted,
    /// To an operator: done.
    Done(Done),
    /// To an operator: not done, and why.
    Problem(Problem),
}

/// What was done for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// The resource is as asked, at this version.
    Version(u64),
    /// A command ended.
    Command {
        /// Which.
        command: CommandId,
        /// How.
        outcome: CommandOutcome,
    },
    /// A CDR was sealed.
    Sealed(CdrId),
    /// It will be done.
    Accepted,
}

/// Why something was not done for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is no such thing.
    NotFound(String),
    /// `If-Match` or `If-None-Match` does not hold: the version that is there, if any.
    Precondition(Option<u64>),
    /// It cannot be done in the state that things are in.
    Conflict(String),
    /// It makes no sense.
    Invalid(String),
}
