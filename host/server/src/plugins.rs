//! Owns how plugins become known to the core: the built-in ones and those of a folder at the
//! start, others over the API. What they are kept and run by is the node's plugin host. Must never
//! run one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use busbar_charging::fact::Actor;
use busbar_charging::fact::network::PluginInstalled;
use busbar_charging::input::Request;
use busbar_charging::row::{self, RowBody};
use busbar_charging::subject::{Key, Subject};
use busbar_charging::units::Timestamp;
use busbar_sandbox::first_party;

use crate::node::{Kept, Node, Plugins};

/// How long the core may take to take in a plugin.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether a component may be installed: built in, or the operator allows what nobody signed.
///
/// # Errors
/// It may not: in one sentence.
pub fn is_allowed(component: &[u8], allow_unsigned: bool) -> Result<(), String> {
    if allow_unsigned || first_party().iter().any(|plugin| plugin.bytes == component) {
        return Ok(());
    }
    Err("the plugin is not signed, and plugins.allow_unsigned is false".into())
}

/// Keeps the plugins of a folder: each a folder of its own with `plugin.toml` and `plugin.wasm`.
///
/// # Errors
/// One that cannot be read or run, by its path.
pub fn keep_folder(
    plugins: &dyn Plugins,
    folder: &Path,
    allow_unsigned: bool,
) -> Result<Vec<Kept>, String> {
    let of = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let entries = fs::read_dir(folder).map_err(|error| of(folder, &error))?;
    let mut folders: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    let mut kept = Vec::new();
    for path in folders {
        let file = path.join("plugin.toml");
        let manifest = fs::read_to_string(&file).map_err(|error| of(&file, &error))?;
        let file = path.join("plugin.wasm");
        let bytes = fs::read(&file).map_err(|error| of(&file, &error))?;
        is_allowed(&bytes, allow_unsigned).map_err(|why| of(&path, &why))?;
        kept.push(plugins.keep(&manifest, &bytes).map_err(|why| of(&path, &why))?);
    }
    Ok(kept)
}

/// Tells the core of plugins that it does not know yet.
///
/// # Errors
/// The core does not take them: in one sentence.
pub async fn install(node: &Node, plugins: Vec<Kept>) -> Result<(), String> {
    for plugin in plugins {
        let key = Key::plugin(&plugin.name);
        let known = node.read(move |reader| reader.get(&key)).await;
        let known = known.map_err(|error| error.to_string())?;
        let known = known.and_then(|row| row::Plugin::from_row(&row).ok());
        if known.is_some_and(|row| row.installed.hash == plugin.hash) {
            continue;
        }
        let name = plugin.name.clone();
        let request = Request::InstallPlugin(Box::new(installed(plugin, Actor::Clock)));
        node.ask(Subject::Network, Actor::Clock, request, PATIENCE)
            .await
            .map_err(|error| format!("the plugin {name} cannot be installed: {error:?}"))?;
    }
    Ok(())
}

/// The fact's body for a kept plugin; `decide` fills its time.
pub fn installed(plugin: Kept, actor: Actor) -> PluginInstalled {
    PluginInstalled {
        at: Timestamp(0),
        actor,
        name: plugin.name.into(),
        version: plugin.version.into(),
        world: plugin.world.into(),
        hash: plugin.hash,
    }
}
