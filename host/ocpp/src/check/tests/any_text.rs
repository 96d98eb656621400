//! Any text at all: no panic, and the passes agree.

use super::payload::{Fill, Maker, root};
use super::*;
use crate::rpc;
use proptest::prelude::*;

/// A sound payload of some message.
fn some_payload() -> impl Strategy<Value = (Version, &'static Message, String)> {
    (prop::sample::select(&Version::ALL[..]), any::<prop::sample::Index>(), any::<u64>()).prop_map(
        |(version, index, seed)| {
            let message = index.get(messages(version));
            let mut maker = Maker::new(seed, Fill::Random);
            let payload = maker.value(root(message.shape), &mut Vec::new()).text();
            (version, message, payload)
        },
    )
}

/// Replaces a few characters somewhere.
fn damage(text: &str, at: prop::sample::Index, length: usize, by: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let start = at.index(characters.len() + 1);
    let end = (start + length).min(characters.len());
    let head: String = characters[..start].iter().collect();
    let tail: String = characters[end..].iter().collect();
    format!("{head}{by}{tail}")
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "", "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud800", "null", "\"\"", "1e308", "-1",
        ".", "0", "\u{0}", "é", " ", "\"a\":1,", "true",
    ])
}

proptest! {
    #[test]
    fn the_passes_agree_on_damaged_payloads(
        (version, message, payload) in some_payload(),
        at in any::<prop::sample::Index>(),
        length in 0usize..6,
        by in piece(),
    ) {
        let damaged = damage(&payload, at, length, by);
        for leniency in [Leniency::Strict, Leniency::Tolerant] {
            let result = check(version, message.file, &damaged, leniency);
            prop_assert_ne!(result.code, Some(ErrorCode::InternalError), "{}", damaged);
            if result.valid {
                let taken = (message.recode)(&damaged, leniency).unwrap();
                let again = check(version, message.file, &taken.message, leniency);
                prop_assert!(again.valid, "{} then {}", damaged, taken.message);
            }
        }
    }

    #[test]
    fn damaged_frames_are_read_without_panic(
        (version, message, payload) in some_payload(),
        at in any::<prop::sample::Index>(),
        length in 0usize..6,
        by in piece(),
    ) {
        let frame = rpc::call("0123", message.action, &payload);
        let read = rpc::parse(version, &frame, &rpc::Limits::default());
        let is_same = matches!(read, Ok(rpc::Frame::Call { payload: p, .. }) if p == payload);
        prop_assert!(is_same);
        let damaged = damage(&frame, at, length, by);
        let bad = rpc::parse(version, &damaged, &rpc::Limits::default()).err();
        if let Some(answer) = bad.and_then(|bad| bad.answer) {
            let answer = answer.write(version);
            let read: (u8, String, String, String, serde_json::Value) =
                serde_json::from_str(&answer).unwrap();
            prop_assert_eq!(read.0, 4);
        }
    }

    #[test]
    fn any_text_is_judged_without_panic(text in any::<String>(), head in 0usize..4) {
        let text = ["", "[2,\"1\",\"A\",", "{\"idTag\":", "[4,"][head].to_owned() + &text;
        for version in Version::ALL {
            let _ = rpc::parse(version, &text, &rpc::Limits::default());
            let _ = rpc::parse(version, &text, &rpc::Limits { bytes: 10, depth: 2 });
            for message in [&messages(version)[0], &messages(version)[20]] {
                let result = check(version, message.file, &text, Leniency::Tolerant);
                prop_assert_ne!(result.code, Some(ErrorCode::InternalError));
            }
        }
    }
}
