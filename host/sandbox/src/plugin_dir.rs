//! Owns the folder of plugins: components and manifests as files named by the hash of the
//! component. Must never delete: bytes that priced a CDR are kept for ever.

use std::path::{Path, PathBuf};

use busbar_charging::ids::Hash;

use crate::error::{LoadError, LoadFault};
use crate::files;
use crate::prepared::content_hash;

/// A folder of plugins.
#[derive(Clone, Debug)]
pub struct PluginDir {
    folder: PathBuf,
}

/// A plugin as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlugin {
    /// The hash of `bytes`.
    pub hash: Hash,
    /// `plugin.wasm`.
    pub bytes: Vec<u8>,
    /// `plugin.toml`, as it was written.
    pub manifest: String,
}

impl PluginDir {
    /// Opens the folder, making it where it is not.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        files::private_folder(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Keeps a plugin; on return both files are durable. Keeping it again changes nothing.
    ///
    /// # Errors
    /// What the file system says.
    pub fn put(&self, bytes: &[u8], manifest: &str) -> std::io::Result<Hash> {
        let hash = content_hash(bytes);
        let (component, text) = names(hash);
        // A manifest that stands is not replaced: a CDR may name what it says.
        if !self.folder.join(&component).exists() {
            files::write_whole(&self.folder, &text, &[manifest.as_bytes()])?;
            files::write_whole(&self.folder, &component, &[bytes])?;
        }
        Ok(hash)
    }

    /// Reads a plugin and checks its bytes against their name; `None` where there is none.
    ///
    /// # Errors
    /// When the bytes are not those that were kept, or the file system refuses.
    pub fn get(&self, hash: Hash) -> Result<Option<StoredPlugin>, LoadError> {
        let (component, text) = names(hash);
        let fault = |fault| LoadError::new(&hash.to_string(), fault);
        let read = |name: &str| std::fs::read(self.folder.join(name));
        let io = |error: std::io::Error| fault(LoadFault::Io(error.to_string()));
        let bytes = match read(&component) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let found = content_hash(&bytes);
        if found != hash {
            return Err(fault(LoadFault::Damaged(format!("they hash to {found}"))));
        }
        let manifest = String::from_utf8(read(&text).map_err(io)?)
            .map_err(|error| fault(LoadFault::Manifest(error.to_string())))?;
        Ok(Some(StoredPlugin { hash, bytes, manifest }))
    }

    /// The hashes of all plugins in the folder, in order.
    ///
    /// # Errors
    /// What the file system says.
    pub fn list(&self) -> std::io::Result<Vec<Hash>> {
        let mut hashes = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".wasm"));
            hashes.extend(stem.and_then(Hash::parse));
        }
        hashes.sort();
        Ok(hashes)
    }
}

fn names(hash: Hash) -> (String, String) {
    (format!("{hash}.wasm"), format!("{hash}.toml"))
}

#[cfg(test)]
mod tests;
