//! Owns a level that rises with each event and leaks away with time: so many in a minute are
//! borne, whenever the minute begins. Must never read a clock.

use std::time::{Duration, Instant};

const MINUTE: f64 = 60.0;

/// So many events have not leaked away, as of when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    events: f64,
    at: Instant,
}

impl Level {
    /// Empty.
    pub(crate) fn new(now: Instant) -> Self {
        Self { events: 0.0, at: now }
    }

    /// One more event.
    pub(crate) fn add(&mut self, per_minute: u32, now: Instant) {
        *self = Self { events: self.events(per_minute, now) + 1.0, at: now };
    }

    /// How long until one more event is borne; none: it is now.
    pub(crate) fn wait(self, per_minute: u32, now: Instant) -> Option<Duration> {
        let over = self.events(per_minute, now) - (f64::from(per_minute) - 1.0);
        (over > 0.0).then(|| Duration::from_secs_f64(over * MINUTE / f64::from(per_minute)))
    }

    /// Whether all have leaked away.
    pub(crate) fn is_empty(self, per_minute: u32, now: Instant) -> bool {
        self.events(per_minute, now) <= 0.0
    }

    fn events(self, per_minute: u32, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.events - passed * f64::from(per_minute) / MINUTE).max(0.0)
    }
}
