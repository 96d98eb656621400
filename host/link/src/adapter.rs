//! Owns the one seam between the connection and the versions: what a call says, and what answers
//! it. Must never decide: adapters hold no policy.

use busbar_charging::action::Reply;
use busbar_charging::input::StationEvent;
use busbar_charging::units::Timestamp;
use busbar_ocpp::{Decoded, ErrorCode, Fault, Leniency, Rule, Version, v16, v21, v201};

/// What a call says.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// A heartbeat: answered by the link.
    Heartbeat,
    /// Something for the core. The last event carries the call, so that its answer leaves when
    /// all of them are durable.
    Events {
        /// At least one.
        events: Vec<StationEvent>,
        /// How it is answered.
        answer: Answer,
    },
}

/// What must be remembered of a call to answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// BootNotification.
    Boot,
    /// Authorize.
    Authorize,
    /// 1.6 StartTransaction: always a transaction id and idTagInfo.
    Start,
    /// 1.6 StopTransaction: idTagInfo where there was an idTag (PITFALLS 42).
    Stop {
        /// Whether there was one.
        token: bool,
    },
    /// 2.x TransactionEvent.
    Event {
        /// idTokenInfo exactly where there was an idToken (PITFALLS 43).
        token: bool,
        /// Whether it has room for a cost (PITFALLS 161 and 162).
        cost: bool,
    },
    /// 2.x NotifyEVChargingNeeds.
    Needs,
    /// 2.x NotifyEVChargingSchedule.
    CarSchedule,
    /// 2.1 PullDynamicScheduleUpdate.
    Pull,
    /// Any other: its version's plain answer, known from the start.
    Plain(Box<str>),
}

impl Answer {
    /// Whether the same answer may go out again to a repeat. Answers that tell the time, the
    /// registration or a limit are made anew.
    pub(crate) fn keeps(&self) -> bool {
        !matches!(self, Self::Boot | Self::Pull)
    }
}

/// What the link adds to the core's words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) now: Timestamp,
    pub(crate) heartbeat_interval_s: u32,
    pub(crate) retry_interval_s: u32,
}

impl Terms {
    /// The interval told with an answer to a boot (PITFALLS 25).
    pub(crate) fn interval(&self, accepted: bool) -> i64 {
        i64::from(if accepted { self.heartbeat_interval_s } else { self.retry_interval_s })
    }
}

/// What cannot be said in an answer: a group or a price that its schema has no room for.
pub(crate) type Omitted = Option<&'static str>;

/// Reads the payload of a call of the station.
pub(crate) fn read(
    version: Version,
    action: &str,
    payload: &str,
    leniency: Leniency,
) -> Result<Decoded<Said>, Fault> {
    match version {
        Version::V16 => crate::v16::inbound::read(action, payload, leniency),
        Version::V201 => crate::v201::inbound::read(action, payload, leniency),
        Version::V21 => crate::v21::inbound::read(action, payload, leniency),
    }
}

/// Writes the payload that answers a call; `Err` says why `reply` cannot.
pub(crate) fn write(
    version: Version,
    answer: &Answer,
    reply: &Reply,
    terms: Terms,
) -> Result<(String, Omitted), &'static str> {
    match version {
        Version::V16 => crate::v16::outbound::write(answer, reply, terms),
        Version::V201 => crate::v201::outbound::write(answer, reply, terms),
        Version::V21 => crate::v21::outbound::write(answer, reply, terms),
    }
}

/// The answer to a heartbeat.
pub(crate) fn heartbeat(version: Version, now: Timestamp) -> String {
    match version {
        Version::V16 => crate::v16::outbound::heartbeat(now),
        Version::V201 => crate::v201::outbound::heartbeat(now),
        Version::V21 => crate::v21::outbound::heartbeat(now),
    }
}

/// Judges the station's answer to a call of ours; gives what was borne.
pub(crate) fn check_answer(
    version: Version,
    action: &str,
    payload: &str,
    leniency: Leniency,
) -> Result<Decoded<()>, Fault> {
    match version {
        Version::V16 => v16::Response::decode(action, payload, leniency).map(|d| d.map(|_| ())),
        Version::V201 => v201::Response::decode(action, payload, leniency).map(|d| d.map(|_| ())),
        Version::V21 => v21::Response::decode(action, payload, leniency).map(|d| d.map(|_| ())),
    }
}

/// A fault that lies in an action's name or direction.
pub(crate) fn action_fault(code: ErrorCode, description: &str) -> Fault {
    Fault {
        code,
        rule: Rule::Action,
        path: String::new(),
        description: description.to_owned(),
        violations: Vec::new(),
    }
}
