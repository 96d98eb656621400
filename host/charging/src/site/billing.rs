//! Owns when a session is priced, billed, held and archived, and what a price that came back
//! means (DESIGN section 5). One place makes CDR, total cost and running cost.
//! Must never bill what looks wrong, and never without a valid price.

use std::sync::Arc;

use super::Site;
use super::course::Course;
use super::reports::known_cost;
use super::station::Station;
use super::transaction::Transaction;
use crate::action::{Action, Reply};
use crate::context::{Context, Outcome};
use crate::fact::network::TariffPut;
use crate::fact::transaction::{
    BillingRecord, CdrKind, Finding, HeldFor, PricePurpose, PriceWanted, Proposal, Quote,
    ReviewOpened, SealedRecord, SessionHeld, SessionPriced, SessionSettled, TransactionArchived,
};
use crate::fact::{Actor, Fact};
use crate::ids::{CdrId, StationId, TransactionId};
use crate::input::Work;
use crate::pricing::bill::{Totals, add_up};
use crate::pricing::{CutSession, Line, NamedValue, PriceError};
use crate::units::{Micros, Millis, Money, Timestamp};

mod seal;

/// A done transaction leaves the state after that, by recorded time.
const ARCHIVE_AFTER: Millis = Millis::from_secs(60 * 60);
/// What a running session costs is worked out that often at most: a station that reports every
/// second is told what it cost a little earlier, and at once.
const RUNNING_COST: Millis = Millis::from_secs(30);
/// A transaction without end whose EVSE is free, or in use by another, is reviewed after that.
const MISSING_END_AFTER: Millis = Millis::from_secs(60 * 60);
/// A transaction without end and without any message is reviewed after that.
const ETERNAL: Millis = Millis::from_secs(72 * 60 * 60);
/// A price that did not come back is asked for again after that.
const ASK_AGAIN: Millis = Millis::from_secs(60);

/// When a transaction wants to be looked at again.
pub(crate) fn due(station: &Station, transaction: &Transaction) -> Option<Timestamp> {
    let waiting = transaction.waiting.iter().map(|waiting| waiting.until).min();
    if let Some(pending) = &transaction.pending {
        let again = pending.at.plus(ASK_AGAIN);
        return Some(waiting.map_or(again, |until| until.min(again)));
    }
    if waiting.is_some() {
        return Some(transaction.last_received);
    }
    if matches!(transaction.billing, BillingRecord::Reprice { .. }) {
        return Some(transaction.last_recorded);
    }
    if transaction.is_settled() {
        return Some(transaction.last_recorded.plus(ARCHIVE_AFTER));
    }
    if transaction.has_ended() {
        return bill_due(station, transaction);
    }
    let missing = missing_end_due(station, transaction);
    let running = (transaction.revision() > transaction.priced_revision && !transaction.orphan)
        .then(|| transaction.last_priced.plus(RUNNING_COST).max(transaction.last_received));
    match (missing, running) {
        (Some(missing), Some(running)) => Some(missing.min(running)),
        (missing, running) => missing.or(running),
    }
}

/// When an ended transaction may be billed: at once when nothing still to come can change the
/// bill, else after `settle` of time online.
fn bill_due(station: &Station, transaction: &Transaction) -> Option<Timestamp> {
    if transaction.complete {
        return Some(transaction.last_received);
    }
    let connection = station.connection.as_ref()?;
    Some(connection.at.max(transaction.last_received).plus(transaction.settle_left))
}

/// Whether what a running transaction costs must be worked out before it is told.
pub(crate) fn is_cost_old(transaction: &Transaction, now: Timestamp) -> bool {
    transaction.last_priced.plus(RUNNING_COST) <= now
}

fn missing_end_due(station: &Station, transaction: &Transaction) -> Option<Timestamp> {
    if transaction.orphan || station.is_superseded(transaction) {
        return Some(transaction.last_received.plus(MISSING_END_AFTER));
    }
    station.connection.as_ref().map(|_| transaction.last_received.plus(ETERNAL))
}

/// What a transaction is priced for, and as what.
struct Plan {
    purpose: PricePurpose,
    course: Course,
    quote: Option<Quote>,
}

