//! Payloads of each version. What the strict policy takes, the tolerant one takes as the same
//! message; what is taken is written and read as the same; what is refused has a place. The
//! input is the name of a message, as `Authorize` or `AuthorizeResponse`, a line break, and the
//! payload. Must never build a message of its own.

use std::fmt::Debug;

use busbar_ocpp::{Decoded, ErrorCode, Fault, Leniency, Version, check, is_unanswered};

macro_rules! version {
    ($name:ident, $version:expr, $doc:literal) => {
        #[doc = $doc]
        pub fn $name(data: &[u8]) {
            use busbar_ocpp::$name::{Request, Response};
            let Some((message, payload)) = split(data) else { return };
            match message.strip_suffix("Response") {
                Some(action) => hold(
                    $version,
                    message,
                    payload,
                    |text, leniency| Response::decode(action, text, leniency),
                    Response::encode,
                ),
                None => hold(
                    $version,
                    message,
                    payload,
                    |text, leniency| Request::decode(message, text, leniency),
                    Request::encode,
                ),
            }
        }
    };
}

version!(v16, Version::V16, "OCPP 1.6.");
version!(v201, Version::V201, "OCPP 2.0.1.");
version!(v21, Version::V21, "OCPP 2.1.");

fn split(data: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(data).ok()?.split_once('\n')
}

fn hold<T: PartialEq + Debug>(
    version: Version,
    message: &str,
    payload: &str,
    decode: impl Fn(&str, Leniency) -> Result<Decoded<T>, Fault>,
    encode: impl Fn(&T) -> String,
) {
    let strict = decode(payload, Leniency::Strict);
    let tolerant = decode(payload, Leniency::Tolerant);
    agree(version, message, payload, strict.as_ref().err(), tolerant.as_ref().err());
    match (&strict, &tolerant) {
        (Ok(strict), Ok(tolerant)) => {
            assert_eq!(strict.message, tolerant.message, "the policies read different messages");
            assert!(strict.violations.is_empty(), "strict bears {:?}", strict.violations);
            assert!(tolerant.violations.is_empty(), "nothing was to be borne");
        }
        (Ok(_), Err(fault)) => panic!("only strict takes it: {fault:?}"),
        (Err(_), Ok(tolerant)) => {
            assert!(!tolerant.violations.is_empty(), "borne, and nobody knows what");
            assert!(tolerant.violations.iter().all(|violation| violation.tolerable));
        }
        (Err(_), Err(_)) => {}
    }
    for fault in [strict.err(), tolerant.as_ref().err().cloned()].into_iter().flatten() {
        has_a_place(&fault);
    }
    let Ok(tolerant) = tolerant else { return };
    let written = encode(&tolerant.message);
    let again = decode(&written, Leniency::Tolerant);
    let again = again.unwrap_or_else(|fault| panic!("{written} was written and is {fault:?}"));
    assert_eq!(again.message, tolerant.message, "written as {written}");
    assert_eq!(encode(&again.message), written, "written otherwise the second time");
}

/// The judgement by the name of the schema file is the same.
fn agree(
    version: Version,
    message: &str,
    payload: &str,
    strict: Option<&Fault>,
    tolerant: Option<&Fault>,
) {
    let file = match version {
        Version::V16 => message.to_owned(),
        // What is never answered is no request, not even by the name of its file.
        _ if message.ends_with("Response") || is_unanswered(version, message) => message.to_owned(),
        _ => format!("{message}Request"),
    };
    for (leniency, fault) in [(Leniency::Strict, strict), (Leniency::Tolerant, tolerant)] {
        let judged = check(version, &file, payload, leniency);
        assert_eq!(judged.code, fault.map(|fault| fault.code), "{leniency:?}: {judged:?}");
    }
}

fn has_a_place(fault: &Fault) {
    assert_ne!(fault.code, ErrorCode::InternalError, "the passes disagree: {fault:?}");
    assert!(fault.path.is_empty() || fault.path.starts_with('/'), "no pointer: {fault:?}");
    assert!(fault.description.chars().count() <= 255, "{fault:?}");
    assert!(fault.violations.len() <= 256, "{} violations", fault.violations.len());
}
