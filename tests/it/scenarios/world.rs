//! Owns a whole host without I/O: links, engine and pricing, driven step by step in virtual time,
//! over a store in memory. Must never let time pass by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use busbar_charging::action::{Action, Reply};
use busbar_charging::context::Policy;
use busbar_charging::fact::network::{PluginInstalled, TariffPut, TokenPut};
use busbar_charging::fact::station::{AuthorizationStatus, Dialect};
use busbar_charging::fact::{Actor, Call, Fact};
use busbar_charging::ids::{IdToken, StationId, TokenKind};
use busbar_charging::input::{CommandReturned, Input, Precondition, Request, Work};
use busbar_charging::subject::{Key, Row, Subject};
use busbar_charging::units::{Currency, Millis, Timestamp};
use busbar_engine::store::{self, Position, Range, Reader, Restored, StoreError};
use busbar_engine::{Engine, Event, Output, Tuning};
use busbar_link::{Link, LinkConfig, LinkOutput};
use busbar_sandbox::{Config, FirstParty, Plugin, Sandbox};

use crate::support::usual_tariff;

/// When every scenario begins: 2026-11-24T07:00:00Z.
pub(super) const BEGIN: Timestamp = Timestamp(1_795_503_600_000);

/// Who may charge: an accepted token and a blocked one.
const TOKENS: [(&str, AuthorizationStatus); 3] = [
    ("04A1B2C3", AuthorizationStatus::Accepted),
    ("04D4E5F6", AuthorizationStatus::Accepted),
    ("04BAD000", AuthorizationStatus::Blocked),
];

pub(super) struct World {
    pub(super) now: Timestamp,
    /// All facts, in the order of decision.
    pub(super) log: Vec<(Position, Subject, Fact)>,
    pub(super) rows: BTreeMap<Key, Row>,
    dialect: Dialect,
    engine: Engine,
    incarnation: u64,
    generations: u64,
    lines: Vec<Line>,
    replies: Vec<Reply>,
    registrations: BTreeMap<StationId, Option<busbar_charging::fact::station::Registration>>,
}

/// A connection.
struct Line {
    station: StationId,
    generation: u64,
    link: Link,
    open: bool,
    /// What the host sent on it and nobody has looked at.
    sent: Vec<String>,
}

struct Rows<'a>(&'a BTreeMap<Key, Row>);

impl Reader for Rows<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn page(&self, range: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
        let fits =
            |key: &Key| key.table == range.prefix.table && key.path.starts_with(&range.prefix.path);
        let found = self.0.iter().filter(|(key, _)| fits(key));
        Ok(found.take(range.limit).map(|(key, row)| (key.clone(), row.clone())).collect())
    }
}

impl World {
    /// A host with the usual tariff and tokens, before any station came.
    pub(super) fn new(dialect: Dialect) -> Self {
        let engine = engine(1, Restored::default(), BEGIN);
        let mut world = Self {
            now: BEGIN,
            log: Vec::new(),
            rows: BTreeMap::new(),
            dialect,
            engine,
            incarnation: 1,
            generations: 0,
            lines: Vec::new(),
            replies: Vec::new(),
            registrations: BTreeMap::new(),
        };
        world.drain();
        world.furnish();
        world
    }

    fn furnish(&mut self) {
        for request in furnishing() {
            self.ask(Subject::Network, request);
        }
        let actor = Actor::User("test".into());
        for (value, status) in TOKENS {
            let put = TokenPut {
                at: Timestamp(0),
                actor: actor.clone(),
                token: IdToken::new(TokenKind::Iso14443, value),
                status,
                group: None,
                expires: None,
                master: false,
                concurrent: false,
                version: 0,
            };
            self.ask(Subject::Network, Request::PutToken(Box::new(put), Precondition::None));
        }
    }

    /// An operator asks something and gets an answer.
    pub(super) fn ask(&mut self, subject: Subject, request: Request) -> Reply {
        let call = Some(Call::Api { incarnation: self.incarnation, request: 1 });
        let input = Input::Operator { actor: Actor::User("test".into()), call, request };
        self.replies.clear();
        self.engine.handle(Event::Input(subject, input), self.now);
        self.drain();
        self.pass(Millis(50));
        self.replies.pop().expect("an operator gets an answer")
    }

