//! Owns a charging schedule as a station tells it, in our units: what it will do, what it holds,
//! or what somebody else told it. Must never show a limit higher than it was told.

use crate::units::{Current, Millis, Power, Timestamp};

/// A charging schedule, by the station's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// When it begins; none where it begins with a transaction, or when it arrives.
    pub begins: Option<Timestamp>,
    /// How long it lasts; none where it has no end.
    pub duration: Option<Millis>,
    /// What holds from when on, in the order of its begins.
    pub steps: Vec<Step>,
}

/// What holds from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// After the schedule's begin.
    pub start: Millis,
    /// What holds; none for no limit.
    pub limit: Option<Limit>,
    /// `numberPhases`, where it is told.
    pub phases: Option<u8>,
}

/// A limit in the unit in which it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// On each phase.
    Current(Current),
    /// Over all phases.
    Power(Power),
}

impl Schedule {
    /// What holds at a time by the station's clock: none before its begin, after its end, and
    /// where it has no begin of its own.
    pub fn at(&self, time: Timestamp) -> Option<Step> {
        let since = time.since(self.begins?);
        let over = self.duration.is_some_and(|duration| since >= duration);
        if since < Millis::ZERO || over {
            return None;
        }
        self.steps.iter().rev().find(|step| step.start <= since).copied()
    }
}
