//! Owns the facts as they become durable, for those who follow them: a ring of the last ones that
//! each follower reads at its own pace. A follower that is too slow, or comes back too late,
//! misses some and is told so. Must never wait for a follower.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use busbar_charging::fact::Fact;
use busbar_charging::subject::Subject;
use tokio::sync::watch;

/// A fact that is durable.
#[derive(Clone, Debug)]
pub struct LiveFact {
    /// Its place among the facts that this process made durable.
    pub number: u64,
    /// Whose.
    pub subject: Subject,
    /// The fact.
    pub fact: Fact,
}

/// The ring.
pub struct Live {
    epoch: u64,
    capacity: usize,
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

struct Ring {
    facts: VecDeque<Arc<LiveFact>>,
    next: u64,
}

/// Where a follower stands: the number of the last fact that it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    epoch: u64,
    seen: u64,
}

/// What a follower gets.
#[derive(Debug)]
pub enum Followed {
    /// The next facts, in order; at least one.
    Facts(Vec<Arc<LiveFact>>),
    /// Facts were missed: read everything again, then follow on.
    Missed,
    /// The node is gone.
    Closed,
}

impl Live {
    /// A ring of `capacity` facts. `epoch` is random: a place of another process means nothing.
    pub fn new(epoch: u64, capacity: usize) -> Self {
        let ring = Ring { facts: VecDeque::with_capacity(capacity.min(1024)), next: 1 };
        Self {
            epoch,
            capacity: capacity.max(1),
            ring: Mutex::new(ring),
            newest: watch::channel(0).0,
        }
    }

    /// Tells followers of facts that have just become durable, in order.
    pub fn publish(&self, facts: impl IntoIterator<Item = (Subject, Fact)>) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        for (subject, fact) in facts {
            if ring.facts.len() == self.capacity {
                ring.facts.pop_front();
            }
            let number = ring.next;
            ring.next += 1;
            ring.facts.push_back(Arc::new(LiveFact { number, subject, fact }));
        }
        let newest = ring.next - 1;
        drop(ring);
        self.newest.send_replace(newest);
    }

    /// From now on.
    pub fn now(&self) -> Cursor {
        Cursor { epoch: self.epoch, seen: *self.newest.borrow() }
    }

    /// The facts after a cursor, which is moved; waits until there are some.
    pub async fn follow(&self, cursor: &mut Cursor, at_most: usize) -> Followed {
        let mut newest = self.newest.subscribe();
        if cursor.epoch != self.epoch {
            *cursor = self.now();
            return Followed::Missed;
        }
        let seen = cursor.seen;
        if newest.wait_for(|number| *number > seen).await.is_err() {
            return Followed::Closed;
        }
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ring.facts.front().map_or(ring.next, |fact| fact.number);
        if first > cursor.seen + 1 {
            cursor.seen = ring.next - 1;
            return Followed::Missed;
        }
        let skip = usize::try_from(cursor.seen + 1 - first).unwrap_or(usize::MAX);
        let facts: Vec<_> = ring.facts.iter().skip(skip).take(at_most.max(1)).cloned().collect();
        cursor.seen = facts.last().map_or(cursor.seen, |fact| fact.number);
        Followed::Facts(facts)
    }
}

impl Cursor {
    /// Reads what `Display` of a cursor wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, seen) = text.split_once('-')?;
        Some(Self { epoch: u64::from_str_radix(epoch, 16).ok()?, seen: seen.parse().ok()? })
    }

    /// The cursor of one that has seen this fact of the same process.
    #[must_use]
    pub fn at(self, fact: &LiveFact) -> Self {
        Self { seen: fact.number, ..self }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{}", self.epoch, self.seen)
    }
}

#[cfg(test)]
mod tests;
