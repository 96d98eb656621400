//! JSON that no schema names: customData and the properties a station adds.
//!
//! Owns the text of such values, which goes out as it came in. Must never look into it.

use crate::codec::Wire;
use crate::json::{self, Reader, Stop};
use crate::json::{Dialect, MAX_DEPTH};
use crate::schema::Shape;
use crate::values::OutOfBounds;
use std::borrow::Cow;

/// Any JSON value, as its text. `Default` is `null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(Box<str>);

impl Json {
    /// Checks and takes the text of one JSON value.
    ///
    /// # Errors
    /// When it is not JSON, or nested more than 64 levels deep.
    pub fn new(text: &str) -> Result<Self, OutOfBounds> {
        let dialect = Dialect { integral_decimals: true, numbers_as_text: false };
        let mut reader = Reader::new(text, dialect, MAX_DEPTH);
        let value = reader.skip().map_err(|Stop| OutOfBounds)?;
        reader.end().map_err(|Stop| OutOfBounds)?;
        Ok(Self(value.into()))
    }

    /// A JSON string that says `text`.
    pub fn string(text: &str) -> Self {
        let mut out = String::with_capacity(text.len() + 2);
        json::write_string(&mut out, text);
        Self(out.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Json {
    fn default() -> Self {
        Self("null".into())
    }
}

impl Wire for Json {
    const SHAPE: Shape = Shape::Any;
    const TAKES_NULL: bool = true;
    const EMPTY_IS_ABSENT: bool = false;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        reader.skip().map(|text| Self(text.into()))
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

/// Properties of an object that its schema does not name, in the order they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extra(Option<Box<Members>>);

/// Boxed, so that an object without such properties pays eight bytes for them.
type Members = Vec<(Box<str>, Json)>;

impl Extra {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The first value under `name`.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().flat_map(|all| all.iter()).map(|(key, value)| (&**key, value))
    }

    /// Adds a property.
    pub fn push(&mut self, name: &str, value: Json) {
        self.0.get_or_insert_default().push((name.into(), value));
    }

    /// Takes the property `name` that the schema of an object does not have.
    pub(crate) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        name: Cow<'_, str>,
        open: bool,
    ) -> Result<(), Stop> {
        if !open {
            reader.note();
        }
        let value = Json::read(reader)?;
        self.0.get_or_insert_default().push((name.into(), value));
        Ok(())
    }

    /// Writes all as members, each with a comma behind it.
    pub(crate) fn write(&self, out: &mut String) {
        for (name, value) in self.iter() {
            json::write_string(out, name);
            out.push(':');
            value.write(out);
            out.push(',');
        }
    }
}
