//! Owns the closed list of what can happen. Inputs are never stored: facts are.
//! Must never hold words of one OCPP version.

pub mod needs;
pub mod notice;
pub mod schedule;

use std::sync::Arc;

use crate::fact::command::{Intent, Priority};
use crate::fact::load::{ForecastSlot, PriceSlot};
use crate::fact::metering::{Reading, Report};
use crate::fact::network::{PluginInstalled, TariffPut, TokenPut};
use crate::fact::site::{SitePut, StationReleased};
use crate::fact::station::{ConnectorStatus, Dialect, StationRegistered};
use crate::fact::transaction::Quote;
use crate::fact::{Actor, Call};
use crate::ids::{CommandId, IdToken, SiteId, StationId, TransactionId};
use crate::load::external::Window;
use crate::load::plan::{Asked, Plan};
use crate::load::question::Answer;
use crate::load::rows::EvseId;
use crate::pricing::{CutSession, Line, PriceError};
use crate::subject::{Key, Row, Subject};
use crate::units::{Current, Energy, Millis, Power, Timestamp};

/// All that can happen to a subject.
#[derive(Clone, Debug)]
pub enum Input {
    /// A station said something on a connection.
    Station {
        /// Which station.
        station: StationId,
        /// Which connection of this process.
        generation: u64,
        /// Whom to answer; none for what asks for no answer.
        call: Option<Call>,
        /// What it said.
        event: StationEvent,
    },
    /// An operator asks something.
    Operator {
        /// Who.
        actor: Actor,
        /// Whom to answer.
        call: Option<Call>,
        /// What.
        request: Request,
    },
    /// A command's call came back.
    Command {
        /// Which station.
        station: StationId,
        /// The command.
        command: CommandId,
        /// How.
        returned: CommandReturned,
    },
    /// A price came back.
    Priced {
        /// Which station.
        station: StationId,
        /// Which transaction.
        transaction: TransactionId,
        /// The price asked for.
        attempt: u64,
        /// The input that was priced and the plugin's lines, or why there are none.
        result: Result<(CutSession, Vec<Line>), PriceError>,
    },
    /// A plan came back.
    Plan {
        /// The plan asked for.
        number: u64,
        /// What the planner answered; whatever it is, it is clamped.
        plan: Box<Plan>,
    },
    /// Another subject says something.
    Told(Told),
    /// `deadline` has come.
    Deadline,
    /// The process has just started.
    Recovered,
    /// The host's clock was set: what is handed in from now on is by another time than before.
    ClockSet {
        /// By how much, forward where that is positive.
        by: Millis,
    },
}

/// What one subject tells another, of a station that moves (DESIGN section 3). Each may be told
/// again: nothing follows from it twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// By the network, to the site that has a station: it is wanted elsewhere.
    Move {
        /// Which station.
        station: StationId,
    },
    /// By the site that had it, to the one that it goes to: all of it.
    Released(Box<StationReleased>),
    /// By the site that has it now, to the network.
    Adopted {
        /// Which station.
        station: StationId,
        /// Whose it was.
        from: Subject,
        /// Whose it is.
        to: Subject,
        /// The number of the move.
        number: u64,
    },
    /// By the network, to the site that it left: the move is over.
    Moved {
        /// Which station.
        station: StationId,
        /// Whose it is.
        to: Subject,
        /// The number of the move.
        number: u64,
    },
}

impl Input {
    /// The station that it is about, where it is about one.
    pub fn station(&self) -> Option<&StationId> {
        match self {
            Self::Station { station, .. }
            | Self::Command { station, .. }
            | Self::Priced { station, .. } => Some(station),
            Self::Operator { request, .. } => request.station(),
            Self::Plan { .. }
            | Self::Told(_)
            | Self::Deadline
            | Self::Recovered
            | Self::ClockSet { .. } => None,
        }
    }
}

