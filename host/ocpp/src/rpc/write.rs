//! Writing frames.
//!
//! Owns escaping and the spelling of codes. Takes payloads as JSON text and must never look into
//! them.

use crate::json::write_string;
use crate::{ErrorCode, Version};

/// Longest description of a CALLERROR, in characters (OCPP-J 4.2.3).
const MAX_DESCRIPTION_CHARS: usize = 255;

/// `[2, id, action, payload]`: a request. `payload` is JSON text.
pub fn call(id: &str, action: &str, payload: &str) -> String {
    frame('2', &[id, action], payload)
}

/// `[3, id, payload]`: an answer. `payload` is JSON text.
pub fn call_result(id: &str, payload: &str) -> String {
    frame('3', &[id], payload)
}

/// `[4, id, code, description, details]`: a refusal, its code spelled as `version` demands, its
/// description cut to 255 characters. `details` is JSON text, `{}` when there are none.
pub fn call_error(
    version: Version,
    id: &str,
    code: ErrorCode,
    description: &str,
    details: &str,
) -> String {
    frame('4', &[id, code.spelling(version), cut(description)], details)
}

/// `[5, id, code, description, details]` of 2.1: an answer that came cannot be used.
pub fn call_result_error(id: &str, code: ErrorCode, description: &str, details: &str) -> String {
    frame('5', &[id, code.spelling(Version::V21), cut(description)], details)
}

/// `[6, id, action, payload]` of 2.1: a message that is never answered. `payload` is JSON text.
pub fn send(id: &str, action: &str, payload: &str) -> String {
    frame('6', &[id, action], payload)
}

fn frame(message_type: char, texts: &[&str], json: &str) -> String {
    let length: usize = texts.iter().map(|text| text.len() + 3).sum();
    let mut out = String::with_capacity(length + json.len() + 8);
    out.push('[');
    out.push(message_type);
    for text in texts {
        out.push(',');
        write_string(&mut out, text);
    }
    out.push(',');
    out.push_str(json);
    out.push(']');
    out
}

fn cut(description: &str) -> &str {
    let end = description.char_indices().nth(MAX_DESCRIPTION_CHARS);
    &description[..end.map_or(description.len(), |(at, _)| at)]
}
