//! Owns what follows from a station's message about a transaction. Nothing that a station reports
//! about a transaction is ever refused (OCPP.md rule 5): it is recorded, flagged, answered.
//! Must never act twice on a message whose content is known.

use super::authorization::Asked;
use super::billing::is_cost_old;
use super::course::{Course, is_complete};
use super::station::Station;
use super::transaction::Transaction;
use super::{Site, command};
use crate::action::{Action, Reply};
use crate::context::{Context, Outcome};
use crate::fact::metering::{Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind};
use crate::fact::network::TariffPut;
use crate::fact::station::{Authorization, Dialect};
use crate::fact::transaction::{
    BillingRecord, TransactionMetered, TransactionReopened, TransactionReported, Waiting,
};
use crate::fact::{Call, Fact};
use crate::ids::{SessionId, StationId, TransactionId, VisitId};
use crate::input::TransactionRef;
use crate::pricing::cut::cut;
use crate::pricing::{Boundaries, PriceUnit};
use crate::row::{self, RowBody};
use crate::subject::Key;
use crate::units::{Energy, Millis, Money, Timestamp};

/// Transactions of one token on one EVSE belong to one visit when so little time lies between.
const VISIT_GAP: Millis = Millis::from_secs(10 * 60);

/// The identity of a 1.6 start (OCPP.md rule 4): connector, idTag, timestamp, meterStart.
pub(crate) fn start_content(report: &Report) -> String {
    let token = report.token.as_ref().map_or("", |token| token.value());
    let meter = report.readings.iter().find_map(|reading| match reading {
        Reading {
            context: ReadingContext::Begin,
            measurand: Measurand::EnergyImport,
            value: ReadingValue::Energy(Energy(register)),
            ..
        } => Some(*register),
        _ => None,
    });
    let (evse, at) = (report.evse.unwrap_or(0), report.at.0);
    format!("{evse}|{token}|{at}|{}", meter.unwrap_or(0))
}

/// The id under which a message's transaction is kept. 1.6 ids that no CSMS issues (0, -1) name
/// nothing: such a message is an orphan of its own (PITFALLS 48 and 49).
pub(crate) fn kept_id(
    dialect: Option<Dialect>,
    id: &TransactionId,
    at: Timestamp,
) -> TransactionId {
    let issued = id.as_str().parse::<i64>().is_ok_and(|number| number > 0);
    if dialect == Some(Dialect::V16) && !issued {
        return TransactionId::from(format!("{id}@{}", at.0).as_str());
    }
    id.clone()
}

/// A message about a transaction, and whom to answer.
pub(crate) struct Reported {
    pub(crate) call: Option<Call>,
    pub(crate) named: TransactionRef,
    pub(crate) report: Report,
    pub(crate) wants_cost: bool,
}

impl Site {
    pub(crate) fn transaction_reported(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        station: &Station,
        message: Reported,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let dialect = station.connection.as_ref().map(|connection| connection.dialect);
        let (id, known_start) = match &message.named {
            TransactionRef::Known(id) => (kept_id(dialect, id, message.report.at), false),
            TransactionRef::Issue => issued_id(context, station, &message.report),
        };
        let recalled = recall(context, station, &id);
        if let Some(whole) = &recalled {
            outcome.facts.push(reopened(now, station, whole));
        }
        let transaction = station.transactions.get(&id).map(|known| &**known);
        let transaction = transaction.or(recalled.as_ref());
        let authorization = self.answer_token(context, now, station, &id, &message);
        let repeated = known_start && transaction.is_none()
            || transaction.is_some_and(|t| t.reports.contains_key(&message.report.key()));
        let cost_known = transaction.and_then(known_cost);
        if repeated {
            outcome.facts.clear();
            answer(&mut outcome, message.call, id, authorization, cost_known);
            return outcome;
        }
        let call = message.call.clone();
        let ended = message.report.kind == ReportKind::Ended;
        let asks = message.wants_cost && call.is_some();
        let waits = asks && (ended || transaction.is_none_or(|t| is_cost_old(t, now)));
        let waiting = call.filter(|_| waits).map(|call| Waiting {
            call,
            until: now.plus(context.policy.price_wait),
            authorization: authorization.clone(),
        });
        let issues = message.named == TransactionRef::Issue;
        let (call, report) = (message.call, message.report);
        let effects = command::effects_of_report(now, station, &id, &report);
        let fact = self.report_fact(context, now, station, transaction, &id, report, issues);
        let authorized = authorization.clone();
        outcome
            .facts
            .push(TransactionReported { authorization: authorized, waiting, ..fact }.into());
        outcome.facts.extend(effects);
        if !waits {
            let cost = cost_known.filter(|_| asks);
            answer(&mut outcome, call, id, authorization, cost);
        }
        outcome
    }

