//! Owns the reading of charging periods: what happened in each, how much energy it took, and the
//! smallest and largest power and current. A period is priced by what holds at its start: whoever
//! made the record had to begin a new one where a price changed (OCPI `mod_cdrs`, ChargingPeriod).
//! Must never cut further.

use busbar_charging::pricing::cut::{CutError, cut};
use busbar_charging::pricing::{Activity, Boundaries, CutSession, MeteredSession, Period};
use busbar_charging::units::{Current, Energy, Millis, Power, Timestamp};

use super::super::decimal::scaled;
use super::record::{ChargingPeriod, Record};

/// The field, and what is wrong with it.
pub(super) type Fault = (String, String);

const KWH_IN_MWH: i32 = 6;
const THOUSANDTHS: i32 = 3;

/// A charging period with its end, in whole units.
struct Read {
    start: Timestamp,
    end: Timestamp,
    energy: Option<Energy>,
    /// Stated lengths of reserved, charging and parking time, in this order.
    spans: [(Activity, Option<Millis>); 3],
    power: Range,
    current: Range,
}

/// Smallest and largest.
#[derive(Clone, Copy, Default)]
struct Range(Option<i64>, Option<i64>);

impl Range {
    fn is_known(self) -> bool {
        self.0.is_some() || self.1.is_some()
    }

    /// Both ends; where only one is stated, it is both.
    fn ends(self) -> Option<[i64; 2]> {
        let (low, high) = (self.0.or(self.1)?, self.1.or(self.0)?);
        Some([low.min(high), low.max(high)])
    }
}

/// The session, cut as its charging periods cut it.
pub(super) fn session(
    record: &Record,
    time_zone: String,
    is_cdr: bool,
    warnings: &mut Vec<String>,
) -> Result<CutSession, Fault> {
    let start = instant(record.start_date_time.as_deref(), "start_date_time")?;
    let end = instant(record.end(), "end_date_time")?;
    if end < start {
        return Err(("end_date_time".into(), format!("{end} is before the start, {start}")));
    }
    let mut periods = read_all(record, start, end, warnings)?;
    expire(record, is_cdr, &mut periods);
    let parts: Vec<_> = periods.iter().flat_map(parts).collect();
    let mut metered = MeteredSession {
        start,
        end,
        time_zone,
        energy: energy(record, &periods, end)?,
        activities: parts.iter().map(|(from, _, activity)| (*from, *activity)).collect(),
        power: held(&periods, |period| period.power, average_power, Power),
        current: held(&periods, |period| period.current, |_| None, Current),
        complete: true,
        attributes: Vec::new(),
    };
    // What happens before the first period is what happens in it.
    if let Some(first) = metered.activities.first_mut() {
        first.0 = start;
    }
    let mut session = cut(&metered, &Boundaries::default()).map_err(|error| match error {
        CutError::Session { at, message } | CutError::Boundaries { at, message } => (at, message),
    })?;
    join(&mut session.periods, |at| parts.binary_search_by_key(&at, |(from, _, _)| *from).is_ok());
    Ok(session)
}

/// Takes back the cuts at midnight and where the clock changes: the record has none there.
fn join(periods: &mut Vec<Period>, is_stated: impl Fn(Timestamp) -> bool) {
    periods.dedup_by(|period, last| {
        let same = !is_stated(period.start);
        if same {
            last.end = period.end;
            last.energy = last.energy.plus(period.energy);
        }
        same
    });
}

