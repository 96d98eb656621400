//! The shell: sockets, HTTP, configuration and the command line around the pure crates. Must
//! never decide what the core decides.

pub mod alerts;
pub mod backup;
pub mod cli;
mod clock;
pub mod config;
pub mod demo;
pub mod failures;
pub mod http;
mod level;
pub mod load_watch;
pub mod node;
pub mod openadr;
pub mod plugins;
pub mod secrets;
pub mod serve;
pub mod sites;
pub mod telemetry;
pub mod tls;
pub mod verify;
pub mod ws;

/// What the binaries allocate with. Most of what one thread makes another lets go, for which the
/// system's allocator takes a fifth of what a message costs. It asks for no huge pages, or a fleet
/// that is idle would hold them.
pub use mimalloc::MiMalloc as Allocator;
