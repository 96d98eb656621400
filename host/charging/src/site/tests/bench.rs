//! A whole node in miniature: one site, one network, rows in a map, prices at once or later.

use std::collections::BTreeMap;

use crate::action::{Action, Reply};
use crate::context::{Context, Policy};
use crate::fact::metering::{
    ChargingState, Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind,
};
use crate::fact::network::{TariffPut, TokenPut};
use crate::fact::station::{AuthorizationStatus, Dialect, Registration, StationRegistered};
use crate::fact::transaction::{CdrKind, CdrSealed};
use crate::fact::{Actor, Call, Fact};
use crate::ids::{Hash, IdToken, Ids, StationId, TokenKind, TransactionId};
use crate::input::{Input, Precondition, Recalled, Request, StationEvent, TransactionRef, Work};
use crate::load::plan::Planner;
use crate::load::plan::greedy::Greedy;
use crate::network::Network;
use crate::pricing::cut::cut;
use crate::pricing::{
    Activity, CutSession, Dimension, Line, Period, PreparedTariff, PriceComponent, PriceError,
    PriceUnit, QuantityUnit,
};
use crate::row::{self, RowBody};
use crate::site::Site;
use crate::subject::{Key, Row, Subject, Table};
use crate::units::{Currency, Energy, Micros, Millis, Timestamp};

pub(super) const T0: Timestamp = Timestamp(1_780_000_000_000);

/// A node in miniature.
pub(super) struct Bench {
    pub(super) site: Site,
    pub(super) network: Network,
    pub(super) rows: BTreeMap<Key, Row>,
    pub(super) now: Timestamp,
    pub(super) policy: Policy,
    pub(super) facts: Vec<Fact>,
    pub(super) actions: Vec<Action>,
    /// When set, prices fail with this.
    pub(super) broken: Option<PriceError>,
    seed: u128,
    message: u64,
    generation: u64,
}

pub(super) fn station() -> StationId {
    StationId::from("CS1")
}

pub(super) fn site() -> Site {
    Site::new(Subject::Station(station()))
}

pub(super) fn token() -> IdToken {
    IdToken::new(TokenKind::Iso14443, "04AABB")
}

pub(super) fn at(seconds: i64) -> Timestamp {
    T0.plus(Millis::from_secs(seconds))
}

pub(super) fn register(at: Timestamp, context: ReadingContext, wh: i64) -> Reading {
    Reading {
        at,
        context,
        measurand: Measurand::EnergyImport,
        phase: None,
        location: None,
        value: ReadingValue::Energy(Energy::from_wh(wh)),
    }
}

pub(super) fn report(kind: ReportKind, at: Timestamp, seq: Option<i64>) -> Report {
    Report {
        kind,
        at,
        seq,
        trigger: "test".into(),
        offline: false,
        evse: Some(1),
        connector: Some(1),
        token: (kind != ReportKind::Updated).then(token),
        state: (kind == ReportKind::Started && seq.is_some()).then_some(ChargingState::Charging),
        stopped_reason: (kind == ReportKind::Ended).then(|| "Local".into()),
        remote_start: None,
        reservation: None,
        readings: Vec::new(),
    }
}

pub(super) fn with_reading(mut report: Report, context: ReadingContext, wh: i64) -> Report {
    report.readings.push(register(report.at, context, wh));
    report
}

impl Bench {
    /// A connected, booted station, a good token, 0.50 per kWh.
    pub(super) fn new(dialect: Dialect) -> Self {
        let mut bench = Self {
            site: site(),
            network: Network::default(),
            rows: BTreeMap::new(),
            now: T0,
            policy: Policy { accept_no_authorization: true, ..Policy::default() },
            facts: Vec::new(),
            actions: Vec::new(),
            broken: None,
            seed: 1,
            message: 0,
            generation: 0,
        };
        bench.put_token(token(), AuthorizationStatus::Accepted);
        bench.put_tariff(500_000);
        bench.connect(dialect);
        bench.boot();
        bench
    }

    pub(super) fn put_token(&mut self, token: IdToken, status: AuthorizationStatus) {
        let put = TokenPut {
            at: self.now,
            actor: Actor::Clock,
            token,
            status,
            group: Some("G".into()),
            expires: None,
            master: false,
            concurrent: false,
            version: 0,
        };
        self.ask_network(Request::PutToken(Box::new(put), Precondition::None));
    }

    pub(super) fn put_tariff(&mut self, per_kwh: i64) {
        self.put_time_tariff(per_kwh, 0);
    }

