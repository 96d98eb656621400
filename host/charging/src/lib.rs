//! The domain of a charging network as pure functions: `decide` and `apply`.
//! Must never name I/O, a clock, randomness, async, OCPP or WebAssembly.

pub mod pricing;
pub mod units;
