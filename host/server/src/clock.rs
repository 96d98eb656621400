//! Owns the one place where the shell reads the wall clock, and the watch over it. Must never be
//! read where time is an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use busbar_charging::units::{Millis, Timestamp};

/// Now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// So far the wall clock may go apart from the time that passes before it counts as set. What is
/// slewed slowly adds up to it.
const APART: Millis = Millis::from_secs(2);

/// Sees a wall clock that is set, slewed far, or goes on after the machine was suspended.
#[derive(Debug)]
pub(crate) struct Watch {
    wall: Timestamp,
    steady: Instant,
}

impl Watch {
    /// From now on.
    pub(crate) fn new(wall: Timestamp, steady: Instant) -> Self {
        Self { wall, steady }
    }

    /// By how much the wall clock was set since it was last seen to be, if it was: forward where
    /// that is positive.
    pub(crate) fn set_by(&mut self, wall: Timestamp, steady: Instant) -> Option<Millis> {
        let passed = millis(steady.saturating_duration_since(self.steady));
        let by = wall.since(self.wall.plus(passed));
        if by.0.abs() <= APART.0 {
            return None;
        }
        *self = Self::new(wall, steady);
        Some(by)
    }
}

fn millis(span: Duration) -> Millis {
    Millis(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(millis: i64) -> Timestamp {
        Timestamp(1_700_000_000_000).plus(Millis(millis))
    }

    #[test]
    fn a_clock_that_is_set_is_seen_once() {
        let begin = Instant::now();
        let steady = |millis| begin + Duration::from_millis(millis);
        let mut watch = Watch::new(wall(0), begin);
        assert_eq!(watch.set_by(wall(60_000), steady(60_000)), None);
        assert_eq!(watch.set_by(wall(3_661_000), steady(61_000)), Some(Millis(3_600_000)));
        assert_eq!(watch.set_by(wall(3_662_000), steady(62_000)), None);
        assert_eq!(watch.set_by(wall(63_000), steady(63_000)), Some(Millis(-3_600_000)));
        assert_eq!(watch.set_by(wall(64_000), steady(64_000)), None);
    }

    #[test]
    fn what_is_slewed_adds_up() {
        let begin = Instant::now();
        let mut watch = Watch::new(wall(0), begin);
        let set = (1..=100).filter_map(|second: u64| {
            let passed = Duration::from_secs(second);
            let shown = i64::try_from(second).unwrap_or(0) * 1_050;
            watch.set_by(wall(shown), begin + passed)
        });
        assert_eq!(set.collect::<Vec<_>>(), [Millis(2_050), Millis(2_050)]);
    }
}
