//! Owns where things stand in sled: one table whose keys begin with a letter. The forms are
//! frozen. Must never make a key that a value could outgrow: keys are bounded, whatever came in.

use busbar_charging::subject::Subject;
use sha2::{Digest, Sha256};

/// Where the store's own marks stand.
pub(crate) const MARKS: &[u8] = b"M";
/// All block parts begin so.
pub(crate) const LOG: &[u8] = b"L";
/// All rows of the store's first form began so; nothing does any more.
pub(crate) const OLD_ROWS: &[u8] = b"R";
/// All snapshot parts begin so.
pub(crate) const SNAPSHOTS: &[u8] = b"S";

/// A longer path is cut, and a hash of the whole path keeps it apart from others. sled's inner
/// pages hold some 300 keys and must stay below 128 KiB like all others (`parts`).
const MAX_PATH_BYTES: usize = 256;

/// A part of a block: blocks in order.
pub(crate) fn block_part(block: u64, part: u16) -> Vec<u8> {
    let mut key = Vec::with_capacity(11);
    key.extend(LOG);
    key.extend(block.to_be_bytes());
    key.extend(part.to_be_bytes());
    key
}

/// Reads what `block_part` made.
pub(crate) fn parse_block_part(key: &[u8]) -> Option<(u64, u16)> {
    let block = key.get(1..9)?.try_into().ok().map(u64::from_be_bytes)?;
    let part = key.get(9..11)?.try_into().ok().map(u16::from_be_bytes)?;
    (key.len() == 11).then_some((block, part))
}

/// A part of a subject's snapshot.
pub(crate) fn snapshot_part(subject: &Subject, part: u16) -> Vec<u8> {
    let mut key = SNAPSHOTS.to_vec();
    push_path(&mut key, &subject.to_string());
    key.extend(part.to_be_bytes());
    key
}

/// The number at the end of a key of parts.
pub(crate) fn part_of(key: &[u8]) -> Option<u16> {
    key.last_chunk().copied().map(u16::from_be_bytes)
}

/// A zero byte becomes 0 255, and 0 0 ends the path: the order of paths stays.
fn push_path(bytes: &mut Vec<u8>, path: &str) {
    if path.len() > MAX_PATH_BYTES {
        escape(bytes, &path.as_bytes()[..path.floor_char_boundary(MAX_PATH_BYTES)]);
        // No UTF-8 text holds this byte, so a cut path equals no whole one.
        bytes.push(0xFE);
        let hash: [u8; 32] = Sha256::digest(path).into();
        bytes.extend(hash.iter().flat_map(|byte| [b'a' + (byte >> 4), b'a' + (byte & 15)]));
    } else {
        escape(bytes, path.as_bytes());
    }
    bytes.extend([0, 0]);
}

fn escape(bytes: &mut Vec<u8>, path: &[u8]) {
    for byte in path {
        bytes.push(*byte);
        if *byte == 0 {
            bytes.push(0xFF);
        }
    }
}

#[cfg(test)]
mod tests;
