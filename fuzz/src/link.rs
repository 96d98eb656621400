//! A connection driven by any course: a call gets at most one answer, an answer gets none, every
//! command ends exactly once, and the connection goes on. The input is lines: the version (`1.6`,
//! `2.0.1`, `2.1`, with `strict` behind it where that is the policy), then steps: `<` and the text
//! of a frame; `>` and a command as its number, action and payload; `?` and a number, which gives
//! up a command; `=` and two numbers, which answers an open call in one of the ways of the core;
//! `+` and seconds; `b`, a binary frame; `x`, the end. Must never hold a policy of the core.

use std::collections::BTreeMap;

use busbar_charging::action::{Action, Reply};
use busbar_charging::fact::Call;
use busbar_charging::fact::station::{Authorization, AuthorizationStatus, Dialect, Registration};
use busbar_charging::ids::CommandId;
use busbar_charging::input::Input;
use busbar_charging::units::{Millis, Timestamp};
use busbar_link::{Link, LinkConfig, LinkOutput, version};
use busbar_ocpp::Leniency;
use busbar_ocpp::rpc::{self, Frame, Limits};

/// Plays a course.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let Some(mut bench) = lines.next().and_then(Bench::new) else { return };
    // A course is short, or it only repeats itself.
    for line in lines.take(64) {
        bench.step(line);
        bench.look();
    }
    bench.end();
}

struct Bench {
    link: Link,
    dialect: Dialect,
    now: Timestamp,
    /// By message id: calls that came, answers that went.
    calls: BTreeMap<String, (usize, usize)>,
    /// By command: given, ended.
    commands: BTreeMap<String, (usize, usize)>,
    open: Vec<Call>,
    is_over: bool,
}

impl Bench {
    fn new(line: &str) -> Option<Self> {
        let (name, strict) = line.split_once(' ').unwrap_or((line, ""));
        let dialect = match name {
            "1.6" => Dialect::V16,
            "2.0.1" => Dialect::V201,
            "2.1" => Dialect::V21,
            _ => return None,
        };
        let mut config = LinkConfig::new("CS-1".into(), dialect, 7, 3);
        if strict == "strict" {
            config.leniency = Leniency::Strict;
        }
        let now = Timestamp(1_790_000_000_123);
        let (calls, commands) = (BTreeMap::new(), BTreeMap::new());
        let link = Link::new(config, now);
        Some(Self { link, dialect, now, calls, commands, open: Vec::new(), is_over: false })
    }

    fn step(&mut self, line: &str) {
        let Some(kind) = line.chars().next() else { return };
        let rest = &line[kind.len_utf8()..];
        match kind {
            '<' => self.receive(rest),
            '>' => self.command(rest),
            '?' => {
                let Some(command) = number(rest).and_then(command_id) else { return };
                let station = "CS-1".into();
                self.link.act(&Action::Abandon { station, generation: 3, command }, self.now);
            }
            '=' => {
                let (at, way) = rest.split_once(' ').unwrap_or((rest, ""));
                let (Some(at), Some(way)) = (number(at), number(way)) else { return };
                if usize::from(at) < self.open.len() {
                    let call = self.open.remove(usize::from(at));
                    self.link.act(&Action::Reply { call, reply: reply(way) }, self.now);
                }
            }
            '+' => {
                self.now = self.now.plus(Millis::from_secs(number(rest).unwrap_or(1).into()));
                self.link.tick(self.now);
            }
            'b' => self.link.receive_binary(self.now),
            'x' => {
                self.link.closed("end", self.now);
                self.is_over = true;
            }
            _ => {}
        }
    }

    /// A call counts as one where its type and id can be read, whatever comes behind them.
    fn receive(&mut self, text: &str) {
        let id = match rpc::parse(version(self.dialect), text, &Limits::default()) {
            Ok(Frame::Call { id, .. }) => Some(id.into_owned()),
            Ok(_) => None,
            Err(bad) => bad.id.filter(|_| bad.message_type == Some(2)),
        };
        if let Some(id) = id.filter(|_| !self.is_over) {
            self.calls.entry(id).or_default().0 += 1;
        }
        self.link.receive(text, self.now);
    }

