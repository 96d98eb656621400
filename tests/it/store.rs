//! The store's promises, kept by every backend: what was acknowledged is there after any end, in
//! order, with its rows. For sled also: nothing is acknowledged before it is synced, by the
//! system calls that it makes; the file of rows alone may be synced later, since the log makes
//! every row again.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod conformance;
mod full;
mod killed;
mod largest;
mod node;
mod traced;

use std::path::Path;

use busbar_engine::store::{Restored, Store};
use busbar_store::{Options, SledStore};

/// Opens a sled store with bounds so small that all of its machinery runs.
fn open_sled(folder: &Path) -> (Box<dyn Store>, Restored) {
    let options = Options {
        cache_bytes: 8 << 20,
        reserve_bytes: 4096,
        row_delay_blocks: 9,
        waiting_rows: 20,
        archive_step: 8,
        archive_file_bytes: 100_000,
        ..Options::default()
    };
    let (store, restored) = SledStore::open(folder, options).unwrap();
    (Box::new(store), restored)
}

#[test]
fn sled_keeps_the_promises_of_a_store() {
    for promise in conformance::ALL {
        let home = tempfile::tempdir().unwrap();
        promise(&mut || open_sled(home.path()));
    }
}

/// Text that does not compress, the same for the same seed.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b' ' + (state >> 40) as u8 % 90)
    };
    (0..bytes).map(letter).collect()
}
