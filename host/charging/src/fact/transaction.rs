//! Owns the stored facts of a transaction and its session, version 1. Frozen once merged: new
//! fields are optional, anything else is a new version. Must never hold a domain type: those may
//! change.

use serde::{Deserialize, Serialize};

use super::metering::{Reading, Report};
use super::network::TariffPut;
use super::station::{Authorization, ConnectorStatus};
use super::{Actor, Call};
use crate::ids::{CdrId, Hash, IdToken, SessionId, StationId, TariffId, TransactionId, VisitId};
use crate::pricing::bill::Totals;
use crate::pricing::{CutSession, Line, PriceError};
use crate::units::{Energy, Millis, Timestamp};

/// `transaction.reported/1`: a message about a transaction that was not there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionReported {
    /// When it was received and decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Which transaction; issued by us in 1.6.
    pub transaction: TransactionId,
    /// Its session.
    pub session: SessionId,
    /// Its visit.
    pub visit: VisitId,
    /// The message.
    pub report: Report,
    /// What its token was answered, where it had one.
    pub authorization: Option<Authorization>,
    /// True where the transaction's start was never seen (1.6: a stop of an id that we did not
    /// issue).
    #[serde(default)]
    pub orphan: bool,
    /// The call that waits for a price.
    pub waiting: Option<Waiting>,
    /// What the session is priced by, by what this message says of its start.
    pub quote: Option<Quote>,
    /// True when, with this message, no message still to come can change the bill.
    #[serde(default)]
    pub complete: bool,
    /// Time online after the last message before it is billed.
    pub settle: Millis,
}

/// A reply that waits for a price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Whom to answer.
    pub call: Call,
    /// When to answer without.
    pub until: Timestamp,
    /// What else the answer says.
    pub authorization: Option<Authorization>,
}

/// `transaction.metered/1`: readings outside of a transaction's messages, attached by EVSE and
/// time (PITFALLS 84).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionMetered {
    /// When it was received and decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Which transaction.
    pub transaction: TransactionId,
    /// What was measured.
    pub readings: Vec<Reading>,
}

/// What a session is priced by, pinned at its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Which tariff.
    pub tariff: TariffId,
    /// Which version of it.
    pub version: u64,
    /// The plugin's bytes.
    pub plugin_hash: Hash,
    /// The configuration's text.
    pub configuration_hash: Hash,
}

impl From<&TariffPut> for Quote {
    fn from(tariff: &TariffPut) -> Self {
        Self {
            tariff: tariff.tariff.clone(),
            version: tariff.version,
            plugin_hash: tariff.plugin_hash,
            configuration_hash: tariff.configuration_hash,
        }
    }
}

/// `price.wanted/1`: a price was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceWanted {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Which transaction.
    pub transaction: TransactionId,
    /// Counts the prices asked for this transaction; an answer to another is dropped.
    pub attempt: u64,
    /// How many messages the price takes into account.
    pub revision: u64,
    /// What for.
    pub purpose: PricePurpose,
    /// By what.
    pub quote: Quote,
}

/// What a price is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PricePurpose {
    /// To show while the session runs.
    Running,
    /// To bill.
    Bill,
    /// To propose to the operator who reviews the session.
    Proposal(Vec<Finding>),
}

/// `session.priced/1`: a running or provisional cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPriced {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Which transaction.
    pub transaction: TransactionId,
    /// The price asked for.
    pub attempt: u64,
    /// What it costs so far; none where it could not be priced.
    pub totals: Option<Totals>,
}

/// Something about a session that looks wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// A register reading below an earlier one.
    MeterBackwards {
        /// When the lower one was read.
        at: Timestamp,
        /// How far it fell.
        by: Energy,
    },
    /// More energy than the EVSE can deliver in the time.
    ImpossiblePower {
        /// When the interval ended.
        at: Timestamp,
        /// Energy in it.
        energy: Energy,
        /// Its length.
        span: Millis,
    },
    /// The station's clock is far from ours.
    ClockOff {
        /// Station time minus server time.
        by: Millis,
    },
    /// A value that could not be read.
    UnreadableReading {
        /// When it was read.
        at: Timestamp,
    },
    /// No reading at all.
    NoReadings,
    /// The end was never reported.
    MissingEnd,
    /// The start was never reported.
    MissingStart,
    /// It ends before it starts.
    EndBeforeStart,
    /// Energy was delivered though its token was refused.
    NotAuthorized,
    /// Two different readings of one register at one time.
    Contradiction {
        /// When they were read.
        at: Timestamp,
    },
}

/// Why a session is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldFor {
    /// It looks wrong.
    Review(Vec<Finding>),
    /// It has no valid price.
    Unpriced(PriceError),
    /// No tariff was in force at its start.
    NoTariff,
}

/// `session.held/1`: not billed blindly, never lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionHeld {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Which transaction.
    pub transaction: TransactionId,
    /// How many messages were taken into account.
    pub revision: u64,
    /// Why.
    pub reason: HeldFor,
    /// What an operator may accept.
    pub proposal: Option<Proposal>,
}

/// What the operator who reviews a session may accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// By what.
    pub quote: Quote,
    /// The session as proposed.
    pub input: CutSession,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Their sum.
    pub totals: Totals,
}