    /// A station connects; an older connection of it is still open.
    pub(super) fn connect(&mut self, station: &str) {
        self.generations += 1;
        let (station, generation) = (StationId::from(station), self.generations);
        let mut config =
            LinkConfig::new(station.clone(), self.dialect, self.incarnation, generation);
        config.registration = self.registrations.get(&station).copied().flatten();
        let link = Link::new(config, self.now);
        self.lines.push(Line { station, generation, link, open: true, sent: Vec::new() });
        self.drain();
        self.pass(Millis(50));
    }

    /// The newest connection of a station ends.
    pub(super) fn disconnect(&mut self, station: &str) {
        let now = self.now;
        let line = self.newest(station);
        line.link.closed("closed by the station", now);
        line.open = false;
        self.drain();
    }

    /// A station sends a text on its newest connection; what the host does about it waits for
    /// `drain`.
    pub(super) fn receive(&mut self, station: &str, text: &str) {
        let now = self.now;
        self.newest(station).link.receive(text, now);
        self.poll_links();
    }

    /// What the host sent to a station since the last look.
    pub(super) fn sent(&mut self, station: &str) -> Vec<String> {
        std::mem::take(&mut self.newest(station).sent)
    }

    /// Whether the connection before the newest one was closed by the host.
    pub(super) fn older_is_closed(&self, station: &str) -> bool {
        self.lines
            .iter()
            .rev()
            .filter(|line| line.station.as_str() == station)
            .nth(1)
            .is_some_and(|line| !line.open)
    }

    /// The process dies: what was sent and not acknowledged is lost, every connection ends.
    pub(super) fn crash(&mut self) {
        self.incarnation += 1;
        for line in &self.lines {
            self.registrations.insert(line.station.clone(), line.link.registration());
        }
        self.lines.clear();
        let mut heads = BTreeMap::new();
        for (position, ..) in &self.log {
            heads.insert(position.shard, *position);
        }
        let restored = Restored {
            snapshots: Vec::new(),
            facts: self.log.clone(),
            rows_from: self.log.len(),
            heads: heads.into_values().collect(),
        };
        self.engine = engine(self.incarnation, restored, self.now);
        self.drain();
    }

    /// Lets time pass, in steps from deadline to deadline.
    pub(super) fn pass(&mut self, span: Millis) {
        let end = Timestamp(self.now.0 + span.0);
        loop {
            let of_links = self.lines.iter().filter(|line| line.open);
            let next = of_links.filter_map(|line| line.link.deadline());
            let next = next.chain(self.engine.deadline()).min().unwrap_or(end);
            self.now = Timestamp(next.0.clamp(self.now.0, end.0));
            let now = self.now;
            for line in self.lines.iter_mut().filter(|line| line.open) {
                line.link.tick(now);
            }
            self.drain();
            if next >= end {
                self.now = end;
                return self.drain();
            }
            // A deadline that stays where it is has been served: the next one is later.
            self.now = Timestamp((self.now.0 + 1).min(end.0));
        }
    }

    /// Does all that there is to do now.
    pub(super) fn drain(&mut self) {
        loop {
            self.poll_links();
            let Some(output) = self.engine.poll(self.now) else { return };
            match output {
                Output::Recall(id, needs) => {
                    let recalled = store::recall(&Rows(&self.rows), &needs).unwrap();
                    self.engine.handle(Event::Recalled(id, recalled), self.now);
                }
                Output::Commit(id, batch) => {
                    for (key, row) in &batch.rows {
                        match row {
                            Some(row) => self.rows.insert(key.clone(), row.clone()),
                            None => self.rows.remove(key),
                        };
                    }
                    self.log.extend(batch.facts.iter().cloned());
                    self.engine.handle(Event::Committed(id), self.now);
                }
                Output::Work(work) => self.work(work),
                Output::Act(action) => self.act(&action),
            }
        }
    }

