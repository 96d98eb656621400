//! Owns what inputs and facts are about, and where rows stand.
//! Must never say what a row holds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{
    CdrId, CommandId, IdToken, SessionId, SiteId, StationId, TariffId, TransactionId,
};
use crate::row::LoadSlot;
use crate::units::Millis;

/// What an input or a fact is about: the unit of order, of snapshots and of sharding. Stored as
/// `Display` writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// What is not of one site: tokens, tariffs, plugins.
    Network,
    /// A site with its stations.
    Site(SiteId),
    /// A station without a site: a site of its own.
    Station(StationId),
}

impl Subject {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => (text == "network").then_some(Self::Network),
            Some(("site", id)) => Some(Self::Site(id.into())),
            Some(("station", id)) => Some(Self::Station(id.into())),
            Some(_) => None,
        }
    }

    /// Its shard, of 64: FNV-1a of its text, fixed for ever.
    pub fn shard(&self) -> u8 {
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        for byte in self.to_string().bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        ((hash ^ (hash >> 32)) % 64) as u8
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network => f.write_str("network"),
            Self::Site(id) => write!(f, "site:{id}"),
            Self::Station(id) => write!(f, "station:{id}"),
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no subject"))
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

/// A kind of row. The numbers are stored: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// A station.
    Station = 1,
    /// A token.
    Token = 2,
    /// A version of a tariff.
    Tariff = 3,
    /// The whole of a transaction.
    Transaction = 4,
    /// Which transaction a 1.6 start made.
    Start = 5,
    /// A session, as the world may read it.
    Session = 6,
    /// A CDR.
    Cdr = 7,
    /// Which sessions of a token are open.
    Live = 8,
    /// A command.
    Command = 9,
    /// Which command an idempotency key made.
    Idempotency = 10,
    /// A plugin.
    Plugin = 11,
    /// Which CDRs a session has.
    SessionCdr = 12,
    /// A connector, as last reported.
    Connector = 13,
    /// A site.
    Site = 14,
    /// Which stations a site has.
    SiteStation = 15,
    /// Where a station is, and where it is wanted.
    Place = 16,
    /// What load control last said of an EVSE; written by older versions, read by none.
    EvseLoad = 17,
    /// A slot of the history of a site's load.
    LoadSlot = 18,
}

/// Where a row stands: a table, and parts that order and prefix it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// The parts joined by a zero byte, which no part may hold.
    pub path: String,
}

impl Key {
    fn new(table: Table, parts: &[&str]) -> Self {
        Self { table, path: parts.join("\0") }
    }

    /// A station's row.
    pub fn station(station: &StationId) -> Self {
        Self::new(Table::Station, &[station.as_str()])
    }

    /// A connector's row: a row of its own, since it changes far more often than its station.
    pub fn connector(station: &StationId, evse: u32, connector: u32) -> Self {
        Self::new(Table::Connector, &[station.as_str(), &format!("{evse:010}.{connector:010}")])
    }

    /// All connectors of a station, in order.
    pub fn connectors(station: &StationId) -> Self {
        Self::new(Table::Connector, &[station.as_str(), ""])
    }

    /// A token's row.
    pub fn token(token: &IdToken) -> Self {
        Self::new(Table::Token, &[token.value(), token.kind_name()])
    }

    /// A tariff version's row; versions in order.
    pub fn tariff(tariff: &TariffId, version: u64) -> Self {
        Self::new(Table::Tariff, &[tariff.as_str(), &format!("{version:010}")])
    }

    /// A transaction's row.
    pub fn transaction(station: &StationId, transaction: &TransactionId) -> Self {
        Self::new(Table::Transaction, &[station.as_str(), transaction.as_str()])
    }

    /// The row of a 1.6 start's content.
    pub fn start(station: &StationId, content: &str) -> Self {
        Self::new(Table::Start, &[station.as_str(), content])
    }

    /// A session's row.
    pub fn session(session: SessionId) -> Self {
        Self::new(Table::Session, &[&session.to_string()])
    }

    /// A CDR's row.
    pub fn cdr(cdr: CdrId) -> Self {
        Self::new(Table::Cdr, &[&cdr.to_string()])
    }

    /// The row of a CDR under its session.
    pub fn session_cdr(session: SessionId, cdr: CdrId) -> Self {
        Self::new(Table::SessionCdr, &[&session.to_string(), &cdr.to_string()])
    }

    /// The row of an open session under its token.
    pub fn live(token: &IdToken, session: SessionId) -> Self {
        Self::new(Table::Live, &[token.value(), token.kind_name(), &session.to_string()])
    }

    /// All open sessions of a token.
    pub fn live_prefix(token: &IdToken) -> Self {
        Self::new(Table::Live, &[token.value(), token.kind_name(), ""])
    }

    /// A command's row.
    pub fn command(command: CommandId) -> Self {
        Self::new(Table::Command, &[&command.to_string()])
    }

    /// The row of an idempotency key.
    pub fn idempotency(station: &StationId, key: &str) -> Self {
        Self::new(Table::Idempotency, &[station.as_str(), key])
    }

    /// A plugin's row.
    pub fn plugin(name: &str) -> Self {
        Self::new(Table::Plugin, &[name])
    }

    /// A site's row.
    pub fn site(site: &SiteId) -> Self {
        Self::new(Table::Site, &[site.as_str()])
    }

    /// The row of a station under its site.
    pub fn site_station(site: &SiteId, station: &StationId) -> Self {
        Self::new(Table::SiteStation, &[site.as_str(), station.as_str()])
    }

    /// All stations of a site, in order.
    pub fn site_stations(site: &SiteId) -> Self {
        Self::new(Table::SiteStation, &[site.as_str(), ""])
    }

    /// The row of a slot of a site's history: a place in a ring, so that the next round takes it.
    pub fn load_slot(site: &SiteId, slot: &LoadSlot) -> Self {
        let place =
            slot.start.0.div_euclid(slot.span.0.max(1)).rem_euclid(LoadSlot::kept(slot.span));
        Self::load_place(site, slot.span, place)
    }

    /// The row at a place in the ring of a site's slots.
    pub fn load_place(site: &SiteId, span: Millis, place: i64) -> Self {
        let span = (span.0 / 1_000).to_string();
        Self::new(Table::LoadSlot, &[site.as_str(), &span, &format!("{place:04}")])
    }

    /// All slots of a span of a site's history, in no order.
    pub fn load_slots(site: &SiteId, span: Millis) -> Self {
        Self::new(Table::LoadSlot, &[site.as_str(), &(span.0 / 1_000).to_string(), ""])
    }

    /// The row of a station's place.
    pub fn place(station: &StationId) -> Self {
        Self::new(Table::Place, &[station.as_str()])
    }
}

/// A row's body: CBOR of one of `row`'s types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(pub Vec<u8>);
