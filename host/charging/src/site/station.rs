//! Owns the state of one charging station: registration, connection, connectors, transactions
//! and commands, and how facts change it.
//! Must never decide.

use std::collections::BTreeMap;

use super::command::Command;
use super::transaction::Transaction;
use crate::fact::command::Intent;
use crate::fact::metering::{ChargingState, ReportKind};
use crate::fact::station::{
    ConnectorStatus, Registration, StationBooted, StationConnected, StationRecorded,
    StationRegistered, StationStatus,
};
use crate::fact::transaction::{BillingRecord, TransactionReported};
use crate::fact::{Fact, InputRefused};
use crate::ids::{CommandId, StationId, TransactionId};
use crate::units::{Millis, Timestamp};

/// More connectors of one station are recorded and not shown: none has so many, and one that
/// invents them must not grow the state.
const MOST_CONNECTORS: usize = 256;

/// A charging station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Station {
    pub(crate) id: StationId,
    pub(crate) registered: Option<StationRegistered>,
    pub(crate) removed: bool,
    pub(crate) connection: Option<StationConnected>,
    pub(crate) changed: Timestamp,
    /// The highest security profile that it connected with since that was last reset.
    pub(crate) highest_profile: u8,
    /// The peer's address of its last connection.
    pub(crate) last_remote: Option<Box<str>>,
    pub(crate) booted: Option<StationBooted>,
    /// By EVSE and connector: the status that is newest by the station's clock.
    pub(crate) connectors: BTreeMap<(u32, u32), StationStatus>,
    /// Boxed: a node of the map has room for eleven, and most stations have one or two.
    pub(crate) transactions: BTreeMap<TransactionId, Box<Transaction>>,
    /// Which transaction a 1.6 start's content made.
    pub(crate) starts: BTreeMap<String, TransactionId>,
    pub(crate) last_issued: i64,
    /// How far its clock is behind ours at the most, by its timed statuses since its last boot.
    pub(crate) behind: Option<Millis>,
    pub(crate) commands: BTreeMap<CommandId, Command>,
    /// Messages that we asked for lately: let in while it is pending.
    pub(crate) triggered: BTreeMap<Box<str>, Timestamp>,
    /// What was refused since its last boot, once each: a station that repeats itself without
    /// pause fills no log.
    pub(crate) refused: BTreeMap<Box<str>, InputRefused>,
}

