//! Owns the bytes of a block of facts and of a snapshot: CBOR, compressed once, one checksum.
//! The forms are frozen by their version. Must never read or write a file.

use std::collections::BTreeMap;

use busbar_charging::fact::{Fact, FactError};
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Position, Snapshot, StoreError};
use minicbor::{Decoder, Encoder};

/// A fact with its place and its subject.
pub type PlacedFact = (Position, Subject, Fact);

/// What a sealed value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Facts of the log.
    Block = b'B',
    /// The state of one subject.
    Snapshot = b'S',
    /// A part of the frame log.
    Frames = b'F',
}

const VERSION: u8 = 1;
/// Kind, version, number, raw length, checksum.
const HEADER_BYTES: usize = 1 + 1 + 8 + 4 + 4;
/// What a fact needs room for while it is written.
const TYPICAL_FACT_BYTES: usize = 768;
/// No sealed value is larger when unpacked; a greater length is damage.
const MAX_RAW_BYTES: u32 = 1 << 30;
/// No byte of a zstd frame unpacks to more: a block has four at least, and holds 128 KiB at most
/// (RFC 8878, 3.1.1.2).
const MAX_RATIO: usize = 32 << 10;

/// Packs values; keeps its working memory.
pub(crate) struct Sealer {
    compressor: zstd::bulk::Compressor<'static>,
}

impl Sealer {
    pub(crate) fn new() -> Result<Self, StoreError> {
        let failed = |error| StoreError::Failed(format!("zstd cannot start: {error}"));
        Ok(Self { compressor: zstd::bulk::Compressor::new(1).map_err(failed)? })
    }

    /// Compresses a body at level 1 and puts a checksum over it and its number.
    pub(crate) fn seal(
        &mut self,
        kind: Kind,
        number: u64,
        body: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let failed = |error: String| StoreError::Failed(format!("cannot pack: {error}"));
        let raw = u32::try_from(body.len()).map_err(|error| failed(error.to_string()))?;
        let packed = self.compressor.compress(body).map_err(|error| failed(error.to_string()))?;
        let mut sealed = Vec::with_capacity(HEADER_BYTES + packed.len());
        sealed.extend([kind as u8, VERSION]);
        sealed.extend(number.to_be_bytes());
        sealed.extend(raw.to_be_bytes());
        let checksum = checksum(&sealed, &packed);
        sealed.extend(checksum.to_be_bytes());
        sealed.extend(packed);
        Ok(sealed)
    }
}

fn checksum(head: &[u8], packed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(packed);
    hasher.finalize()
}

/// The number and the body of a sealed value, or what is wrong with it.
pub(crate) fn unseal(kind: Kind, sealed: &[u8]) -> Result<(u64, Vec<u8>), String> {
    let Some((head, packed)) = sealed.split_at_checked(HEADER_BYTES) else {
        return Err(format!("it is cut off after {} bytes", sealed.len()));
    };
    let (head, sum) = head.split_at(HEADER_BYTES - 4);
    if checksum(head, packed).to_be_bytes() != *sum {
        return Err("its checksum is wrong".into());
    }
    if head[0] != kind as u8 || head[1] != VERSION {
        return Err(format!("it is of kind {} version {}, unknown here", head[0], head[1]));
    }
    let number = head[2..10].iter().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
    let raw = head[10..14].iter().fold(0_u32, |n, byte| (n << 8) | u32::from(*byte));
    if raw > MAX_RAW_BYTES || raw as usize > packed.len().saturating_mul(MAX_RATIO) {
        return Err(format!("it claims to hold {raw} bytes"));
    }
    let body = zstd::bulk::decompress(packed, raw as usize)
        .map_err(|error| format!("it cannot be unpacked: {error}"))?;
    Ok((number, body))
}

type EncodeError = minicbor::encode::Error<std::convert::Infallible>;

/// The bodies of facts, one after the other in one buffer.
struct Bodies {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Bodies {
    fn of<'a>(facts: impl ExactSizeIterator<Item = &'a Fact>) -> Result<Self, FactError> {
        let count = facts.len();
        let bytes = Vec::with_capacity(count * TYPICAL_FACT_BYTES);
        let mut bodies = Self { bytes, ends: Vec::with_capacity(count) };
        for fact in facts {
            fact.encode_to(&mut bodies.bytes)?;
            bodies.ends.push(bodies.bytes.len());
        }
        Ok(bodies)
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| &self.bytes[std::mem::replace(&mut start, *end)..*end])
    }
}

/// The body of a block: names and subjects once, then the facts that point to them.
pub(crate) fn encode_block(facts: &[PlacedFact]) -> Result<Vec<u8>, StoreError> {
    let failed = |error: String| StoreError::Failed(format!("a fact cannot be written: {error}"));
    let bodies = Bodies::of(facts.iter().map(|(_, _, fact)| fact));
    let bodies = bodies.map_err(|error| failed(error.to_string()))?;
    write_block(facts, &bodies).map_err(|error| failed(error.to_string()))
}

