//! Owns the judgement over a trace: an answer to a durable message may leave only when a sync has
//! ended that began after a write to the same file of the store, which began after the message had
//! been read. Whose facts a write holds cannot be seen; that a whole commit lies between question
//! and answer can. Must never pass a trace that it could not read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::calls::{self, SystemCall};
use super::frames::Stream;

/// Messages that the host may acknowledge only when they are durable.
const DURABLE: [&str; 5] = [
    "StatusNotification",
    "MeterValues",
    "StartTransaction",
    "StopTransaction",
    "TransactionEvent",
];

/// What a trace showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traced {
    /// Answers to durable messages.
    pub answers: u64,
    /// Those that left before their commit was durable.
    pub early: u64,
    /// Connections that could not be read to the end.
    pub illegible: u64,
    /// Syncs of files of the store.
    pub syncs: u64,
    /// The files of the store that these were.
    pub files: BTreeSet<String>,
    /// The first few early answers.
    pub samples: Vec<String>,
}

impl Traced {
    /// For people.
    pub(crate) fn lines(&self) -> String {
        let Self { answers, early, syncs, .. } = self;
        let files = self.files.iter().cloned().collect::<Vec<_>>().join(", ");
        let mut out = format!(
            "\nSystem calls: {answers} durable messages answered, {early} of them before a sync \
             that covers them ({syncs} syncs of {files})\n"
        );
        out.extend(self.samples.iter().map(|sample| format!("early: {sample}\n")));
        out
    }
}

/// A commit of a file, as it can be seen: a sync that has ended, and the newest write to the file
/// that had ended when it began.
struct Commit {
    written_from: usize,
    synced_until: usize,
}

/// Judges the text of a trace of a host whose store is in this folder.
pub fn judge(text: &str, store: &Path) -> Traced {
    let calls = calls::read(text);
    let mut traced = Traced::default();
    let commits = commits(&calls, store, &mut traced);
    let mut incoming = BTreeMap::<&str, Stream>::new();
    let mut outgoing = BTreeMap::<&str, Stream>::new();
    // Open questions by connection and message id, with the moment from when they were known.
    let mut asked = BTreeMap::<(&str, String), usize>::new();
    for (number, call) in calls.iter().enumerate().filter(|(_, call)| call.is_socket()) {
        let of = call.of.as_str();
        let streams = if is_read(&call.name) { &mut incoming } else { &mut outgoing };
        let stream = streams.entry(of).or_default();
        let was_lost = stream.is_lost;
        stream.is_lost |= call.is_cut;
        traced.illegible += u64::from(call.is_cut && !was_lost);
        for text in stream.feed(&call.bytes, number) {
            if is_read(&call.name) {
                if let Some(id) = durable_question(&text.text) {
                    asked.insert((of, id), call.end);
                }
            } else if let Some(known) = answered(&text.text).and_then(|id| asked.remove(&(of, id)))
            {
                let left = calls[text.first].begin;
                traced.answer(&text.text, known, left, &commits);
            }
        }
    }
    traced
}

impl Traced {
    fn answer(&mut self, text: &str, known: usize, left: usize, commits: &[Commit]) {
        self.answers += 1;
        let covers = |commit: &&Commit| commit.synced_until < left && commit.written_from > known;
        if commits.iter().rev().any(|commit| covers(&commit)) {
            return;
        }
        self.early += 1;
        if self.samples.len() < 3 {
            let (known, left) = (known + 1, left + 1);
            self.samples.push(format!(
                "{text}: the question ends on line {known} of the trace, its answer begins on \
                 line {left}, and no write and sync of the store lie between"
            ));
        }
    }
}

fn commits(calls: &[SystemCall], store: &Path, traced: &mut Traced) -> Vec<Commit> {
    let mut writes = BTreeMap::<&str, Vec<(usize, usize)>>::new();
    let mut commits = Vec::new();
    let in_store = |call: &SystemCall| {
        let name = Path::new(call.path()).strip_prefix(store).ok()?;
        Some(name.display().to_string())
    };
    for call in calls {
        let Some(name) = in_store(call) else { continue };
        if is_write(&call.name) {
            writes.entry(call.path()).or_default().push((call.begin, call.end));
        }
        if !is_sync(&call.name) {
            continue;
        }
        traced.syncs += 1;
        traced.files.insert(name);
        let before = writes.get(call.path()).map_or(&[][..], Vec::as_slice);
        let newest = before.iter().filter(|(_, end)| *end < call.begin).map(|(begin, _)| *begin);
        if let Some(written_from) = newest.max() {
            commits.push(Commit { written_from, synced_until: call.end });
        }
    }
    commits
}

/// The id of a call that must be durable before it is answered.
fn durable_question(text: &str) -> Option<String> {
    let rest = text.trim_start().strip_prefix("[2,")?;
    let mut quoted = rest.split('"').skip(1).step_by(2);
    let (id, action) = (quoted.next()?, quoted.next()?);
    DURABLE.contains(&action).then(|| id.to_owned())
}

/// The id of a call that is answered well.
fn answered(text: &str) -> Option<String> {
    let rest = text.trim_start().strip_prefix("[3,")?;
    rest.split('"').nth(1).map(str::to_owned)
}

fn is_read(name: &str) -> bool {
    name.starts_with("read") || name.starts_with("recv")
}

fn is_write(name: &str) -> bool {
    name.starts_with("write") || name.starts_with("pwrite")
}

fn is_sync(name: &str) -> bool {
    matches!(name, "fsync" | "fdatasync")
}
