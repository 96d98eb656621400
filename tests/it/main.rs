//! The end-to-end tests, one binary: each module is one kind of proof. Must never need a service,
//! a port or a folder that it does not make itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there, with its place")]

mod attacks;
mod commands;
mod edges;
mod facts;
mod foreign;
mod fuzz;
mod golden;
mod gone;
mod growth;
mod imports;
mod killed;
mod limits;
mod live;
mod misbehaving;
mod pitfalls;
mod sandbox;
mod scenarios;
mod scores;
mod siege;
mod simulation;
mod site_e2e;
mod site_file;
mod site_load;
mod site_openadr;
mod site_survey;
mod store;
mod support;
mod tidy;
mod traced;
