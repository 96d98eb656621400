//! Owns `plugin.toml`: what a plugin says of itself. Must never touch its code.

use serde::{Deserialize, Serialize};

use crate::error::{LoadError, LoadFault};

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// For instance `pricing-ocpi`.
    pub name: String,
    /// The version of the plugin, as its author counts.
    pub version: String,
    /// The world of the contract, for instance `pricing`.
    pub world: String,
    /// The version of the contract, for instance `0.1`.
    pub wit: String,
    /// One sentence for an operator.
    #[serde(default)]
    pub description: String,
    /// SPDX.
    #[serde(default)]
    pub licence: String,
}

impl Manifest {
    /// Reads a `plugin.toml`.
    ///
    /// # Errors
    /// Names the line and what is wrong there; an unknown key is an error, because a wish that is
    /// not understood must not be passed over.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            LoadError::new("plugin.toml", LoadFault::Manifest(error.to_string()))
        })?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = &manifest.name;
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let why = format!("name {name:?} is not of small letters, digits and hyphens");
            return Err(LoadError::new("plugin.toml", LoadFault::Manifest(why)));
        }
        Ok(manifest)
    }
}
