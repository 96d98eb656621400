//! Owns what the host tells of a charge over its API, with all that differs by nature taken out:
//! ids, names of stations, the hour. Must never take out what a bill depends on.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::support::{Api, until};

/// Events of one station, as they come.
pub(super) struct Events {
    lines: BufReader<TcpStream>,
}

impl Events {
    /// Follows a station from now on.
    pub(super) fn follow(api: &Api, station: &str) -> Self {
        let mut socket = TcpStream::connect(api.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(
            socket,
            "GET /api/v1/events?station={station} HTTP/1.1\r\nHost: {}\r\n\
             Authorization: Bearer {}\r\n\r\n",
            api.address, api.token
        )
        .unwrap();
        let mut events = Self { lines: BufReader::new(socket) };
        assert_eq!(events.next()["type"], Value::Null, "the first event is `open`");
        events
    }

    /// What the station did, in order: what every version tells, in the words of the core.
    pub(super) fn all_until(mut self, last: &str) -> Vec<Value> {
        let mut found = Vec::new();
        loop {
            let event = self.next();
            if event["type"] == last {
                return found;
            }
            found.extend(in_every_version(&event));
        }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the events ended");
            if let Some(data) = line.strip_prefix("data:") {
                return serde_json::from_str(data.trim()).unwrap();
            }
        }
    }
}

/// An event without what only one version or one run has. Statuses of connectors are left to the
/// bill: 1.6 tells by them what 2.x tells by events of the transaction.
fn in_every_version(event: &Value) -> Option<Value> {
    let kind = event["type"].as_str().unwrap();
    let status = event["status"].as_str();
    let told = match kind {
        "station.connected" => json!({ "type": kind }),
        "station.booted" | "token.presented" => json!({ "type": kind, "status": status }),
        "transaction.reported" if status != Some("updated") => {
            let evse = event["evse_id"].as_u64().unwrap_or(1);
            json!({ "type": kind, "status": status, "evse_id": evse })
        }
        "session.held" | "review.opened" => event.clone(),
        "cdr.sealed" => json!({ "type": kind, "cost": event["cost"] }),
        _ => return None,
    };
    Some(told)
}

/// The bill of the only session of a station, once it is sealed.
pub(super) fn bill(api: &Api, station: &str, start: jiff::Timestamp) -> Value {
    let sealed = until("a CDR", || api.all(&format!("/api/v1/cdrs?station={station}")).pop());
    let cdr = api.get(&format!("/api/v1/cdrs/{}", sealed["id"].as_str().unwrap()));
    let verified = api.get(&format!("/api/v1/cdrs/{}/verify", sealed["id"].as_str().unwrap()));
    assert_eq!(verified["verified"], true, "{verified}");
    let session = api.get(&format!("/api/v1/sessions/{}", cdr["session_id"].as_str().unwrap()));
    let mut kept = Map::new();
    for (of, keys) in [
        (&session, &["state", "energy_wh", "stopped_reason", "evse_id", "token", "cost"][..]),
        (&cdr, &["kind", "started_at", "ended_at", "energy_wh", "lines", "input"][..]),
    ] {
        for key in keys {
            kept.insert((*key).to_owned(), of[*key].clone());
        }
    }
    let mut bill = Value::Object(kept);
    without_its_own(&mut bill, station, start);
    bill
}

/// Every time as minutes since the start, and the station without its name.
fn without_its_own(value: &mut Value, station: &str, start: jiff::Timestamp) {
    let mut each = |value: &mut Value| without_its_own(value, station, start);
    match value {
        Value::Array(items) => items.iter_mut().for_each(each),
        Value::Object(fields) => fields.values_mut().for_each(&mut each),
        Value::String(text) if text == station => *value = Value::from("the station"),
        Value::String(text) => {
            if let Ok(at) = text.parse::<jiff::Timestamp>() {
                let minutes = (at.as_second() - start.as_second()) / 60;
                *value = Value::from(format!("+{minutes} min"));
            }
        }
        _ => {}
    }
}
