//! Strings of JSON: escapes in, escapes out.
//!
//! Owns RFC 8259 section 7. Must never let a control character or half a surrogate pair pass as
//! text.

use super::{Reader, Stop};
use std::borrow::Cow;
use std::fmt::Write as _;

/// A string, and whether it is sound: with half a surrogate pair it holds U+FFFD in its place.
pub(crate) struct Lossy<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) sound: bool,
}

impl<'a> Reader<'a> {
    /// A string; half a surrogate pair stops it.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Stop> {
        let Lossy { text, sound } = self.lossy_string()?;
        if sound { Ok(text) } else { Err(Stop) }
    }

    /// A string, with U+FFFD for every half of a surrogate pair.
    pub(crate) fn lossy_string(&mut self) -> Result<Lossy<'a>, Stop> {
        self.expect(b'"')?;
        let start = self.at;
        self.plain()?;
        if self.byte() == Some(b'"') {
            let text = &self.text[start..self.at];
            self.at += 1;
            return Ok(Lossy { text: Cow::Borrowed(text), sound: true });
        }
        let mut text = self.text[start..self.at].to_owned();
        let mut sound = true;
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(_) => sound &= self.escape(&mut text)?,
                None => return Err(Stop),
            }
            let from = self.at;
            self.plain()?;
            text.push_str(&self.text[from..self.at]);
        }
        self.at += 1;
        Ok(Lossy { text: Cow::Owned(text), sound })
    }

    /// Goes to the next quote or backslash; a control character stops it.
    fn plain(&mut self) -> Result<(), Stop> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)).ok_or(Stop)?;
        self.at += length;
        if rest[length] < 0x20 { Err(Stop) } else { Ok(()) }
    }

    /// Appends the character of one escape; `false` when it is half a surrogate pair.
    fn escape(&mut self, text: &mut String) -> Result<bool, Stop> {
        self.at += 1;
        let byte = self.byte().ok_or(Stop)?;
        self.at += 1;
        text.push(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(text),
            _ => return Err(Stop),
        });
        Ok(true)
    }

    fn unicode(&mut self, text: &mut String) -> Result<bool, Stop> {
        let high = self.hex4()?;
        let mut code = high;
        if (0xd800..0xdc00).contains(&high) {
            let before = self.at;
            if self.word("\\u").is_ok() {
                let low = self.hex4()?;
                if (0xdc00..0xe000).contains(&low) {
                    code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                } else {
                    self.at = before;
                }
            }
        }
        let decoded = char::from_u32(code);
        text.push(decoded.unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(decoded.is_some())
    }

    fn hex4(&mut self) -> Result<u32, Stop> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|b| char::from(b).to_digit(16)).ok_or(Stop)?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// Goes over a string and checks its grammar, but not its surrogate pairs.
    pub(super) fn skip_string(&mut self) -> Result<(), Stop> {
        self.expect(b'"')?;
        loop {
            self.plain()?;
            let quote = self.byte() == Some(b'"');
            self.at += 1;
            if quote {
                return Ok(());
            }
            let byte = self.byte().ok_or(Stop)?;
            self.at += 1;
            match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => drop(self.hex4()?),
                _ => return Err(Stop),
            }
        }
    }
}

/// Appends `text` as a JSON string, with its quotes.
pub(crate) fn write(out: &mut String, text: &str) {
    out.push('"');
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[done..at]);
        done = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[done..]);
    out.push('"');
}
