//! Owns what a site has beside its stations: its configuration, its load control, the stations that
//! have just left it, and an index of who is due, where there are many.
//! Must never take room at a station that is a site of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::Site;
use super::load::Load;
use crate::context::Context;
use crate::fact::Fact;
use crate::fact::site::{SitePut, StationReleased};
use crate::ids::StationId;
use crate::units::Timestamp;

/// With more stations than that, who is due is looked up and not searched.
const FEW: usize = 16;

/// What a site has beside its stations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Common {
    pub(super) put: Option<SitePut>,
    /// Those that left and are not known to have come to where they go.
    pub(super) released: BTreeMap<StationId, StationReleased>,
    due: Option<Due>,
    pub(super) load: Option<Box<Load>>,
}

/// When each station wants to be asked again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Due {
    order: BTreeSet<(Timestamp, StationId)>,
    of: BTreeMap<StationId, Timestamp>,
}

impl Due {
    fn set(&mut self, station: &StationId, due: Option<Timestamp>) {
        let old = match due {
            Some(due) => self.of.insert(station.clone(), due),
            None => self.of.remove(station),
        };
        if old == due {
            return;
        }
        if let Some(old) = old {
            self.order.remove(&(old, station.clone()));
        }
        if let Some(due) = due {
            self.order.insert((due, station.clone()));
        }
    }
}

impl Site {
    /// What local times mean here.
    pub(super) fn time_zone<'a>(&'a self, context: &Context<'a>) -> &'a str {
        self.put().map_or(&*context.policy.time_zone, |put| &put.time_zone)
    }

    pub(super) fn put(&self) -> Option<&SitePut> {
        self.common.as_ref()?.put.as_ref()
    }

    /// A station that left and is not known to have come to where it goes.
    pub(super) fn released(&self, station: &StationId) -> Option<&StationReleased> {
        self.common.as_ref()?.released.get(station)
    }

    /// Changes what is beside the stations; what is empty takes no room.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Common)) {
        let common = self.common.get_or_insert_default();
        change(common);
        if **common == Common::default() {
            self.common = None;
        }
    }

    /// The stations that are due.
    pub(super) fn due_stations(&self, now: Timestamp) -> Vec<StationId> {
        match self.common.as_ref().and_then(|common| common.due.as_ref()) {
            Some(due) => {
                let due = due.order.iter().take_while(|(at, _)| *at <= now);
                due.map(|(_, station)| station.clone()).collect()
            }
            None => {
                let due = |id: &&StationId| self.station_due(id).is_some_and(|due| due <= now);
                self.stations.keys().filter(due).cloned().collect()
            }
        }
    }

    /// The facts that make load control again, after those of the configuration and the stations.
    pub(super) fn load_snapshot(&self) -> Option<Fact> {
        self.load().map(|load| load.record().into())
    }

    /// When the first of its stations is due.
    pub(super) fn first_due(&self) -> Option<Timestamp> {
        match self.common.as_ref().and_then(|common| common.due.as_ref()) {
            Some(due) => due.order.first().map(|(at, _)| *at),
            None => self.stations.keys().filter_map(|id| self.station_due(id)).min(),
        }
    }

    /// Keeps the index, after a station has changed.
    pub(super) fn index(&mut self, station: &StationId) {
        let indexed = self.common.as_ref().is_some_and(|common| common.due.is_some());
        if self.stations.len() <= FEW {
            if indexed {
                self.change(|common| common.due = None);
            }
            return;
        }
        if indexed {
            let due = self.station_due(station);
            let index = self.common.as_mut().and_then(|common| common.due.as_mut());
            index.into_iter().for_each(|index| index.set(station, due));
            return;
        }
        let mut index = Due::default();
        for id in self.stations.keys() {
            index.set(id, self.station_due(id));
        }
        self.change(|common| common.due = Some(index));
    }

    fn station_due(&self, id: &StationId) -> Option<Timestamp> {
        let station = self.station(id)?;
        let bills = station.transactions.values();
        let bills = bills.filter_map(|bill| super::billing::due(station, bill));
        bills.chain(station.commands_due()).min()
    }

    /// The facts that make it again.
    pub(super) fn common_snapshot(&self) -> Vec<Fact> {
        let Some(common) = &self.common else { return Vec::new() };
        let put = common.put.clone().map(Fact::from);
        put.into_iter().chain(common.released.values().cloned().map(Fact::from)).collect()
    }
}
