//! Owns local days and times of day. There is no time-zone data here: the host gives the offset.
//! Must never guess one.

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// A local point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    /// Days since 1970-01-01.
    pub(crate) day: i64,
    /// Milliseconds after midnight.
    pub(crate) time: u32,
}

impl Local {
    /// The local time at an instant in ms since the epoch, at an offset from UTC in minutes.
    pub(crate) fn at(instant: i64, utc_offset: i32) -> Self {
        let local = instant.saturating_add(i64::from(utc_offset) * MINUTE_MS);
        Self { day: local.div_euclid(DAY_MS), time: local.rem_euclid(DAY_MS) as u32 }
    }

    /// 0 is Monday; 1970-01-01 was a Thursday.
    pub(crate) fn weekday(self) -> u32 {
        (self.day + 3).rem_euclid(7) as u32
    }
}

/// The day of a date `YYYY-MM-DD` that exists.
pub(crate) fn day_of(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1000 || day < 1 || day > days {
        return None;
    }
    // Years that begin in March put the leap day last (Hinnant, "days_from_civil").
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The date `YYYY-MM-DD` of a day.
pub(crate) fn date_of(day: i64) -> String {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + next)
}

/// Milliseconds after midnight of a time `HH:MM`.
pub(crate) fn time_of(text: &str) -> Option<u32> {
    let bytes = text.as_bytes();
    if bytes.len() != 5 || bytes[2] != b':' {
        return None;
    }
    let (hour, minute) = (digits(&bytes[..2])?, digits(&bytes[3..])?);
    (hour < 24 && minute < 60).then_some(((hour * 60 + minute) * MINUTE_MS) as u32)
}

/// Milliseconds since the epoch of an OCPI DateTime: RFC 3339 in UTC; a missing `Z` means UTC too.
pub(crate) fn instant_of(text: &str) -> Option<i64> {
    let (date, time) = (text.get(..10)?, text.get(10..)?.strip_prefix(['T', 't'])?);
    let time = time.strip_suffix(['Z', 'z']).unwrap_or(time);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let (minutes, seconds) = (time_of(clock.get(..5)?)?, clock.get(5..)?.strip_prefix(':')?);
    if seconds.len() != 2 || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let seconds = digits(seconds.as_bytes()).filter(|&seconds| seconds < 60)?;
    digits(fraction.as_bytes())?;
    let milliseconds = digits(format!("{fraction:0<3}").get(..3)?.as_bytes())?;
    Some(day_of(date)? * DAY_MS + i64::from(minutes) + seconds * 1_000 + milliseconds)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    bytes.iter().try_fold(0_i64, |number, byte| Some(number * 10 + digit(byte)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_one_another() {
        for (text, day) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2024-02-29", 19_782),
            ("2026-12-31", 20_818),
        ] {
            assert_eq!((day_of(text), date_of(day)), (Some(day), text.to_owned()));
        }
        for day in -350_000..400_000 {
            assert_eq!(day_of(&date_of(day)), Some(day));
        }
        for wrong in ["2023-02-29", "1900-02-29", "2023-13-01", "2023-00-10", "2023-04-31"] {
            assert_eq!(day_of(wrong), None, "{wrong}");
        }
        for wrong in ["2023-4-1", "23-04-01", "2023/04/01", "", "2023-04-0x", "2023-04-00"] {
            assert_eq!(day_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_strict() {
        assert_eq!(time_of("00:00"), Some(0));
        assert_eq!(time_of("23:59"), Some(86_340_000));
        for wrong in ["24:00", "9:00", "09:60", "0900", "09:00:00", "ab:cd", ""] {
            assert_eq!(time_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn instants_are_utc() {
        assert_eq!(instant_of("1970-01-02T00:00:01Z"), Some(86_401_000));
        assert_eq!(instant_of("1970-01-01T00:00:00.25"), Some(250));
        for wrong in ["1970-01-01", "1970-01-01T00:00Z", "1970-01-01T00:00:60Z", "1970"] {
            assert_eq!(instant_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn local_time_may_be_the_day_before() {
        let local = Local::at(0, -60);
        assert_eq!((local.day, local.time, local.weekday()), (-1, 82_800_000, 2));
        assert_eq!(Local::at(0, 0).weekday(), 3);
    }
}
