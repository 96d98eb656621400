//! Owns what is sent now: which limit, to whom, in which order. Decreases leave at once; an
//! increase leaves only when it fits beside all that may still be drawn. Must never send what
//! could exceed a row, nor hold back a decrease or a renewal for a budget.

mod next;

pub(super) use self::next::waits;
pub(crate) use self::next::worth;
use self::next::{Next, next};
use super::event::{Granted, Purpose};
use super::ledger::{Held, Lease};
use super::profile::{Begins, Profile, Target, can_lease};
use super::shed::Shed;
use super::station::{Line, Station, UNANSWERED_AFTER};
use super::view::View;
use super::{Evse, Kernel};
use crate::ids::StationId;
use crate::load::legs::Legs;
use crate::load::rows::{EvseId, Rows};
use crate::units::{Current, Millis, Timestamp};

pub use self::next::Why;
pub use super::capability::WRITES_A_DAY;

/// A limit holds so long by itself.
pub const LEASE: Millis = Millis::from_secs(900);

/// A limit that is known to fall is kept to so long before: long enough for a message to be lost
/// once, to come late, and for the car to follow.
pub const LEAD: Millis = Millis::from_secs(60);

/// The site as it stands, by row and by EVSE in the order of the rows.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// How EVSEs and rows meet.
    pub rows: &'a Rows,
    /// The legs that each EVSE's car uses, as measured; unknown again when it leaves.
    pub legs: &'a [Legs],
    /// By row: what there is for its EVSEs now, limit less base load less reserve.
    pub headroom: &'a [Current],
    /// By row: the least of it within `LEAD` from now.
    pub announced: &'a [Current],
    /// By row: what of that is expected to last, beside a base load as high as it lately was.
    /// Limits are raised no further than into this.
    pub lasting: &'a [Current],
    /// By row: true where nothing may be increased, because a meter is silent.
    pub bound: &'a [bool],
}

/// What is to be done now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Limits to send, the most urgent first: each is to be applied and journalled before it
    /// leaves.
    pub sends: Vec<Send>,
    /// Stations whose open call is to be given up.
    pub abandon: Vec<StationId>,
    /// Rows in which more may be drawn than there is.
    pub shortfalls: Vec<Shortfall>,
    /// What people should know.
    pub alarms: Vec<Alarm>,
    /// Sends that the last check held back: each is a defect of ours.
    pub withheld: u32,
    /// When to ask again at the latest, if nothing happens.
    pub again: Option<Timestamp>,
}

/// A limit to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// To be applied and journalled first.
    pub granted: Granted,
    /// What is written.
    pub profile: Profile,
    /// Why.
    pub why: Why,
}

/// A row in which more may be drawn than there is, as long as the decreases are not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The row's index.
    pub row: u32,
    /// What may be drawn.
    pub exposure: Current,
    /// What there is.
    pub headroom: Current,
}

/// What people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A station was written to as often as its budget of a day allows.
    WriteBudget(StationId),
    /// An EVSE draws more than it may, and is counted with its draw. Ask for its composite
    /// schedule.
    Disobedient(EvseId),
}

/// Memory for decisions. Holds nothing that a decision depends on.
#[derive(Debug, Default)]
pub struct Scratch {
    shed: Shed,
    exposure: Vec<Current>,
    before: Vec<Current>,
    raised: Vec<Current>,
    loads: Vec<i64>,
    sums: Vec<i64>,
    coming: Vec<bool>,
    candidates: Vec<Candidate>,
    /// By station: the place of its candidate.
    best: Vec<Option<usize>>,
    chosen: Vec<(u32, Next)>,
}

/// What one EVSE could be sent.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    evse: u32,
    next: Next,
    /// How much it helps the rows that are over, in microamperes.
    help: i64,
}

impl Kernel {
    /// What to send now. `wishes` is by EVSE what the filling gives it on each phase.
    pub fn decide(&self, now: Timestamp, site: &Site<'_>, wishes: &[Current]) -> Decision {
        self.decide_in(&mut Scratch::default(), now, site, wishes)
    }

    /// The same, in memory that was used before: where nothing is sent, none is allocated.
    pub fn decide_in(
        &self,
        scratch: &mut Scratch,
        now: Timestamp,
        site: &Site<'_>,
        wishes: &[Current],
    ) -> Decision {
        let memory = (std::mem::take(&mut scratch.exposure), std::mem::take(&mut scratch.loads));
        let mut view = View::new(self, now, site, memory);
        let wish = |evse: u32| self.wish(evse, wishes.get(evse as usize).copied());
        scratch.shed.targets(&view, view.evses().map(wish));
        scratch.shed.keep(&view);
        let mut decision = Decision {
            shortfalls: shortfalls(&view),
            alarms: self.disobedient(),
            ..Decision::default()
        };
        self.candidates(&view, scratch, &mut decision);
        scratch.before.clone_from(&view.exposure);
        coming(&view, &scratch.shed.targets, &mut scratch.coming);
        scratch.chosen.clear();
        for candidate in &scratch.candidates {
            if let Some(next) = admit(&view, candidate, &scratch.coming) {
                view.raise(candidate.evse, next.counted);
                scratch.chosen.push((candidate.evse, next));
            }
        }
        check(&view, scratch, &mut decision.withheld);
        for (evse, next) in &scratch.chosen {
            let send = self.send(now, site, *evse, *next);
            let station = &send.granted.evse.station;
            let is_last = |known: &Station| known.writes(now) + 1 == known.capability.writes_a_day;
            if self.station(station).is_some_and(is_last) {
                decision.alarms.push(Alarm::WriteBudget(station.clone()));
            }
            decision.sends.push(send);
        }
        decision.again = self.again(now);
        (scratch.exposure, scratch.loads) = (view.exposure, view.loads);
        decision
    }

