//! What must hold for any input, as plain functions of bytes that panic where it does not. The
//! binaries in `targets/` run them under libFuzzer; `tests/it/fuzz.rs` runs them over the
//! committed corpora. Must never need a clock, randomness or libFuzzer itself.

pub mod answers;
pub mod decode;
pub mod facts;
pub mod frame_log;
pub mod frames;
pub mod link;
pub mod stored;
