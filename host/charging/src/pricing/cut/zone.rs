//! Owns local time: which instants a local time of day is, and when the clock changes.
//! Must never guess: a time that happens twice is two instants, a skipped one is none.

use jiff::Timestamp as Instant;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::{CutError, DAY_MS, MOST_PERIODS, too_many, wrong};
use crate::pricing::MeteredSession;
use crate::units::Timestamp;

pub(super) fn find(name: &str) -> Result<TimeZone, CutError> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| {
        wrong("time_zone", format!("{name:?} is not a time zone of the IANA database"))
    })
}

pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10 && Date::strptime("%Y-%m-%d", text).is_ok()
}

pub(super) fn offset_minutes(zone: &TimeZone, at: Timestamp) -> Result<i32, CutError> {
    Ok(zone.to_offset(instant(at)?).seconds().div_euclid(60))
}

/// The instants within the session at which the offset from UTC changes.
pub(super) fn offset_changes(
    zone: &TimeZone,
    session: &MeteredSession,
) -> Result<Vec<Timestamp>, CutError> {
    let start = instant(session.start)?;
    let mut offset = zone.to_offset(start);
    let mut changes = Vec::new();
    for change in zone.following(start) {
        let at = Timestamp(change.timestamp().as_millisecond());
        if at >= session.end {
            break;
        }
        if change.offset() != offset {
            offset = change.offset();
            changes.push(at);
        }
    }
    Ok(changes)
}

/// Every instant within the session at which it is local midnight or one of the times.
pub(super) fn times_of_day(
    zone: &TimeZone,
    session: &MeteredSession,
    times: &[u32],
) -> Result<Vec<Timestamp>, CutError> {
    let days = (session.end.0.saturating_sub(session.start.0)) / DAY_MS + 1;
    let mut times: Vec<i64> = times.iter().map(|time| i64::from(*time) % DAY_MS).collect();
    times.push(0);
    times.sort_unstable();
    times.dedup();
    if usize::try_from(days).unwrap_or(usize::MAX).saturating_mul(times.len()) > MOST_PERIODS {
        return Err(too_many());
    }
    let mut found = Vec::new();
    // A day more on each side: a clock set back across midnight repeats part of a date.
    let mut date =
        zone.to_datetime(instant(Timestamp(session.start.0.saturating_sub(DAY_MS)))?).date();
    let last = zone.to_datetime(instant(Timestamp(session.end.0.saturating_add(DAY_MS)))?).date();
    while date <= last {
        for time in &times {
            found.extend(instants(zone, date, *time).map(|at| Timestamp(at.as_millisecond())));
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    Ok(found)
}

fn instants(zone: &TimeZone, date: Date, ms_of_day: i64) -> impl Iterator<Item = Instant> {
    let part = |unit: i64, most: i64| i8::try_from(ms_of_day / unit % most).unwrap_or(0);
    let (hour, minute, second) = (part(3_600_000, 24), part(60_000, 60), part(1_000, 60));
    let nanos = i32::try_from(ms_of_day % 1_000 * 1_000_000).unwrap_or(0);
    let local = Time::constant(hour, minute, second, nanos).to_datetime(date);
    // What the clock skips needs nothing here: the change itself is a cut.
    let offsets = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
        AmbiguousOffset::Gap { .. } => [None, None],
        AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
    };
    offsets.into_iter().flatten().filter_map(move |offset| offset.to_timestamp(local).ok())
}

pub(super) fn is_within_calendar(field: &str, at: Timestamp) -> Result<(), CutError> {
    let beyond = |_| wrong(field, format!("{} ms is beyond the calendar", at.0));
    Instant::from_millisecond(at.0).map(drop).map_err(beyond)
}

fn instant(at: Timestamp) -> Result<Instant, CutError> {
    Instant::from_millisecond(at.0)
        .map_err(|_| wrong("start", format!("{at} is beyond the calendar")))
}
