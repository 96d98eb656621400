//! A scripted server for the tests of the station: it answers, checks every frame strictly, and
//! writes down what it saw. Virtual time; no sockets.

use std::collections::VecDeque;

use busbar_ocpp::rpc::{self, Frame, Limits};
use busbar_ocpp::{Leniency, Version, check};
use serde_json::{Value, json};

use crate::spec::Spec;
use crate::station::{Act, Input, Output, Station};

/// Some Monday.
pub(crate) const START_MS: i64 = 1_794_816_000_000;

/// A call that the server saw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) at_ms: i64,
    pub(crate) id: String,
    pub(crate) action: String,
    pub(crate) payload: Value,
}

/// A station, its server and the time between them.
pub(crate) struct World {
    pub(crate) station: Station,
    pub(crate) now_ms: i64,
    pub(crate) seen: Vec<Seen>,
    pub(crate) answers: Vec<(String, Value)>,
    pub(crate) frames: Vec<String>,
    pub(crate) reachable: bool,
    pub(crate) silent: VecDeque<&'static str>,
    pub(crate) refuse: Option<&'static str>,
    pub(crate) registration: &'static str,
    pub(crate) next_number: i64,
    version: Version,
    up: bool,
}

impl World {
    pub(crate) fn new(spec: Spec) -> Self {
        let version = spec.version;
        Self {
            station: Station::new(spec, START_MS),
            now_ms: START_MS,
            seen: Vec::new(),
            answers: Vec::new(),
            frames: Vec::new(),
            reachable: true,
            silent: VecDeque::new(),
            refuse: None,
            registration: "Accepted",
            next_number: 41,
            version,
            up: false,
        }
    }

    /// Lets time pass.
    pub(crate) fn run_s(&mut self, seconds: i64) {
        let until_ms = self.now_ms + seconds * 1000;
        self.input(Input::Tick);
        let mut turns = 0;
        while let Some(at_ms) = self.station.deadline().filter(|at_ms| *at_ms <= until_ms) {
            turns = if at_ms <= self.now_ms { turns + 1 } else { 0 };
            assert!(turns < 1000, "the station spins");
            self.now_ms = at_ms.max(self.now_ms);
            self.input(Input::Tick);
        }
        self.now_ms = until_ms;
        self.input(Input::Tick);
    }

    pub(crate) fn act(&mut self, act: Act) {
        self.input(Input::Act(act));
    }

    /// The server calls; gives the answer.
    pub(crate) fn call(&mut self, action: &str, payload: Value) -> Value {
        let id = format!("server-{}", self.answers.len());
        self.input(Input::Text(&rpc::call(&id, action, &payload.to_string())));
        let (answered, answer) = self.answers.last().expect("an answer").clone();
        assert_eq!(answered, id);
        self.strictly(&format!("{action}Response"), &answer.to_string());
        answer
    }

    /// The server says something, right or wrong.
    pub(crate) fn hear(&mut self, text: &str) {
        self.input(Input::Text(text));
    }

    /// The network goes, as the station sees it, or comes again.
    pub(crate) fn reach(&mut self, reachable: bool) {
        self.reachable = reachable;
        if !reachable && self.up {
            self.up = false;
            self.input(Input::Disconnected);
        }
    }

    pub(crate) fn count(&self, action: &str) -> usize {
        self.seen.iter().filter(|seen| seen.action == action).count()
    }

    pub(crate) fn all(&self, action: &str) -> Vec<&Value> {
        let all = self.seen.iter().filter(|seen| seen.action == action);
        all.map(|seen| &seen.payload).collect()
    }

    fn input(&mut self, input: Input<'_>) {
        self.station.handle(self.now_ms, input);
        while let Some(output) = self.station.poll() {
            match output {
                Output::Connect => {
                    self.up = self.reachable;
                    let next = if self.up { Input::Connected } else { Input::Disconnected };
                    self.station.handle(self.now_ms, next);
                }
                Output::Close => self.up = false,
                Output::Send(frame) => self.frame(&frame),
            }
        }
    }

    fn frame(&mut self, text: &str) {
        self.frames.push(text.to_owned());
        let frame = rpc::parse(self.version, text, &Limits::default()).expect("a frame");
        match frame {
            Frame::Call { id, action, payload } => {
                let file = if self.version == Version::V16 {
                    action.to_string()
                } else {
                    format!("{action}Request")
                };
                self.strictly(&file, payload);
                let payload: Value = serde_json::from_str(payload).expect("JSON");
                let (id, action) = (id.to_string(), action.to_string());
                let at_ms = self.now_ms;
                self.seen.push(Seen { at_ms, id: id.clone(), action: action.clone(), payload });
                self.answer(&id, &action);
            }
            Frame::CallResult { id, payload } => {
                let payload = serde_json::from_str(payload).expect("JSON");
                self.answers.push((id.to_string(), payload));
            }
            Frame::CallError(refusal) => {
                let code = refusal.code_text.to_string();
                self.answers.push((refusal.id.to_string(), json!({ "error": code })));
            }
            other => panic!("a station does not send {other:?}"),
        }
    }

    fn answer(&mut self, id: &str, action: &str) {
        if self.silent.front() == Some(&action) {
            self.silent.pop_front();
            return;
        }
        if self.refuse == Some(action) {
            let error =
                rpc::call_error(self.version, id, busbar_ocpp::ErrorCode::InternalError, "", "{}");
            self.station.handle(self.now_ms, Input::Text(&error));
            return;
        }
        let payload = self.payload(action);
        let frame = rpc::call_result(id, &payload.to_string());
        self.station.handle(self.now_ms, Input::Text(&frame));
    }

    fn payload(&mut self, action: &str) -> Value {
        let time = busbar_ocpp::values::Time::from_epoch_ms(self.now_ms);
        let time = time.as_str();
        let token = json!({ "status": "Accepted" });
        match (action, self.version) {
            ("BootNotification", _) => {
                json!({ "status": self.registration, "currentTime": time, "interval": 300 })
            }
            ("PullDynamicScheduleUpdate", _) => {
                json!({ "status": "Accepted", "scheduleUpdate": { "limit": 8.5 } })
            }
            ("Heartbeat", _) => json!({ "currentTime": time }),
            ("Authorize", Version::V16) => json!({ "idTagInfo": token }),
            ("Authorize", _) => json!({ "idTokenInfo": token }),
            ("StartTransaction", _) => {
                self.next_number += 1;
                json!({ "idTagInfo": token, "transactionId": self.next_number })
            }
            _ => json!({}),
        }
    }

    fn strictly(&self, file: &str, payload: &str) {
        let result = check(self.version, file, payload, Leniency::Strict);
        assert!(result.valid, "{file} {payload}: {result:?}");
    }
}
