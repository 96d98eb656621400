//! Owns the versions of the contract that this host speaks, side by side. Each has a folder that
//! converts it to the newest words, those of `busbar_charging::pricing`; the rest of the host
//! knows no version. Must never drop one: a plugin built for it loads for ever.

mod v0_1;

use std::sync::Arc;

use busbar_charging::pricing::{CutSession, Line, PreparedTariff, PriceError};
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};

use crate::config::Limits;
use crate::error::LoadFault;

/// A loaded pricing plugin behind its version of the contract. Every call is a fresh instance.
pub(crate) trait PricingWorld: Send + Sync {
    /// Makes an instance and drops it: whether the plugin starts within its limits.
    fn start(&self) -> wasmtime::Result<()>;
    fn prepare(&self, text: &str, currency: &str) -> Result<(PreparedTariff, Vec<u8>), Failure>;
    fn price(&self, compiled: &[u8], session: &CutSession) -> Result<Vec<Line>, Failure>;
}

/// Why a call gave no answer.
pub(crate) enum Failure {
    /// The plugin answered with an error, or with an answer that cannot be.
    Answered(PriceError),
    /// It did not return.
    Stopped(wasmtime::Error),
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Stopped(error)
    }
}

type Open = fn(&Engine, &Component, Limits) -> Result<Arc<dyn PricingWorld>, LoadFault>;

struct Contract {
    world: &'static str,
    wit: &'static str,
    open: Open,
}

const CONTRACTS: &[Contract] = &[Contract { world: "pricing", wit: "0.1", open: v0_1::open }];

/// Opens a component by the contract that its manifest names.
pub(crate) fn open(world: &str, wit: &str) -> Result<Open, LoadFault> {
    let found = CONTRACTS.iter().find(|contract| contract.world == world && contract.wit == wit);
    found.map(|contract| contract.open).ok_or_else(|| {
        let known: Vec<String> =
            CONTRACTS.iter().map(|known| format!("{} {}", known.world, known.wit)).collect();
        LoadFault::UnknownContract(format!(
            "this host does not speak the contract {world:?} {wit:?}; it speaks {}",
            known.join(", ")
        ))
    })
}

/// Refuses whatever a pure function does not need: every import but one of types.
fn deny_imports(engine: &Engine, component: &Component) -> Result<(), LoadFault> {
    for (name, import) in component.component_type().imports(engine) {
        let only_types = match &import.ty {
            ComponentItem::ComponentInstance(instance) => instance
                .exports(engine)
                .all(|(_, export)| matches!(export.ty, ComponentItem::Type(_))),
            _ => false,
        };
        if !only_types {
            return Err(LoadFault::Import(name.to_owned()));
        }
    }
    Ok(())
}

/// What a store holds: the limits of its call.
struct State {
    limits: StoreLimits,
}

/// A store for one call, with every limit set for that much input.
fn store(engine: &Engine, limits: &Limits, input_bytes: usize) -> wasmtime::Result<Store<State>> {
    let state = State {
        limits: StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .memories(limits.memories)
            .tables(limits.tables)
            .table_elements(limits.table_elements)
            .instances(limits.instances)
            .trap_on_grow_failure(true)
            .build(),
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limits);
    store.set_fuel(limits.fuel_for(input_bytes))?;
    store.set_epoch_deadline(limits.deadline_for(input_bytes));
    store.set_hostcall_fuel(limits.output_bytes);
    store.set_max_component_handles(limits.table_elements);
    Ok(store)
}
