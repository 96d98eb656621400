//! Owns what the store remembers of itself: where its log begins, and how far its rows are.
//! Must never be ahead of what is on disk: it is written in the same step.

use busbar_engine::store::Position;
use minicbor::{Decoder, Encoder};

/// The version of the store's form on disk.
const FORM: u8 = 1;

/// The store's marks, as they are on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The first block of the log.
    pub(crate) first_block: u64,
    /// The rows of all facts up to this block are on disk.
    pub(crate) rows_through: u64,
    /// The last sequence number of each shard.
    pub(crate) heads: [u64; 64],
}

impl Marks {
    pub(crate) fn new() -> Self {
        Self { first_block: 1, rows_through: 0, heads: [0; 64] }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        let written: Result<(), minicbor::encode::Error<std::convert::Infallible>> = (|| {
            encoder.array(4)?.u8(FORM)?.u64(self.first_block)?.u64(self.rows_through)?;
            encoder.array(self.heads.len() as u64)?;
            self.heads.iter().try_for_each(|head| encoder.u64(*head).map(|_| ()))
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
            if form != FORM {
                return Ok(Err(format!("its form is {form}; this version of busbar knows {FORM}")));
            }
            let (first_block, rows_through) = (decoder.u64()?, decoder.u64()?);
            let mut marks = Self { first_block, rows_through, ..Self::new() };
            decoder.array()?;
            for head in &mut marks.heads {
                *head = decoder.u64()?;
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
