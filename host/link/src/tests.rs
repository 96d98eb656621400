//! Tests of the connection as a whole. A test's number is that of its point in PITFALLS.

mod answers;
mod authorization;
mod boot;
mod commands;
mod intents;
mod metering;
mod notices;
mod profiles;
mod questions;
mod random;
mod support;
mod transactions_16;
mod transactions_2x;
mod transport;
mod twins;
