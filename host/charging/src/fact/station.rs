//! Owns the stored facts of one charging station and its connectors, version 1. Frozen once
//! merged: new fields are optional, anything else is a new version. Must never hold a domain type:
//! those may change.

use serde::{Deserialize, Serialize};

use super::Actor;
use crate::ids::{IdToken, StationId, TariffId};
use crate::units::{Millis, Timestamp};

/// The version of OCPP that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// OCPP 1.6J with the security extension.
    #[serde(rename = "ocpp1.6")]
    V16,
    /// OCPP 2.0.1.
    #[serde(rename = "ocpp2.0.1")]
    V201,
    /// OCPP 2.1.
    #[serde(rename = "ocpp2.1")]
    V21,
}

/// Whether a station is accepted (1.6 section 4.2, 2.x B01 to B03).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// It may charge.
    #[default]
    Accepted,
    /// It may boot and be configured.
    Pending,
    /// It may boot and be refused again.
    Rejected,
}

/// `station.registered/1`: an operator made or changed a station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationRegistered {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which station.
    pub station: StationId,
    /// HMAC-SHA-256 of its password, in hexadecimal; none where it may connect without.
    pub password_hash: Option<String>,
    /// True where it may connect without a password, by explicit choice.
    #[serde(default)]
    pub unauthenticated: bool,
    /// Whether it may charge.
    #[serde(default)]
    pub registration: Registration,
    /// True where every deviation from the schemas is refused.
    #[serde(default)]
    pub strict: bool,
    /// A tariff of its own, else the default one.
    pub tariff: Option<TariffId>,
    /// 1, then one more with each change: what `ETag` shows.
    #[serde(default)]
    pub version: u64,
}

/// `station.removed/1`: it may not connect any more; its history stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationRemoved {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which station.
    pub station: StationId,
}

/// `station.profile_reset/1`: an operator lets a station connect with a lower security profile than
/// it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationProfileReset {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which station.
    pub station: StationId,
    /// The profile that it had to connect with at least.
    pub was: u8,
    /// The operator's reason.
    pub reason: Box<str>,
}

/// `station.connected/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationConnected {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// The process that holds the connection.
    pub incarnation: u64,
    /// The connection within that process.
    pub generation: u64,
    /// What it speaks.
    pub dialect: Dialect,
    /// The peer's address.
    pub remote: Box<str>,
    /// OCPP security profile, 0 to 3.
    pub security_profile: u8,
}

/// `station.disconnected/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationDisconnected {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// The connection that ended.
    pub generation: u64,
    /// Why, for people.
    pub reason: Box<str>,
}

/// `station.booted/1`: a BootNotification and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationBooted {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// As it came.
    pub vendor: Box<str>,
    /// As it came.
    pub model: Box<str>,
    /// As it came.
    pub serial: Option<Box<str>>,
    /// As it came.
    pub firmware: Option<Box<str>>,
    /// 2.x reason.
    pub reason: Option<Box<str>>,
    /// What was answered.
    pub registration: Registration,
}

/// What a connector can be (all of 1.6; 2.x uses five of them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorStatus {
    /// Free.
    Available,
    /// 2.x: in use.
    Occupied,
    /// 1.6: plugged in, not charging yet.
    Preparing,
    /// 1.6: charging.
    Charging,
    /// 1.6: the station does not offer energy.
    SuspendedEvse,
    /// 1.6: the car does not ask for energy.
    SuspendedEv,
    /// 1.6: done, still plugged in.
    Finishing,
    /// Reserved.
    Reserved,
    /// Out of service by choice.
    Unavailable,
    /// Out of service by fault.
    Faulted,
}

/// `station.status/1`: a StatusNotification, or a NotifyEvent of AvailabilityState.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationStatus {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// 0 is the station itself.
    pub evse: u32,
    /// Within the EVSE.
    pub connector: u32,
    /// What it is now.
    pub status: ConnectorStatus,
    /// By the station's clock; the time of receipt where the station gave none.
    pub reported: Timestamp,
    /// 1.6 errorCode other than NoError, and what came with it.
    pub error: Option<Box<str>>,
    /// True where the station gave the time itself.
    #[serde(default)]
    pub timed: bool,
    /// The transaction whose course it tells (1.6: who stopped the flow).
    pub transaction: Option<crate::ids::TransactionId>,
}

/// `station.reported/1`: any other message, recorded as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationReported {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Its action.
    pub action: Box<str>,
    /// Its payload: JSON text.
    pub payload: Box<str>,
}

/// `station.recorded/1`: what a snapshot holds of a station beside its other facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationRecorded {
    /// When the snapshot was made.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// True once it was removed.
    pub removed: bool,
    /// When it last connected or disconnected.
    pub changed: Timestamp,
    /// The last transaction id issued to it (1.6); 0 for none.
    pub last_issued: i64,
    /// The least time of receipt minus the station's time, of its timed statuses since its boot.
    pub behind: Option<Millis>,
    /// The highest security profile that it connected with since that was last reset.
    #[serde(default)]
    pub highest_profile: Option<u8>,
    /// The peer's address of its last connection.
    #[serde(default)]
    pub last_remote: Option<Box<str>>,
}

/// Whether a token may charge, and if not, why (2.x AuthorizationStatusEnumType).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationStatus {
    /// It may.
    Accepted,
    /// It is blocked.
    Blocked,
    /// It has expired.
    Expired,
    /// It is known and cannot be used, or the version has no better word.
    Invalid,
    /// It runs another transaction.
    ConcurrentTx,
    /// It is not known.
    Unknown,
    /// It may not charge here.
    NotAtThisLocation,
}

/// An authorization as it was answered: facts carry what was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The answer.
    pub status: AuthorizationStatus,
    /// Its group, 1.6's parentIdTag: never a token to present.
    pub group: Option<Box<str>>,
    /// Until when the station may remember it.
    pub expires: Option<Timestamp>,
    /// True for a master pass, which stops and never starts (2.x C16).
    #[serde(default)]
    pub master: bool,
}

/// `token.presented/1`: an Authorize and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPresented {
    /// When it was decided.
    pub at: Timestamp,
    /// Where.
    pub station: StationId,
    /// Which token.
    pub token: IdToken,
    /// The answer.
    pub authorization: Authorization,
}
