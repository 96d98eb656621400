//! Owns limits that somebody else set at a station (NotifyChargingLimit, ClearedChargingLimit):
//! each becomes a circuit of its own above the station's EVSEs, with its own source. Must never
//! make a tree that cannot be compiled: then only the configured one counts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Load;
use crate::fact::Fact;
use crate::fact::load::{LimitWindow, LoadClockDoubted, LoadStationLimited};
use crate::ids::StationId;
use crate::input::schedule::{Limit, Schedule};
use crate::load::circuit::{Circuit, CircuitKind, EvsePoint, ExternalSource};
use crate::load::config::Config;
use crate::load::external::Window;
use crate::load::rows::{CircuitLimit, EvseId};
use crate::site::Site;
use crate::units::{Current, Millis, Power, Timestamp};

/// So many others may limit the stations of a site at once.
const MOST: usize = 1_000;
/// So many changes may one announce.
const WINDOWS: usize = 100;
/// A source is called no longer.
const NAME: usize = 50;

/// Somebody who limits a station, or an EVSE of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Limited {
    station: StationId,
    /// None for the whole station.
    evse: Option<u32>,
    source: Box<str>,
}

impl Limited {
    /// The circuit that stands for it.
    fn circuit(&self) -> Box<str> {
        match self.evse {
            None => format!("{} by {}", self.station, self.source).into(),
            Some(evse) => format!("{}/{evse} by {}", self.station, self.source).into(),
        }
    }

    fn is_over(&self, point: &EvsePoint) -> bool {
        let id = EvseId::parse(&point.evse);
        let of = |id: EvseId| id.station == self.station && self.evse.is_none_or(|n| n == id.evse);
        id.is_some_and(of)
    }
}

impl Site {
    /// A station says that somebody limits it, or (without schedules) does not any more; none
    /// where its load is not controlled.
    pub(in crate::site) fn station_limited(
        &self,
        now: Timestamp,
        station: &StationId,
        evse: Option<u32>,
        source: &str,
        schedules: Option<&[Schedule]>,
    ) -> Option<Fact> {
        let load = self.load()?;
        let evse = evse.filter(|evse| *evse > 0);
        let of = load.kernel.evses_of(station);
        let known = |n: u32| {
            let id = EvseId { station: station.clone(), evse: n };
            load.kernel.evse(&id).is_some()
        };
        if of.is_empty() || evse.is_some_and(|evse| !known(evse)) {
            return None;
        }
        let ahead = load.kernel.station(station).and_then(|known| known.clock().offset());
        let ahead = ahead.unwrap_or_default();
        let windows = schedules.map(|schedules| {
            let each = schedules.iter().flat_map(|schedule| windows(schedule, now, ahead));
            each.filter(|window| window.until > now).take(WINDOWS).collect::<Vec<_>>()
        });
        if windows.as_ref().is_some_and(Vec::is_empty) {
            // It does not say to what.
            return None;
        }
        let source = source.chars().take(NAME).collect::<String>().into();
        let station = station.clone();
        Some(LoadStationLimited { at: now, station, evse, source, windows }.into())
    }
}

/// What a schedule holds and when, by our clock.
fn windows(schedule: &Schedule, now: Timestamp, ahead: Millis) -> Vec<LimitWindow> {
    let ours = |at: Timestamp| at.plus(Millis(ahead.0.saturating_neg()));
    let begins = schedule.begins.map_or(now, ours);
    let end = schedule.duration.map_or(Timestamp::NEVER, |lasts| begins.plus(lasts));
    let next = schedule.steps.iter().skip(1).map(|step| begins.plus(step.start));
    let untils = next.chain([end]);
    let of = |(step, until): (&crate::input::schedule::Step, Timestamp)| {
        let (lines, power) = match step.limit? {
            Limit::Current(current) => (Some([current.max(Current::ZERO); 3]), None),
            Limit::Power(power) => (None, Some(power.max(Power::ZERO))),
        };
        let from = begins.plus(step.start);
        let until = until.min(end);
        (from < until).then_some(LimitWindow { from, until, lines, power })
    };
    schedule.steps.iter().zip(untils).filter_map(of).collect()
}

