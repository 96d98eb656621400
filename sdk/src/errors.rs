//! Owns short ways to say what is wrong. Must never guess a place.

use crate::{Error, Fault};

impl Error {
    /// The configuration cannot be used; `at` is a JSON pointer into it (RFC 6901).
    pub fn configuration(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidConfiguration(Fault { at: at.into(), message: message.into() })
    }

    /// The session cannot be priced; `at` names its field, for instance `periods/3/energy`.
    pub fn session(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidSession(Fault { at: at.into(), message: message.into() })
    }
}
