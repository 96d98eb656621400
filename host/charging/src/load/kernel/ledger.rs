//! Owns what one EVSE may be drawing: what its station acknowledged, what is on its way, what is
//! still falling, and what holds without any of it. Must never count a limit as obeyed because it
//! was sent, nor forget one that may have arrived.

use serde::{Deserialize, Serialize};

use super::clock::Credit;
use super::event::{Granted, Purpose, Returned};
use crate::units::{Current, Millis, Timestamp};

/// A car has so long to follow (IEC 61851-1: 5 s), and its meter to show it (3 s).
pub const GRACE: Millis = Millis::from_secs(8);

/// A lease counts as ended so long after its end, beside what is not known of the clock.
pub const LEASE_GRACE: Millis = Millis::from_secs(30);

/// Grants without an answer that are kept apart; more are counted as one.
const UNANSWERED: usize = 8;

/// A grant's name: they count up for each EVSE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GrantId(pub u64);

/// When a limit ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// By our clock.
    pub end: Timestamp,
    /// How much the station's clock was ahead of ours when its end was written.
    pub offset: Millis,
}

/// What one EVSE may be drawing, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// TxDefaultProfile; before the first was acknowledged, all that the EVSE can draw.
    base: Layer,
    /// TxProfile.
    running: Layer,
    falling: Vec<Falling>,
    last: GrantId,
}

/// What is known of one of the station's profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Layer {
    held: Option<Held>,
    in_flight: Vec<Held>,
}

/// A limit that a station holds, or may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its grant.
    pub grant: GrantId,
    /// When it was granted.
    pub at: Timestamp,
    /// The limit.
    pub limit: Current,
    /// What holds after its lease.
    pub after: Current,
    /// When that is.
    pub lease: Option<Lease>,
    counted: Current,
    /// Its station would not take it, and may hold it all the same.
    #[serde(default)]
    refused: bool,
    /// Its lease was seen to be over, by a clock that is not believed any more.
    #[serde(default)]
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Falling {
    from: Current,
    until: Timestamp,
}

impl Held {
    /// The limit that holds at a time: after the lease what comes then, where the station's clock
    /// is known well enough to tell.
    pub fn at(&self, now: Timestamp, credit: Option<Credit>) -> Current {
        if self.has_ended(now, credit) { self.after } else { self.limit.max(self.after) }
    }

    /// Whether its lease is over for certain.
    pub fn has_ended(&self, now: Timestamp, credit: Option<Credit>) -> bool {
        if self.ended {
            return true;
        }
        let (Some(lease), Some(credit)) = (self.lease, credit) else { return false };
        // What was written is a time by the station's clock; what that is by ours may have
        // changed since.
        let end = lease.end.plus(lease.offset.minus(credit.offset)).max(lease.end);
        now > end.plus(LEASE_GRACE).plus(credit.uncertainty)
    }

    /// Whether its lease should be over by now, as far as is known: whether it holds is uncertain
    /// from then on.
    pub fn is_past(&self, now: Timestamp) -> bool {
        self.lease.is_some_and(|lease| now >= lease.end)
    }

    fn exposure(&self, now: Timestamp, credit: Option<Credit>) -> Current {
        if self.has_ended(now, credit) { self.after } else { self.counted.max(self.after) }
    }
}

impl Layer {
    fn exposure(&self, now: Timestamp, credit: Option<Credit>) -> Current {
        let held = self.held.map(|held| held.at(now, credit));
        let in_flight = self.in_flight.iter().map(|grant| grant.exposure(now, credit));
        in_flight.chain(held).max().unwrap_or_default()
    }
}

impl Ledger {
    /// Of an EVSE that nothing was said to yet: all that it can draw.
    pub fn new(maximum: Current) -> Self {
        Self {
            base: Layer { held: Some(unlimited(maximum)), in_flight: Vec::new() },
            running: Layer::default(),
            falling: Vec::new(),
            last: GrantId::default(),
        }
    }

