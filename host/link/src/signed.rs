//! Owns the envelope of signed messages (2.x Part 4 section 7): a payload in the flattened JSON
//! form of a JWS. Must never claim that a signature holds: it is not verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What marks the action of a signed message.
const SUFFIX: &str = "-Signed";

/// The action that is signed, where `action` marks one.
pub(crate) fn inner_action(action: &str) -> Option<&str> {
    action.strip_suffix(SUFFIX).filter(|inner| !inner.is_empty())
}

/// The payload within a signed one.
pub(crate) fn inner_payload(payload: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        payload: String,
    }
    let envelope: Envelope = serde_json::from_str(payload).ok()?;
    let bytes = URL_SAFE_NO_PAD.decode(envelope.payload.trim_end_matches('=')).ok()?;
    String::from_utf8(bytes).ok()
}
