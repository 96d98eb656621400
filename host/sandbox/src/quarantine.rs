//! Owns the counting of a plugin's failures. Must never decide what a failure costs: the policy
//! of its world does.

use std::collections::BTreeMap;

use busbar_charging::ids::Hash;
use busbar_charging::pricing::PriceError;

/// Counts failures in a row, and sets a plugin aside that reaches the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    limit: u32,
    in_a_row: BTreeMap<Hash, u32>,
}

impl Quarantine {
    /// A plugin is set aside after `limit` failures in a row; at least one.
    pub fn new(limit: u32) -> Self {
        Self { limit: limit.max(1), in_a_row: BTreeMap::new() }
    }

    /// Whether an answer counts as a failure of the plugin: a trap, a limit, a broken rule, or
    /// its own word that it failed. An error about its input does not.
    pub fn is_failure(error: &PriceError) -> bool {
        matches!(error, PriceError::Misbehaved(_) | PriceError::Internal(_))
    }

    /// Counts a failure; true when it is the one that sets the plugin aside.
    pub fn failed(&mut self, plugin: Hash) -> bool {
        let count = self.in_a_row.entry(plugin).or_default();
        *count = count.saturating_add(1);
        *count == self.limit
    }

    /// An answer ends the row, unless the plugin is set aside: only an operator ends that.
    pub fn succeeded(&mut self, plugin: Hash) {
        if !self.is_quarantined(plugin) {
            self.in_a_row.remove(&plugin);
        }
    }

    /// Whether the plugin is set aside.
    pub fn is_quarantined(&self, plugin: Hash) -> bool {
        self.in_a_row.get(&plugin).is_some_and(|count| *count >= self.limit)
    }

    /// An operator brings the plugin back; true when it was set aside.
    pub fn bring_back(&mut self, plugin: Hash) -> bool {
        self.in_a_row.remove(&plugin).is_some_and(|count| count >= self.limit)
    }
}

#[cfg(test)]
mod tests;