    /// The most that its limits let it draw now.
    pub fn exposure(&self, now: Timestamp, credit: Option<Credit>) -> Current {
        let falling = self.falling.iter().filter(|falling| falling.until > now);
        let falling = falling.map(|falling| falling.from).max().unwrap_or_default();
        self.settled(now, credit).max(falling)
    }

    /// The same once all that falls has fallen.
    pub fn settled(&self, now: Timestamp, credit: Option<Credit>) -> Current {
        self.base.exposure(now, credit).max(self.running.exposure(now, credit))
    }

    /// What it falls back to, and so can always draw.
    pub fn fallback(&self) -> Current {
        self.base.held.map_or(Current::ZERO, |held| held.after)
    }

    /// What a profile's last acknowledged grant says.
    pub fn held(&self, purpose: Purpose) -> Option<Held> {
        self.layer(purpose).held
    }

    /// The grants of a profile that have no acknowledgement, the oldest first.
    pub fn in_flight(&self, purpose: Purpose) -> &[Held] {
        &self.layer(purpose).in_flight
    }

    /// Whether no fallback was acknowledged since it was last lost: it draws what it can.
    pub fn is_unlimited(&self) -> bool {
        self.base.held.is_none_or(|held| held.grant == GrantId::default())
    }

    /// The name of the last grant.
    pub fn last_grant(&self) -> GrantId {
        self.last
    }

    /// The name for the next grant.
    pub fn next_grant(&self) -> GrantId {
        GrantId(self.last.0 + 1)
    }

    /// When the last of what is falling has fallen.
    pub fn fallen(&self) -> Option<Timestamp> {
        self.falling.iter().map(|falling| falling.until).max()
    }

    fn layer(&self, purpose: Purpose) -> &Layer {
        match purpose {
            Purpose::Default => &self.base,
            Purpose::Transaction => &self.running,
        }
    }

    fn layer_mut(&mut self, purpose: Purpose) -> &mut Layer {
        match purpose {
            Purpose::Default => &mut self.base,
            Purpose::Transaction => &mut self.running,
        }
    }
}

/// How the ledger changes: by events alone.
impl Ledger {
    /// From now on it may be on its way.
    pub(super) fn grant(&mut self, granted: &Granted) {
        self.last = self.last.max(granted.grant);
        let grant = Held {
            grant: granted.grant,
            at: granted.at,
            limit: granted.limit,
            after: granted.after,
            lease: granted.lease,
            counted: granted.counted.max(granted.limit),
            refused: false,
            ended: false,
        };
        let in_flight = &mut self.layer_mut(granted.purpose).in_flight;
        if in_flight.len() == UNANSWERED {
            // The oldest two are long given up: no answer names them any more.
            let oldest = in_flight.remove(0);
            in_flight[0] = either(&oldest, &in_flight[0]);
        }
        in_flight.push(grant);
    }

    /// A grant's call came back.
    pub(super) fn returned(
        &mut self,
        at: Timestamp,
        grant: GrantId,
        how: Returned,
        credit: Option<Credit>,
    ) {
        let named = |layer: &Layer| layer.in_flight.iter().position(|held| held.grant == grant);
        let found = [Purpose::Default, Purpose::Transaction]
            .into_iter()
            .find_map(|purpose| named(self.layer(purpose)).map(|index| (purpose, index)));
        let Some((purpose, index)) = found else { return };
        match how {
            Returned::Accepted => self.acknowledge(at, purpose, index, credit),
            Returned::Gone { may_have_left: false } => {
                self.layer_mut(purpose).in_flight.remove(index);
            }
            // It may hold all the same, until a later one is acknowledged or its lease ends.
            Returned::Refused => self.layer_mut(purpose).in_flight[index].refused = true,
            Returned::TimedOut | Returned::Gone { may_have_left: true } => {}
        }
    }