    fn answer_token(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        station: &Station,
        id: &TransactionId,
        message: &Reported,
    ) -> Option<Authorization> {
        let token = message.report.token.as_ref()?;
        let asked = Asked {
            station,
            token,
            transaction: Some(id),
            evse: message.report.evse,
            starts: message.report.kind != ReportKind::Ended,
        };
        Some(self.authorize(context, now, &asked))
    }

    #[expect(clippy::too_many_arguments, reason = "all of it goes into one fact")]
    fn report_fact(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        station: &Station,
        transaction: Option<&Transaction>,
        id: &TransactionId,
        report: Report,
        issues: bool,
    ) -> TransactionReported {
        let dialect = station.connection.as_ref().map(|connection| connection.dialect);
        let tariff = self.tariff_at(context, station, report.at);
        let mut fact = TransactionReported {
            at: now,
            station: station.id.clone(),
            transaction: id.clone(),
            session: SessionId(context.ids.uuid(now, 0)),
            visit: VisitId(context.ids.uuid(now, 1)),
            orphan: transaction.is_none() && dialect == Some(Dialect::V16) && !issues,
            report,
            authorization: None,
            waiting: None,
            quote: tariff.map(|tariff| (&**tariff).into()),
            complete: false,
            settle: context.policy.settle,
        };
        if let Some(known) = transaction {
            (fact.session, fact.visit) = (known.session, known.visit);
        } else if let Some(visit) = earlier_visit(station, &fact.report) {
            fact.visit = visit;
        }
        if fact.report.kind == ReportKind::Ended || transaction.is_some_and(|t| t.has_ended()) {
            let mut after = transaction.cloned().unwrap_or_else(|| Transaction::new(&fact));
            after.report(&fact);
            fact.complete = is_complete(&after, self.is_flat(context, station, &after));
        }
        fact
    }

    /// The tariff in force at a point of corrected station time.
    pub(crate) fn tariff_at<'a>(
        &self,
        context: &Context<'a>,
        station: &Station,
        at: Timestamp,
    ) -> Option<&'a std::sync::Arc<TariffPut>> {
        let own = station.registered.as_ref().and_then(|r| r.tariff.as_ref());
        context.network.tariff_at(own, at)
    }

    /// Whether the price depends on nothing between the start and the stop reading.
    fn is_flat(&self, context: &Context<'_>, station: &Station, after: &Transaction) -> bool {
        let quoted = after.quote.as_ref();
        let tariff =
            quoted.and_then(|quote| context.network.tariff_version(&quote.tariff, quote.version));
        let Some(prepared) = tariff.map(|tariff| &tariff.prepared) else { return false };
        let by_total = |unit| matches!(unit, PriceUnit::PerKwh | PriceUnit::PerSession);
        if prepared.power_dependent || !prepared.components.iter().all(|c| by_total(c.unit)) {
            return false;
        }
        if prepared.boundaries.is_empty() {
            return true;
        }
        let course = Course::of(after, context.policy, station.behind);
        let metered = course.metered(self.time_zone(context), Vec::new());
        let cuts = |boundaries| cut(&metered, boundaries).map(|session| session.periods.len());
        cuts(&prepared.boundaries) == cuts(&Boundaries::default())
    }

    /// Readings that name no transaction, attached by EVSE and time (PITFALLS 84).
    pub(crate) fn metered(
        &self,
        now: Timestamp,
        station: &Station,
        evse: u32,
        readings: Vec<Reading>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(at) = readings.first().map(|reading| reading.at) else { return outcome };
        let Some(transaction) = station.transaction_at(evse, at) else { return outcome };
        let fresh: Vec<_> =
            readings.into_iter().filter(|r| !transaction.readings.contains(r)).collect();
        if !fresh.is_empty() {
            outcome.facts.push(Fact::from(TransactionMetered {
                at: now,
                station: station.id.clone(),
                transaction: transaction.id.clone(),
                readings: fresh,
            }));
        }
        outcome
    }
}

