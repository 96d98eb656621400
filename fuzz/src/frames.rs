//! Frames. Any text is one that is written again as it was read, or a bad one whose answer names
//! what is wrong. The input is the text of a frame. Must never look into a payload.

use busbar_ocpp::rpc::{self, BadFrame, BadKind, Frame, Limits, MAX_ID_CHARS, Refusal};
use busbar_ocpp::{ErrorCode, Version};
use serde::de::IgnoredAny;

/// Reads a frame of every version, with wide limits and with narrow ones.
pub fn check(data: &[u8]) {
    // A WebSocket text is UTF-8, or the connection ends before this.
    let Ok(text) = std::str::from_utf8(data) else { return };
    for version in Version::ALL {
        let wide = Limits::default();
        match rpc::parse(version, text, &wide) {
            Ok(frame) => good(version, text, &frame),
            Err(bad) => is_answered(version, &bad),
        }
        let narrow = Limits { bytes: 64, depth: 3 };
        match rpc::parse(version, text, &narrow) {
            Ok(frame) => {
                assert!(text.len() <= narrow.bytes, "{} bytes were taken", text.len());
                assert_eq!(rpc::parse(version, text, &wide), Ok(frame), "limits change a frame");
            }
            Err(bad) => is_answered(version, &bad),
        }
    }
}

/// What was read is JSON, and is read again as it is written.
fn good(version: Version, text: &str, frame: &Frame<'_>) {
    assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "no JSON was taken: {text}");
    let written = write(version, frame);
    let again = rpc::parse(version, &written, &Limits::default());
    let again = again.unwrap_or_else(|bad| panic!("{written} was written and is {bad:?}"));
    assert_eq!(shown(version, frame), shown(version, &again), "written as {written}");
    assert_eq!(write(version, &again), written, "written otherwise the second time");
}

fn write(version: Version, frame: &Frame<'_>) -> String {
    match frame {
        Frame::Call { id, action, payload } => rpc::call(id, action, payload),
        Frame::CallResult { id, payload } => rpc::call_result(id, payload),
        Frame::CallError(Refusal { id, code, description, details, .. }) => {
            rpc::call_error(version, id, *code, description, details)
        }
        Frame::CallResultError(Refusal { id, code, description, details, .. }) => {
            rpc::call_result_error(id, *code, description, details)
        }
        Frame::Send { id, action, payload } => rpc::send(id, action, payload),
    }
}

/// The parts that survive writing: a code only in the spelling of its version, a description up
/// to 255 characters.
fn shown<'a>(version: Version, frame: &'a Frame<'_>) -> (u8, &'a str, String, &'a str) {
    let refused = |refusal: &Refusal<'_>| {
        let description: String = refusal.description.chars().take(255).collect();
        format!("{} {description}", refusal.code.spelling(version))
    };
    match frame {
        Frame::Call { id, action, payload } => (2, id, action.to_string(), payload),
        Frame::CallResult { id, payload } => (3, id, String::new(), payload),
        Frame::CallError(refusal) => (4, &refusal.id, refused(refusal), refusal.details),
        Frame::CallResultError(refusal) => (5, &refusal.id, refused(refusal), refusal.details),
        Frame::Send { id, action, payload } => (6, id, action.to_string(), payload),
    }
}

/// A request is refused with its id, what cannot be read with `-1` in 2.x; an answer never is.
fn is_answered(version: Version, bad: &BadFrame) {
    let old = version == Version::V16;
    let may_be_a_request = matches!(bad.message_type, None | Some(2));
    let Some(answer) = &bad.answer else {
        let dropped = old && (bad.message_type != Some(2) || bad.id.is_none());
        assert!(dropped || !may_be_a_request, "a request without an answer: {bad:?}");
        return;
    };
    assert!(may_be_a_request, "an answer to what is no request: {bad:?}");
    assert_ne!(bad.kind, BadKind::UnknownType, "{bad:?}");
    assert!(!answer.description.is_empty(), "an answer that does not say what is wrong: {bad:?}");
    match &bad.id {
        Some(id) if bad.message_type == Some(2) => assert_eq!(&answer.id, id),
        _ => assert_eq!(answer.id, "-1"),
    }
    let written = answer.write(version);
    let taken = rpc::parse(version, &written, &Limits::default());
    let is_long = answer.id.chars().count() > MAX_ID_CHARS;
    match taken {
        Ok(Frame::CallError(refusal)) => {
            assert_eq!(refusal.id, *answer.id);
            assert_eq!(refusal.description, answer.description);
            assert_ne!(refusal.code, ErrorCode::GenericError, "{written}");
        }
        Err(_) if is_long => {}
        other => panic!("{written} is read as {other:?}"),
    }
}
