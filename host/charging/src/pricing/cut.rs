//! Owns the cutting of a session into periods in which nothing that decides a price changes.
//! Must never ask a time-zone database of the machine: the one in the binary decides, so that
//! the same session is cut alike everywhere. Integers only; energy is conserved to the mWh.

mod knots;
mod zone;

use super::{
    Activity, Boundaries, CutSession, MeteredSession, NamedValue, Period, PriceError, Timestamp,
};
use crate::units::{Current, Energy, Power};
use knots::Knots;

/// No session has more periods: a boundary every minute for more than two months.
const MOST_PERIODS: usize = 100_000;
const DAY_MS: i64 = 86_400_000;
/// So much is told of a date that is none.
const DATE_CHARS_SHOWN: usize = 20;

/// Why a session could not be cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CutError {
    /// The session contradicts itself: the field, and what is wrong with it.
    Session {
        /// For instance `energy.3`.
        at: String,
        /// In an operator's words.
        message: String,
    },
    /// The plugin asked for boundaries that do not exist: the field, and why.
    Boundaries {
        /// For instance `dates.0`.
        at: String,
        /// In an operator's words.
        message: String,
    },
}

/// Cuts a session at every reading, activity, power and current change, local midnight, change
/// of the UTC offset, and boundary of the plugin (DESIGN section 6).
///
/// - Energy runs linearly from zero at the start through the readings, and stands still after
///   the last. A reading outside the session counts at the edge that is nearer: nothing that was
///   metered is lost. At an energy boundary the period ends at exactly that energy, at the
///   nearest millisecond.
/// - A local time of day that happens twice cuts twice; one that a change of the clock skips is
///   the instant of that change.
/// - Several values of power or current at one instant are the range there. A negative one is
///   noise of the meter and counts as zero.
/// - A session of no length is one period of no length.
///
/// # Errors
/// When the session contradicts itself (ends before its start, energy that falls, times out of
/// order, an unknown time zone, nothing said about the start), when a boundary does not exist,
/// or when there would be more than 100,000 periods.
pub fn cut(session: &MeteredSession, boundaries: &Boundaries) -> Result<CutSession, CutError> {
    check_session(session)?;
    check_boundaries(boundaries)?;
    let zone = zone::find(&session.time_zone)?;
    // Only spans between times of the calendar are sure to fit.
    zone::is_within_calendar("start", session.start)?;
    zone::is_within_calendar("end", session.end)?;
    let mut knots = Knots::new(session);
    if session.start < session.end {
        knots.cut_at_thresholds(&boundaries.energies);
        knots.cut_at(session.energy.iter().map(|(at, _)| *at));
        knots.cut_at(session.activities.iter().map(|(at, _)| *at));
        knots.cut_at(changes(&session.power));
        knots.cut_at(changes(&session.current));
        knots.cut_at(boundaries.durations.iter().map(|span| session.start.plus(*span)));
        knots.cut_at(zone::offset_changes(&zone, session)?);
        knots.cut_at(zone::times_of_day(&zone, session, &boundaries.times_of_day)?);
    }
    let edges = knots.edges();
    if edges.len() > MOST_PERIODS {
        return Err(too_many());
    }
    let mut periods = Vec::with_capacity(edges.len());
    let mut states = States::new(session);
    for pair in edges.windows(2) {
        let [(start, before), (end, after)] = pair else { continue };
        let state = states.at(*start);
        periods.push(Period {
            start: *start,
            end: *end,
            utc_offset: zone::offset_minutes(&zone, *start)?,
            activity: state.activity,
            energy: after.minus(*before),
            min_power: state.power.map(|range| Power(range.0)),
            max_power: state.power.map(|range| Power(range.1)),
            min_current: state.current.map(|range| Current(range.0)),
            max_current: state.current.map(|range| Current(range.1)),
        });
    }
    let mut attributes: Vec<NamedValue> = session.attributes.clone();
    attributes.sort();
    let (start, end, complete) = (session.start, session.end, session.complete);
    Ok(CutSession { start, end, periods, complete, attributes })
}

/// Checks that boundaries exist, so that a tariff with others is refused before it is accepted.
///
/// # Errors
/// Names the first one that does not.
pub fn check_boundaries(boundaries: &Boundaries) -> Result<(), CutError> {
    let all = [
        boundaries.times_of_day.len(),
        boundaries.dates.len(),
        boundaries.energies.len(),
        boundaries.durations.len(),
    ];
    if all.iter().sum::<usize>() > MOST_PERIODS {
        return Err(too_many());
    }
    for (index, time) in boundaries.times_of_day.iter().enumerate() {
        if i64::from(*time) > DAY_MS {
            let message = format!("{time} ms after midnight is not within a day");
            return Err(CutError::Boundaries { at: format!("times_of_day.{index}"), message });
        }
    }
    // A date begins at a local midnight, at which every session is cut.
    for (index, date) in boundaries.dates.iter().enumerate() {
        if !zone::is_date(date) {
            let shown: String = date.chars().take(DATE_CHARS_SHOWN).collect();
            let message = format!("{shown:?} is not a date of the form YYYY-MM-DD");
            return Err(CutError::Boundaries { at: format!("dates.{index}"), message });
        }
    }
    let negative = |at: &str| CutError::Boundaries { at: at.into(), message: "is negative".into() };
    if boundaries.energies.iter().any(|energy| energy.0 < 0) {
        return Err(negative("energies"));
    }
    if boundaries.durations.iter().any(|span| span.0 < 0) {
        return Err(negative("durations"));
    }
    Ok(())
}