/// `session.settled/1`: all messages are in and nothing is to be billed for them: a late message
/// changed nothing, or an operator voided the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSettled {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which station.
    pub station: StationId,
    /// Which transaction.
    pub transaction: TransactionId,
    /// How many messages were taken into account.
    pub revision: u64,
    /// The operator's reason.
    pub reason: Option<Box<str>>,
    /// True where an operator gave the session up unbilled.
    #[serde(default)]
    pub void: bool,
}

/// `review.opened/1`: something looks wrong about a sealed CDR; it stays sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewOpened {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Which transaction.
    pub transaction: TransactionId,
    /// The CDR.
    pub cdr: CdrId,
    /// How many messages were taken into account.
    pub revision: u64,
    /// What looks wrong.
    pub findings: Vec<Finding>,
}

/// `reprice.asked/1`: an operator wants a held session priced again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepriceAsked {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which station.
    pub station: StationId,
    /// Which transaction.
    pub transaction: TransactionId,
    /// By what; the pinned quote where it names none.
    pub quote: Option<Quote>,
    /// The operator's reason.
    pub reason: Box<str>,
}

/// What a CDR is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CdrKind {
    /// A charge.
    Charge,
    /// The negation of an earlier CDR of the same session.
    Credit(CdrId),
}

/// `cdr.sealed/1`: a bill, with everything that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdrSealed {
    /// When it was sealed.
    pub at: Timestamp,
    /// By whom: the clock, or the operator who resolved a review or asked for a new price.
    pub actor: Actor,
    /// Its id.
    pub cdr: CdrId,
    /// What it is.
    pub kind: CdrKind,
    /// Which station.
    pub station: StationId,
    /// Which transaction.
    pub transaction: TransactionId,
    /// Its session.
    pub session: SessionId,
    /// Its visit.
    pub visit: VisitId,
    /// Where.
    pub evse: Option<u32>,
    /// Where.
    pub connector: Option<u32>,
    /// Who charged.
    pub token: Option<IdToken>,
    /// How many messages were taken into account.
    pub revision: u64,
    /// What priced it.
    pub quote: Quote,
    /// The quote that the session had, where an operator priced it by another.
    pub repriced_from: Option<Quote>,
    /// The operator's reason, where there was one.
    pub reason: Option<Box<str>>,
    /// Energy of the session.
    pub energy: Energy,
    /// The complete input of the price.
    pub input: CutSession,
    /// The plugin's answer.
    pub lines: Vec<Line>,
    /// The host's sums; negated in a credit.
    pub totals: Totals,
    /// Signed readings, byte for byte.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed: Vec<Reading>,
}

/// `transaction.archived/1`: it is done and leaves the state; its row stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionArchived {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Which transaction.
    pub transaction: TransactionId,
}

/// The whole of a transaction: what its row keeps, what `transaction.reopened/1` brings back and
/// what a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRecord {
    /// Which transaction.
    pub transaction: TransactionId,
    /// Its session.
    pub session: SessionId,
    /// Its visit.
    pub visit: VisitId,
    /// The messages.
    pub reports: Vec<ReportRecord>,
    /// Readings from outside its messages.
    pub readings: Vec<Reading>,
    /// Statuses of its connector from outside its messages, by the station's clock.
    pub statuses: Vec<(Timestamp, ConnectorStatus)>,
    /// True where its start was never seen.
    pub orphan: bool,
    /// True when no message still to come can change the bill.
    pub complete: bool,
    /// Pinned quote.
    pub quote: Option<Quote>,
    /// Running cost.
    pub running: Option<Totals>,
    /// Prices asked for so far.
    pub attempts: u64,
    /// Where its bill stands.
    pub billing: BillingRecord,
    /// Time online after the last message before it is billed.
    pub settle: Millis,
    /// What is left of that.
    pub settle_left: Millis,
    /// When its last message was received.
    pub last_received: Timestamp,
    /// When something about it was last recorded.
    pub last_recorded: Timestamp,
    /// The CDRs sealed for it, credits among them.
    pub cdrs: Vec<SealedRecord>,
    /// What was found after sealing.
    #[serde(default)]
    pub review: Vec<Finding>,
}

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRecord {
    /// When it was received first.
    pub received: Timestamp,
    /// The message.
    pub report: Report,
    /// What its token was answered, where it had one.
    pub authorization: Option<Authorization>,
}

/// Where a bill stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillingRecord {
    /// Not billed.
    #[default]
    Open,
    /// Billed, or settled without a bill, with that many messages taken into account.
    Done {
        /// Messages taken into account.
        revision: u64,
        /// True where an operator gave it up.
        void: bool,
    },
    /// Held with that many messages taken into account.
    Held {
        /// Messages taken into account.
        revision: u64,
        /// Why.
        reason: HeldFor,
        /// What may be accepted.
        proposal: Option<Proposal>,
    },
    /// An operator wants it priced again.
    Reprice {
        /// By whom.
        actor: Actor,
        /// By what; the pinned quote where it names none.
        quote: Option<Quote>,
        /// The operator's reason.
        reason: Box<str>,
    },
}

/// What is remembered of a sealed CDR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedRecord {
    /// Its id.
    pub cdr: CdrId,
    /// What it is.
    pub kind: CdrKind,
    /// Its sums.
    pub totals: Totals,
    /// Energy.
    pub energy: Energy,
    /// First instant.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

/// `transaction.reopened/1`: what was recalled enters the state before any other fact about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionReopened {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// All of it.
    pub whole: Box<TransactionRecord>,
}
