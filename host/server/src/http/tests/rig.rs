//! A node in memory: the real engine, driven by hand; and requests to its router.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, RwLock};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request as HttpRequest, StatusCode};
use busbar_charging::action::{Action, Done, Problem, Reply};
use busbar_charging::fact::Call;
use busbar_charging::fact::metering::{
    Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind,
};
use busbar_charging::fact::station::Dialect;
use busbar_charging::ids::{CommandId, Hash, IdToken, StationId, TokenKind};
use busbar_charging::input::{CommandReturned, Input, StationEvent, TransactionRef, Work};
use busbar_charging::load::plan::Planner;
use busbar_charging::load::plan::greedy::Greedy;
use busbar_charging::pricing::cut::cut;
use busbar_charging::pricing::{
    CutSession, Dimension, Line, PreparedTariff, PriceComponent, PriceError, PriceUnit,
    QuantityUnit,
};
use busbar_charging::subject::{Key, Row, Subject};
use busbar_charging::units::{Currency, Current, Energy, Micros, Millis, Timestamp};
use busbar_engine::store::{Range, Reader, Restored, StoreError, recall};
use busbar_engine::{Engine, Event, Output, Tuning};
use serde_json::Value;
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::clock;
use crate::config::Config;
use crate::http::{App, Listener, router};
use crate::node::live::Live;
use crate::node::{
    Ask, FramePage, FrameQuery, FrameRecord, Kept, Node, NotReady, Plugins, Query, Runtime, Status,
};
use crate::secrets::InstallationKey;
use crate::telemetry::Metrics;

pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";
pub(super) const STATION: &str = "CS1";

/// A node in memory with its HTTP side.
pub(in crate::http) struct Rig {
    pub(super) world: Arc<World>,
    pub(in crate::http) app: Arc<App>,
    pub(super) router: Router,
}

/// What is behind the node's handle.
pub(super) struct World {
    inner: Mutex<Inner>,
    rows: Arc<Rows>,
    live: Arc<Live>,
    plugins: Arc<PlayedPlugins>,
    pub(super) status: Mutex<Status>,
    pub(super) frames: Mutex<Vec<FrameRecord>>,
    /// What a command's call comes back with; none: nothing comes back.
    pub(super) answer: Mutex<Option<CommandReturned>>,
    /// Commands that left: action and payload.
    pub(super) sent: Mutex<Vec<(String, String)>>,
    /// The command that left last.
    open: Mutex<Option<(StationId, CommandId)>>,
    /// When set, the node takes no requests.
    pub(super) down: Mutex<bool>,
}

struct Inner {
    engine: Engine,
    asked: u64,
    answers: BTreeMap<u64, oneshot::Sender<Result<Done, Problem>>>,
    now: Timestamp,
    generation: u64,
}

#[derive(Default)]
struct Rows(RwLock<BTreeMap<Key, Row>>);

impl Reader for Rows {
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        Ok(self.0.read().unwrap().get(key).cloned())
    }

    fn page(&self, range: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
        let rows = self.0.read().unwrap();
        let fits = |key: &Key| {
            key.table == range.prefix.table
                && key.path.starts_with(&range.prefix.path)
                && range.after.as_ref().is_none_or(|after| {
                    if range.reverse { key.path < *after } else { key.path > *after }
                })
        };
        let found = rows.iter().filter(|(key, _)| fits(key));
        let owned = |(key, row): (&Key, &Row)| (key.clone(), row.clone());
        Ok(if range.reverse {
            found.rev().take(range.limit).map(owned).collect()
        } else {
            found.take(range.limit).map(owned).collect()
        })
    }
}

/// A plugin whose configuration says how it behaves.
#[derive(Default)]
pub(super) struct PlayedPlugins {
    /// When set, prices fail with this.
    pub(super) broken: Mutex<Option<PriceError>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Played {
    per_kwh: i64,
}

impl Plugins for PlayedPlugins {
    fn prepare(
        &self,
        _plugin: Hash,
        configuration: &str,
        currency: Currency,
    ) -> Result<(PreparedTariff, Hash), PriceError> {
        let played: Played = serde_json::from_str(configuration).map_err(|error| {
            PriceError::InvalidConfiguration { at: "/per_kwh".into(), message: error.to_string() }
        })?;
        let component = PriceComponent {
            unit: PriceUnit::PerKwh,
            price: Micros(played.per_kwh),
            tax_included: false,
            description: "energy <b>".into(),
        };
        let tariff = PreparedTariff { components: vec![component], ..PreparedTariff::default() };
        Ok((tariff, busbar_sandbox::configuration_hash(configuration, currency)))
    }

