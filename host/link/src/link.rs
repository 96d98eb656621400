//! Owns one connection: what comes in, what goes out, and in which order.
//! Must never let one direction wait for the other (PITFALLS 6).

mod calls;
mod incoming;
mod line;

use std::collections::VecDeque;

use busbar_charging::action::{Action, Reply};
use busbar_charging::fact::Call;
use busbar_charging::fact::station::{AuthorizationStatus, Registration};
use busbar_charging::ids::{CommandId, StationId};
use busbar_charging::input::{CommandReturned, Input, StationEvent};
use busbar_charging::units::Timestamp;
use busbar_ocpp::rpc::{self, BadKind, CallError};
use busbar_ocpp::{ErrorCode, Version};

use crate::adapter::{self, Terms};
use crate::config::LinkConfig;
use crate::output::{LinkOutput, Note};
use crate::profile;
use crate::question;
use crate::words;
use calls::Calls;
use line::{Line, Waiting};

/// Longest reason of a WebSocket close frame, in bytes (RFC 6455 section 5.5).
const MAX_REASON_BYTES: usize = 123;
/// Outputs that most frames make: one, or an answer and a note.
const USUAL_OUTPUTS: usize = 2;
/// WebSocket close code of an orderly end.
const NORMAL_CLOSURE: u16 = 1000;

/// One station's connection. After every call, `poll` until it gives nothing more.
///
/// The first output is `Input::Station { event: Connected }`; after `closed` the last one is
/// `Disconnected`. Each `Action::Command` given to `act` is answered by exactly one
/// `Input::Command`, each call of the station by at most one frame.
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
    version: Version,
    registration: Option<Registration>,
    /// A heartbeat was asked for, which is then let in also while the station is pending.
    triggered_heartbeat: bool,
    calls: Calls,
    line: Line,
    outputs: VecDeque<Queued>,
    closing: bool,
    closed: bool,
}

/// An output on its way.
#[derive(Debug)]
struct Queued {
    output: LinkOutput,
    /// The command that it carries.
    command: Option<CommandId>,
}

impl Link {
    /// A connection that has just been authenticated.
    pub fn new(config: LinkConfig, _now: Timestamp) -> Self {
        let mut link = Self {
            version: words::version(config.dialect),
            registration: config.registration,
            triggered_heartbeat: false,
            calls: Calls::default(),
            line: Line::default(),
            outputs: VecDeque::new(),
            closing: false,
            closed: false,
            config,
        };
        link.station_event(
            None,
            StationEvent::Connected {
                dialect: link.config.dialect,
                incarnation: link.config.incarnation,
                remote: link.config.remote.clone(),
                security_profile: link.config.security_profile,
            },
        );
        link
    }

    /// A text frame came. The connection survives whatever it holds (PITFALLS 12).
    pub fn receive(&mut self, text: &str, now: Timestamp) {
        if !self.is_over() {
            self.frame(text, now);
        }
    }

    /// A binary frame came, which OCPP-J does not have: as unreadable as a frame can be.
    pub fn receive_binary(&mut self, _now: Timestamp) {
        if self.is_over() {
            return;
        }
        self.note(Note::Binary);
        if self.version != Version::V16 {
            let (id, description) = ("-1".to_owned(), "binary frame".into());
            let error = CallError { id, code: ErrorCode::RpcFrameworkError, description };
            self.send(error.write(self.version));
        }
    }

    /// Does what the engine let out. False when the action is not this connection's: the driver
    /// answers a command that has no connection with `Gone { may_have_left: false }` itself.
    pub fn act(&mut self, action: &Action, now: Timestamp) -> bool {
        match action {
            Action::Reply { call, reply } => self.reply(call, reply, now),
            Action::Command { station, generation, .. } => {
                if *station != self.config.station || *generation != self.config.generation {
                    return false;
                }
                self.command(action, now);
                true
            }
            Action::Abandon { station, generation, command } => {
                if *station != self.config.station || *generation != self.config.generation {
                    return false;
                }
                if let Some(returned) = self.line.abandon(*command) {
                    self.returned(*command, returned);
                    self.send_next(now);
                }
                true
            }
            Action::Accept { station, generation } => {
                if *station != self.config.station || *generation != self.config.generation {
                    return false;
                }
                self.registration = Some(Registration::Accepted);
                true
            }
            Action::Close { station, generation, reason } => {
                if *station != self.config.station || *generation != self.config.generation {
                    return false;
                }
                self.close(NORMAL_CLOSURE, reason);
                true
            }
            Action::Tell { .. } => false,
        }
    }