impl Site {
    /// Does what is due for a transaction.
    pub(crate) fn run_billing(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        station: &Station,
        transaction: &Transaction,
        outcome: &mut Outcome,
    ) {
        if due(station, transaction).is_none_or(|due| due > now) {
            return;
        }
        if transaction.waiting.iter().any(|waiting| waiting.until <= now) {
            give_up_waiting(now, station, transaction, outcome);
            return;
        }
        if transaction.pending.is_none()
            && transaction.is_settled()
            && transaction.waiting.is_empty()
        {
            outcome.facts.push(Fact::from(TransactionArchived {
                at: now,
                station: station.id.clone(),
                transaction: transaction.id.clone(),
            }));
            return;
        }
        self.want_price(context, now, station, transaction, outcome);
    }

    /// Asks for the price that is due.
    pub(crate) fn want_price(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        station: &Station,
        transaction: &Transaction,
        outcome: &mut Outcome,
    ) {
        let plan = self.plan(context, now, station, transaction);
        let tariff = plan.quote.as_ref().and_then(|quote| tariff_of(context, quote));
        let Some(tariff) = tariff else {
            without_tariff(now, station, transaction, plan.purpose, outcome);
            return;
        };
        let attributes = attributes(station, transaction);
        let session = plan.course.metered(self.time_zone(context), attributes);
        let attempt = transaction.attempts + 1;
        outcome.facts.push(Fact::from(PriceWanted {
            at: now,
            station: station.id.clone(),
            transaction: transaction.id.clone(),
            attempt,
            revision: transaction.revision(),
            purpose: plan.purpose,
            quote: (&*tariff).into(),
        }));
        outcome.work.push(Work::Price {
            subject: self.subject.clone(),
            station: station.id.clone(),
            transaction: transaction.id.clone(),
            attempt,
            session: Arc::new(session),
            tariff,
        });
    }

    /// What a transaction is to be priced for now.
    fn plan(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        station: &Station,
        transaction: &Transaction,
    ) -> Plan {
        let course = Course::of(transaction, context.policy, station.behind);
        let mut quote = transaction.quote.clone();
        if let BillingRecord::Reprice { quote: asked, .. } = &transaction.billing {
            quote = asked.clone().or(quote);
        }
        let over = match transaction.billing {
            BillingRecord::Reprice { .. } => true,
            _ if transaction.is_settled() => false,
            _ if transaction.has_ended() => {
                bill_due(station, transaction).is_some_and(|due| due <= now)
            }
            _ => missing_end_due(station, transaction).is_some_and(|due| due <= now),
        };
        if !over {
            return Plan { purpose: PricePurpose::Running, course, quote };
        }
        let mut findings = course.findings.clone();
        if !course.ended {
            findings.push(Finding::MissingEnd);
        }
        if findings.is_empty() {
            return Plan { purpose: PricePurpose::Bill, course, quote };
        }
        let mut proposed = course;
        for finding in &findings {
            if let Finding::ClockOff { by } = finding {
                proposed = proposed.moved(Millis(-by.0));
                quote = self
                    .tariff_at(context, station, proposed.start)
                    .map(|tariff| (&**tariff).into())
                    .or(quote);
            }
        }
        proposed.ended = true;
        Plan { purpose: PricePurpose::Proposal(findings), course: proposed, quote }
    }

    /// A price came back.
    pub(crate) fn priced(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        station: &StationId,
        transaction: &TransactionId,
        attempt: u64,
        result: Result<(CutSession, Vec<Line>), PriceError>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(station) = self.station(station) else { return outcome };
        let Some(transaction) = station.transactions.get(transaction) else { return outcome };
        let Some(pending) = transaction.pending.as_ref().filter(|p| p.attempt == attempt) else {
            return outcome;
        };
        let answer = result.and_then(|(input, lines)| {
            let tariff = tariff_of(context, &pending.quote)
                .ok_or_else(|| PriceError::Internal("its tariff is gone".into()))?;
            let totals = add_up(&lines, tariff.currency, tariff.prepared.negative_prices)?;
            Ok(Priced { input, lines, totals })
        });
        let cost = answer.as_ref().ok().map(|priced| priced.totals.payable);
        // A message that came meanwhile changes the bill: ask again, but answer who waits; who
        // tells the end is not told what it cost before.
        let stale = pending.revision != transaction.revision();
        let cost = cost.filter(|_| !(stale && transaction.has_ended()));
        if stale || pending.purpose == PricePurpose::Running {
            outcome.facts.push(Fact::from(SessionPriced {
                at: now,
                station: station.id.clone(),
                transaction: transaction.id.clone(),
                attempt,
                totals: answer.ok().map(|priced| priced.totals),
            }));
        } else {
            let at = Place { context, now, station, transaction, pending };
            at.conclude(answer, &mut outcome);
        }
        answer_waiting(transaction, cost, &mut outcome);
        outcome
    }
}

