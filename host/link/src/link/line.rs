//! Owns our calls to the station: one open at a time (PITFALLS 7), each ended exactly once.
//! Must never bind a late answer to a newer call.

use std::collections::VecDeque;

use busbar_charging::ids::CommandId;
use busbar_charging::input::CommandReturned;
use busbar_charging::load::question::Question;
use busbar_charging::units::Timestamp;

/// Ended calls whose late answers are known as late.
const REMEMBERED: usize = 16;

/// Our calls on this connection.
#[derive(Debug, Default)]
pub(super) struct Line {
    open: Option<Open>,
    waiting: VecDeque<Waiting>,
    given_up: VecDeque<String>,
}

/// The call that is open.
#[derive(Debug)]
struct Open {
    command: CommandId,
    id: String,
    action: Box<str>,
    question: Option<Question>,
    until: Timestamp,
}

/// A call that waits for the line.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) command: CommandId,
    pub(super) action: Box<str>,
    pub(super) payload: Box<str>,
    /// What it asks for load control.
    pub(super) question: Option<Question>,
}

/// A call to send.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) command: CommandId,
    pub(super) id: String,
    pub(super) action: Box<str>,
    pub(super) payload: Box<str>,
}

/// Whose answer a message id names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The open call's, which is now ended.
    Ended(Ended),
    /// Of a call that timed out or was given up.
    Late,
    /// Of no call.
    Foreign,
}

/// A call that was answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) command: CommandId,
    pub(super) action: Box<str>,
    pub(super) question: Option<Question>,
}

impl Line {
    /// Takes a command. The core lets out one at a time; another waits all the same.
    pub(super) fn enqueue(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// Opens the next call when none is open. Its message id is the command's: a UUID is unique
    /// over all connections of the station, and has the 36 characters that an id may have.
    pub(super) fn next(&mut self, until: Timestamp) -> Option<Next> {
        if self.open.is_some() {
            return None;
        }
        let Waiting { command, action, payload, question } = self.waiting.pop_front()?;
        let id = command.to_string();
        self.given_up.retain(|old| *old != id);
        self.open = Some(Open { command, id: id.clone(), action: action.clone(), question, until });
        Some(Next { command, id, action, payload })
    }

    /// Ends the open call if `id` is its.
    pub(super) fn answered(&mut self, id: &str) -> Owner {
        match self.open.take_if(|open| open.id == id) {
            Some(Open { command, action, question, .. }) => {
                Owner::Ended(Ended { command, action, question })
            }
            None if self.given_up.iter().any(|old| old == id) => Owner::Late,
            None => Owner::Foreign,
        }
    }

    /// Ends the open call when its time is over.
    pub(super) fn time_out(&mut self, now: Timestamp) -> Option<CommandId> {
        let open = self.open.take_if(|open| open.until <= now)?;
        self.give_up(open.id);
        Some(open.command)
    }

    /// Gives a command up, open or not yet sent; `None` when it has ended before.
    pub(super) fn abandon(&mut self, command: CommandId) -> Option<CommandReturned> {
        if let Some(open) = self.open.take_if(|open| open.command == command) {
            self.give_up(open.id);
            return Some(CommandReturned::TimedOut);
        }
        let at = self.waiting.iter().position(|waiting| waiting.command == command)?;
        self.waiting.remove(at);
        Some(CommandReturned::Gone { may_have_left: false })
    }

    /// All commands that have not ended, and whether they were given out to be sent.
    pub(super) fn drain(&mut self) -> Vec<(CommandId, bool)> {
        let open = self.open.take().map(|open| (open.command, true));
        open.into_iter().chain(self.waiting.drain(..).map(|w| (w.command, false))).collect()
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.open.as_ref().map(|open| open.until)
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.open.is_some()) + self.waiting.len()
    }

    fn give_up(&mut self, id: String) {
        if self.given_up.len() >= REMEMBERED {
            self.given_up.pop_front();
        }
        self.given_up.push_back(id);
    }
}
