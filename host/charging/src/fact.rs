//! Owns what is remembered: the closed list of facts, each a type of its own with a stable name
//! and version, and their encoding. A version is frozen once merged. Must never hold a domain
//! type: those may change.

pub mod command;
pub mod load;
pub mod metering;
pub mod network;
pub mod site;
pub mod station;
pub mod transaction;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// Who made something happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The station that the fact names.
    Station,
    /// A user or an API token, by name.
    User(Box<str>),
    /// Time passed.
    Clock,
    /// A plugin, by name.
    Plugin(Box<str>),
    /// A roaming partner, by its id.
    Partner(Box<str>),
}

/// A call that waits for a reply, from a station or over the API. Its process and connection are
/// part of its name, so that a stranger's answer never reaches it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A station's CALL.
    Station {
        /// The process.
        incarnation: u64,
        /// The connection.
        generation: u64,
        /// The CALL's message id.
        message_id: Box<str>,
    },
    /// A request over the API.
    Api {
        /// The process.
        incarnation: u64,
        /// The request.
        request: u64,
    },
}

impl Call {
    /// True for a station's CALL on this connection.
    pub fn is_of(&self, connection: u64) -> bool {
        matches!(self, Self::Station { generation, .. } if *generation == connection)
    }

    /// The process that it came to.
    pub fn incarnation(&self) -> u64 {
        match self {
            Self::Station { incarnation, .. } | Self::Api { incarnation, .. } => *incarnation,
        }
    }
}

/// `input.refused/1`: nonsense, with a reason that an operator can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRefused {
    /// When it was decided.
    pub at: Timestamp,
    /// Whose it was.
    pub actor: Actor,
    /// The station, where it was about one.
    pub station: Option<crate::ids::StationId>,
    /// What was refused.
    pub what: Box<str>,
    /// Why.
    pub reason: Box<str>,
}

/// Why a stored fact cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactError {
    /// The fact's name and version, as stored.
    pub name: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for FactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fact {:?} cannot be read: {}", self.name, self.reason)
    }
}

impl std::error::Error for FactError {}

