//! Owns the host of the simulation: the real engine and links, driven as the server's loop drives
//! them, with channels, readers, workers and a committer that take their time.
//! Must never decide anything itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use busbar_charging::action::{Action, Reply};
use busbar_charging::context::Policy;
use busbar_charging::fact::Call;
use busbar_charging::fact::station::Dialect;
use busbar_charging::ids::StationId;
use busbar_charging::input::{CommandReturned, Input, Work};
use busbar_charging::pricing::PriceError;
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Batch, Restored};
use busbar_engine::{BatchId, Counters, Engine, Event, Output, Tuning};
use busbar_link::{Link, LinkConfig, LinkOutput, Note};
use busbar_ocpp::Version;
use serde_json::Value;

use super::claims;
use super::net::Way;
use super::world::{Break, Happening, World};

/// One life of the process.
pub(super) struct Life {
    pub(super) number: u64,
    pub(super) engine: Engine,
    pub(super) links: BTreeMap<u64, Open>,
    /// The batch under way, and whether all of it has reached the disk's cache.
    pub(super) in_flight: Option<(BatchId, Arc<Batch>)>,
    pub(super) next_poll: Option<i64>,
    /// Facts of this life that are durable.
    pub(super) durable: u64,
    /// For each action that has not left: how many facts were decided before it.
    decided: VecDeque<u64>,
    strange: u64,
    /// When the last message of each channel arrives: to the engine, and from it.
    channels: [i64; 2],
}

/// A connection, as the host holds it.
pub(super) struct Open {
    pub(super) link: Link,
    station: usize,
    /// The station's calls by id, for what their answers promise.
    asked: BTreeMap<String, (String, Value)>,
}

pub(super) fn subject(station: &str) -> Subject {
    Subject::Station(station.into())
}

pub(super) fn dialect(version: Version) -> Dialect {
    match version {
        Version::V16 => Dialect::V16,
        Version::V201 => Dialect::V201,
        Version::V21 => Dialect::V21,
    }
}

impl Life {
    pub(super) fn new(
        number: u64,
        seed: u64,
        tuning: Tuning,
        restored: Restored,
        now: i64,
    ) -> Self {
        let seed = (u128::from(seed) << 64) | u128::from(number);
        let policy = Policy::default();
        let engine = Engine::new(seed, number, policy, tuning, restored, Timestamp(now));
        let mut life = Self {
            number,
            engine,
            links: BTreeMap::new(),
            in_flight: None,
            next_poll: Some(now),
            durable: 0,
            decided: VecDeque::new(),
            strange: 0,
            channels: [now; 2],
        };
        life.count(&Counters::default());
        life
    }

    /// Whose state a station is in.
    pub(super) fn holder(&self, station: &StationId) -> Subject {
        let holder = self.engine.network().holder(station);
        holder.unwrap_or_else(|| Subject::Station(station.clone()))
    }

    /// Takes note of the actions that were decided since `before`.
    fn count(&mut self, before: &Counters) {
        let after = self.engine.counters();
        let all = |c: &Counters| c.actions + c.held_actions + c.strange_replies;
        for _ in all(before)..all(&after) {
            self.decided.push_back(before.facts);
        }
        for _ in self.strange..after.strange_replies {
            self.decided.pop_back();
        }
        self.strange = after.strange_replies;
    }
}

impl World {
    /// Gives the engine an event, and does what it wants.
    pub(super) fn tell(&mut self, event: Event) {
        let now = self.clock();
        let Some(life) = &mut self.life else { return };
        let before = life.engine.counters();
        life.engine.handle(event, now);
        life.count(&before);
        self.drain();
    }

