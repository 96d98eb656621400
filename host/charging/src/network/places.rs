//! Owns which site each station belongs to, and which one it is to come to: what inputs of a
//! station are routed by. Must never name a station that an operator never placed.

use std::collections::{BTreeMap, BTreeSet};

use super::{done, problem, unmet};
use crate::action::{Action, Done, Problem};
use crate::context::{Context, Outcome};
use crate::fact::site::{StationMoved, StationPlaced};
use crate::fact::{Actor, Call, Fact};
use crate::ids::{SiteId, StationId};
use crate::input::{Precondition, Told};
use crate::row::{self, RowBody};
use crate::subject::{Key, Row, Subject};
use crate::units::Timestamp;

/// Where stations are that were ever placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    of: BTreeMap<StationId, Place>,
    /// Those that are not where they are wanted.
    moving: BTreeSet<StationId>,
}

/// Where a station is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    /// Where it is wanted.
    placed: Option<StationPlaced>,
    /// Its last move.
    moved: Option<StationMoved>,
}

impl Place {
    fn version(&self) -> Option<u64> {
        self.placed.as_ref().map(|placed| placed.version)
    }

    fn holder(&self, station: &StationId) -> Subject {
        let moved = self.moved.as_ref().map(|moved| moved.to.clone());
        moved.unwrap_or_else(|| Subject::Station(station.clone()))
    }

    fn wanted(&self, station: &StationId) -> Subject {
        subject_at(station, self.placed.as_ref().and_then(|placed| placed.site.as_ref()))
    }
}

/// Whose state a station is in that an operator placed.
fn subject_at(station: &StationId, site: Option<&SiteId>) -> Subject {
    site.map_or_else(|| Subject::Station(station.clone()), |site| Subject::Site(site.clone()))
}

/// What an operator asks about a station's place.
pub(super) struct Wish {
    pub(super) now: Timestamp,
    pub(super) actor: Actor,
    pub(super) call: Option<Call>,
    pub(super) station: StationId,
    pub(super) site: Option<SiteId>,
    pub(super) precondition: Precondition,
}

impl Places {
    /// Where inputs of a station go, unless it is a site of its own.
    pub(super) fn holder(&self, station: &StationId) -> Option<Subject> {
        self.of.get(station).map(|place| place.holder(station))
    }

    pub(super) fn is_held_by(&self, station: &StationId, subject: &Subject) -> bool {
        match self.of.get(station).and_then(|place| place.moved.as_ref()) {
            Some(moved) => moved.to == *subject,
            None => matches!(subject, Subject::Station(own) if own == station),
        }
    }

    pub(super) fn destination(
        &self,
        station: &StationId,
        from: &Subject,
    ) -> Option<(Subject, u64)> {
        if !self.moving.contains(station) || !self.is_held_by(station, from) {
            return None;
        }
        let place = self.of.get(station)?;
        Some((place.wanted(station), place.version()?))
    }

    /// A station that is at a subject or is wanted there.
    pub(super) fn wanted_at(&self, subject: &Subject) -> Option<&StationId> {
        let there = |(id, place): &(&StationId, &Place)| {
            place.holder(id) == *subject || place.wanted(id) == *subject
        };
        self.of.iter().find(there).map(|(id, _)| id)
    }

    /// The number of a station's last move that is over.
    pub(super) fn moved(&self, station: &StationId) -> u64 {
        let place = self.of.get(station);
        place.and_then(|place| place.moved.as_ref()).map_or(0, |moved| moved.number)
    }

    /// A wish is taken, and the site that has the station is told of it.
    pub(super) fn place(&self, context: &Context<'_>, wish: Wish) -> Outcome {
        let Wish { now, actor, call, station, site, precondition } = wish;
        let known = context.recalled.get(&Key::station(&station));
        let known = known.and_then(|row| row::Station::from_row(row).ok());
        if known.is_none_or(|known| known.removed) {
            return problem(call, Problem::NotFound(format!("no station {station}")));
        }
        let is_there = |site: &SiteId| context.recalled.get(&Key::site(site)).is_some();
        if let Some(missing) = site.as_ref().filter(|site| !is_there(site)) {
            return problem(call, Problem::Invalid(format!("there is no site {missing}")));
        }
        let version = self.of.get(&station).and_then(Place::version);
        if let Some(refused) = unmet(version, precondition) {
            return problem(call, refused);
        }
        let version = version.unwrap_or(0) + 1;
        let wanted = subject_at(&station, site.as_ref());
        let mut outcome = Outcome::default();
        if !self.is_held_by(&station, &wanted) {
            outcome.actions.push(self.tell_holder(&station));
        }
        let fact = StationPlaced { at: now, actor, station, site, version };
        let placed = done(call, Done::Version(version), fact);
        outcome.facts = placed.facts;
        outcome.actions.extend(placed.actions);
        outcome
    }

    fn tell_holder(&self, station: &StationId) -> Action {
        let to = self.holder(station).unwrap_or_else(|| Subject::Station(station.clone()));
        Action::Tell { to, told: Told::Move { station: station.clone() } }
    }

    /// A station has come to a site. Told again, the answer is told again.
    pub(super) fn adopted(
        &self,
        now: Timestamp,
        station: StationId,
        (from, to): (Subject, Subject),
        number: u64,
    ) -> Outcome {
        let told = Told::Moved { station: station.clone(), to: to.clone(), number };
        let mut outcome = Outcome {
            actions: vec![Action::Tell { to: from.clone(), told }],
            ..Outcome::default()
        };
        if number <= self.moved(&station) {
            return outcome;
        }
        if self.of.get(&station).is_some_and(|place| place.wanted(&station) != to) {
            // It was wanted elsewhere meanwhile.
            let told = Told::Move { station: station.clone() };
            outcome.actions.push(Action::Tell { to: to.clone(), told });
        }
        outcome.facts.push(StationMoved { at: now, station, from, to, number }.into());
        outcome
    }

    /// After a start the sites are told again who is wanted elsewhere.
    pub(super) fn recovered(&self) -> Outcome {
        let actions = self.moving.iter().map(|station| self.tell_holder(station));
        Outcome { actions: actions.collect(), ..Outcome::default() }
    }

    pub(super) fn apply(&mut self, fact: &Fact) {
        let station = match fact {
            Fact::StationPlaced(placed) => {
                let place = self.of.entry(placed.station.clone()).or_default();
                place.placed = Some(placed.clone());
                &placed.station
            }
            Fact::StationMoved(moved) => {
                let place = self.of.entry(moved.station.clone()).or_default();
                place.moved = Some(moved.clone());
                &moved.station
            }
            _ => return,
        };
        let moves = self.of.get(station).is_some_and(|p| p.holder(station) != p.wanted(station));
        if moves {
            self.moving.insert(station.clone());
        } else {
            self.moving.remove(station);
        }
    }

    pub(super) fn row(&self, station: &StationId) -> Option<(Key, Option<Row>)> {
        let place = self.of.get(station)?;
        let placed = place.placed.as_ref()?;
        let holder = match place.holder(station) {
            Subject::Site(site) => Some(site),
            _ => None,
        };
        let body = row::Place { placed: placed.clone(), holder };
        Some((Key::place(station), Some(body.to_row())))
    }

    pub(super) fn snapshot(&self) -> impl Iterator<Item = Fact> + '_ {
        self.of.values().flat_map(|place| {
            let placed = place.placed.clone().map(Fact::from);
            placed.into_iter().chain(place.moved.clone().map(Fact::from))
        })
    }
}