fn write_block(facts: &[PlacedFact], bodies: &Bodies) -> Result<Vec<u8>, EncodeError> {
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    let mut subjects: BTreeMap<&Subject, u32> = BTreeMap::new();
    for (_, subject, fact) in facts {
        names.entry(fact.name()).or_default();
        subjects.entry(subject).or_default();
    }
    let size = bodies.bytes.len() + 16 * facts.len() + 64 * (subjects.len() + names.len());
    let mut encoder = Encoder::new(Vec::with_capacity(size));
    encoder.array(3)?.array(names.len() as u64)?;
    for (index, (name, number)) in (0..).zip(names.iter_mut()) {
        *number = index;
        encoder.str(name)?;
    }
    encoder.array(subjects.len() as u64)?;
    for (index, (subject, number)) in (0..).zip(subjects.iter_mut()) {
        *number = index;
        encoder.str(&subject.to_string())?;
    }
    encoder.array(facts.len() as u64)?;
    for ((position, subject, fact), body) in facts.iter().zip(bodies.iter()) {
        encoder.array(5)?.u8(position.shard)?.u64(position.sequence)?;
        encoder.u32(subjects.get(subject).copied().unwrap_or_default())?;
        encoder.u32(names.get(fact.name()).copied().unwrap_or_default())?;
        encoder.bytes(body)?;
    }
    Ok(encoder.into_writer())
}

/// Reads what `encode_block` wrote, or says what is wrong with it.
pub(crate) fn decode_block(body: &[u8]) -> Result<Vec<PlacedFact>, String> {
    let mut decoder = Decoder::new(body);
    read_block(&mut decoder).map_err(|error| error.to_string())?
}

type Unreadable = minicbor::decode::Error;

fn length(decoder: &mut Decoder<'_>) -> Result<u64, Unreadable> {
    decoder.array()?.ok_or_else(|| Unreadable::message("an array without a length"))
}

fn read_block(decoder: &mut Decoder<'_>) -> Result<Result<Vec<PlacedFact>, String>, Unreadable> {
    length(decoder)?;
    let names = (0..length(decoder)?).map(|_| decoder.str()).collect::<Result<Vec<_>, _>>()?;
    let mut subjects = Vec::new();
    for _ in 0..length(decoder)? {
        let text = decoder.str()?;
        match Subject::parse(text) {
            Some(subject) => subjects.push(subject),
            None => return Ok(Err(format!("{text:?} is not a subject"))),
        }
    }
    let count = length(decoder)?;
    let mut facts = Vec::new();
    for _ in 0..count {
        length(decoder)?;
        let position = Position { shard: decoder.u8()?, sequence: decoder.u64()? };
        let subject = subjects.get(decoder.u32()? as usize);
        let name = names.get(decoder.u32()? as usize);
        let (Some(subject), Some(name)) = (subject, name) else {
            return Ok(Err("a fact points beyond its block".into()));
        };
        match Fact::decode(name, decoder.bytes()?) {
            Ok(fact) => facts.push((position, subject.clone(), fact)),
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    Ok(Ok(facts))
}

/// The body of a snapshot.
pub(crate) fn encode_snapshot(snapshot: &Snapshot) -> Result<Vec<u8>, StoreError> {
    let failed =
        |error: String| StoreError::Failed(format!("a snapshot cannot be written: {error}"));
    let bodies = Bodies::of(snapshot.facts.iter()).map_err(|error| failed(error.to_string()))?;
    write_snapshot(snapshot, &bodies).map_err(|error| failed(error.to_string()))
}

fn write_snapshot(snapshot: &Snapshot, bodies: &Bodies) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.array(5)?.str(&snapshot.subject.to_string())?;
    encoder.u8(snapshot.position.shard)?.u64(snapshot.position.sequence)?;
    encoder.i64(snapshot.at.0)?.array(snapshot.facts.len() as u64)?;
    for (fact, body) in snapshot.facts.iter().zip(bodies.iter()) {
        encoder.array(2)?.str(fact.name())?.bytes(body)?;
    }
    Ok(encoder.into_writer())
}

/// Reads what `encode_snapshot` wrote, or says what is wrong with it.
pub(crate) fn decode_snapshot(body: &[u8]) -> Result<Snapshot, String> {
    let mut decoder = Decoder::new(body);
    read_snapshot(&mut decoder).map_err(|error| error.to_string())?
}

fn read_snapshot(decoder: &mut Decoder<'_>) -> Result<Result<Snapshot, String>, Unreadable> {
    length(decoder)?;
    let text = decoder.str()?;
    let Some(subject) = Subject::parse(text) else {
        return Ok(Err(format!("{text:?} is not a subject")));
    };
    let position = Position { shard: decoder.u8()?, sequence: decoder.u64()? };
    let at = Timestamp(decoder.i64()?);
    let mut facts = Vec::new();
    for _ in 0..length(decoder)? {
        length(decoder)?;
        match Fact::decode(decoder.str()?, decoder.bytes()?) {
            Ok(fact) => facts.push(fact),
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    Ok(Ok(Snapshot { subject, position, at, facts }))
}

#[cfg(test)]
mod tests;