    fn price(
        &self,
        _plugin: Hash,
        configuration: &str,
        _currency: Currency,
        session: &CutSession,
    ) -> Result<Vec<Line>, PriceError> {
        if let Some(broken) = self.broken.lock().unwrap().clone() {
            return Err(broken);
        }
        let played: Played = serde_json::from_str(configuration).unwrap();
        let quantity: i64 = session.periods.iter().map(|period| period.energy.0).sum();
        Ok(vec![Line {
            dimension: Dimension::Energy,
            description: "energy".into(),
            quantity,
            unit: QuantityUnit::Energy,
            unit_price: Micros(played.per_kwh),
            amount: Micros(quantity * played.per_kwh / 1_000_000),
            tax_included: false,
            taxes: Vec::new(),
            start: session.start,
            end: session.end,
        }])
    }

    fn keep(&self, manifest: &str, component: &[u8]) -> Result<Kept, String> {
        if component != b"good" {
            return Err("it is not a component".into());
        }
        let hash = busbar_sandbox::content_hash(component);
        Ok(Kept { name: manifest.into(), version: "1.0.0".into(), world: "pricing".into(), hash })
    }
}

impl Runtime for World {
    fn submit(&self, ask: Ask) -> Result<(), NotReady> {
        if *self.down.lock().unwrap() {
            return Err(NotReady);
        }
        let mut inner = self.inner.lock().unwrap();
        inner.asked += 1;
        let request = inner.asked;
        let call = Some(Call::Api { incarnation: 1, request });
        let Ask { subject, actor, request: asked, answer } = ask;
        let input = Input::Operator { actor, call, request: asked };
        inner.answers.insert(request, answer);
        self.run(&mut inner, Event::Input(subject, input));
        Ok(())
    }

    fn query(&self, query: Query) -> Result<(), NotReady> {
        let inner = self.inner.lock().unwrap();
        query.answer(&inner.engine, inner.now);
        Ok(())
    }

    fn reader(&self) -> Option<Arc<dyn Reader>> {
        (!*self.down.lock().unwrap()).then(|| Arc::clone(&self.rows) as Arc<dyn Reader>)
    }

    fn frames(&self, query: &FrameQuery) -> Result<FramePage, StoreError> {
        let frames = self.frames.lock().unwrap();
        let before = query.before.as_deref().and_then(|id| id.parse::<usize>().ok());
        let older = frames.iter().rev().filter(|frame| {
            before.is_none_or(|before| frame.id.parse::<usize>().unwrap() < before)
        });
        let found: Vec<_> = older.cloned().collect();
        let more = found.len() > query.limit;
        Ok(FramePage { frames: found.into_iter().take(query.limit).collect(), more })
    }

    fn status(&self) -> Status {
        self.status.lock().unwrap().clone()
    }

    fn plugins(&self) -> Arc<dyn Plugins> {
        Arc::clone(&self.plugins) as Arc<dyn Plugins>
    }
}

impl World {
    fn run(&self, inner: &mut Inner, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            inner.engine.handle(event, inner.now);
            inner.now = inner.now.plus(Millis(10));
            while let Some(output) = inner.engine.poll(inner.now) {
                self.output(inner, output, &mut events);
            }
        }
    }

    fn output(&self, inner: &mut Inner, output: Output, events: &mut Vec<Event>) {
        match output {
            Output::Recall(id, needs) => {
                let recalled = recall(&*self.rows, &needs).unwrap();
                events.push(Event::Recalled(id, recalled));
            }
            Output::Commit(id, batch) => {
                let mut rows = self.rows.0.write().unwrap();
                for (key, row) in &batch.rows {
                    match row {
                        Some(row) => rows.insert(key.clone(), row.clone()),
                        None => rows.remove(key),
                    };
                }
                let facts = batch.facts.iter();
                self.live.publish(facts.map(|(_, subject, fact)| (subject.clone(), fact.clone())));
                events.push(Event::Committed(id));
            }
            Output::Work(Work::Price {
                subject,
                station,
                transaction,
                attempt,
                session,
                tariff,
            }) => {
                let result = cut(&session, &tariff.prepared.boundaries)
                    .map_err(PriceError::from)
                    .and_then(|cut| {
                        let (hash, text) = (tariff.plugin_hash, &*tariff.configuration);
                        let lines = self.plugins.price(hash, text, tariff.currency, &cut)?;
                        Ok((cut, lines))
                    });
                let input = Input::Priced { station, transaction, attempt, result };
                events.push(Event::Input(subject, input));
            }
            Output::Work(Work::Plan { subject, number, asked }) => {
                let plan = Box::new(asked.of(|question| Greedy::default().plan(question)));
                events.push(Event::Input(subject, Input::Plan { number, plan }));
            }
            Output::Act(action) => self.act(inner, action, events),
        }
    }

