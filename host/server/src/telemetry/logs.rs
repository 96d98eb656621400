//! Owns log lines: one event, one line, whatever a peer put into it. Must never let a peer write a
//! line of its own.

use std::io::{self, Write};
use std::str::FromStr;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// A longer line is cut: no event of ours needs more, and a peer must not fill the disk.
const LONGEST: usize = 16 << 10;

/// Starts logging to standard error.
///
/// # Errors
/// Somebody started it before.
pub fn start(log: &Log) -> Result<(), String> {
    // The configuration has checked it.
    let targets = Targets::from_str(&log.level).unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Lines(io::stderr));
    let registry = tracing_subscriber::registry().with(targets);
    match log.format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(|error| error.to_string())
}

/// Makes a writer per event, which writes one clean line.
pub(super) struct Lines<M>(pub(super) M);

impl<'a, W: Write, M: Fn() -> W + 'a> MakeWriter<'a> for Lines<M> {
    type Writer = Line<W>;

    fn make_writer(&'a self) -> Line<W> {
        Line { inner: (self.0)(), text: Vec::new() }
    }
}

/// Gathers one event and writes it when dropped.
pub(super) struct Line<W: Write> {
    inner: W,
    text: Vec<u8>,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Drop for Line<W> {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        // A log that cannot be written has nowhere to say so.
        let _ = self.inner.write_all(clean(text.trim_end_matches('\n')).as_bytes());
    }
}

/// Escapes control characters, those of C1 and those that change the direction of text; cuts.
pub(super) fn clean(line: &str) -> String {
    let mut cleaned = String::with_capacity(line.len() + 1);
    for c in line.chars() {
        if cleaned.len() > LONGEST {
            cleaned.push_str("…cut");
            // A JSON line has to stay one.
            if line.starts_with('{') {
                return format!("{}\n", serde_json::json!({ "cut": cleaned }));
            }
            break;
        }
        let turns = matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            cleaned.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            cleaned.push(c);
        }
    }
    cleaned.push('\n');
    cleaned
}

#[cfg(test)]
mod tests;
