//! Owns the state of one site: its stations, their connectors, transactions and wishes. A station
//! without a site is a site of its own.
//! Must never look at another site's state: that is recalled.

mod about;
mod authorization;
mod billing;
mod command;
mod common;
mod course;
mod load;
mod moves;
mod operator;
mod reports;
mod rows;
mod station;
mod transaction;

use std::collections::{BTreeMap, BTreeSet};

use self::about::station_of;
use self::authorization::{Asked, token_prefixes};
use self::common::Common;
pub use self::load::{BatteryView, EvseView, LoadView, MeterView, PlanView, RowView, SourceView};
use self::operator::Asking;
use self::reports::{Reported, kept_id, start_content};
use self::station::Station;
use self::transaction::Transaction;
use crate::action::{Action, Reply};
use crate::context::{Context, Outcome};
use crate::fact::station::{
    ConnectorStatus, Registration, StationBooted, StationConnected, StationDisconnected,
    StationReported, StationStatus, TokenPresented,
};
use crate::fact::{Actor, Call, Fact, InputRefused};
use crate::ids::{IdToken, StationId};
use crate::input::notice::{ChargingReply, Notice};
use crate::input::{Input, Needs, Request, StationEvent, TransactionRef};
use crate::row::{self, RowBody};
use crate::subject::{Key, Row, Subject};
use crate::units::{Millis, Timestamp};

/// A message that we asked for is let in so long while the station is pending.
const TRIGGERED_FOR: Millis = Millis::from_secs(5 * 60);

/// A site's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    subject: Subject,
    /// Boxed: a map has room for eleven at once, and most sites have one.
    stations: BTreeMap<StationId, Box<Station>>,
    common: Option<Box<Common>>,
}

/// How much there is of what a status page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Stations that were not removed.
    pub stations: u64,
    /// Sessions that run.
    pub open: u64,
    /// Sessions that are held and were not archived yet.
    pub held: u64,
}

impl Counts {
    /// Adds another site's.
    pub fn add(&mut self, other: Self) {
        self.stations += other.stations;
        self.open += other.open;
        self.held += other.held;
    }
}

impl Site {
    /// Of which nothing is known yet.
    pub fn new(subject: Subject) -> Self {
        Self { subject, stations: BTreeMap::new(), common: None }
    }

    /// Whether nothing is known of it, or nothing any more.
    pub fn is_empty(&self) -> bool {
        self.stations.is_empty() && self.common.is_none()
    }

    /// What must be recalled before `decide`: tokens, and transactions that left the state.
    pub fn needs(&self, input: &Input) -> Needs {
        let mut needs = Needs::default();
        match input {
            Input::Station { station, event, .. } => match event {
                StationEvent::Authorize { token } => needs.prefixes = token_prefixes(token),
                StationEvent::Transaction { transaction, report, .. } => {
                    if let Some(token) = &report.token {
                        needs.prefixes = token_prefixes(token);
                    }
                    needs.keys.extend(self.transaction_key(station, transaction, report));
                }
                _ => {}
            },
            Input::Operator { request, .. } => match request {
                Request::Command { station, key: Some(key), .. } => {
                    needs.keys.push(Key::idempotency(station, key));
                }
                Request::Reprice { station, transaction, .. }
                | Request::Resolve { station, transaction, .. } => {
                    needs.keys.push(Key::transaction(station, transaction));
                }
                _ => {}
            },
            _ => {}
        }
        needs
    }

    fn transaction_key(
        &self,
        station: &StationId,
        named: &TransactionRef,
        report: &crate::fact::metering::Report,
    ) -> Option<Key> {
        let state = self.station(station);
        match named {
            TransactionRef::Issue => {
                let content = start_content(report);
                let known = state.is_some_and(|s| s.starts.contains_key(&content));
                (!known).then(|| Key::start(station, &content))
            }
            TransactionRef::Known(id) => {
                let dialect = state.and_then(|s| s.connection.as_ref()).map(|c| c.dialect);
                let id = kept_id(dialect, id, report.at);
                let known = state.is_some_and(|s| s.transactions.contains_key(&id));
                (!known).then(|| Key::transaction(station, &id))
            }
        }
    }

    /// What follows from an input. Cannot fail: nonsense becomes a refusal.
    pub fn decide(&self, context: &Context<'_>, now: Timestamp, input: Input) -> Outcome {
        if let Some(outcome) = self.elsewhere(context, &input) {
            return outcome;
        }
        let leaves = |id: &&StationId| context.network.destination(id, &self.subject).is_some();
        let leaving = input.station().filter(leaves).cloned();
        let mut outcome = self.decided(context, now, input);
        if let Some(station) = leaving {
            self.release(context, now, &station, &mut outcome);
        }
        outcome
    }

