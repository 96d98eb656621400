//! Owns how quantities look on the API: Wh with fractions as decimals, W, A, ms, RFC 3339 UTC,
//! money as decimal text with a currency. All by integers. Must never make a binary fraction.

use busbar_charging::pricing::bill::Totals;
use busbar_charging::units::{Currency, Current, Energy, Micros, Power, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Energy in Wh; a JSON number with up to three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64, example = 12_345.6)]
pub struct Wh(pub Energy);

/// Power in W.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = i64, example = 11_000)]
pub struct W(pub Power);

/// Current in A; a JSON number with up to three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64, example = 15.5)]
pub struct A(pub Current);

/// Thousandths; a JSON number with up to three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64, example = 80.5)]
pub struct Thousandths(pub i64);

/// A rate of millionths, as a percentage; a JSON number with up to four decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64, example = 19)]
pub struct Percent(pub i64);

/// A point in time, RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-24T07:00:00.000Z")]
pub struct Time(pub Timestamp);

/// An amount of money as decimal text; its currency stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, example = "12.40")]
pub struct Amount(pub String);

/// What something costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cost {
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
    /// Exact.
    pub total_excl_tax: Amount,
    /// Exact.
    pub total_incl_tax: Amount,
    /// `total_incl_tax`, rounded half up to what can be paid.
    pub payable: Amount,
}

impl Amount {
    /// Millionths as decimal text, with at least the currency's decimals.
    pub fn new(amount: Micros, currency: Currency) -> Self {
        Self(amount.to_decimal(currency.decimals()))
    }
}

impl From<&Totals> for Cost {
    fn from(totals: &Totals) -> Self {
        let currency = totals.payable.currency;
        Self {
            currency: currency.to_string(),
            total_excl_tax: Amount::new(totals.excl_tax, currency),
            total_incl_tax: Amount::new(totals.incl_tax, currency),
            payable: Amount::new(totals.payable.amount, currency),
        }
    }
}

impl Serialize for Wh {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        decimal(self.0.0, 3, serializer)
    }
}

impl Serialize for A {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        decimal(self.0.0, 3, serializer)
    }
}

impl Serialize for Thousandths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        decimal(self.0, 3, serializer)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        decimal(self.0, 4, serializer)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl Time {
    /// Reads RFC 3339 with any offset.
    ///
    /// # Errors
    /// It is not.
    pub fn parse(text: &str) -> Result<Self, String> {
        let time: Result<jiff::Timestamp, _> = text.parse();
        time.map(|time| Self(Timestamp(time.as_millisecond())))
            .map_err(|_| format!("{text:?} is not a time as 2026-11-24T07:00:00Z is"))
    }
}

/// A number of `1 / 10^digits` as a JSON number without trailing zeros.
fn decimal<S: Serializer>(value: i64, digits: usize, serializer: S) -> Result<S::Ok, S::Error> {
    let raw =
        RawValue::from_string(to_decimal(value, digits)).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}

/// `value / 10^digits` as decimal text without trailing zeros.
pub fn to_decimal(value: i64, digits: usize) -> String {
    let magnitude = value.unsigned_abs().to_string();
    let padded = format!("{magnitude:0>width$}", width = digits + 1);
    let (whole, fraction) = padded.split_at(padded.len() - digits);
    let sign = if value < 0 { "-" } else { "" };
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests;
