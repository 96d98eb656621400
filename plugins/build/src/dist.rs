//! Owns `plugins/dist`: one folder for each plugin, with `plugin.toml` and `plugin.wasm`. Must
//! never write outside of it.

use std::path::{Path, PathBuf};

use crate::Failure;

/// A built plugin.
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) licence: String,
    pub(crate) world: String,
    pub(crate) wit: String,
    pub(crate) wasm: Vec<u8>,
}

/// The folder of built plugins.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("plugins/dist")
}

/// Writes a plugin's folder.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(dist: &Path, plugin: &Plugin) -> Result<(), Failure> {
    let folder = dist.join(&plugin.name);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (name, bytes) in files(plugin) {
        let file = folder.join(name);
        std::fs::write(&file, bytes).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

/// Compares the built plugins with what stands in the folder.
///
/// # Errors
/// When a byte differs, a file is missing, or a plugin stands there that is not built.
pub(crate) fn compare(dist: &Path, plugins: &[Plugin]) -> Result<(), Failure> {
    for plugin in plugins {
        for (name, bytes) in files(plugin) {
            let file = dist.join(&plugin.name).join(name);
            let stands =
                std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            if stands != bytes {
                let at = stands.iter().zip(&bytes).position(|(stands, built)| stands != built);
                return Err(format!(
                    "{}: {} bytes stand there, {} were built, first difference at {}",
                    file.display(),
                    stands.len(),
                    bytes.len(),
                    at.unwrap_or(stands.len().min(bytes.len())),
                ));
            }
        }
    }
    let entries =
        std::fs::read_dir(dist).map_err(|error| format!("{}: {error}", dist.display()))?;
    let mut names = entries.flatten().map(|entry| entry.file_name());
    match names.find(|name| !plugins.iter().any(|plugin| *name == *plugin.name)) {
        Some(name) => Err(format!("{}/{}: nothing builds it", dist.display(), name.display())),
        None => Ok(()),
    }
}

fn files(plugin: &Plugin) -> [(&'static str, Vec<u8>); 2] {
    let mut manifest = String::from("# Written by build-plugins from the plugin's Cargo.toml.\n");
    for (key, value) in [
        ("name", &plugin.name),
        ("version", &plugin.version),
        ("world", &plugin.world),
        ("wit", &plugin.wit),
        ("description", &plugin.description),
        ("licence", &plugin.licence),
    ] {
        // The escapes that Rust writes for plain text are those of TOML.
        manifest.push_str(&format!("{key} = {value:?}\n"));
    }
    [("plugin.toml", manifest.into_bytes()), ("plugin.wasm", plugin.wasm.clone())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str) -> Plugin {
        let text = String::from;
        Plugin {
            name: name.into(),
            version: text("0.1.0"),
            description: text("Says \"hello\""),
            licence: text("Apache-2.0"),
            world: text("pricing"),
            wit: text("0.1"),
            wasm: b"\0asm".to_vec(),
        }
    }

    #[test]
    fn a_differing_byte_a_missing_file_and_a_stranger_are_found() {
        let dist = std::env::temp_dir().join(format!("build-plugins-{}", std::process::id()));
        let plugins = [plugin("one"), plugin("two")];
        for plugin in &plugins {
            write(&dist, plugin).unwrap();
        }
        assert_eq!(compare(&dist, &plugins), Ok(()));
        assert!(compare(&dist, &plugins[..1]).unwrap_err().contains("two: nothing builds it"));
        std::fs::write(dist.join("two/plugin.wasm"), b"\0asn").unwrap();
        assert!(compare(&dist, &plugins).unwrap_err().contains("first difference at 3"));
        std::fs::remove_file(dist.join("two/plugin.wasm")).unwrap();
        assert!(compare(&dist, &plugins).is_err());
        std::fs::remove_dir_all(&dist).unwrap();
    }

    #[test]
    fn the_manifest_is_toml() {
        let [(_, manifest), _] = files(&plugin("one"));
        let manifest = String::from_utf8(manifest).unwrap();
        assert!(manifest.contains(r#"description = "Says \"hello\"""#), "{manifest}");
    }
}
