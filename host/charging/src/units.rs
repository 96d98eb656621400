//! Owns the quantities of the domain: integers with their unit in the type.
//! Must never hold a floating-point number, read a clock, or convert silently.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// The sum, at the bounds of the type instead of beyond them.
            #[must_use]
            pub fn plus(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The difference, at the bounds of the type instead of beyond them.
            #[must_use]
            pub fn minus(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }
    };
}

quantity!(
    /// Energy in milliwatt-hours: readings of fractions of a watt-hour are real.
    Energy, "mWh"
);
quantity!(
    /// Power in watts.
    Power, "W"
);
quantity!(
    /// Current in milliamperes, the sum of phases where nothing else is said.
    Current, "mA"
);
quantity!(
    /// A span of time in milliseconds.
    Millis, "ms"
);

impl Energy {
    /// Whole watt-hours as energy.
    pub const fn from_wh(wh: i64) -> Self {
        Self(wh.saturating_mul(1000))
    }
}

impl Millis {
    /// Whole seconds as a span.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The latest point in time there is: never.
    pub const NEVER: Self = Self(i64::MAX);

    /// This point moved by a span.
    #[must_use]
    pub fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span from `earlier` to this point; negative if it is not earlier.
    pub fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

/// RFC 3339 in UTC with milliseconds, as the API and the wire show it; beyond the calendar, its
/// first or last instant.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        let within = self.0.clamp(first.as_millisecond() + 1, last.as_millisecond());
        let time = jiff::Timestamp::from_millisecond(within).unwrap_or(last);
        write!(f, "{time:.3}")
    }
}

/// An ISO 4217 currency code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Reads three capital letters; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// The number of decimals that amounts to pay have (ISO 4217; two where nothing else is
    /// listed).
    pub fn decimals(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not a currency code of ISO 4217"))
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount of money in whole millionths of a currency that is named beside it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// The sum, or `None` beyond nine trillion units of the currency.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Rounds half away from zero to `decimals` (at most six): the one rounding of a bill.
    #[must_use]
    pub fn round_half_up(self, decimals: u32) -> Self {
        let unit = 10_i64.pow(6 - decimals.min(6));
        let half = unit / 2;
        let moved =
            if self.0 < 0 { self.0.saturating_sub(half) } else { self.0.saturating_add(half) };
        Self(moved / unit * unit)
    }

    /// As decimal text with at least `decimals` and at most six decimals: `12.40`, `-0.000001`.
    pub fn to_decimal(self, decimals: u32) -> String {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let fraction = format!("{:06}", magnitude % 1_000_000);
        let keep = fraction.trim_end_matches('0').len().max(decimals.min(6) as usize);
        match &fraction[..keep] {
            "" => format!("{sign}{}", magnitude / 1_000_000),
            digits => format!("{sign}{}.{digits}", magnitude / 1_000_000),
        }
    }
}

/// An amount with its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Millionths of the currency.
    pub amount: Micros,
    /// ISO 4217.
    pub currency: Currency,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount.to_decimal(self.currency.decimals()), self.currency)
    }
}

#[cfg(test)]
mod tests;
