//! The values of message fields, each of which carries its rule in its type.
//!
//! Owns how a scalar is held, checked and written. Decoding takes what can be held and notes what
//! breaks the rule; the constructors are strict, so that what we send is right from the start.
//! Must never round or reformat what came in: it goes out as it came.

mod extra;
mod list;
mod number;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub use extra::{Extra, Json};
pub use list::List;
pub use number::{IntIn, Number, NumberIn, Tenths};
pub use text::{Str, Text};
pub use time::Time;

pub(crate) use number::{Decimal, Integer, is_number};
pub(crate) use time::{Reading, read as read_time};

/// A value that its type does not allow: too long, too many, too big, or not of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfBounds;

impl std::fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("value out of the bounds of its OCPP type")
    }
}

impl std::error::Error for OutOfBounds {}
