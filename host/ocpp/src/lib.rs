//! The wire: OCPP-J frames and the typed messages of OCPP 1.6 (with the security extension),
//! 2.0.1 and 2.1.
//!
//! Owns how bytes become messages and messages become bytes, and which violation of a schema is
//! borne. It must never touch a socket, a clock or the domain: text goes in, values come out, and
//! everything that a caller decides (version, leniency, limits) is an argument.
//!
//! - [`rpc`] splits and writes frames and says what a bad frame deserves as an answer.
//! - [`v16`], [`v201`] and [`v21`] hold one struct per payload and per nested type, named as the
//!   schemas name them, and a `Request` and a `Response` enum with `decode` and `encode`.
//! - [`check`] judges one payload by the name of its schema file.
//!
//! Decoding has two passes. The fast one fills the struct and only remembers *that* something was
//! wrong. When something was, the slow one walks the text along the schema table and lists every
//! violation with its rule and place; the leniency then decides. Both passes agree on every
//! payload: a test holds them to it.

mod check;
mod codec;
mod declare;
mod examine;
mod fault;
mod json;
pub mod rpc;
mod schema;
#[cfg(test)]
mod tests;
pub mod v16;
pub mod v201;
pub mod v21;
pub mod values;

pub use check::{CheckResult, accepts, check, direction, is_unanswered};
pub use codec::{Decoded, Leniency};
pub use fault::{ErrorCode, Fault, Rule, Violation};
pub use schema::{Direction, Side};

/// A version of OCPP, as negotiated by the WebSocket subprotocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// OCPP 1.6, `ocpp1.6`.
    V16,
    /// OCPP 2.0.1, `ocpp2.0.1`.
    V201,
    /// OCPP 2.1, `ocpp2.1`.
    V21,
}

impl Version {
    /// All versions, newest first.
    pub const ALL: [Self; 3] = [Self::V21, Self::V201, Self::V16];

    /// The WebSocket subprotocol of this version (OCPP-J 1.6 3.2, OCPP 2.x Part 4 3.1.2).
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::V16 => "ocpp1.6",
            Self::V201 => "ocpp2.0.1",
            Self::V21 => "ocpp2.1",
        }
    }

    /// The version whose subprotocol is exactly `name`.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.subprotocol() == name)
    }
}
