//! Questions about messages by name.
//!
//! Owns the look-up of schema files and actions. Must never decode into a struct for its own
//! sake: the version modules do.

use crate::codec;
use crate::fault::{ErrorCode, Fault, Rule, Violation};
use crate::schema::{Direction, Message, Side};
use crate::{Leniency, Version, v16, v21, v201};

#[cfg(test)]
mod tests;

/// The judgement of one payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// Whether the payload is taken.
    pub valid: bool,
    /// The code that would answer it, if it is refused.
    pub code: Option<ErrorCode>,
    /// JSON pointer of the first violation; of the first that is borne, if it is taken.
    pub path: String,
    /// The rule of that violation.
    pub rule: Option<Rule>,
    /// All violations.
    pub violations: Vec<Violation>,
}

/// The schema files of a version.
pub(crate) fn messages(version: Version) -> &'static [Message] {
    match version {
        Version::V16 => v16::MESSAGES,
        Version::V201 => v201::MESSAGES,
        Version::V21 => v21::MESSAGES,
    }
}

/// Who sends `action` as a request; `None` when the version does not have it.
pub fn direction(version: Version, action: &str) -> Option<Direction> {
    let requests = messages(version).iter().filter(|message| !message.is_response);
    requests.into_iter().find(|message| message.action == action).map(|m| m.direction)
}

/// Whether `side` takes `action` as a request.
///
/// # Errors
/// NotImplemented when the version does not have the action, NotSupported when it goes the other
/// way.
pub fn accepts(version: Version, side: Side, action: &str) -> Result<(), ErrorCode> {
    match direction(version, action) {
        None => Err(ErrorCode::NotImplemented),
        Some(way) if way.reaches(side) => Ok(()),
        Some(_) => Err(ErrorCode::NotSupported),
    }
}

/// Whether `action` travels as SEND and is never answered (OCPP 2.1 Part 4, 4.2.4).
pub fn is_unanswered(version: Version, action: &str) -> bool {
    version == Version::V21 && action == "NotifyPeriodicEventStream"
}

/// Judges `payload`, JSON text, as the message of the schema file `message` (without `.json`):
/// `Authorize` and `AuthorizeResponse` in 1.6, `AuthorizeRequest` and `AuthorizeResponse` in 2.x.
/// Runs both passes, and says InternalError should they ever disagree.
pub fn check(version: Version, message: &str, payload: &str, leniency: Leniency) -> CheckResult {
    let Some(known) = messages(version).iter().find(|known| known.file == message) else {
        return CheckResult::refused(Fault::unknown_action());
    };
    let listed = codec::judge(payload, known.shape, known.dialect, leniency);
    let held = (known.recode)(payload, leniency);
    match (listed, held) {
        (Ok(listed), Ok(held)) if held.violations == listed => CheckResult::taken(listed),
        (Err(listed), Err(held)) if held == listed => CheckResult::refused(listed),
        (listed, _) => CheckResult::refused(Fault::internal(listed.unwrap_or_default())),
    }
}

impl CheckResult {
    fn taken(violations: Vec<Violation>) -> Self {
        let first = codec::first(violations.iter());
        Self {
            valid: true,
            code: None,
            path: first.map(|v| v.path.clone()).unwrap_or_default(),
            rule: first.map(|v| v.rule),
            violations,
        }
    }

    fn refused(fault: Fault) -> Self {
        Self {
            valid: false,
            code: Some(fault.code),
            path: fault.path,
            rule: Some(fault.rule),
            violations: fault.violations,
        }
    }
}
