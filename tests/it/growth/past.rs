//! Makes the past of a host: tokens and sessions, decided by the real engine, priced by the real
//! plugin, committed to the real store. Only time is not real. Must never write a row by hand.

use std::path::Path;
use std::sync::Arc;

use busbar_charging::context::Policy;
use busbar_charging::fact::metering::{
    ChargingState, Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind,
};
use busbar_charging::fact::network::TokenPut;
use busbar_charging::fact::station::{AuthorizationStatus, Dialect};
use busbar_charging::fact::{Actor, Call};
use busbar_charging::ids::{IdToken, StationId, TokenKind};
use busbar_charging::input::{Input, Precondition, Request, StationEvent, TransactionRef, Work};
use busbar_charging::subject::Subject;
use busbar_charging::units::{Energy, Timestamp};
use busbar_engine::store::{self, Reader, Store};
use busbar_engine::{Engine, Event, Output, Tuning};
use busbar_store::{Options, SledStore};

use crate::scenarios::world::{furnishing, plugin};

/// Sessions are spread over so many stations.
const STATIONS: u64 = 20;
const HOUR: i64 = 3_600_000;
/// Each station has a session in so long: what is done stays in the state for an hour.
const ROUND: i64 = 300_000;

struct Past {
    engine: Engine,
    store: SledStore,
    reader: Arc<dyn Reader>,
    now: Timestamp,
}

/// Makes a store with so many tokens and closed sessions, and leaves it as a crash would. A short
/// log is that of a store that has run for a while, though little has happened in it.
pub(super) fn make(folder: &Path, tokens: u64, sessions: u64, short_log: bool) {
    std::fs::create_dir_all(folder).unwrap();
    let (mut tuning, mut options) = (Tuning::default(), Options::default());
    options.low_space_bytes = 1 << 20;
    if short_log {
        (tuning.log_window, options.row_delay_blocks) = (500, 64);
    }
    let (store, restored) = SledStore::open(folder, options).unwrap();
    let today = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let span = 3 * HOUR + (ROUND + 10) * i64::try_from(sessions / STATIONS + 1).unwrap();
    let now = Timestamp(i64::try_from(today).unwrap() - span);
    let engine = Engine::new(1, 1, Policy::default(), tuning, restored, now);
    let reader = store.reader();
    let mut past = Past { engine, store, reader, now };
    past.drain();
    for request in furnishing() {
        past.operator(request);
        past.drain();
    }
    for number in 0..tokens {
        past.operator(token(number));
        if number % 1_000 == 999 {
            past.drain();
        }
    }
    past.drain();
    past.charge(tokens, sessions);
}

impl Past {
    fn charge(&mut self, tokens: u64, sessions: u64) {
        for station in 0..STATIONS {
            let connected = StationEvent::Connected {
                dialect: Dialect::V201,
                incarnation: 1,
                remote: "[::1]:1".into(),
                security_profile: 1,
            };
            self.station(station, 1, connected);
            let booted = StationEvent::Booted {
                vendor: "Test".into(),
                model: "Bench".into(),
                serial: None,
                firmware: None,
                reason: None,
            };
            self.station(station, 2, booted);
        }
        self.drain();
        for number in 0..sessions {
            let (station, message) = (number % STATIONS, 3 + 2 * number);
            self.report(station, message, number, tokens, ReportKind::Started);
            self.report(station, message + 1, number, tokens, ReportKind::Ended);
            if station == STATIONS - 1 {
                self.drain();
                self.now = Timestamp(self.now.0 + ROUND);
            }
        }
        // An hour after its bill a transaction leaves the state.
        let end = self.now.0 + 2 * HOUR;
        while let Some(deadline) = self.engine.deadline().filter(|deadline| deadline.0 < end) {
            self.now = Timestamp(deadline.0.max(self.now.0 + 1));
            self.drain();
        }
        self.now = Timestamp(end);
        self.drain();
        // A quiet evening, in which the log of that day is saved and trimmed.
        for number in 0..2_000 {
            self.operator(token(number % tokens));
            if number % 10 == 9 {
                self.drain();
            }
        }
    }

    fn report(&mut self, station: u64, message: u64, number: u64, tokens: u64, kind: ReportKind) {
        let ended = kind == ReportKind::Ended;
        let at = Timestamp(self.now.0 - if ended { 1_000 } else { 3_000 });
        let reading = Reading {
            at,
            context: if ended { ReadingContext::End } else { ReadingContext::Begin },
            measurand: Measurand::EnergyImport,
            phase: None,
            location: None,
            value: ReadingValue::Energy(Energy::from_wh(if ended { 20 } else { 0 })),
        };
        let report = Report {
            kind,
            at,
            seq: Some(i64::from(ended)),
            trigger: "Authorized".into(),
            offline: false,
            evse: Some(1),
            connector: Some(1),
            token: Some(id_token(number % tokens)),
            state: Some(ChargingState::Charging),
            stopped_reason: None,
            remote_start: None,
            reservation: None,
            readings: vec![reading],
        };
        let transaction = TransactionRef::Known(format!("t{number}").as_str().into());
        self.station(
            station,
            message,
            StationEvent::Transaction { transaction, report, wants_cost: false },
        );
    }

    fn station(&mut self, station: u64, message: u64, event: StationEvent) {
        let id = StationId::from(format!("S{station}").as_str());
        let call = Call::Station {
            incarnation: 1,
            generation: station + 1,
            message_id: message.to_string().into(),
        };
        let input = Input::Station {
            station: id.clone(),
            generation: station + 1,
            call: Some(call),
            event,
        };
        self.engine.handle(Event::Input(Subject::Station(id), input), self.now);
    }

    fn operator(&mut self, request: Request) {
        let actor = Actor::User("test".into());
        let input = Input::Operator { actor, call: None, request };
        self.engine.handle(Event::Input(Subject::Network, input), self.now);
    }

    /// Does all that there is to do now, and a moment later.
    fn drain(&mut self) {
        for _ in 0..2 {
            while let Some(output) = self.engine.poll(self.now) {
                let event = match output {
                    Output::Recall(id, needs) => {
                        Event::Recalled(id, store::recall(&*self.reader, &needs).unwrap())
                    }
                    Output::Commit(id, batch) => {
                        self.store.commit(&batch).unwrap();
                        Event::Committed(id)
                    }
                    Output::Work(work) => priced(work),
                    Output::Act(_) => continue,
                };
                self.engine.handle(event, self.now);
            }
            self.now = Timestamp(self.now.0 + 5);
        }
    }
}

fn priced(work: Work) -> Event {
    let (subject, station, transaction, attempt, session, tariff) = match work {
        Work::Price { subject, station, transaction, attempt, session, tariff } => {
            (subject, station, transaction, attempt, session, tariff)
        }
        Work::Plan { subject, number, .. } => {
            return Event::Input(subject, Input::Plan { number, plan: Box::default() });
        }
    };
    let priced = plugin().price_metered(&tariff.configuration, tariff.currency, &session);
    let result = priced.map(|priced| (priced.session, priced.lines));
    Event::Input(subject, Input::Priced { station, transaction, attempt, result })
}

fn token(number: u64) -> Request {
    let put = TokenPut {
        at: Timestamp(0),
        actor: Actor::Clock,
        token: id_token(number),
        status: AuthorizationStatus::Accepted,
        group: None,
        expires: None,
        master: false,
        concurrent: true,
        version: 0,
    };
    Request::PutToken(Box::new(put), Precondition::None)
}

fn id_token(number: u64) -> IdToken {
    IdToken::new(TokenKind::Iso14443, &format!("T{number}"))
}
