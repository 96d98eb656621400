//! Owns the language of transcripts, line by line:
//!
//! ```text
//! # a remark
//! @ 00:10:00                       time passes, until so long after the begin
//! connect CP1                      CP1 disconnect
//! CP1 Action {"a": "@00:05:00"}    a CALL; "@..." is a time, "$tx" what was learned before
//! CP1 & Action {...}               a CALL that the host does not look at before the next line
//! CP1 again                        the last CALL once more, with the same id
//! CP1 repeat                       the last CALL once more, with a new id
//! CP1 older is closed              the host closed the connection before this one
//! = {"status": "Accepted"}         the answer to the last CALL holds this; "$tx" is learned
//! = CALLERROR SecurityError        or it was that
//! crash                            the host dies and starts again
//! resolve CP1 $tx                  an operator accepts the proposal
//! ```
//!
//! Must never hide that a message was not answered: every CALL is, unless a line says why not.

use std::collections::BTreeMap;

use busbar_charging::action::Reply;
use busbar_charging::ids::StationId;
use busbar_charging::input::Request;
use busbar_charging::subject::Subject;
use busbar_charging::units::{Millis, Timestamp};
use serde_json::{Map, Value, json};

use super::world::{BEGIN, World};

pub(super) struct Script {
    lines: Vec<(usize, Line)>,
}

enum Line {
    Until(i64),
    Connect(String),
    Disconnect(String),
    Call { station: String, action: String, payload: Value, at_once: bool },
    Again { station: String, new_id: bool },
    OlderIsClosed(String),
    Answer(Expected),
    Crash,
    Resolve { station: String, transaction: String },
}

enum Expected {
    Holds(Value),
    Error(String),
}

/// What is known while a script plays.
struct Play<'a> {
    world: &'a mut World,
    known: BTreeMap<String, Value>,
    messages: u32,
    /// The last CALL: station, id, frame.
    last: Option<(String, String, Value)>,
    answers: BTreeMap<String, Value>,
}

impl Script {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                let parsed =
                    parse(line).map_err(|wrong| format!("line {}: {wrong}", number + 1))?;
                lines.push((number + 1, parsed));
            }
        }
        Ok(Self { lines })
    }

    pub(super) fn play(&self, world: &mut World) -> Result<(), String> {
        let mut play = Play {
            world,
            known: BTreeMap::new(),
            messages: 0,
            last: None,
            answers: BTreeMap::new(),
        };
        for (number, line) in &self.lines {
            play.line(line).map_err(|wrong| format!("line {number}: {wrong}"))?;
        }
        Ok(())
    }
}

fn parse(line: &str) -> Result<Line, String> {
    let words: Vec<_> = line.split_whitespace().collect();
    Ok(match words.as_slice() {
        ["@", until] => Line::Until(offset(until).ok_or("not hh:mm:ss")?),
        ["connect", station] => Line::Connect((*station).to_owned()),
        ["crash"] => Line::Crash,
        ["resolve", station, transaction] => {
            Line::Resolve { station: (*station).to_owned(), transaction: (*transaction).to_owned() }
        }
        ["=", "CALLERROR", code] => Line::Answer(Expected::Error((*code).to_owned())),
        ["=", ..] => Line::Answer(Expected::Holds(parse_json(&line[1..])?)),
        [station, "disconnect"] => Line::Disconnect((*station).to_owned()),
        [station, "again"] => Line::Again { station: (*station).to_owned(), new_id: false },
        [station, "repeat"] => Line::Again { station: (*station).to_owned(), new_id: true },
        [station, "older", "is", "closed"] => Line::OlderIsClosed((*station).to_owned()),
        [station, "&", action, ..] => call(line, station, action, true)?,
        [station, action, ..] => call(line, station, action, false)?,
        _ => return Err(format!("not understood: {line}")),
    })
}

fn call(line: &str, station: &str, action: &str, at_once: bool) -> Result<Line, String> {
    let payload = line.find('{').ok_or("a CALL has a payload")?;
    Ok(Line::Call {
        station: station.to_owned(),
        action: action.to_owned(),
        payload: parse_json(&line[payload..])?,
        at_once,
    })
}

fn parse_json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))
}

/// Milliseconds of `[-]hh:mm:ss`.
fn offset(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let mut parts = digits.split(':').map(str::parse::<i64>);
    let (hours, minutes, seconds) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    Some(sign * 1000 * (hours * 3600 + minutes * 60 + seconds))
}