impl Station {
    pub(crate) fn new(id: StationId) -> Self {
        Self {
            id,
            registered: None,
            removed: false,
            connection: None,
            changed: Timestamp(0),
            highest_profile: 0,
            last_remote: None,
            booted: None,
            connectors: BTreeMap::new(),
            transactions: BTreeMap::new(),
            starts: BTreeMap::new(),
            last_issued: 0,
            behind: None,
            commands: BTreeMap::new(),
            triggered: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    /// What a boot is answered.
    pub(crate) fn registration(&self) -> Registration {
        match &self.registered {
            _ if self.removed => Registration::Rejected,
            Some(registered) => registered.registration,
            None => Registration::Accepted,
        }
    }

    /// The security profile that it has to connect with at least: the highest that it did, unless
    /// an operator has said that it needs no password (OCPP A05); in any case that of the live
    /// connection, which no lesser authenticated newcomer displaces (OCPP.md rule 7).
    pub(crate) fn least_profile(&self) -> u8 {
        let without = self.registered.as_ref().is_some_and(|registered| registered.unauthenticated);
        let ever = if without { 0 } else { self.highest_profile };
        self.connection.as_ref().map_or(ever, |live| live.security_profile.max(ever))
    }

    /// How it stands since its last boot, on this connection or an earlier one; none if it never
    /// booted. What the boot was answered counts until the next one, but for an operator who lets
    /// the station in: the answer may have got lost, and a station that takes itself for accepted
    /// never boots again by itself.
    pub(crate) fn standing(&self) -> Option<Registration> {
        let answered = self.booted.as_ref()?.registration;
        let let_in = self.registration() == Registration::Accepted;
        Some(if let_in { Registration::Accepted } else { answered })
    }

    /// Whether it has booted and was accepted.
    pub(crate) fn is_accepted(&self) -> bool {
        self.standing() == Some(Registration::Accepted)
    }

    /// The connection of a generation, if it is the one that stands.
    pub(crate) fn is_current(&self, generation: u64) -> bool {
        self.connection.as_ref().is_some_and(|c| c.generation == generation)
    }

    /// The transaction that runs on an EVSE, or ran at `at` by the station's clock.
    pub(crate) fn transaction_at(&self, evse: u32, at: Timestamp) -> Option<&Transaction> {
        let on_evse =
            self.transactions.values().filter(|t| t.glance.evse == Some(evse) && !t.orphan);
        on_evse
            .filter(|t| t.glance.start.is_some_and(|start| start <= at))
            .filter(|t| t.ended().is_none_or(|end| at <= end.report.at))
            .max_by_key(|t| t.glance.start)
            .map(|t| &**t)
    }

    /// Whether a transaction that was never ended is over all the same: another one started on
    /// its EVSE, or its EVSE is free.
    pub(crate) fn is_superseded(&self, transaction: &Transaction) -> bool {
        let Some(evse) = transaction.glance.evse else { return false };
        let later = self.transactions.values().any(|other| {
            other.glance.evse == Some(evse) && other.glance.start > transaction.glance.start
        });
        // By the station's own clock where it told the time: after a time offline it tells its
        // status before it has told all of its queue.
        let last_said = transaction.reports.keys().next_back().map(|key| key.at);
        let after = |status: &StationStatus| match last_said {
            Some(said) if status.timed => status.reported > said,
            _ => status.at > transaction.last_received,
        };
        let mut connectors = self.connectors.range((evse, 0)..=(evse, u32::MAX));
        let free = connectors
            .any(|(_, status)| status.status == ConnectorStatus::Available && after(status));
        later || free
    }

    /// Whether it says that it is the one who holds back the car at an EVSE: by the course of the
    /// transaction (2.x), else by its status (1.6).
    pub(crate) fn says_paused(&self, evse: u32) -> bool {
        let on_it = self.transactions.values();
        let on_it = on_it.filter(|known| known.is_live() && known.glance.evse == Some(evse));
        let states = on_it.flat_map(|known| known.reports.values());
        // By arrival: its clock may be wrong. What it kept while it was away is not of now.
        let states = states.filter(|record| !record.report.offline);
        let states = states.filter_map(|record| Some((record.received, record.report.state?)));
        match states.max_by_key(|(received, _)| *received) {
            Some((_, state)) => state == ChargingState::SuspendedEvse,
            None => {
                let mut connectors = self.connectors.range((evse, 0)..=(evse, u32::MAX));
                connectors.any(|(_, known)| known.status == ConnectorStatus::SuspendedEvse)
            }
        }
    }

    /// Applies a fact of this station.
    pub(crate) fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::StationRegistered(registered) => {
                self.registered = Some(registered.clone());
                self.removed = false;
            }
            Fact::StationRemoved(_) => {
                self.removed = true;
                // Another station may come under its name.
                self.highest_profile = 0;
            }
            Fact::StationProfileReset(_) => self.highest_profile = 0,
            Fact::StationConnected(connected) => self.connected(connected),
            Fact::StationDisconnected(gone) => {
                if self.is_current(gone.generation) {
                    self.disconnected(gone.at);
                }
            }
            Fact::StationBooted(booted) => {
                // Its clock is set by our answer.
                self.behind = None;
                self.refused.clear();
                self.booted = Some(booted.clone());
            }
            Fact::StationStatus(status) => self.status(status),
            Fact::StationReported(reported) => {
                self.triggered.remove(&reported.action);
            }
            Fact::StationRecorded(recorded) => self.recorded(recorded),
            Fact::InputRefused(refused) => {
                self.refused.insert(refused.what.clone(), refused.clone());
            }
            Fact::CommandWanted(wanted) => {
                self.commands.insert(wanted.command, Command::new(wanted));
            }
            Fact::CommandJoined(joined) => {
                if let Some(command) = self.commands.get_mut(&joined.command) {
                    command.callers.push(joined.caller.clone());
                }
            }
            Fact::CommandSent(sent) => {
                if let Some(command) = self.commands.get_mut(&sent.command) {
                    command.sent = Some(sent.clone());
                    if let Intent::Trigger { action } = &command.wanted.intent {
                        self.triggered.insert(action.clone(), sent.at);
                    }
                }
            }
            Fact::CommandEnded(ended) => {
                if let Some(command) = self.commands.get_mut(&ended.command) {
                    command.ended = Some(ended.clone());
                    command.callers.clear();
                    if !command.awaits_effect() {
                        self.commands.remove(&ended.command);
                    }
                }
            }
            Fact::CommandEffect(effect) => {
                self.commands.remove(&effect.command);
            }
            other => self.apply_to_transaction(other),
        }
    }

