//! Owns the limits that every call into a plugin has. Must never have a way to switch one off.

use std::path::PathBuf;

/// How a [`crate::Sandbox`] is set up.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where compiled code is kept between starts; without it every start compiles.
    pub cache_dir: Option<PathBuf>,
    /// Signs what is in the cache; without it a key is made in the folder, readable by its owner.
    pub cache_key: Option<[u8; 32]>,
    /// The limits of every call.
    pub limits: Limits,
}

/// What one call may use at most. A call that asks for more is stopped, and nothing else is.
///
/// Fuel counts the guest's steps and stops a call at the same step on every machine; the deadline
/// is there for what fuel does not see (one step may copy megabytes) and is set so far off that a
/// busy machine does not stop an honest call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps of the guest.
    pub fuel: u64,
    /// Further steps for each byte of input; a period counts as 96.
    pub fuel_per_byte: u64,
    /// Milliseconds, with one more for each kilobyte of input.
    pub deadline_ms: u64,
    /// Bytes of one linear memory.
    pub memory_bytes: usize,
    /// Linear memories of one instance of a component.
    pub memories: usize,
    /// Tables of one instance of a component.
    pub tables: usize,
    /// Elements of one table.
    pub table_elements: usize,
    /// Core instances of one instance of a component.
    pub instances: usize,
    /// Bytes of the guest's stack.
    pub stack_bytes: usize,
    /// Bytes that one answer may take in the host.
    pub output_bytes: usize,
    /// Bytes of a configuration, and of the compiled form that `prepare` makes of it.
    pub configuration_bytes: usize,
    /// Bytes of a component.
    pub component_bytes: usize,
    /// Calls at one time; a further one waits until one has ended.
    pub concurrent_calls: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 50_000_000,
            fuel_per_byte: 1_000,
            deadline_ms: 500,
            memory_bytes: 64 << 20,
            memories: 4,
            tables: 8,
            table_elements: 20_000,
            instances: 16,
            stack_bytes: 512 << 10,
            output_bytes: 4 << 20,
            configuration_bytes: 1 << 20,
            component_bytes: 64 << 20,
            concurrent_calls: 32,
        }
    }
}

impl Limits {
    pub(crate) fn fuel_for(&self, input_bytes: usize) -> u64 {
        self.fuel.saturating_add(self.fuel_per_byte.saturating_mul(input_bytes as u64))
    }

    pub(crate) fn deadline_for(&self, input_bytes: usize) -> u64 {
        self.deadline_ms.saturating_add(input_bytes as u64 / 1_000)
    }
}