    /// Does what the engine wants.
    pub(super) fn drain(&mut self) {
        let now = self.clock();
        loop {
            let Some(life) = &mut self.life else { return };
            let before = life.engine.counters();
            let output = life.engine.poll(now);
            life.count(&before);
            let Some(output) = output else {
                life.next_poll = life.engine.deadline().map(|at| at.0.max(now.0 + 1));
                return;
            };
            self.output(output);
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Recall(id, needs) => {
                let at = self.now + self.rng.between(0, 4);
                self.later(at, Happening::Recall(id, needs));
            }
            Output::Commit(id, batch) => self.commit(id, batch),
            Output::Work(work) => self.work(work),
            Output::Act(action) => {
                let life = self.life.as_mut().expect("an engine polled");
                let wanted = life.decided.pop_front().expect("an action that was decided");
                assert!(
                    life.durable >= wanted,
                    "an action left when {} of {wanted} facts before it were durable: {action:?}",
                    life.durable
                );
                self.oracle.check_action(&action);
                let at = self.channel(1);
                self.later(at, Happening::Action(action));
            }
        }
    }

    /// When a message on a channel of the process arrives: to the engine (0), from it (1).
    fn channel(&mut self, which: usize) -> i64 {
        let delay = self.rng.between(0, 2);
        let now = self.now;
        let life = self.life.as_mut().expect("only a life has channels");
        let last = &mut life.channels[which];
        *last = (now + delay).max(*last);
        *last
    }

    /// A batch is written, synced and acknowledged, each in its time.
    fn commit(&mut self, id: BatchId, batch: Arc<Batch>) {
        let early = [Break::AcknowledgedBeforeSync, Break::ActsBeforeCommit];
        if early.contains(&self.broken) {
            self.synced();
        }
        let Some(life) = self.life.as_mut() else { return };
        assert!(life.in_flight.is_none(), "two commits are under way");
        life.in_flight = Some((id, batch));
        let slow = self.rng.chance(self.faults.slow_commit);
        let sync = if slow { self.rng.between(100, 6_000) } else { self.rng.between(1, 10) };
        let synced = self.now + sync;
        self.later(synced, Happening::Synced);
        match self.broken {
            Break::AcknowledgedBeforeSync => {
                self.later(synced - 1, Happening::Committed(id));
            }
            Break::ActsBeforeCommit => {
                let at = self.channel(0);
                self.later(at, Happening::Committed(id));
            }
            _ => {}
        }
    }

    /// The batch under way is on disk, or the disk refuses it.
    pub(super) fn synced(&mut self) {
        let Some((id, batch)) = self.life.as_mut().and_then(|life| life.in_flight.take()) else {
            return;
        };
        let refused = !self.calm && self.rng.chance(self.faults.refused_commit);
        if !refused || self.rng.chance(500) {
            self.make_durable(&batch);
        }
        if refused {
            self.crash(1_000);
            return;
        }
        if self.rng.chance(200) {
            let batches = self.rng.between(1, 40) as usize;
            self.disk.write_behind(batches);
        }
        let early = [Break::AcknowledgedBeforeSync, Break::ActsBeforeCommit];
        if !early.contains(&self.broken) {
            let at = self.now + self.rng.between(0, 3);
            self.later(at, Happening::Committed(id));
        }
    }

    pub(super) fn make_durable(&mut self, batch: &Arc<Batch>) {
        self.disk.commit(batch);
        for (position, subject, fact) in &batch.facts {
            self.oracle.durable(*position, subject, fact);
        }
        if let Some(life) = &mut self.life {
            life.durable += batch.facts.len() as u64;
        }
    }

    /// A price is worked out, late, wrongly or not at all.
    fn work(&mut self, work: Work) {
        let Work::Price { subject, station, transaction, attempt, session, tariff } = work else {
            // A plan that never comes: the cheapest slots stand in for it.
            return;
        };
        if self.rng.chance(self.faults.lost_price) {
            return;
        }
        let result = if self.rng.chance(self.faults.failed_price) {
            Err(PriceError::Misbehaved("the simulation wants it so".into()))
        } else {
            self.pricer.price(&tariff, &session)
        };
        let late = self.rng.chance(self.faults.late_price);
        let at =
            self.now + if late { self.rng.between(1, 150_000) } else { self.rng.between(0, 5) };
        let input = Input::Priced { station, transaction, attempt, result };
        self.later(at, Happening::Engine(Box::new(Event::Input(subject, input))));
    }