fn check_session(session: &MeteredSession) -> Result<(), CutError> {
    if session.end < session.start {
        return Err(wrong("end", format!("{} is before {}", session.end, session.start)));
    }
    in_order("energy", session.energy.iter().map(|(at, _)| *at))?;
    in_order("activities", session.activities.iter().map(|(at, _)| *at))?;
    in_order("power", session.power.iter().map(|(at, _)| *at))?;
    in_order("current", session.current.iter().map(|(at, _)| *at))?;
    let mut last = Energy::ZERO;
    for (index, (at, energy)) in session.energy.iter().enumerate() {
        if *energy < last {
            let message = format!("falls from {last} to {energy} at {at}");
            return Err(wrong(&format!("energy.{index}"), message));
        }
        last = *energy;
    }
    match session.activities.first() {
        Some((at, _)) if *at <= session.start => Ok(()),
        _ => Err(wrong("activities", "nothing says what happens at the start".into())),
    }
}

fn in_order(field: &str, times: impl Iterator<Item = Timestamp>) -> Result<(), CutError> {
    let mut last = Timestamp(i64::MIN);
    for (index, at) in times.enumerate() {
        if at < last {
            return Err(wrong(&format!("{field}.{index}"), format!("{at} comes after {last}")));
        }
        last = at;
    }
    Ok(())
}

fn wrong(at: &str, message: String) -> CutError {
    CutError::Session { at: at.into(), message }
}

fn too_many() -> CutError {
    wrong("periods", format!("the session would be cut into more than {MOST_PERIODS} periods"))
}

/// The instants at which a held value changes.
fn changes<T: Copy + PartialEq>(values: &[(Timestamp, T)]) -> impl Iterator<Item = Timestamp> {
    let mut last = None;
    values.iter().filter_map(move |(at, value)| {
        let changed = last != Some(*value);
        last = Some(*value);
        changed.then_some(*at)
    })
}

/// What is in force at an instant; asked in order of time.
struct States<'a> {
    session: &'a MeteredSession,
    next: [usize; 3],
    now: State,
}

#[derive(Clone, Copy)]
struct State {
    activity: Activity,
    power: Option<(i64, i64)>,
    current: Option<(i64, i64)>,
}

impl<'a> States<'a> {
    fn new(session: &'a MeteredSession) -> Self {
        let activity = session.activities.first().map_or(Activity::Idle, |(_, first)| *first);
        Self { session, next: [0; 3], now: State { activity, power: None, current: None } }
    }

    fn at(&mut self, at: Timestamp) -> State {
        let session = self.session;
        while let Some((_, activity)) = due(&session.activities, self.next[0], at) {
            self.now.activity = activity;
            self.next[0] += 1;
        }
        held(&session.power, &mut self.next[1], at, |power| power.0, &mut self.now.power);
        held(&session.current, &mut self.next[2], at, |current| current.0, &mut self.now.current);
        self.now
    }
}

fn due<T: Copy>(values: &[(Timestamp, T)], next: usize, at: Timestamp) -> Option<(Timestamp, T)> {
    values.get(next).copied().filter(|(since, _)| *since <= at)
}

/// Moves a range on to the values in force at `at`; those of one instant widen it.
fn held<T: Copy>(
    values: &[(Timestamp, T)],
    next: &mut usize,
    at: Timestamp,
    plain: fn(T) -> i64,
    range: &mut Option<(i64, i64)>,
) {
    while let Some((since, value)) = due(values, *next, at) {
        let value = plain(value).max(0);
        let same_instant = *next > 0 && values.get(*next - 1).is_some_and(|last| last.0 == since);
        *range = match *range {
            Some((low, high)) if same_instant => Some((low.min(value), high.max(value))),
            _ => Some((value, value)),
        };
        *next += 1;
    }
}

impl std::fmt::Display for CutError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Session { at, message } => write!(f, "session, {at}: {message}"),
            Self::Boundaries { at, message } => write!(f, "boundaries, {at}: {message}"),
        }
    }
}

impl std::error::Error for CutError {}

/// A session that cannot be cut cannot be priced; impossible boundaries are the plugin's fault.
impl From<CutError> for PriceError {
    fn from(error: CutError) -> Self {
        match error {
            CutError::Session { at, message } => Self::InvalidSession { at, message },
            CutError::Boundaries { .. } => Self::Misbehaved(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