/// A checked price.
pub(crate) struct Priced {
    pub(crate) input: CutSession,
    pub(crate) lines: Vec<Line>,
    pub(crate) totals: Totals,
}

/// What a conclusion about a bill is made from.
struct Place<'a> {
    context: &'a Context<'a>,
    now: Timestamp,
    station: &'a Station,
    transaction: &'a Transaction,
    pending: &'a PriceWanted,
}

impl Place<'_> {
    fn conclude(&self, answer: Result<Priced, PriceError>, outcome: &mut Outcome) {
        let revision = self.pending.revision;
        match (&self.pending.purpose, answer) {
            (PricePurpose::Proposal(findings), answer) => {
                self.review(findings, answer.ok(), outcome)
            }
            (_, Err(error)) => {
                let reason = HeldFor::Unpriced(error);
                outcome.facts.push(held(self.now, self.station, self.transaction, reason, None));
            }
            (_, Ok(priced)) => match last_charge(self.transaction) {
                Some(before) if changes_nothing(before, &priced) => {
                    outcome.facts.push(Fact::from(SessionSettled {
                        at: self.now,
                        actor: Actor::Clock,
                        station: self.station.id.clone(),
                        transaction: self.transaction.id.clone(),
                        revision,
                        reason: None,
                        void: false,
                    }));
                }
                before => self.seal(before, priced, outcome),
            },
        }
    }

    fn review(&self, findings: &[Finding], priced: Option<Priced>, outcome: &mut Outcome) {
        if let Some(sealed) = last_charge(self.transaction) {
            outcome.facts.push(Fact::from(ReviewOpened {
                at: self.now,
                station: self.station.id.clone(),
                transaction: self.transaction.id.clone(),
                cdr: sealed.cdr,
                revision: self.pending.revision,
                findings: findings.to_vec(),
            }));
            return;
        }
        let proposal = priced.map(|priced| Proposal {
            quote: self.pending.quote.clone(),
            input: priced.input,
            lines: priced.lines,
            totals: priced.totals,
        });
        let reason = HeldFor::Review(findings.to_vec());
        outcome.facts.push(held(self.now, self.station, self.transaction, reason, proposal));
    }

    fn seal(&self, before: Option<&SealedRecord>, priced: Priced, outcome: &mut Outcome) {
        let bill = seal::Bill {
            now: self.now,
            station: self.station,
            transaction: self.transaction,
            quote: &self.pending.quote,
            behind: self.station.behind,
            policy: self.context.policy,
        };
        let ids = self.context.ids;
        if let Some(before) = before {
            let credit = CdrId(ids.uuid(self.now, 0));
            outcome.facts.push(bill.credit(credit, before));
        }
        outcome.facts.push(bill.charge(CdrId(ids.uuid(self.now, 1)), priced));
    }
}

/// The charge that stands: the last one that was not credited.
pub(crate) fn last_charge(transaction: &Transaction) -> Option<&SealedRecord> {
    transaction.cdrs.iter().rev().find(|sealed| sealed.kind == CdrKind::Charge)
}

/// Whether a bill made anew says what the sealed one says.
fn changes_nothing(before: &SealedRecord, priced: &Priced) -> bool {
    let energy = priced.input.periods.iter().map(|period| period.energy.0).sum::<i64>();
    before.totals == priced.totals
        && before.energy.0 == energy
        && (before.start, before.end) == (priced.input.start, priced.input.end)
}

