//! Owns the folder of compiled code. Compiled code is code: it is taken back only when this
//! installation's key signed it for this component, this engine and this build.
//! Must never fail a load: what cannot be used is compiled again.

use std::hash::{Hash as _, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use busbar_charging::ids::Hash;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::files;

const KEY_FILE: &str = "key";
const TAG: usize = 32;

/// A folder of compiled components, each with an HMAC.
pub(crate) struct CodeCache {
    folder: PathBuf,
    key: [u8; 32],
}

impl CodeCache {
    /// Opens the folder (mode 0700) and its key, making both where they are not.
    pub(crate) fn open(folder: &Path, key: Option<[u8; 32]>) -> io::Result<Self> {
        files::private_folder(folder)?;
        let key = match key {
            Some(key) => key,
            None => own_key(folder)?,
        };
        Ok(Self { folder: folder.to_owned(), key })
    }

    /// The compiled component, if the folder holds it and its HMAC is right.
    pub(crate) fn load(&self, engine: &Engine, component: Hash) -> Option<Component> {
        let name = file_name(engine, component);
        let stored = std::fs::read(self.folder.join(&name)).ok()?;
        let (tag, code) = stored.split_at_checked(TAG)?;
        self.mac(&name, code).verify_slice(tag).ok()?;
        deserialize(engine, code)
    }

    /// Keeps what was compiled. An error costs the next start a compilation, nothing else.
    pub(crate) fn store(&self, engine: &Engine, hash: Hash, component: &Component) {
        let name = file_name(engine, hash);
        let Ok(code) = component.serialize() else { return };
        let tag = self.mac(&name, &code).finalize().into_bytes();
        let _ = files::write_whole(&self.folder, &name, &[&tag, &code]);
    }

    /// Over the name too, so that no file can stand in for another.
    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.key);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        mac
    }
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `Component::deserialize` needs bytes that `Component::serialize` made. The caller
    // checked an HMAC over them, by a key that only this installation has, and `store` signs
    // nothing else. The name under the HMAC binds them to this engine's settings and this build,
    // and wasmtime checks version and settings once more.
    unsafe { Component::deserialize(engine, code) }.ok()
}

fn file_name(engine: &Engine, component: Hash) -> String {
    let mut hasher = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let engine = Hash(hasher.0.finalize().into()).to_string();
    let engine = engine.get(..16).unwrap_or_default();
    format!("{component}-{engine}-{}.compiled", env!("BUSBAR_BUILD"))
}

struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: the whole digest is.
    fn finish(&self) -> u64 {
        0
    }
}

fn own_key(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join(KEY_FILE);
    if let Ok(stored) = std::fs::read(&path)
        && let Ok(key) = stored.try_into()
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    files::write_whole(folder, KEY_FILE, &[&key])?;
    Ok(key)
}

#[cfg(test)]
mod tests;