    /// Sends a command, or ends it at once.
    fn command(&mut self, command: &Action, now: Timestamp) {
        let Action::Command { command, action, payload, profile, question, .. } = command else {
            return;
        };
        if self.is_over() {
            return self.returned(*command, CommandReturned::Gone { may_have_left: false });
        }
        let dialect = self.config.dialect;
        let written = match (profile.as_deref(), question) {
            (Some(profile), _) if profile.updates => Some(profile::update(dialect, profile)),
            (Some(profile), _) => Some(profile::set(dialect, profile)),
            (None, Some(question)) => Some(question::ask(dialect, *question)),
            (None, None) => None,
        };
        let (action, payload) = match written {
            None => (action.clone(), payload.clone()),
            Some(Ok(message)) => (message.action.into(), message.payload.into()),
            Some(Err(unwritable)) => {
                let description = unwritable.to_string().into();
                let code = ErrorCode::NotSupported.spelling(self.version).into();
                let refused = CommandReturned::Refused { code, description };
                return self.returned(*command, refused);
            }
        };
        self.line.enqueue(Waiting { command: *command, action, payload, question: *question });
        self.send_next(now);
    }

    /// Time has passed: gives up a call of ours that was not answered in time.
    pub fn tick(&mut self, now: Timestamp) {
        if let Some(command) = self.line.time_out(now) {
            self.returned(command, CommandReturned::TimedOut);
            self.send_next(now);
        }
    }