    /// A wish as it may be told. Without a transaction nothing below the fallback is told: it
    /// would be a write for nothing.
    fn wish(&self, evse: u32, wish: Option<Current>) -> Current {
        let known = &self.evses[evse as usize];
        let wish = wish.unwrap_or_default().min(known.maximum).max(Current::ZERO);
        if known.transaction.is_none() { wish.max(known.fallback) } else { wish }
    }

    /// One for each station whose line is free: the most urgent. Gives up calls that keep a
    /// decrease waiting.
    fn candidates(&self, view: &View<'_>, scratch: &mut Scratch, decision: &mut Decision) {
        let Scratch { shed, candidates, best, .. } = scratch;
        candidates.clear();
        best.clear();
        best.resize(self.stations.len(), None);
        for evse in view.evses() {
            let known = &self.evses[evse as usize];
            let station = self.station_of(known);
            if !station.connected {
                continue;
            }
            let target = shed.targets[evse as usize];
            if !station.is_free() {
                if self.must_give_up(view, evse, target) {
                    decision.abandon.push(known.id.station.clone());
                }
                continue;
            }
            let Some(next) = next(self, view.now, known, target) else { continue };
            let candidate = Candidate { evse, next, help: help(view, evse, target) };
            let best = &mut best[known.station as usize];
            match best.map(|place| &mut candidates[place]) {
                None => {
                    *best = Some(candidates.len());
                    candidates.push(candidate);
                }
                Some(other) if candidate.urgency() < other.urgency() => *other = candidate,
                Some(_) => {}
            }
        }
        decision.abandon.dedup();
        candidates.sort_unstable_by_key(Candidate::urgency);
    }

    /// Its line is taken for too long: by our own limit, or by another's call while a decrease or
    /// a renewal waits.
    fn must_give_up(&self, view: &View<'_>, evse: u32, target: Current) -> bool {
        let known = &self.evses[evse as usize];
        match self.station_of(known).line {
            Line::Free => false,
            Line::Limit { since, .. } => view.now.since(since) >= UNANSWERED_AFTER,
            Line::Taken { since } => {
                let next = next(self, view.now, known, target);
                let waits = next.is_some_and(|next| next.why <= Why::Renew);
                waits && view.now.since(since) >= UNANSWERED_AFTER
            }
        }
    }

    fn disobedient(&self) -> Vec<Alarm> {
        let disobedient = self.evses.iter().filter(|evse| evse.draw.is_disobedient());
        disobedient.map(|evse| Alarm::Disobedient(evse.id.clone())).collect()
    }

    fn send(&self, now: Timestamp, site: &Site<'_>, evse: u32, next: Next) -> Send {
        let known = &self.evses[evse as usize];
        let station = self.station_of(known);
        let may_lease =
            next.leased && can_lease(&station.capability, next.purpose) && next.limit != next.after;
        let lease = may_lease.then(|| station.clock.offset()).flatten();
        let granted = Granted {
            at: now,
            evse: known.id.clone(),
            grant: known.ledger.next_grant(),
            purpose: next.purpose,
            limit: next.limit,
            counted: next.counted,
            after: next.after,
            lease: lease.map(|offset| Lease { end: now.plus(LEASE), offset }),
        };
        let wiring = &site.rows.evses()[evse as usize];
        let legs = site.legs.get(evse as usize).copied().unwrap_or_default();
        let target = Target {
            capability: &station.capability,
            transaction: known.transaction.as_ref(),
            phases: wiring.legs,
            // What is not for a transaction holds for the next car too.
            used: if next.purpose == Purpose::Transaction { legs.count() as u8 } else { 0 },
            millivolts: wiring.millivolts,
            dc: wiring.dc.then_some(wiring.efficiency),
        };
        let mut profile = Profile::of(&granted, &target);
        profile.updates = profile.begins == Begins::OnReceipt && self.holds_dynamic(known);
        Send { granted, profile, why: next.why }
    }

