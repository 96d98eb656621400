//! Owns the words in which a simulated station thinks, whatever version it speaks. Must never
//! name a version or a field of a message.

use crate::limits::Profile;
use crate::settings::Setting;
use crate::spec::Tells;

/// What a driver presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// As the reader reads it.
    pub id: String,
    /// What it is.
    pub kind: TokenKind,
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A card with an ISO 14443 chip.
    Card,
    /// Made by the operator: an app.
    Central,
    /// The contract of the car.
    Contract,
}

impl Token {
    /// A card.
    pub fn card(id: &str) -> Self {
        Self { id: id.to_owned(), kind: TokenKind::Card }
    }

    /// 1.6 compares without case; so do we.
    pub fn is(&self, other: &Self) -> bool {
        self.id.eq_ignore_ascii_case(&other.id)
    }
}

/// What a connector tells of itself, in the words of 1.6, of which those of 2.x are a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Free.
    Available,
    /// Plugged in or authorized, not both.
    Preparing,
    /// Energy flows.
    Charging,
    /// The car takes nothing.
    SuspendedEv,
    /// The station gives nothing.
    SuspendedEvse,
    /// Over, and still plugged in.
    Finishing,
    /// Kept for somebody.
    Reserved,
    /// Out of service.
    Unavailable,
    /// Broken.
    Faulted,
}

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Plugged in, nothing flows yet.
    Connected,
    /// Energy flows.
    Charging,
    /// The car takes nothing.
    SuspendedEv,
    /// The station gives nothing.
    SuspendedEvse,
    /// No car.
    Idle,
}

/// Why an event of a transaction is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The driver was authorized.
    Authorized,
    /// The cable was plugged in.
    CablePluggedIn,
    /// The flow changed.
    FlowChanged,
    /// The driver stopped it.
    StopAuthorized,
    /// Its token was refused.
    Deauthorized,
    /// The cable was pulled.
    CommunicationLost,
    /// By the clock.
    Periodic,
    /// The server asked.
    Asked,
    /// The server started it.
    RemoteStart,
    /// The server stopped it.
    RemoteStop,
    /// The server unlocked the connector.
    Unlock,
    /// The server reset the station.
    Reset,
    /// Something broke.
    Abnormal,
    /// It goes on after a power cut (2.1).
    Resumed,
}

/// Why a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The driver, at the station.
    Local,
    /// The server.
    Remote,
    /// The cable was pulled.
    Disconnected,
    /// The token was refused.
    DeAuthorized,
    /// A reset that let it end well.
    SoftReset,
    /// A reset that did not.
    HardReset,
    /// The power went.
    PowerLoss,
    /// The connector was unlocked.
    Unlock,
    /// Something broke.
    Emergency,
}

/// Why a station booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootReason {
    /// The power came.
    PowerUp,
    /// The server reset it.
    RemoteReset,
    /// The server asked for the message.
    Triggered,
}

/// Where in a transaction a reading was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Its start.
    Begin,
    /// By the clock.
    Periodic,
    /// Its end.
    End,
    /// The server asked.
    Asked,
}

/// What the meter says at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// By the station's clock.
    pub at_ms: i64,
    /// Where.
    pub context: Context,
    /// Register of imported energy, in mWh.
    pub energy_mwh: i64,
    /// Power that flows.
    pub power_w: i64,
    /// Current on each phase, in mA; of a DC outlet its current.
    pub current_ma: i64,
    /// Phases in use; 0 is direct current.
    pub phases: u8,
    /// Phases that are connected; 0 is direct current.
    pub connected: u8,
    /// State of charge of the battery, where the station knows it.
    pub soc_permille: Option<u16>,
}

impl Reading {
    /// The power, where the station tells it.
    pub fn told_power(&self, tells: Tells) -> Option<i64> {
        (self.connected == 0 || tells != Tells::UsedPhasesAlone).then_some(self.power_w)
    }

    /// The current of each phase of which the station tells it, from the first.
    pub fn told_currents(&self, tells: Tells) -> impl Iterator<Item = i64> {
        let (used, current) = (self.phases, self.current_ma);
        let told = match tells {
            Tells::UsedPhases | Tells::UsedPhasesAlone => used,
            Tells::AllPhases => self.connected,
            Tells::Power => 0,
        };
        (0..told).map(move |phase| if phase < used { current } else { 0 })
    }
}

