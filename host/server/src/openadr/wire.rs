//! Owns what OpenADR 3.0 and 3.1 look like as JSON, as far as it is read here: what is not named
//! is let pass. Must never read a number as a binary fraction.

use busbar_charging::units::{Millis, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::units::Time;

/// Something with an id, whatever else it is.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// A program.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Program {
    pub(super) id: String,
    #[serde(default)]
    pub(super) program_name: Option<String>,
    #[serde(default)]
    pub(super) payload_descriptors: Option<Vec<Descriptor>>,
}

/// An event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    #[serde(rename = "programID")]
    pub(super) program_id: String,
    #[serde(default)]
    pub(super) created_date_time: Option<String>,
    #[serde(default)]
    pub(super) modification_date_time: Option<String>,
    /// How long it lasts; its intervals are repeated meanwhile (3.1).
    #[serde(default)]
    pub(super) duration: Option<String>,
    /// Lower numbers go first, none comes last.
    #[serde(default)]
    pub(super) priority: Option<u32>,
    #[serde(default)]
    pub(super) payload_descriptors: Option<Vec<Descriptor>>,
    #[serde(default)]
    pub(super) interval_period: Option<Period>,
    #[serde(default)]
    pub(super) intervals: Option<Vec<Interval>>,
}

/// What the values of a type are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    /// Of events or of reports.
    #[serde(default)]
    pub(super) object_type: Option<String>,
    pub(super) payload_type: String,
    #[serde(default)]
    pub(super) units: Option<String>,
    #[serde(default)]
    pub(super) currency: Option<String>,
}

/// When an interval is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Period {
    #[serde(default)]
    pub(super) start: Option<String>,
    #[serde(default)]
    pub(super) duration: Option<String>,
    #[serde(default)]
    pub(super) randomize_start: Option<String>,
}

/// A part of an event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Interval {
    #[serde(default)]
    pub(super) interval_period: Option<Period>,
    pub(super) payloads: Vec<Payload>,
}

/// What holds meanwhile.
#[derive(Debug, Deserialize)]
pub(super) struct Payload {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) values: Vec<Box<RawValue>>,
}

/// How a token server answers (RFC 6749, 5.1).
#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) access_token: String,
    /// In seconds.
    #[serde(default)]
    pub(super) expires_in: Option<u64>,
}

/// Reads a time; `0001-01-01` is `now`.
pub(super) fn time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if text.starts_with("0001-01-01") {
        return Ok(now);
    }
    Time::parse(text).map(|Time(at)| at)
}

/// A time and an ISO 8601 span after it; never where that is beyond the calendar, as after
/// `P9999Y`.
pub(super) fn after(from: Timestamp, span: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{span:?} is not a duration as PT15M is");
    let span: jiff::Span = span.parse().map_err(|_| wrong())?;
    if span.is_negative() {
        return Err(wrong());
    }
    let from = jiff::Timestamp::from_millisecond(from.0).map_err(|_| wrong())?;
    let until = from.to_zoned(jiff::tz::TimeZone::UTC).checked_add(span);
    Ok(until.map_or(Timestamp::NEVER, |until| Timestamp(until.timestamp().as_millisecond())))
}

/// How long a span is from a time on.
pub(super) fn length(from: Timestamp, span: &str) -> Result<Millis, String> {
    after(from, span).map(|until| until.since(from))
}

/// How a number that is finer than its unit is rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// Towards minus infinity: of limits.
    Down,
    /// To the nearest, halves away from zero: of prices.
    Nearest,
}

/// A JSON number times ten to the power of `scale`, by its digits; none where it is no number, or
/// one beyond all bounds.
pub(super) fn scaled(text: &str, scale: i32, rounding: Rounding) -> Option<i64> {
    // Further digits change nothing that anyone means.
    if text.len() > 60 || !text.bytes().next().is_some_and(|b| b == b'-' || b.is_ascii_digit()) {
        return None;
    }
    let (is_negative, number) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i32 = exponent.parse().ok().filter(|e: &i32| e.abs() < 100)?;
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(scale)?;
    let digit = |at: i32| {
        let at = usize::try_from(at).ok()?;
        digits.as_bytes().get(at).map(|b| i64::from(b - b'0'))
    };
    let mut value: i64 = 0;
    for at in 0..point {
        value = value.checked_mul(10)?.checked_add(digit(at).unwrap_or(0))?;
    }
    let is_finer = digits
        .bytes()
        .enumerate()
        .any(|(at, b)| b != b'0' && i32::try_from(at).is_ok_and(|at| at >= point));
    let up = match rounding {
        Rounding::Down => is_negative && is_finer,
        Rounding::Nearest => digit(point).is_some_and(|digit| digit >= 5),
    };
    value = value.checked_add(i64::from(up))?;
    Some(if is_negative { -value } else { value })
}

#[cfg(test)]
mod tests;
