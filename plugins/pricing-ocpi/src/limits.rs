//! Owns minimum and maximum price (OCPI Tariff `min_price`, `max_price`): each applies to the total
//! without and to the total with taxes by itself. Where only one of the two is given, the other
//! total keeps its proportion to it, so that the tax stays that of the amount. Must never change a
//! line of the bill.

use busbar_sdk::money::{ONE, mul_div};
use busbar_sdk::{Activity, Dimension, Error, Line, QuantityUnit, Session, Tax};

use crate::tariff::{Limit, Rate, Tariff};

/// The totals without and with taxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Totals {
    excl: i64,
    incl: i64,
}

/// The lines that bring the total to its limits; none where it is within them.
///
/// # Errors
/// [`Error::InvalidSession`] when the total is too large.
pub(crate) fn adjustments(
    tariff: &Tariff,
    lines: &[Line],
    session: &Session,
) -> Result<Vec<Line>, Error> {
    let raw = totals(lines)?;
    // A minimum is that of a charging session; an expired reservation is none.
    let is_charging =
        |activity| !matches!(activity, Activity::Reserved | Activity::ReservationExpired);
    let raised = match session.periods.iter().any(|period| is_charging(period.activity)) {
        true => bounded(tariff, raw, tariff.min_price, |total, limit| total < limit)?,
        false => raw,
    };
    let lowered = bounded(tariff, raised, tariff.max_price, |total, limit| total > limit)?;
    let steps = [("minimum price", raw, raised), ("maximum price", raised, lowered)];
    let changed = steps.into_iter().filter(|(_, from, to)| from != to);
    changed.map(|(words, from, to)| line(tariff, words, from, to, session)).collect()
}

fn totals(lines: &[Line]) -> Result<Totals, Error> {
    let mut sums = Totals { excl: 0, incl: 0 };
    for line in lines {
        let taxes = line.taxes.iter().try_fold(0_i64, |sum, tax| sum.checked_add(tax.amount));
        let taxes = taxes.ok_or_else(too_large)?;
        let (excl, incl) = match line.tax_included {
            true => (line.amount.checked_sub(taxes), Some(line.amount)),
            false => (Some(line.amount), line.amount.checked_add(taxes)),
        };
        let add = |sum: i64, amount: Option<i64>| amount.and_then(|amount| sum.checked_add(amount));
        sums.excl = add(sums.excl, excl).ok_or_else(too_large)?;
        sums.incl = add(sums.incl, incl).ok_or_else(too_large)?;
    }
    Ok(sums)
}

fn bounded(
    tariff: &Tariff,
    totals: Totals,
    limit: Limit,
    is_beyond: impl Fn(i64, i64) -> bool,
) -> Result<Totals, Error> {
    let excl = limit.excl.filter(|&limit| is_beyond(totals.excl, limit));
    let incl = limit.incl.filter(|&limit| is_beyond(totals.incl, limit));
    let gross = ONE + only_tax(tariff).map_or(0, |(_, rate)| rate);
    let scaled = |limit: i64, other: i64, this: i64, with: i64, without: i64| match this {
        0 => mul_div(limit, with, without),
        this => mul_div(limit, other, this),
    };
    let bounded = match (excl, incl) {
        (None, None) => return Ok(totals),
        (Some(excl), None) if limit.incl.is_none() => Totals {
            excl,
            incl: scaled(excl, totals.incl, totals.excl, gross, ONE).ok_or_else(too_large)?,
        },
        (None, Some(incl)) if limit.excl.is_none() => Totals {
            excl: scaled(incl, totals.excl, totals.incl, ONE, gross).ok_or_else(too_large)?,
            incl,
        },
        (excl, incl) => {
            Totals { excl: excl.unwrap_or(totals.excl), incl: incl.unwrap_or(totals.incl) }
        }
    };
    Ok(bounded)
}

fn line(
    tariff: &Tariff,
    words: &str,
    from: Totals,
    to: Totals,
    session: &Session,
) -> Result<Line, Error> {
    let excl = to.excl.checked_sub(from.excl).ok_or_else(too_large)?;
    let incl = to.incl.checked_sub(from.incl).ok_or_else(too_large)?;
    let amount = incl.checked_sub(excl).ok_or_else(too_large)?;
    let line = Line::new(Dimension::Adjustment, 1_000, QuantityUnit::Count, excl, session)?;
    let mut line = line.described(words);
    if amount != 0 {
        let (name, rate) = only_tax(tariff).unwrap_or(("VAT", 0));
        // The rate only where it is the one that made the amount.
        let is_rate = mul_div(excl, rate, ONE).is_some_and(|tax| tax.abs_diff(amount) <= 1);
        let rate = if is_rate { rate } else { 0 };
        line.taxes = vec![Tax { name: name.into(), rate, amount }];
    }
    Ok(line)
}

/// The tax of every component, when they all have one and the same.
fn only_tax(tariff: &Tariff) -> Option<(&str, i64)> {
    let mut all = tariff.components().map(|component| component.taxes.as_slice());
    let first = all.next()?;
    let [Rate { name, rate }] = first else { return None };
    all.all(|taxes| taxes == first).then_some((name, *rate))
}

fn too_large() -> Error {
    Error::session("periods", "the total is too large")
}