/// What a car tells of itself (ISO 15118).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// When it told it, by the station's clock.
    pub at_ms: i64,
    /// When it leaves, by the station's clock, where its driver told it.
    pub departs_ms: Option<i64>,
    /// What it wants.
    pub missing_wh: i64,
    /// What its battery holds when full.
    pub battery_wh: i64,
    /// How full it is.
    pub soc_permille: i64,
    /// On direct current.
    pub direct: bool,
    /// Phases of its charger.
    pub phases: u8,
    /// Current of its charger on each phase.
    pub ac_max_ma: i64,
    /// Power on direct current.
    pub dc_max_w: i64,
}

/// First, middle or last word about a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// First.
    Started,
    /// Middle.
    Updated,
    /// Last.
    Ended,
}

/// Something to tell about a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxEvent {
    /// Number of the transaction at this station, never told.
    pub number: u32,
    /// What a 2.x station calls it.
    pub id: String,
    /// First, middle, last.
    pub phase: Phase,
    /// From 0 in each transaction.
    pub seq_no: i64,
    /// Where.
    pub evse: u16,
    /// By the station's clock.
    pub at_ms: i64,
    /// Why it is told.
    pub trigger: Trigger,
    /// What happens.
    pub flow: Flow,
    /// Readings that belong to it.
    pub readings: Vec<Reading>,
    /// The meter at this moment, in mWh.
    pub meter_mwh: i64,
    /// Who asked, where this event knows it for the first time.
    pub token: Option<Token>,
    /// Why it ended.
    pub reason: Option<Reason>,
    /// True when it happened without a connection.
    pub offline: bool,
    /// What the server called its wish to start.
    pub remote_start_id: Option<i64>,
    /// The reservation that it uses up.
    pub reservation_id: Option<i64>,
    /// Time in which energy flowed.
    pub charged_s: i64,
}

/// What a station says on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It starts.
    Boot(BootReason),
    /// It lives.
    Heartbeat,
    /// A connector's state; EVSE 0 is the station, in 1.6 only.
    Status {
        /// Which EVSE.
        evse: u16,
        /// Its state.
        status: Status,
        /// Since when, by the station's clock.
        at_ms: i64,
    },
    /// May this token charge?
    Authorize(Token),
    /// About a transaction.
    Tx(Box<TxEvent>),
    /// A reading without a transaction.
    Meter {
        /// Which EVSE.
        evse: u16,
        /// What it reads.
        reading: Reading,
    },
    /// Where an update of the firmware stands.
    Firmware {
        /// The server's number for it, where it gave one.
        request_id: Option<i64>,
        /// True when the request was the signed one of 1.6.
        signed: bool,
    },
    /// Where an upload of a log stands.
    Log {
        /// The server's number for it, where it gave one.
        request_id: Option<i64>,
    },
    /// The device model (2.x), which the server asked for.
    Variables {
        /// The server's number for it.
        request_id: i64,
        /// When it was asked, by the station's clock.
        at_ms: i64,
        /// The settings as they were.
        settings: Vec<Setting>,
    },
    /// Charging profiles (2.x), which the server asked for.
    Profiles {
        /// The server's number for it.
        request_id: i64,
        /// Of which EVSE; 0 is the station.
        evse: u16,
        /// As they stand.
        profiles: Vec<Profile>,
        /// Whether those of another EVSE follow.
        more: bool,
    },
    /// What a car needs (2.x).
    Needs {
        /// Where it is plugged in.
        evse: u16,
        /// What.
        needs: Needs,
    },
    /// Somebody else limits the whole station (2.x), or does not any more.
    Limited {
        /// To what, on each phase.
        ma: Option<i64>,
        /// From when on, by the station's clock.
        at_ms: i64,
    },
    /// What does this dynamic profile say now (2.1)?
    Pull {
        /// Its number.
        profile: i64,
    },
}

impl Report {
    /// Whether it must arrive, however late: it is about a transaction.
    pub fn must_arrive(&self) -> bool {
        matches!(self, Self::Tx(_))
    }
}

/// What the server said to a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a boot.
    Boot {
        /// Whether it may work.
        registration: Registration,
        /// Heartbeats, or the wait before the next boot message.
        interval_s: i64,
        /// The server's time.
        time_ms: i64,
    },
    /// To a question for authorization.
    Authorized(bool),
    /// To an event of a transaction.
    Tx {
        /// The number that 1.6 servers give.
        number: Option<i64>,
        /// Whether the token is good, where one was told.
        accepted: Option<bool>,
    },
    /// To a question for a limit: how much in tenths, where it says.
    Limit(Option<i64>),
    /// The server's time.
    Time(i64),
    /// Nothing of interest.
    Noted,
}

/// What the server thinks of the station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It has not said so far.
    Unknown,
    /// It may work.
    Accepted,
    /// It must wait, and takes orders.
    Pending,
    /// It must wait.
    Rejected,
}
