//! Owns the stations: the real state machines of `sim`, their connections, and what a station may
//! do beyond them: keep a message back for hours, say an old one again.
//! Must never change what a message says.

use busbar_ocpp::Version;
use busbar_sim::spec::Spec;
use busbar_sim::station::{Input, Output, Station};
use serde_json::{Value, json};

use super::host::call_of;
use super::net::Way;
use super::plan::SECOND;
use super::world::{Happening, World};

/// Messages that a station remembers, to say them again.
const REMEMBERED: usize = 300;
/// Ids of messages that the simulation says for a station: late, again, and its own.
const LATE: &str = "late-";
const AGAIN: &str = "again-";
const OWN: &str = "own";

/// A charging station.
pub(super) struct Cp {
    pub(super) sim: Station,
    pub(super) conn: Option<u64>,
    pub(super) next_tick: Option<i64>,
    configured: bool,
    told: Vec<(String, String)>,
}

/// A message that was kept back.
pub(super) struct Late {
    station: usize,
    action: String,
    payload: String,
    pub(super) answered: bool,
}

impl Cp {
    pub(super) fn new(spec: Spec, now: i64) -> Self {
        let sim = Station::new(spec, now);
        Self { sim, conn: None, next_tick: Some(now), configured: false, told: Vec::new() }
    }
}

impl World {
    pub(super) fn stations_tick(&mut self) {
        for index in 0..self.stations.len() {
            if self.stations[index].next_tick.is_some_and(|at| at <= self.now) {
                self.station_input(index, Input::Tick);
            }
        }
    }

    /// Something happens to a station; what it wants then is done.
    pub(super) fn station_input(&mut self, index: usize, input: Input<'_>) {
        let now = self.now;
        self.stations[index].sim.handle(now, input);
        let cp = &self.stations[index];
        self.truth.observe(now, index, cp.sim.spec(), &cp.sim.plugs());
        while let Some(output) = self.stations[index].sim.poll() {
            match output {
                Output::Connect => self.dial(index),
                Output::Close => self.station_closes(index),
                Output::Send(text) => self.station_sends(index, text),
            }
        }
        let cp = &mut self.stations[index];
        cp.next_tick = cp.sim.deadline().map(|at| at.max(now + 1));
    }

    fn dial(&mut self, index: usize) {
        let conn = self.net.open(index, false);
        self.stations[index].conn = Some(conn);
        let at = self.net.arrival(conn, Way::Up, self.now).unwrap_or(self.now);
        self.later(at, Happening::Dialed { conn });
    }

    /// A handshake reaches the host, if there is one.
    pub(super) fn dialed(&mut self, conn: u64) {
        if !self.accepted(conn) {
            let at = self.now + self.rng.between(1, 3_000);
            return self.later(at, Happening::StationLoses { conn });
        }
        if let Some(at) = self.net.arrival(conn, Way::Down, self.now) {
            self.later(at, Happening::Up { conn });
        }
    }

    pub(super) fn up(&mut self, conn: u64) {
        let Some(index) = self.station_of(conn) else { return };
        self.station_input(index, Input::Connected);
        if !self.stations[index].configured {
            self.stations[index].configured = true;
            let order = patience(self.stations[index].sim.spec().version);
            self.station_input(index, Input::Text(&order));
        }
    }

    /// The station whose connection this is, while it thinks so.
    fn station_of(&self, conn: u64) -> Option<usize> {
        let known = self.net.conns.get(&conn).filter(|known| known.station_open)?;
        (self.stations[known.station].conn == Some(conn)).then_some(known.station)
    }

    pub(super) fn station_closes(&mut self, index: usize) {
        let Some(conn) = self.stations[index].conn.take() else { return };
        if let Some(conn) = self.net.conns.get_mut(&conn) {
            conn.station_open = false;
        }
        if let Some(at) = self.net.arrival(conn, Way::Up, self.now) {
            self.later(at + 1, Happening::HostLoses { conn });
        }
    }

    pub(super) fn station_loses(&mut self, conn: u64) {
        let index = self.station_of(conn);
        if let Some(conn) = self.net.conns.get_mut(&conn) {
            conn.station_open = false;
        }
        let Some(index) = index else { return };
        self.stations[index].conn = None;
        self.station_input(index, Input::Disconnected);
    }

    /// The host closes a connection.
    pub(super) fn host_closes(&mut self, conn: u64) {
        if let Some(conn) = self.net.conns.get_mut(&conn) {
            conn.host_open = false;
        }
        if let Some(at) = self.net.arrival(conn, Way::Down, self.now) {
            self.later(at + 1, Happening::StationLoses { conn });
        }
    }

