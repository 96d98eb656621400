//! A connection to play with: what goes in by hand, what comes out in heaps.

use busbar_charging::action::{Action, Reply};
use busbar_charging::fact::Call;
use busbar_charging::fact::metering::{Reading, Report};
use busbar_charging::fact::station::{Authorization, AuthorizationStatus, Dialect, Registration};
use busbar_charging::ids::{CommandId, TransactionId};
use busbar_charging::input::{CommandReturned, Input, StationEvent, TransactionRef};
use busbar_charging::load::kernel::profile::Profile;
use busbar_charging::load::question::Question;
use busbar_charging::units::{Millis, Timestamp};
use busbar_ocpp::{Rule, Version};
use serde_json::Value;

use crate::{Link, LinkConfig, LinkOutput, Note, version};

pub(super) const NOW: Timestamp = Timestamp(1_790_000_000_123);
pub(super) const INCARNATION: u64 = 7;
pub(super) const GENERATION: u64 = 3;
pub(super) const ALL: [Dialect; 3] = [Dialect::V16, Dialect::V201, Dialect::V21];
pub(super) const TWO: [Dialect; 2] = [Dialect::V201, Dialect::V21];

/// A connection and its clock.
pub(super) struct Bench {
    pub(super) link: Link,
    pub(super) now: Timestamp,
    ids: u32,
}

/// What came out since the last look.
#[derive(Debug, Default)]
pub(super) struct Heap {
    pub(super) sent: Vec<Value>,
    pub(super) inputs: Vec<Input>,
    pub(super) notes: Vec<Note>,
    pub(super) closes: Vec<(u16, String)>,
}

pub(super) fn config(dialect: Dialect) -> LinkConfig {
    LinkConfig::new("CS-1".into(), dialect, INCARNATION, GENERATION)
}

