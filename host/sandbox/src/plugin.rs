//! Owns a loaded plugin and the calls into it. Every `price` is a fresh instance: a call cannot
//! remember another. Must never add up what a plugin answers; `charging::pricing::bill` does.

use std::sync::Arc;

use busbar_charging::ids::Hash;
use busbar_charging::pricing::cut::{check_boundaries, cut};
use busbar_charging::pricing::{CutSession, Line, MeteredSession, PriceError};
use busbar_charging::units::Currency;

use crate::error::stopped;
use crate::manifest::Manifest;
use crate::prepared::{Prepared, configuration_hash};
use crate::sandbox::Shared;
use crate::world::{Failure, PricingWorld};

/// A loaded plugin: cheap to clone, shared between threads.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

struct Loaded {
    shared: Arc<Shared>,
    manifest: Manifest,
    hash: Hash,
    world: Arc<dyn PricingWorld>,
}

/// A priced session: the complete input that a CDR keeps, and the plugin's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// The session as it was cut for this tariff.
    pub session: CutSession,
    /// What the plugin charges, not yet added up.
    pub lines: Vec<Line>,
}

impl Plugin {
    pub(crate) fn new(
        shared: Arc<Shared>,
        manifest: Manifest,
        hash: Hash,
        world: Arc<dyn PricingWorld>,
    ) -> Self {
        Self(Arc::new(Loaded { shared, manifest, hash, world }))
    }

    /// What the plugin says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// SHA-256 of the component's bytes.
    pub fn hash(&self) -> Hash {
        self.0.hash
    }

    /// Prepares a configuration, or takes what was prepared of it before.
    ///
    /// # Errors
    /// What the plugin says is wrong with the configuration; `Misbehaved` when it was stopped or
    /// answered what cannot be.
    pub fn prepare(&self, text: &str, currency: Currency) -> Result<Arc<Prepared>, PriceError> {
        let key = (self.0.hash, configuration_hash(text, currency));
        let shared = &self.0.shared;
        if let Some(prepared) = shared.prepared.get(&key) {
            return Ok(prepared);
        }
        let most = shared.limits.configuration_bytes;
        if text.len() > most {
            let message = format!("its {} bytes are more than {most}", text.len());
            return Err(PriceError::InvalidConfiguration { at: String::new(), message });
        }
        let called = {
            let _call = shared.gate.enter();
            self.0.world.prepare(text, currency.as_str())
        };
        let (tariff, compiled) = called.map_err(|failure| self.words("prepare", failure))?;
        if compiled.len() > most {
            let why = format!("a compiled form of {} bytes is more than {most}", compiled.len());
            return Err(self.misbehaved("prepare", &why));
        }
        check_boundaries(&tariff.boundaries)
            .map_err(|error| self.misbehaved("prepare", &error.to_string()))?;
        let prepared = Arc::new(Prepared { tariff, compiled, configuration: key.1 });
        shared.prepared.put(key, prepared.clone());
        Ok(prepared)
    }

    /// Prices a cut session in a fresh instance.
    ///
    /// # Errors
    /// What the plugin says is wrong with the session, or that nothing of the tariff covers it;
    /// `Misbehaved` when it was stopped.
    pub fn price(&self, compiled: &[u8], session: &CutSession) -> Result<Vec<Line>, PriceError> {
        let called = {
            let _call = self.0.shared.gate.enter();
            self.0.world.price(compiled, session)
        };
        called.map_err(|failure| self.words("price", failure))
    }

    /// Prepares, cuts and prices: what a worker does with a session.
    ///
    /// # Errors
    /// Those of [`Plugin::prepare`], of the cutting, and of [`Plugin::price`].
    pub fn price_metered(
        &self,
        text: &str,
        currency: Currency,
        session: &MeteredSession,
    ) -> Result<Priced, PriceError> {
        let prepared = self.prepare(text, currency)?;
        let session = cut(session, &prepared.tariff.boundaries)?;
        let lines = self.price(&prepared.compiled, &session)?;
        Ok(Priced { session, lines })
    }

    fn words(&self, function: &str, failure: Failure) -> PriceError {
        match failure {
            Failure::Answered(PriceError::Misbehaved(why)) => self.misbehaved(function, &why),
            Failure::Answered(error) => error,
            Failure::Stopped(error) => {
                self.misbehaved(function, &stopped(&error, &self.0.shared.limits))
            }
        }
    }

    fn misbehaved(&self, function: &str, why: &str) -> PriceError {
        let Manifest { name, version, .. } = &self.0.manifest;
        PriceError::Misbehaved(format!("plugin {name} {version}, {function}: {why}"))
    }
}