impl Play<'_> {
    fn line(&mut self, line: &Line) -> Result<(), String> {
        match line {
            Line::Until(offset) => {
                let span = BEGIN.0 + offset - self.world.now.0;
                if span < 0 {
                    return Err("time never goes back".into());
                }
                self.world.pass(Millis(span));
            }
            Line::Connect(station) => self.world.connect(station),
            Line::Disconnect(station) => self.world.disconnect(station),
            Line::Crash => self.world.crash(),
            Line::Call { station, action, payload, at_once } => {
                let payload = self.filled(payload)?;
                self.messages += 1;
                let id = format!("m{}", self.messages);
                self.send(station, &id, json!([2, id, action, payload]), *at_once)?;
            }
            Line::Again { station, new_id } => {
                let (_, id, mut frame) = self.last.clone().ok_or("nothing was sent")?;
                self.messages += 1;
                let id = if *new_id { format!("m{}", self.messages) } else { id };
                frame[1] = json!(id);
                self.send(station, &id, frame, false)?;
            }
            Line::OlderIsClosed(station) => {
                if !self.world.older_is_closed(station) {
                    return Err("it is open".into());
                }
            }
            Line::Answer(expected) => self.expect(expected)?,
            Line::Resolve { station, transaction } => self.resolve(station, transaction)?,
        }
        Ok(())
    }

    fn send(&mut self, station: &str, id: &str, frame: Value, at_once: bool) -> Result<(), String> {
        self.answers.remove(id);
        self.world.receive(station, &frame.to_string());
        self.last = Some((station.to_owned(), id.to_owned(), frame));
        if at_once {
            return Ok(());
        }
        self.world.drain();
        self.world.pass(Millis(100));
        self.take_answers(station);
        if self.answers.contains_key(id) {
            return Ok(());
        }
        // A reply that waits for a price or an authorization leaves at its limit.
        self.world.pass(Millis::from_secs(6));
        self.take_answers(station);
        self.answers.contains_key(id).then_some(()).ok_or_else(|| format!("{id} was not answered"))
    }

    fn take_answers(&mut self, station: &str) {
        for text in self.world.sent(station) {
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame[0] != 2 {
                self.answers.insert(frame[1].as_str().unwrap().to_owned(), frame);
            }
        }
    }

    fn expect(&mut self, expected: &Expected) -> Result<(), String> {
        let (_, id, _) = self.last.clone().ok_or("nothing was sent")?;
        let answer = self.answers.get(&id).cloned().ok_or("it was not answered")?;
        match expected {
            Expected::Holds(value) if answer[0] == 3 => self.holds(&answer[2], value, ""),
            Expected::Error(code) if answer[0] == 4 && answer[2] == **code => Ok(()),
            _ => Err(format!("the answer was {answer}")),
        }
    }

    fn holds(&mut self, found: &Value, expected: &Value, at: &str) -> Result<(), String> {
        match expected {
            Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
                self.holds(&found[name], value, &format!("{at}/{name}"))
            }),
            Value::String(name) if name.starts_with('$') && !found.is_null() => {
                let known = self.known.entry(name.clone()).or_insert_with(|| found.clone());
                if known == found {
                    return Ok(());
                }
                Err(format!("{at}: {name} was {known}, now it is {found}"))
            }
            _ if expected == found => Ok(()),
            _ => Err(format!("{at}: {found}, expected {expected}")),
        }
    }

    /// A payload with its times and with what was learned.
    fn filled(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) if text.starts_with('@') => {
                let offset = offset(&text[1..]).ok_or_else(|| format!("{text}: not a time"))?;
                Value::from(Timestamp(BEGIN.0 + offset).to_string())
            }
            Value::String(text) if text.starts_with('$') => {
                self.known.get(text).cloned().ok_or_else(|| format!("{text} is not known"))?
            }
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.filled(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (name, field) in fields {
                    filled.insert(name.clone(), self.filled(field)?);
                }
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }

    fn resolve(&mut self, station: &str, transaction: &str) -> Result<(), String> {
        let known = self.known.get(transaction).map(|id| id.to_string().replace('"', ""));
        let transaction = known.unwrap_or_else(|| transaction.to_owned());
        let station = StationId::from(station);
        let request = Request::Resolve {
            station: station.clone(),
            transaction: transaction.as_str().into(),
            accept: true,
            reason: "looked at".into(),
        };
        match self.world.ask(Subject::Station(station), request) {
            Reply::Done(_) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }
}
