//! Owns what the door knows between two steps, and makes a tick of each: what a real controller
//! would know, and nothing else. Must never exceed a row by what it was told.

use std::collections::BTreeSet;

use busbar_charging::load::fill::{Demand, EvseState, Filled, Filler, Policy, Reason, Settings};
use busbar_charging::load::legs::{Legs, Line};
use busbar_charging::load::plan::battery::Stores;
use busbar_charging::load::plan::departure::Departures;
use busbar_charging::load::plan::lp::Lp;
use busbar_charging::load::plan::{Car, Planner, Question};
use busbar_charging::load::rows::{
    CircuitLimit, EvseId, EvseWiring, Phasor, Row, RowKind, Rows, RowsBuilder, Term,
};
use busbar_charging::units::{Current, Millis, Timestamp};

use super::message::{Amps, Constraint, Hello, Seen, Session, Step, down, energy, up};

/// A car draws more than it may when it draws so much more.
const TOLERANCE: Current = Current(100);
/// Stated departures are taken to be off by so much until the site has shown otherwise.
const DEPARTURES_OFF_BY: Millis = Millis::from_secs(60 * 60);
/// One wants to be done before a car leaves in so many of a thousand cases.
const DEPARTURE_QUANTILE: u32 = 500;

/// A car has hardly more time than it needs when it needs so many thousandths of it.
const TIGHT: i64 = 700;
/// A row that was scarce stays so: the same cars come back.
const SCARCE_FOR: Millis = Millis::from_secs(12 * 60 * 60);
/// A station that was never seen to obey a low limit may draw so much although it may draw less.
const SURPRISE: Current = Current(10_000);
const ROUNDS: u32 = 4;
/// What a breaker holds for long above its limit, in thousandths; IEC 60898-1 says 130.
const HOLDS: i64 = 30;

/// A site, as the driver told it.
pub(super) struct Site {
    rows: Rows,
    /// The constraint that each row stands for.
    constraints: Vec<usize>,
    period: Millis,
    fallback: Current,
    fallback_after: u32,
    settings: Settings,
    filler: Filler,
    departures: Departures,
    planner: Lp,
    evses: Vec<Known>,
    states: Vec<EvseState>,
    /// By row, until when it counts as scarce.
    scarce_until: Vec<Timestamp>,
}

/// What is remembered of an EVSE.
#[derive(Clone, Debug, Default)]
struct Known {
    session: Option<String>,
    expected: Timestamp,
    on: bool,
    since: Timestamp,
    limit: Current,
    /// What the car can take.
    max: Current,
    /// It has drawn so much where it was allowed less: it does not go below.
    floor: Current,
    /// The lowest limit that it was seen to obey.
    obeyed: Option<Current>,
    offline_steps: u32,
}

impl Site {
    pub(super) fn new(hello: &Hello) -> Result<Self, String> {
        if hello.period_s == 0 {
            return Err("period_s is 0".into());
        }
        let wirings = hello.evses.iter().enumerate().map(|(n, evse)| EvseWiring {
            id: EvseId { station: (&*evse.id).into(), evse: n as u32 + 1 },
            min: up(evse.min_a),
            max: down(evse.max_a),
            fallback: up(hello.fallback_a),
            legs: evse.legs.len() as u8,
            millivolts: (evse.v_leg * 1e3) as u32,
            efficiency: 1_000,
            dc: false,
        });
        let mut builder = RowsBuilder::new(wirings.collect());
        for constraint in &hello.constraints {
            builder.line(row(constraint), &terms(hello, constraint)?);
        }
        let rows = builder.build();
        let ids: Vec<_> = hello.constraints.iter().map(|constraint| &*constraint.id).collect();
        let of = |row: &Row| ids.iter().position(|id| *id == &*row.circuit).unwrap_or_default();
        Ok(Self {
            constraints: rows.rows().iter().map(of).collect(),
            period: Millis::from_secs(i64::from(hello.period_s)),
            fallback: up(hello.fallback_a),
            fallback_after: hello.fallback_after_steps,
            settings: Settings { policy: Policy::Laxity, ..Settings::default() },
            filler: Filler::default(),
            departures: Departures::assumed(DEPARTURES_OFF_BY),
            planner: Lp::default(),
            evses: vec![Known::default(); rows.evses().len()],
            states: Vec::new(),
            scarce_until: vec![Timestamp(i64::MIN); rows.rows().len()],
            rows,
        })
    }

