//! Texts with a greatest length.
//!
//! Owns the count of characters (not bytes). Must never cut a text that came in.

use super::OutOfBounds;
use crate::codec::Wire;
use crate::json::{self, Kind, Reader, Stop};
use crate::schema::Shape;
use std::fmt;
use std::ops::Deref;

/// A text of at most `N` characters. One that was decoded tolerantly may be longer.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Str<const N: usize>(Box<str>);

/// A text without a greatest length.
pub type Text = Str<{ usize::MAX }>;

impl<const N: usize> Str<N> {
    /// Checks and takes a text.
    ///
    /// # Errors
    /// When it has more than `N` characters.
    pub fn new(text: impl AsRef<str>) -> Result<Self, OutOfBounds> {
        let text = text.as_ref();
        if is_longer(text, N) { Err(OutOfBounds) } else { Ok(Self(text.into())) }
    }

    /// Takes the first `N` characters of a text: for texts that people read.
    pub fn cut(text: &str) -> Self {
        let end = text.char_indices().nth(N).map_or(text.len(), |(at, _)| at);
        Self(text[..end].into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` has more than `max` characters.
pub(crate) fn is_longer(text: &str, max: usize) -> bool {
    text.len() > max && text.chars().count() > max
}

impl<const N: usize> Wire for Str<N> {
    const SHAPE: Shape = Shape::Text { max: N };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        read(reader, N).map(Self)
    }

    fn write(&self, out: &mut String) {
        json::write_string(out, &self.0);
    }
}

/// Not generic, so that its machine code is made once.
fn read(reader: &mut Reader<'_>, max: usize) -> Result<Box<str>, Stop> {
    if reader.dialect.numbers_as_text && reader.peek() == Kind::Number {
        reader.note();
        return reader.number().map(Box::from);
    }
    let text = reader.string()?;
    if is_longer(&text, max) {
        reader.note();
    }
    Ok(text.into())
}

impl<const N: usize> Deref for Str<N> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> AsRef<str> for Str<N> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Str<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const N: usize> fmt::Debug for Str<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const N: usize> PartialEq<str> for Str<N> {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl<const N: usize> PartialEq<&str> for Str<N> {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}
