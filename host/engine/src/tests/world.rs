//! A driver and a store in memory, whose every step is taken by the test: a recall is read at one
//! time and answered at another, a commit is durable at one time and acknowledged at another, and
//! rows reach the disk later than their facts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use busbar_charging::action::{Action, Reply};
use busbar_charging::context::Policy;
use busbar_charging::fact::network::{TariffPut, TokenPut};
use busbar_charging::fact::site::{Blob, LoadBody, SitePut};
use busbar_charging::fact::station::AuthorizationStatus;
use busbar_charging::fact::{Actor, Call, Fact};
use busbar_charging::ids::{Hash, IdToken, SiteId, StationId, TokenKind};
use busbar_charging::input::{
    Input, Needs, Precondition, Recalled, Request, StationEvent, Told, Work,
};
use busbar_charging::load::amount::{Amount, PerLine};
use busbar_charging::load::circuit::{Circuit, EvsePoint, Tree};
use busbar_charging::load::config::Config;
use busbar_charging::network::Network;
use busbar_charging::pricing::{Boundaries, PreparedTariff, PriceError};
use busbar_charging::site::Site;
use busbar_charging::subject::{Key, Row, Subject};
use busbar_charging::units::{Currency, Current, Millis, Timestamp};

use crate::store::{Batch, Position, Range, Reader, Restored, Snapshot, StoreError, recall};
use crate::{BatchId, Engine, Event, Output, RecallId, Tuning};

type Rows = BTreeMap<Key, Row>;

/// What survives a crash, and what readers see.
#[derive(Default)]
pub(super) struct Disk {
    /// All batches ever made durable.
    pub(super) log: Vec<Arc<Batch>>,
    /// What readers see.
    pub(super) rows: Rows,
    /// What is on disk of the rows: those of `log[..written]`.
    written_rows: Rows,
    written: usize,
}

struct View<'a>(&'a Rows);

impl Reader for View<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn page(&self, range: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
        let all = self.0.iter().filter(|(key, _)| {
            key.table == range.prefix.table && key.path.starts_with(&range.prefix.path)
        });
        Ok(all.take(range.limit).map(|(key, row)| (key.clone(), row.clone())).collect())
    }
}

fn put(rows: &mut Rows, batch: &Batch) {
    for (key, row) in &batch.rows {
        match row {
            Some(row) => rows.insert(key.clone(), row.clone()),
            None => rows.remove(key),
        };
    }
}

impl Disk {
    fn commit(&mut self, batch: &Arc<Batch>) {
        put(&mut self.rows, batch);
        self.log.push(Arc::clone(batch));
    }

    /// Writes the rows of some more batches.
    pub(super) fn write_behind(&mut self, batches: usize) {
        for _ in 0..batches.min(self.log.len() - self.written) {
            put(&mut self.written_rows, &self.log[self.written]);
            self.written += 1;
        }
    }

    pub(super) fn facts(&self) -> impl Iterator<Item = &(Position, Subject, Fact)> {
        self.log.iter().flat_map(|batch| &batch.facts)
    }

    /// The process died: what a start finds.
    fn reopen(&mut self) -> Restored {
        self.rows = self.written_rows.clone();
        let mut snapshots: BTreeMap<&Subject, &Snapshot> = BTreeMap::new();
        for snapshot in self.log[..self.written].iter().flat_map(|batch| &batch.snapshots) {
            snapshots.insert(&snapshot.subject, snapshot);
        }
        let before: usize = self.log[..self.written].iter().map(|batch| batch.facts.len()).sum();
        let mut heads = BTreeMap::new();
        for (position, ..) in self.facts() {
            heads.insert(position.shard, *position);
        }
        Restored {
            snapshots: snapshots.into_values().cloned().collect(),
            facts: self.facts().cloned().collect(),
            rows_from: before,
            heads: heads.into_values().collect(),
        }
    }
}

/// An engine, its disk, and what the test has still to do for it.
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) disk: Disk,
    pub(super) now: Timestamp,
    pub(super) incarnation: u64,
    pub(super) recalls: VecDeque<(RecallId, Needs, Option<Recalled>)>,
    pub(super) in_flight: Option<(BatchId, Arc<Batch>, bool)>,
    /// Replies that left, with the number of facts that were durable then.
    pub(super) replies: Vec<(u64, Reply, usize)>,
    /// Work that nobody answered yet.
    pub(super) work: VecDeque<Work>,
    /// What subjects tell each other, on its way.
    pub(super) told: VecDeque<(Subject, Told)>,
    requests: u64,
    /// Facts that the engine started from.
    pub(super) restored: u64,
}

