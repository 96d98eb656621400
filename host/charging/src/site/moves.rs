//! Owns how a station leaves a site and comes to another (DESIGN section 3). A move is a wish of
//! the network: the site that has the station releases it when no transaction is open, the other
//! adopts it, and until the network knows of that the station is told to come back.
//! Must never have a station twice, nor forget one before the other site has it.

use super::station::Station;
use super::{Site, command, station_of};
use crate::action::{Action, Problem};
use crate::context::{Context, Outcome};
use crate::fact::Fact;
use crate::fact::site::{Kept, StationAdopted, StationMoved, StationReleased};
use crate::fact::station::StationDisconnected;
use crate::ids::StationId;
use crate::input::{Input, StationEvent, Told};
use crate::network::problem;
use crate::subject::Subject;
use crate::units::Timestamp;

impl Site {
    /// What is answered where a station is not, or not any more, of this site: it was routed here
    /// before it went. None where it is.
    pub(super) fn elsewhere(&self, context: &Context<'_>, input: &Input) -> Option<Outcome> {
        let station = input.station()?;
        let is_here = context.network.is_held_by(station, &self.subject);
        if is_here && self.released(station).is_none() {
            return None;
        }
        Some(match input {
            Input::Station {
                station, generation, event: StationEvent::Connected { .. }, ..
            } => {
                let reason = "the station is moving to another site: come back".into();
                let (station, generation) = (station.clone(), *generation);
                let close = Action::Close { station, generation, reason };
                Outcome { actions: vec![close], ..Outcome::default() }
            }
            Input::Operator { call, .. } if context.network.holder(station).is_some() => {
                let why = format!("station {station} is moving to another site: ask again");
                problem(call.clone(), Problem::Conflict(why))
            }
            Input::Operator { call, .. } => {
                problem(call.clone(), Problem::NotFound(format!("no station {station}")))
            }
            // What it was asked is asked again, of the site that has it.
            _ => Outcome::default(),
        })
    }

    /// Another subject says something.
    pub(super) fn told(&self, context: &Context<'_>, now: Timestamp, told: Told) -> Outcome {
        let mut outcome = Outcome::default();
        match told {
            Told::Move { station } => match self.released(&station) {
                Some(released) => outcome.actions.push(tell(released)),
                None => self.release(context, now, &station, &mut outcome),
            },
            Told::Released(released) => {
                let StationReleased { station, from, number, .. } = &*released;
                let told = Told::Adopted {
                    station: station.clone(),
                    from: from.clone(),
                    to: self.subject.clone(),
                    number: *number,
                };
                outcome.actions.push(Action::Tell { to: Subject::Network, told });
                // A move that is over was adopted, and so was one of a station that is here: no
                // other way leads here before the network knows of it.
                let is_new = *number > context.network.moved(station);
                if is_new && self.station(station).is_none() {
                    outcome.facts.push(StationAdopted { at: now, released }.into());
                }
            }
            Told::Moved { station, to, number } => {
                if self.released(&station).is_some_and(|released| released.number == number) {
                    let from = self.subject.clone();
                    let moved = StationMoved { at: now, station, from, to, number };
                    outcome.facts.push(moved.into());
                }
            }
            Told::Adopted { .. } => {}
        }
        outcome
    }

    /// Lets a station go that is wanted elsewhere, once no transaction is open: as it is after
    /// what was decided before.
    pub(super) fn release(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        id: &StationId,
        outcome: &mut Outcome,
    ) {
        let Some((to, number)) = context.network.destination(id, &self.subject) else { return };
        if self.released(id).is_some() {
            return;
        }
        let known = self.station(id).cloned();
        let mut station = known.unwrap_or_else(|| Station::new(id.clone()));
        let of_it = |fact: &&Fact| station_of(fact) == Some(id);
        outcome.facts.iter().filter(of_it).for_each(|fact| station.apply(fact));
        let busy = |t: &super::Transaction| t.is_live() || !t.waiting.is_empty();
        if station.transactions.values().any(|transaction| busy(transaction)) {
            return;
        }
        let decided = outcome.facts.len();
        command::end_all(now, &station, outcome);
        if let Some(connection) = &station.connection {
            let (station, generation) = (id.clone(), connection.generation);
            let reason = "the station moves to another site: come back";
            let gone = StationDisconnected { at: now, station, generation, reason: reason.into() };
            outcome.facts.push(gone.into());
            let (station, reason) = (id.clone(), reason.into());
            outcome.actions.push(Action::Close { station, generation, reason });
        }
        outcome.facts[decided..].iter().for_each(|fact| station.apply(fact));
        let (from, state) = (self.subject.clone(), Kept(station.snapshot()));
        let released = StationReleased { at: now, station: id.clone(), from, to, number, state };
        outcome.actions.push(tell(&released));
        outcome.facts.push(released.into());
    }

    /// After a start: the sites that stations go to are told again.
    pub(super) fn tell_again(&self, outcome: &mut Outcome) {
        let Some(common) = &self.common else { return };
        outcome.actions.extend(common.released.values().map(tell));
    }

    pub(super) fn apply_move(&mut self, fact: &Fact) {
        match fact {
            Fact::StationReleased(released) => {
                self.stations.remove(&released.station);
                self.change(|common| {
                    common.released.insert(released.station.clone(), released.clone());
                });
            }
            Fact::StationAdopted(adopted) => {
                let id = &adopted.released.station;
                let mut station = Station::new(id.clone());
                adopted.released.state.0.iter().for_each(|fact| station.apply(fact));
                self.stations.insert(id.clone(), Box::new(station));
                // It has come back: that it went is long over.
                self.end_release(id);
            }
            Fact::StationMoved(moved) => self.end_release(&moved.station),
            _ => {}
        }
    }

    fn end_release(&mut self, station: &StationId) {
        if self.released(station).is_some() {
            self.change(|common| {
                common.released.remove(station);
            });
        }
    }
}

fn tell(released: &StationReleased) -> Action {
    let told = Told::Released(Box::new(released.clone()));
    Action::Tell { to: released.to.clone(), told }
}