    fn decided(&self, context: &Context<'_>, now: Timestamp, input: Input) -> Outcome {
        match input {
            Input::Station { station, generation, call, event } => {
                self.station_says(context, now, &station, generation, call, event)
            }
            Input::Operator { actor, call, request } => {
                self.operator(context, Asking { now, actor, call }, request)
            }
            Input::Command { station, command, returned } => {
                self.command_returned(now, &station, command, returned)
            }
            Input::Priced { station, transaction, attempt, result } => {
                self.priced(context, now, &station, &transaction, attempt, result)
            }
            Input::Plan { number, plan } => self.planned(now, number, &plan),
            Input::Told(told) => self.told(context, now, told),
            Input::Deadline => self.due(context, now),
            Input::Recovered => self.recovered(context, now),
            Input::ClockSet { by } => self.clock_doubted(now, Some(by)),
        }
    }

    fn station_says(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        id: &StationId,
        generation: u64,
        call: Option<Call>,
        event: StationEvent,
    ) -> Outcome {
        let unknown = Station::new(id.clone());
        let station = self.station(id).unwrap_or(&unknown);
        if let StationEvent::Connected { dialect, incarnation, remote, security_profile } = event {
            let connected = StationConnected {
                at: now,
                station: id.clone(),
                incarnation,
                generation,
                dialect,
                remote,
                security_profile,
            };
            return connect(now, station, connected);
        }
        if !station.is_current(generation) {
            // An old connection's last words: the new one stands. Nothing about a transaction is
            // lost by that: without an answer the station says it again.
            return Outcome::default();
        }
        if !may_say(station, now, &event) {
            return not_accepted(now, station, call, &event);
        }
        match event {
            StationEvent::Connected { .. } => Outcome::default(),
            StationEvent::Disconnected { reason } => disconnect(now, station, generation, reason),
            booted @ StationEvent::Booted { .. } => boot(now, station, call, booted),
            StationEvent::Status { evse, connector, status, reported, error } => {
                let fact = StationStatus {
                    at: now,
                    station: id.clone(),
                    evse,
                    connector,
                    status,
                    reported: reported.unwrap_or(now),
                    error,
                    timed: reported.is_some(),
                    transaction: None,
                };
                status_changed(now, station, call, fact)
            }
            StationEvent::Authorize { token } => self.presented(context, now, station, call, token),
            StationEvent::Transaction { transaction, report, wants_cost } => {
                let message = Reported { call, named: transaction, report, wants_cost };
                self.transaction_reported(context, now, station, message)
            }
            StationEvent::Readings { evse, readings } => {
                reply(self.metered(now, station, evse, readings).facts, call, Reply::Received)
            }
            StationEvent::Charging { notice, action, payload } => {
                let reported = StationReported { at: now, station: id.clone(), action, payload };
                self.charging_noticed(now, id, call, &notice, reported)
            }
            StationEvent::Other { action, payload } => {
                recorded(StationReported { at: now, station: id.clone(), action, payload }, call)
            }
        }
    }

    fn presented(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        station: &Station,
        call: Option<Call>,
        token: IdToken,
    ) -> Outcome {
        let asked = Asked { station, token: &token, transaction: None, evse: None, starts: true };
        let authorization = self.present(context, now, &asked);
        let (station, answer) = (station.id.clone(), authorization.clone());
        let fact = TokenPresented { at: now, station, token, authorization };
        reply(vec![fact.into()], call, Reply::Authorized(answer))
    }

    fn charging_noticed(
        &self,
        now: Timestamp,
        id: &StationId,
        call: Option<Call>,
        notice: &Notice,
        reported: StationReported,
    ) -> Outcome {
        let Notice::Pulled { profile } = notice else {
            return self.noticed(now, id, call, notice, reported);
        };
        let tenths = self.dynamic_limit(id, *profile);
        reply(vec![reported.into()], call, Reply::Charging(ChargingReply::Update { tenths }))
    }

    /// Does what is due.
    fn due(&self, context: &Context<'_>, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        let due = self.due_stations(now);
        // What load control has to say goes before what operators ask.
        let wants_line = |id| self.station(id).is_some_and(Station::wants_line);
        if self.load_due().is_some_and(|due| due <= now) || due.iter().any(wants_line) {
            self.control_load(context, now, &mut outcome);
        }
        if self.plan_due().is_some_and(|due| due <= now) {
            self.plan_load(now, &mut outcome);
        }
        let taken = lines_taken(&outcome);
        for id in due {
            let Some(station) = self.station(&id) else { continue };
            if station.commands_due().is_some_and(|due| due <= now) && !taken.contains(&id) {
                self.run_commands(now, station, &mut outcome);
            }
            for transaction in station.transactions.values() {
                self.run_billing(context, now, station, transaction, &mut outcome);
            }
            self.release(context, now, &id, &mut outcome);
        }
        outcome
    }

