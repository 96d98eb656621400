//! Owns the choice of the tongue by version. Must never decide anything else: each version's
//! module reads and writes its messages, and the station acts.

mod v16;
mod v201;
mod v21;

use busbar_ocpp::values::{Number, Str, Time};
use busbar_ocpp::{ErrorCode, Version};

use crate::spec::Spec;
use crate::station::Station;
use crate::words::{Answer, Report, Status, TxEvent};

/// Action and payload of a report that is not about a transaction.
pub(crate) fn request(spec: &Spec, report: &Report) -> (&'static str, String) {
    match spec.version {
        Version::V16 => v16::request(spec, report),
        Version::V201 => v201::request(spec, report),
        Version::V21 => v21::request(spec, report),
    }
}

/// Action and payload of an event of a transaction, which a 1.6 server calls `number`.
pub(crate) fn event(spec: &Spec, event: &TxEvent, number: i64) -> (&'static str, String) {
    match spec.version {
        Version::V16 => v16::event(spec, event, number),
        Version::V201 => v201::event(spec, event),
        Version::V21 => v21::event(spec, event),
    }
}

/// Reads the answer to a report; none when it cannot be read.
pub(crate) fn answer(version: Version, report: &Report, payload: &str) -> Option<Answer> {
    match version {
        Version::V16 => v16::answer(report, payload),
        Version::V201 => v201::answer(report, payload),
        Version::V21 => v21::answer(report, payload),
    }
}

/// Reads the answer to an event of a transaction; none when it cannot be read.
pub(crate) fn event_answer(version: Version, event: &TxEvent, payload: &str) -> Option<Answer> {
    match version {
        Version::V16 => v16::event_answer(event, payload),
        Version::V201 => v201::event_answer(payload),
        Version::V21 => v21::event_answer(payload),
    }
}

/// Obeys a call of the server; gives the payload of the answer.
pub(crate) fn obey(
    station: &mut Station,
    action: &str,
    payload: &str,
) -> Result<String, ErrorCode> {
    match station.spec().version {
        Version::V16 => v16::obey(station, action, payload),
        Version::V201 => v201::obey(station, action, payload),
        Version::V21 => v21::obey(station, action, payload),
    }
}

/// Whether the station itself (EVSE 0) tells a state.
pub(crate) fn tells_station(version: Version) -> bool {
    version == Version::V16
}

/// Whether a change of flow within a transaction is told without a reading.
pub(crate) fn tells_flow(version: Version) -> bool {
    version != Version::V16
}

/// Whether a connector is unlocked while a transaction runs on it (1.6 stops it first).
pub(crate) fn unlocks_in_transaction(version: Version) -> bool {
    version == Version::V16
}

/// Whether two states are one in this version.
pub(crate) fn same_status(version: Version, one: Status, other: Status) -> bool {
    version != Version::V16 && two_x(one) == two_x(other) || one == other
}

/// The five states of 2.x, each by one of ours.
fn two_x(status: Status) -> Status {
    match status {
        Status::Preparing
        | Status::Charging
        | Status::SuspendedEv
        | Status::SuspendedEvse
        | Status::Finishing => Status::Charging,
        other => other,
    }
}

fn time(ms: i64) -> Time {
    Time::from_epoch_ms(ms)
}

fn text<const N: usize>(text: &str) -> Str<N> {
    Str::cut(text)
}

/// A number from thousandths, without zeros at its end.
fn milli(value: i64) -> Number {
    let mut value = value;
    for places in [3, 2, 1] {
        if value % 10 != 0 {
            return Number::from_fixed(value, places);
        }
        value /= 10;
    }
    Number::from_fixed(value, 0)
}