    fn work(&mut self, work: Work) {
        let Work::Price { subject, station, transaction, attempt, session, tariff } = work else {
            return;
        };
        let priced = plugin().price_metered(&tariff.configuration, tariff.currency, &session);
        let result = priced.map(|priced| (priced.session, priced.lines));
        let input = Input::Priced { station, transaction, attempt, result };
        self.engine.handle(Event::Input(subject, input), self.now);
    }

    fn act(&mut self, action: &Action) {
        let generation = match action {
            Action::Reply { call: Call::Api { .. }, reply } => {
                return self.replies.push(reply.clone());
            }
            Action::Reply { call: Call::Station { generation, .. }, .. }
            | Action::Command { generation, .. }
            | Action::Abandon { generation, .. }
            | Action::Accept { generation, .. }
            | Action::Close { generation, .. } => *generation,
            Action::Tell { to, told } => {
                let input = Input::Told(told.clone());
                return self.engine.handle(Event::Input(to.clone(), input), self.now);
            }
        };
        let now = self.now;
        let line = self.lines.iter_mut().find(|line| line.generation == generation && line.open);
        let taken = line.is_some_and(|line| line.link.act(action, now));
        if let (false, Action::Command { station, command, .. }) = (taken, action) {
            let returned = CommandReturned::Gone { may_have_left: false };
            let input = Input::Command { station: station.clone(), command: *command, returned };
            self.engine.handle(Event::Input(Subject::Station(station.clone()), input), now);
        }
    }

    fn poll_links(&mut self) {
        let now = self.now;
        for line in &mut self.lines {
            while let Some(output) = line.link.poll() {
                match output {
                    LinkOutput::Send(text) => line.sent.push(text),
                    LinkOutput::Input(input) => {
                        let subject = Subject::Station(line.station.clone());
                        self.engine.handle(Event::Input(subject, input), now);
                    }
                    LinkOutput::Note(_) => {}
                    LinkOutput::Close { reason, .. } => {
                        line.open = false;
                        line.link.closed(&reason, now);
                    }
                }
            }
            self.registrations.insert(line.station.clone(), line.link.registration());
        }
    }

    fn newest(&mut self, station: &str) -> &mut Line {
        let line = self.lines.iter_mut().rev().find(|line| line.station.as_str() == station);
        line.unwrap_or_else(|| panic!("{station} never connected"))
    }
}

fn engine(incarnation: u64, restored: Restored, now: Timestamp) -> Engine {
    let seed = u128::from(incarnation) << 64;
    Engine::new(seed, incarnation, Policy::default(), Tuning::default(), restored, now)
}

/// What every host needs to price: the plugin and the usual tariff.
pub(crate) fn furnishing() -> [Request; 2] {
    let (plugin, actor) = (plugin(), Actor::User("test".into()));
    let manifest = plugin.manifest();
    let installed = PluginInstalled {
        at: Timestamp(0),
        actor: actor.clone(),
        name: manifest.name.as_str().into(),
        version: manifest.version.as_str().into(),
        world: "pricing".into(),
        hash: plugin.hash(),
    };
    let (currency, text) = (Currency::parse("EUR").unwrap(), usual_tariff().to_string());
    let prepared = plugin.prepare(&text, currency).unwrap();
    let tariff = TariffPut {
        at: Timestamp(0),
        actor,
        tariff: "usual".into(),
        version: 0,
        valid_from: Timestamp(0),
        currency,
        plugin: "pricing-ocpi".into(),
        plugin_hash: plugin.hash(),
        configuration: text.as_str().into(),
        configuration_hash: prepared.configuration,
        prepared: prepared.tariff.clone(),
        default: true,
    };
    [
        Request::InstallPlugin(Box::new(installed)),
        Request::PutTariff(Box::new(tariff), Precondition::None),
    ]
}

/// The tariff engine that is in the binary.
pub(crate) fn plugin() -> &'static Plugin {
    static PLUGIN: OnceLock<Arc<Plugin>> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        let config = Config { cache_dir: None, cache_key: None, limits: Default::default() };
        let sandbox = Sandbox::new(config).unwrap();
        let ours = FirstParty::find("pricing-ocpi").unwrap();
        Arc::new(sandbox.load(ours.bytes, &ours.manifest().unwrap()).unwrap())
    })
}
