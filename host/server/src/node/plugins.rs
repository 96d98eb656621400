//! Owns the plugins that are loaded: by the hash of their bytes, from the plugin store. Must never
//! price with other bytes than those that were named.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use busbar_charging::fact::network::TariffPut;
use busbar_charging::ids::Hash;
use busbar_charging::pricing::{CutSession, Line, MeteredSession, PreparedTariff, PriceError};
use busbar_charging::units::Currency;
use busbar_sandbox::{
    Config, Limits, Manifest, Plugin, PluginDir, Quarantine, Sandbox, SetUpError, first_party,
};

use super::{Kept, Plugins};

/// A plugin that failed so often in a row is set aside.
const FAILURES: u32 = 10;

/// The plugin host.
pub struct PluginHost {
    sandbox: Sandbox,
    folder: PluginDir,
    loaded: Mutex<HashMap<Hash, Plugin>>,
    quarantine: Mutex<Quarantine>,
}

/// Why the plugin host cannot start.
#[derive(Debug)]
pub enum PluginHostError {
    /// The sandbox.
    Sandbox(SetUpError),
    /// The plugin folder.
    Folder(io::Error),
}

impl std::fmt::Display for PluginHostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sandbox(error) => error.fmt(f),
            Self::Folder(error) => write!(f, "the plugin folder cannot be used: {error}"),
        }
    }
}

impl PluginHost {
    /// Opens the plugin store of a data folder. `key` seals the compiled code.
    ///
    /// # Errors
    /// The folders cannot be used, or the sandbox cannot be set up on this machine.
    pub fn open(data: &Path, key: [u8; 32]) -> Result<Self, PluginHostError> {
        let config = Config {
            cache_dir: Some(data.join("cache").join("compiled")),
            cache_key: Some(key),
            limits: Limits::default(),
        };
        let sandbox = Sandbox::new(config).map_err(PluginHostError::Sandbox)?;
        let folder = PluginDir::open(&data.join("plugins")).map_err(PluginHostError::Folder)?;
        Ok(Self {
            sandbox,
            folder,
            loaded: Mutex::new(HashMap::new()),
            quarantine: Mutex::new(Quarantine::new(FAILURES)),
        })
    }

    /// Keeps and loads the plugins that are built in; their names and hashes.
    ///
    /// # Errors
    /// One cannot be kept or loaded: a defect of this build, or the disk.
    pub fn install_first_party(&self) -> Result<Vec<Kept>, String> {
        let keep = |plugin: &busbar_sandbox::FirstParty| {
            self.keep(plugin.manifest_toml, plugin.bytes)
                .map_err(|error| format!("the built-in plugin {}: {error}", plugin.name))
        };
        first_party().iter().map(keep).collect()
    }

    /// Cuts and prices a session by a version of a tariff: what a worker does.
    ///
    /// # Errors
    /// What the plugin, or the host about the plugin, has to say.
    pub(super) fn price_metered(
        &self,
        tariff: &TariffPut,
        session: &MeteredSession,
    ) -> Result<(CutSession, Vec<Line>), PriceError> {
        let hash = tariff.plugin_hash;
        if lock(&self.quarantine).is_quarantined(hash) {
            let why = format!("plugin {} is quarantined after repeated failures", tariff.plugin);
            return Err(PriceError::Misbehaved(why));
        }
        let priced = self
            .plugin(hash)?
            .price_metered(&tariff.configuration, tariff.currency, session)
            .map(|priced| (priced.session, priced.lines));
        self.judge(hash, &priced);
        priced
    }

    fn judge<T>(&self, hash: Hash, result: &Result<T, PriceError>) {
        let mut quarantine = lock(&self.quarantine);
        match result {
            Err(error) if Quarantine::is_failure(error) => {
                if quarantine.failed(hash) {
                    tracing::warn!(plugin = %hash, "plugin quarantined after repeated failures");
                }
            }
            _ => quarantine.succeeded(hash),
        }
    }

    /// Brings a quarantined plugin back; false when it was not.
    pub fn bring_back(&self, hash: Hash) -> bool {
        let mut quarantine = lock(&self.quarantine);
        let was = quarantine.is_quarantined(hash);
        quarantine.bring_back(hash);
        was
    }

    fn plugin(&self, hash: Hash) -> Result<Plugin, PriceError> {
        if let Some(plugin) = lock(&self.loaded).get(&hash) {
            return Ok(plugin.clone());
        }
        let internal = |why: String| PriceError::Internal(why);
        let stored = self.folder.get(hash).map_err(|error| internal(error.to_string()))?;
        let stored = stored.ok_or_else(|| internal(format!("no plugin {hash} is installed")))?;
        let manifest =
            Manifest::parse(&stored.manifest).map_err(|error| internal(error.to_string()))?;
        let plugin = self
            .sandbox
            .load(&stored.bytes, &manifest)
            .map_err(|error| internal(error.to_string()))?;
        lock(&self.loaded).insert(hash, plugin.clone());
        Ok(plugin)
    }
}

impl Plugins for PluginHost {
    fn prepare(
        &self,
        plugin: Hash,
        configuration: &str,
        currency: Currency,
    ) -> Result<(PreparedTariff, Hash), PriceError> {
        let prepared = self.plugin(plugin)?.prepare(configuration, currency)?;
        Ok((prepared.tariff.clone(), prepared.configuration))
    }

    fn price(
        &self,
        plugin: Hash,
        configuration: &str,
        currency: Currency,
        session: &CutSession,
    ) -> Result<Vec<Line>, PriceError> {
        let plugin = self.plugin(plugin)?;
        let prepared = plugin.prepare(configuration, currency)?;
        plugin.price(&prepared.compiled, session)
    }

    fn keep(&self, manifest: &str, component: &[u8]) -> Result<Kept, String> {
        let parsed = Manifest::parse(manifest).map_err(|error| error.to_string())?;
        let plugin = self.sandbox.load(component, &parsed).map_err(|error| error.to_string())?;
        let hash = self
            .folder
            .put(component, manifest)
            .map_err(|error| format!("it cannot be kept: {error}"))?;
        lock(&self.loaded).insert(hash, plugin);
        Ok(Kept { name: parsed.name, version: parsed.version, world: parsed.world, hash })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