    /// One step: takes over what was seen, fills, and remembers what was allowed.
    pub(super) fn step(&mut self, step: &Step) -> Result<Amps, String> {
        let constraints = self.constraints.iter().max().map_or(0, |last| last + 1);
        if step.limits.len() < constraints || step.background.len() < constraints {
            return Err(format!("a step has {constraints} limits and backgrounds"));
        }
        let now = self.time(i64::from(step.t));
        self.states.clear();
        self.states.resize(self.rows.evses().len(), EvseState::default());
        let mut named = BTreeSet::new();
        for seen in &step.evses {
            if !named.insert(seen.i) {
                return Err(format!("EVSE {} is named twice", seen.i));
            }
            if self.evses.get(seen.i as usize).is_none() {
                return Err(format!("there is no EVSE {}", seen.i));
            }
            self.states[seen.i as usize] = self.state(now, seen);
        }
        let rows = self.rows.rows().iter().zip(&self.constraints);
        let mut headroom: Vec<_> =
            rows.map(|(row, constraint)| headroom(row, step, *constraint)).collect();
        let mut kept = vec![Current::ZERO; headroom.len()];
        self.plan(now, step, &headroom);
        // What is kept moves others below what they were seen to obey: a few rounds settle it.
        for _ in 0..ROUNDS {
            self.filler.tick(&self.rows, &self.settings, now, &headroom, &self.states);
            if !self.keep_for_surprises(&mut headroom, &mut kept, step) {
                break;
            }
        }
        let filled = self.filler.tick(&self.rows, &self.settings, now, &headroom, &self.states);
        note_scarce(now, &self.rows, &self.states, &filled, &mut self.scarce_until);
        let mut amps = Amps::default();
        for seen in step.evses.iter().filter(|seen| seen.online && seen.session.is_some()) {
            let limit = filled.allocations[seen.i as usize].limit;
            self.evses[seen.i as usize].allow(now, limit);
            amps.amps.insert(seen.i, limit.0 as f64 / 1e3);
        }
        Ok(amps)
    }

    /// Asks the planner, and takes over what it wishes for this step.
    fn plan(&mut self, now: Timestamp, step: &Step, headroom: &[Current]) {
        let prices: Vec<_> = step.price.iter().map(|price| (price * 1e6).round() as i64).collect();
        let wants = |state: &EvseState| state.demand == Demand::Wants;
        let there = self.states.iter().enumerate().filter(|(_, state)| wants(state));
        let cars: Vec<_> = there
            .map(|(evse, state)| Car {
                evse: evse as u32,
                legs: state.legs,
                min: state.min,
                max: self.evses[evse].max,
                is_on: state.on,
                energy: state.energy.unwrap_or_default(),
                there: self.still_there(now, evse, prices.len()),
            })
            .collect();
        let scarce: Vec<_> = self.scarce_until.iter().map(|until| now < *until).collect();
        let free: Vec<_> = (0..self.evses.len() as u32)
            .filter(|evse| self.evses[*evse as usize].session.is_none())
            .collect();
        let plan = self.planner.plan(&Question {
            from: now,
            slot: self.period,
            rows: &self.rows,
            headroom,
            scarce: &scarce,
            prices: &prices,
            surplus: &[],
            feed_in: 0,
            cars: &cars,
            free: &free,
            stores: &Stores::default(),
        });
        for wish in &plan.wishes {
            if let Some(state) = self.states.get_mut(wish.evse as usize) {
                (state.cap, state.target) = wish.at(0);
            }
        }
    }

