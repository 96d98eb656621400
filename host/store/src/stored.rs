//! Owns the stored forms as functions from bytes to values and back, for tools and proofs that
//! have bytes and no store. Must never read what the store itself would refuse.

use std::path::Path;

use busbar_engine::store::{Snapshot, StoreError};

use crate::HOW_TO_RESTORE;
use crate::archive::BlockFile;
pub use crate::codec::Kind;
use crate::codec::{self, PlacedFact, Sealer};

/// Packs a body, with its checksum.
///
/// # Errors
/// The body is too large.
pub fn seal(kind: Kind, number: u64, body: &[u8]) -> Result<Vec<u8>, StoreError> {
    Sealer::new()?.seal(kind, number, body)
}

/// A block of the log as it is stored.
///
/// # Errors
/// As [`seal`].
pub fn write_block(number: u64, facts: &[PlacedFact]) -> Result<Vec<u8>, StoreError> {
    seal(Kind::Block, number, &codec::encode_block(facts)?)
}

/// The facts of the block `number`.
///
/// # Errors
/// Names the block and what is wrong with it.
pub fn read_block(number: u64, sealed: &[u8]) -> Result<Vec<PlacedFact>, StoreError> {
    let read = codec::unseal(Kind::Block, sealed).and_then(|(found, body)| match found {
        _ if found == number => codec::decode_block(&body),
        _ => Err(format!("it says that it is {found}")),
    });
    read.map_err(|reason| {
        StoreError::Damaged(format!("block {number} of the log: {reason}; {HOW_TO_RESTORE}"))
    })
}

/// A snapshot as it is stored.
///
/// # Errors
/// As [`seal`].
pub fn write_snapshot(snapshot: &Snapshot) -> Result<Vec<u8>, StoreError> {
    seal(Kind::Snapshot, snapshot.position.sequence, &codec::encode_snapshot(snapshot)?)
}

/// A snapshot.
///
/// # Errors
/// Says what is wrong with it.
pub fn read_snapshot(sealed: &[u8]) -> Result<Snapshot, StoreError> {
    let read = codec::unseal(Kind::Snapshot, sealed);
    let read = read.and_then(|(_, body)| codec::decode_snapshot(&body));
    read.map_err(|reason| StoreError::Damaged(format!("a snapshot: {reason}; {HOW_TO_RESTORE}")))
}

/// The blocks of a file of blocks, as an archive or a backup has it, up to the first that cannot
/// be read, and what is wrong with that.
///
/// # Errors
/// The file does not begin as one.
#[expect(clippy::type_complexity, reason = "what was read, and why not more")]
pub fn read_block_file(
    path: &Path,
) -> Result<(Vec<(u64, Vec<PlacedFact>)>, Option<StoreError>), StoreError> {
    let mut file = BlockFile::open(path)?;
    let mut blocks = Vec::new();
    while let Some(next) = file.next() {
        match next {
            Ok((number, _, facts)) => blocks.push((number, facts)),
            Err(error) => return Ok((blocks, Some(error))),
        }
    }
    Ok((blocks, None))
}

#[cfg(test)]
mod tests;
