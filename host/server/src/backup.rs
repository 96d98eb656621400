//! Owns what a backup of a host is: its store, its plugins, its configuration and its keys; where
//! a running host puts one, and the way back. Must never leave a backup that others can read.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use busbar_engine::store::StoreError;
use busbar_store::backup::{Manifest, restore as restore_store};

use crate::secrets::{ADMIN_TOKEN_FILE, KEY_FILE};

/// The folder in the data folder where a running host puts backups.
pub const FOLDER: &str = "backups";
/// The name of the configuration in a backup.
pub const CONFIG_FILE: &str = "busbar.toml";
const PLUGINS: &str = "plugins";

/// Copies the store of the running host to a folder, with these files under their names.
pub type CopyStore =
    Arc<dyn Fn(&Path, &[(String, PathBuf)]) -> Result<Manifest, StoreError> + Send + Sync>;

/// What else a backup of a data folder holds: each file's name in the backup, and where it is.
///
/// # Errors
/// The data folder cannot be read.
pub fn files(data: &Path, config: Option<&Path>) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for name in [KEY_FILE, ADMIN_TOKEN_FILE] {
        let path = data.join(name);
        if path.is_file() {
            files.push((name.to_owned(), path));
        }
    }
    if let Some(config) = config.filter(|path| path.is_file()) {
        files.push((CONFIG_FILE.to_owned(), config.to_owned()));
    }
    let plugins = data.join(PLUGINS);
    if plugins.is_dir() {
        gather(&plugins, PLUGINS, &mut files)?;
    }
    Ok(files)
}

fn gather(folder: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A name that is not UTF-8 is not one of ours.
        let Ok(file) = entry.file_name().into_string() else { continue };
        let (path, name) = (entry.path(), format!("{name}/{file}"));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            gather(&path, &name, files)?;
        } else if kind.is_file() {
            files.push((name, path));
        }
    }
    Ok(())
}

/// Makes a folder that nobody else reads, for a backup of this moment.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(data: &Path, name: &str) -> io::Result<PathBuf> {
    let folder = data.join(FOLDER).join(name);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(folder)
}

/// Lets nobody else read a folder and what is in it: it holds keys, and may be copied from here.
///
/// # Errors
/// A mode cannot be set.
pub fn keep_private(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            keep_private(&entry.path())?;
        } else {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Makes a data folder from a backup. The store's checksums and counts are all checked.
///
/// # Errors
/// The backup is damaged, or the data folder holds a host already: in one sentence.
pub fn restore(backup: &Path, data: &Path) -> Result<Manifest, String> {
    let of_data = |error: io::Error| format!("{}: {error}", data.display());
    if !backup.join("manifest.json").is_file() {
        return Err(format!("{} is not a backup: it has no manifest.json", backup.display()));
    }
    if data.join("store").exists() || data.join(KEY_FILE).exists() {
        return Err(format!("{} holds a host already: name a new folder", data.display()));
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(of_data)?;
    let manifest =
        restore_store(backup, &data.join("store"), data).map_err(|error| error.to_string())?;
    for name in [KEY_FILE, ADMIN_TOKEN_FILE] {
        let path = data.join(name);
        if path.is_file() {
            let private = fs::Permissions::from_mode(0o600);
            fs::set_permissions(&path, private).map_err(of_data)?;
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests;
