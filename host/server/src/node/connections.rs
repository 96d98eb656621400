//! Owns which connection an action goes to: the mailboxes of one life, by generation. Lives on
//! the engine's thread. Must never wait for a connection.

use std::collections::HashMap;

use busbar_charging::action::Action;
use busbar_charging::fact::Call;
use tokio::sync::mpsc;

/// Where a connection's task gets its actions. When it ends, the connection must close. Boxed,
/// since a channel holds room for 32 and most connections are idle.
pub type Mailbox = mpsc::UnboundedReceiver<Box<Action>>;

/// A connection that opens.
#[derive(Debug)]
pub struct Opening {
    /// Its number within the process.
    pub generation: u64,
    /// Where its actions go.
    pub mailbox: mpsc::UnboundedSender<Box<Action>>,
}

/// The connections of one life.
#[derive(Default)]
pub(super) struct Connections {
    mailboxes: HashMap<u64, mpsc::UnboundedSender<Box<Action>>>,
}

impl Connections {
    pub(super) fn open(&mut self, opening: Opening) {
        self.mailboxes.insert(opening.generation, opening.mailbox);
    }

    pub(super) fn close(&mut self, generation: u64) {
        self.mailboxes.remove(&generation);
    }

    pub(super) fn len(&self) -> usize {
        self.mailboxes.len()
    }

    /// Hands an action to its connection. False when that is gone: a command then never left.
    pub(super) fn act(&self, action: Action) -> bool {
        let generation = match &action {
            Action::Reply { call: Call::Station { generation, .. }, .. }
            | Action::Command { generation, .. }
            | Action::Abandon { generation, .. }
            | Action::Accept { generation, .. }
            | Action::Close { generation, .. } => *generation,
            Action::Reply { call: Call::Api { .. }, .. } | Action::Tell { .. } => return false,
        };
        self.mailboxes
            .get(&generation)
            .is_some_and(|mailbox| mailbox.send(Box::new(action)).is_ok())
    }
}
