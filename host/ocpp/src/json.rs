//! A pull reader over JSON text, and the writer of JSON strings.
//!
//! Owns the grammar of RFC 8259. It exists because the schemas ask for what a general reader
//! hides: the text of a number, a key that comes twice, half a surrogate pair, the slice of a
//! payload. It must never allocate for what it skips, never recurse deeper than its limit and
//! never panic: a test compares it with `serde_json` on any bytes.

use std::borrow::Cow;

mod string;
#[cfg(test)]
mod tests;

pub(crate) use string::write as write_string;

/// The text cannot be taken as what was asked for. Where and why, the slow pass finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop;

/// What the next value is, by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
    /// End of text, or a character that begins no value.
    Bad,
}

/// How numbers are read, which is the same for a whole message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// `2.0` is an integer: JSON Schema draft 6 says so, draft 4 does not.
    pub(crate) integral_decimals: bool,
    /// A number may be borne as text and a text as number: stations of 1.6 do both.
    pub(crate) numbers_as_text: bool,
}

/// Deepest nesting of a text that is read without a frame around it.
pub(crate) const MAX_DEPTH: usize = 64;

/// A position in a text.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    max_depth: usize,
    noted: bool,
    pub(crate) dialect: Dialect,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text` that goes at most `max_depth` levels deep.
    pub(crate) fn new(text: &'a str, dialect: Dialect, max_depth: usize) -> Self {
        Self { text, at: 0, depth: 0, max_depth, noted: false, dialect }
    }

    /// Remembers that something was taken which breaks a rule.
    pub(crate) fn note(&mut self) {
        self.noted = true;
    }

    /// Whether something that was taken breaks a rule.
    pub(crate) fn noted(&self) -> bool {
        self.noted
    }

    /// Whether it stopped because the text goes deeper than the limit.
    pub(crate) fn too_deep(&self) -> bool {
        self.depth > self.max_depth
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    /// What comes next, after white space.
    pub(crate) fn peek(&mut self) -> Kind {
        self.space();
        match self.byte() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => Kind::Bad,
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        self.space();
        if self.byte() != Some(byte) {
            return Err(Stop);
        }
        self.at += 1;
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), Stop> {
        self.expect(byte)?;
        self.depth += 1;
        if self.depth > self.max_depth { Err(Stop) } else { Ok(()) }
    }

    /// Goes into an object.
    pub(crate) fn open_object(&mut self) -> Result<(), Stop> {
        self.open(b'{')
    }

    /// Goes into an array.
    pub(crate) fn open_array(&mut self) -> Result<(), Stop> {
        self.open(b'[')
    }

    /// Goes to the next member or item, or out: `false` when it went out. `first` is `true`
    /// before the first call.
    fn next(&mut self, close: u8, first: &mut bool) -> Result<bool, Stop> {
        self.space();
        if self.byte() == Some(close) {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        if !std::mem::replace(first, false) {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// The next key of the object, up to behind its colon; `None` when the object ends.
    pub(crate) fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Stop> {
        if !self.next(b'}', first)? {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// As [`Self::key`], but half a surrogate pair does not stop it: `false` says that it has one.
    pub(crate) fn lossy_key(
        &mut self,
        first: &mut bool,
    ) -> Result<Option<(Cow<'a, str>, bool)>, Stop> {
        if !self.next(b'}', first)? {
            return Ok(None);
        }
        let key = self.lossy_string()?;
        self.expect(b':')?;
        Ok(Some((key.text, key.sound)))
    }

    /// Whether the array has another item; goes in front of it.
    pub(crate) fn item(&mut self, first: &mut bool) -> Result<bool, Stop> {
        self.next(b']', first)
    }

    /// Takes `null` if it comes next.
    pub(crate) fn null(&mut self) -> Result<bool, Stop> {
        if self.peek() != Kind::Null {
            return Ok(false);
        }
        self.word("null").map(|()| true)
    }

    pub(crate) fn word(&mut self, word: &str) -> Result<(), Stop> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(Stop);
        }
        self.at += word.len();
        Ok(())
    }

    /// A boolean.
    pub(crate) fn bool(&mut self) -> Result<bool, Stop> {
        self.space();
        let value = self.byte() == Some(b't');
        self.word(if value { "true" } else { "false" }).map(|()| value)
    }

    /// The text of a number, as it stands.
    pub(crate) fn number(&mut self) -> Result<&'a str, Stop> {
        self.space();
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.text.as_bytes()[self.at - whole] == b'0') {
            return Err(Stop);
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(Stop);
            }
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(Stop);
            }
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        self.at - start
    }

    /// Goes over one value and gives its text.
    pub(crate) fn skip(&mut self) -> Result<&'a str, Stop> {
        let kind = self.peek();
        let start = self.at;
        let mut first = true;
        match kind {
            Kind::Object => {
                self.open_object()?;
                while self.next(b'}', &mut first)? {
                    self.space();
                    self.skip_string()?;
                    self.expect(b':')?;
                    self.skip()?;
                }
            }
            Kind::Array => {
                self.open_array()?;
                while self.item(&mut first)? {
                    self.skip()?;
                }
            }
            Kind::String => self.skip_string()?,
            Kind::Number => drop(self.number()?),
            Kind::Bool => drop(self.bool()?),
            Kind::Null => self.word("null")?,
            Kind::Bad => return Err(Stop),
        }
        Ok(&self.text[start..self.at])
    }

    /// Checks that nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Stop> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(Stop) }
    }
}
