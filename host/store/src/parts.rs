//! Owns the cutting of values: sled puts what is large into files that nobody syncs (FACTS.md).
//! Must never give sled a value above 4 KiB.

use busbar_engine::store::StoreError;

/// No value in sled is larger. sled writes a leaf of more than 128 KiB as a file that nobody
/// syncs; a leaf holds up to 17 values, and up to 4 more while it takes over its neighbour's.
/// 8 KiB were measured to be too much: 19 such files after 10,000 blocks.
pub(crate) const PART_BYTES: usize = 4 * 1024;

/// A value as parts, numbered from 0. The first begins with the length of all.
pub(crate) fn cut(value: &[u8]) -> Result<Vec<(u16, Vec<u8>)>, StoreError> {
    let too_large = || StoreError::Failed(format!("a value of {} bytes is too large", value.len()));
    let length = u32::try_from(value.len()).map_err(|_| too_large())?;
    let mut whole = Vec::with_capacity(4 + value.len());
    whole.extend(length.to_be_bytes());
    whole.extend(value);
    let parts = whole.chunks(PART_BYTES).map(<[u8]>::to_vec);
    parts.enumerate().map(|(n, part)| Ok((number(n).ok_or_else(too_large)?, part))).collect()
}

fn number(n: usize) -> Option<u16> {
    u16::try_from(n).ok()
}

/// Into how many parts a value was cut, by its first; none where that is damaged.
pub(crate) fn count(first: &[u8]) -> Option<u16> {
    number(whole_length(first)?.div_ceil(PART_BYTES))
}

fn whole_length(first: &[u8]) -> Option<usize> {
    first.first_chunk().map(|length| u32::from_be_bytes(*length) as usize + 4)
}

/// The value that parts make, in order; none where one is missing.
pub(crate) fn join<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    for part in parts {
        whole.extend(part);
    }
    (whole_length(&whole)? == whole.len()).then(|| whole.split_off(4))
}