    pub(super) fn station_receives(&mut self, conn: u64, text: &str) {
        if !self.net.arrives(conn, Way::Down) {
            return;
        }
        let Some(index) = self.station_of(conn) else { return };
        let frame: Value = serde_json::from_str(text).expect("the host writes JSON");
        let id = frame[1].as_str().unwrap_or_default();
        if let Some(late) = id.strip_prefix(LATE) {
            let index = late.split('-').next().and_then(|n| n.parse::<usize>().ok());
            if frame[0] == 3
                && let Some(index) = index
            {
                self.late[index].answered = true;
            }
        } else if !id.starts_with(AGAIN) {
            self.called(&frame);
            self.station_input(index, Input::Text(text));
        }
    }

    fn station_sends(&mut self, index: usize, text: String) {
        let Some(conn) = self.stations[index].conn else { return };
        let mut copies = 1;
        match call_of(&text) {
            Some((id, action, payload)) => {
                if is_about_transaction(&action, &payload) {
                    self.truth.read(index, &payload);
                    self.remember(index, &action, &payload);
                    if self.keeps_back(index, &id, &action, &payload) {
                        return;
                    }
                }
                if !self.calm && self.rng.chance(self.faults.doubled) {
                    copies = 2;
                }
            }
            None if text.starts_with(&format!("[3,\"{OWN}\"")) => return,
            None if self.answers_late(conn, &text) => return,
            None if !self.calm && self.rng.chance(self.faults.doubled) => copies = 2,
            None => {}
        }
        for _ in 0..copies {
            self.send_up(conn, text.clone());
        }
    }

    fn send_up(&mut self, conn: u64, text: String) {
        if let Some(at) = self.net.carry(conn, Way::Up, self.now) {
            self.later(at, Happening::ToHost { conn, text });
        }
    }

    fn remember(&mut self, index: usize, action: &str, payload: &Value) {
        let told = &mut self.stations[index].told;
        if told.len() < REMEMBERED {
            told.push((action.to_owned(), payload.to_string()));
        }
    }

    /// A station may keep a message back, as if it had queued it elsewhere: it goes on with an
    /// answer that nobody gave. Not a start of 1.6, whose answer it needs.
    fn keeps_back(&mut self, index: usize, id: &str, action: &str, payload: &Value) -> bool {
        if self.calm || action == "StartTransaction" || !self.rng.chance(self.faults.postponed) {
            return false;
        }
        let spans = [10, 240, 1_200, 3_600, 7_800];
        let spans = if self.faults.prompt { &spans[..2] } else { &spans[..] };
        let span = *self.rng.pick(spans).expect("there are spans");
        let at = self.now + self.rng.between(span / 2, span) * SECOND;
        let (action, payload) = (action.to_owned(), payload.to_string());
        self.late.push(Late { station: index, action, payload, answered: false });
        self.later(at, Happening::Late(self.late.len() - 1));
        if let Some(conn) = self.stations[index].conn {
            let text = json!([3, id, {}]).to_string();
            let at = self.now + 3;
            self.later(at, Happening::ToStation { conn, text });
        }
        true
    }

    /// Sends what was kept back, until it is answered.
    pub(super) fn say_late(&mut self, index: usize) {
        let late = &self.late[index];
        if late.answered {
            return;
        }
        let cp = &self.stations[late.station];
        if let (Some(conn), true) = (cp.conn, cp.sim.is_online()) {
            let id = format!("{LATE}{index}-{}", self.now);
            let text = format!("[2,\"{id}\",\"{}\",{}]", late.action, late.payload);
            self.send_up(conn, text);
        }
        let again = self.now + 20 * SECOND;
        self.later(again, Happening::Late(index));
    }

    /// A station says again what it said before, under another id.
    pub(super) fn say_again(&mut self, index: usize) {
        let cp = &self.stations[index];
        let (Some(conn), true) = (cp.conn, cp.sim.is_online()) else { return };
        let Some((action, payload)) = self.rng.pick(&cp.told).cloned() else { return };
        let text = format!("[2,\"{AGAIN}{}\",\"{action}\",{payload}]", self.now);
        self.send_up(conn, text);
    }
}

fn is_about_transaction(action: &str, payload: &Value) -> bool {
    match action {
        "StartTransaction" | "StopTransaction" | "TransactionEvent" => true,
        "MeterValues" => payload["transactionId"].as_i64().is_some_and(|id| id > 0),
        _ => false,
    }
}

/// An order that makes a station try for ever: what it gives up is lost by its own choice.
fn patience(version: Version) -> String {
    let frame = if version == Version::V16 {
        let payload = json!({ "key": "TransactionMessageAttempts", "value": "1000000" });
        json!([2, OWN, "ChangeConfiguration", payload])
    } else {
        let data = json!([{
            "attributeValue": "1000000",
            "component": { "name": "OCPPCommCtrlr" },
            "variable": { "name": "MessageAttempts" },
        }]);
        json!([2, OWN, "SetVariables", { "setVariableData": data }])
    };
    frame.to_string()
}
