//! The domain of a charging network as pure functions. `Site` and `Network` have one shape:
//! `needs` says what must be recalled, `decide` turns an input into facts, actions and work,
//! `apply` is the only way that state changes, `rows` says what the world may read.
//! Must never name I/O, a clock, randomness, async, OCPP or WebAssembly.

pub mod action;
pub mod context;
pub mod fact;
pub mod ids;
pub mod input;
pub mod load;
pub mod network;
pub mod pricing;
pub mod row;
pub mod site;
pub mod subject;
pub mod units;
