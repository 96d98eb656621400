//! Owns reading a configuration: JSON whose numbers stay decimal text, and errors that say where,
//! by a JSON pointer (RFC 6901). Must never turn a number into a float.

mod decimal;
mod parse;

use crate::Error;

/// A JSON value. Numbers are kept as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// As it was written, for instance `0.250` or `1e3`.
    Number(String),
    /// Without its escapes.
    Text(String),
    /// In order.
    Array(Vec<Value>),
    /// In the order of the text; no name comes twice.
    Object(Vec<(String, Value)>),
}

/// Parses a JSON text (RFC 8259). A name that comes twice in one object is refused.
///
/// # Errors
/// [`Error::InvalidConfiguration`] with line and column.
pub fn parse(text: &str) -> Result<Value, Error> {
    parse::document(text)
}

impl Value {
    /// The place of the whole document.
    pub fn root(&self) -> Node<'_> {
        Node { value: self, at: String::new() }
    }
}

/// A value and its place in the document.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The value.
    pub value: &'a Value,
    /// The JSON pointer to it.
    pub at: String,
}

impl<'a> Node<'a> {
    /// What is wrong here.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::configuration(self.at.clone(), message)
    }

    /// A field that must be there.
    ///
    /// # Errors
    /// When this is not an object, or the field is absent or null.
    pub fn field(&self, name: &str) -> Result<Node<'a>, Error> {
        let found = self.optional(name)?;
        found.ok_or_else(|| Error::configuration(self.below(name), "this field is required"))
    }

    /// A field that may be absent or null.
    ///
    /// # Errors
    /// When this is not an object.
    pub fn optional(&self, name: &str) -> Result<Option<Node<'a>>, Error> {
        let fields = self.fields()?;
        let found = fields.iter().find(|(key, value)| key == name && *value != Value::Null);
        Ok(found.map(|(_, value)| Node { value, at: self.below(name) }))
    }

    /// Refuses every field but those named.
    ///
    /// # Errors
    /// When this is not an object, or at the first other field.
    pub fn only(&self, names: &[&str]) -> Result<(), Error> {
        match self.fields()?.iter().find(|(key, _)| !names.contains(&key.as_str())) {
            Some((key, _)) => Err(Error::configuration(
                self.below(key),
                format!("unknown field; there are: {}", names.join(", ")),
            )),
            None => Ok(()),
        }
    }

    /// The members of an array.
    ///
    /// # Errors
    /// When this is not an array.
    pub fn items(&self) -> Result<Vec<Node<'a>>, Error> {
        let Value::Array(items) = self.value else {
            return Err(self.expected("an array"));
        };
        let node =
            |(index, value): (usize, &'a Value)| Node { value, at: format!("{}/{index}", self.at) };
        Ok(items.iter().enumerate().map(node).collect())
    }

    /// A text.
    ///
    /// # Errors
    /// When this is not a string.
    pub fn text(&self) -> Result<&'a str, Error> {
        match self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.expected("a string")),
        }
    }

    /// A number, times ten to the power of `places`, rounded to a whole, half away from zero:
    /// with 6 places `0.25` is 250000.
    ///
    /// # Errors
    /// When this is not a number, or it does not fit.
    pub fn decimal(&self, places: u32) -> Result<i64, Error> {
        let Value::Number(text) = self.value else {
            return Err(self.expected("a number"));
        };
        decimal::scaled(text, places).ok_or_else(|| self.error("this number is too large"))
    }

    /// A whole number that is not negative.
    ///
    /// # Errors
    /// When this is anything else.
    pub fn whole(&self) -> Result<u64, Error> {
        let Value::Number(text) = self.value else {
            return Err(self.expected("a number"));
        };
        let whole = decimal::whole(text).and_then(|number| u64::try_from(number).ok());
        whole.ok_or_else(|| self.error("a whole number, not negative, was expected here"))
    }

    fn fields(&self) -> Result<&'a [(String, Value)], Error> {
        match self.value {
            Value::Object(fields) => Ok(fields),
            _ => Err(self.expected("an object")),
        }
    }

    fn below(&self, name: &str) -> String {
        format!("{}/{}", self.at, name.replace('~', "~0").replace('/', "~1"))
    }

    fn expected(&self, what: &str) -> Error {
        let found = match self.value {
            Value::Null => "null",
            Value::Boolean(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.error(format!("{what} was expected here, not {found}"))
    }
}

#[cfg(test)]
mod tests;
