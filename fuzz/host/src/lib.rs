//! What must hold for any input of what needs wasmtime, as plain functions of bytes that panic
//! where it does not. The binaries in `targets/` run them under libFuzzer; `tests/it/fuzz.rs` runs
//! them over the committed corpora. Must never need libFuzzer itself.

pub mod api;
pub mod config;
pub mod plugin_answers;
pub mod plugin_inputs;
