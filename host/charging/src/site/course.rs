//! Owns what a transaction's messages mean together: when it ran, what it delivered, who stopped
//! the flow, and what looks wrong. A function of the set of messages alone.
//! Must never depend on the order in which they came.

use std::collections::BTreeMap;

use super::transaction::Transaction;
use crate::context::Policy;
use crate::fact::metering::{
    ChargingState, Measurand, Reading, ReadingContext, ReadingValue, ReportKind,
};
use crate::fact::station::{AuthorizationStatus, ConnectorStatus};
use crate::fact::transaction::Finding;
use crate::pricing::{Activity, MeteredSession, NamedValue};
use crate::units::{Current, Energy, Millis, Power, Timestamp};

/// Slack for stations whose messages carry the time of sending, not of reading.
const POWER_SLACK: Millis = Millis::from_secs(60);
/// No offline queue is older: a time further back is a wrong clock.
const OLDEST_QUEUE: Millis = Millis::from_secs(60 * 24 * 60 * 60);

/// What a transaction's messages mean together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) start: Timestamp,
    /// The reported end; the last known instant where none was reported.
    pub(crate) end: Timestamp,
    pub(crate) ended: bool,
    pub(crate) total: Energy,
    pub(crate) energy: Vec<(Timestamp, Energy)>,
    pub(crate) activities: Vec<(Timestamp, Activity)>,
    pub(crate) power: Vec<(Timestamp, Power)>,
    pub(crate) current: Vec<(Timestamp, Current)>,
    pub(crate) findings: Vec<Finding>,
}

impl Course {
    /// What the messages of `transaction` mean together. `behind` is how far the station's clock
    /// is known to be behind ours.
    pub(crate) fn of(transaction: &Transaction, policy: &Policy, behind: Option<Millis>) -> Self {
        let mut findings = Vec::new();
        let (start, end, ended) = bounds(transaction);
        let end = if end < start {
            findings.push(Finding::EndBeforeStart);
            start
        } else {
            end
        };
        let energy = energy_curve(transaction, (start, end), policy, &mut findings);
        let total = energy.last().map_or(Energy::ZERO, |(_, total)| *total);
        if transaction.started().is_none() {
            findings.push(Finding::MissingStart);
        }
        if let Some(finding) = clock(transaction, policy, behind) {
            findings.push(finding);
        }
        if total > Energy::ZERO && refused(transaction) {
            findings.push(Finding::NotAuthorized);
        }
        findings.sort();
        findings.dedup();
        Self {
            start,
            end,
            ended,
            total,
            energy,
            activities: activities(transaction, start),
            power: momentary(transaction, &Measurand::PowerImport, |value| match value {
                ReadingValue::Power(power) => Some(power.0),
                _ => None,
            })
            .map(|(at, watts)| (at, Power(watts)))
            .collect(),
            current: momentary(transaction, &Measurand::CurrentImport, |value| match value {
                ReadingValue::Current(current) => Some(current.0),
                _ => None,
            })
            .map(|(at, milliamperes)| (at, Current(milliamperes)))
            .collect(),
            findings,
        }
    }

    /// As `cut` takes it.
    pub(crate) fn metered(&self, time_zone: &str, attributes: Vec<NamedValue>) -> MeteredSession {
        MeteredSession {
            start: self.start,
            end: self.end,
            time_zone: time_zone.to_owned(),
            energy: self.energy.clone(),
            activities: self.activities.clone(),
            power: self.power.clone(),
            current: self.current.clone(),
            complete: self.ended,
            attributes,
        }
    }

    /// The same course, moved in time: what is proposed when the station's clock was off.
    #[must_use]
    pub(crate) fn moved(mut self, by: Millis) -> Self {
        self.start = self.start.plus(by);
        self.end = self.end.plus(by);
        self.energy.iter_mut().for_each(|(at, _)| *at = at.plus(by));
        self.activities.iter_mut().for_each(|(at, _)| *at = at.plus(by));
        self.power.iter_mut().for_each(|(at, _)| *at = at.plus(by));
        self.current.iter_mut().for_each(|(at, _)| *at = at.plus(by));
        self
    }
}

/// Start, end or last known instant, and whether the end was reported.
fn bounds(transaction: &Transaction) -> (Timestamp, Timestamp, bool) {
    let reports = transaction.reports.values().map(|record| record.report.at);
    let first = reports.clone().min().unwrap_or(transaction.last_received);
    let start = transaction.started().map_or(first, |record| record.report.at);
    match transaction.ended() {
        Some(record) => (start, record.report.at, true),
        None => {
            let readings = transaction.all_readings().map(|reading| reading.at);
            (start, reports.chain(readings).max().unwrap_or(start), false)
        }
    }
}

