//! Owns the way to the deciding thread: a queue that many fill and one empties. Must never wake
//! that thread for what can wait: a wake costs both sides more than a message does.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::life::Message;

/// Fills the queue.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    shared: Arc<Shared>,
}

/// Empties the queue. When it is gone, sending fails.
pub(super) struct Inbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    messages: Vec<Message>,
    /// One of them is urgent.
    urgent: bool,
    wakes: Wakes,
    closed: bool,
}

/// Which messages wake the deciding thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wakes {
    /// None: it looks by itself.
    #[default]
    Nothing,
    /// Those that replies wait for.
    Urgent,
    Any,
}

/// A queue and its end.
pub(super) fn inbox() -> (Sender, Inbox) {
    let shared = Arc::new(Shared { queue: Mutex::default(), woken: Condvar::new() });
    (Sender { shared: Arc::clone(&shared) }, Inbox { shared })
}

impl Sender {
    /// False when nobody empties the queue any more.
    pub(super) fn send(&self, message: Message) -> bool {
        let mut queue = lock(&self.shared.queue);
        if queue.closed {
            return false;
        }
        queue.urgent |= message.is_urgent();
        let wakes = match queue.wakes {
            Wakes::Nothing => false,
            Wakes::Urgent => queue.urgent,
            Wakes::Any => true,
        };
        queue.messages.push(message);
        if wakes {
            queue.wakes = Wakes::Nothing;
            drop(queue);
            self.shared.woken.notify_one();
        }
        true
    }
}

impl Inbox {
    /// Puts what has come into `taken`, which must be empty. Gathers for `gather` first, or until
    /// an urgent message comes; then waits until there is one, `at_most` in all.
    pub(super) fn take(&self, taken: &mut Vec<Message>, gather: Duration, at_most: Duration) {
        let began = Instant::now();
        let mut queue = lock(&self.shared.queue);
        queue = self.wait(queue, Wakes::Urgent, gather.min(at_most), |queue| queue.urgent);
        let left = at_most.saturating_sub(began.elapsed());
        queue = self.wait(queue, Wakes::Any, left, |queue| !queue.messages.is_empty());
        queue.urgent = false;
        std::mem::swap(&mut queue.messages, taken);
    }

    fn wait<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        wakes: Wakes,
        at_most: Duration,
        done: impl Fn(&Queue) -> bool,
    ) -> MutexGuard<'a, Queue> {
        if at_most.is_zero() || done(&queue) {
            return queue;
        }
        queue.wakes = wakes;
        let wait = self.shared.woken.wait_timeout_while(queue, at_most, |queue| {
            // Whoever woke us took the wish with it.
            queue.wakes == wakes
        });
        let (mut queue, _) = wait.unwrap_or_else(PoisonError::into_inner);
        queue.wakes = Wakes::Nothing;
        queue
    }

    /// Messages that wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.shared.queue).messages.len()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut queue = lock(&self.shared.queue);
        queue.closed = true;
        let left = std::mem::take(&mut queue.messages);
        drop(queue);
        // Callers learn now that nobody answers.
        drop(left);
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