    /// A station answers in order: what was granted before is replaced too. The car follows
    /// within the grace.
    fn acknowledge(
        &mut self,
        at: Timestamp,
        purpose: Purpose,
        index: usize,
        credit: Option<Credit>,
    ) {
        let layer = self.layer_mut(purpose);
        let before = layer.held.map_or(Current::ZERO, |held| held.at(at, credit));
        let replaced = layer.in_flight[..=index].iter().map(|grant| grant.exposure(at, credit));
        let from = replaced.max().unwrap_or_default().max(before);
        let now_held = layer.in_flight[index];
        layer.in_flight.drain(..=index);
        layer.held = Some(now_held);
        self.fall(at, from);
    }

    /// The transaction is over, and with it the limits that were only for it. What may still arrive
    /// is counted on; what was refused arrived, and there is nothing that it could hold for.
    pub(super) fn transaction_ended(&mut self, at: Timestamp, credit: Option<Credit>) {
        if let Some(from) = self.drop_refused(at, credit) {
            self.fall(at, from);
        }
        if let Some(held) = self.running.held.take() {
            self.fall(at, held.at(at, credit));
        }
    }

    /// What was refused and was only for a transaction that is over does not count any more; gives
    /// the most that it counted with.
    pub(super) fn drop_refused(
        &mut self,
        at: Timestamp,
        credit: Option<Credit>,
    ) -> Option<Current> {
        let refused = self.running.in_flight.extract_if(.., |grant| grant.refused);
        refused.map(|grant| grant.exposure(at, credit)).max()
    }

    /// Whatever the station held is gone: it draws what it can.
    pub(super) fn lost(&mut self, maximum: Current) {
        self.base.held = Some(unlimited(maximum));
    }

    /// What was over by an earlier time of ours is judged anew.
    pub(super) fn judge_ends_anew(&mut self) {
        self.all_held().for_each(|held| held.ended = false);
    }

    /// Our clock was set by so much and is not believed from now on: what was over by it when it
    /// was, `known`, stays so, and what was falling then falls anew.
    pub(super) fn doubt_our_clock(
        &mut self,
        at: Timestamp,
        known: Timestamp,
        by: Millis,
        credit: Option<Credit>,
    ) {
        for held in self.all_held() {
            held.ended = held.has_ended(known, credit);
            held.at = held.at.plus(by);
            // The end that was written, by the station's clock, is the same.
            held.lease = held
                .lease
                .map(|Lease { end, offset }| Lease { end: end.plus(by), offset: offset.minus(by) });
        }
        self.falling.retain(|falling| falling.until > known);
        self.falling.iter_mut().for_each(|falling| falling.until = at.plus(GRACE));
    }

    /// All that the station holds or may hold.
    fn all_held(&mut self) -> impl Iterator<Item = &mut Held> {
        let layers = [&mut self.base, &mut self.running].into_iter();
        layers.flat_map(|layer| layer.held.iter_mut().chain(&mut layer.in_flight))
    }

    fn fall(&mut self, at: Timestamp, from: Current) {
        self.falling.retain(|falling| falling.until > at);
        self.falling.push(Falling { from, until: at.plus(GRACE) });
    }
}

fn unlimited(maximum: Current) -> Held {
    Held {
        grant: GrantId::default(),
        at: Timestamp(0),
        limit: maximum,
        after: maximum,
        lease: None,
        counted: maximum,
        refused: false,
        ended: false,
    }
}

/// Two grants of which either may hold, counted as one.
fn either(one: &Held, other: &Held) -> Held {
    let lease = one.lease.zip(other.lease).map(|(one, other)| Lease {
        end: one.end.max(other.end),
        offset: one.offset.max(other.offset),
    });
    Held {
        grant: one.grant.max(other.grant),
        at: one.at.max(other.at),
        limit: one.limit.max(other.limit),
        after: one.after.max(other.after),
        lease,
        counted: one.counted.max(other.counted),
        refused: one.refused && other.refused,
        ended: one.ended && other.ended,
    }
}
