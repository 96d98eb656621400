//! Owns version 0.1 of the pricing contract: `wit/v0.1/pricing`. Must never decide anything: it
//! converts, calls and converts back.

mod convert;

use std::sync::Arc;

use busbar_charging::pricing::{CutSession, Line, PreparedTariff};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::{Failure, PricingWorld, State, deny_imports, store};
use crate::config::Limits;
use crate::error::LoadFault;

mod bindings {
    wasmtime::component::bindgen!({ path: "../../wit/v0.1/pricing", world: "pricing" });
}

/// Bytes of a period as the guest gets it.
const PERIOD_BYTES: usize = 96;

struct Pricing {
    plugin: bindings::PricingPre<State>,
    limits: Limits,
}

/// Checks a component against the world and makes it ready to be instantiated.
pub(super) fn open(
    engine: &Engine,
    component: &Component,
    limits: Limits,
) -> Result<Arc<dyn PricingWorld>, LoadFault> {
    deny_imports(engine, component)?;
    let export = |error: wasmtime::Error| LoadFault::Export(format!("{error:#}"));
    let linked = Linker::new(engine).instantiate_pre(component).map_err(export)?;
    let plugin = bindings::PricingPre::new(linked).map_err(export)?;
    Ok(Arc::new(Pricing { plugin, limits }))
}

impl PricingWorld for Pricing {
    fn start(&self) -> wasmtime::Result<()> {
        let mut store = store(self.plugin.engine(), &self.limits, 0)?;
        self.plugin.instantiate(&mut store).map(|_| ())
    }

    fn prepare(&self, text: &str, currency: &str) -> Result<(PreparedTariff, Vec<u8>), Failure> {
        let mut store = store(self.plugin.engine(), &self.limits, text.len())?;
        let instance = self.plugin.instantiate(&mut store)?;
        let configuration = bindings::busbar::pricing::types::Configuration {
            text: text.to_owned(),
            currency: currency.to_owned(),
        };
        match instance.call_prepare(&mut store, &configuration)? {
            Ok(prepared) => convert::prepared(prepared).map_err(Failure::Answered),
            Err(error) => Err(Failure::Answered(convert::error(error))),
        }
    }

    fn price(&self, compiled: &[u8], session: &CutSession) -> Result<Vec<Line>, Failure> {
        let attributes: usize =
            session.attributes.iter().map(|pair| pair.name.len() + pair.value.len()).sum();
        let bytes = compiled.len() + session.periods.len() * PERIOD_BYTES + attributes;
        let session = convert::session(session).map_err(Failure::Answered)?;
        let mut store = store(self.plugin.engine(), &self.limits, bytes)?;
        let instance = self.plugin.instantiate(&mut store)?;
        match instance.call_price(&mut store, compiled, &session)? {
            Ok(lines) => Ok(lines.into_iter().map(convert::line).collect()),
            Err(error) => Err(Failure::Answered(convert::error(error))),
        }
    }
}