    fn connected(&mut self, connected: &StationConnected) {
        if self.connection.is_some() {
            self.disconnected(connected.at);
        }
        self.connection = Some(connected.clone());
        self.changed = connected.at;
        self.highest_profile = self.highest_profile.max(connected.security_profile);
        self.last_remote = Some(connected.remote.clone());
    }

    fn disconnected(&mut self, at: Timestamp) {
        let Some(connection) = self.connection.take() else { return };
        self.changed = at;
        for transaction in self.transactions.values_mut() {
            let online_since = connection.at.max(transaction.last_received);
            let passed = at.since(online_since).max(Millis::ZERO);
            transaction.settle_left = transaction.settle_left.minus(passed).max(Millis::ZERO);
            transaction.waiting.retain(|waiting| !waiting.call.is_of(connection.generation));
        }
    }

    fn status(&mut self, status: &StationStatus) {
        if status.timed {
            // The one that was under way for the shortest time tells the clock best.
            let behind = status.at.since(status.reported);
            self.behind = Some(self.behind.map_or(behind, |known| known.min(behind)));
        }
        let place = (status.evse, status.connector);
        if self.connectors.len() >= MOST_CONNECTORS && !self.connectors.contains_key(&place) {
            return;
        }
        if self.connectors.get(&place).is_none_or(|known| known.reported <= status.reported) {
            self.connectors.insert(place, status.clone());
        }
        if let Some(transaction) = &status.transaction
            && let Some(transaction) = self.transactions.get_mut(transaction)
        {
            transaction.status(status.at, status.reported, status.status);
        }
    }

    fn recorded(&mut self, recorded: &StationRecorded) {
        self.removed = recorded.removed;
        self.changed = recorded.changed;
        self.last_issued = recorded.last_issued;
        self.behind = recorded.behind;
        if let Some(highest) = recorded.highest_profile {
            self.highest_profile = highest;
        }
        if recorded.last_remote.is_some() {
            self.last_remote = recorded.last_remote.clone();
        }
    }

    fn apply_to_transaction(&mut self, fact: &Fact) {
        match fact {
            Fact::TransactionReported(reported) => self.reported(reported),
            Fact::TransactionReopened(reopened) => {
                let transaction = Transaction::from_record(&reopened.whole);
                self.insert(transaction);
            }
            Fact::TransactionArchived(archived) => {
                self.transactions.remove(&archived.transaction);
                self.starts.retain(|_, transaction| *transaction != archived.transaction);
            }
            _ => {
                if let Some(id) = transaction_of(fact)
                    && let Some(transaction) = self.transactions.get_mut(id)
                {
                    apply_billing(transaction, fact);
                }
            }
        }
    }

    fn insert(&mut self, transaction: Transaction) {
        if let Some(content) = start_content_of(&transaction) {
            self.starts.insert(content, transaction.id.clone());
        }
        self.transactions.insert(transaction.id.clone(), Box::new(transaction));
    }

    fn reported(&mut self, reported: &TransactionReported) {
        if reported.report.kind == ReportKind::Started
            && reported.report.seq.is_none()
            && let Ok(issued) = reported.transaction.as_str().parse::<i64>()
        {
            self.last_issued = self.last_issued.max(issued);
            let content = super::reports::start_content(&reported.report);
            self.starts.insert(content, reported.transaction.clone());
        }
        self.transactions
            .entry(reported.transaction.clone())
            .or_insert_with(|| Box::new(Transaction::new(reported)))
            .report(reported);
    }

