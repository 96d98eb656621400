//! Owns the plugins that come with the host, embedded. Must never read a checkout at run time.

use crate::error::LoadError;
use crate::manifest::Manifest;

/// A plugin of this repository, as `plugins/dist` has it.
#[derive(Clone, Copy, Debug)]
pub struct FirstParty {
    /// Its name.
    pub name: &'static str,
    /// `plugin.toml`.
    pub manifest_toml: &'static str,
    /// `plugin.wasm`.
    pub bytes: &'static [u8],
}

macro_rules! embedded {
    ($name:literal) => {
        FirstParty {
            name: $name,
            manifest_toml: include_str!(concat!("../../../plugins/dist/", $name, "/plugin.toml")),
            bytes: include_bytes!(concat!("../../../plugins/dist/", $name, "/plugin.wasm")),
        }
    };
}

/// All plugins that come with the host.
pub fn first_party() -> &'static [FirstParty] {
    &[embedded!("hello-pricing"), embedded!("pricing-ocpi")]
}

impl FirstParty {
    /// The plugin of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        first_party().iter().find(|plugin| plugin.name == name)
    }

    /// Reads its manifest.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub fn manifest(&self) -> Result<Manifest, LoadError> {
        Manifest::parse(self.manifest_toml)
    }
}
