//! Owns what the world may read of a site's facts. Pure, after `apply`.
//! Must never hold anything that is not in the facts.

use super::authorization::live_row;
use super::course::Course;
use super::is_held;
use super::reports::start_content;
use super::station::Station;
use super::transaction::Transaction;
use crate::context::Policy;
use crate::fact::Fact;
use crate::fact::command::{CommandEnded, CommandOutcome, CommandWanted, Intent};
use crate::fact::metering::ReportKind;
use crate::fact::station::StationStatus;
use crate::fact::transaction::BillingRecord;
use crate::ids::{SiteId, TransactionId};
use crate::row::{self, RowBody, SessionState};
use crate::subject::{Key, Row};
use crate::units::Timestamp;

type Rows = Vec<(Key, Option<Row>)>;

/// The rows that a fact changes.
pub(crate) fn rows(site: Option<&SiteId>, station: &Station, fact: &Fact) -> Rows {
    match fact {
        Fact::StationRegistered(_) | Fact::StationRemoved(_) | Fact::StationAdopted(_) => {
            let mut rows = vec![station_row(site, station)];
            rows.extend(site.map(|site| {
                let here = (!station.removed).then(|| Row(Vec::new()));
                (Key::site_station(site, &station.id), here)
            }));
            rows
        }
        Fact::StationProfileReset(_)
        | Fact::StationConnected(_)
        | Fact::StationDisconnected(_)
        | Fact::StationBooted(_)
        | Fact::StationRecorded(_) => vec![station_row(site, station)],
        Fact::StationStatus(status) => {
            let mut rows = Rows::from_iter(connector_row(station, status));
            if let Some(transaction) = &status.transaction {
                rows.extend(session_rows(station, transaction, false));
            }
            rows
        }
        Fact::TransactionReported(reported) => {
            // The whole of it at its start and end: writing it with every reading would cost more
            // the longer it runs. While it runs its row shows how it began.
            let report = &reported.report;
            let whole = report.kind != ReportKind::Updated;
            let mut rows = session_rows(station, &reported.transaction, whole);
            if report.token.is_some() && !whole {
                rows.extend(live_rows(station, &reported.transaction));
            }
            if reported.report.kind == ReportKind::Started && reported.report.seq.is_none() {
                let key = Key::start(&station.id, &start_content(&reported.report));
                let body = row::Start { transaction: reported.transaction.clone() };
                rows.push((key, Some(body.to_row())));
            }
            rows
        }
        Fact::TransactionMetered(metered) => session_rows(station, &metered.transaction, false),
        Fact::TransactionReopened(whole) => session_rows(station, &whole.whole.transaction, true),
        Fact::SessionPriced(priced) => session_rows(station, &priced.transaction, false),
        Fact::SessionHeld(held) => session_rows(station, &held.transaction, true),
        Fact::SessionSettled(settled) => session_rows(station, &settled.transaction, true),
        Fact::ReviewOpened(opened) => session_rows(station, &opened.transaction, true),
        Fact::RepriceAsked(asked) => session_rows(station, &asked.transaction, true),
        Fact::CdrSealed(sealed) => {
            let mut rows = session_rows(station, &sealed.transaction, true);
            let body = row::Cdr { sealed: sealed.clone() }.to_row();
            rows.push((Key::session_cdr(sealed.session, sealed.cdr), Some(Row(Vec::new()))));
            rows.push((Key::cdr(sealed.cdr), Some(body)));
            rows
        }
        // Nobody asked for it, and nobody asks how it went.
        Fact::CommandWanted(CommandWanted {
            intent: Intent::Limit(_) | Intent::Load(_), ..
        }) => Rows::new(),
        Fact::CommandWanted(wanted) => wanted_rows(station, wanted),
        Fact::CommandEnded(ended) => ended_rows(ended, None),
        Fact::CommandEffect(effect) => ended_rows(&effect.ended, Some(effect.seen)),
        _ => Rows::new(),
    }
}

fn wanted_rows(station: &Station, wanted: &CommandWanted) -> Rows {
    let body = row::Command { wanted: wanted.clone(), sent: None, outcome: None, effect: None };
    let mut rows = vec![(Key::command(wanted.command), Some(body.to_row()))];
    if let Some(key) = &wanted.key {
        let body = idempotency(wanted, None);
        rows.push((Key::idempotency(&station.id, key), Some(body.to_row())));
    }
    rows
}

/// The rows that a fact changes of a station that is not here any more.
pub(crate) fn left(site: Option<&SiteId>, fact: &Fact) -> Rows {
    match (site, fact) {
        (Some(site), Fact::StationReleased(released)) => {
            vec![(Key::site_station(site, &released.station), None)]
        }
        _ => Rows::new(),
    }
}

/// A site's own rows, and its history.
pub(crate) fn removed(site: &SiteId) -> Rows {
    let spans = [row::LoadSlot::MINUTE, row::LoadSlot::QUARTER];
    let slots = spans.into_iter().flat_map(|span| {
        (0..row::LoadSlot::kept(span)).map(move |place| Key::load_place(site, span, place))
    });
    [Key::site(site)].into_iter().chain(slots).map(|key| (key, None)).collect()
}

