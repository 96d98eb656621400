//! Owns the memory of decisions, which lives on from one to the next so that a decision does not
//! allocate what the last one had. Must never hold anything that a decision depends on: it is no
//! part of the state, a copy of the state has its own, and no snapshot holds it.

use std::cell::Cell;
use std::fmt;

use crate::load::fill::Filler;
use crate::load::kernel::decide::Scratch;

/// What a decision needs memory for.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) filler: Filler,
    pub(super) kernel: Scratch,
}

/// Where it lies between two decisions.
#[derive(Default)]
pub(super) struct Memory(Cell<Option<Box<Buffers>>>);

impl Memory {
    /// Takes it for a decision.
    pub(super) fn take(&self) -> Box<Buffers> {
        self.0.take().unwrap_or_default()
    }

    /// Gives it back for the next one.
    pub(super) fn give(&self, buffers: Box<Buffers>) {
        self.0.set(Some(buffers));
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// No state differs by its memory.
impl PartialEq for Memory {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Memory {}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