/// One value of the energy register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Register {
    at: Timestamp,
    context: u8,
    energy: Energy,
}

/// Energy since the start, never falling, in order of time and within the bounds.
fn energy_curve(
    transaction: &Transaction,
    (start, end): (Timestamp, Timestamp),
    policy: &Policy,
    findings: &mut Vec<Finding>,
) -> Vec<(Timestamp, Energy)> {
    let registers = registers(transaction, findings);
    let Some(first) = registers.iter().find(|r| r.context == 0).or(registers.first()).copied()
    else {
        findings.push(Finding::NoReadings);
        return Vec::new();
    };
    let last = registers.iter().rev().find(|r| r.context == 2).or(registers.last());
    let ceiling = last.map_or(first.energy, |r| r.energy).max(first.energy);
    check_registers(&registers, policy, findings);
    let mut highest = first.energy;
    let mut curve: Vec<(Timestamp, Energy)> = vec![(start, Energy::ZERO)];
    for register in registers.iter().filter(|r| r.context != 0) {
        highest = highest.max(register.energy.min(ceiling));
        let at = register.at.clamp(start, end);
        let since_start = highest.minus(first.energy);
        match curve.last_mut() {
            Some((last, energy)) if *last == at && at != start => *energy = since_start,
            _ => curve.push((at, since_start)),
        }
    }
    if let Some((last, total)) = curve.last().copied().filter(|(last, _)| *last < end) {
        let _ = last;
        curve.push((end, total));
    }
    curve
}

/// The register's values in order: of the whole EVSE where it was read, else of its phases.
fn registers(transaction: &Transaction, findings: &mut Vec<Finding>) -> Vec<Register> {
    let mut whole: Vec<Register> = Vec::new();
    let mut phases: BTreeMap<(Timestamp, u8), Energy> = BTreeMap::new();
    for reading in transaction.all_readings() {
        if reading.measurand != Measurand::EnergyImport || !at_outlet(reading) {
            continue;
        }
        let context = match reading.context {
            ReadingContext::Begin => 0,
            ReadingContext::Sample => 1,
            ReadingContext::End => 2,
        };
        match &reading.value {
            ReadingValue::Energy(energy) if reading.phase.is_none() => {
                whole.push(Register { at: reading.at, context, energy: *energy });
            }
            ReadingValue::Energy(energy) => {
                let sum = phases.entry((reading.at, context)).or_default();
                *sum = sum.plus(*energy);
            }
            ReadingValue::Unreadable(_) => {
                findings.push(Finding::UnreadableReading { at: reading.at });
            }
            _ => {}
        }
    }
    if whole.is_empty() {
        let sum = |((at, context), energy)| Register { at, context, energy };
        whole.extend(phases.into_iter().map(sum));
    }
    whole.sort();
    whole.dedup();
    whole
}

fn at_outlet(reading: &Reading) -> bool {
    reading.location.as_deref().is_none_or(|location| location == "Outlet")
}

fn check_registers(registers: &[Register], policy: &Policy, findings: &mut Vec<Finding>) {
    let mut highest: Option<Register> = None;
    for &register in registers {
        if let Some(before) = highest {
            let fall = before.energy.minus(register.energy);
            if register.at == before.at
                && register.context == before.context
                && fall.0.abs() > policy.meter_tolerance.0
            {
                findings.push(Finding::Contradiction { at: register.at });
            } else if fall > policy.meter_tolerance {
                findings.push(Finding::MeterBackwards { at: register.at, by: fall });
            }
            let span = register.at.since(before.at);
            let seconds = i128::from(span.plus(POWER_SLACK).0.max(0));
            // W x ms = mWs; mWh x 3600 = mWs.
            let most = i128::from(policy.max_power.0) * seconds;
            if i128::from(-fall.0) * 3600 > most {
                let energy = Energy(-fall.0);
                findings.push(Finding::ImpossiblePower { at: register.at, energy, span });
            }
        }
        if highest.is_none_or(|before| register.energy >= before.energy) {
            highest = Some(register);
        }
    }
}

/// Whether the station's clock is far from ours, and how far.
fn clock(transaction: &Transaction, policy: &Policy, behind: Option<Millis>) -> Option<Finding> {
    let ahead = |record: &&crate::fact::transaction::ReportRecord| {
        record.report.at.since(record.received) > policy.clock_tolerance
    };
    if let Some(record) = transaction.reports.values().map(|record| &**record).find(ahead) {
        return Some(Finding::ClockOff { by: record.report.at.since(record.received) });
    }
    let first = transaction.reports.values().next()?;
    let age = first.received.since(first.report.at);
    let known_off = behind.is_some_and(|behind| behind > policy.clock_tolerance);
    let off = age > OLDEST_QUEUE || (known_off && age > policy.clock_tolerance);
    off.then(|| Finding::ClockOff { by: Millis(-age.0) })
}

