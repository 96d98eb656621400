//! Owns the instants at which a session is cut and the energy delivered by each.
//! Must never lose or invent a milliwatt-hour.

use std::collections::BTreeMap;

use crate::pricing::MeteredSession;
use crate::units::{Energy, Timestamp};

/// Edges of periods within a session, with the energy delivered since its start.
pub(super) struct Knots {
    start: Timestamp,
    end: Timestamp,
    /// The readings, clamped into the session, one per instant; never empty.
    readings: Vec<(Timestamp, Energy)>,
    edges: BTreeMap<Timestamp, Energy>,
}

impl Knots {
    pub(super) fn new(session: &MeteredSession) -> Self {
        let (start, end) = (session.start, session.end);
        let mut readings = vec![(start, Energy::ZERO)];
        for (at, energy) in &session.energy {
            let at = (*at).clamp(start, end);
            // Of one instant the last counts: what comes later is never less.
            match readings.last_mut() {
                Some(last) if last.0 == at => last.1 = *energy,
                _ => readings.push((at, *energy)),
            }
        }
        Self { start, end, readings, edges: BTreeMap::new() }
    }

    /// Cuts where the energy since the start reaches each threshold, with exactly that energy
    /// there. Between two readings a millisecond apart there is no room for a cut.
    pub(super) fn cut_at_thresholds(&mut self, thresholds: &[Energy]) {
        let mut thresholds = thresholds.to_vec();
        thresholds.sort();
        for threshold in thresholds {
            let after = self.readings.partition_point(|(_, energy)| *energy < threshold);
            let Some(to) = self.readings.get(after).copied() else { return };
            let Some(from) = after.checked_sub(1).and_then(|index| self.readings.get(index)) else {
                continue;
            };
            let room = to.0.0 - from.0.0;
            if to.1 == threshold || room < 2 {
                continue;
            }
            let rise = i128::from(to.1.0 - from.1.0);
            let part = i128::from(threshold.0 - from.1.0) * i128::from(room);
            let nearest = i64::try_from((part * 2 + rise) / (rise * 2)).unwrap_or(room);
            let at = Timestamp(from.0.0 + nearest.clamp(1, room - 1));
            self.edges.insert(at, threshold);
        }
    }

    /// Cuts at the given instants, as far as they are within the session.
    pub(super) fn cut_at(&mut self, times: impl IntoIterator<Item = Timestamp>) {
        for at in times {
            if self.start < at && at < self.end && !self.edges.contains_key(&at) {
                let energy = self.energy_at(at);
                self.edges.insert(at, energy);
            }
        }
    }

    /// The edges in order: the start with nothing delivered, the cuts, the end with the total.
    pub(super) fn edges(self) -> Vec<(Timestamp, Energy)> {
        let total = self.readings.last().map_or(Energy::ZERO, |(_, energy)| *energy);
        let mut edges = Vec::with_capacity(self.edges.len() + 2);
        edges.push((self.start, Energy::ZERO));
        edges.extend(self.edges);
        edges.push((self.end, total));
        edges
    }

    /// Linear between readings, rounded down; so a cut before an energy threshold never has more
    /// than that energy, and one after it never less.
    fn energy_at(&self, at: Timestamp) -> Energy {
        let after = self.readings.partition_point(|(time, _)| *time <= at);
        let Some(from) = after.checked_sub(1).and_then(|index| self.readings.get(index)) else {
            return Energy::ZERO;
        };
        let Some(to) = self.readings.get(after) else { return from.1 };
        let rise = i128::from(to.1.0 - from.1.0);
        let part = rise * i128::from(at.0 - from.0.0) / i128::from(to.0.0 - from.0.0);
        // A part of a rise fits where the rise does.
        Energy(from.1.0 + i64::try_from(part).unwrap_or(0))
    }
}