/// What a station says, in three-tier words.
#[derive(Clone, Debug)]
pub enum StationEvent {
    /// It connected and authenticated.
    Connected {
        /// What it speaks.
        dialect: Dialect,
        /// The process that holds the connection.
        incarnation: u64,
        /// The peer's address.
        remote: Box<str>,
        /// 0 to 3.
        security_profile: u8,
    },
    /// Its connection ended.
    Disconnected {
        /// Why, for people.
        reason: Box<str>,
    },
    /// BootNotification.
    Booted {
        /// As it came.
        vendor: Box<str>,
        /// As it came.
        model: Box<str>,
        /// As it came.
        serial: Option<Box<str>>,
        /// As it came.
        firmware: Option<Box<str>>,
        /// 2.x reason.
        reason: Option<Box<str>>,
    },
    /// StatusNotification, or a NotifyEvent of AvailabilityState.
    Status {
        /// 0 is the station itself.
        evse: u32,
        /// Within the EVSE.
        connector: u32,
        /// What it is now.
        status: ConnectorStatus,
        /// By the station's clock, where it gave a time.
        reported: Option<Timestamp>,
        /// What is wrong with it.
        error: Option<Box<str>>,
    },
    /// Authorize.
    Authorize {
        /// Which token.
        token: IdToken,
    },
    /// A message about a transaction.
    Transaction {
        /// Which.
        transaction: TransactionRef,
        /// The message.
        report: Report,
        /// True where the answer has room for a cost.
        wants_cost: bool,
    },
    /// Readings that name no transaction: attached by EVSE and time.
    Readings {
        /// 0 is the main meter.
        evse: u32,
        /// What was measured.
        readings: Vec<Reading>,
    },
    /// A message about smart charging: recorded as it came.
    Charging {
        /// What it says.
        notice: notice::Notice,
        /// Its action.
        action: Box<str>,
        /// Its payload: JSON text.
        payload: Box<str>,
    },
    /// Any other message: recorded as it came.
    Other {
        /// Its action.
        action: Box<str>,
        /// Its payload: JSON text.
        payload: Box<str>,
    },
}

/// How a message names its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionRef {
    /// 1.6 StartTransaction: we issue the id, the same for the same content.
    Issue,
    /// By id.
    Known(TransactionId),
}

/// How a command's call came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandReturned {
    /// The station answered.
    Answered {
        /// JSON text.
        response: Box<str>,
        /// Its `status`, where it has one.
        status: Option<Box<str>>,
        /// The message id of the call.
        message_id: Box<str>,
    },
    /// The station answered a question of load control.
    Told {
        /// JSON text.
        response: Box<str>,
        /// Its `status`, where it has one.
        status: Option<Box<str>>,
        /// The message id of the call.
        message_id: Box<str>,
        /// The same in our words.
        answer: Box<Answer>,
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
    /// The connection is gone.
    Gone {
        /// True when the call may have left.
        may_have_left: bool,
    },
}

/// What an operator asks.
#[derive(Clone, Debug)]
pub enum Request {
    /// Make or change a station. Its `at` and `actor` are filled by `decide`.
    RegisterStation(Box<StationRegistered>, Precondition),
    /// Remove a station.
    RemoveStation(StationId),
    /// Let a station connect with a lower security profile than it did (OCPP A05, ATTACKS 11).
    ResetProfile {
        /// Which station.
        station: StationId,
        /// The operator's reason.
        reason: Box<str>,
    },
    /// Make or change a token. Its `at`, `actor` and `version` are filled by `decide`.
    PutToken(Box<TokenPut>, Precondition),
    /// Remove a token.
    RemoveToken(IdToken),
    /// Make a new version of a tariff, prepared before. Its `at`, `actor` and `version` are
    /// filled by `decide`.
    PutTariff(Box<TariffPut>, Precondition),
    /// A component stands in the plugin store.
    InstallPlugin(Box<PluginInstalled>),
    /// Send a command to a station.
    Command {
        /// Which station.
        station: StationId,
        /// What it means.
        intent: Intent,
        /// The action, in the station's version.
        action: Box<str>,
        /// JSON text, checked against the version's schema.
        payload: Box<str>,
        /// How urgent.
        priority: Priority,
        /// After this it is not sent any more.
        until: Timestamp,
        /// The caller's `Idempotency-Key`.
        key: Option<Box<str>>,
    },
    /// Make or change a site. Its `at`, `actor` and `version` are filled by `decide`.
    PutSite(Box<SitePut>, Precondition),
    /// Remove a site that no station is at.
    RemoveSite(SiteId, Precondition),
    /// Say what a circuit may carry, or only that one is still there.
    LimitLoad {
        /// The circuit.
        circuit: Box<str>,
        /// The source, as the tree names it.
        source: Box<str>,
        /// All that it announces; none where it only says that it is there.
        windows: Option<Vec<Window>>,
    },
    /// Say what a meter of a circuit shows.
    MeterLoad {
        /// The meter, as the tree names it.
        meter: Box<str>,
        /// What flows on each line; negative where it is exported.
        lines: [Current; 3],
        /// True where the EVSEs of the circuit are in it.
        with_evses: bool,
    },
    /// Say what the car at an EVSE needs, in the place of what was said before.
    WishLoad {
        /// Where.
        evse: EvseId,
        /// The transaction that it is for, where the caller names one: no other will do.
        transaction: Option<TransactionId>,
        /// What.
        wish: CarWish,
    },
    /// Say what energy costs the site, in the place of what was said before.
    PriceLoad {
        /// In order of time; without any, prices are not known.
        slots: Vec<PriceSlot>,
    },
    /// Say what surplus the site will have, in the place of what was said before.
    ForecastLoad {
        /// In order of time.
        slots: Vec<ForecastSlot>,
    },
    /// Say what a battery of a site holds and does.
    TellBattery {
        /// As the tree names it.
        battery: Box<str>,
        /// Its state of charge: thousandths of what it can hold.
        charge: u32,
        /// What it takes now; negative where it gives.
        power: Option<Power>,
    },
    /// Have a station at a site, or at none. Asked of the network.
    PlaceStation {
        /// Which station.
        station: StationId,
        /// Where.
        site: Option<SiteId>,
        /// What must hold of its place.
        precondition: Precondition,
    },
    /// Price a held session again, by another quote if it names one.
    Reprice {
        /// Which station.
        station: StationId,
        /// Which transaction.
        transaction: TransactionId,
        /// By what; the pinned quote where it names none.
        quote: Option<Quote>,
        /// The operator's reason.
        reason: Box<str>,
    },
    /// Accept the proposal of a session under review, or give the session up.
    Resolve {
        /// Which station.
        station: StationId,
        /// Which transaction.
        transaction: TransactionId,
        /// True to bill the proposal, false to bill nothing.
        accept: bool,
        /// The operator's reason.
        reason: Box<str>,
    },
}

