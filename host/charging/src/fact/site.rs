//! Owns the stored facts of sites and of the stations that move between them, version 1. Frozen
//! once merged: new fields are optional, anything else is a new version. Must never hold a domain
//! type: those may change.

mod kept;

use serde::{Deserialize, Serialize};

pub use self::kept::{Blob, Kept};
use super::Actor;
use crate::ids::{SiteId, StationId};
use crate::subject::Subject;
use crate::units::{Currency, Timestamp};

/// `site.put/1`: an operator made or changed a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePut {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which site.
    pub site: SiteId,
    /// What people call it.
    pub name: Box<str>,
    /// Its time zone, IANA: what local times of tariffs mean there.
    pub time_zone: Box<str>,
    /// The currency of what is charged there.
    pub currency: Currency,
    /// Who operates it, by OCPI's country code and party id.
    pub party: Option<Party>,
    /// Its electrical tree and how its load is shared; none where it is not controlled.
    pub load: Option<LoadBody>,
    /// 1, then one more with each change: what `ETag` shows.
    pub version: u64,
}

/// `site.removed/1`: an operator removed a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRemoved {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which site.
    pub site: SiteId,
}

/// Who operates a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// ISO 3166-1 alpha-2.
    pub country: Box<str>,
    /// Three characters.
    pub id: Box<str>,
}

/// How a site's load is controlled, in a form of its own version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBody {
    /// Of the body.
    pub version: u16,
    /// As `load` reads and writes it.
    pub body: Blob,
}

/// `station.placed/1`: an operator wants a station at a site, or at none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationPlaced {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Which station.
    pub station: StationId,
    /// Where; none where it is to be a site of its own.
    pub site: Option<SiteId>,
    /// 1, then one more with each change: what `ETag` shows, and the number of the move.
    pub version: u64,
}

/// `station.released/1`: a station's state leaves a site. Until the other one has it, it is told
/// to come back later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationReleased {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Whose it was.
    pub from: Subject,
    /// Whose it will be.
    pub to: Subject,
    /// The number of the move.
    pub number: u64,
    /// The facts that make its state again.
    pub state: Kept,
}

/// `station.adopted/1`: a station's state came to a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationAdopted {
    /// When it was decided.
    pub at: Timestamp,
    /// As it was released.
    pub released: Box<StationReleased>,
}

/// `station.moved/1`: a move is over. The network routes the station to where it is; the site that
/// it left forgets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationMoved {
    /// When it was decided.
    pub at: Timestamp,
    /// Which station.
    pub station: StationId,
    /// Whose it was.
    pub from: Subject,
    /// Whose it is.
    pub to: Subject,
    /// The number of the move.
    pub number: u64,
}