    fn still_there(&self, now: Timestamp, evse: usize, slots: usize) -> Vec<u32> {
        let expected = self.evses[evse].expected;
        let ends = (1..=slots as i64).map(|slot| now.plus(Millis(slot * self.period.0)));
        ends.map(|end| self.departures.still_there(expected, now, end))
            .take_while(|there| *there > 0)
            .collect()
    }

    /// Keeps so much free in each row that one station which turns out not to obey does no harm,
    /// and two where one was caught: those that charge below what they were ever seen to obey.
    /// Whether more is kept than before.
    fn keep_for_surprises(
        &self,
        headroom: &mut [Current],
        kept: &mut [Current],
        step: &Step,
    ) -> bool {
        let mut more = false;
        let any_caught = self.evses.iter().any(|known| known.floor > Current::ZERO);
        for (row, (headroom, kept)) in headroom.iter_mut().zip(kept).enumerate() {
            let limit = down(step.limits[self.constraints[row]]);
            let legs = |evse: u32| self.states[evse as usize].legs;
            let members = self.rows.of_row(row as u32, legs);
            let surprises = members.map(|(evse, coefficient)| {
                let limit = self.filler.limit(evse);
                let known = &self.evses[evse as usize];
                let proven = known.obeyed.is_some_and(|obeyed| obeyed < SURPRISE);
                let most = self.states[evse as usize].max.min(SURPRISE);
                let unproven = !proven && limit > Current::ZERO;
                let surprise = if unproven { most.minus(limit).0.max(0) } else { 0 };
                surprise * i64::from(coefficient) / 1_000
            });
            let (first, second) = two_largest(surprises);
            let surprise = if any_caught { first + second } else { first };
            let keep = Current(surprise - limit.0.max(0) * HOLDS / 1_000);
            if keep > *kept {
                *headroom = headroom.minus(keep.minus(*kept));
                *kept = keep;
                more = true;
            }
        }
        more
    }

    fn time(&self, step: i64) -> Timestamp {
        Timestamp(step.saturating_mul(self.period.0))
    }

    fn state(&mut self, now: Timestamp, seen: &Seen) -> EvseState {
        let known = &mut self.evses[seen.i as usize];
        let (allowed, drawn) = (up(seen.allowed_a), up(seen.drawn_a));
        if !seen.online {
            known.offline_steps += 1;
            // Whoever is silent keeps its limit for a while; any car may come meanwhile.
            let keeps = known.offline_steps <= self.fallback_after;
            let held = if keeps { allowed } else { self.fallback };
            let floor = if held > Current::ZERO { known.floor } else { Current::ZERO };
            let exposure = held.max(self.fallback).max(floor);
            return EvseState { demand: Demand::Fixed(exposure), ..EvseState::default() };
        }
        known.offline_steps = 0;
        let same = known.session.as_deref() == seen.session.as_ref().map(|session| &*session.id);
        if same && allowed > Current::ZERO && drawn > Current::ZERO {
            if drawn > allowed.plus(TOLERANCE) {
                known.floor = known.floor.max(drawn);
            } else {
                let obeyed = known.obeyed.map_or(allowed, |obeyed| obeyed.min(allowed));
                known.obeyed = Some(obeyed);
            }
        }
        if !same {
            if known.session.is_some() {
                self.departures.left(known.expected, now);
            }
            let (floor, obeyed) = (known.floor, known.obeyed);
            *known = Known { floor, obeyed, since: now, ..Known::default() };
        }
        let Some(session) = &seen.session else { return EvseState::default() };
        known.session = Some(session.id.clone());
        known.expected = Timestamp(session.est_departure.saturating_mul(self.period.0));
        let settled = (same && known.on).then_some(drawn);
        known.max = down(session.max_a).max(known.floor);
        let known = self.evses[seen.i as usize].clone();
        self.wants(now, seen.i, session, &known, settled)
    }

