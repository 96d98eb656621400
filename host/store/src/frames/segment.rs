//! Owns one segment file: blocks of many stations' frames, and at its end an index by station.
//! Must never fail for a file that was cut off: what is whole of it is read.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use busbar_charging::ids::StationId;
use serde::{Deserialize, Serialize};

use super::Frame;
use crate::codec::{Kind, Sealer, unseal};

const MAGIC: &[u8; 16] = b"busbar frames 1\n";
/// No block is longer when packed; a greater length is damage.
const MAX_BLOCK_BYTES: u64 = 1 << 28;
/// No process counts so far; a greater number is damage.
const MAX_NUMBER: u64 = 1 << 62;

/// What a file's index says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Index {
    /// Where each block begins, its packed length, its first number and the one after its last.
    blocks: Vec<(u64, u64, u64, u64)>,
    /// Of each station: its bytes of text, and the blocks that hold its frames.
    stations: BTreeMap<StationId, (u64, Vec<u32>)>,
}

impl Index {
    /// Whether what it says can be true of a file of so many bytes.
    fn fits(&self, bytes: u64) -> bool {
        let within = self.blocks.iter().all(|(offset, length, first, end)| {
            offset.checked_add(*length).is_some_and(|after| after <= bytes)
                && first <= end
                && *end <= MAX_NUMBER
        });
        let is_there = |block: &u32| (*block as usize) < self.blocks.len();
        within && self.stations.values().all(|(_, blocks)| blocks.iter().all(is_there))
    }

    fn add(&mut self, offset: u64, length: u64, frames: &[(u64, Frame)]) {
        let number = self.blocks.len() as u32;
        let first = frames.first().map_or(0, |(number, _)| *number);
        let end = frames.last().map_or(0, |(number, _)| number + 1);
        self.blocks.push((offset, length, first, end));
        for (_, frame) in frames {
            let entry = self.stations.entry(frame.station.clone()).or_default();
            entry.0 += frame.bytes();
            if entry.1.last() != Some(&number) {
                entry.1.push(number);
            }
        }
    }
}

/// A file that is full, or as much as is written of one that grows.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    path: PathBuf,
    bytes: u64,
    blocks: Vec<(u64, u64, u64, u64)>,
    /// Where the index is; in memory only for the file that grows.
    index: IndexAt,
}

#[derive(Clone, Debug)]
enum IndexAt {
    Memory(Arc<Index>),
    File(u64, u64),
}

/// The segment files of a folder, oldest first.
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("frames") => files.push(path),
            // A rewrite that a crash cut off.
            Some("rewritten") => fs::remove_file(path)?,
            _ => {}
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The number that a file is named by; 0 where that is none.
pub(super) fn first_number(path: &Path) -> u64 {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let number = stem.and_then(|stem| stem.parse().ok()).unwrap_or(0);
    if number < MAX_NUMBER { number } else { 0 }
}

fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