macro_rules! facts {
    ($($(#[$doc:meta])* $variant:ident($body:ty) = $name:literal,)*) => {
        /// All that is remembered.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Fact {
            $($(#[$doc])* $variant($body),)*
        }

        impl Fact {
            /// Every name and version that is written today.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// Its stable name and version.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// When it was recorded, by the clock of the process that decided it.
            pub fn at(&self) -> Timestamp {
                match self { $(Self::$variant(body) => body.at,)* }
            }

            /// Its body: a CBOR map with field names.
            ///
            /// # Errors
            /// As [`Fact::encode_to`].
            pub fn encode(&self) -> Result<Vec<u8>, FactError> {
                let mut body = Vec::new();
                self.encode_to(&mut body).map(|()| body)
            }

            /// Appends its body to `out`.
            ///
            /// # Errors
            /// None that a fact of these types can cause.
            pub fn encode_to(&self, out: &mut Vec<u8>) -> Result<(), FactError> {
                let mut serializer = minicbor_serde::Serializer::new(out);
                let encoded = match self {
                    $(Self::$variant(body) => body.serialize(&mut serializer),)*
                };
                encoded.map_err(|error| FactError {
                    name: self.name().into(),
                    reason: error.to_string(),
                })
            }

            /// Reads what `encode` wrote under `name`.
            ///
            /// # Errors
            /// An unknown name, or a body that is not of its type.
            pub fn decode(name: &str, body: &[u8]) -> Result<Self, FactError> {
                let unreadable = |reason: String| FactError { name: name.into(), reason };
                match name {
                    $($name => minicbor_serde::from_slice(body)
                        .map(Self::$variant)
                        .map_err(|error| unreadable(error.to_string())),)*
                    _ => Err(unreadable("this version of busbar does not know it".into())),
                }
            }
        }

        $(impl From<$body> for Fact {
            fn from(body: $body) -> Self {
                Self::$variant(body)
            }
        })*
    };
}

facts! {
    /// An operator made or changed a station.
    StationRegistered(station::StationRegistered) = "station.registered/1",
    /// An operator removed a station.
    StationRemoved(station::StationRemoved) = "station.removed/1",
    /// An operator lets a station connect with a lower security profile.
    StationProfileReset(station::StationProfileReset) = "station.profile_reset/1",
    /// A station connected.
    StationConnected(station::StationConnected) = "station.connected/1",
    /// A station's connection ended.
    StationDisconnected(station::StationDisconnected) = "station.disconnected/1",
    /// A station booted.
    StationBooted(station::StationBooted) = "station.booted/1",
    /// A connector changed.
    StationStatus(station::StationStatus) = "station.status/1",
    /// A station reported something else.
    StationReported(station::StationReported) = "station.reported/1",
    /// What a snapshot holds of a station.
    StationRecorded(station::StationRecorded) = "station.recorded/1",
    /// A token was presented.
    TokenPresented(station::TokenPresented) = "token.presented/1",
    /// A transaction's message.
    TransactionReported(transaction::TransactionReported) = "transaction.reported/1",
    /// A transaction's readings from elsewhere.
    TransactionMetered(transaction::TransactionMetered) = "transaction.metered/1",
    /// A transaction left the state.
    TransactionArchived(transaction::TransactionArchived) = "transaction.archived/1",
    /// A transaction came back into the state.
    TransactionReopened(transaction::TransactionReopened) = "transaction.reopened/1",
    /// A price was asked for.
    PriceWanted(transaction::PriceWanted) = "price.wanted/1",
    /// A running cost.
    SessionPriced(transaction::SessionPriced) = "session.priced/1",
    /// A session is held.
    SessionHeld(transaction::SessionHeld) = "session.held/1",
    /// A session needs no bill, or no other.
    SessionSettled(transaction::SessionSettled) = "session.settled/1",
    /// A sealed CDR looks wrong.
    ReviewOpened(transaction::ReviewOpened) = "review.opened/1",
    /// An operator wants another price.
    RepriceAsked(transaction::RepriceAsked) = "reprice.asked/1",
    /// A bill.
    CdrSealed(transaction::CdrSealed) = "cdr.sealed/1",
    /// A command to a station is wanted.
    CommandWanted(command::CommandWanted) = "command.wanted/1",
    /// One more waits for it.
    CommandJoined(command::CommandJoined) = "command.joined/1",
    /// It may leave.
    CommandSent(command::CommandSent) = "command.sent/1",
    /// It ended.
    CommandEnded(command::CommandEnded) = "command.ended/1",
    /// Its effect was seen, or not.
    CommandEffect(command::CommandEffect) = "command.effect/1",
    /// An operator made or changed a token.
    TokenPut(network::TokenPut) = "token.put/1",
    /// An operator removed a token.
    TokenRemoved(network::TokenRemoved) = "token.removed/1",
    /// A new version of a tariff.
    TariffPut(network::TariffPut) = "tariff.put/1",
    /// A plugin was installed.
    PluginInstalled(network::PluginInstalled) = "plugin.installed/1",
    /// An operator made or changed a site.
    SitePut(site::SitePut) = "site.put/1",
    /// An operator removed a site.
    SiteRemoved(site::SiteRemoved) = "site.removed/1",
    /// An operator wants a station at a site.
    StationPlaced(site::StationPlaced) = "station.placed/1",
    /// A station's state leaves a site.
    StationReleased(site::StationReleased) = "station.released/1",
    /// A station's state came to a site.
    StationAdopted(site::StationAdopted) = "station.adopted/1",
    /// A station's move is over.
    StationMoved(site::StationMoved) = "station.moved/1",
    /// A source outside limits a circuit.
    LoadLimited(load::LoadLimited) = "load.limited/1",
    /// A meter of a circuit was read.
    LoadMetered(load::LoadMetered) = "load.metered/1",
    /// It was decided anew who may charge.
    LoadFilled(load::LoadFilled) = "load.filled/1",
    /// A station told what it can do with charging profiles.
    LoadTold(load::LoadTold) = "load.told/1",
    /// A station's word was held against what it was told.
    LoadVerified(load::LoadVerified) = "load.verified/1",
    /// Which profiles a station holds was held against what it answered.
    LoadHeld(load::LoadHeld) = "load.held/1",
    /// People should look at a station.
    LoadAlarmed(load::LoadAlarmed) = "load.alarmed/1",
    /// A planner was asked.
    LoadPlanWanted(load::LoadPlanWanted) = "load.plan_wanted/1",
    /// A plan stands.
    LoadPlanned(load::LoadPlanned) = "load.planned/1",
    /// Somebody said what a car needs.
    LoadWished(load::LoadWished) = "load.wished/1",
    /// What energy costs a site.
    LoadPriced(load::LoadPriced) = "load.priced/1",
    /// What a site is expected to generate.
    LoadForecast(load::LoadForecast) = "load.forecast/1",
    /// Somebody said what a battery holds.
    LoadBattery(load::LoadBattery) = "load.battery/1",
    /// EVSEs begin a random while later.
    LoadDelayed(load::LoadDelayed) = "load.delayed/1",
    /// Somebody else limits a station.
    LoadStationLimited(load::LoadStationLimited) = "load.station_limited/1",
    /// The host's clock is not believed to have gone on as it did.
    LoadClockDoubted(load::LoadClockDoubted) = "load.clock_doubted/1",
    /// What a snapshot holds of load control.
    LoadRecorded(load::LoadRecorded) = "load.recorded/1",
    /// Nonsense was refused.
    InputRefused(InputRefused) = "input.refused/1",
}

#[cfg(test)]
mod tests;