/// The configuration with a circuit for everyone who limits a station. A station whose EVSEs hang
/// on several circuits has none for all of it.
pub(super) fn effective(config: &Config, limited: &[Limited]) -> Config {
    let mut config = config.clone();
    let tree = &mut config.tree;
    // Those of whole stations first: an EVSE's own is below its station's.
    let whole = limited.iter().filter(|limited| limited.evse.is_none());
    for one in whole.chain(limited.iter().filter(|limited| limited.evse.is_some())) {
        let over = tree.evses.iter().filter(|point| one.is_over(point));
        let parents: BTreeSet<_> = over.map(|point| point.circuit.clone()).collect();
        let parents = Vec::from_iter(parents);
        let [parent] = &parents[..] else { continue };
        let kind = tree.circuits.iter().find(|known| known.name == *parent).map(|known| known.kind);
        if kind.is_none_or(|kind| kind == CircuitKind::Cabinet) {
            continue;
        }
        let name = one.circuit();
        let source = ExternalSource {
            source: one.source.clone(),
            timeout_seconds: None,
            fallback_current: None,
            fallback_power: None,
        };
        tree.circuits.push(Circuit {
            name: name.clone(),
            parent: Some(parent.clone()),
            external: vec![source],
            ..Circuit::default()
        });
        for point in tree.evses.iter_mut().filter(|point| one.is_over(point)) {
            point.circuit.clone_from(&name);
        }
    }
    config
}

impl Load {
    /// Our clock was set, by `back` at least where it was set back; it showed `known` before. What
    /// stations told is by times of ours. What others announced is by the time of the world, but
    /// what had begun stays so: it may have been from then on.
    pub(super) fn sources_moved(
        &mut self,
        doubted: &LoadClockDoubted,
        back: Millis,
        known: Timestamp,
    ) {
        let (at, by) = (doubted.at, doubted.by);
        let of_stations: Vec<_> = self.limited.iter().map(Limited::circuit).collect();
        for source in &mut self.sources {
            let then = match by {
                Some(by) => at.plus(Millis(by.0.saturating_neg())),
                None => source.heard.map_or(known, |heard| heard.max(known)),
            };
            source.heard = source.heard.map(|heard| heard.plus(back).min(at));
            let told_by_station = of_stations.iter().any(|circuit| *source.circuit == **circuit);
            for window in &mut source.windows {
                if told_by_station {
                    // Where it is not sure which time passed, it holds for the longer.
                    window.from = window.from.plus(back);
                    let later = by.unwrap_or_default().max(Millis::ZERO);
                    if window.until < Timestamp::NEVER {
                        window.until = window.until.plus(later);
                    }
                }
                if window.from <= then {
                    window.from = window.from.min(at);
                }
            }
        }
    }

    pub(super) fn station_limited(&mut self, fact: &LoadStationLimited) {
        let one =
            Limited { station: fact.station.clone(), evse: fact.evse, source: fact.source.clone() };
        let known = self.limited.contains(&one);
        match &fact.windows {
            None if !known => return,
            None => self.rewire(fact.at, |limited| limited.retain(|known| *known != one)),
            Some(_) if !known && self.limited.len() >= MOST => return,
            Some(_) if !known => self.rewire(fact.at, |limited| limited.push(one.clone())),
            Some(_) => {}
        }
        let circuit = one.circuit();
        let source = self.sources.iter_mut().find(|source| *source.circuit == *circuit);
        if let (Some(source), Some(windows)) = (source, &fact.windows) {
            let window = |window: &LimitWindow| Window {
                from: window.from,
                until: window.until,
                limit: CircuitLimit { lines: window.lines, power: window.power },
            };
            source.heard = Some(fact.at);
            source.windows = windows.iter().map(window).collect();
        }
        self.at_once(fact.at);
    }

    /// Of a station that left, nobody's limits are known any more.
    pub(super) fn unlimited(&mut self, at: Timestamp, station: &StationId) {
        if self.limited.iter().any(|limited| limited.station == *station) {
            self.rewire(at, |limited| limited.retain(|known| known.station != *station));
        }
    }

    /// Makes the rows anew, with others who limit stations.
    pub(super) fn rewire(&mut self, at: Timestamp, change: impl FnOnce(&mut Vec<Limited>)) {
        let mut before = self.clone();
        change(&mut before.limited);
        if let Some(load) = Self::of(Config::clone(&self.config), at, Some(before)) {
            *self = load;
        }
    }
}
