//! The WebAssembly host: the only crate that names wasmtime. Plugins propose, the host disposes:
//! every call has its limits and a trap costs its own call. Must never let a guest see anything
//! but its input.
//!
//! [`Sandbox::load`] makes a [`Plugin`] of bytes and a [`Manifest`]; [`Plugin::prepare`] and
//! [`Plugin::price`] call it. [`PluginDir`] keeps the bytes.

mod code_cache;
mod config;
mod error;
mod files;
mod first_party;
mod gate;
mod manifest;
mod plugin;
mod plugin_dir;
mod prepared;
mod quarantine;
mod sandbox;
mod world;

pub use config::{Config, Limits};
pub use error::{LoadError, LoadFault};
pub use first_party::{FirstParty, first_party};
pub use manifest::Manifest;
pub use plugin::{Plugin, Priced};
pub use plugin_dir::{PluginDir, StoredPlugin};
pub use prepared::{Prepared, configuration_hash, content_hash};
pub use quarantine::Quarantine;
pub use sandbox::{Sandbox, SetUpError};

#[cfg(test)]
mod tests;