    /// After a start no connection is left: calls to answer are cleared, commands that were sent
    /// have an unknown outcome, prices are asked for again.
    fn recovered(&self, context: &Context<'_>, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        for station in self.stations() {
            command::end_sent(now, station, &mut outcome);
            if let Some(connection) = &station.connection {
                outcome.facts.push(Fact::from(StationDisconnected {
                    at: now,
                    station: station.id.clone(),
                    generation: connection.generation,
                    reason: "the host was started again".into(),
                }));
            }
            for transaction in station.transactions.values().filter(|t| t.pending.is_some()) {
                self.want_price(context, now, station, transaction, &mut outcome);
            }
        }
        outcome.facts.extend(self.clock_doubted(now, None).facts);
        self.ask_plan_again(now, &mut outcome);
        self.tell_again(&mut outcome);
        outcome
    }

    /// The only way that the state changes.
    pub fn apply(&mut self, fact: &Fact) {
        if let Fact::SitePut(put) = fact {
            self.change(|common| common.put = Some(put.clone()));
        }
        if let Fact::SiteRemoved(_) = fact {
            self.change(|common| (common.put, common.load) = (None, None));
        }
        let Some(id) = station_of(fact) else { return self.learn(fact, None) };
        match fact {
            Fact::StationReleased(_) | Fact::StationAdopted(_) | Fact::StationMoved(_) => {
                self.apply_move(fact);
            }
            _ => {
                let new = || Box::new(Station::new(id.clone()));
                self.stations.entry(id.clone()).or_insert_with(new).apply(fact);
            }
        }
        self.index(id);
        self.learn(fact, Some(id));
    }

    /// What the world may read of a fact; asked after `apply`.
    pub fn rows(&self, fact: &Fact) -> Vec<(Key, Option<Row>)> {
        let site = match &self.subject {
            Subject::Site(site) => Some(site),
            _ => None,
        };
        if let Fact::LoadFilled(_) = fact {
            return site.into_iter().flat_map(|site| self.slot_rows(site)).collect();
        }
        if let Fact::SiteRemoved(removed) = fact {
            return rows::removed(&removed.site);
        }
        if let Fact::SitePut(put) = fact {
            return vec![(Key::site(&put.site), Some(row::Site::from(put.clone()).to_row()))];
        }
        let Some(id) = station_of(fact) else { return Vec::new() };
        match self.station(id) {
            Some(station) => rows::rows(site, station, fact),
            None => rows::left(site, fact),
        }
    }

    /// When it wants to be asked again. A point that has passed: at once.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.first_due().into_iter().chain(self.load_due()).chain(self.plan_due()).min()
    }

    /// The facts that make this state again.
    pub fn snapshot(&self) -> Vec<Fact> {
        let mut facts = self.common_snapshot();
        for station in self.stations() {
            facts.extend(station.snapshot());
        }
        facts.extend(self.load_snapshot());
        facts
    }

    /// How a station stands, as far as its connection must know: its registration, if it ever
    /// booted.
    pub fn booted(&self, station: &StationId) -> Option<Registration> {
        self.station(station)?.standing()
    }

    /// Whether a station is in this state.
    pub fn has_station(&self, station: &StationId) -> bool {
        self.stations.contains_key(station)
    }

    /// How much there is of what a status page shows.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for station in self.stations() {
            counts.stations += u64::from(!station.removed);
            for transaction in station.transactions.values() {
                counts.open += u64::from(transaction.is_live());
                counts.held += u64::from(is_held(transaction));
            }
        }
        counts
    }

    fn station(&self, id: &StationId) -> Option<&Station> {
        self.stations.get(id).map(Box::as_ref)
    }

    fn stations(&self) -> impl Iterator<Item = &Station> {
        self.stations.values().map(Box::as_ref)
    }
}

/// The stations whose line was just taken.
pub(in crate::site) fn lines_taken(outcome: &Outcome) -> BTreeSet<StationId> {
    let sent = outcome.facts.iter().filter_map(|fact| match fact {
        Fact::CommandSent(sent) => Some(sent.station.clone()),
        _ => None,
    });
    sent.collect()
}

/// A new connection wins: the old one is closed, its open commands end as outcome unknown, the
/// transactions and the queue stay (OCPP.md rule 7).
fn connect(now: Timestamp, station: &Station, connected: StationConnected) -> Outcome {
    let mut outcome = Outcome::default();
    if connected.security_profile < station.least_profile() {
        outcome.actions.push(Action::Close {
            station: station.id.clone(),
            generation: connected.generation,
            reason: "the station is, or was, connected with a higher security profile".into(),
        });
        return outcome;
    }
    if let Some(old) = &station.connection {
        command::end_sent(now, station, &mut outcome);
        outcome.actions.push(Action::Close {
            station: station.id.clone(),
            generation: old.generation,
            reason: "a newer connection of the same station has authenticated".into(),
        });
    }
    outcome.facts.push(Fact::from(connected));
    outcome
}

