//! Owns the stored form of what a station measures and reports about a transaction, version 1.
//! Frozen once merged: new fields are optional, anything else is a new version. Must never hold a
//! domain type: those may change.

use serde::{Deserialize, Serialize};

use crate::ids::IdToken;
use crate::units::{Current, Energy, Power, Timestamp};

/// What was measured (1.6 section 7.31, 2.x MeasurandEnumType).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Measurand {
    /// Energy.Active.Import.Register, the default of all versions.
    EnergyImport,
    /// Energy.Active.Import.Interval.
    EnergyImportInterval,
    /// Energy.Active.Export.Register.
    EnergyExport,
    /// Power.Active.Import.
    PowerImport,
    /// Current.Import.
    CurrentImport,
    /// Voltage.
    Voltage,
    /// SoC.
    StateOfCharge,
    /// Any other, as it came.
    Other(Box<str>),
}

/// Why a reading was taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReadingContext {
    /// Transaction.Begin, or 1.6's meterStart.
    Begin,
    /// Sample.Periodic (the default), Sample.Clock, Trigger and all others.
    Sample,
    /// Transaction.End, or 1.6's meterStop.
    End,
}

/// A measured value, converted once, at decode, to fixed point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReadingValue {
    /// Energy.
    Energy(Energy),
    /// Power.
    Power(Power),
    /// Current.
    Current(Current),
    /// Thousandths of its unit (V, %, °C, Hz ...), which is named.
    Other {
        /// Thousandths.
        thousandths: i64,
        /// As it came.
        unit: Box<str>,
    },
    /// A signed value, kept byte for byte.
    Signed {
        /// As it came.
        data: Box<str>,
        /// Signing method, where named.
        method: Option<Box<str>>,
        /// Encoding method, where named.
        encoding: Option<Box<str>>,
        /// Public key, where named.
        public_key: Option<Box<str>>,
    },
    /// What could not be read: never guessed at, held for review.
    Unreadable(Box<str>),
}

/// One reading. Its identity is its whole content (OCPP.md rule 4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reading {
    /// By the station's clock.
    pub at: Timestamp,
    /// Why it was taken.
    pub context: ReadingContext,
    /// What was measured.
    pub measurand: Measurand,
    /// `L1`, `L1-N` ...; absent for the sum.
    pub phase: Option<Box<str>>,
    /// Where, if not at the outlet.
    pub location: Option<Box<str>>,
    /// The value.
    pub value: ReadingValue,
}

/// What a message says about its transaction's course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReportKind {
    /// 1.6 StartTransaction, 2.x Started.
    Started,
    /// 1.6 MeterValues, 2.x Updated.
    Updated,
    /// 1.6 StopTransaction, 2.x Ended.
    Ended,
}

/// Who lets energy flow, or stopped it (2.x ChargingStateEnumType; 1.6 by status).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChargingState {
    /// Nothing is plugged in.
    Idle,
    /// Plugged in, no energy offered yet.
    EvConnected,
    /// Energy flows, or may flow.
    Charging,
    /// The car does not ask.
    SuspendedEv,
    /// The station does not offer.
    SuspendedEvse,
}

/// One message about a transaction, in three-tier words, of any version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its place in the course.
    pub kind: ReportKind,
    /// By the station's clock.
    pub at: Timestamp,
    /// 2.x seqNo.
    pub seq: Option<i64>,
    /// 2.x triggerReason; in 1.6 the action.
    pub trigger: Box<str>,
    /// 2.x offline; always false in 1.6.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
    /// Where it is known.
    pub evse: Option<u32>,
    /// Where it is known.
    pub connector: Option<u32>,
    /// The token that started, or that stops.
    pub token: Option<IdToken>,
    /// Where it is told.
    pub state: Option<ChargingState>,
    /// Why it stopped.
    pub stopped_reason: Option<Box<str>>,
    /// The remote start that it answers.
    pub remote_start: Option<i64>,
    /// The reservation that it uses.
    pub reservation: Option<i64>,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
}

/// The identity of a report within its transaction (OCPP.md rule 4): the copy of a message often
/// has a new message id. 1.6's MeterValues have no number of their own, so their readings count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReportKey {
    /// Ordered first: by the station's clock.
    pub at: Timestamp,
    /// Then by number.
    pub seq: Option<i64>,
    /// Then by place.
    pub kind: ReportKind,
    /// Then by trigger.
    pub trigger: Box<str>,
    /// Without a number, by content.
    pub readings: Vec<Reading>,
}

impl Report {
    /// Its identity. A 1.6 stop is known by its transaction alone, whatever else changed.
    pub fn key(&self) -> ReportKey {
        let numberless_update = self.seq.is_none() && self.kind == ReportKind::Updated;
        ReportKey {
            at: self.at,
            seq: self.seq,
            kind: self.kind,
            trigger: self.trigger.clone(),
            readings: if numberless_update { self.readings.clone() } else { Vec::new() },
        }
    }
}
