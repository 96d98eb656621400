//! From payload text to struct and back.
//!
//! Owns the fast pass and the leniency: what is borne under which policy. It must never list
//! violations itself (that is `examine`) and never know a single message.

use crate::examine;
use crate::fault::{Fault, Violation};
use crate::json::{Dialect, Kind, MAX_DEPTH, Reader, Stop};
use crate::schema::Shape;

/// How strictly a station's payloads are judged: a policy per station, not an accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Leniency {
    /// Every violation refuses the message: for certification, and for what we send.
    Strict,
    /// Bears what loses nothing: too long a text (up to four times), an unknown property, `null`
    /// or an empty text for an absent value, a missing zone, an unlisted value of an enumeration
    /// with room for others, and in 1.6 numbers as text and the reverse.
    #[default]
    Tolerant,
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded<T> {
    /// The message.
    pub message: T,
    /// What was borne: for the caller to count by station and rule.
    pub violations: Vec<Violation>,
}

impl<T> Decoded<T> {
    /// The same with another message.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Decoded<U> {
        Decoded { message: change(self.message), violations: self.violations }
    }
}

/// A type that stands in a message.
pub(crate) trait Wire: Sized {
    /// What it may hold.
    const SHAPE: Shape;
    /// Whether `null` is a value of it, not its absence.
    const TAKES_NULL: bool = false;
    /// Whether an empty text means that it is absent, where it is optional.
    const EMPTY_IS_ABSENT: bool = !matches!(
        Self::SHAPE,
        Shape::Text { .. } | Shape::Object(_) | Shape::List { .. } | Shape::Bool
    );

    /// Takes what can be held and notes what breaks a rule.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop>;

    /// Appends the value as JSON.
    fn write(&self, out: &mut String);
}

impl Wire for bool {
    const SHAPE: Shape = Shape::Bool;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        reader.bool()
    }

    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

/// Reads an optional property, of which `null` and, for scalars, an empty text are absences.
pub(crate) fn optional<T: Wire>(reader: &mut Reader<'_>) -> Result<Option<T>, Stop> {
    if !T::TAKES_NULL && reader.null()? {
        reader.note();
        return Ok(None);
    }
    if T::EMPTY_IS_ABSENT && reader.empty_string() {
        reader.note();
        return Ok(None);
    }
    T::read(reader).map(Some)
}

/// Writes an array.
pub(crate) fn write_items<T: Wire>(items: &[T], out: &mut String) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        item.write(out);
    }
    out.push(']');
}

/// Ends an object of which every member was written with a comma behind it.
pub(crate) fn close_object(out: &mut String) {
    if out.ends_with(',') {
        out.pop();
    }
    out.push('}');
}

/// Writes a message.
pub(crate) fn encode<T: Wire>(message: &T) -> String {
    let mut out = String::with_capacity(256);
    message.write(&mut out);
    out
}

/// Reads a message.
pub(crate) fn decode<T: Wire>(
    payload: &str,
    dialect: Dialect,
    leniency: Leniency,
) -> Result<Decoded<Box<T>>, Fault> {
    let mut reader = Reader::new(payload, dialect, MAX_DEPTH);
    let message = T::read(&mut reader).map(Box::new);
    let clean = message.is_ok() && !reader.noted() && reader.end().is_ok();
    let violations = if clean { Vec::new() } else { judge(payload, &T::SHAPE, dialect, leniency)? };
    debug_assert!(clean || !violations.is_empty(), "a note without a violation: {payload}");
    match message {
        Ok(message) => Ok(Decoded { message, violations }),
        // The passes disagree, which a test excludes.
        Err(Stop) => Err(Fault::internal(violations)),
    }
}

/// The slow pass and the policy: what was borne, or why the message is refused.
pub(crate) fn judge(
    payload: &str,
    shape: &Shape,
    dialect: Dialect,
    leniency: Leniency,
) -> Result<Vec<Violation>, Fault> {
    let violations = examine::examine(payload, shape, dialect);
    let refused = violations.iter().filter(|v| leniency == Leniency::Strict || !v.tolerable);
    match first(refused).cloned() {
        Some(decisive) => Err(Fault::new(&decisive, violations)),
        None => Ok(violations),
    }
}

/// The violation to report: the first in the order Occurrence, Type, Property, Format.
pub(crate) fn first<'a>(violations: impl Iterator<Item = &'a Violation>) -> Option<&'a Violation> {
    violations.min_by_key(|violation| violation.rule.rank())
}

/// A property that the schema requires and the tolerant policy bears as absent.
pub(crate) fn expected<T>(reader: &mut Reader<'_>, value: Option<T>) -> Option<T> {
    if value.is_none() {
        reader.note();
    }
    value
}

impl Reader<'_> {
    /// Takes an empty text if one comes next.
    pub(crate) fn empty_string(&mut self) -> bool {
        self.peek() == Kind::String && self.word("\"\"").is_ok()
    }
}
