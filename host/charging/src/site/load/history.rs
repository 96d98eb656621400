//! Owns what a site drew and might have drawn: a sample with each decision, gathered into slots of
//! a minute and of a quarter of an hour. A slot that is over becomes a row of a ring, so that no
//! site's history grows. Must never be read by a decision.

use serde::{Deserialize, Serialize};

use super::Load;
use crate::fact::load::LoadFilled;
use crate::ids::SiteId;
use crate::load::rows::{CircuitLimit, RowKind};
use crate::row::{LoadSlot, RowBody};
use crate::site::Site;
use crate::subject::{Key, Row};
use crate::units::{Current, Energy, Millis, Power, Timestamp};

/// A sample stands for what follows it, for no longer than that: a site that nothing is decided
/// about is idle, and says nothing.
const HOLD: Millis = Millis::from_secs(60);

/// Decisions that follow each other faster give one sample.
const SPACING: Millis = Millis::from_secs(1);

/// A car that draws this near to its limit is kept back by it.
const NEAR: Current = Current(1_000);

/// 1 mWh in W ms.
const PER_MWH: i64 = 3_600;

/// What is being gathered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    last: Option<(Timestamp, Sample)>,
    minute: Slot,
    quarter: Slot,
    /// Slots that the last sample closed.
    closed: Vec<LoadSlot>,
    /// All that limits kept back since the site is controlled.
    throttled: Energy,
    /// What of it is less than a mWh yet, in W ms.
    rest: i64,
    /// Limits that the last check held back since the site is controlled.
    withheld: u64,
}

/// A site at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sample {
    limit: Option<Power>,
    base: Power,
    allocated: Power,
    measured: Power,
    throttled: Power,
}

/// What was gathered of a slot: sums in W ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    start: Timestamp,
    covered: Millis,
    limit: Option<Power>,
    base: i64,
    allocated: i64,
    measured: i64,
    most: Power,
    throttled: i64,
}

impl Slot {
    fn add(&mut self, sample: &Sample, span: Millis) {
        let add = |sum: &mut i64, power: Power| {
            *sum = sum.saturating_add(power.0.saturating_mul(span.0));
        };
        add(&mut self.base, sample.base);
        add(&mut self.allocated, sample.allocated);
        add(&mut self.measured, sample.measured);
        add(&mut self.throttled, sample.throttled);
        self.covered = self.covered.plus(span);
        self.most = self.most.max(sample.measured);
        self.limit = [self.limit, sample.limit].into_iter().flatten().min();
    }

    fn shown(&self, span: Millis) -> Option<LoadSlot> {
        let covered = Some(self.covered.0).filter(|covered| *covered > 0)?;
        Some(LoadSlot {
            start: self.start,
            span,
            covered: self.covered,
            limit: self.limit,
            base: Power(self.base / covered),
            allocated: Power(self.allocated / covered),
            measured: Power(self.measured / covered),
            most: self.most,
            throttled: Energy(self.throttled / PER_MWH),
        })
    }
}

impl History {
    fn note(&mut self, at: Timestamp, sample: Sample) {
        self.closed.clear();
        if self.last.is_some_and(|(last, _)| (0..SPACING.0).contains(&at.since(last).0)) {
            return;
        }
        if let Some((from, held)) = self.last {
            self.hold(from, at.min(from.plus(HOLD)), &held);
        }
        self.last = Some((at, sample));
    }

    fn hold(&mut self, from: Timestamp, until: Timestamp, sample: &Sample) {
        let mut at = from;
        while at < until {
            let minute = start_of(at, LoadSlot::MINUTE);
            let to = until.min(minute.plus(LoadSlot::MINUTE));
            let slots =
                [(LoadSlot::MINUTE, &mut self.minute), (LoadSlot::QUARTER, &mut self.quarter)];
            for (span, slot) in slots {
                let start = start_of(at, span);
                if slot.start != start {
                    self.closed.extend(slot.shown(span));
                    *slot = Slot { start, ..Slot::default() };
                }
                slot.add(sample, to.since(at));
            }
            self.rest = self.rest.saturating_add(sample.throttled.0.saturating_mul(to.since(at).0));
            at = to;
        }
        self.throttled = self.throttled.plus(Energy(self.rest / PER_MWH));
        self.rest %= PER_MWH;
    }

    /// Slots that are not over, or were not followed by a sample yet.
    pub(super) fn open(&self) -> Vec<LoadSlot> {
        let slots = [(LoadSlot::MINUTE, &self.minute), (LoadSlot::QUARTER, &self.quarter)];
        slots.into_iter().filter_map(|(span, slot)| slot.shown(span)).collect()
    }

