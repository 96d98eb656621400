//! Log lines that a peer tried to break.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::layer::SubscriberExt;

use super::{LONGEST, Lines, clean};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(json: bool, vendor: &str) -> String {
    let shared = Shared::default();
    let writer = shared.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(Lines(move || writer.clone()));
    let log = || tracing::info!(vendor, %vendor, "booted {vendor}");
    let registry = tracing_subscriber::registry();
    if json {
        tracing::subscriber::with_default(registry.with(layer.json().flatten_event(true)), log);
    } else {
        tracing::subscriber::with_default(registry.with(layer), log);
    }
    let bytes = shared.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_peer_cannot_forge_a_line_or_reach_the_terminal() {
    let evil = "x\n2026-11-24 INFO forged\r\x1b[2J\u{9b}31m\u{202e}\0";
    for json in [false, true] {
        let text = logged(json, evil);
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let body = text.trim_end_matches('\n');
        assert!(!body.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text}");
        if json {
            let value: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(value["vendor"], evil);
        }
    }
}

#[test]
fn a_long_line_is_cut_and_stays_a_line() {
    let long = "ä".repeat(LONGEST);
    let text = logged(false, &long);
    assert!(text.len() < LONGEST + 50 && text.ends_with("…cut\n"), "{}", text.len());
    let json = logged(true, &long);
    assert_eq!(json.matches('\n').count(), 1);
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    assert_eq!(clean("plain"), "plain\n");
}