    /// A tariff by energy and by the hour that the car could charge.
    pub(super) fn put_time_tariff(&mut self, per_kwh: i64, per_hour: i64) {
        let component = |unit, price| PriceComponent {
            unit,
            price: Micros(price),
            tax_included: false,
            description: "test".into(),
        };
        let mut components = vec![component(PriceUnit::PerKwh, per_kwh)];
        components.extend((per_hour > 0).then(|| component(PriceUnit::PerMinute, per_hour / 60)));
        let put = TariffPut {
            at: self.now,
            actor: Actor::Clock,
            tariff: "standard".into(),
            version: 0,
            valid_from: Timestamp(0),
            currency: Currency::parse("EUR").unwrap(),
            plugin: "native".into(),
            plugin_hash: Hash([1; 32]),
            configuration: format!("{per_kwh} {per_hour}").into(),
            configuration_hash: Hash([2; 32]),
            prepared: PreparedTariff { components, ..PreparedTariff::default() },
            default: true,
        };
        self.ask_network(Request::PutTariff(Box::new(put), Precondition::None));
    }

    pub(super) fn newest_quote(&self) -> Option<crate::fact::transaction::Quote> {
        self.network.newest_tariff(&"standard".into()).map(|tariff| (&**tariff).into())
    }

    pub(super) fn connect(&mut self, dialect: Dialect) {
        self.generation += 1;
        self.say(StationEvent::Connected {
            dialect,
            incarnation: 1,
            remote: "127.0.0.1".into(),
            security_profile: 1,
        });
    }

    pub(super) fn boot(&mut self) {
        self.say(StationEvent::Booted {
            vendor: "V".into(),
            model: "M".into(),
            serial: None,
            firmware: None,
            reason: None,
        });
    }

    pub(super) fn register(&mut self, registration: Registration) {
        let registered = StationRegistered {
            at: Timestamp(0),
            actor: Actor::Clock,
            station: station(),
            password_hash: Some("ab".repeat(32)),
            unauthenticated: false,
            registration,
            strict: false,
            tariff: None,
            version: 0,
        };
        let request = Request::RegisterStation(Box::new(registered), Precondition::None);
        assert!(matches!(self.ask(request), Some(Reply::Done(_))));
    }

    fn ask_network(&mut self, request: Request) {
        let input = Input::Operator { actor: Actor::User("admin".into()), call: None, request };
        let recalled = self.recall(&self.network.needs(&input));
        let (context, now) = (self.context(&recalled), self.now);
        let outcome = self.network.decide(&context, now, input);
        for fact in outcome.facts {
            self.network.apply(&fact);
            let rows = self.network.rows(&fact);
            self.write(rows);
            self.facts.push(fact);
        }
    }

    pub(super) fn ask(&mut self, request: Request) -> Option<Reply> {
        self.message += 1;
        let call = Call::Api { incarnation: 1, request: self.message };
        let actor = Actor::User("admin".into());
        let before = self.actions.len();
        self.input(Input::Operator { actor, call: Some(call.clone()), request });
        self.reply_to(&call, before)
    }

    /// The station says something; its reply, if it came at once.
    pub(super) fn say(&mut self, event: StationEvent) -> Option<Reply> {
        self.message += 1;
        let call = Call::Station {
            incarnation: 1,
            generation: self.generation,
            message_id: self.message.to_string().into(),
        };
        let before = self.actions.len();
        self.input(Input::Station {
            station: station(),
            generation: self.generation,
            call: Some(call.clone()),
            event,
        });
        self.reply_to(&call, before)
    }

    fn reply_to(&self, wanted: &Call, before: usize) -> Option<Reply> {
        self.actions[before..].iter().find_map(|action| match action {
            Action::Reply { call, reply } if call == wanted => Some(reply.clone()),
            _ => None,
        })
    }

    pub(super) fn report(&mut self, named: TransactionRef, report: Report) -> Option<Reply> {
        let wants_cost = false;
        self.say(StationEvent::Transaction { transaction: named, report, wants_cost })
    }

    /// A 1.6 start; the id that it was given.
    pub(super) fn start(&mut self, report: Report) -> TransactionId {
        match self.report(TransactionRef::Issue, report) {
            Some(Reply::Transaction { transaction, .. }) => transaction,
            other => panic!("a start was answered {other:?}"),
        }
    }

    pub(super) fn advance(&mut self, to: Timestamp) {
        while let Some(due) = self.site.deadline().filter(|due| *due <= to) {
            self.now = self.now.max(due);
            self.input(Input::Deadline);
        }
        self.now = to;
    }

    pub(super) fn input(&mut self, input: Input) {
        self.decide(input);
        for _ in 0..100 {
            if self.site.deadline().is_none_or(|due| due > self.now) {
                return;
            }
            self.decide(Input::Deadline);
        }
        panic!("the site asks for ever to be asked at {}", self.now);
    }