impl Request {
    /// The station whose site is asked, where one is.
    fn station(&self) -> Option<&StationId> {
        match self {
            Self::RegisterStation(registered, _) => Some(&registered.station),
            Self::RemoveStation(station)
            | Self::ResetProfile { station, .. }
            | Self::Command { station, .. }
            | Self::Reprice { station, .. }
            | Self::Resolve { station, .. } => Some(station),
            Self::PutToken(..)
            | Self::RemoveToken(_)
            | Self::PutTariff(..)
            | Self::InstallPlugin(_)
            | Self::PutSite(..)
            | Self::RemoveSite(..)
            | Self::LimitLoad { .. }
            | Self::MeterLoad { .. }
            | Self::WishLoad { .. }
            | Self::PriceLoad { .. }
            | Self::ForecastLoad { .. }
            | Self::TellBattery { .. }
            | Self::PlaceStation { .. } => None,
        }
    }
}

/// What a driver or an operator says that a car needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarWish {
    /// From now on.
    pub energy: Option<Energy>,
    /// When it leaves.
    pub departure: Option<Timestamp>,
    /// Its priority class; 0 is served before 1.
    pub class: Option<u8>,
    /// It waits neither for a price nor for a random delay.
    pub at_once: bool,
    /// The most that the car takes on a phase.
    pub maximum: Option<Current>,
}

/// What must hold of the version that is there (`If-Match`, `If-None-Match`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// It must not exist.
    Absent,
    /// It must be this version.
    Version(u64),
}

/// What must be recalled before an input can be decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Single rows.
    pub keys: Vec<Key>,
    /// All rows that begin so, at most 100 of each.
    pub prefixes: Vec<Key>,
}

impl Needs {
    /// True when nothing is needed: the usual case.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.prefixes.is_empty()
    }
}

/// What was recalled: every key asked for, with its row if there is one, and the rows found under
/// the prefixes.
#[derive(Clone, Debug, Default)]
pub struct Recalled {
    /// In the order of the keys asked for, then of the rows found.
    pub rows: Vec<(Key, Option<Row>)>,
}

impl Recalled {
    /// The row of a key that was asked for or found.
    pub fn get(&self, key: &Key) -> Option<&Row> {
        self.rows.iter().find(|(k, _)| k == key).and_then(|(_, row)| row.as_ref())
    }
}

/// Pure work, for a worker thread.
#[derive(Clone, Debug)]
pub enum Work {
    /// Cut the session and price it.
    Price {
        /// Whose.
        subject: Subject,
        /// Which station.
        station: StationId,
        /// Which transaction.
        transaction: TransactionId,
        /// To be answered with it.
        attempt: u64,
        /// What to cut.
        session: Arc<crate::pricing::MeteredSession>,
        /// Plugin, configuration and boundaries.
        tariff: Arc<TariffPut>,
    },
    /// Plan the load of a site.
    Plan {
        /// Whose.
        subject: Subject,
        /// To be answered with it.
        number: u64,
        /// What is asked.
        asked: Arc<Asked>,
    },
}
