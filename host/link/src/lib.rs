//! One station's connection as a state machine without I/O: OCPP frames on one side, the words of
//! the core on the other.
//!
//! Owns what belongs to a connection: which calls are open in either direction, which answers a
//! repeat may get again, heartbeats, and how each version's messages become `StationEvent` and
//! `Reply` becomes an answer. Must never touch a socket or a clock, hold a policy of the core, or
//! remember anything beyond its connection: an input of text, actions and time gives an output of
//! texts, inputs and notes.
//!
//! [`Link`] is the connection. [`v16`], [`v201`] and [`v21`] are twins: `inbound` reads what a
//! station says, `metering` reads what it measured, `outbound` writes what it is answered. What
//! the two 2.x versions share is written once, in `v2x`. [`intent()`] reads what an operator sends,
//! [`profile`] writes limits and reads what stations say of them, [`question`] asks what they can.

mod adapter;
mod config;
mod intent;
mod link;
mod metering;
mod output;
pub mod profile;
pub mod question;
mod schedule;
mod signed;
mod v16;
mod v201;
mod v21;
mod v2x;
mod words;

pub use config::LinkConfig;
pub use intent::intent;
pub use link::Link;
pub use output::{LinkOutput, Note, Strange};
pub use words::version;

#[cfg(test)]
mod tests;
