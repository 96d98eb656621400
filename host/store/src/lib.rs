//! The engines behind the store contract: on one machine sled for the log and redb for the rows;
//! the frame log beside them. When `commit` returns, the facts are synced to the disk. Must never
//! decide, and never acknowledge what a power cut could take back.

mod archive;
mod codec;
mod committer;
mod keeper;
mod keys;
mod marks;
mod needed;
mod parts;
mod rows;
mod sled_store;
mod space;

pub mod backup;
pub mod frames;
pub mod stored;

pub use codec::PlacedFact;
pub use committer::{Committed, Committer};
pub use keeper::Keeper;
pub use sled_store::{Options, SledStore};
pub use space::free_bytes;

/// What every message about damage ends with.
pub(crate) const HOW_TO_RESTORE: &str =
    "keep the folder as it is and restore the newest backup with `busbar restore`";