    /// An action has come to the shell.
    pub(super) fn act(&mut self, action: &Action) {
        let generation = match action {
            Action::Reply { call: Call::Api { request, .. }, reply } => {
                let (request, reply) = (*request, reply.clone());
                return self.answered(request, &reply);
            }
            Action::Reply { call: Call::Station { generation, .. }, .. }
            | Action::Command { generation, .. }
            | Action::Abandon { generation, .. }
            | Action::Accept { generation, .. }
            | Action::Close { generation, .. } => *generation,
            Action::Tell { .. } if self.broken == Break::LosesTold => return,
            Action::Tell { to, told } => {
                return self.tell_engine(to.clone(), Input::Told(told.clone()));
            }
        };
        let now = self.clock();
        let Some(life) = &mut self.life else { return };
        let taken = match life.links.get_mut(&generation) {
            Some(open) => open.link.act(action, now),
            None => false,
        };
        match action {
            Action::Command { station, command, .. } if !taken => {
                let returned = CommandReturned::Gone { may_have_left: false };
                let input =
                    Input::Command { station: station.clone(), command: *command, returned };
                self.tell_engine(Subject::Station(station.clone()), input);
            }
            _ => self.pump(generation),
        }
    }

    pub(super) fn tell_engine(&mut self, subject: Subject, input: Input) {
        let at = self.channel(0);
        self.later(at, Happening::Engine(Box::new(Event::Input(subject, input))));
    }

    /// A connection has reached the host.
    pub(super) fn accepted(&mut self, conn: u64) -> bool {
        let now = self.clock();
        let Some(life) = &mut self.life else { return false };
        let station = self.net.conns[&conn].station;
        let spec = self.stations[station].sim.spec();
        let id = StationId::from(spec.identity.as_str());
        let config = LinkConfig {
            heartbeat_interval_s: 3_600,
            registration: life.engine.site(&life.holder(&id)).and_then(|site| site.booted(&id)),
            ..LinkConfig::new(id, dialect(spec.version), life.number, conn)
        };
        let link = Link::new(config, now);
        life.links.insert(conn, Open { link, station, asked: BTreeMap::new() });
        if let Some(conn) = self.net.conns.get_mut(&conn) {
            conn.host_open = true;
        }
        self.pump(conn);
        if let Some(text) = self.repeated.remove(&station) {
            self.host_sends(conn, text);
        }
        true
    }

    /// A frame has reached the host.
    pub(super) fn host_receives(&mut self, conn: u64, text: &str) {
        let arrives = self.net.arrives(conn, Way::Up);
        let now = self.clock();
        let mistaken = self.mistaken(conn);
        let life = self.life.as_mut().filter(|_| arrives);
        let Some(open) = life.and_then(|life| life.links.get_mut(&conn)) else { return };
        if let Some((id, action, payload)) = call_of(text) {
            open.asked.insert(id, (action, payload));
        }
        if let Some(acknowledgement) = mistaken {
            open.link.receive(&acknowledgement, now);
        }
        open.link.receive(text, now);
        self.pump(conn);
    }

    /// The host learns that a connection is gone.
    pub(super) fn host_loses(&mut self, conn: u64) {
        let now = self.clock();
        if let Some(conn) = self.net.conns.get_mut(&conn) {
            conn.host_open = false;
        }
        let Some(life) = &mut self.life else { return };
        let Some(open) = life.links.get_mut(&conn) else { return };
        open.link.closed("lost", now);
        self.pump(conn);
        if let Some(life) = &mut self.life {
            life.links.remove(&conn);
        }
    }

    /// Does what a connection wants.
    pub(super) fn pump(&mut self, conn: u64) {
        let now = self.clock();
        let mut over = false;
        loop {
            let Some(life) = &mut self.life else { return };
            let Some(open) = life.links.get_mut(&conn) else { return };
            let Some(output) = open.link.poll() else { break };
            match output {
                LinkOutput::Send(text) => self.host_sends(conn, text),
                LinkOutput::Input(input) => {
                    let station = self.net.conns[&conn].station;
                    let subject = subject(&self.stations[station].sim.spec().identity);
                    self.tell_engine(subject, input);
                }
                LinkOutput::Note(note) => check_note(&note),
                LinkOutput::Close { reason, .. } => {
                    over = true;
                    open.link.closed(&reason, now);
                    self.host_closes(conn);
                }
            }
        }
        if over && let Some(life) = &mut self.life {
            life.links.remove(&conn);
        }
    }

