//! Owns when the intervals of an event are. Must never guess where the event does not say.

use busbar_charging::units::{Millis, Timestamp};

use super::HORIZON;
use crate::openadr::wire::{Event, Payload, Period, after, length, time};

/// No event has more intervals.
const MOST: usize = 5_000;

/// An interval in time.
#[derive(Clone)]
pub(super) struct Stretch<'a> {
    /// For people: `interval 3`.
    pub(super) name: String,
    pub(super) from: Timestamp,
    /// Never where it has no end.
    pub(super) until: Timestamp,
    /// `randomizeStart`.
    pub(super) random: Millis,
    pub(super) payloads: &'a [Payload],
}

/// When an event was said, where it says that; not in the future.
pub(super) fn said(event: &Event, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let text = event.modification_date_time.as_ref().or(event.created_date_time.as_ref());
    let said = text.map(|text| time(text, now)).transpose()?;
    Ok(said.map(|said| said.min(now)))
}

/// The intervals of an event. One that has no start begins where the one before ends; one that
/// has no duration ends where another begins, or never. What begins now began when the event was
/// said: so it means the same at each look.
pub(super) fn stretches(event: &Event, now: Timestamp) -> Result<Vec<Stretch<'_>>, String> {
    let intervals = event.intervals.as_deref().unwrap_or_default();
    if intervals.len() > MOST {
        return Err(format!("it has {} intervals: {MOST} are read", intervals.len()));
    }
    let anchor = said(event, now)?;
    let start = |period: Option<&Period>| {
        let text = period.and_then(|period| period.start.as_deref());
        let text = text.filter(|text| !text.is_empty());
        let is_now = text.is_some_and(|text| text.starts_with("0001-01-01"));
        if is_now && anchor.is_none() {
            return Err("it begins now, and nothing says when that was".to_owned());
        }
        text.map(|text| time(text, anchor.unwrap_or(now))).transpose()
    };
    let common = event.interval_period.as_ref();
    let mut next = start(common)?;
    let (mut stretches, mut open) = (Vec::new(), Vec::new());
    for (number, interval) in intervals.iter().enumerate() {
        let name = format!("interval {number}");
        let of = |why: String| format!("{name}: {why}");
        let own = interval.interval_period.as_ref();
        let from = start(own).map_err(of)?.or(next);
        let from = from.ok_or_else(|| of("nothing says when it begins".into()))?;
        let said = |of: fn(&Period) -> Option<&str>| own.and_then(of).or(common.and_then(of));
        // None and the schema's default of PT0S alike say no end.
        let until = said(|period| period.duration.as_deref());
        let until = until.map(|span| after(from, span)).transpose().map_err(of)?;
        let until = until.filter(|until| *until > from);
        let random = said(|period| period.randomize_start.as_deref());
        let random = random.map(|span| length(from, span)).transpose().map_err(of)?;
        next = until.filter(|until| *until < Timestamp::NEVER);
        stretches.push(Stretch {
            from,
            until: until.unwrap_or(Timestamp::NEVER),
            random: random.unwrap_or(Millis(0)),
            payloads: &interval.payloads,
            name,
        });
        open.push(until.is_none());
    }
    close(&mut stretches, &open);
    lasting(event, stretches, now)
}

/// Ends what says no end where the next one of the event begins. What says that it has none, as
/// `P9999Y`, goes on beside it.
fn close(stretches: &mut [Stretch<'_>], open: &[bool]) {
    let mut starts: Vec<_> = stretches.iter().map(|one| one.from).collect();
    starts.sort_unstable();
    for (one, _) in stretches.iter_mut().zip(open).filter(|(_, open)| **open) {
        let later = starts.partition_point(|start| *start <= one.from);
        one.until = starts.get(later).copied().unwrap_or(Timestamp::NEVER);
    }
}

/// Repeats the intervals for as long as the event lasts, or cuts them there.
fn lasting<'a>(
    event: &Event,
    stretches: Vec<Stretch<'a>>,
    now: Timestamp,
) -> Result<Vec<Stretch<'a>>, String> {
    let begins = stretches.iter().map(|one| one.from).min();
    let ends = stretches.iter().map(|one| one.until).max();
    let (Some(begins), Some(ends), Some(span)) = (begins, ends, &event.duration) else {
        return Ok(stretches);
    };
    let last = after(begins, span)?;
    if last <= begins {
        return Ok(stretches);
    }
    let round = ends.since(begins).0;
    let cut = |one: &Stretch<'a>, by: i64| {
        let until =
            if one.until == Timestamp::NEVER { one.until } else { one.until.plus(Millis(by)) };
        Stretch { from: one.from.plus(Millis(by)), until: until.min(last), ..one.clone() }
    };
    if ends >= last {
        return Ok(stretches.iter().map(|one| cut(one, 0)).collect());
    }
    // Rounds that are over are left out; a limit may end late by its random part.
    let over = (now.since(begins).0 / round - 1).max(0);
    let mut lasting = Vec::new();
    for number in over.. {
        let by = round.saturating_mul(number);
        let from = begins.plus(Millis(by));
        if from >= last || from >= now.plus(HORIZON) {
            break;
        }
        if lasting.len() + stretches.len() > MOST {
            return Err(format!("its intervals repeat too often: {MOST} are read"));
        }
        lasting.extend(stretches.iter().map(|one| cut(one, by)).filter(|one| one.from < one.until));
    }
    Ok(lasting)
}