impl Bench {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self::with(config(dialect))
    }

    pub(super) fn registered(dialect: Dialect, registration: Registration) -> Self {
        Self::with(LinkConfig { registration: Some(registration), ..config(dialect) })
    }

    /// Past the first input, which is `Connected`.
    pub(super) fn with(config: LinkConfig) -> Self {
        let mut bench = Self { link: Link::new(config, NOW), now: NOW, ids: 0 };
        let heap = bench.look();
        let [Input::Station { event: StationEvent::Connected { .. }, call: None, .. }] =
            heap.inputs.as_slice()
        else {
            panic!("{heap:?}")
        };
        bench
    }

    pub(super) fn look(&mut self) -> Heap {
        let mut heap = Heap::default();
        while let Some(output) = self.link.poll() {
            match output {
                LinkOutput::Send(text) => heap.sent.push(serde_json::from_str(&text).unwrap()),
                LinkOutput::Input(input) => heap.inputs.push(input),
                LinkOutput::Note(note) => heap.notes.push(note),
                LinkOutput::Close { code, reason } => heap.closes.push((code, reason)),
            }
        }
        heap
    }

    pub(super) fn receive(&mut self, text: &str) -> Heap {
        self.link.receive(text, self.now);
        self.look()
    }

    /// A call with an id of its own.
    pub(super) fn call(&mut self, action: &str, payload: &str) -> Heap {
        self.ids += 1;
        let id = format!("id-{}", self.ids);
        self.call_as(&id, action, payload)
    }

    pub(super) fn call_as(&mut self, id: &str, action: &str, payload: &str) -> Heap {
        self.receive(&format!(r#"[2,"{id}","{action}",{payload}]"#))
    }

    pub(super) fn reply(&mut self, call: &Call, reply: Reply) -> Heap {
        let action = Action::Reply { call: call.clone(), reply };
        assert!(self.link.act(&action, self.now));
        self.look()
    }

    pub(super) fn command(&mut self, n: u8, action: &str, payload: &str) -> Heap {
        self.act(n, (action, payload), None, None)
    }

    pub(super) fn limit(&mut self, n: u8, profile: Profile) -> Heap {
        self.act(n, ("SetChargingProfile", ""), Some(Box::new(profile)), None)
    }

    pub(super) fn question(&mut self, n: u8, question: Question) -> Heap {
        self.act(n, ("", ""), None, Some(question))
    }

    fn act(
        &mut self,
        n: u8,
        (action, payload): (&str, &str),
        profile: Option<Box<Profile>>,
        question: Option<Question>,
    ) -> Heap {
        let action = Action::Command {
            station: "CS-1".into(),
            generation: GENERATION,
            command: command_id(n),
            action: action.into(),
            payload: payload.into(),
            profile,
            question,
        };
        assert!(self.link.act(&action, self.now));
        self.look()
    }

    pub(super) fn after(&mut self, seconds: i64) -> Heap {
        self.now = self.now.plus(Millis::from_secs(seconds));
        self.link.tick(self.now);
        self.look()
    }

    /// The single answer to a call that was replied to, as its payload.
    pub(super) fn answer(&mut self, action: &str, payload: &str, reply: Reply) -> Value {
        let heap = self.call(action, payload);
        let call = heap.call();
        let heap = self.reply(&call, reply);
        let [answer] = heap.sent.as_slice() else { panic!("{heap:?}") };
        assert_eq!(answer[0], 3, "{answer}");
        answer[2].clone()
    }
}

impl Heap {
    /// The only event, whatever its call.
    pub(super) fn event(&self) -> &StationEvent {
        let [Input::Station { event, .. }] = self.inputs.as_slice() else { panic!("{self:?}") };
        event
    }

    pub(super) fn events(&self) -> Vec<&StationEvent> {
        let events = self.inputs.iter().filter_map(|input| match input {
            Input::Station { event, .. } => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// The call of the last input.
    pub(super) fn call(&self) -> Call {
        match self.inputs.last() {
            Some(Input::Station { call: Some(call), .. }) => call.clone(),
            _ => panic!("{self:?}"),
        }
    }

    /// The only message about a transaction.
    pub(super) fn report(&self) -> (&TransactionRef, &Report, bool) {
        match self.event() {
            StationEvent::Transaction { transaction, report, wants_cost } => {
                (transaction, report, *wants_cost)
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn readings(&self) -> &[Reading] {
        match self.event() {
            StationEvent::Readings { readings, .. } => readings,
            StationEvent::Transaction { report, .. } => &report.readings,
            other => panic!("{other:?}"),
        }
    }

    /// The only frame, a CALLERROR: its id and code.
    pub(super) fn error(&self) -> (&str, &str) {
        let [frame] = self.sent.as_slice() else { panic!("{self:?}") };
        assert_eq!(frame[0], 4, "{frame}");
        assert!(frame[4].is_object(), "{frame}");
        (frame[1].as_str().unwrap(), frame[2].as_str().unwrap())
    }

    pub(super) fn returned(&self) -> Vec<(CommandId, &CommandReturned)> {
        let returned = self.inputs.iter().filter_map(|input| match input {
            Input::Command { command, returned, .. } => Some((*command, returned)),
            _ => None,
        });
        returned.collect()
    }

    /// The rules that were borne.
    pub(super) fn borne(&self) -> Vec<Rule> {
        let rules = self.notes.iter().flat_map(|note| match note {
            Note::Borne { violations, .. } => violations.iter().map(|v| v.rule).collect(),
            _ => Vec::new(),
        });
        rules.collect()
    }

    pub(super) fn is_silent(&self) -> bool {
        self.sent.is_empty() && self.inputs.is_empty() && self.closes.is_empty()
    }
}

pub(super) fn command_id(n: u8) -> CommandId {
    serde_json::from_value(format!("00000000-0000-7000-8000-0000000000{n:02x}").into()).unwrap()
}

pub(super) fn authorization(status: AuthorizationStatus) -> Authorization {
    Authorization { status, group: None, expires: None, master: false }
}

pub(super) fn transaction_reply(id: &str, authorization: Option<Authorization>) -> Reply {
    Reply::Transaction { transaction: TransactionId::from(id), authorization, cost: None }
}

/// The name that the fixtures give a version.
pub(super) fn fixture_name(dialect: Dialect) -> &'static str {
    match version(dialect) {
        Version::V16 => "v16",
        Version::V201 => "v201",
        Version::V21 => "v21",
    }
}

/// A BootNotification of any version.
pub(super) fn boot_payload(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V16 => r#"{"chargePointVendor":"Ada","chargePointModel":"One"}"#,
        Dialect::V201 | Dialect::V21 => {
            r#"{"reason":"PowerUp","chargingStation":{"vendorName":"Ada","model":"One"}}"#
        }
    }
}

/// A StatusNotification of any version.
pub(super) fn status_payload(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V16 => r#"{"connectorId":1,"errorCode":"NoError","status":"Available"}"#,
        Dialect::V201 | Dialect::V21 => {
            r#"{"evseId":1,"connectorId":1,"connectorStatus":"Available",
                "timestamp":"2026-11-24T07:00:00Z"}"#
        }
    }
}