pub(super) fn tuning() -> Tuning {
    Tuning { pace: Millis(3), log_window: 8, snapshots_per_batch: 2, ..Tuning::default() }
}

impl World {
    pub(super) fn new() -> Self {
        let now = Timestamp(1_000);
        let engine = Engine::new(7, 1, Policy::default(), tuning(), Restored::default(), now);
        let disk = Disk::default();
        let recalls = VecDeque::new();
        let mut world = Self {
            engine,
            disk,
            now,
            incarnation: 1,
            recalls,
            in_flight: None,
            replies: Vec::new(),
            work: VecDeque::new(),
            told: VecDeque::new(),
            requests: 0,
            restored: 0,
        };
        world.drain();
        world
    }

    /// Takes all outputs.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.engine.poll(self.now) {
            match output {
                Output::Recall(id, needs) => self.recalls.push_back((id, needs, None)),
                Output::Commit(id, batch) => {
                    assert!(self.in_flight.is_none(), "two commits under way");
                    self.in_flight = Some((id, batch, false));
                }
                Output::Act(Action::Reply { call, reply }) => {
                    assert_eq!(call.incarnation(), self.incarnation, "a stranger was answered");
                    let number = match call {
                        Call::Api { request, .. } => request,
                        Call::Station { message_id, .. } => message_id.parse().unwrap(),
                    };
                    self.replies.push((number, reply, self.disk.facts().count()));
                }
                Output::Act(Action::Tell { to, told }) => self.told.push_back((to, told)),
                Output::Act(_) => {}
                Output::Work(work) => self.work.push_back(work),
            }
        }
    }

    /// What was told arrives.
    pub(super) fn tell(&mut self) {
        let Some((to, told)) = self.told.pop_front() else { return };
        self.engine.handle(Event::Input(to, Input::Told(told)), self.now);
        self.drain();
    }

    /// Asks the network something; returns the request's number.
    pub(super) fn ask(&mut self, request: Request) -> u64 {
        self.ask_of(Subject::Network, request)
    }

    /// Asks a subject something; returns the request's number.
    pub(super) fn ask_of(&mut self, subject: Subject, request: Request) -> u64 {
        self.requests += 1;
        let call = Call::Api { incarnation: self.incarnation, request: self.requests };
        let actor = Actor::User("test".into());
        let input = Input::Operator { actor, call: Some(call), request };
        self.engine.handle(Event::Input(subject, input), self.now);
        self.drain();
        self.requests
    }

    /// A station says something; returns the number of its call.
    pub(super) fn hear(&mut self, station: &str, event: StationEvent) -> u64 {
        self.requests += 1;
        let call = Call::Station {
            incarnation: self.incarnation,
            generation: 1,
            message_id: self.requests.to_string().into(),
        };
        let station: StationId = station.into();
        let subject = Subject::Station(station.clone());
        let input = Input::Station { station, generation: 1, call: Some(call), event };
        self.engine.handle(Event::Input(subject, input), self.now);
        self.drain();
        self.requests
    }

    /// The oldest work fails.
    pub(super) fn fail_work(&mut self) {
        let Some(work) = self.work.pop_front() else { return };
        let (subject, input) = match work {
            Work::Price { subject, station, transaction, attempt, .. } => {
                let result = Err(PriceError::NotApplicable("by the test".into()));
                (subject, Input::Priced { station, transaction, attempt, result })
            }
            Work::Plan { subject, number, .. } => {
                (subject, Input::Plan { number, plan: Box::default() })
            }
        };
        self.engine.handle(Event::Input(subject, input), self.now);
        self.drain();
    }

    pub(super) fn read_recall(&mut self) {
        let rows = &self.disk.rows;
        if let Some((_, needs, read)) = self.recalls.iter_mut().find(|(_, _, read)| read.is_none())
        {
            *read = Some(recall(&View(rows), needs).unwrap());
        }
    }

    pub(super) fn answer_recall(&mut self) {
        if self.recalls.front().is_some_and(|(_, _, read)| read.is_some()) {
            let (id, _, read) = self.recalls.pop_front().unwrap();
            self.engine.handle(Event::Recalled(id, read.unwrap()), self.now);
            self.drain();
        }
    }

    pub(super) fn commit(&mut self) {
        if let Some((_, batch, durable)) = &mut self.in_flight
            && !*durable
        {
            self.disk.commit(batch);
            *durable = true;
        }
    }

    pub(super) fn acknowledge(&mut self) {
        if self.in_flight.as_ref().is_some_and(|(_, _, durable)| *durable) {
            let (id, ..) = self.in_flight.take().unwrap();
            self.engine.handle(Event::Committed(id), self.now);
            self.drain();
        }
    }

    pub(super) fn pass(&mut self, millis: i64) {
        self.now = Timestamp(self.now.0 + millis);
        self.drain();
    }

    /// Does all that there is to do.
    pub(super) fn settle(&mut self) {
        loop {
            self.pass(5);
            self.read_recall();
            self.answer_recall();
            self.commit();
            self.acknowledge();
            self.tell();
            let quiet = |world: &Self| {
                world.recalls.is_empty() && world.in_flight.is_none() && world.told.is_empty()
            };
            if quiet(self) {
                self.pass(5);
                if quiet(self) {
                    return;
                }
            }
        }
    }

    /// The process dies and starts again.
    pub(super) fn crash(&mut self) {
        self.recalls.clear();
        self.work.clear();
        self.told.clear();
        self.in_flight = None;
        self.incarnation += 1;
        let restored = self.disk.reopen();
        self.restored = restored.facts.len() as u64;
        let seed = u128::from(self.incarnation) << 64;
        let policy = Policy::default();
        self.engine = Engine::new(seed, self.incarnation, policy, tuning(), restored, self.now);
        self.drain();
    }

    /// The states and the rows that all durable facts make, by plain replay.
    pub(super) fn replayed(&self) -> Replayed {
        let mut all = Replayed::default();
        for (_, subject, fact) in self.disk.facts() {
            let rows = match subject {
                Subject::Network => {
                    all.network.apply(fact);
                    all.network.rows(fact)
                }
                _ => {
                    let site = all.sites.entry(subject.clone());
                    let site = site.or_insert_with(|| Site::new(subject.clone()));
                    site.apply(fact);
                    site.rows(fact)
                }
            };
            put(&mut all.rows, &Batch { rows, ..Batch::default() });
        }
        all
    }
}