fn refused(transaction: &Transaction) -> bool {
    let first = transaction.reports.values().find(|record| record.report.token.is_some());
    first
        .and_then(|record| record.authorization.as_ref())
        .is_some_and(|authorization| authorization.status != AuthorizationStatus::Accepted)
}

/// What happens from each instant on.
fn activities(transaction: &Transaction, start: Timestamp) -> Vec<(Timestamp, Activity)> {
    let told = transaction.reports.values().filter_map(|record| {
        let report = &record.report;
        report.state.map(|state| ((report.at, report.seq), Told::State(state)))
    });
    let statuses =
        transaction.statuses.iter().map(|(at, status)| ((*at, None), Told::Status(*status)));
    let mut all: Vec<_> = told.chain(statuses).collect();
    all.sort();
    let mut charged = false;
    let mut activities = vec![(start, Activity::Charging)];
    for ((at, _), told) in all {
        let Some(activity) = told.activity(charged) else { continue };
        charged |= activity == Activity::Charging;
        let at = at.max(start);
        match activities.last_mut() {
            Some((last, before)) if *last == at => *before = activity,
            Some((_, before)) if *before == activity => {}
            _ => activities.push((at, activity)),
        }
    }
    activities
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Status(ConnectorStatus),
    State(ChargingState),
}

impl Told {
    /// What it says of the flow. Plugged in without energy is the station's doing before the car
    /// has charged, and idling after.
    fn activity(self, charged: bool) -> Option<Activity> {
        let unplugged_or_waiting = if charged { Activity::Idle } else { Activity::PausedByStation };
        match self {
            Self::State(ChargingState::Charging) | Self::Status(ConnectorStatus::Charging) => {
                Some(Activity::Charging)
            }
            Self::State(ChargingState::SuspendedEv)
            | Self::Status(ConnectorStatus::SuspendedEv) => Some(Activity::PausedByCar),
            Self::State(ChargingState::SuspendedEvse)
            | Self::Status(ConnectorStatus::SuspendedEvse) => Some(Activity::PausedByStation),
            Self::State(ChargingState::EvConnected | ChargingState::Idle) => {
                Some(unplugged_or_waiting)
            }
            Self::Status(ConnectorStatus::Finishing) => Some(Activity::Idle),
            Self::Status(_) => None,
        }
    }
}

/// A momentary value over time: the sum of its phases, where only those were read.
fn momentary(
    transaction: &Transaction,
    measurand: &Measurand,
    value: impl Fn(&ReadingValue) -> Option<i64>,
) -> impl Iterator<Item = (Timestamp, i64)> {
    let mut whole: BTreeMap<Timestamp, i64> = BTreeMap::new();
    let mut phases: BTreeMap<Timestamp, BTreeMap<&str, i64>> = BTreeMap::new();
    for reading in transaction.all_readings().filter(|r| &r.measurand == measurand) {
        let (Some(value), true) = (value(&reading.value), at_outlet(reading)) else { continue };
        match reading.phase.as_deref() {
            None => {
                let largest = whole.entry(reading.at).or_insert(value);
                *largest = value.max(*largest);
            }
            Some("N") => {}
            Some(phase) => {
                phases.entry(reading.at).or_default().insert(phase, value);
            }
        }
    }
    for (at, values) in phases {
        whole.entry(at).or_insert_with(|| values.values().fold(0, |sum, v| sum.saturating_add(*v)));
    }
    whole.into_iter()
}

/// Whether no message still to come can change the bill (DESIGN section 5): in 2.x all numbers
/// between Started and Ended were seen; in 1.6, which has none, start and stop were seen and
/// `flat` says that nothing in between matters.
pub(crate) fn is_complete(transaction: &Transaction, flat: bool) -> bool {
    let (Some(started), Some(ended)) = (transaction.started(), transaction.ended()) else {
        return false;
    };
    let (Some(first), Some(last)) = (started.report.seq, ended.report.seq) else {
        return flat && started.report.seq.is_none() && ended.report.seq.is_none();
    };
    let between = transaction
        .reports
        .values()
        .filter(|record| record.report.kind == ReportKind::Updated)
        .filter_map(|record| record.report.seq)
        .filter(|seq| *seq > first && *seq < last)
        .collect::<std::collections::BTreeSet<_>>();
    last > first && i64::try_from(between.len()).is_ok_and(|seen| seen == last - first - 1)
}
