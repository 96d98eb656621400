//! Owns the prepared forms, by the hashes of plugin and configuration, as many as there is room
//! for. Must never hold what a plugin said about a session.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use busbar_charging::ids::Hash;
use busbar_charging::pricing::PreparedTariff;
use busbar_charging::units::Currency;
use sha2::{Digest, Sha256};

/// Prepared forms that are kept; the oldest goes first.
const MOST: usize = 4_096;

/// A tariff as its plugin prepared it.
#[derive(Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What the host needs of it: boundaries, components, sign.
    pub tariff: PreparedTariff,
    /// What `price` gets, in the plugin's own form.
    pub compiled: Vec<u8>,
    /// The hash of the configuration that it was made of.
    pub configuration: Hash,
}

/// The hash of a plugin's bytes.
pub fn content_hash(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// The hash of a configuration: its text and the currency.
pub fn configuration_hash(text: &str, currency: Currency) -> Hash {
    let mut sha = Sha256::new();
    sha.update(currency.as_str());
    sha.update([0]);
    sha.update(text);
    Hash(sha.finalize().into())
}

/// Prepared forms of all plugins of a sandbox.
#[derive(Default)]
pub(crate) struct PreparedForms(Mutex<Forms>);

type Key = (Hash, Hash);

#[derive(Default)]
struct Forms {
    by_key: HashMap<Key, Arc<Prepared>>,
    in_order: VecDeque<Key>,
}

impl PreparedForms {
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Prepared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_key.get(key).cloned()
    }

    pub(crate) fn put(&self, key: Key, prepared: Arc<Prepared>) {
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if forms.by_key.insert(key, prepared).is_none() {
            forms.in_order.push_back(key);
        }
        if forms.in_order.len() > MOST
            && let Some(oldest) = forms.in_order.pop_front()
        {
            forms.by_key.remove(&oldest);
        }
    }
}
