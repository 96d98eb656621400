//! The shell: sockets, HTTP, configuration and the command line around the pure crates. Must
//! never decide what the core decides.

mod clock;
pub mod config;
pub mod node;
pub mod secrets;
