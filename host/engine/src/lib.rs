//! One node's machinery, sans-IO: queues, recall, commit order, release, recovery, and the Store
//! contract. Must never read a clock, do I/O or make a random number but from its seed.
//!
//! A driver owns an [`Engine`] on one thread: it hands in an [`Event`], then polls until there is
//! no [`Output`] left, then waits for the next event or for [`Engine::deadline`]. It must answer
//! every `Recall` with one `Recalled` (see [`store::recall`]) and every `Commit` with one
//! `Committed`; when a commit or a read fails it drops the engine and starts again from the store.

mod deadlines;
mod engine;
mod ids;
mod pending;
mod recovery;
mod subjects;

pub mod store;

pub use engine::{Counters, Engine, Event, Output, Tuning};
pub use pending::BatchId;
pub use subjects::RecallId;

#[cfg(test)]
mod tests;