    fn act(&self, inner: &mut Inner, action: Action, events: &mut Vec<Event>) {
        match action {
            Action::Reply { call: Call::Api { request, .. }, reply } => {
                if let Some(answer) = inner.answers.remove(&request) {
                    let _ = match reply {
                        Reply::Done(done) => answer.send(Ok(done)),
                        Reply::Problem(problem) => answer.send(Err(problem)),
                        other => panic!("{other:?}"),
                    };
                }
            }
            Action::Command { station, command, action, payload, .. } => {
                self.sent.lock().unwrap().push((action.into(), payload.into()));
                *self.open.lock().unwrap() = Some((station.clone(), command));
                if let Some(returned) = self.answer.lock().unwrap().clone() {
                    let subject = Subject::Station(station.clone());
                    let input = Input::Command { station, command, returned };
                    events.push(Event::Input(subject, input));
                }
            }
            Action::Tell { to, told } => events.push(Event::Input(to, Input::Told(told))),
            _ => {}
        }
    }

    /// A station says something.
    pub(super) fn say(&self, station: &str, event: StationEvent) {
        let mut inner = self.inner.lock().unwrap();
        if matches!(event, StationEvent::Connected { .. }) {
            inner.generation += 1;
        }
        let generation = inner.generation;
        let station = StationId::from(station);
        let subject = Subject::Station(station.clone());
        let call =
            (!matches!(event, StationEvent::Connected { .. } | StationEvent::Disconnected { .. }))
                .then(|| Call::Station { incarnation: 1, generation, message_id: "m".into() });
        let input = Input::Station { station, generation, call, event };
        self.run(&mut inner, Event::Input(subject, input));
    }

    /// Requests that wait for their answer.
    pub(super) fn waiting(&self) -> usize {
        self.inner.lock().unwrap().answers.len()
    }

    /// The command that left last comes back.
    pub(super) fn come_back(&self, returned: CommandReturned) {
        let (station, command) = self.open.lock().unwrap().clone().unwrap();
        let subject = Subject::Station(station.clone());
        let input = Input::Command { station, command, returned };
        self.run(&mut self.inner.lock().unwrap(), Event::Input(subject, input));
    }

    /// Time passes.
    pub(super) fn pass(&self, seconds: i64) {
        let mut inner = self.inner.lock().unwrap();
        for _ in 0..10 {
            inner.now = inner.now.plus(Millis::from_secs(seconds / 10));
            let nothing = Subject::Station("nobody".into());
            self.run(&mut inner, Event::Input(nothing, Input::Deadline));
        }
    }

    /// The node's time.
    pub(super) fn now(&self) -> Timestamp {
        self.inner.lock().unwrap().now
    }

    pub(super) fn connect(&self, station: &str, dialect: Dialect) {
        let remote = "192.0.2.1".into();
        let connected =
            StationEvent::Connected { dialect, incarnation: 1, remote, security_profile: 1 };
        self.say(station, connected);
        let booted = StationEvent::Booted {
            vendor: "<script>alert(1)</script>".into(),
            model: "M".into(),
            serial: None,
            firmware: None,
            reason: None,
        };
        self.say(station, booted);
    }

    /// A whole charge of 10 kWh in an hour that has just ended.
    pub(super) fn charge(&self, station: &str, transaction: &str) {
        let end = self.now().0 / 1000 * 1000;
        let start = Timestamp(end - 3_600_000);
        self.report(station, transaction, report(ReportKind::Started, start, 0, 1_000_000));
        let ended = report(ReportKind::Ended, Timestamp(end), 1, 11_000_500);
        self.report(station, transaction, ended);
    }

    /// A charge that goes on, with what its car draws on each of three phases.
    pub(super) fn draw(&self, station: &str, transaction: &str, seq: i64, current: Current) {
        let kind = if seq == 0 { ReportKind::Started } else { ReportKind::Updated };
        let mut told = report(kind, self.now(), seq, 1_000_000 + seq);
        let on = |phase: &str| Reading {
            measurand: Measurand::CurrentImport,
            phase: Some(phase.into()),
            value: ReadingValue::Current(current),
            ..told.readings[0].clone()
        };
        let phases = ["L1", "L2", "L3"].map(on);
        told.readings.extend(phases);
        self.report(station, transaction, told);
    }

    fn report(&self, station: &str, transaction: &str, report: Report) {
        let transaction = TransactionRef::Known(transaction.into());
        self.say(station, StationEvent::Transaction { transaction, report, wants_cost: false });
    }

