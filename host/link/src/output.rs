//! Owns what a connection gives out.
//! Must never hold what only the connection itself needs.

use busbar_charging::input::Input;
use busbar_charging::input::needs::Nonsense;
use busbar_ocpp::rpc::BadKind;
use busbar_ocpp::{ErrorCode, Violation};

/// What a connection gives out, in order.
#[derive(Clone, Debug)]
pub enum LinkOutput {
    /// A frame to send. The frame log is the driver's: it sees every text that comes and goes.
    Send(String),
    /// For the engine.
    Input(Input),
    /// For metrics, the log and the station's conformance report.
    Note(Note),
    /// Close the connection; nothing is sent after it. `closed` is to be called all the same.
    Close {
        /// WebSocket close code.
        code: u16,
        /// Why, at most 123 bytes.
        reason: String,
    },
}

/// Something worth counting. What came is kept as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A message that breaks rules of its schema and was taken all the same.
    Borne {
        /// Its action.
        action: Box<str>,
        /// What was borne; count each by its rule.
        violations: Vec<Violation>,
        /// The payload.
        original: Box<str>,
    },
    /// A call that was answered with a CALLERROR.
    Refused {
        /// Its action.
        action: Box<str>,
        /// The CALLERROR's code.
        code: ErrorCode,
        /// Why.
        description: Box<str>,
        /// The payload.
        original: Box<str>,
    },
    /// A frame that is none; the connection stays (OCPP.md rules 2 and 3).
    BadFrame(BadKind),
    /// A binary frame: OCPP-J is text.
    Binary,
    /// A response or message that nobody waits for, or that cannot be what it says. Ignored.
    Strange(Strange),
    /// A call that came before on this connection, with the same id and payload.
    Repeated {
        /// Its action.
        action: Box<str>,
        /// True when the stored answer went out again; false when the first is still open.
        answered: bool,
    },
    /// A heartbeat was answered.
    Heartbeat,
    /// A token was answered as one that is not known or not valid.
    TokenRefused,
    /// A signed message (2.x Part 4 section 7) was taken; its signature was not verified.
    Signed {
        /// Its action, without the suffix.
        action: Box<str>,
    },
    /// The station's answer to a call of ours cannot be used.
    Unusable {
        /// The call's action.
        action: Box<str>,
        /// Why.
        description: Box<str>,
        /// The answer.
        original: Box<str>,
    },
    /// 2.1 CALLRESULTERROR: the station cannot use an answer of ours.
    AnswerRefused {
        /// Its code, as it came.
        code: Box<str>,
        /// Its description.
        description: Box<str>,
    },
    /// What a car says that it needs is nonsense in part; the rest was taken.
    Nonsense {
        /// What was left out, and why.
        found: Vec<Nonsense>,
        /// The payload.
        original: Box<str>,
    },
    /// A reply that fits no call of this connection: dropped.
    StrayReply,
    /// A reply of another kind than the call asks for, or one that its schema cannot hold.
    UnfitReply {
        /// The call's action.
        action: Box<str>,
        /// What is wrong.
        description: &'static str,
    },
}

/// What nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strange {
    /// An answer to a call of ours that timed out or was given up.
    Late,
    /// An answer to no call of ours.
    Foreign,
    /// A SEND of an action that is none.
    Send,
}
