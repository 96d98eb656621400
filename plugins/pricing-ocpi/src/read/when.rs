//! Owns the reading of TariffRestrictions. Must never drop one that it does not understand.

use busbar_sdk::Error;
use busbar_sdk::json::Node;

use super::{not_negative, one_of};
use crate::local;
use crate::restrictions::{Reservation, Restrictions};

const DAYS: &[&str] =
    &["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];

pub(super) fn read(node: Node<'_>) -> Result<Restrictions, Error> {
    let when = Restrictions {
        start_time: time(&node, "start_time")?,
        end_time: time(&node, "end_time")?,
        start_date: date(&node, "start_date")?,
        end_date: date(&node, "end_date")?,
        // kWh in mWh, A in mA, kW in W.
        min_energy: quantity(&node, "min_kwh", 6)?,
        max_energy: quantity(&node, "max_kwh", 6)?,
        min_current: quantity(&node, "min_current", 3)?,
        max_current: quantity(&node, "max_current", 3)?,
        min_power: quantity(&node, "min_power", 3)?,
        max_power: quantity(&node, "max_power", 3)?,
        min_duration: seconds(&node, "min_duration")?,
        max_duration: seconds(&node, "max_duration")?,
        days: days(&node)?,
        reservation: reservation(&node)?,
    };
    for (name, wrong) in [
        ("max_kwh", beyond(when.min_energy, when.max_energy)),
        ("max_current", beyond(when.min_current, when.max_current)),
        ("max_power", beyond(when.min_power, when.max_power)),
        ("max_duration", beyond(when.min_duration, when.max_duration)),
        ("end_date", beyond(when.start_date, when.end_date)),
    ] {
        if wrong {
            return Err(node.field(name)?.error("it lies before what it ends: it can never hold"));
        }
    }
    Ok(when)
}

fn beyond<T: PartialOrd>(first: Option<T>, last: Option<T>) -> bool {
    first.zip(last).is_some_and(|(first, last)| first > last)
}

fn time(node: &Node<'_>, name: &str) -> Result<Option<u32>, Error> {
    let Some(node) = node.optional(name)? else { return Ok(None) };
    let time = local::time_of(node.text()?);
    Ok(Some(time.ok_or_else(|| node.error("a time of day such as 09:30 was expected"))?))
}

fn date(node: &Node<'_>, name: &str) -> Result<Option<i64>, Error> {
    let Some(node) = node.optional(name)? else { return Ok(None) };
    let day = local::day_of(node.text()?);
    Ok(Some(day.ok_or_else(|| node.error("a date such as 2026-12-31 was expected"))?))
}

fn quantity(node: &Node<'_>, name: &str, places: u32) -> Result<Option<u64>, Error> {
    let Some(node) = node.optional(name)? else { return Ok(None) };
    Ok(Some(not_negative(&node, places)?.unsigned_abs()))
}

fn seconds(node: &Node<'_>, name: &str) -> Result<Option<u64>, Error> {
    let Some(node) = node.optional(name)? else { return Ok(None) };
    let milliseconds = node.whole()?.checked_mul(1_000);
    let milliseconds = milliseconds.filter(|&span| i64::try_from(span).is_ok());
    Ok(Some(milliseconds.ok_or_else(|| node.error("it is too long"))?))
}

fn days(node: &Node<'_>) -> Result<u8, Error> {
    let Some(list) = node.optional("day_of_week")? else { return Ok(0) };
    let days = list.items()?;
    days.iter().try_fold(0, |days, day| Ok(days | 1 << one_of(day, DAYS)?))
}

fn reservation(node: &Node<'_>) -> Result<Option<Reservation>, Error> {
    let Some(node) = node.optional("reservation")? else { return Ok(None) };
    Ok(Some(match one_of(&node, &["RESERVATION", "RESERVATION_EXPIRES"])? {
        0 => Reservation::Reservation,
        _ => Reservation::Expires,
    }))
}
