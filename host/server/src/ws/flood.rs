//! Owns when one station floods: it has used up the messages that it may send, and does not wait
//! for its answers as OCPP asks. One that empties a long queue, call by call, is read slowly and
//! never taken for a flood. Must never look at another station.

use std::time::Duration;

use tokio::time::Instant;

/// A station's flood.
#[derive(Default)]
pub(super) struct Flood {
    /// Since when the next message was there before the last one was answered, all along.
    since: Option<Instant>,
}

/// What a station that has used up its messages is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It waits for its answers.
    Waiting,
    /// It has just begun to send on and on.
    Flooding,
    /// It has gone on with that.
    FloodingOn,
    /// It has gone on with that for longer than is borne.
    FloodingTooLong,
}

impl Flood {
    /// What it is doing, when it has used up its messages: whether its next one was there before
    /// the last one was answered.
    pub(super) fn used_up(&mut self, next_is_there: bool, borne: Duration, now: Instant) -> Doing {
        if !next_is_there {
            self.since = None;
            return Doing::Waiting;
        }
        match self.since {
            None => {
                self.since = Some(now);
                Doing::Flooding
            }
            Some(since) if now.duration_since(since) < borne => Doing::FloodingOn,
            Some(_) => Doing::FloodingTooLong,
        }
    }
}

#[cfg(test)]
mod tests;