    /// Limits that the last check held back since the site is controlled.
    pub(super) fn withheld(&self) -> u64 {
        self.withheld
    }

    /// All that limits kept back since the site is controlled.
    pub(super) fn throttled(&self) -> Energy {
        self.throttled
    }
}

fn start_of(at: Timestamp, span: Millis) -> Timestamp {
    Timestamp(at.0.div_euclid(span.0).saturating_mul(span.0))
}

impl Load {
    /// It was decided anew.
    pub(super) fn note(&mut self, filled: &LoadFilled) {
        let sample = self.sample(filled.at);
        self.history.note(filled.at, sample);
        self.history.withheld = self.history.withheld.saturating_add(filled.withheld.into());
    }

    fn sample(&self, at: Timestamp) -> Sample {
        let (limit, base) = self.connection(at);
        let mut sample = Sample { limit, base, ..Sample::default() };
        let mut micros = [0_i64; 3];
        for (evse, live) in (0..).zip(&self.evses) {
            if self.kernel.transaction(evse).is_none() {
                continue;
            }
            let wiring = &self.rows.evses()[evse as usize];
            let legs = match live.legs.count() {
                0 => i64::from(wiring.legs),
                count => i64::from(count),
            };
            let limit = self.kernel.acknowledged(evse, at);
            let drawn = self.kernel.draw(evse).and_then(|draw| draw.fresh(at));
            let kept_back = match drawn {
                _ if !live.on => wiring.max,
                Some(drawn) if drawn.plus(NEAR) >= limit => wiring.max.minus(limit),
                _ => Current::ZERO,
            };
            let values = [limit, drawn.unwrap_or_default(), kept_back.max(Current::ZERO)];
            for (sum, value) in micros.iter_mut().zip(values) {
                let micro = value.0.saturating_mul(i64::from(wiring.millivolts));
                *sum = sum.saturating_add(micro.saturating_mul(legs));
            }
        }
        let [allocated, measured, throttled] = micros.map(|micro| Power(micro / 1_000_000));
        (sample.allocated, sample.measured, sample.throttled) = (allocated, measured, throttled);
        sample
    }

    /// What the connections to the grid may carry in all, and what is not managed there.
    fn connection(&self, at: Timestamp) -> (Option<Power>, Power) {
        let roots = self.config.tree.circuits.iter().filter(|circuit| circuit.parent.is_none());
        let (mut limit, mut base) = (None, Power::ZERO);
        for circuit in roots {
            let said: Vec<CircuitLimit> = self
                .sources
                .iter()
                .filter(|source| *source.circuit == *circuit.name)
                .map(|source| source.at(at))
                .collect();
            let (mut lines, mut power) = ([None, None, None], None);
            let mut bases = (Power::ZERO, Power::ZERO);
            let rows = self.rows.rows().iter().zip(&self.meters);
            for (row, meter) in rows.filter(|(row, _)| *row.circuit == *circuit.name) {
                let outside = said.iter().filter_map(|limit| row.limit_from(limit)).min();
                let held = [row.limit, outside].into_iter().flatten().min();
                let watts = |current: Current| {
                    Power(current.0.saturating_mul(i64::from(row.millivolts)) / 1_000_000)
                };
                let load = meter.as_ref().map_or(row.base_max, |meter| meter.background(at).load);
                match row.kind {
                    RowKind::Line(line) | RowKind::Direction(line, 0) => {
                        lines[line as usize] = held.map(watts);
                        bases.0 = bases.0.plus(watts(load));
                    }
                    RowKind::Power | RowKind::Cabinet => {
                        power = held.map(watts);
                        bases.1 = watts(load);
                    }
                    RowKind::Direction(..) | RowKind::Imbalance(..) => {}
                }
            }
            let of_lines =
                lines.into_iter().try_fold(Power::ZERO, |sum, line| Some(sum.plus(line?)));
            let of_circuit = [of_lines, power].into_iter().flatten().min();
            limit = match (limit, of_circuit) {
                (Some(sum), Some(more)) => Some(more.plus(sum)),
                (sum, more) => sum.or(more),
            };
            base = base.plus(if bases.0 > Power::ZERO { bases.0 } else { bases.1 });
        }
        (limit, base)
    }
}

impl Site {
    /// The rows of the slots that the last decision closed.
    pub(in crate::site) fn slot_rows(&self, site: &SiteId) -> Vec<(Key, Option<Row>)> {
        let closed = self.load().map_or(&[][..], |load| &load.history.closed);
        let row = |slot: &LoadSlot| (Key::load_slot(site, slot), Some(slot.to_row()));
        closed.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests;
