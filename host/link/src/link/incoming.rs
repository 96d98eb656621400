//! Owns what happens with a frame of the station.
//! Must never answer a response or a SEND (PITFALLS 23), and never forget to answer a call.

use busbar_charging::fact::Call;
use busbar_charging::fact::station::Registration;
use busbar_charging::input::notice::Notice;
use busbar_charging::input::{CommandReturned, StationEvent};
use busbar_charging::units::Timestamp;
use busbar_ocpp::rpc::{self, BadFrame, Frame, Refusal};
use busbar_ocpp::{Decoded, ErrorCode, Fault, Side, Version};
use serde_json::json;

use super::Link;
use super::calls::Seen;
use super::line::{Ended, Owner};
use crate::adapter::{self, Said};
use crate::output::{Note, Strange};
use crate::question;
use crate::signed;

/// Message types of answers.
const CALL_RESULT: u64 = 3;
const CALL_ERROR: u64 = 4;

impl Link {
    pub(super) fn frame(&mut self, text: &str, now: Timestamp) {
        match rpc::parse(self.version, text, &self.config.limits) {
            Ok(Frame::Call { id, action, payload }) => self.call(&id, &action, payload, now),
            Ok(Frame::CallResult { id, payload }) => self.call_result(&id, payload, now),
            Ok(Frame::CallError(refusal)) => self.call_error(&refusal, now),
            Ok(Frame::CallResultError(refusal)) => self.note(Note::AnswerRefused {
                code: refusal.code_text.into(),
                description: refusal.description.into(),
            }),
            Ok(Frame::Send { action, payload, .. }) => self.sent(&action, payload),
            Err(bad) => self.unreadable(bad, text, now),
        }
    }

    /// A CALL: answered at once or by a later reply, whatever we wait for ourselves (PITFALLS 6).
    fn call(&mut self, id: &str, action: &str, payload: &str, now: Timestamp) {
        match self.calls.seen(id, action, payload, now) {
            Seen::No => self.calls.forget(id),
            Seen::Open => {
                return self.note(Note::Repeated { action: action.into(), answered: false });
            }
            Seen::Answered(frame) => {
                self.note(Note::Repeated { action: action.into(), answered: true });
                return self.send(frame);
            }
        }
        match self.read(action, payload) {
            Err(fault) => self.refuse_call(id, action, payload, &fault),
            Ok(Said::Heartbeat) => self.heartbeat(id, now),
            Ok(Said::Events { mut events, answer }) => {
                self.sift(&mut events, now);
                match self.calls.enter((id, action, payload), answer, now) {
                    Some(key) => self.say(events, key),
                    None => {
                        let fault = adapter::action_fault(
                            ErrorCode::InternalError,
                            "too many calls are open on this connection",
                        );
                        self.refuse_call(id, action, payload, &fault);
                    }
                }
            }
        }
    }

    /// What a call says; deviations that are borne are noted with the original.
    fn read(&mut self, action: &str, payload: &str) -> Result<Said, Fault> {
        let unsigned;
        let (mut action, mut payload) = (action, payload);
        if self.version != Version::V16
            && let Some(inner) = signed::inner_action(action)
        {
            unsigned = signed::inner_payload(payload).ok_or_else(|| {
                adapter::action_fault(ErrorCode::FormatViolation, "no signed payload to unwrap")
            })?;
            (action, payload) = (inner, &unsigned);
            self.note(Note::Signed { action: action.into() });
        }
        busbar_ocpp::accepts(self.version, Side::Csms, action).map_err(|code| {
            let description = match code {
                ErrorCode::NotSupported => "this action is for the station",
                _ => "no such action in this version",
            };
            adapter::action_fault(code, description)
        })?;
        if busbar_ocpp::is_unanswered(self.version, action) {
            let description = "this action travels as SEND";
            return Err(adapter::action_fault(ErrorCode::NotSupported, description));
        }
        let decoded = adapter::read(self.version, action, payload, self.config.leniency)?;
        Ok(self.take(decoded, action, payload))
    }

    /// Takes a message; what was borne is noted with the original.
    fn take<T>(&mut self, decoded: Decoded<T>, action: &str, payload: &str) -> T {
        let Decoded { message, violations } = decoded;
        if !violations.is_empty() {
            let (action, original) = (action.into(), payload.into());
            self.note(Note::Borne { action, violations, original });
        }
        message
    }

    /// Leaves out what cannot be of what cars need, with a note of it.
    fn sift(&mut self, events: &mut [StationEvent], now: Timestamp) {
        for event in events {
            let StationEvent::Charging { notice, payload, .. } = event else { continue };
            let Notice::Needs { needs, nonsense, .. } = notice else { continue };
            (*needs, *nonsense) = needs.clone().sound(needs.reported.unwrap_or(now));
            if !nonsense.is_empty() {
                let (found, original) = (nonsense.clone(), payload.clone());
                self.note(Note::Nonsense { found, original });
            }
        }
    }

    fn say(&mut self, mut events: Vec<StationEvent>, key: Box<str>) {
        let last = events.pop();
        for event in events {
            self.station_event(None, event);
        }
        if let Some(event) = last {
            let call = Call::Station {
                incarnation: self.config.incarnation,
                generation: self.config.generation,
                message_id: key,
            };
            self.station_event(Some(call), event);
        }
    }