    /// Whether the station surely holds the dynamic profile of the running transaction, so that
    /// its limit need only be updated.
    fn holds_dynamic(&self, evse: &Evse) -> bool {
        let purpose = Purpose::Transaction;
        let held = evse.ledger.held(purpose);
        let back = |held: Held| self.station_of(evse).is_back_since(held.at);
        evse.ledger.in_flight(purpose).is_empty() && held.is_some_and(|held| !back(held))
    }

    /// When something changes by itself: what falls has fallen, a call is open for too long, a
    /// lease is half over.
    fn again(&self, now: Timestamp) -> Option<Timestamp> {
        let lines = self.stations.iter().filter_map(|slot| match slot.station.line {
            Line::Free => None,
            Line::Limit { since, .. } | Line::Taken { since } => Some(since.plus(UNANSWERED_AFTER)),
        });
        let evses = self.evses.iter().flat_map(|evse| {
            let held = evse.ledger.held(self.governing(evse));
            let renewal = held.filter(|held| held.limit != held.after).and_then(|held| held.lease);
            let renewal = renewal.map(|lease| lease.end.plus(Millis(-LEASE.0 / 2)));
            [evse.ledger.fallen(), renewal].into_iter().flatten()
        });
        lines.chain(evses).filter(|time| *time > now).min()
    }
}

impl Candidate {
    /// What goes first: what helps a row that is over most, then by kind, then who has least.
    fn urgency(&self) -> (Why, i64, Current, u32) {
        (self.next.why, -self.help, self.next.commanded, self.evse)
    }
}

/// What is sent of a candidate: an increase only as far as it fits now. One that has to wait for
/// others' decreases waits; one that nobody makes room for takes what is left.
fn admit(view: &View<'_>, candidate: &Candidate, coming: &[bool]) -> Option<Next> {
    let (evse, next) = (candidate.evse, candidate.next);
    let fits = |next: &Next| view.fits(evse, next.counted);
    if next.why != Why::Increase {
        return Some(next).filter(fits);
    }
    let renewal = next.renewal().filter(fits);
    let touches = |rows: &[bool]| {
        let mut of_evse = view.rows_of(evse);
        of_evse.any(|(row, part)| part > 0 && rows.get(row).copied().unwrap_or(false))
    };
    if touches(view.site.bound) {
        return renewal;
    }
    // A fallback is no more than must be.
    let room =
        |row: usize| if next.limit > next.after { view.lasting(row) } else { view.room(row) };
    let holds = |next: &Next| view.holds(evse, next.counted, room);
    if holds(&next) {
        return Some(next);
    }
    let part = (!touches(coming)).then(|| view.most(evse, room));
    part.and_then(|most| next.lowered_to(most)).filter(holds).or(renewal)
}

/// By row: whether decreases are under way that will make room in it.
fn coming(view: &View<'_>, targets: &[Current], coming: &mut Vec<bool>) {
    coming.clear();
    coming.resize(view.loads.len(), false);
    for evse in view.evses() {
        let settled = targets[evse as usize].max(view.kernel.fallback(evse));
        if view.exposure[evse as usize] > settled && view.kernel.is_commandable(evse, view.now) {
            view.rows_of(evse).filter(|(_, part)| *part > 0).for_each(|(row, _)| {
                coming[row] = true;
            });
        }
    }
}

/// The invariant, before every send and in every build: all rows are added up again, and what
/// raised one that is then over is not sent.
fn check(view: &View<'_>, scratch: &mut Scratch, withheld: &mut u32) {
    let Scratch { chosen, before, raised, sums, .. } = scratch;
    if chosen.is_empty() {
        return;
    }
    raised.clone_from(before);
    for (evse, next) in &*chosen {
        let current = &mut raised[*evse as usize];
        *current = next.counted.max(*current);
    }
    view.sums(sums, |evse| raised[evse as usize]);
    let is_over = |row: usize| sums[row] > view.room(row);
    chosen.retain(|(evse, next)| {
        let raises = next.counted > before[*evse as usize];
        let breaks = raises && view.rows_of(*evse).any(|(row, part)| part > 0 && is_over(row));
        *withheld += u32::from(breaks);
        !breaks
    });
}

fn shortfalls(view: &View<'_>) -> Vec<Shortfall> {
    let rows = 0..view.loads.len();
    let over = rows.filter(|row| view.loads[*row] > view.room_now(*row));
    let shortfall = |row: usize| Shortfall {
        row: row as u32,
        exposure: Current(view.loads[row].div_euclid(1_000) + 1),
        headroom: view.site.headroom.get(row).copied().unwrap_or_default(),
    };
    over.map(shortfall).collect()
}

/// How much a decrease to its target takes from rows that are over, in microamperes.
fn help(view: &View<'_>, evse: u32, target: Current) -> i64 {
    let fall = view.exposure[evse as usize].minus(target).0.max(0);
    let over = view.rows_of(evse).filter(|(row, _)| view.loads[*row] > view.room_now(*row));
    over.map(|(_, part)| fall.saturating_mul(part)).sum()
}
