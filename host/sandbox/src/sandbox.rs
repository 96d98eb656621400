//! Owns the engine and its settings, and the way from bytes to a plugin. Must never run a guest
//! outside a [`Plugin`]'s call.

use std::sync::Arc;

use busbar_charging::ids::Hash;
use wasmtime::component::Component;
use wasmtime::{Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::code_cache::CodeCache;
use crate::config::{Config, Limits};
use crate::error::{LoadError, LoadFault, stopped};
use crate::gate::Gate;
use crate::manifest::Manifest;
use crate::plugin::Plugin;
use crate::prepared::{PreparedForms, content_hash};
use crate::world;

/// Bytes of a linear memory and of a table that stay resident in the pool after a call.
const KEEP_RESIDENT: usize = 256 << 10;
const KEEP_TABLE_RESIDENT: usize = 32 << 10;

/// The WebAssembly host of this process: cheap to clone, shared between threads.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

pub(crate) struct Shared {
    // The gate's clock ticks the engine; it is stopped when the last clone is dropped.
    pub(crate) gate: Gate,
    pub(crate) prepared: PreparedForms,
    pub(crate) limits: Limits,
    engine: Engine,
    cache: Option<CodeCache>,
}

/// Why the host could not be set up.
#[derive(Debug)]
pub struct SetUpError(String);

impl Sandbox {
    /// Sets up the engine, its pool of instances, its clock and its cache.
    ///
    /// # Errors
    /// When the machine has no room for the pool, or the cache folder cannot be made private.
    pub fn new(config: Config) -> Result<Self, SetUpError> {
        let limits = config.limits;
        let engine = Engine::new(&settings(&limits))
            .map_err(|error| SetUpError(format!("the WebAssembly engine: {error:#}")))?;
        let cache = match &config.cache_dir {
            Some(folder) => Some(CodeCache::open(folder, config.cache_key).map_err(|error| {
                SetUpError(format!("the cache of compiled plugins, {}: {error}", folder.display()))
            })?),
            None => None,
        };
        let gate = Gate::new(engine.clone(), limits.concurrent_calls as usize)
            .map_err(|error| SetUpError(format!("the clock of the sandbox: {error}")))?;
        let prepared = PreparedForms::default();
        Ok(Self(Arc::new(Shared { gate, prepared, limits, engine, cache })))
    }

    /// Loads a component by the contract that its manifest names: compiled, or taken from the
    /// cache; checked; started once.
    ///
    /// # Errors
    /// Names the plugin and what is wrong with it.
    pub fn load(&self, bytes: &[u8], manifest: &Manifest) -> Result<Plugin, LoadError> {
        let shared = &self.0;
        let fault = |fault| LoadError::new(&manifest.name, fault);
        let open = world::open(&manifest.world, &manifest.wit).map_err(fault)?;
        let most = shared.limits.component_bytes;
        if bytes.len() > most {
            let why = format!("its {} bytes are more than {most}", bytes.len());
            return Err(fault(LoadFault::TooLarge(why)));
        }
        let hash = content_hash(bytes);
        let component = shared.component(bytes, hash).map_err(fault)?;
        let world = open(&shared.engine, &component, shared.limits).map_err(fault)?;
        let started = {
            let _call = shared.gate.enter();
            world.start()
        };
        started.map_err(|error| fault(LoadFault::Start(stopped(&error, &shared.limits))))?;
        Ok(Plugin::new(shared.clone(), manifest.clone(), hash, world))
    }
}

impl Shared {
    fn component(&self, bytes: &[u8], hash: Hash) -> Result<Component, LoadFault> {
        let kept = self.cache.as_ref().and_then(|cache| cache.load(&self.engine, hash));
        if let Some(component) = kept {
            return Ok(component);
        }
        // Binary only: text is for tests, and a file of it has another hash than its binary.
        let component = Component::from_binary(&self.engine, bytes)
            .map_err(|error| LoadFault::NotAComponent(format!("{error:#}")))?;
        if let Some(cache) = &self.cache {
            cache.store(&self.engine, hash, &component);
        }
        Ok(component)
    }
}

fn settings(limits: &Limits) -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        .wasm_component_model(true)
        .memory_init_cow(true)
        // The same answer on every machine, to the bit.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    config
}

/// Room for every call that the gate lets in at once, each at its limits; address space, not
/// memory, until it is used. Memory protection keys are not compiled in: they cost a call more than
/// they save (wasmtime feature `memory-protection-keys`).
fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let calls = limits.concurrent_calls.max(1);
    let of = |each: usize| calls.saturating_mul(u32::try_from(each).unwrap_or(u32::MAX));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(of(limits.instances))
        .total_memories(of(limits.memories))
        .total_tables(of(limits.tables))
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .max_memories_per_module(1)
        .max_tables_per_module(u32::try_from(limits.tables).unwrap_or(u32::MAX))
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_TABLE_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}

impl std::fmt::Display for SetUpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SetUpError {}