    fn wants(
        &self,
        now: Timestamp,
        evse: u32,
        session: &Session,
        known: &Known,
        drawn: Option<Current>,
    ) -> EvseState {
        let wiring = &self.rows.evses()[evse as usize];
        let legs = Legs::first(session.legs.min(usize::from(wiring.legs)));
        let remaining = energy(session.remaining_kwh);
        let min = up(session.min_a).max(known.floor);
        // More than it takes to be done in this step is of no use.
        let watts_per_amp = wiring.power(Current(1_000_000), legs.count()).0.max(1) as f64 / 1e3;
        let hours = self.period.0 as f64 / 3.6e6;
        let enough = up(remaining.0 as f64 / 1e3 / watts_per_amp / hours).0;
        let enough = enough.div_euclid(100) * 100 + 100;
        let done = remaining.0 <= 1;
        EvseState {
            demand: if done { Demand::None } else { Demand::Wants },
            legs,
            min,
            max: known.max.min(Current(enough).max(min)),
            on: known.on,
            since: known.since,
            drawn,
            limit: known.limit,
            energy: Some(remaining),
            departure: Some(self.departures.quantile(known.expected, now, DEPARTURE_QUANTILE)),
            ..EvseState::default()
        }
    }
}

/// A row is scarce for a while when it holds back a car that has hardly more time than it needs.
fn note_scarce(
    now: Timestamp,
    rows: &Rows,
    states: &[EvseState],
    filled: &Filled<'_>,
    scarce_until: &mut [Timestamp],
) {
    let allocations = filled.allocations.iter().zip(states).zip(rows.evses());
    for ((allocation, state), wiring) in allocations {
        let (Reason::Row(row) | Reason::Waiting(row)) = allocation.reason else { continue };
        let (Some(energy), Some(departure)) = (state.energy, state.departure) else { continue };
        let watts = wiring.power(state.max, state.legs.count()).0.max(1);
        let need_ms = energy.0 * 3_600 / watts;
        let left_ms = departure.since(now).0;
        if need_ms * 1_000 > left_ms * TIGHT {
            scarce_until[row as usize] = now.plus(SCARCE_FOR);
        }
    }
}

impl Known {
    fn allow(&mut self, now: Timestamp, limit: Current) {
        let on = limit > Current::ZERO;
        if on != self.on {
            (self.on, self.since) = (on, now);
        }
        self.limit = limit;
    }
}

fn two_largest(values: impl Iterator<Item = i64>) -> (i64, i64) {
    values.fold(
        (0, 0),
        |(first, second), value| {
            if value > first { (value, first) } else { (first, second.max(value)) }
        },
    )
}

fn row(constraint: &Constraint) -> Row {
    let line = match constraint.phase.as_deref() {
        Some("L2") => Line::L2,
        Some("L3") => Line::L3,
        _ => Line::L1,
    };
    Row {
        circuit: (&*constraint.id).into(),
        kind: RowKind::Line(line),
        limit: None,
        reserve: Current::ZERO,
        base_max: Current::ZERO,
        millivolts: 230_000,
    }
}

fn terms(hello: &Hello, constraint: &Constraint) -> Result<Vec<Term>, String> {
    let term = |(evse, leg, coefficient): &(u32, u8, f64)| {
        let name = hello.evses.get(*evse as usize).and_then(|e| e.legs.get(usize::from(*leg)));
        let angle = name.and_then(|name| hello.phasors.get(name)).copied();
        let angle = angle.ok_or_else(|| {
            format!("constraint {}: EVSE {evse} has no leg {leg} with a phasor", constraint.id)
        })?;
        let phasor = Phasor::polar(1.0, angle).times(*coefficient);
        Ok(Term { evse: *evse, leg: *leg, phasor })
    };
    constraint.terms.iter().map(term).collect()
}

/// What a row has for its members: the limit less what is not managed.
fn headroom(row: &Row, step: &Step, constraint: usize) -> Current {
    let limit = down(step.limits[constraint]);
    let base = up(step.background[constraint]);
    match row.kind {
        // Where phasors mix, the base load may point anywhere.
        RowKind::Direction(..) => {
            let lines = CircuitLimit { lines: Some([limit; 3]), power: None };
            row.limit_from(&lines).unwrap_or_default().minus(Current(base.0.abs()))
        }
        _ => limit.minus(base),
    }
}
