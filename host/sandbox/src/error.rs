//! Owns the words for what goes wrong: a plugin that cannot be loaded, a call that was stopped.
//! Every one names the plugin, and a stopped call the function and where in the guest it was.
//! Must never pass on a guest's words at any length.

use std::fmt;

use wasmtime::{Trap, WasmBacktrace};

use crate::config::Limits;

/// Frames of the guest that a message shows.
const MOST_FRAMES: usize = 12;
/// Characters of a guest's own words that are kept.
const MOST_CHARS: usize = 1_000;

/// Why a plugin could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The plugin's name.
    pub plugin: String,
    /// Why.
    pub fault: LoadFault,
}

/// What is wrong with a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadFault {
    /// Its `plugin.toml` cannot be read.
    Manifest(String),
    /// This host has no such contract: the world and version that the manifest names.
    UnknownContract(String),
    /// It is larger than a component may be.
    TooLarge(String),
    /// Its bytes are not a component that this engine can compile.
    NotAComponent(String),
    /// It asks for something that its world does not give: the import.
    Import(String),
    /// It does not export what its world asks for.
    Export(String),
    /// It does not start: a limit, or a trap of its start function.
    Start(String),
    /// Its bytes are not those that its name stands for.
    Damaged(String),
    /// The file system refused.
    Io(String),
}

impl LoadError {
    pub(crate) fn new(plugin: &str, fault: LoadFault) -> Self {
        Self { plugin: plugin.to_owned(), fault }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {}: ", self.plugin)?;
        match &self.fault {
            LoadFault::Manifest(why) => write!(f, "its manifest cannot be used: {why}"),
            LoadFault::UnknownContract(what) => f.write_str(what),
            LoadFault::TooLarge(why) => f.write_str(why),
            LoadFault::NotAComponent(why) => write!(f, "it is not a WebAssembly component: {why}"),
            LoadFault::Import(name) => {
                write!(f, "it imports {name:?}, which its world does not give")
            }
            LoadFault::Export(why) => {
                write!(f, "it does not export what its world asks for: {why}")
            }
            LoadFault::Start(why) => write!(f, "it does not start: {why}"),
            LoadFault::Damaged(why) => write!(f, "its bytes are damaged: {why}"),
            LoadFault::Io(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for LoadError {}

/// A call that did not return: what stopped it, in words, with the guest's backtrace.
pub(crate) fn stopped(error: &wasmtime::Error, limits: &Limits) -> String {
    let mut words = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            format!("ran out of fuel: more than {} steps and its share of the input", limits.fuel)
        }
        Some(Trap::Interrupt) => format!("ran past its deadline of {} ms", limits.deadline_ms),
        Some(Trap::StackOverflow) => {
            format!("trap: stack overflow, more than {} bytes", limits.stack_bytes)
        }
        Some(Trap::UnreachableCodeReached) => "trap: unreachable (it panicked or aborted)".into(),
        Some(trap) => format!("trap: {trap}"),
        None => shortened(error.root_cause().to_string()),
    };
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for frame in backtrace.frames().iter().take(MOST_FRAMES) {
            words.push_str("; at ");
            match frame.func_name() {
                Some(name) => words.push_str(name),
                None => words.push_str(&format!("function {}", frame.func_index())),
            }
            if let Some(offset) = frame.module_offset() {
                words.push_str(&format!(" ({offset:#x})"));
            }
        }
    }
    words
}

/// A guest's own words, cut to what a log and a fact can bear.
pub(crate) fn shortened(mut words: String) -> String {
    if let Some((at, _)) = words.char_indices().nth(MOST_CHARS) {
        words.truncate(at);
        words.push('…');
    }
    words
}