    fn host_sends(&mut self, conn: u64, text: String) {
        self.promise(conn, &text);
        let Some(text) = self.as_broken(conn, text) else { return };
        if let Some(at) = self.net.carry(conn, Way::Down, self.now) {
            self.later(at, Happening::ToStation { conn, text });
        }
    }

    /// Checks what an answer promises, and that a command leaves once.
    fn promise(&mut self, conn: u64, text: &str) {
        let frame: Value = serde_json::from_str(text).expect("the host writes JSON");
        let id = frame[1].as_str().unwrap_or_default();
        if frame[0] == 2 {
            if self.broken == Break::RepeatsCommands {
                self.repeated.insert(self.net.conns[&conn].station, text.to_owned());
            }
            return self.oracle.on_wire(id);
        }
        if frame[0] != 3 {
            return;
        }
        let Some(open) = self.life.as_mut().and_then(|life| life.links.get_mut(&conn)) else {
            return;
        };
        // A repeat is promised once.
        let Some((action, payload)) = open.asked.remove(id) else { return };
        let station = open.station;
        let spec = self.stations[station].sim.spec();
        if let Some(claim) = claims::of_call(spec.version, &spec.identity, &action, &payload) {
            self.oracle.claim(&claim, (conn, id));
        }
        if payload["eventType"] == "Ended" && frame[2]["totalCost"].is_number() {
            let cost = frame[2]["totalCost"].to_string();
            self.truth.costs(station, &payload, &cost);
        }
        if action == "StartTransaction" {
            let name = spec.identity.clone();
            let number = frame[2]["transactionId"].to_string();
            self.truth.numbered(station, &payload, &number);
            let of = |field: &str| payload[field].as_i64().unwrap_or(0);
            let at = super::truth::time(&payload["timestamp"]);
            let content = super::oracle::content(of("connectorId"), at, of("meterStart"));
            self.oracle.issue(name, number, content);
        }
    }

    /// Time has passed for links and engine.
    pub(super) fn host_ticks(&mut self) {
        let now = self.clock();
        let Some(life) = &mut self.life else { return };
        let due = |open: &Open| open.link.deadline().is_some_and(|at| at <= now);
        let late: Vec<u64> =
            life.links.iter().filter(|(_, open)| due(open)).map(|(conn, _)| *conn).collect();
        for conn in late {
            if let Some(open) = self.life.as_mut().and_then(|life| life.links.get_mut(&conn)) {
                open.link.tick(now);
            }
            self.pump(conn);
        }
        if self.life.as_ref().is_some_and(|life| life.next_poll.is_some_and(|at| at <= now.0)) {
            self.drain();
        }
    }

    /// When links or engine want to be asked again.
    pub(super) fn host_deadline(&self) -> Option<i64> {
        let life = self.life.as_ref()?;
        let links = life.links.values().filter_map(|open| open.link.deadline()).map(|at| at.0);
        links.chain(life.next_poll).min().map(|at| at - self.skew)
    }
}

/// The call that a frame is.
pub(super) fn call_of(text: &str) -> Option<(String, String, Value)> {
    let mut frame: Value = serde_json::from_str(text).ok()?;
    if frame[0] != 2 {
        return None;
    }
    let (id, action) = (frame[1].as_str()?.to_owned(), frame[2].as_str()?.to_owned());
    Some((id, action, frame[3].take()))
}

/// The stations of the simulation break no rule of OCPP, so that nothing may be refused.
fn check_note(note: &Note) {
    let bad = matches!(
        note,
        Note::Borne { .. }
            | Note::BadFrame(_)
            | Note::Unusable { .. }
            | Note::UnfitReply { .. }
            | Note::AnswerRefused { .. }
            | Note::Refused { .. }
    );
    assert!(!bad, "a sound frame was taken for a bad one: {note:?}");
}

/// What an operator is told may be anything but a surprise.
pub(super) fn is_answer(reply: &Reply) -> bool {
    matches!(reply, Reply::Done(_) | Reply::Problem(_))
}
