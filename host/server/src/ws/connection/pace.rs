//! Owns how fast a station may send: so many messages a second over some time, in one go or one
//! by one. Must never ask a clock while there is room.

use std::time::Duration;

use tokio::time::Instant;

/// A bucket of messages that fills with time.
pub(super) struct Pace {
    /// When it is full again.
    full_at: Instant,
    /// The time that one message takes.
    each: Duration,
    /// The time that all but one take.
    room: Duration,
}

impl Pace {
    /// A full bucket: `rate` messages a second, and those of the time `over` at once.
    pub(super) fn new(rate: u32, over: Duration, now: Instant) -> Self {
        let each = Duration::from_secs(1) / rate.max(1);
        Self { full_at: now, each, room: over.saturating_sub(each) }
    }

    /// A message came.
    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + self.each;
    }

    /// None may come for so long.
    pub(super) fn pause(&mut self, span: Duration, now: Instant) {
        self.full_at = self.full_at.max(now + self.room + span);
    }

    /// Whether another one may come.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.full_at.saturating_duration_since(now) <= self.room
    }

    /// From when on another one may come.
    pub(super) fn opens_at(&self) -> Instant {
        self.full_at.checked_sub(self.room).unwrap_or(self.full_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVER: Duration = Duration::from_secs(10);

    /// How many may come at once.
    fn at_once(pace: &mut Pace, now: Instant) -> u32 {
        let mut count = 0;
        while pace.is_open(now) {
            pace.take(now);
            count += 1;
        }
        count
    }

    #[tokio::test]
    async fn the_bucket_fills_with_time_and_never_above_its_rim() {
        let start = Instant::now();
        let mut pace = Pace::new(5, OVER, start);
        assert_eq!(at_once(&mut pace, start), 50);
        assert_eq!(pace.opens_at(), start + Duration::from_millis(200));
        assert!(!pace.is_open(start + Duration::from_millis(199)));
        let later = start + Duration::from_secs(3);
        assert_eq!(at_once(&mut pace, later), 15);
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!(at_once(&mut pace, much_later), 50);
    }

    #[tokio::test]
    async fn a_pause_is_as_long_as_it_was_said_to_be() {
        let start = Instant::now();
        let mut pace = Pace::new(5, OVER, start);
        pace.pause(Duration::from_secs(2), start);
        assert_eq!(pace.opens_at(), start + Duration::from_secs(2));
        assert_eq!(at_once(&mut pace, start + Duration::from_secs(2)), 1);
    }
}