fn ended_rows(ended: &CommandEnded, effect: Option<bool>) -> Rows {
    if matches!(ended.wanted.intent, Intent::Limit(_) | Intent::Load(_)) {
        return Rows::new();
    }
    let body = row::Command {
        wanted: CommandWanted::clone(&ended.wanted),
        sent: ended.sent,
        outcome: Some(ended.outcome.clone()),
        effect,
    };
    let mut rows = vec![(Key::command(ended.command), Some(body.to_row()))];
    if let Some(key) = &ended.wanted.key {
        let body = idempotency(&ended.wanted, Some(ended.outcome.clone()));
        rows.push((Key::idempotency(&ended.station, key), Some(body.to_row())));
    }
    rows
}

fn idempotency(wanted: &CommandWanted, outcome: Option<CommandOutcome>) -> row::Idempotency {
    row::Idempotency {
        command: wanted.command,
        action: wanted.action.clone(),
        payload: wanted.payload.clone(),
        outcome,
    }
}

/// The newest of a connector, whatever the fact told; none of one that is not kept.
fn connector_row(station: &Station, told: &StationStatus) -> Option<(Key, Option<Row>)> {
    let newest = station.connectors.get(&(told.evse, told.connector))?;
    let body = row::Connector {
        evse: newest.evse,
        connector: newest.connector,
        status: newest.status,
        since: newest.reported,
        error: newest.error.clone(),
    };
    Some((Key::connector(&station.id, newest.evse, newest.connector), Some(body.to_row())))
}

fn station_row(site: Option<&SiteId>, station: &Station) -> (Key, Option<Row>) {
    let body = row::Station {
        station: station.id.clone(),
        registered: station.registered.clone(),
        removed: station.removed,
        connected: station.connection.clone(),
        changed: station.changed,
        booted: station.booted.clone(),
        standing: station.standing(),
        least_profile: station.least_profile(),
        last_remote: station.last_remote.clone(),
        site: site.cloned(),
    };
    (Key::station(&station.id), Some(body.to_row()))
}

fn session_rows(station: &Station, id: &TransactionId, whole: bool) -> Rows {
    let Some(transaction) = station.transactions.get(id) else { return Rows::new() };
    let session = session(station, transaction).to_row();
    let mut rows = vec![(Key::session(transaction.session), Some(session))];
    if whole {
        rows.extend(live_rows(station, id));
        let body = row::Transaction { record: transaction.record() };
        rows.push((Key::transaction(&station.id, id), Some(body.to_row())));
    }
    rows
}

/// Changes only with a token, with the end and with the bill. Only the starter is live: another
/// token may have been taken for it before the start came.
fn live_rows(station: &Station, id: &TransactionId) -> Rows {
    let Some(transaction) = station.transactions.get(id) else { return Rows::new() };
    let starter = transaction.starter();
    let tokens = transaction.reports.values().filter_map(|record| record.report.token.as_ref());
    let row = |token| {
        let live = transaction.is_live() && Some(token) == starter;
        live_row(token, transaction.session, &station.id, id, live)
    };
    tokens.map(row).collect()
}

fn state(transaction: &Transaction) -> SessionState {
    match &transaction.billing {
        BillingRecord::Done { void: true, .. } => SessionState::Void,
        BillingRecord::Done { .. } => SessionState::Billed,
        BillingRecord::Held { .. } | BillingRecord::Reprice { .. } => SessionState::Held,
        BillingRecord::Open if transaction.has_ended() => SessionState::Ended,
        BillingRecord::Open => SessionState::Open,
    }
}

fn session(station: &Station, transaction: &Transaction) -> row::Session {
    let glance = &transaction.glance;
    let running = !transaction.has_ended() && !is_held(transaction);
    // A running session shows what is kept up as messages come; an ended one what they mean
    // together, which does not depend on their order.
    let (start, end, energy) = if running {
        (glance.start.unwrap_or(Timestamp(0)), None, glance.energy())
    } else {
        let course = Course::of(transaction, &Policy::default(), station.behind);
        (course.start, Some(course.end), course.total)
    };
    let ended = transaction.ended();
    let (held, proposal) = match &transaction.billing {
        BillingRecord::Held { reason, proposal, .. } => (Some(reason.clone()), proposal.clone()),
        _ => (None, None),
    };
    row::Session {
        session: transaction.session,
        visit: transaction.visit,
        station: station.id.clone(),
        transaction: transaction.id.clone(),
        evse: glance.evse,
        connector: glance.connector,
        token: transaction.starter().cloned(),
        state: state(transaction),
        start,
        end,
        energy,
        power: glance.power().filter(|_| running),
        state_of_charge: glance.state_of_charge(),
        stopped_reason: ended.and_then(|record| record.report.stopped_reason.clone()),
        quote: transaction.quote.clone(),
        cost: transaction.running.clone(),
        held,
        proposal,
        review: transaction.review.clone(),
        updated: transaction.last_recorded,
    }
}
