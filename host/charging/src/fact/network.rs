//! Owns the stored facts that are not of one site, version 1: tokens, tariffs, plugins. Frozen
//! once merged: new fields are optional, anything else is a new version. Must never hold a domain
//! type: those may change.

use serde::{Deserialize, Serialize};

use super::Actor;
use super::station::AuthorizationStatus;
use crate::ids::{Hash, IdToken, TariffId};
use crate::pricing::PreparedTariff;
use crate::units::{Currency, Timestamp};

/// `token.put/1`: an operator made or changed a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPut {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which token.
    pub token: IdToken,
    /// What an Authorize is answered: Accepted, Blocked, Expired or Invalid.
    pub status: AuthorizationStatus,
    /// Its group.
    pub group: Option<Box<str>>,
    /// From when on it is expired.
    pub expires: Option<Timestamp>,
    /// True for a master pass.
    #[serde(default)]
    pub master: bool,
    /// True where it may run several transactions at once.
    #[serde(default)]
    pub concurrent: bool,
    /// 1, then one more with each change: what `ETag` shows.
    pub version: u64,
}

/// `token.removed/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRemoved {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which token.
    pub token: IdToken,
}

/// `tariff.put/1`: a new version of a tariff. A version never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TariffPut {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which tariff.
    pub tariff: TariffId,
    /// 1, then one more with each change.
    pub version: u64,
    /// From when on it is in force, by corrected station time of a transaction's start.
    pub valid_from: Timestamp,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// The plugin's name.
    pub plugin: Box<str>,
    /// The plugin's bytes.
    pub plugin_hash: Hash,
    /// The plugin's own configuration: JSON text.
    pub configuration: Box<str>,
    /// Of that text.
    pub configuration_hash: Hash,
    /// What `prepare` said of it.
    pub prepared: PreparedTariff,
    /// True if it holds where a station names no other.
    pub default: bool,
}

/// `plugin.installed/1`: a component stands in the plugin store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginInstalled {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Its name.
    pub name: Box<str>,
    /// Its version, as its manifest says.
    pub version: Box<str>,
    /// Its world.
    pub world: Box<str>,
    /// Of its bytes.
    pub hash: Hash,
}