    /// Prices fail from now on, or do not.
    pub(super) fn break_plugin(&self, error: Option<PriceError>) {
        *self.plugins.broken.lock().unwrap() = error;
    }
}

fn report(kind: ReportKind, at: Timestamp, seq: i64, wh: i64) -> Report {
    Report {
        kind,
        at,
        seq: Some(seq),
        trigger: "test".into(),
        offline: false,
        evse: Some(1),
        connector: Some(1),
        token: Some(IdToken::new(TokenKind::Iso14443, "04AABB")),
        state: None,
        stopped_reason: None,
        remote_start: None,
        reservation: None,
        readings: vec![Reading {
            at,
            context: ReadingContext::Sample,
            measurand: Measurand::EnergyImport,
            phase: None,
            location: None,
            value: ReadingValue::Energy(Energy(wh)),
        }],
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    pub(super) json: Value,
}

impl Rig {
    pub(in crate::http) fn new() -> Self {
        Self::with("")
    }

    pub(super) fn with(config: &str) -> Self {
        let config = Config::parse(None, config, Vec::new()).unwrap();
        let live = Arc::new(Live::new(7, 1_000));
        let restored = Restored::default();
        let now = clock::now();
        let tuning = Tuning { pace: Millis::ZERO, ..Tuning::default() };
        let engine = Engine::new(1, 1, config.policy(), tuning, restored, now);
        let inner = Inner { engine, asked: 0, answers: BTreeMap::new(), now, generation: 0 };
        let world = Arc::new(World {
            inner: Mutex::new(inner),
            rows: Arc::default(),
            live: Arc::clone(&live),
            plugins: Arc::default(),
            status: Mutex::new(Status { running: true, stations: 1, ..Status::default() }),
            frames: Mutex::default(),
            answer: Mutex::default(),
            sent: Mutex::default(),
            open: Mutex::default(),
            down: Mutex::default(),
        });
        let node = Node::new(Arc::clone(&world) as Arc<dyn Runtime>, live);
        let key = InstallationKey::from_bytes([7; 32]);
        let app = Arc::new(App::new(node, Metrics::new(), &key, TOKEN, &config));
        let router = router(&app, Listener::from(&config.http[0]));
        Self { world, app, router }
    }

    /// A rig with a connected station, a token, a plugin and a default tariff.
    pub(super) async fn ready(dialect: Dialect) -> Self {
        let rig = Self::with("[plugins]\nallow_unsigned = true");
        rig.put("/api/v1/stations/CS1", "{}").await;
        rig.put("/api/v1/tokens/04AABB", "{}").await;
        let upload = r#"{"manifest":"played","component":"Z29vZA=="}"#;
        assert_eq!(rig.post("/api/v1/plugins", upload).await.status, 201);
        let tariff = r#"{"plugin":"played","configuration":{"per_kwh":350000},"default":true}"#;
        let put = rig.put("/api/v1/tariffs/standard", tariff).await;
        assert_eq!(put.status, 201, "{}", put.text);
        rig.world.connect(STATION, dialect);
        rig
    }

    /// From now on stations accept what they are told.
    pub(super) fn takes_all(&self) {
        *self.world.answer.lock().unwrap() = Some(CommandReturned::Answered {
            response: "{}".into(),
            status: Some("Accepted".into()),
            message_id: "m".into(),
        });
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(super) async fn put(&self, path: &str, body: &str) -> Answer {
        self.send("PUT", path, &[("content-type", "application/json")], body).await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body).await
    }

    /// With the token, unless the headers have another.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let mut all = vec![("host", "127.0.0.1:8080"), ("authorization", &bearer)];
        all.retain(|(name, _)| !headers.iter().any(|(given, _)| given == name));
        all.extend(headers.iter().filter(|(_, value)| !value.is_empty()));
        self.bare(method, path, &all, body.to_owned().into()).await
    }

    /// As it stands.
    pub(super) async fn bare(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let mut request = HttpRequest::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body).unwrap();
        let peer = SocketAddr::from(([127, 0, 0, 1], 4));
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.into()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, text, json }
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The problem's kind; panics where it is not told as RFC 9457 asks.
    pub(super) fn problem(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.json["status"], self.status.as_u16(), "{self:?}");
        let instance = self.json["instance"].as_str().unwrap();
        assert_eq!(instance, format!("urn:busbar:request:{}", self.header("x-request-id")));
        for member in ["title", "detail"] {
            assert!(self.json[member].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
        }
        self.json["type"].as_str().unwrap().strip_prefix("urn:busbar:problem:").unwrap()
    }
}
