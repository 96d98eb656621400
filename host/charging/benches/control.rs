//! Owns how long one decision of load control takes: `cargo bench -p busbar-charging --bench
//! control`. Every EVSE charges on three phases, below feeders of fifty and one grid connection.

use std::hint::black_box;

use busbar_charging::action::Action;
use busbar_charging::context::{Context, Policy};
use busbar_charging::fact::Actor;
use busbar_charging::fact::metering::{
    Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind,
};
use busbar_charging::fact::site::{Blob, LoadBody, SitePut, StationMoved};
use busbar_charging::fact::station::Dialect;
use busbar_charging::ids::{Ids, StationId};
use busbar_charging::input::{
    CommandReturned, Input, Precondition, Recalled, Request, StationEvent, TransactionRef,
};
use busbar_charging::load::amount::{Amount, PerLine};
use busbar_charging::load::circuit::{Circuit, EvsePoint, Tree};
use busbar_charging::load::config::{Config, KnownAs, Model};
use busbar_charging::load::legs::Rotation;
use busbar_charging::network::Network;
use busbar_charging::site::Site;
use busbar_charging::subject::Subject;
use busbar_charging::units::{Currency, Current, Millis, Timestamp};
use criterion::{BenchmarkId, Criterion};

const START: Timestamp = Timestamp(1_790_000_000_000);
const FEEDER: usize = 50;

struct Bench {
    site: Site,
    network: Network,
    now: Timestamp,
    seed: u128,
}

impl Bench {
    fn new(evses: usize) -> Self {
        let subject = Subject::Site("yard".into());
        let mut bench = Self {
            site: Site::new(subject.clone()),
            network: Network::default(),
            now: START,
            seed: 1,
        };
        let request = Request::PutSite(Box::new(put(evses)), Precondition::None);
        bench.take(Input::Operator { actor: Actor::Clock, call: None, request });
        for n in 0..evses {
            let station = name(n);
            let (from, to) = (Subject::Station(station.clone()), subject.clone());
            let moved = StationMoved { at: START, station, from, to, number: 1 };
            bench.network.apply(&moved.into());
            for event in arrival(n) {
                let station = name(n);
                bench.take(Input::Station { station, generation: 1, call: None, event });
            }
        }
        bench
    }

    fn decide(&self, input: Input) -> busbar_charging::context::Outcome {
        let (recalled, policy) = (Recalled::default(), Policy::default());
        let ids = Ids { seed: self.seed };
        let context = Context { network: &self.network, recalled: &recalled, ids, policy: &policy };
        self.site.decide(&context, self.now, input)
    }

    fn take(&mut self, input: Input) -> Vec<Action> {
        self.seed += 1;
        let outcome = self.decide(input);
        outcome.facts.iter().for_each(|fact| self.site.apply(fact));
        outcome.actions
    }

    /// All have been told what they may draw.
    fn settle(&mut self) {
        for _ in 0..8 {
            self.now = self.now.plus(Millis::from_secs(70));
            for action in self.take(Input::Deadline) {
                let Action::Command { station, command, .. } = action else { continue };
                let returned = CommandReturned::Answered {
                    response: "{}".into(),
                    status: Some("Accepted".into()),
                    message_id: "m".into(),
                };
                self.take(Input::Command { station, command, returned });
            }
        }
        self.now = self.now.plus(Millis::from_secs(5));
    }
}

fn name(n: usize) -> StationId {
    format!("CS-{n}").as_str().into()
}

fn put(evses: usize) -> SitePut {
    let circuit = |name: String, parent: Option<&str>, amps: i64| Circuit {
        name: name.into(),
        parent: parent.map(Into::into),
        current: Some(PerLine::all(Current(amps * 1_000))),
        ..Circuit::default()
    };
    let feeders = evses.div_ceil(FEEDER);
    let below = (0..feeders).map(|n| circuit(format!("feeder {n}"), Some("grid"), 500));
    let grid = circuit("grid".into(), None, 400 * feeders as i64);
    let phases = ["L1 L2 L3", "L2 L3 L1", "L3 L1 L2"];
    let point = |n: usize| EvsePoint {
        evse: format!("CS-{n}/1").into(),
        circuit: format!("feeder {}", n / FEEDER).into(),
        phases: Rotation::parse(phases[n % 3]).unwrap_or_default(),
        supply: Default::default(),
        efficiency_percent: None,
        min: None,
        max: Amount::Current(Current(32_000)),
        fallback: None,
        weight: None,
        class: None,
    };
    let circuits = std::iter::once(grid).chain(below).collect();
    let tree = Tree {
        voltage: 230,
        circuits,
        evses: (0..evses).map(point).collect(),
        batteries: Vec::new(),
    };
    let models = vec![Model { known_as: KnownAs::Standard, ..Model::default() }];
    let (version, body) = Config {
        policy: Default::default(),
        models,
        plan: Default::default(),
        count_generation: false,
        tree,
    }
    .store();
    SitePut {
        at: START,
        actor: Actor::Clock,
        site: "yard".into(),
        name: "The yard".into(),
        time_zone: "Etc/UTC".into(),
        currency: Currency::parse("EUR").unwrap_or_else(|| unreachable!("a code of ISO 4217")),
        party: None,
        load: Some(LoadBody { version, body: Blob(body) }),
        version: 0,
    }
}

/// A station connects, boots, and a car begins to charge.
fn arrival(n: usize) -> [StationEvent; 3] {
    let (dialect, remote) = (Dialect::V201, "192.0.2.1:1".into());
    let reading = |phase: &str| Reading {
        at: START,
        context: ReadingContext::Sample,
        measurand: Measurand::CurrentImport,
        phase: Some(phase.into()),
        location: None,
        value: ReadingValue::Current(Current(6_000)),
    };
    let report = Report {
        kind: ReportKind::Started,
        at: START,
        seq: Some(1),
        trigger: "Authorized".into(),
        offline: false,
        evse: Some(1),
        connector: Some(1),
        token: None,
        state: None,
        stopped_reason: None,
        remote_start: None,
        reservation: None,
        readings: ["L1", "L2", "L3"].map(reading).to_vec(),
    };
    let transaction = TransactionRef::Known(format!("T{n}").as_str().into());
    [
        StationEvent::Connected { dialect, incarnation: 1, remote, security_profile: 1 },
        StationEvent::Booted {
            vendor: "v".into(),
            model: "m".into(),
            serial: None,
            firmware: None,
            reason: None,
        },
        StationEvent::Transaction { transaction, report, wants_cost: false },
    ]
}

fn control(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("control");
    group.sample_size(20);
    for evses in [54, 500, 10_000] {
        let mut bench = Bench::new(evses);
        bench.settle();
        let decision = BenchmarkId::new("decision", evses);
        group.bench_function(decision, |b| b.iter(|| black_box(bench.decide(Input::Deadline))));
        let station = name(0);
        let [_, _, event] = arrival(0);
        let event = Input::Station { station, generation: 1, call: None, event };
        let message = BenchmarkId::new("message", evses);
        group.bench_function(message, |b| b.iter(|| black_box(bench.decide(event.clone()))));
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    control(&mut criterion);
    criterion.final_summary();
}
