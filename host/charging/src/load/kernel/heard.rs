//! Owns which facts tell the time of a station: messages that were not kept back, with the time
//! that the station gave and the time of their arrival. Must never take our own time for a
//! station's, nor that of a message that says itself that it is late.
//!
//! These facts are recorded in any case, so that a station's clock is known after a replay as
//! before, and no heartbeat, which carries no time, need be one.

use crate::fact::Fact;
use crate::fact::metering::Reading;
use crate::ids::StationId;
use crate::units::Timestamp;

/// A station told its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard<'a> {
    /// Which station.
    pub station: &'a StationId,
    /// When its message arrived, by our clock.
    pub at: Timestamp,
    /// The time that it gave, by its own clock.
    pub reported: Timestamp,
}

/// Clocks before this (2010-01-01) were never set (QUIRKS Q30): they tell no time.
const CLOCKS_BEGIN: Timestamp = Timestamp(1_262_304_000_000);

/// The station's time that a fact tells, if it does. A 1.6 station does not say that a message was
/// kept back: `Clock` takes such ones for late.
pub fn heard(fact: &Fact) -> Option<Heard<'_>> {
    let (station, reported) = match fact {
        Fact::StationStatus(status) if status.timed => (&status.station, status.reported),
        Fact::TransactionReported(message) if !message.report.offline => {
            (&message.station, newest(message.report.at, &message.report.readings))
        }
        Fact::TransactionMetered(metered) => {
            (&metered.station, newest(Timestamp(i64::MIN), &metered.readings))
        }
        _ => return None,
    };
    (reported >= CLOCKS_BEGIN).then_some(Heard { station, at: fact.at(), reported })
}

/// A message with several readings is at the time of its first in 1.6, and was sent after its
/// last.
fn newest(at: Timestamp, readings: &[Reading]) -> Timestamp {
    readings.iter().map(|reading| reading.at).fold(at, Timestamp::max)
}
