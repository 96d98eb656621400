//! Owns the words that all versions share with the core: numbers without floats, places, texts.
//! Must never depend on the types of one version.

use busbar_charging::fact::metering::ChargingState;
use busbar_charging::fact::station::{ConnectorStatus, Dialect};
use busbar_charging::units::{Money, Timestamp};
use busbar_ocpp::Version;
use busbar_ocpp::values::{Number, Time};

/// Clocks before this (2010-01-01) were never set (QUIRKS Q30).
const CLOCKS_BEGIN: i64 = 1_262_304_000_000;

/// The wire's name of a dialect.
pub fn version(dialect: Dialect) -> Version {
    match dialect {
        Dialect::V16 => Version::V16,
        Dialect::V201 => Version::V201,
        Dialect::V21 => Version::V21,
    }
}

/// A time as the core counts it.
pub(crate) fn at(time: &Time) -> Timestamp {
    Timestamp(time.epoch_ms())
}

/// A time of the core in UTC with `Z` (PITFALLS 17 and 18).
pub(crate) fn time(at: Timestamp) -> Time {
    Time::from_epoch_ms(at.0)
}

/// A time that says nothing when the station's clock was never set.
pub(crate) fn set_clock(time: &Time) -> Option<Timestamp> {
    (time.epoch_ms() >= CLOCKS_BEGIN).then(|| at(time))
}

/// The number of an EVSE or connector; 0 is the station. `None` for what is none.
pub(crate) fn place(number: impl Into<i64>) -> Option<u32> {
    u32::try_from(number.into()).ok()
}

/// The same, where the station as a whole is no place.
pub(crate) fn within(number: impl Into<i64>) -> Option<u32> {
    place(number).filter(|number| *number > 0)
}

/// An id that the CSMS gave; stations write 0 or -1 for none (QUIRKS Q38).
pub(crate) fn given(id: impl Into<i64>) -> Option<i64> {
    Some(id.into()).filter(|id| *id > 0)
}

/// A text that says something.
pub(crate) fn said(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// A sum of money as a JSON number; 0.00 for what is free (PITFALLS 163).
pub(crate) fn amount(money: &Money) -> Option<Number> {
    Number::new(&money.amount.to_decimal(money.currency.decimals())).ok()
}

/// A 2.x charging state by its name.
pub(crate) fn charging_state(name: &str) -> Option<ChargingState> {
    Some(match name {
        "Idle" => ChargingState::Idle,
        "EVConnected" => ChargingState::EvConnected,
        "Charging" => ChargingState::Charging,
        "SuspendedEV" => ChargingState::SuspendedEv,
        "SuspendedEVSE" => ChargingState::SuspendedEvse,
        _ => return None,
    })
}

/// A connector status by the name that any version gives it.
pub(crate) fn connector_status(name: &str) -> Option<ConnectorStatus> {
    Some(match name {
        "Available" => ConnectorStatus::Available,
        "Occupied" => ConnectorStatus::Occupied,
        "Preparing" => ConnectorStatus::Preparing,
        "Charging" => ConnectorStatus::Charging,
        "SuspendedEVSE" => ConnectorStatus::SuspendedEvse,
        "SuspendedEV" => ConnectorStatus::SuspendedEv,
        "Finishing" => ConnectorStatus::Finishing,
        "Reserved" => ConnectorStatus::Reserved,
        "Unavailable" => ConnectorStatus::Unavailable,
        "Faulted" => ConnectorStatus::Faulted,
        _ => return None,
    })
}
