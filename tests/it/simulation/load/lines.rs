//! Owns what is odd about the lines of a site: operators' calls that are answered late, and the
//! mistakes that a host could make on the line, each of which the judge must find.
//! Must never touch a frame of a sound host.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::simulation::plan::SECOND;
use crate::simulation::world::{Break, Happening, World};

/// A limit as it is set, in every version.
fn sets_limit(frame: &Value) -> bool {
    frame[0] == 2 && (frame[2] == "SetChargingProfile" || frame[2] == "UpdateDynamicSchedule")
}

/// What is under way.
#[derive(Debug, Default)]
pub(in crate::simulation) struct Lines {
    /// Whether operators' calls are slow.
    pub(super) slow: bool,
    /// Ids of their calls that came to a station.
    asked: BTreeSet<String>,
    /// By connection: the limit that has no answer so far.
    open: BTreeMap<u64, String>,
}

impl World {
    /// A call of the host has come to a station.
    pub(in crate::simulation) fn called(&mut self, frame: &Value) {
        if self.lines.slow && frame[0] == 2 && !sets_limit(frame) {
            self.lines.asked.extend(frame[1].as_str().map(str::to_owned));
        }
    }

    /// A station takes its time over an operator's call, often longer than the host waits; true
    /// when this is the answer to one.
    pub(in crate::simulation) fn answers_late(&mut self, conn: u64, text: &str) -> bool {
        if !self.lines.slow || self.calm {
            return false;
        }
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let it = frame[1].as_str().is_some_and(|id| self.lines.asked.remove(id));
        if it {
            let at = self.now + self.rng.between(1, 40) * SECOND;
            self.later(at, Happening::ToHost { conn, text: text.to_owned() });
        }
        it
    }

    /// A frame of the host, as a broken host sends it; none where it is lost, so that a wrong
    /// acknowledgement of it tells.
    pub(in crate::simulation) fn as_broken(&mut self, conn: u64, text: String) -> Option<String> {
        if !matches!(self.broken, Break::RoundsUp | Break::TakesAnyAnswer) {
            return Some(text);
        }
        let mut frame: Value = serde_json::from_str(&text).expect("the host writes JSON");
        if !sets_limit(&frame) {
            return Some(text);
        }
        if self.broken == Break::TakesAnyAnswer {
            let id = frame[1].as_str().unwrap_or_default();
            self.lines.open.insert(conn, id.to_owned());
            return Some(text).filter(|_| !self.rng.chance(250));
        }
        round_up(&mut frame[3]);
        Some(frame.to_string())
    }

    /// A break: whatever a station says, its open limit is taken for acknowledged by it. Gives
    /// that acknowledgement.
    pub(in crate::simulation) fn mistaken(&mut self, conn: u64) -> Option<String> {
        let id = self.lines.open.remove(&conn)?;
        Some(json!([3, id, { "status": "Accepted" }]).to_string())
    }
}

/// Limits are numbers wherever they stand; each becomes the next whole ampere above.
fn round_up(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_f64() {
                    Some(limit) if name == "limit" && limit > 0.0 => {
                        *value = json!(limit.floor() + 1.0)
                    }
                    _ => round_up(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(round_up),
        _ => {}
    }
}
