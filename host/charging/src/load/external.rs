//! Owns limits that come from outside and change with time: a grid operator's, an energy
//! manager's, a station's. Each has its own validity, its own fallback and its own time-out.
//! Must never let a source that fell silent leave its circuit without its fallback.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::circuit::{Circuit, ExternalSource};
use super::rows::{CircuitLimit, Rows};
use crate::units::{Current, Millis, Power, Timestamp};

/// No line carries more: a limit or a reading of more is none.
pub const CURRENT_MOST: Current = Current(1_000_000_000);
/// No circuit carries more: a limit of more is none.
pub const POWER_MOST: Power = Power(10_000_000_000);

/// A limit that holds for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// From then on.
    pub from: Timestamp,
    /// Until before then; `Timestamp::NEVER` has no end.
    pub until: Timestamp,
    /// What holds.
    pub limit: CircuitLimit,
}

/// What one source has said about one circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalLimit {
    /// The circuit.
    pub circuit: Arc<str>,
    /// Who says it.
    pub source: Arc<str>,
    /// What stands when it is silent.
    pub fallback: CircuitLimit,
    /// For how long it may be silent; `None` for ever.
    pub timeout: Option<Millis>,
    /// When it was last heard, a heartbeat or a limit; `None` before the first time.
    pub heard: Option<Timestamp>,
    /// What it has announced. Where two overlap, the lower one holds.
    pub windows: Vec<Window>,
}

/// Why a window is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowProblem {
    /// It ends before it begins, or at once.
    Empty,
    /// It is over already.
    Past,
    /// A limit below zero.
    Negative,
    /// More than any line carries.
    Absurd,
    /// It limits neither current nor power.
    Nothing,
}

impl std::fmt::Display for WindowProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "the limit ends before it begins",
            Self::Past => "the limit is over already: its end is in the past",
            Self::Negative => "a limit cannot be below zero",
            Self::Absurd => "a limit of more than a million amperes or ten gigawatts is none",
            Self::Nothing => "the limit names neither a current nor a power",
        })
    }
}

impl ExternalLimit {
    /// A source of a circuit that has not been heard yet.
    pub fn new(circuit: &Circuit, source: &ExternalSource) -> Self {
        Self {
            circuit: (&*circuit.name).into(),
            source: (&*source.source).into(),
            fallback: source.fallback(),
            timeout: source.timeout_seconds.map(|s| Millis::from_secs(i64::from(s))),
            heard: None,
            windows: Vec::new(),
        }
    }

    /// Whether a window may be taken.
    ///
    /// # Errors
    /// Why not.
    pub fn check(window: &Window, now: Timestamp) -> Result<(), WindowProblem> {
        let CircuitLimit { lines, power } = window.limit;
        let mut lines = lines.iter().flatten();
        let is_negative = lines.clone().any(|line| *line < Current::ZERO)
            || power.is_some_and(|power| power < Power::ZERO);
        let is_absurd =
            lines.any(|line| *line > CURRENT_MOST) || power.is_some_and(|power| power > POWER_MOST);
        match window {
            _ if is_negative => Err(WindowProblem::Negative),
            _ if is_absurd => Err(WindowProblem::Absurd),
            _ if window.limit == CircuitLimit::default() => Err(WindowProblem::Nothing),
            _ if window.until <= window.from => Err(WindowProblem::Empty),
            _ if window.until <= now => Err(WindowProblem::Past),
            _ => Ok(()),
        }
    }

    /// When the source counts as silent.
    pub fn silent_from(&self) -> Timestamp {
        match (self.timeout, self.heard) {
            (None, _) => Timestamp::NEVER,
            (Some(timeout), Some(heard)) => heard.plus(timeout),
            (Some(_), None) => Timestamp(i64::MIN),
        }
    }

    /// What holds now; nothing where neither a window nor a fallback does. What a source announced
    /// before it fell silent still lowers its circuit, below its fallback too.
    pub fn at(&self, now: Timestamp) -> CircuitLimit {
        self.ahead(now, now)
    }

    /// What holds at a later time, as far as that is known now; see `change_ahead`.
    fn ahead(&self, now: Timestamp, time: Timestamp) -> CircuitLimit {
        let is_silent = time >= self.silent_from() && now >= self.doubted_from();
        let least = if is_silent { self.fallback } else { CircuitLimit::default() };
        let holds = |window: &&Window| window.from <= time && time < window.until;
        let windows = self.windows.iter().filter(holds);
        windows.fold(least, |limit, window| lower(limit, window.limit))
    }

    /// The next time after `time` at which what holds may change, as far as that is known at
    /// `now`: that a source falls silent only once half of its time-out is over. Who is heard again
    /// and again by then is not taken for silent soon.
    pub fn change_ahead(&self, now: Timestamp, time: Timestamp) -> Option<Timestamp> {
        let is_known = |next: &Timestamp| *next != self.silent_from() || now >= self.doubted_from();
        self.changes().filter(|next| *next > time && is_known(next)).min()
    }

    /// From then on it is reckoned with that it falls silent.
    fn doubted_from(&self) -> Timestamp {
        let half = self.timeout.map_or(Millis::ZERO, |timeout| Millis(timeout.0 / 2));
        self.silent_from().plus(Millis(-half.0))
    }

    /// The next time after `time` at which what holds may change.
    pub fn next_change(&self, time: Timestamp) -> Option<Timestamp> {
        self.changes().filter(|next| *next > time).min()
    }

    fn changes(&self) -> impl Iterator<Item = Timestamp> + '_ {
        let ends = self.windows.iter().flat_map(|window| [window.from, window.until]);
        ends.chain([self.silent_from()]).filter(|end| *end < Timestamp::NEVER)
    }
}

/// The lower of two limits, line by line.
fn lower(one: CircuitLimit, other: CircuitLimit) -> CircuitLimit {
    let lines = match (one.lines, other.lines) {
        (Some(one), Some(other)) => Some([0, 1, 2].map(|line: usize| one[line].min(other[line]))),
        (one, other) => one.or(other),
    };
    let power = match (one.power, other.power) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    CircuitLimit { lines, power }
}

/// The limit of every row at a time that is not before `now`, as far as that is known then, in
/// `limits`: the configured one or a lower one from outside. A row that nothing limits gets
/// `Current(i64::MAX)`.
pub fn limits_at(
    rows: &Rows,
    externals: &[ExternalLimit],
    now: Timestamp,
    time: Timestamp,
    limits: &mut Vec<Current>,
) {
    limits.clear();
    limits.extend(rows.rows().iter().map(|row| row.limit.unwrap_or(Current(i64::MAX))));
    for external in externals {
        let held = external.ahead(now, time);
        if held == CircuitLimit::default() {
            continue;
        }
        for (row, limit) in rows.rows().iter().zip(limits.iter_mut()) {
            if row.circuit == external.circuit
                && let Some(outside) = row.limit_from(&held)
            {
                *limit = outside.min(*limit);
            }
        }
    }
}

#[cfg(test)]
mod tests;
