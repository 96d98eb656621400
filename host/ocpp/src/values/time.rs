//! Dates with time.
//!
//! Owns the reading of RFC 3339 (section 5.6) and of the two ways in which stations miss it: no
//! zone, taken as UTC, and a zone without colon or minutes. The text goes out as it came. Must
//! never ask a clock.

use super::OutOfBounds;
use crate::codec::Wire;
use crate::json::{self, Reader, Stop};
use crate::schema::Shape;
use std::fmt;

#[cfg(test)]
mod tests;

/// A point in time with the text in which it came.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Time {
    text: Box<str>,
    epoch_ms: i64,
}

/// What a text is as a date with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Good, milliseconds since 1970.
    Sound(i64),
    /// Understood, but not in the form that the standard demands.
    Borne(i64),
    /// Not a date with time.
    Unreadable,
}

impl Time {
    /// Checks and takes a date with time and zone.
    ///
    /// # Errors
    /// When it is not one as RFC 3339 has it.
    pub fn new(text: &str) -> Result<Self, OutOfBounds> {
        match read(text) {
            Reading::Sound(epoch_ms) => Ok(Self { text: text.into(), epoch_ms }),
            Reading::Borne(_) | Reading::Unreadable => Err(OutOfBounds),
        }
    }

    /// The point in time `epoch_ms` milliseconds after 1970, in UTC with `Z`, milliseconds only
    /// where there are some. Clamped to the years 0 to 9999, beyond which there is no text.
    pub fn from_epoch_ms(epoch_ms: i64) -> Self {
        let epoch_ms = epoch_ms.clamp(FIRST_MS, LAST_MS);
        let (seconds, ms) = (epoch_ms.div_euclid(1000), epoch_ms.rem_euclid(1000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let mut text = String::with_capacity("2000-01-01T00:00:00.000Z".len());
        let parts =
            [('-', year, 4), ('-', month, 2), ('T', day, 2), (':', hour, 2), (':', minute, 2)];
        for (then, number, digits) in parts {
            push_number(&mut text, number, digits);
            text.push(then);
        }
        push_number(&mut text, second, 2);
        if ms != 0 {
            text.push('.');
            push_number(&mut text, ms, 3);
        }
        text.push('Z');
        Self { text: text.into(), epoch_ms }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z; parts of a millisecond are cut off.
    pub fn epoch_ms(&self) -> i64 {
        self.epoch_ms
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Writes a number of so many decimal digits: `format!` takes ten times as long, and every
/// heartbeat is answered with a time.
fn push_number(text: &mut String, number: i64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        text.push(char::from(b'0' + digit as u8));
    }
}

const FIRST_MS: i64 = days_from_civil(0, 1, 1) * 86_400_000;
const LAST_MS: i64 = days_from_civil(10_000, 1, 1) * 86_400_000 - 1;

impl Default for Time {
    fn default() -> Self {
        Self::from_epoch_ms(0)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Wire for Time {
    const SHAPE: Shape = Shape::Time;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let text = reader.string()?;
        let epoch_ms = match read(&text) {
            Reading::Sound(ms) => ms,
            Reading::Borne(ms) => {
                reader.note();
                ms
            }
            Reading::Unreadable => return Err(Stop),
        };
        Ok(Self { text: text.into(), epoch_ms })
    }

    fn write(&self, out: &mut String) {
        json::write_string(out, &self.text);
    }
}

/// Reads a date with time.
pub(crate) fn read(text: &str) -> Reading {
    let mut digits = Digits { rest: text.as_bytes() };
    match local_ms(&mut digits) {
        Some(local) => zone(digits.rest, local),
        None => Reading::Unreadable,
    }
}

/// A place in the text.
struct Digits<'a> {
    rest: &'a [u8],
}

impl Digits<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        head.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
    }

    fn mark(&mut self, allowed: &[u8]) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        allowed.contains(first).then_some(())
    }

    /// Milliseconds of the fraction of a second, if there is one, of any length.
    fn fraction(&mut self) -> Option<i64> {
        let [b'.', rest @ ..] = self.rest else { return Some(0) };
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let ms = rest[..count].iter().chain(b"00").take(3);
        self.rest = &rest[count..];
        (count > 0).then(|| ms.fold(0, |sum, b| sum * 10 + i64::from(b - b'0')))
    }
}

/// Milliseconds since 1970 of the date and time as it stands, whatever its zone.
fn local_ms(text: &mut Digits<'_>) -> Option<i64> {
    let year = text.number(4)?;
    text.mark(b"-")?;
    let month = text.number(2)?;
    text.mark(b"-")?;
    let day = text.number(2)?;
    text.mark(b"Tt")?;
    let hour = text.number(2)?;
    text.mark(b":")?;
    let minute = text.number(2)?;
    text.mark(b":")?;
    let second = text.number(2)?;
    let ms = text.fraction()?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && (second < 60 || (second == 60 && minute == 59));
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    in_range.then_some(seconds * 1000 + ms)
}

/// Takes the zone off `local`.
fn zone(text: &[u8], local: i64) -> Reading {
    let (sign, rest) = match text {
        [b'Z' | b'z'] => return Reading::Sound(local),
        [] => return Reading::Borne(local),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Reading::Unreadable,
    };
    let mut digits = Digits { rest };
    let Some(hours) = digits.number(2) else { return Reading::Unreadable };
    let colon = digits.rest.first() == Some(&b':');
    if colon {
        digits.rest = &digits.rest[1..];
    }
    let minutes = match (digits.rest.len(), colon) {
        (0, false) => Some(0),
        (2, _) => digits.number(2),
        _ => None,
    };
    let sound = colon;
    match minutes {
        Some(minutes) if hours < 24 && minutes < 60 => {
            let utc = local - sign * (hours * 60 + minutes) * 60_000;
            if sound { Reading::Sound(utc) } else { Reading::Borne(utc) }
        }
        _ => Reading::Unreadable,
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, carried back to year 0
/// (H. Hinnant, chrono-compatible date algorithms, `days_from_civil`).
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day counted from 1970-01-01 (`civil_from_days` of the same).
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}
