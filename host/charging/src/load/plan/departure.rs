//! Owns what is learned about departures: how far off stated ones were on this site, or how long
//! cars stayed that stated none. Must never look at a departure that has not happened.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::units::{Millis, Timestamp};

/// Departures beyond that are forgotten, oldest first.
const KEPT: usize = 1_000;

/// Offsets from an expected departure as they were seen, over what one assumed before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departures {
    /// In order.
    sorted: Vec<Millis>,
    seen: VecDeque<Millis>,
}

/// A normal distribution's middle of each of 20 equal parts, in thousandths of its deviation.
const NORMAL: [i64; 22] = [
    -3_000, -1_960, -1_440, -1_150, -935, -755, -598, -454, -319, -189, -63, 63, 189, 319, 454,
    598, 755, 935, 1_150, 1_440, 1_960, 3_000,
];

impl Departures {
    /// Before anything was seen: off by `deviation` to both sides, worth twenty observations.
    pub fn assumed(deviation: Millis) -> Self {
        let sorted = NORMAL.iter().map(|part| Millis(part * deviation.0 / 1_000)).collect();
        Self { sorted, seen: VecDeque::new() }
    }

    /// Of what was seen, and nothing before.
    pub fn of(seen: impl Iterator<Item = Millis>) -> Self {
        let seen: VecDeque<_> = seen.take(KEPT).collect();
        let mut sorted: Vec<_> = seen.iter().copied().collect();
        sorted.sort_unstable();
        Self { sorted, seen }
    }

    /// How many departures it was made of, without what was assumed.
    pub fn seen(&self) -> usize {
        self.seen.len()
    }

    /// A car has left.
    pub fn left(&mut self, expected: Timestamp, at: Timestamp) {
        let offset = at.since(expected);
        if self.seen.len() == KEPT
            && let Some(oldest) = self.seen.pop_front()
            && let Ok(place) = self.sorted.binary_search(&oldest)
        {
            self.sorted.remove(place);
        }
        self.seen.push_back(offset);
        let place = self.sorted.partition_point(|known| *known < offset);
        self.sorted.insert(place, offset);
    }

    /// The share, in thousandths, of cars that are still there at `at`, of those that expected to
    /// leave at `expected` and are there at `now`.
    pub fn still_there(&self, expected: Timestamp, now: Timestamp, at: Timestamp) -> u32 {
        let here = self.later(now.since(expected));
        let then = self.later(at.since(expected));
        match here.len() {
            // Nobody ever stayed so long: it may leave at any moment.
            0 => u32::from(at <= now) * 1_000,
            here => (then.len().min(here) * 1_000 / here) as u32,
        }
    }

    /// When a car will have left with a probability of `thousandths`, given that it is there at
    /// `now`. Never before `now`.
    pub fn quantile(&self, expected: Timestamp, now: Timestamp, thousandths: u32) -> Timestamp {
        let here = self.later(now.since(expected));
        let place = here.len() * thousandths.min(999) as usize / 1_000;
        here.get(place).map_or(now, |offset| expected.plus(*offset))
    }

    /// The offsets above one.
    fn later(&self, offset: Millis) -> &[Millis] {
        let from = self.sorted.partition_point(|known| *known <= offset);
        self.sorted.get(from..).unwrap_or(&[])
    }
}
