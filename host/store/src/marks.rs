//! Owns what the store remembers of itself: where its log begins, how far its rows are, and where
//! its archive ended.
//! Must never be ahead of what is on disk: it is written in the same step.

use busbar_engine::store::Position;
use minicbor::{Decoder, Encoder};

/// The version of the store's form on disk.
const FORM: u8 = 2;
/// Rows were in sled.
const OLD_FORM: u8 = 1;

/// Where the archive ended once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ArchiveEnd {
    /// The file, by its first block.
    pub(crate) file: u64,
    /// Its last block.
    pub(crate) last: u64,
    /// The byte at which that block begins.
    pub(crate) at: u64,
}

/// The store's marks, as they are on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The first block of the log.
    pub(crate) first_block: u64,
    /// The rows of all facts up to this block are on disk.
    pub(crate) rows_through: u64,
    /// The last sequence number of each shard.
    pub(crate) heads: [u64; 64],
    /// None before anything was archived.
    pub(crate) archive: Option<ArchiveEnd>,
    /// True for a store of the first form, which kept rows in sled.
    pub(crate) old_form: bool,
}

impl Marks {
    pub(crate) fn new() -> Self {
        Self { first_block: 1, rows_through: 0, heads: [0; 64], archive: None, old_form: false }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        let written: Result<(), minicbor::encode::Error<std::convert::Infallible>> = (|| {
            encoder.array(5)?.u8(FORM)?.u64(self.first_block)?.u64(self.rows_through)?;
            encoder.array(self.heads.len() as u64)?;
            self.heads.iter().try_for_each(|head| encoder.u64(*head).map(|_| ()))?;
            match self.archive {
                None => encoder.array(0)?,
                Some(end) => encoder.array(3)?.u64(end.file)?.u64(end.last)?.u64(end.at)?,
            };
            Ok(())
        })();
        // A vector takes all that is written to it.
        written.map_or_else(|_| Vec::new(), |()| encoder.into_writer())
    }

    /// Reads what `encode` wrote, or says what is wrong with it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut decoder = Decoder::new(bytes);
        let mut read = || -> Result<Result<Self, String>, minicbor::decode::Error> {
            decoder.array()?;
            let form = decoder.u8()?;
            if form != FORM && form != OLD_FORM {
                return Ok(Err(format!("its form is {form}; this version of busbar knows {FORM}")));
            }
            let (first_block, rows_through) = (decoder.u64()?, decoder.u64()?);
            let old_form = form == OLD_FORM;
            let mut marks = Self { first_block, rows_through, old_form, ..Self::new() };
            decoder.array()?;
            for head in &mut marks.heads {
                *head = decoder.u64()?;
            }
            if !old_form && decoder.array()? == Some(3) {
                let (file, last, at) = (decoder.u64()?, decoder.u64()?, decoder.u64()?);
                marks.archive = Some(ArchiveEnd { file, last, at });
            }
            Ok(Ok(marks))
        };
        read().map_err(|error| error.to_string())?
    }

    /// A fact stands at this position.
    pub(crate) fn see(&mut self, position: Position) {
        let head = &mut self.heads[usize::from(position.shard % 64)];
        *head = position.sequence.max(*head);
    }

    /// The last position of every shard that ever had a fact.
    pub(crate) fn positions(&self) -> Vec<Position> {
        let heads = (0..).zip(self.heads);
        let used = heads.filter(|(_, sequence)| *sequence > 0);
        used.map(|(shard, sequence)| Position { shard, sequence }).collect()
    }
}
