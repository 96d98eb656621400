//! Owns the sites that the configuration file has: made and changed at the start, and not changed
//! over the API. Must never change what is as the file says, nor remove what the file does not
//! name.

use std::collections::BTreeMap;
use std::time::Duration;

use busbar_charging::action::Done;
use busbar_charging::fact::Actor;
use busbar_charging::fact::site::{Blob, LoadBody, SitePut};
use busbar_charging::ids::{SiteId, StationId};
use busbar_charging::input::{Precondition, Request};
use busbar_charging::row::{self, RowBody};
use busbar_charging::subject::{Key, Subject};
use busbar_charging::units::Timestamp;

use crate::config::SiteFile;
use crate::http::problem::{Kind, Problem};
use crate::node::{AskError, Node};

const PATIENCE: Duration = Duration::from_secs(30);

/// Who makes these changes, as events and rows say.
const ACTOR: &str = "configuration";

/// Which sites and places are the file's.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    /// Where each site stands in the file.
    sites: BTreeMap<SiteId, String>,
    stations: BTreeMap<StationId, SiteId>,
}

impl Configured {
    /// Of a configuration.
    pub fn new(sites: &[SiteFile]) -> Self {
        let stations = sites.iter().flat_map(|site| {
            site.stations.iter().map(|station| (station.clone(), site.id.clone()))
        });
        Self {
            stations: stations.collect(),
            sites: sites.iter().map(|site| (site.id.clone(), site.place.clone())).collect(),
        }
    }

    /// Whether a site may be changed over the API.
    ///
    /// # Errors
    /// It is in the file.
    pub fn refuse_site(&self, site: &SiteId) -> Result<(), Problem> {
        match self.sites.get(site) {
            None => Ok(()),
            Some(place) => Err(Kind::Conflict.because(format!(
                "site {site} is configured in {place}: change it there and start the host again"
            ))),
        }
    }

    /// Whether a station may be placed over the API.
    ///
    /// # Errors
    /// The file says where it is, or which stations the site has.
    pub fn refuse_place(&self, station: &StationId, to: Option<&SiteId>) -> Result<(), Problem> {
        let wanted = self.stations.get(station);
        let names = wanted.or_else(|| to.filter(|site| self.sites.contains_key(*site)));
        let Some(site) = names.filter(|_| wanted != to) else { return Ok(()) };
        let place = self.sites.get(site).map_or("the configuration", String::as_str);
        Err(Kind::Conflict.because(format!(
            "the stations of site {site} are configured in {place}: change them there and start \
             the host again"
        )))
    }

    /// Where the file has a station.
    pub fn place_of(&self, station: &StationId) -> Option<&SiteId> {
        self.stations.get(station)
    }
}

/// Makes the node have the sites of a configuration, and says in the log what it did.
///
/// # Errors
/// The node does not take them: in one sentence.
pub async fn apply(node: &Node, sites: &[SiteFile]) -> Result<(), String> {
    for site in sites {
        let wanted = put(site);
        let known = read::<row::Site>(node, Key::site(&site.id)).await?.map(|known| known.put);
        let same = known.as_ref().is_some_and(|known| is_same(known, &wanted));
        if !same {
            let request = Request::PutSite(Box::new(wanted), Precondition::None);
            let done = node.ask(Subject::Site(site.id.clone()), actor(), request, PATIENCE).await;
            let done = done.map_err(|error| {
                format!("{}: site {} cannot be taken: {}", site.place, site.id, said(&error))
            })?;
            let word = if known.is_none() { "made" } else { "changed" };
            let version = if let Done::Version(version) = done { version } else { 0 };
            tracing::info!(site = %site.id, place = %site.place, version, "site {word}");
        } else {
            tracing::debug!(site = %site.id, place = %site.place, "the site is as configured");
        }
        for station in &site.stations {
            place(node, station, &site.id).await?;
        }
        warn_of_others(node, site).await?;
    }
    Ok(())
}

/// Has a station at the site that the file says, once it is registered.
///
/// # Errors
/// The node does not take it: in one sentence.
pub async fn place(node: &Node, station: &StationId, site: &SiteId) -> Result<(), String> {
    let known = read::<row::Station>(node, Key::station(station)).await?;
    if known.is_none_or(|known| known.removed) {
        tracing::warn!(%station, %site, "the station is not registered: it is placed when it is");
        return Ok(());
    }
    let placed = read::<row::Place>(node, Key::place(station)).await?;
    if placed.is_some_and(|place| place.placed.site.as_ref() == Some(site)) {
        return Ok(());
    }
    let request = Request::PlaceStation {
        station: station.clone(),
        site: Some(site.clone()),
        precondition: Precondition::None,
    };
    let asked = node.ask(Subject::Network, actor(), request, PATIENCE).await;
    asked.map_err(|error| {
        format!("station {station} cannot be placed at site {site}: {}", said(&error))
    })?;
    tracing::info!(%station, %site, "the station is placed");
    Ok(())
}

/// Stations at a site that the file does not name stay: they may have a reason to be there.
async fn warn_of_others(node: &Node, site: &SiteFile) -> Result<(), String> {
    let prefix = Key::site_stations(&site.id);
    let range = busbar_engine::store::Range { prefix, after: None, reverse: false, limit: 10_000 };
    let rows = node.read(move |reader| reader.page(&range)).await;
    for (key, _) in rows.map_err(|error| error.to_string())? {
        let station = key.path.rsplit('\0').next().unwrap_or_default().to_owned();
        if !site.stations.iter().any(|known| *known.as_str() == *station) {
            let (site, place) = (&site.id, &site.place);
            tracing::warn!(%station, %site, %place, "not one of the site's stations: it stays");
        }
    }
    Ok(())
}

fn put(site: &SiteFile) -> SitePut {
    let load = site.load.as_ref().map(|load| {
        let (version, body) = load.store();
        LoadBody { version, body: Blob(body) }
    });
    SitePut {
        at: Timestamp(0),
        actor: actor(),
        site: site.id.clone(),
        name: (&*site.name).into(),
        time_zone: (&*site.time_zone).into(),
        currency: site.currency,
        party: site.party.clone(),
        load,
        version: 0,
    }
}

fn is_same(known: &SitePut, wanted: &SitePut) -> bool {
    let stamped = SitePut {
        at: known.at,
        actor: known.actor.clone(),
        version: known.version,
        ..wanted.clone()
    };
    *known == stamped
}

fn actor() -> Actor {
    Actor::User(ACTOR.into())
}

fn said(error: &AskError) -> String {
    Problem::from(error.clone()).detail().to_owned()
}

async fn read<T: RowBody + Send + 'static>(node: &Node, key: Key) -> Result<Option<T>, String> {
    let row = node.read(move |reader| reader.get(&key)).await;
    let row = row.map_err(|error| error.to_string())?;
    row.map(|row| T::from_row(&row)).transpose().map_err(|error| error.to_string())
}