fn read_all(
    record: &Record,
    start: Timestamp,
    end: Timestamp,
    warnings: &mut Vec<String>,
) -> Result<Vec<Read>, Fault> {
    let stated = record.periods();
    if stated.is_empty() {
        return Err(("charging_periods".into(), "there is none".into()));
    }
    let mut in_order = Vec::with_capacity(stated.len());
    for (index, period) in stated.iter().enumerate() {
        let at = format!("charging_periods/{index}/start_date_time");
        let from = instant(Some(&period.start_date_time), &at)?;
        if from < start || from > end {
            return Err((at, format!("{from} is outside the session")));
        }
        in_order.push((from, index, period));
    }
    // Partners send them in any order; each ends where the next one starts.
    in_order.sort_by_key(|(from, index, _)| (*from, *index));
    let ends: Vec<Timestamp> =
        in_order.iter().skip(1).map(|(from, _, _)| *from).chain([end]).collect();
    let mut periods = Vec::with_capacity(stated.len());
    for ((from, index, period), to) in in_order.into_iter().zip(ends) {
        let read = read(period, from, to, warnings)
            .map_err(|(field, why)| (format!("charging_periods/{index}/{field}"), why))?;
        periods.push(read);
    }
    Ok(periods)
}

fn read(
    period: &ChargingPeriod,
    start: Timestamp,
    end: Timestamp,
    warnings: &mut Vec<String>,
) -> Result<Read, Fault> {
    let mut read = Read {
        start,
        end,
        energy: None,
        spans: [
            (Activity::Reserved, None),
            (Activity::Charging, None),
            (Activity::PausedByCar, None),
        ],
        power: Range::default(),
        current: Range::default(),
    };
    for (index, dimension) in period.dimensions.iter().enumerate() {
        let at = || format!("dimensions/{index}/volume");
        let number = |scale| scaled(&dimension.volume, scale).map_err(|why| (at(), why));
        match dimension.kind.as_str() {
            "ENERGY" => {
                let energy = number(KWH_IN_MWH)?;
                if energy < 0 {
                    return Err((at(), "energy is negative".into()));
                }
                read.energy = Some(Energy(energy));
            }
            "RESERVATION_TIME" => read.spans[0].1 = Some(hours(number(9)?)),
            "TIME" => read.spans[1].1 = Some(hours(number(9)?)),
            "SESSION_TIME" => {
                warn(warnings, "SESSION_TIME is not a dimension of OCPI: taken as TIME");
                read.spans[1].1 = Some(hours(number(9)?));
            }
            "PARKING_TIME" => read.spans[2].1 = Some(hours(number(9)?)),
            "MIN_POWER" => read.power.0 = Some(number(THOUSANDTHS)?),
            "MAX_POWER" => read.power.1 = Some(number(THOUSANDTHS)?),
            "MIN_CURRENT" => read.current.0 = Some(number(THOUSANDTHS)?),
            "MAX_CURRENT" => read.current.1 = Some(number(THOUSANDTHS)?),
            other => {
                let shown: String = other.chars().take(40).collect();
                warn(warnings, &format!("{shown:?} decides no price: passed over"));
            }
        }
    }
    if read.energy.is_none() && read.spans.iter().all(|(_, span)| span.is_none()) {
        return Err(("dimensions".into(), "neither energy nor time is stated".into()));
    }
    Ok(read)
}

fn warn(warnings: &mut Vec<String>, words: &str) {
    if warnings.len() < 20 && !warnings.iter().any(|known| known == words) {
        warnings.push(words.to_owned());
    }
}