    /// A heartbeat is answered here and is never an input. A station that is pending gets no
    /// answer to one that it was not asked for, one that is rejected to none (PITFALLS 26 to 28);
    /// one that never booted does (QUIRKS Q35).
    fn heartbeat(&mut self, id: &str, now: Timestamp) {
        let triggered = std::mem::take(&mut self.triggered_heartbeat);
        match self.registration {
            None | Some(Registration::Accepted) => {}
            Some(Registration::Pending) if triggered => {}
            Some(Registration::Pending | Registration::Rejected) => {
                let description = "the station is not accepted";
                return self.refuse(id, ErrorCode::SecurityError, description, "{}");
            }
        }
        let answer = adapter::heartbeat(self.version, now);
        self.send(rpc::call_result(id, &answer));
        self.note(Note::Heartbeat);
    }

    fn refuse_call(&mut self, id: &str, action: &str, payload: &str, fault: &Fault) {
        let details = json!({ "path": fault.path, "rule": fault.rule.as_str() });
        let details = if fault.violations.is_empty() { json!({}) } else { details };
        self.refuse(id, fault.code, &fault.description, &details.to_string());
        self.note(Note::Refused {
            action: action.into(),
            code: fault.code,
            description: fault.description.as_str().into(),
            original: payload.into(),
        });
    }

    /// 2.1 SEND: recorded as it came, and never answered, not even when it is wrong.
    fn sent(&mut self, action: &str, payload: &str) {
        if !busbar_ocpp::is_unanswered(self.version, action) {
            return self.note(Note::Strange(Strange::Send));
        }
        match adapter::read(self.version, action, payload, self.config.leniency) {
            Ok(decoded) => {
                self.take(decoded, action, payload);
                let (action, payload) = (action.into(), payload.into());
                self.station_event(None, StationEvent::Other { action, payload });
            }
            Err(fault) => self.note(Note::Refused {
                action: action.into(),
                code: fault.code,
                description: fault.description.into(),
                original: payload.into(),
            }),
        }
    }

    fn call_result(&mut self, id: &str, payload: &str, now: Timestamp) {
        let Some(Ended { command, action, question }) = self.ended(id) else { return };
        let checked = adapter::check_answer(self.version, &action, payload, self.config.leniency);
        let returned = match checked {
            Ok(decoded) => {
                self.take(decoded, &action, payload);
                let (response, message_id) = (payload.into(), id.into());
                let status = status(payload);
                match question {
                    None => CommandReturned::Answered { response, status, message_id },
                    Some(question) => {
                        let answer = question::answer(self.config.dialect, question, payload);
                        let answer = Box::new(answer);
                        CommandReturned::Told { response, status, message_id, answer }
                    }
                }
            }
            Err(fault) => {
                self.tell_unusable(id, fault.code, &fault.description);
                self.unusable(action, payload, fault.code, &fault.description)
            }
        };
        self.returned(command, returned);
        self.send_next(now);
    }

    /// 2.1 can tell the station that its CALLRESULT cannot be used; nothing else may answer one.
    fn tell_unusable(&mut self, id: &str, code: ErrorCode, description: &str) {
        if self.version == Version::V21 {
            self.send(rpc::call_result_error(id, code, description, "{}"));
        }
    }

    /// An answer that cannot be used is a call that failed.
    fn unusable(
        &mut self,
        action: Box<str>,
        payload: &str,
        code: ErrorCode,
        description: &str,
    ) -> CommandReturned {
        let original = payload.into();
        self.note(Note::Unusable { action, description: description.into(), original });
        let code = code.spelling(self.version).into();
        let description = format!("the station's answer cannot be used: {description}").into();
        CommandReturned::Refused { code, description }
    }

    /// A CALLERROR in whatever spelling, with whatever code.
    fn call_error(&mut self, refusal: &Refusal<'_>, now: Timestamp) {
        let Some(Ended { command, .. }) = self.ended(&refusal.id) else { return };
        let code = refusal.code_text.as_ref().into();
        let description = refusal.description.as_ref().into();
        self.returned(command, CommandReturned::Refused { code, description });
        self.send_next(now);
    }

    /// The call of ours that an answer ends; one that nobody waits for is ignored and counted.
    fn ended(&mut self, id: &str) -> Option<Ended> {
        let strange = match self.line.answered(id) {
            Owner::Ended(ended) => return Some(ended),
            Owner::Late => Strange::Late,
            Owner::Foreign => Strange::Foreign,
        };
        self.note(Note::Strange(strange));
        None
    }

    /// A frame that is none (OCPP.md rules 2 and 3). An answer that is malformed still ends the
    /// call that waits for it.
    fn unreadable(&mut self, bad: BadFrame, text: &str, now: Timestamp) {
        self.bad_frame(bad.kind);
        if let Some(answer) = &bad.answer {
            self.send(answer.write(self.version));
        }
        let (Some(message_type @ (CALL_RESULT | CALL_ERROR)), Some(id)) =
            (bad.message_type, &bad.id)
        else {
            return;
        };
        if let Some(Ended { command, action, .. }) = self.ended(id) {
            let (code, description) = (ErrorCode::FormatViolation, "the frame is malformed");
            if message_type == CALL_RESULT {
                self.tell_unusable(id, code, description);
            }
            let returned = self.unusable(action, text, code, description);
            self.returned(command, returned);
            self.send_next(now);
        }
    }
}

/// The `status` of a response, where it has one.
fn status(payload: &str) -> Option<Box<str>> {
    #[derive(serde::Deserialize)]
    struct Status {
        status: Option<Box<str>>,
    }
    serde_json::from_str::<Status>(payload).ok()?.status
}