fn disconnect(now: Timestamp, station: &Station, generation: u64, reason: Box<str>) -> Outcome {
    let mut outcome = Outcome::default();
    command::end_sent(now, station, &mut outcome);
    let station = station.id.clone();
    outcome.facts.push(Fact::from(StationDisconnected { at: now, station, generation, reason }));
    outcome
}

fn status_changed(
    now: Timestamp,
    station: &Station,
    call: Option<Call>,
    mut fact: StationStatus,
) -> Outcome {
    let tells_flow = matches!(
        fact.status,
        ConnectorStatus::Charging
            | ConnectorStatus::SuspendedEv
            | ConnectorStatus::SuspendedEvse
            | ConnectorStatus::Finishing
    );
    if tells_flow && let Some(transaction) = station.transaction_at(fact.evse, fact.reported) {
        let known = transaction.statuses.contains(&(fact.reported, fact.status));
        fact.transaction = (!known).then(|| transaction.id.clone());
    }
    let available = fact.status == ConnectorStatus::Available;
    let out = fact.status == ConnectorStatus::Unavailable;
    let mut facts = Vec::new();
    if available || out {
        facts.extend(command::effects_of_status(now, station, fact.evse, available));
    }
    facts.insert(0, Fact::from(fact));
    reply(facts, call, Reply::Received)
}

/// Whether a station may say something as it stands (1.6 section 4.2, B01 to B03, ATTACKS 38).
fn may_say(station: &Station, now: Timestamp, event: &StationEvent) -> bool {
    let action = match event {
        StationEvent::Connected { .. }
        | StationEvent::Disconnected { .. }
        | StationEvent::Booted { .. } => return true,
        StationEvent::Status { .. } => "StatusNotification",
        StationEvent::Authorize { .. } => "Authorize",
        StationEvent::Transaction { .. } => "TransactionEvent",
        StationEvent::Readings { .. } => "MeterValues",
        StationEvent::Other { action, .. } | StationEvent::Charging { action, .. } => action,
    };
    if station.is_accepted() {
        return true;
    }
    match station.standing() {
        // Stations that report a status before their first boot are real (QUIRKS Q35).
        None => matches!(event, StationEvent::Status { .. }),
        Some(Registration::Pending) => {
            station.triggered.get(action).is_some_and(|at| at.plus(TRIGGERED_FOR) > now)
        }
        _ => false,
    }
}

fn boot(now: Timestamp, station: &Station, call: Option<Call>, event: StationEvent) -> Outcome {
    let StationEvent::Booted { vendor, model, serial, firmware, reason } = event else {
        return Outcome::default();
    };
    let (id, registration) = (station.id.clone(), station.registration());
    let booted = StationBooted {
        at: now,
        station: id,
        vendor,
        model,
        serial,
        firmware,
        reason,
        registration,
    };
    let mut facts = vec![Fact::from(booted)];
    facts.extend(command::effects_of_boot(now, station));
    reply(facts, call, Reply::Boot { registration, now })
}

fn not_accepted(
    now: Timestamp,
    station: &Station,
    call: Option<Call>,
    event: &StationEvent,
) -> Outcome {
    let what: Box<str> = match event {
        StationEvent::Other { action, .. } | StationEvent::Charging { action, .. } => {
            action.clone()
        }
        StationEvent::Transaction { .. } => "a message about a transaction".into(),
        StationEvent::Authorize { .. } => "Authorize".into(),
        StationEvent::Readings { .. } => "MeterValues".into(),
        _ => "StatusNotification".into(),
    };
    if station.refused.contains_key(&*what) {
        return reply(Vec::new(), call, Reply::NotAccepted);
    }
    let refused = InputRefused {
        at: now,
        actor: Actor::Station,
        station: Some(station.id.clone()),
        what,
        reason: "the station is not accepted".into(),
    };
    reply(vec![refused.into()], call, Reply::NotAccepted)
}

fn recorded(fact: StationReported, call: Option<Call>) -> Outcome {
    reply(vec![fact.into()], call, Reply::Received)
}

fn reply(facts: Vec<Fact>, call: Option<Call>, reply: Reply) -> Outcome {
    let answer = |call| Action::Reply { call, reply };
    Outcome { facts, actions: call.map(answer).into_iter().collect(), ..Outcome::default() }
}

/// What a running or ended transaction is called, for rows.
fn is_held(transaction: &Transaction) -> bool {
    matches!(transaction.billing, crate::fact::transaction::BillingRecord::Held { .. })
}

#[cfg(test)]
mod tests;