fn hours(nano_hours: i64) -> Millis {
    let ms = (i128::from(nano_hours) * 36 + 5_000) / 10_000;
    Millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// A reservation of which the record says that it expired; or a CDR in which nothing but a
/// reservation happened.
fn expire(record: &Record, is_cdr: bool, periods: &mut [Read]) {
    let only_reserved = is_cdr
        && periods.iter().all(|period| {
            let mut parts = parts(period);
            parts.all(|(_, _, activity)| activity == Activity::Reserved)
        });
    if record.reservation_expired.unwrap_or(only_reserved) {
        for period in periods {
            period.spans[0].0 = Activity::ReservationExpired;
        }
    }
}

/// What happened in a period, in order of time. The timestamps say how long; only where a period
/// states several kinds of time, their stated lengths divide it.
fn parts(period: &Read) -> impl Iterator<Item = (Timestamp, Timestamp, Activity)> + '_ {
    let positive = |span: &Option<Millis>| span.is_some_and(|span| span.0 > 0);
    let took = period.spans.iter().filter(move |(_, span)| positive(span));
    let stated = period.spans.iter().filter(|(_, span)| span.is_some());
    let has_energy = period.energy.is_some_and(|energy| energy.0 > 0);
    let mut kinds: Vec<(Activity, Millis)> =
        took.map(|(activity, span)| (*activity, span.unwrap_or_default())).collect();
    if kinds.is_empty() {
        // Lengths of zero: the kind that is stated; energy without any is charging.
        let kind = stated.map(|(activity, _)| *activity).next();
        let kind = if has_energy { None } else { kind };
        kinds.push((kind.unwrap_or(Activity::Charging), Millis(0)));
    }
    let last = kinds.len() - 1;
    let mut from = period.start;
    kinds.into_iter().enumerate().map(move |(index, (activity, length))| {
        let to = if index == last { period.end } else { from.plus(length).min(period.end) };
        let part = (from, to, activity);
        from = to;
        part
    })
}

/// The energy since the start at every edge of a part that took some: linear in between.
fn energy(
    record: &Record,
    periods: &[Read],
    end: Timestamp,
) -> Result<Vec<(Timestamp, Energy)>, Fault> {
    if periods.iter().all(|period| period.energy.is_none()) {
        let Some(total) = record.total_energy() else { return Ok(Vec::new()) };
        let total = scaled(total, KWH_IN_MWH).map_err(|why| ("total_energy".to_owned(), why))?;
        return Ok(vec![(end, Energy(total.max(0)))]);
    }
    let mut readings = Vec::with_capacity(periods.len() * 2);
    let mut total = Energy::ZERO;
    for period in periods {
        let charging = parts(period).find(|(_, _, activity)| *activity == Activity::Charging);
        let (from, to) = charging.map_or((period.start, period.end), |(from, to, _)| (from, to));
        readings.push((from, total));
        total = total.plus(period.energy.unwrap_or_default());
        readings.push((to, total));
    }
    Ok(readings)
}

/// Values that hold until the next; none when no period states any. Where one period states
/// nothing and another does, the fallback stands in, or zero.
fn held<T>(
    periods: &[Read],
    range: fn(&Read) -> Range,
    fallback: fn(&Read) -> Option<i64>,
    unit: fn(i64) -> T,
) -> Vec<(Timestamp, T)> {
    if !periods.iter().any(|period| range(period).is_known()) {
        return Vec::new();
    }
    let values = periods.iter().flat_map(|period| {
        let unstated = fallback(period).unwrap_or(0);
        let ends = range(period).ends().unwrap_or([unstated; 2]);
        ends.map(|value| (period.start, unit(value)))
    });
    values.collect()
}

fn average_power(period: &Read) -> Option<i64> {
    let ms = period.end.since(period.start).0;
    // mWh in ms is W times 3600.
    period.energy.map(|energy| energy.0.saturating_mul(3_600).checked_div(ms).unwrap_or(0))
}

/// Offsets are respected; without one it is UTC (OCPI `types`, DateTime).
fn instant(text: Option<&str>, at: &str) -> Result<Timestamp, Fault> {
    let Some(text) = text else { return Err((at.to_owned(), "it is missing".into())) };
    let zoned = text.parse::<jiff::Timestamp>();
    let found = zoned.or_else(|_| {
        let plain = text.parse::<jiff::civil::DateTime>()?;
        plain.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp())
    });
    match found {
        Ok(found) => Ok(Timestamp(found.as_millisecond())),
        Err(_) => {
            let shown: String = text.chars().take(40).collect();
            Err((at.to_owned(), format!("{shown:?} is not a date and time of RFC 3339")))
        }
    }
}
