//! Owns what the world may read: the bodies of rows. They are derived from facts and made again
//! from the log when missing. Must never be read by `apply`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::fact::FactError;
use crate::fact::command::{CommandOutcome, CommandWanted};
use crate::fact::network::{PluginInstalled, TariffPut, TokenPut};
use crate::fact::site::{SitePut, StationPlaced};
use crate::fact::station::{
    ConnectorStatus, Registration, StationBooted, StationConnected, StationRegistered,
};
use crate::fact::transaction::{CdrSealed, Finding, HeldFor, Proposal, Quote, TransactionRecord};
use crate::ids::{CommandId, IdToken, SessionId, SiteId, StationId, TransactionId, VisitId};
use crate::pricing::bill::Totals;
use crate::subject::Row;
use crate::units::{Energy, Millis, Power, Timestamp};

/// What a row needs room for while it is written.
const TYPICAL_BYTES: usize = 1_000;

/// A row's body: CBOR with field names.
pub trait RowBody: Serialize + DeserializeOwned {
    /// As stored.
    fn to_row(&self) -> Row {
        // Most rows fit, so that nothing grows while it is written; the row keeps no spare room.
        let mut bytes = Vec::with_capacity(TYPICAL_BYTES);
        let mut serializer = minicbor_serde::Serializer::new(&mut bytes);
        match self.serialize(&mut serializer) {
            Ok(()) => Row(bytes.as_slice().into()),
            Err(_) => Row::default(),
        }
    }

    /// From what is stored.
    ///
    /// # Errors
    /// The row is not of this type.
    fn from_row(row: &Row) -> Result<Self, FactError> {
        minicbor_serde::from_slice(&row.0).map_err(|error| FactError {
            name: std::any::type_name::<Self>().into(),
            reason: error.to_string(),
        })
    }
}

macro_rules! wrapping_rows {
    ($($(#[$doc:meta])* $name:ident { $field:ident: $body:ty })*) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// The fact that made it.
            pub $field: $body,
        }

        impl RowBody for $name {}

        impl From<$body> for $name {
            fn from($field: $body) -> Self {
                Self { $field }
            }
        })*
    };
}

wrapping_rows! {
    /// A token.
    Token { put: TokenPut }
    /// A version of a tariff.
    Tariff { put: TariffPut }
    /// A plugin.
    Plugin { installed: PluginInstalled }
    /// A site.
    Site { put: SitePut }
    /// A CDR.
    Cdr { sealed: CdrSealed }
    /// The whole of a transaction.
    Transaction { record: TransactionRecord }
    /// Which transaction a 1.6 start made.
    Start { transaction: TransactionId }
    /// An open session of a token: where it is.
    Live { at: (StationId, TransactionId) }
}

/// Where a station is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where it is wanted.
    pub placed: StationPlaced,
    /// Where it is; none where it is a site of its own.
    pub holder: Option<SiteId>,
}

impl RowBody for Place {}

/// What a site drew in a slot of its history. Powers are averages over what is covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadSlot {
    /// When it began.
    pub start: Timestamp,
    /// How long it is: `MINUTE` or `QUARTER`.
    pub span: Millis,
    /// For how long of it the site was watched; an idle one is not.
    pub covered: Millis,
    /// The least that the connections to the grid might carry; none where nothing limits them.
    pub limit: Option<Power>,
    /// What is not managed.
    pub base: Power,
    /// What the limits that stations had acknowledged let running transactions draw.
    pub allocated: Power,
    /// What they were measured to draw.
    pub measured: Power,
    /// The most that they were measured to draw together.
    pub most: Power,
    /// What limits kept back, at most: as if every car that is at its limit, or waits, could draw
    /// all that its EVSE gives.
    pub throttled: Energy,
}

impl LoadSlot {
    /// Short slots.
    pub const MINUTE: Millis = Millis::from_secs(60);
    /// Long slots.
    pub const QUARTER: Millis = Millis::from_secs(15 * 60);
    /// A day of short slots is kept.
    pub const MINUTES: i64 = 24 * 60;
    /// A week of long slots is kept.
    pub const QUARTERS: i64 = 7 * 24 * 4;

    /// How many slots of a span are kept.
    pub fn kept(span: Millis) -> i64 {
        if span == Self::MINUTE { Self::MINUTES } else { Self::QUARTERS }
    }
}

impl RowBody for LoadSlot {}

/// Which command an idempotency key made, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The command.
    pub command: CommandId,
    /// Its action: the key means this request and no other.
    pub action: Box<str>,
    /// Its payload.
    pub payload: Box<str>,
    /// How it ended.
    pub outcome: Option<CommandOutcome>,
}

impl RowBody for Idempotency {}

/// A command and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// As it was wanted.
    pub wanted: CommandWanted,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<CommandOutcome>,
    /// Whether its effect was seen.
    pub effect: Option<bool>,
}

impl RowBody for Command {}

/// A station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Station {
    /// Its identity.
    pub station: StationId,
    /// How it is registered; none for one that was let in without.
    pub registered: Option<StationRegistered>,
    /// True once it was removed.
    pub removed: bool,
    /// Its connection, while it has one.
    pub connected: Option<StationConnected>,
    /// When it was last connected or disconnected.
    pub changed: Timestamp,
    /// Its last boot.
    pub booted: Option<StationBooted>,
    /// How it stands since that: what it was answered, or accepted by an operator since.
    pub standing: Option<Registration>,
    /// The security profile that it has to connect with at least.
    #[serde(default)]
    pub least_profile: u8,
    /// The peer's address of its last connection.
    #[serde(default)]
    pub last_remote: Option<Box<str>>,
    /// Its site; none where it is a site of its own.
    #[serde(default)]
    pub site: Option<SiteId>,
}

impl RowBody for Station {}

/// A connector as last reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// 0 is the station itself.
    pub evse: u32,
    /// Within the EVSE.
    pub connector: u32,
    /// What it is.
    pub status: ConnectorStatus,
    /// Since when, by the station's clock.
    pub since: Timestamp,
    /// What is wrong with it.
    pub error: Option<Box<str>>,
}

impl RowBody for Connector {}

/// Where a session stands (DESIGN section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It runs.
    Open,
    /// Its total is known and provisional.
    Ended,
    /// Its CDR is sealed.
    Billed,
    /// For review, or unpriced.
    Held,
    /// Given up by an operator.
    Void,
}

/// A session, as the world may read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub session: SessionId,
    /// Its visit.
    pub visit: VisitId,
    /// Where.
    pub station: StationId,
    /// Its transaction.
    pub transaction: TransactionId,
    /// Where.
    pub evse: Option<u32>,
    /// Where.
    pub connector: Option<u32>,
    /// Who charges.
    pub token: Option<IdToken>,
    /// Where it stands.
    pub state: SessionState,
    /// First instant.
    pub start: Timestamp,
    /// First instant after, once it ended.
    pub end: Option<Timestamp>,
    /// Delivered so far.
    pub energy: Energy,
    /// The last power reported.
    pub power: Option<Power>,
    /// The last state of charge reported, in thousandths of a percent.
    pub state_of_charge: Option<i64>,
    /// Why it stopped.
    pub stopped_reason: Option<Box<str>>,
    /// What it is priced by.
    pub quote: Option<Quote>,
    /// The cost so far, or the bill.
    pub cost: Option<Totals>,
    /// Why it is held.
    pub held: Option<HeldFor>,
    /// What may be accepted.
    pub proposal: Option<Proposal>,
    /// What was found after sealing.
    pub review: Vec<Finding>,
    /// When something about it was last recorded.
    pub updated: Timestamp,
}

impl RowBody for Session {}
