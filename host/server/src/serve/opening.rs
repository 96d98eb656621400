//! Owns the opening of a host's store, at the start and again after a failure.
//! Must never begin anew where a store was.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use busbar_engine::store::{Restored, Store, StoreError};
use busbar_store::{Keeper, Options, SledStore};

use crate::config::Config;
use crate::node::OpenStore;
use crate::secrets::{InstallationKey, KEY_FILE};

/// The store's name in the data folder.
const STORE: &str = "store";

/// The keeper of the store that is open now: another one after every opening.
pub(super) type CurrentKeeper = Arc<Mutex<Option<Keeper>>>;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key of an installation, which is made after its store; none before the first start has come
/// so far.
///
/// # Errors
/// The store of the key is gone, or the key cannot be used.
pub(super) fn known_key(data: &Path) -> Result<Option<InstallationKey>, String> {
    let (key, store) = (data.join(KEY_FILE), data.join(STORE));
    let of_key = |error: std::io::Error| format!("{}: {error}", key.display());
    if !key.try_exists().map_err(of_key)? {
        return Ok(None);
    }
    if !SledStore::is_there(&store).map_err(|error| error.to_string())? {
        let (store, key) = (store.display(), key.display());
        return Err(format!(
            "{store} holds no store, while {key} is there: what this installation recorded is \
             gone, or its first start did not come so far. Put the store back, mount its disk, or \
             restore the newest backup into a new data folder with `busbar restore`; to begin anew \
             without all that was recorded, remove {key} too"
        ));
    }
    InstallationKey::read(data).map(Some).map_err(|error| error.to_string())
}

/// Opens the store, and makes one only where `create` says so: where no key says that there is one.
/// What it gives hands out that store first, and opens it again after that.
///
/// # Errors
/// What the store says: which file, and what to do; or the key of what was recorded is gone.
pub(super) async fn open(
    config: &Config,
    create: bool,
) -> Result<(OpenStore, CurrentKeeper), String> {
    let folder = config.data.join(STORE);
    let options = Options {
        cache_bytes: config.store.cache,
        low_space_bytes: config.store.low_space,
        ..Options::default()
    };
    let keeper = CurrentKeeper::default();
    let current = Arc::clone(&keeper);
    let open = move |create: bool| -> Result<(Box<dyn Store>, Restored), StoreError> {
        // sled locks its folder: the old handle must be gone.
        *lock(&current) = None;
        let (store, restored) = SledStore::open(&folder, Options { create, ..options.clone() })?;
        if let Some(mended) = store.mended() {
            tracing::warn!("{mended}");
        }
        *lock(&current) = Some(store.keeper());
        Ok((Box::new(store), restored))
    };
    // Opening replays the log: not on the async threads.
    let key = config.data.join(KEY_FILE);
    let opening = tokio::task::spawn_blocking(move || {
        let first = open(create).map_err(|error| error.to_string())?;
        if create && !first.1.heads.is_empty() {
            return Err(keyless(&key));
        }
        Ok((first, open))
    });
    let opened = opening.await.map_err(|error| format!("opening the store failed: {error}"))?;
    let (first, open) = opened?;
    let first = Mutex::new(Some(first));
    let open = move || {
        let first = lock(&first).take();
        first.map_or_else(|| open(false), Ok)
    };
    Ok((Box::new(open), keeper))
}

/// Under another key no station and no user of the API could log in, and nobody would know why.
fn keyless(key: &Path) -> String {
    format!(
        "{} is gone, while the store beside it has recorded much: no password and no token would \
         match any more. Put it back from the newest backup, or `busbar restore` that into a new \
         data folder",
        key.display()
    )
}
