//! Owns how currents and powers are written in configuration and on the API: `"63 A"`,
//! `"62.5"`, `"40 kW"`, or an integer of mA or W. Must never pass through a binary fraction.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use crate::units::{Current, Power};

/// A current that people write in amperes: `"63 A"`, `"62.5"`, `"500 mA"`, or an integer of mA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amps(pub Current);

/// A power that people write in kilowatts: `"40 kW"`, `"4.6 kVA"`, `"800 W"`, or an integer of W.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watts(pub Power);

/// A current for each of the lines L1, L2, L3: one for all, `"63 A"`, or a list of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerLine(pub [Current; 3]);

/// The same, told by a machine with its unit: as a number alone it might be meant in amperes, which
/// is what the API shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerLineTold(pub PerLine);

/// A current that is told with its unit.
struct AmpsTold(Amps);

/// What an EVSE or a device may take, by current in each phase or by power: `"32 A"`, `"11 kW"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// In each phase that it uses.
    Current(Current),
    /// Of all its phases together.
    Power(Power),
}

/// The unit that stands behind a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Amps,
    MilliAmps,
    KiloWatts,
    Watts,
    None,
}

impl Amps {
    /// Reads what people write.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a current: write it as \"63 A\" or \"62.5 A\"");
        let scale = match unit_of(text).1 {
            Unit::Amps | Unit::None => 3,
            Unit::MilliAmps => 0,
            Unit::KiloWatts | Unit::Watts => return Err(wrong()),
        };
        scaled(text, scale).map(|value| Self(Current(value))).ok_or_else(wrong)
    }
}

impl Watts {
    /// Reads what people write.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a power: write it as \"40 kW\" or \"4.6 kVA\"");
        let scale = match unit_of(text).1 {
            Unit::KiloWatts | Unit::None => 3,
            Unit::Watts => 0,
            Unit::Amps | Unit::MilliAmps => return Err(wrong()),
        };
        scaled(text, scale).map(|value| Self(Power(value))).ok_or_else(wrong)
    }
}

impl Amount {
    /// Reads what people write; the unit must be there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match unit_of(text).1 {
            Unit::Amps | Unit::MilliAmps => Amps::parse(text).map(|Amps(c)| Self::Current(c)),
            Unit::KiloWatts | Unit::Watts => Watts::parse(text).map(|Watts(p)| Self::Power(p)),
            Unit::None => Err(format!("{text:?} needs a unit: \"32 A\" or \"11 kW\"")),
        }
    }
}

impl PerLine {
    /// The same on every line.
    pub const fn all(current: Current) -> Self {
        Self([current; 3])
    }
}

fn unit_of(text: &str) -> (&str, Unit) {
    let text = text.trim();
    let units = [
        ("kVA", Unit::KiloWatts),
        ("kW", Unit::KiloWatts),
        ("VA", Unit::Watts),
        ("W", Unit::Watts),
        ("mA", Unit::MilliAmps),
        ("A", Unit::Amps),
    ];
    for (name, unit) in units {
        if let Some(number) = text.strip_suffix(name) {
            return (number.trim_end(), unit);
        }
    }
    (text, Unit::None)
}

/// The number times ten to the power of `scale`; `None` if it is no number or finer than that.
fn scaled(text: &str, scale: usize) -> Option<i64> {
    let (number, _) = unit_of(text);
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let is_number = !whole.is_empty()
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !is_number || fraction.len() > scale || whole.len() > 12 {
        return None;
    }
    let value: i64 = format!("{whole}{fraction:0<scale$}").parse().ok()?;
    Some(if negative { -value } else { value })
}

fn decimal(f: &mut fmt::Formatter<'_>, thousandths: i64, unit: &str) -> fmt::Result {
    let (sign, size) = (if thousandths < 0 { "-" } else { "" }, thousandths.unsigned_abs());
    let fraction = format!("{:03}", size % 1000);
    match fraction.trim_end_matches('0') {
        "" => write!(f, "{sign}{} {unit}", size / 1000),
        digits => write!(f, "{sign}{}.{digits} {unit}", size / 1000),
    }
}