    /// The facts that make this state again.
    pub(crate) fn snapshot(&self) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        facts.extend(self.registered.clone().map(Fact::from));
        facts.extend(self.connection.clone().map(Fact::from));
        facts.extend(self.booted.clone().map(Fact::from));
        let statuses = self.connectors.values().cloned();
        facts.extend(statuses.map(|status| {
            // Whom it told about is in the transaction's own record.
            Fact::from(StationStatus { transaction: None, ..status })
        }));
        // After the boot and the statuses, which change what it records.
        facts.push(Fact::from(StationRecorded {
            at: self.changed,
            station: self.id.clone(),
            removed: self.removed,
            changed: self.changed,
            last_issued: self.last_issued,
            behind: self.behind,
            highest_profile: Some(self.highest_profile),
            last_remote: self.last_remote.clone(),
        }));
        facts.extend(self.transactions.values().map(|transaction| {
            Fact::from(crate::fact::transaction::TransactionReopened {
                at: transaction.last_recorded,
                station: self.id.clone(),
                whole: Box::new(transaction.record()),
            })
        }));
        facts.extend(self.refused.values().cloned().map(Fact::from));
        for command in self.commands.values() {
            facts.push(Fact::from(command.wanted.clone()));
            facts.extend(command.sent.clone().map(Fact::from));
            facts.extend(command.ended.clone().map(Fact::from));
        }
        facts
    }
}

fn start_content_of(transaction: &Transaction) -> Option<String> {
    let started = transaction.started().filter(|record| record.report.seq.is_none())?;
    Some(super::reports::start_content(&started.report))
}

/// The transaction that a fact of billing names.
fn transaction_of(fact: &Fact) -> Option<&TransactionId> {
    Some(match fact {
        Fact::TransactionMetered(fact) => &fact.transaction,
        Fact::PriceWanted(fact) => &fact.transaction,
        Fact::SessionPriced(fact) => &fact.transaction,
        Fact::SessionHeld(fact) => &fact.transaction,
        Fact::SessionSettled(fact) => &fact.transaction,
        Fact::ReviewOpened(fact) => &fact.transaction,
        Fact::RepriceAsked(fact) => &fact.transaction,
        Fact::CdrSealed(fact) => &fact.transaction,
        _ => return None,
    })
}

fn apply_billing(transaction: &mut Transaction, fact: &Fact) {
    match fact {
        Fact::TransactionMetered(metered) => transaction.meter(metered.at, &metered.readings),
        Fact::PriceWanted(wanted) => {
            transaction.attempts = wanted.attempt;
            transaction.pending = Some(wanted.clone());
        }
        Fact::SessionPriced(priced) => {
            if let Some(pending) = transaction.pending.take_if(|p| p.attempt == priced.attempt) {
                transaction.priced_revision = pending.revision;
            }
            transaction.last_priced = priced.at;
            transaction.waiting.clear();
            if transaction.cdrs.is_empty() {
                transaction.running = priced.totals.clone().or(transaction.running.take());
            }
        }
        Fact::SessionHeld(held) => {
            transaction.pending = None;
            transaction.waiting.clear();
            transaction.billing = BillingRecord::Held {
                revision: held.revision,
                reason: held.reason.clone(),
                proposal: held.proposal.clone(),
            };
            transaction.last_recorded = held.at;
        }
        Fact::SessionSettled(settled) => {
            transaction.pending = None;
            transaction.waiting.clear();
            transaction.billing =
                BillingRecord::Done { revision: settled.revision, void: settled.void };
            transaction.last_recorded = settled.at;
        }
        Fact::ReviewOpened(opened) => {
            transaction.pending = None;
            transaction.waiting.clear();
            transaction.review = opened.findings.clone();
            transaction.billing = BillingRecord::Done { revision: opened.revision, void: false };
            transaction.last_recorded = opened.at;
        }
        Fact::RepriceAsked(asked) => {
            transaction.pending = None;
            transaction.billing = BillingRecord::Reprice {
                actor: asked.actor.clone(),
                quote: asked.quote.clone(),
                reason: asked.reason.clone(),
            };
            transaction.last_recorded = asked.at;
        }
        Fact::CdrSealed(sealed) => {
            transaction.waiting.clear();
            transaction.seal(sealed);
        }
        _ => {}
    }
}