    fn decide(&mut self, input: Input) {
        let recalled = self.recall(&self.site.needs(&input));
        let (context, now) = (self.context(&recalled), self.now);
        let outcome = self.site.decide(&context, now, input);
        for fact in outcome.facts {
            let body = fact.encode().unwrap();
            assert_eq!(Fact::decode(fact.name(), &body).as_ref(), Ok(&fact), "not as stored");
            self.site.apply(&fact);
            let rows = self.site.rows(&fact);
            self.write(rows);
            self.facts.push(fact);
        }
        self.actions.extend(outcome.actions);
        for work in outcome.work {
            self.work(work);
        }
    }

    fn work(&mut self, work: Work) {
        let (station, transaction, attempt, session, tariff) = match work {
            Work::Price { station, transaction, attempt, session, tariff, .. } => {
                (station, transaction, attempt, session, tariff)
            }
            Work::Plan { number, asked, .. } => {
                let plan = Box::new(asked.of(|question| Greedy::default().plan(question)));
                return self.decide(Input::Plan { number, plan });
            }
        };
        let priced = cut(&session, &tariff.prepared.boundaries)
            .map_err(|error| PriceError::Internal(format!("{error:?}")))
            .map(|input| price(&input, &tariff.configuration));
        let result = self.broken.clone().map_or(priced, Err);
        self.decide(Input::Priced { station, transaction, attempt, result });
    }

    fn context<'a>(&'a self, recalled: &'a Recalled) -> Context<'a> {
        let seed =
            (self.facts.len() as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let ids = Ids { seed: seed ^ self.seed };
        Context { network: &self.network, recalled, ids, policy: &self.policy }
    }

    fn recall(&self, needs: &crate::input::Needs) -> Recalled {
        let mut rows = Vec::new();
        for key in &needs.keys {
            rows.push((key.clone(), self.rows.get(key).cloned()));
        }
        for prefix in &needs.prefixes {
            let found = self
                .rows
                .iter()
                .filter(|(key, _)| key.table == prefix.table && key.path.starts_with(&prefix.path));
            rows.extend(found.map(|(key, row)| (key.clone(), Some(row.clone()))));
        }
        Recalled { rows }
    }

    fn write(&mut self, rows: Vec<(Key, Option<Row>)>) {
        for (key, row) in rows {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }

    pub(super) fn cdrs(&self) -> Vec<&CdrSealed> {
        let mut sealed = Vec::new();
        for fact in &self.facts {
            if let Fact::CdrSealed(cdr) = fact {
                sealed.push(cdr);
            }
        }
        sealed
    }

    pub(super) fn charges(&self) -> usize {
        self.cdrs().iter().filter(|cdr| cdr.kind == CdrKind::Charge).count()
    }

    /// The sum of all CDRs, credits among them, in millionths.
    pub(super) fn net(&self) -> i64 {
        self.cdrs().iter().map(|cdr| cdr.totals.incl_tax.0).sum()
    }

    pub(super) fn sessions(&self) -> Vec<row::Session> {
        let of_table = self.rows.iter().filter(|(key, _)| key.table == Table::Session);
        of_table.map(|(_, row)| row::Session::from_row(row).unwrap()).collect()
    }

    /// As after a crash: state from a snapshot, everything else gone.
    pub(super) fn restart(&mut self) {
        let mut site = site();
        self.site.snapshot().iter().for_each(|fact| site.apply(fact));
        self.site = site;
        self.input(Input::Recovered);
    }
}

fn price(input: &CutSession, configuration: &str) -> (CutSession, Vec<Line>) {
    let (per_kwh, per_hour) = configuration.split_once(' ').unwrap();
    let (per_kwh, per_hour): (i64, i64) = (per_kwh.parse().unwrap(), per_hour.parse().unwrap());
    let line = |period: &Period, dimension, unit: QuantityUnit, quantity: i64, price: i64| Line {
        dimension,
        description: "test".into(),
        quantity,
        unit,
        unit_price: Micros(price),
        amount: Micros(quantity * price / unit.per_unit_price()),
        tax_included: false,
        taxes: Vec::new(),
        start: period.start,
        end: period.end,
    };
    let energy = input.periods.iter().map(|p| p.energy.0).sum();
    let time = |p: &&Period| p.activity == Activity::Charging;
    let time = input.periods.iter().filter(time).map(|p| p.end.since(p.start).0).sum();
    let Some(first) = input.periods.first() else { return (input.clone(), Vec::new()) };
    let mut lines = vec![line(first, Dimension::Energy, QuantityUnit::Energy, energy, per_kwh)];
    lines.push(line(first, Dimension::ChargingTime, QuantityUnit::Time, time, per_hour));
    (input.clone(), lines)
}