/// What plain replay makes.
#[derive(Default)]
pub(super) struct Replayed {
    pub(super) network: Network,
    pub(super) sites: BTreeMap<Subject, Site>,
    pub(super) rows: Rows,
}

pub(super) fn token(n: u8) -> IdToken {
    IdToken::new(TokenKind::Iso14443, &format!("T{n}"))
}

pub(super) fn put_token(n: u8, precondition: Precondition) -> Request {
    let put = TokenPut {
        at: Timestamp(0),
        actor: Actor::Clock,
        token: token(n),
        status: AuthorizationStatus::Accepted,
        group: None,
        expires: None,
        master: false,
        concurrent: false,
        version: 0,
    };
    Request::PutToken(Box::new(put), precondition)
}

pub(super) fn site(n: u8) -> SiteId {
    format!("site-{n}").as_str().into()
}

pub(super) fn put_site(n: u8) -> Request {
    let put = SitePut {
        at: Timestamp(0),
        actor: Actor::Clock,
        site: site(n),
        name: "A site".into(),
        time_zone: "Europe/Berlin".into(),
        currency: Currency::parse("EUR").unwrap(),
        party: None,
        load: (n == 0).then(tree),
        version: 0,
    };
    Request::PutSite(Box::new(put), Precondition::None)
}

/// One line that three stations share.
fn tree() -> LoadBody {
    let line = Circuit {
        name: "grid".into(),
        current: Some(PerLine::all(Current(40_000))),
        ..Circuit::default()
    };
    let point = |n: u8| EvsePoint {
        evse: format!("S{n}/1").into(),
        circuit: "grid".into(),
        phases: Default::default(),
        supply: Default::default(),
        efficiency_percent: None,
        min: None,
        max: Amount::Current(Current(32_000)),
        fallback: None,
        weight: None,
        class: None,
    };
    let tree = Tree {
        voltage: 230,
        circuits: vec![line],
        evses: (0..3).map(point).collect(),
        batteries: Vec::new(),
    };
    let config = Config {
        policy: Default::default(),
        models: Vec::new(),
        plan: Default::default(),
        count_generation: false,
        tree,
    };
    let (version, body) = config.store();
    LoadBody { version, body: Blob(body) }
}

pub(super) fn put_tariff(n: u8) -> Request {
    let put = TariffPut {
        at: Timestamp(0),
        actor: Actor::Clock,
        tariff: format!("tariff-{n}").as_str().into(),
        version: 0,
        valid_from: Timestamp(0),
        currency: Currency::parse("EUR").unwrap(),
        plugin: "pricing-ocpi".into(),
        plugin_hash: Hash([1; 32]),
        configuration: "{}".into(),
        configuration_hash: Hash([2; 32]),
        prepared: PreparedTariff {
            boundaries: Boundaries::default(),
            components: Vec::new(),
            negative_prices: false,
            power_dependent: false,
        },
        default: n == 0,
    };
    Request::PutTariff(Box::new(put), Precondition::None)
}