    /// When `tick` is wanted.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.line.deadline()
    }

    /// The connection is gone, for whatever reason. What was not sent is not sent any more; calls
    /// of ours that may have left say so; calls of the station lose their answers.
    pub fn closed(&mut self, reason: &str, _now: Timestamp) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let unsent: Vec<_> = self.outputs.iter().filter_map(|queued| queued.command).collect();
        self.outputs.retain(|queued| {
            !matches!(queued.output, LinkOutput::Send(_) | LinkOutput::Close { .. })
        });
        for (command, sent) in self.line.drain() {
            let may_have_left = sent && !unsent.contains(&command);
            self.returned(command, CommandReturned::Gone { may_have_left });
        }
        self.calls = Calls::default();
        self.station_event(None, StationEvent::Disconnected { reason: reason.into() });
    }

    /// The next output, in order.
    pub fn poll(&mut self) -> Option<LinkOutput> {
        let next = self.outputs.pop_front();
        if next.is_none() {
            // Most connections are idle: they hold no room.
            self.outputs = VecDeque::new();
        }
        next.map(|queued| queued.output)
    }

    /// Whose connection.
    pub fn station(&self) -> &StationId {
        &self.config.station
    }

    /// Whether the station is accepted, as far as this connection knows: by the answer to its last
    /// boot and what the core has said since; none if it never booted.
    pub fn registration(&self) -> Option<Registration> {
        self.registration
    }

    /// The calls that are open: of the station, and of ours.
    pub fn open_calls(&self) -> (usize, usize) {
        (self.calls.open(), self.line.len())
    }

    fn is_over(&self) -> bool {
        self.closed || self.closing
    }

    fn close(&mut self, code: u16, reason: &str) {
        if self.is_over() {
            return;
        }
        self.closing = true;
        let mut end = reason.len().min(MAX_REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        self.push(LinkOutput::Close { code, reason: reason[..end].to_owned() });
    }

    fn reply(&mut self, call: &Call, reply: &Reply, now: Timestamp) -> bool {
        let Call::Station { incarnation, generation, message_id } = call else { return false };
        if *incarnation != self.config.incarnation || *generation != self.config.generation {
            return false;
        }
        if self.is_over() {
            return true;
        }
        let Some(open) = self.calls.take(message_id) else {
            self.note(Note::StrayReply);
            return true;
        };
        if *reply == Reply::NotAccepted {
            // One that never booted may say what others may not, and has its heartbeats answered.
            if self.registration == Some(Registration::Accepted) {
                self.registration = Some(Registration::Pending);
            }
            self.refuse(&open.id, ErrorCode::SecurityError, "the station is not accepted", "{}");
            return true;
        }
        if let Reply::Boot { registration, .. } = reply {
            self.registration = Some(*registration);
        }
        if let Reply::Authorized(answer) | Reply::Transaction { authorization: Some(answer), .. } =
            reply
            && matches!(answer.status, AuthorizationStatus::Unknown | AuthorizationStatus::Invalid)
        {
            self.note(Note::TokenRefused);
        }
        let terms = Terms {
            now,
            heartbeat_interval_s: self.config.heartbeat_interval_s,
            retry_interval_s: self.config.retry_interval_s,
        };
        match adapter::write(self.version, &open.answer, reply, terms) {
            Ok((payload, omitted)) => {
                if let Some(description) = omitted {
                    self.note(Note::UnfitReply { action: open.action.clone(), description });
                }
                let frame = rpc::call_result(&open.id, &payload);
                if open.answer.keeps() {
                    self.calls.keep(open, &payload, now);
                }
                self.send(frame);
            }
            Err(description) => {
                self.note(Note::UnfitReply { action: open.action.clone(), description });
                self.refuse(&open.id, ErrorCode::InternalError, "no answer could be made", "{}");
            }
        }
        true
    }

    /// Sends the next command when the line is free.
    fn send_next(&mut self, now: Timestamp) {
        let until = now.plus(self.config.call_timeout);
        if let Some(next) = self.line.next(until) {
            if asks_for_heartbeat(&next.action, &next.payload) {
                self.triggered_heartbeat = true;
            }
            let frame = rpc::call(&next.id, &next.action, &next.payload);
            self.queue(Queued { output: LinkOutput::Send(frame), command: Some(next.command) });
        }
    }

    fn station_event(&mut self, call: Option<Call>, event: StationEvent) {
        self.push(LinkOutput::Input(Input::Station {
            station: self.config.station.clone(),
            generation: self.config.generation,
            call,
            event,
        }));
    }

    fn returned(&mut self, command: CommandId, returned: CommandReturned) {
        let station = self.config.station.clone();
        self.push(LinkOutput::Input(Input::Command { station, command, returned }));
    }

    fn refuse(&mut self, id: &str, code: ErrorCode, description: &str, details: &str) {
        self.send(rpc::call_error(self.version, id, code, description, details));
    }

    fn bad_frame(&mut self, kind: BadKind) {
        self.note(Note::BadFrame(kind));
    }

    fn send(&mut self, frame: String) {
        self.push(LinkOutput::Send(frame));
    }

    fn note(&mut self, note: Note) {
        self.push(LinkOutput::Note(note));
    }

    fn push(&mut self, output: LinkOutput) {
        self.queue(Queued { output, command: None });
    }

    fn queue(&mut self, queued: Queued) {
        if self.outputs.capacity() == 0 {
            self.outputs.reserve_exact(USUAL_OUTPUTS);
        }
        self.outputs.push_back(queued);
    }
}

/// Whether a call of ours asks for a heartbeat.
fn asks_for_heartbeat(action: &str, payload: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Trigger<'a> {
        #[serde(rename = "requestedMessage", borrow)]
        requested_message: std::borrow::Cow<'a, str>,
    }
    matches!(action, "TriggerMessage" | "ExtendedTriggerMessage")
        && serde_json::from_str::<Trigger<'_>>(payload)
            .is_ok_and(|trigger| trigger.requested_message == "Heartbeat")
}