/// A bill that an operator accepts as it was proposed.
pub(crate) fn accept_proposal(
    context: &Context<'_>,
    now: Timestamp,
    station: &Station,
    transaction: &Transaction,
    proposal: &Proposal,
    (actor, reason): (Actor, Box<str>),
) -> (CdrId, Fact) {
    let bill = seal::Bill {
        now,
        station,
        transaction,
        quote: &proposal.quote,
        behind: station.behind,
        policy: context.policy,
    };
    let priced = Priced {
        input: proposal.input.clone(),
        lines: proposal.lines.clone(),
        totals: proposal.totals.clone(),
    };
    let cdr = CdrId(context.ids.uuid(now, 0));
    (cdr, bill.accepted(cdr, priced, actor, reason))
}

pub(crate) fn held(
    now: Timestamp,
    station: &Station,
    transaction: &Transaction,
    reason: HeldFor,
    proposal: Option<Proposal>,
) -> Fact {
    Fact::from(SessionHeld {
        at: now,
        station: station.id.clone(),
        transaction: transaction.id.clone(),
        revision: transaction.revision(),
        reason,
        proposal,
    })
}

fn without_tariff(
    now: Timestamp,
    station: &Station,
    transaction: &Transaction,
    purpose: PricePurpose,
    outcome: &mut Outcome,
) {
    match purpose {
        PricePurpose::Running => {
            give_up_waiting(now, station, transaction, outcome);
            return;
        }
        PricePurpose::Bill => {
            outcome.facts.push(held(now, station, transaction, HeldFor::NoTariff, None));
        }
        PricePurpose::Proposal(findings) => {
            let reason = HeldFor::Review(findings);
            outcome.facts.push(held(now, station, transaction, reason, None));
        }
    }
    answer_waiting(transaction, None, outcome);
}

/// Answers who waits with the cost that is known, if any. A price still under way goes on.
fn give_up_waiting(
    now: Timestamp,
    station: &Station,
    transaction: &Transaction,
    outcome: &mut Outcome,
) {
    outcome.facts.push(Fact::from(SessionPriced {
        at: now,
        station: station.id.clone(),
        transaction: transaction.id.clone(),
        // Attempts count from 1: this ends none.
        attempt: 0,
        totals: None,
    }));
    answer_waiting(transaction, known_cost(transaction), outcome);
}

fn answer_waiting(transaction: &Transaction, cost: Option<Money>, outcome: &mut Outcome) {
    for waiting in &transaction.waiting {
        let reply = Reply::Transaction {
            transaction: transaction.id.clone(),
            authorization: waiting.authorization.clone(),
            cost,
        };
        outcome.actions.push(Action::Reply { call: waiting.call.clone(), reply });
    }
}

fn tariff_of(context: &Context<'_>, quote: &Quote) -> Option<Arc<TariffPut>> {
    context.network.tariff_version(&quote.tariff, quote.version).cloned()
}

/// What a pricing plugin may know beside the course: the token itself is nobody's business.
fn attributes(station: &Station, transaction: &Transaction) -> Vec<NamedValue> {
    let mut attributes = Vec::new();
    let mut add = |name: &str, value: &str| {
        attributes.push(NamedValue { name: name.into(), value: value.into() });
    };
    if let Some(evse) = transaction.glance.evse {
        add("evse.id", &evse.to_string());
    }
    add("station.id", station.id.as_str());
    let answered = transaction.reports.values().find_map(|r| r.authorization.as_ref());
    if let Some(group) = answered.and_then(|authorization| authorization.group.as_deref()) {
        add("token.group", group);
    }
    if let Some(token) = transaction.starter() {
        add("token.kind", token.kind_name());
    }
    attributes
}

/// The sums of a credit: those of the credited bill with the other sign.
pub(crate) fn negated(totals: &Totals) -> Totals {
    let negative = |amount: Micros| Micros(-amount.0);
    Totals {
        excl_tax: negative(totals.excl_tax),
        incl_tax: negative(totals.incl_tax),
        payable: Money {
            amount: negative(totals.payable.amount),
            currency: totals.payable.currency,
        },
    }
}
