//! The end-to-end tests, one binary: each module is one kind of proof. Must never need a service,
//! a port or a folder that it does not make itself.

mod commands;
mod edges;
mod facts;
mod foreign;
mod golden;
mod imports;
mod killed;
mod live;
mod pitfalls;
mod sandbox;
mod scenarios;
mod simulation;
mod store;
mod support;
mod tidy;
