//! OCPP-J frames: `[2, id, action, payload]` and its kin.
//!
//! Owns the array around a payload, and what a frame that is not one deserves as an answer
//! (OCPP-J 1.6 section 4, OCPP 2.x Part 4 section 4). Must never copy or understand a payload,
//! and never remember an id: which calls are open is the link's knowledge.

use crate::{ErrorCode, Version};
use std::borrow::Cow;

mod parse;
#[cfg(test)]
mod tests;
mod write;

pub use parse::parse;
pub use write::{call, call_error, call_result, call_result_error, send};

/// Longest message id that is taken, in characters (OCPP 2.x Part 4, 4.1.4).
pub const MAX_ID_CHARS: usize = 36;

/// How much of a frame is read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Greatest length in bytes.
    pub bytes: usize,
    /// Deepest nesting; the array of the frame is the first level. Values above 64 are as 64.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 512 * 1024, depth: 32 }
    }
}

/// A frame that was read; the texts point into the one that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Type 2, a request.
    Call {
        /// The message id.
        id: Cow<'a, str>,
        /// The action.
        action: Cow<'a, str>,
        /// JSON text; `{}` when it came as `null`.
        payload: &'a str,
    },
    /// Type 3, an answer.
    CallResult {
        /// The message id of the request.
        id: Cow<'a, str>,
        /// JSON text; `{}` when it came as `null`.
        payload: &'a str,
    },
    /// Type 4, a refusal.
    CallError(Refusal<'a>),
    /// Type 5 of 2.1: the answer that we gave cannot be used.
    CallResultError(Refusal<'a>),
    /// Type 6 of 2.1: a message that must never be answered.
    Send {
        /// The message id.
        id: Cow<'a, str>,
        /// The action.
        action: Cow<'a, str>,
        /// JSON text; `{}` when it came as `null`.
        payload: &'a str,
    },
}

/// The content of a CALLERROR or CALLRESULTERROR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The message id of what is refused.
    pub id: Cow<'a, str>,
    /// The code, in whatever spelling it came.
    pub code: ErrorCode,
    /// The code as it came: an unlisted one is a GenericError and kept here.
    pub code_text: Cow<'a, str>,
    /// The description, empty when it was left out.
    pub description: Cow<'a, str>,
    /// JSON text, `{}` when it was left out.
    pub details: &'a str,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadKind {
    /// More bytes than the limit.
    TooLong,
    /// Nested deeper than the limit.
    TooDeep,
    /// Not JSON.
    NotJson,
    /// JSON, but not an array that begins with a message type and an id.
    NotAFrame,
    /// A known type and an id, but not the elements that belong to it.
    Malformed,
    /// A message type that this version does not have: to be ignored.
    UnknownType,
}

/// A frame that cannot be taken. The connection stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFrame {
    /// What is wrong.
    pub kind: BadKind,
    /// The number of the message type, as far as it could be read.
    pub message_type: Option<u64>,
    /// The message id, as far as it could be read: an answer that is malformed still ends the
    /// call that waits for it.
    pub id: Option<String>,
    /// What to send back; nothing when the frame is to be dropped and counted.
    pub answer: Option<CallError>,
}

/// A CALLERROR to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The message id of the request, `-1` when it could not be read.
    pub id: String,
    /// The code.
    pub code: ErrorCode,
    /// At most 255 characters; never a part of the bad frame.
    pub description: Cow<'static, str>,
}

impl CallError {
    /// The frame, with the code spelled as `version` demands.
    pub fn write(&self, version: Version) -> String {
        call_error(version, &self.id, self.code, &self.description, "{}")
    }
}