    fn command(&mut self, rest: &str) {
        let mut parts = rest.splitn(3, ' ');
        let command = parts.next().and_then(number).and_then(command_id);
        let (Some(command), Some(action), Some(payload)) = (command, parts.next(), parts.next())
        else {
            return;
        };
        // What operators send was judged before; a payload that is no JSON never gets here.
        if serde_json::from_str::<serde::de::IgnoredAny>(payload).is_err() {
            return;
        }
        self.commands.entry(command.to_string()).or_default().0 += 1;
        let (station, generation) = ("CS-1".into(), 3);
        let (action, payload) = (action.into(), payload.into());
        let action = Action::Command {
            station,
            generation,
            command,
            action,
            payload,
            profile: None,
            question: None,
        };
        assert!(self.link.act(&action, self.now), "the command is this connection's");
    }

    fn look(&mut self) {
        while let Some(output) = self.link.poll() {
            match output {
                LinkOutput::Send(text) => self.sent(&text),
                LinkOutput::Input(Input::Station { call: Some(call), .. }) => self.open.push(call),
                LinkOutput::Input(Input::Command { command, .. }) => {
                    self.commands.entry(command.to_string()).or_default().1 += 1;
                }
                LinkOutput::Close { reason, .. } => assert!(reason.len() <= 123, "{reason}"),
                LinkOutput::Input(_) | LinkOutput::Note(_) => {}
            }
        }
    }

    fn sent(&mut self, text: &str) {
        let limits = Limits { bytes: usize::MAX, ..Limits::default() };
        let id = match rpc::parse(version(self.dialect), text, &limits) {
            Ok(Frame::CallResult { id, .. }) => id.into_owned(),
            Ok(Frame::CallError(refusal)) => refusal.id.into_owned(),
            // A request with too long an id is refused by that id.
            Err(bad) if bad.message_type == Some(4) => bad.id.expect("an id was read before"),
            Ok(_) => return,
            Err(bad) => panic!("{text} was sent and is {bad:?}"),
        };
        match self.calls.get_mut(&id) {
            Some((calls, answers)) => {
                *answers += 1;
                assert!(id == "-1" || answers <= calls, "{text}: {answers} answers, {calls} calls");
            }
            None => assert_eq!(id, "-1", "an answer to no call: {text}"),
        }
    }

    fn end(mut self) {
        if !self.is_over {
            let before = self.calls.values().map(|(_, answers)| answers).sum::<usize>();
            self.receive(r#"[2,"a fresh id, the last","Heartbeat",{}]"#);
            self.look();
            let after = self.calls.values().map(|(_, answers)| answers).sum::<usize>();
            assert_eq!(after, before + 1, "the connection does not go on");
            self.link.closed("end", self.now);
            self.look();
        }
        for (command, (given, ended)) in self.commands {
            assert_eq!(given, ended, "{command}");
        }
        assert_eq!(self.link.open_calls(), (0, 0));
        assert!(self.link.deadline().is_none(), "a deadline after the end");
    }
}

fn number(text: &str) -> Option<u8> {
    text.trim().parse().ok()
}

fn command_id(number: u8) -> Option<CommandId> {
    serde_json::from_value(format!("00000000-0000-7000-8000-0000000000{number:02x}").into()).ok()
}

fn reply(way: u8) -> Reply {
    let status = if way < 8 { AuthorizationStatus::Accepted } else { AuthorizationStatus::Blocked };
    let (group, expires) = (Some("G".into()), Some(Timestamp(i64::from(way))));
    let authorization = Authorization { status, group, expires, master: way > 16 };
    let transaction = |id: &str, authorization| Reply::Transaction {
        transaction: id.into(),
        authorization,
        cost: None,
    };
    match way % 8 {
        0 => Reply::Boot { registration: Registration::Pending, now: Timestamp(0) },
        1 => Reply::Boot { registration: Registration::Accepted, now: Timestamp::NEVER },
        2 => Reply::Authorized(authorization),
        3 => Reply::NotAccepted,
        4 => transaction("5", Some(authorization)),
        5 => transaction("no number", None),
        _ => Reply::Received,
    }
}