fn read_at(file: &mut File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    if length > MAX_BLOCK_BYTES {
        return Err(damaged("a block is too long"));
    }
    file.seek(SeekFrom::Start(offset))?;
    // Grows with what is there, not with what is claimed.
    let mut bytes = Vec::new();
    let read = Read::by_ref(file).take(length).read_to_end(&mut bytes)?;
    if (read as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

fn decode<T: for<'a> Deserialize<'a>>(sealed: &[u8]) -> io::Result<(u64, T)> {
    let (number, body) = unseal(Kind::Frames, sealed).map_err(damaged)?;
    let value = minicbor_serde::from_slice(&body).map_err(|error| damaged(error.to_string()))?;
    Ok((number, value))
}

impl Segment {
    /// Opens a file by its index, or block by block where it has none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let whole = Self::by_footer(path, &mut file, bytes);
        whole.or_else(|_| Self::by_blocks(path, &mut file, bytes))
    }

    /// The index is the last block; the last eight bytes say how long it is.
    fn by_footer(path: &Path, file: &mut File, bytes: u64) -> io::Result<Self> {
        let at = bytes.checked_sub(8).ok_or_else(|| damaged("it is too short"))?;
        let length = read_at(file, at, 8)?;
        let length = u64::from_be_bytes(length.try_into().map_err(|_| damaged("no length"))?);
        let offset = at.checked_sub(length).ok_or_else(|| damaged("no index"))?;
        let (_, index): (_, Index) = decode(&read_at(file, offset, length)?)?;
        if !index.fits(offset) {
            return Err(damaged("its index is of another file"));
        }
        let index_at = IndexAt::File(offset, length);
        Ok(Self { path: path.into(), bytes, blocks: index.blocks, index: index_at })
    }

    fn by_blocks(path: &Path, file: &mut File, bytes: u64) -> io::Result<Self> {
        let mut index = Index::default();
        if read_at(file, 0, MAGIC.len() as u64)? != MAGIC {
            return Err(damaged("it does not begin as a file of frames"));
        }
        let mut offset = MAGIC.len() as u64;
        while let Ok(length) = read_at(file, offset, 4) {
            let length = length.iter().fold(0, |n, byte| (n << 8) | u64::from(*byte));
            let Ok(sealed) = read_at(file, offset + 4, length) else { break };
            let Ok((_, frames)) = decode::<Vec<(u64, Frame)>>(&sealed) else { break };
            if frames.iter().any(|(number, _)| *number >= MAX_NUMBER) {
                break;
            }
            index.add(offset + 4, length, &frames);
            offset += 4 + length;
        }
        let (blocks, index) = (index.blocks.clone(), IndexAt::Memory(Arc::new(index)));
        Ok(Self { path: path.into(), bytes, blocks, index })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it was begun and nothing was written.
    pub(super) fn is_new(&self) -> bool {
        self.bytes <= MAGIC.len() as u64
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The number after its last frame's.
    pub(super) fn end(&self) -> u64 {
        self.blocks.iter().map(|(.., end)| *end).max().unwrap_or(0)
    }

    fn index(&self) -> io::Result<Arc<Index>> {
        match &self.index {
            IndexAt::Memory(index) => Ok(Arc::clone(index)),
            IndexAt::File(offset, length) => {
                let sealed = read_at(&mut File::open(&self.path)?, *offset, *length)?;
                Ok(Arc::new(decode(&sealed)?.1))
            }
        }
    }

    /// Bytes of text of each station.
    pub(super) fn stations(&self) -> io::Result<BTreeMap<StationId, u64>> {
        let index = self.index()?;
        Ok(index.stations.iter().map(|(station, (bytes, _))| (station.clone(), *bytes)).collect())
    }

    /// The frames of a block.
    pub(super) fn read(&self, block: usize) -> io::Result<Vec<(u64, Frame)>> {
        let (offset, length, ..) = self.blocks[block];
        Ok(decode(&read_at(&mut File::open(&self.path)?, offset, length)?)?.1)
    }

    /// A station's newest frames before a number.
    pub(super) fn newest(
        &self,
        station: &StationId,
        before: u64,
        limit: usize,
    ) -> io::Result<Vec<(u64, Frame)>> {
        let mut found = Vec::new();
        if self.blocks.first().is_none_or(|(_, _, first, _)| *first >= before) {
            return Ok(found);
        }
        let index = self.index()?;
        let Some((_, blocks)) = index.stations.get(station) else { return Ok(found) };
        for block in blocks.iter().rev() {
            let block = *block as usize;
            if found.len() >= limit || self.blocks[block].2 >= before {
                continue;
            }
            let frames = self.read(block)?.into_iter().rev();
            found.extend(
                frames.filter(|(number, frame)| *number < before && frame.station == *station),
            );
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Replaces the file by one of the frames to keep; removes it where there are none.
    pub(super) fn rewrite(&self, keep: impl Fn(&Frame) -> bool) -> io::Result<Option<Self>> {
        let new = self.path.with_extension("rewritten");
        let mut writer = Writer::at(new.clone())?;
        for block in 0..self.blocks.len() {
            let mut frames = self.read(block)?;
            frames.retain(|(_, frame)| keep(frame));
            if !frames.is_empty() {
                writer.write(&frames)?;
            }
        }
        if writer.index.blocks.is_empty() {
            fs::remove_file(new)?;
            fs::remove_file(&self.path)?;
            return Ok(None);
        }
        let mut kept = writer.finish()?;
        fs::rename(&new, &self.path)?;
        kept.path.clone_from(&self.path);
        Ok(Some(kept))
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// A file that grows.
pub(super) struct Writer {
    path: PathBuf,
    file: File,
    bytes: u64,
    index: Arc<Index>,
    sealer: Sealer,
}

impl Writer {
    /// Begins the file whose first frame has this number.
    pub(super) fn create(folder: &Path, first: u64) -> io::Result<Self> {
        Self::at(folder.join(format!("{first:020}.frames")))
    }

    fn at(path: PathBuf) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        file.write_all(MAGIC)?;
        let sealer = Sealer::new().map_err(io::Error::other)?;
        Ok(Self { path, file, bytes: MAGIC.len() as u64, index: Arc::default(), sealer })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn as_segment(&self) -> Segment {
        Segment {
            path: self.path.clone(),
            bytes: self.bytes,
            blocks: self.index.blocks.clone(),
            index: IndexAt::Memory(Arc::clone(&self.index)),
        }
    }

    fn seal(&mut self, value: &impl Serialize) -> io::Result<Vec<u8>> {
        let body = minicbor_serde::to_vec(value).map_err(|error| damaged(error.to_string()))?;
        let number = self.index.blocks.len() as u64;
        self.sealer.seal(Kind::Frames, number, &body).map_err(io::Error::other)
    }

    /// Writes a block.
    pub(super) fn write(&mut self, frames: &[(u64, Frame)]) -> io::Result<()> {
        let sealed = self.seal(&frames)?;
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend(sealed);
        // What a failed write left behind is written over.
        self.file.seek(SeekFrom::Start(self.bytes))?;
        self.file.write_all(&bytes)?;
        Arc::make_mut(&mut self.index).add(self.bytes + 4, u64::from(length), frames);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes the index.
    pub(super) fn finish(mut self) -> io::Result<Segment> {
        let index = Arc::clone(&self.index);
        let sealed = self.seal(&*index)?;
        let (offset, length) = (self.bytes, sealed.len() as u64);
        self.file.write_all(&sealed)?;
        self.file.write_all(&length.to_be_bytes())?;
        let index_at = IndexAt::File(offset, length);
        let bytes = offset + length + 8;
        Ok(Segment { path: self.path, bytes, blocks: index.blocks.clone(), index: index_at })
    }
}