/// The id of a 1.6 start: the one that its content has already, else a new one, and whether it
/// was known.
fn issued_id(context: &Context<'_>, station: &Station, report: &Report) -> (TransactionId, bool) {
    let content = start_content(report);
    if let Some(id) = station.starts.get(&content) {
        return (id.clone(), true);
    }
    let row = context.recalled.get(&Key::start(&station.id, &content));
    if let Some(row) = row.and_then(|row| row::Start::from_row(row).ok()) {
        return (row.transaction, true);
    }
    // A counter from a random start: unique for the station for ever, positive, below 2^31.
    let next = match station.last_issued {
        0 => 1 + i64::try_from(context.ids.random(2) % (1 << 20)).unwrap_or(0),
        last => last + 1,
    };
    (TransactionId::from(next.to_string().as_str()), false)
}

/// A transaction that left the state and was recalled.
pub(crate) fn recall(
    context: &Context<'_>,
    station: &Station,
    id: &TransactionId,
) -> Option<Transaction> {
    if station.transactions.contains_key(id) {
        return None;
    }
    let row = context.recalled.get(&Key::transaction(&station.id, id))?;
    let whole = row::Transaction::from_row(row).ok()?;
    Some(Transaction::from_record(&whole.record))
}

pub(crate) fn reopened(now: Timestamp, station: &Station, whole: &Transaction) -> Fact {
    let (station, whole): (StationId, _) = (station.id.clone(), Box::new(whole.record()));
    Fact::from(TransactionReopened { at: now, station, whole })
}

/// The visit of a transaction of the same token that has just ended on the same EVSE.
fn earlier_visit(station: &Station, report: &Report) -> Option<VisitId> {
    let token = report.token.as_ref()?;
    let same = |t: &&Transaction| t.glance.evse == report.evse && t.starter() == Some(token);
    let ended_lately = |t: &&Transaction| {
        t.ended().is_some_and(|end| {
            let gap = report.at.since(end.report.at);
            Millis::ZERO <= gap && gap <= VISIT_GAP
        })
    };
    let all = station.transactions.values().map(|t| &**t);
    all.filter(same).find(ended_lately).map(|t| t.visit)
}

/// What may be told that a transaction costs: so far while it runs, in all once it is billed. In
/// between nothing: the cost so far is not what it costs.
pub(crate) fn known_cost(transaction: &Transaction) -> Option<Money> {
    let billed = matches!(transaction.billing, BillingRecord::Done { void: false, .. });
    let known = !transaction.has_ended() || (billed && transaction.is_settled());
    transaction.running.as_ref().filter(|_| known).map(|totals| totals.payable)
}

fn answer(
    outcome: &mut Outcome,
    call: Option<Call>,
    transaction: TransactionId,
    authorization: Option<Authorization>,
    cost: Option<Money>,
) {
    let Some(call) = call else { return };
    let reply = Reply::Transaction { transaction, authorization, cost };
    outcome.actions.push(Action::Reply { call, reply });
}
