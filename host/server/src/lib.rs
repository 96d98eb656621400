//! The shell: sockets, HTTP, configuration and the command line around the pure crates. Must
//! never decide what the core decides.

pub mod config;
pub mod node;
pub mod secrets;
