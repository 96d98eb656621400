//! Integers in bounds, and decimals that keep their text.
//!
//! Owns exact arithmetic on the text of a number. Must never go through a float.

use super::OutOfBounds;
use crate::codec::Wire;
use crate::json::{Dialect, Kind, MAX_DEPTH, Reader, Stop};
use crate::schema::Shape;
use std::cmp::Ordering;
use std::fmt;

mod decimal;
#[cfg(test)]
mod tests;

pub(crate) use decimal::Decimal;

/// What the text of a number is, where an integer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integer {
    /// An integer that can be held; `plain` when it is written without `.` and exponent.
    Held { value: i64, plain: bool },
    /// An integer beyond 64 bits.
    TooBig { negative: bool },
    /// A number with a fraction.
    Fraction,
}

impl Integer {
    /// Reads the text of a number.
    pub(crate) fn of(text: &str) -> Self {
        if let Ok(value) = text.parse() {
            return Self::Held { value, plain: true };
        }
        let decimal = Decimal::of(text);
        match decimal.to_fixed(0) {
            Some(value) => Self::Held { value, plain: false },
            None if decimal.is_multiple_of_power(0) => {
                Self::TooBig { negative: decimal.negative() }
            }
            None => Self::Fraction,
        }
    }
}

impl Wire for i64 {
    const SHAPE: Shape = Shape::Int { min: i64::MIN, max: i64::MAX };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let text = number_text(reader)?;
        let Integer::Held { value, plain } = Integer::of(&text) else { return Err(Stop) };
        if plain || reader.dialect.integral_decimals {
            return Ok(value);
        }
        if !reader.dialect.numbers_as_text {
            return Err(Stop);
        }
        reader.note();
        Ok(value)
    }

    fn write(&self, out: &mut String) {
        use fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(out, "{self}");
    }
}

/// The text of a number that comes next, or of one inside a string where that is borne.
fn number_text<'a>(reader: &mut Reader<'a>) -> Result<std::borrow::Cow<'a, str>, Stop> {
    if reader.peek() == Kind::String && reader.dialect.numbers_as_text {
        let text = reader.string()?;
        reader.note();
        return if is_number(&text) { Ok(text) } else { Err(Stop) };
    }
    reader.number().map(std::borrow::Cow::Borrowed)
}

/// Whether `text` is a JSON number and nothing else.
pub(crate) fn is_number(text: &str) -> bool {
    let dialect = Dialect { integral_decimals: true, numbers_as_text: false };
    let mut reader = Reader::new(text, dialect, MAX_DEPTH);
    matches!(reader.number(), Ok(number) if number.len() == text.len())
}

/// An integer from `MIN` to `MAX`. One that was decoded tolerantly is in these bounds too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntIn<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> IntIn<MIN, MAX> {
    /// Checks and takes an integer.
    ///
    /// # Errors
    /// When it is out of bounds.
    pub const fn new(value: i64) -> Result<Self, OutOfBounds> {
        if value >= MIN && value <= MAX { Ok(Self(value)) } else { Err(OutOfBounds) }
    }

    /// The integer.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> Default for IntIn<MIN, MAX> {
    fn default() -> Self {
        Self(0i64.clamp(MIN, MAX))
    }
}

impl<const MIN: i64, const MAX: i64> From<IntIn<MIN, MAX>> for i64 {
    fn from(value: IntIn<MIN, MAX>) -> Self {
        value.0
    }
}

impl<const MIN: i64, const MAX: i64> Wire for IntIn<MIN, MAX> {
    const SHAPE: Shape = Shape::Int { min: MIN, max: MAX };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        Self::new(i64::read(reader)?).map_err(|OutOfBounds| Stop)
    }

    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
}

/// A decimal number with the text in which it came: `16.1`, `1e2`, any size.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

impl Number {
    /// Checks and takes the text of a JSON number.
    ///
    /// # Errors
    /// When it is not one.
    pub fn new(text: &str) -> Result<Self, OutOfBounds> {
        if is_number(text) { Ok(Self(text.into())) } else { Err(OutOfBounds) }
    }

    /// The number `units` / 10^`places`, written with no zeros at its end.
    pub fn from_fixed(units: i64, places: u32) -> Self {
        Self(decimal::write_fixed(units, places).into())
    }

    /// The number times 10^`places`, if that is an integer of 64 bits: nothing is rounded.
    pub fn to_fixed(&self, places: u32) -> Option<i64> {
        Decimal::of(&self.0).to_fixed(places)
    }

    /// The number times 10^`places`, rounded half away from zero; `None` beyond 64 bits.
    pub fn to_fixed_rounded(&self, places: u32) -> Option<i64> {
        Decimal::of(&self.0).to_fixed_rounded(places)
    }

    /// How the number compares with an integer.
    pub fn compare(&self, other: i64) -> Ordering {
        Decimal::of(&self.0).compare(other)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Number {
    fn default() -> Self {
        Self("0".into())
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::from_fixed(value, 0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Wire for Number {
    const SHAPE: Shape = Shape::Number { min: i64::MIN, max: i64::MAX, tenths: false };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        number_text(reader).map(|text| Self(text.into()))
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

/// A decimal number from `MIN` to `MAX`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NumberIn<const MIN: i64, const MAX: i64>(Number);

impl<const MIN: i64, const MAX: i64> NumberIn<MIN, MAX> {
    /// Checks and takes a number.
    ///
    /// # Errors
    /// When it is out of bounds.
    pub fn new(number: Number) -> Result<Self, OutOfBounds> {
        if is_within(&number.0, MIN, MAX) { Ok(Self(number)) } else { Err(OutOfBounds) }
    }

    /// The number.
    pub fn get(&self) -> &Number {
        &self.0
    }
}

/// Whether the number `text` is from `min` to `max`, the widest of which are no bounds.
pub(crate) fn is_within(text: &str, min: i64, max: i64) -> bool {
    let number = Decimal::of(text);
    (min == i64::MIN || number.compare(min).is_ge())
        && (max == i64::MAX || number.compare(max).is_le())
}

impl<const MIN: i64, const MAX: i64> Default for NumberIn<MIN, MAX> {
    fn default() -> Self {
        Self(Number::from(0i64.clamp(MIN, MAX)))
    }
}

impl<const MIN: i64, const MAX: i64> Wire for NumberIn<MIN, MAX> {
    const SHAPE: Shape = Shape::Number { min: MIN, max: MAX, tenths: false };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        Self::new(Number::read(reader)?).map_err(|OutOfBounds| Stop)
    }

    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
}

/// A decimal number with at most one place, as OCPP 1.6 has its limits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Tenths(Number);

impl Tenths {
    /// The number `tenths` / 10.
    pub fn from_tenths(tenths: i64) -> Self {
        Self(Number::from_fixed(tenths, 1))
    }

    /// The number times ten; `None` beyond 64 bits.
    pub fn tenths(&self) -> Option<i64> {
        self.0.to_fixed(1)
    }

    /// The number.
    pub fn get(&self) -> &Number {
        &self.0
    }
}

impl Wire for Tenths {
    const SHAPE: Shape = Shape::Number { min: i64::MIN, max: i64::MAX, tenths: true };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let number = Number::read(reader)?;
        if Decimal::of(&number.0).is_multiple_of_power(-1) { Ok(Self(number)) } else { Err(Stop) }
    }

    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
}
