//! Owns a small encoding for the compiled form that goes from `prepare` to `price`: variable-length
//! integers and byte strings, in the order in which they were written. Reading costs no search.
//! Must never trust the bytes.

use crate::Error;

/// Writes a compiled form.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty form.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an unsigned integer.
    pub fn u64(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
        self
    }

    /// Appends a signed integer.
    pub fn i64(self, value: i64) -> Self {
        self.u64(((value << 1) ^ (value >> 63)) as u64)
    }

    /// Appends a text.
    pub fn text(self, value: &str) -> Self {
        let mut this = self.u64(value.len() as u64);
        this.bytes.extend_from_slice(value.as_bytes());
        this
    }

    /// The compiled form.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads a compiled form in the order in which it was written.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next unsigned integer.
    ///
    /// # Errors
    /// [`Error::Internal`] when the form ends or is not one of ours.
    pub fn u64(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or_else(broken)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(broken())
    }

    /// The next signed integer.
    ///
    /// # Errors
    /// As [`Reader::u64`].
    pub fn i64(&mut self) -> Result<i64, Error> {
        let value = self.u64()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next text.
    ///
    /// # Errors
    /// As [`Reader::u64`].
    pub fn text(&mut self) -> Result<&'a str, Error> {
        let length = usize::try_from(self.u64()?).map_err(|_| broken())?;
        if length > self.rest.len() {
            return Err(broken());
        }
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| broken())
    }

    /// True when everything was read.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }
}

fn broken() -> Error {
    Error::Internal("the compiled form is not one that this plugin wrote".into())
}

#[cfg(test)]
mod tests {
    use super::{Reader, Writer};

    #[test]
    fn reads_what_was_written() {
        let numbers = [0, 1, -1, 63, 64, -65, i64::MAX, i64::MIN];
        let writer = numbers.iter().fold(Writer::new(), |writer, &n| writer.i64(n));
        let bytes = writer.u64(u64::MAX).text("VAT").finish();
        let mut reader = Reader::new(&bytes);
        for number in numbers {
            assert_eq!(reader.i64(), Ok(number));
        }
        assert_eq!(reader.u64(), Ok(u64::MAX));
        assert_eq!(reader.text(), Ok("VAT"));
        assert!(reader.is_done());
        assert!(reader.u64().is_err());
    }

    #[test]
    fn refuses_a_form_that_ends_early() {
        let bytes = Writer::new().text("a long name").finish();
        assert!(Reader::new(&bytes[..4]).text().is_err());
        assert!(Reader::new(&[0x80; 12]).u64().is_err());
    }
}
