//! Owns a station together with the people at it, as one state machine: the socket driver, the
//! demo and the seeded simulation run it alike. Must never do I/O.

use std::collections::VecDeque;

use crate::settings::Written;
use crate::spec::Spec;
use crate::station::{Act, Input, Output, Station};
use crate::visit::{Arrivals, Deed, Visit, Visitors};
use crate::words::Token;

/// What a scene wants of its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What the station wants.
    Station(Output),
    /// A driver's app asks the server to start.
    AskApp {
        /// Where.
        evse: u16,
        /// As whom.
        token: Token,
    },
}

/// A station and its visitors.
#[derive(Clone, Debug)]
pub struct Scene {
    station: Station,
    visitors: Vec<Visitors>,
    arrivals: Vec<Option<Arrivals>>,
    later: Vec<(u16, Arrivals)>,
    apps: VecDeque<(u16, Token)>,
    /// What the world does, and when; the earliest first.
    acts: VecDeque<(i64, Act)>,
    now_ms: i64,
}

impl Scene {
    /// A station that is switched on at `now_ms`, with nobody at it.
    pub fn new(spec: Spec, now_ms: i64) -> Self {
        let evses = spec.evses.len();
        let numbers = 1u16..=u16::try_from(evses).unwrap_or(u16::MAX);
        Self {
            station: Station::new(spec, now_ms),
            visitors: numbers.map(Visitors::new).collect(),
            arrivals: vec![None; evses],
            later: Vec::new(),
            apps: VecDeque::new(),
            acts: VecDeque::new(),
            now_ms,
        }
    }

    /// The station.
    pub fn station(&self) -> &Station {
        &self.station
    }

    /// Adds a visit to an outlet; false when there is no such outlet.
    pub fn visit(&mut self, evse: u16, visit: Visit) -> bool {
        let index = usize::from(evse).wrapping_sub(1);
        self.visitors.get_mut(index).map(|visitors| visitors.push(visit)).is_some()
    }

    /// Lets the world do something to the station at a time.
    pub fn act_at(&mut self, at_ms: i64, act: Act) {
        let place = self.acts.partition_point(|(other_ms, _)| *other_ms <= at_ms);
        self.acts.insert(place, (at_ms, act));
    }

    /// Lets visits come to an outlet for ever.
    pub fn arrive(&mut self, evse: u16, arrivals: Arrivals) {
        let index = usize::from(evse).wrapping_sub(1);
        if let Some(place) = self.arrivals.get_mut(index) {
            *place = Some(arrivals);
        }
    }

    /// The same, but nobody comes before [`Scene::let_come`] is called.
    pub fn arrive_later(&mut self, evse: u16, arrivals: Arrivals) {
        self.later.push((evse, arrivals));
    }

    /// Lets those come who were to come later.
    pub fn let_come(&mut self) {
        for (evse, arrivals) in std::mem::take(&mut self.later) {
            self.arrive(evse, arrivals);
        }
    }

    /// Changes a setting of the station by its key of 1.6, as a technician would.
    pub fn configure(&mut self, key: &str, value: &str) -> Written {
        self.station.write(key, value)
    }

    /// Whether nobody is there and nobody will come.
    pub fn is_over(&self) -> bool {
        self.visitors.iter().all(Visitors::is_over) && self.arrivals.iter().all(Option::is_none)
    }

    /// Something happened.
    pub fn handle(&mut self, now_ms: i64, input: Input<'_>) {
        self.now_ms = now_ms.max(self.now_ms);
        self.station.handle(now_ms, input);
        while let Some((_, act)) = self.acts.pop_front_if(|(at_ms, _)| *at_ms <= self.now_ms) {
            self.station.handle(self.now_ms, Input::Act(act));
        }
        self.people();
    }

    /// The next thing that it wants.
    pub fn poll(&mut self) -> Option<Wish> {
        if let Some(output) = self.station.poll() {
            return Some(Wish::Station(output));
        }
        self.apps.pop_front().map(|(evse, token)| Wish::AskApp { evse, token })
    }

    /// When it wants a `Tick`.
    pub fn deadline(&self) -> Option<i64> {
        let people = self.visitors.iter().filter_map(|visitors| visitors.deadline(self.now_ms));
        let world = self.acts.front().map(|(at_ms, _)| *at_ms);
        people.chain(self.station.deadline()).chain(world).min()
    }

    fn people(&mut self) {
        for index in 0..self.visitors.len() {
            if self.visitors[index].is_over()
                && let Some(arrivals) = &mut self.arrivals[index]
                && let Some(visit) = arrivals.next_visit(self.now_ms)
            {
                self.visitors[index].push(visit);
            }
            // One deed may make the next one due: plug in, then look.
            for _ in 0..4 {
                let plug = self.station.plug(index);
                let Some(deed) = plug.and_then(|plug| self.visitors[index].act(self.now_ms, &plug))
                else {
                    break;
                };
                match deed {
                    Deed::Act(act) => self.station.handle(self.now_ms, Input::Act(act)),
                    Deed::AskApp { evse, token } => self.apps.push_back((evse, token)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
