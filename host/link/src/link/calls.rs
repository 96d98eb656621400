//! Owns the calls of the station: which are open, and which answers a repeat gets again.
//! Must never hold more than a connection is worth: few answers, not for long.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use busbar_charging::units::{Millis, Timestamp};
use busbar_ocpp::rpc;

use crate::adapter::Answer;

/// Answers that are kept for repeats.
const KEPT: usize = 8;
/// How long an answer is kept: stations repeat within their message time-out, and some use the
/// same message id for all their calls.
const KEPT_FOR: Millis = Millis::from_secs(5 * 60);
/// Calls that may be open at once; a station that behaves has one.
const OPEN: usize = 64;
/// A payload that says nothing.
const EMPTY: &str = "{}";
/// After this a call that was never answered makes room.
const GIVEN_UP_AFTER: Millis = Millis::from_secs(2 * 60);

/// The calls of the station on this connection.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// By the key of its reply, in no order: a station that behaves has one.
    open: Vec<(Box<str>, Open)>,
    answered: VecDeque<Answered>,
    collisions: u64,
}

/// A call that waits for its answer.
#[derive(Debug)]
pub(super) struct Open {
    /// The message id on the wire.
    pub(super) id: Box<str>,
    pub(super) action: Box<str>,
    pub(super) answer: Answer,
    print: Print,
    since: Timestamp,
}

/// An answer that a repeat gets again.
#[derive(Debug)]
struct Answered {
    id: Box<str>,
    print: Print,
    /// None for the empty one, which is what nearly all are.
    payload: Option<Box<str>>,
    at: Timestamp,
}

impl Answered {
    fn frame(&self) -> String {
        rpc::call_result(&self.id, self.payload.as_deref().unwrap_or(EMPTY))
    }
}

/// What a call is, beside its id: action and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print {
    length: usize,
    hash: u64,
}

impl Print {
    fn of(action: &str, payload: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (action, payload).hash(&mut hasher);
        Self { length: payload.len(), hash: hasher.finish() }
    }
}

/// Whether a call came before on this connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// No: same id or not, it is another message.
    No,
    /// Yes, and it is still open: its answer will do for both.
    Open,
    /// Yes: the same answer.
    Answered(String),
}

impl Calls {
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether a call came before, with the same id, action and payload.
    pub(super) fn seen(&self, id: &str, action: &str, payload: &str, now: Timestamp) -> Seen {
        let open = self.open.iter().any(|(_, open)| *open.id == *id);
        if !open && self.answered.iter().all(|answered| *answered.id != *id) {
            return Seen::No;
        }
        let print = Print::of(action, payload);
        if self.open.iter().any(|(_, open)| *open.id == *id && open.print == print) {
            return Seen::Open;
        }
        let fresh = |answered: &&Answered| now.since(answered.at) <= KEPT_FOR;
        let found = self.answered.iter().find(|a| *a.id == *id && a.print == print);
        found.filter(fresh).map_or(Seen::No, |answered| Seen::Answered(answered.frame()))
    }

    /// A message with this id is handled anew: what an earlier one was answered says nothing of it.
    pub(super) fn forget(&mut self, id: &str) {
        self.answered.retain(|answered| *answered.id != *id);
    }

    /// Opens a call; gives the key under which its reply will come, which is its id where that is
    /// not taken by another message. `None` when too many are open.
    pub(super) fn enter(
        &mut self,
        (id, action, payload): (&str, &str, &str),
        answer: Answer,
        now: Timestamp,
    ) -> Option<Box<str>> {
        if self.open.len() >= OPEN {
            self.open.retain(|(_, open)| now.since(open.since) < GIVEN_UP_AFTER);
            if self.open.len() >= OPEN {
                return None;
            }
        }
        let mut key: Box<str> = id.into();
        while self.open.iter().any(|(other, _)| *other == key) {
            self.collisions += 1;
            key = format!("{id}#{}", self.collisions).into();
        }
        let print = Print::of(action, payload);
        let open = Open { id: id.into(), action: action.into(), answer, print, since: now };
        if self.open.capacity() == 0 {
            self.open.reserve_exact(1);
        }
        self.open.push((key.clone(), open));
        Some(key)
    }

    /// Takes the call that a reply answers.
    pub(super) fn take(&mut self, key: &str) -> Option<Open> {
        let at = self.open.iter().position(|(other, _)| **other == *key)?;
        let (_, open) = self.open.swap_remove(at);
        if self.open.is_empty() {
            // Most connections are idle: they hold no room.
            self.open = Vec::new();
        }
        Some(open)
    }

    /// Keeps an answer for repeats.
    pub(super) fn keep(&mut self, open: Open, payload: &str, now: Timestamp) {
        self.forget(&open.id);
        if self.answered.len() >= KEPT {
            self.answered.pop_front();
        }
        let payload = (payload != EMPTY).then(|| payload.into());
        self.answered.push_back(Answered { id: open.id, print: open.print, payload, at: now });
    }
}