impl fmt::Display for Amps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(f, self.0.0, "A")
    }
}

impl fmt::Display for Watts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(f, self.0.0, "kW")
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current(current) => Amps(*current).fmt(f),
            Self::Power(power) => Watts(*power).fmt(f),
        }
    }
}

macro_rules! written_as_text {
    ($($name:ident),*) => { $(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )* };
}

written_as_text!(Amps, Watts, Amount);

/// Reads a text, or an integer in the smallest unit where that is clear.
struct Written<T> {
    expected: &'static str,
    parse: fn(&str) -> Result<T, String>,
    integer: Option<fn(i64) -> T>,
}

impl<T> Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        match self.integer {
            Some(of) => Ok(of(value)),
            None => Err(E::invalid_type(de::Unexpected::Signed(value), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        let value = i64::try_from(value);
        self.visit_i64(value.map_err(|_| E::custom("the number is too large"))?)
    }
}

impl<'de> Deserialize<'de> for Amps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written {
            expected: "a current, as text such as \"62.5 A\" or an integer of mA",
            parse: Self::parse,
            integer: Some(|value| Self(Current(value))),
        })
    }
}

impl<'de> Deserialize<'de> for AmpsTold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written {
            expected: "a current as text with its unit, such as \"62.5 A\"",
            parse: |text| Amps::parse(text).map(Self),
            integer: None,
        })
    }
}

impl<'de> Deserialize<'de> for Watts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written {
            expected: "a power, as text such as \"4.6 kW\" or an integer of W",
            parse: Self::parse,
            integer: Some(|value| Self(Power(value))),
        })
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written {
            expected: "a current or a power as text with its unit, such as \"32 A\" or \"11 kW\"",
            parse: Self::parse,
            integer: None,
        })
    }
}

impl Serialize for PerLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [first, second, third] = self.0;
        if first == second && second == third {
            return Amps(first).serialize(serializer);
        }
        self.0.map(Amps).serialize(serializer)
    }
}

struct OneOrThree;

impl<'de> Visitor<'de> for OneOrThree {
    type Value = PerLine;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a current for every line, such as \"63 A\", or a list of one for each of three",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PerLine, E> {
        Amps::parse(text).map(|amps| PerLine::all(amps.0)).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<PerLine, E> {
        Ok(PerLine::all(Current(value)))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<PerLine, E> {
        let value = i64::try_from(value).map_err(|_| E::custom("the number is too large"))?;
        self.visit_i64(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<PerLine, A::Error> {
        three(list, |amps: Amps| amps, &self)
    }
}

fn three<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(
    mut list: A,
    amps: fn(T) -> Amps,
    expected: &dyn de::Expected,
) -> Result<PerLine, A::Error> {
    let mut lines = [Current::ZERO; 3];
    for (n, line) in lines.iter_mut().enumerate() {
        let next = list.next_element::<T>()?.ok_or(de::Error::invalid_length(n, expected))?;
        *line = amps(next).0;
    }
    match list.next_element::<T>()? {
        Some(_) => Err(de::Error::invalid_length(4, expected)),
        None => Ok(PerLine(lines)),
    }
}

struct OneOrThreeTold;

impl<'de> Visitor<'de> for OneOrThreeTold {
    type Value = PerLineTold;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a current as text with its unit, such as \"63 A\", or a list of three such")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PerLineTold, E> {
        OneOrThree.visit_str(text).map(PerLineTold)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<PerLineTold, A::Error> {
        three(list, |told: AmpsTold| told.0, &self).map(PerLineTold)
    }
}

impl<'de> Deserialize<'de> for PerLineTold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrThreeTold)
    }
}

impl<'de> Deserialize<'de> for PerLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrThree)
    }
}
