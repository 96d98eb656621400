//! Owns the state of one transaction: the set of what was reported about it. What it means is
//! derived (`course`), so that the order in which messages came cannot matter.
//! Must never keep anything that depends on the order of arrival in what is billed.

use std::collections::{BTreeMap, BTreeSet};

use crate::fact::metering::{Measurand, Reading, ReadingValue, Report, ReportKey, ReportKind};
use crate::fact::station::ConnectorStatus;
use crate::fact::transaction::{
    BillingRecord, CdrSealed, Finding, PriceWanted, Quote, ReportRecord, SealedRecord,
    TransactionRecord, TransactionReported, Waiting,
};
use crate::ids::{IdToken, SessionId, TransactionId, VisitId};
use crate::pricing::bill::Totals;
use crate::units::{Energy, Millis, Power, Timestamp};

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) id: TransactionId,
    pub(crate) session: SessionId,
    pub(crate) visit: VisitId,
    pub(crate) reports: BTreeMap<ReportKey, Box<ReportRecord>>,
    pub(crate) readings: BTreeSet<Reading>,
    pub(crate) statuses: BTreeSet<(Timestamp, ConnectorStatus)>,
    pub(crate) orphan: bool,
    pub(crate) complete: bool,
    pub(crate) quote: Option<Quote>,
    pub(crate) running: Option<Totals>,
    pub(crate) attempts: u64,
    /// The price asked for and not yet answered. Not part of a record: asked again after a start.
    pub(crate) pending: Option<PriceWanted>,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) last_priced: Timestamp,
    pub(crate) priced_revision: u64,
    pub(crate) billing: BillingRecord,
    pub(crate) settle: Millis,
    pub(crate) settle_left: Millis,
    pub(crate) last_received: Timestamp,
    pub(crate) last_recorded: Timestamp,
    pub(crate) cdrs: Vec<SealedRecord>,
    pub(crate) review: Vec<Finding>,
    /// What a running session shows, kept up as messages come.
    pub(crate) glance: Glance,
}

/// What a running session shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glance {
    pub(crate) start: Option<Timestamp>,
    pub(crate) ended: bool,
    pub(crate) evse: Option<u32>,
    pub(crate) connector: Option<u32>,
    first: Option<(Timestamp, Energy)>,
    last: Option<(Timestamp, Energy)>,
    power: Option<(Timestamp, Power)>,
    state_of_charge: Option<(Timestamp, i64)>,
}

impl Glance {
    /// Delivered so far.
    pub(crate) fn energy(&self) -> Energy {
        match (self.first, self.last) {
            (Some((_, first)), Some((_, last))) => last.minus(first).max(Energy::ZERO),
            _ => Energy::ZERO,
        }
    }

    pub(crate) fn power(&self) -> Option<Power> {
        self.power.map(|(_, power)| power)
    }

    pub(crate) fn state_of_charge(&self) -> Option<i64> {
        self.state_of_charge.map(|(_, thousandths)| thousandths)
    }

    fn see_report(&mut self, report: &Report) {
        self.start = Some(self.start.map_or(report.at, |start| start.min(report.at)));
        self.ended |= report.kind == ReportKind::Ended;
        self.evse = report.evse.or(self.evse);
        self.connector = report.connector.or(self.connector);
        report.readings.iter().for_each(|reading| self.see_reading(reading));
    }

    fn see_reading(&mut self, reading: &Reading) {
        if reading.phase.is_some() {
            return;
        }
        let at = reading.at;
        match (&reading.measurand, &reading.value) {
            (Measurand::EnergyImport, ReadingValue::Energy(energy)) => {
                if self.first.is_none_or(|(first, _)| at < first) {
                    self.first = Some((at, *energy));
                }
                if self.last.is_none_or(|last| (at, *energy) > last) {
                    self.last = Some((at, *energy));
                }
            }
            (Measurand::PowerImport, ReadingValue::Power(power))
                if self.power.is_none_or(|(last, _)| at >= last) =>
            {
                self.power = Some((at, *power));
            }
            (Measurand::StateOfCharge, ReadingValue::Other { thousandths, .. })
                if self.state_of_charge.is_none_or(|(last, _)| at >= last) =>
            {
                self.state_of_charge = Some((at, *thousandths));
            }
            _ => {}
        }
    }
}

impl Transaction {
    /// A transaction of which nothing is known yet but what its first message names.
    pub(crate) fn new(reported: &TransactionReported) -> Self {
        Self::empty(reported.transaction.clone(), reported.session, reported.visit)
    }

    fn empty(id: TransactionId, session: SessionId, visit: VisitId) -> Self {
        Self {
            id,
            session,
            visit,
            reports: BTreeMap::new(),
            readings: BTreeSet::new(),
            statuses: BTreeSet::new(),
            orphan: false,
            complete: false,
            quote: None,
            running: None,
            attempts: 0,
            pending: None,
            waiting: Vec::new(),
            last_priced: Timestamp(0),
            priced_revision: 0,
            billing: BillingRecord::Open,
            settle: Millis::ZERO,
            settle_left: Millis::ZERO,
            last_received: Timestamp(0),
            last_recorded: Timestamp(0),
            cdrs: Vec::new(),
            review: Vec::new(),
            glance: Glance::default(),
        }
    }

    /// How many messages are known: a bill names how many it took into account.
    pub(crate) fn revision(&self) -> u64 {
        (self.reports.len() + self.readings.len() + self.statuses.len()) as u64
    }

    /// True when the end was reported.
    pub(crate) fn has_ended(&self) -> bool {
        self.glance.ended
    }

    /// True when it is neither ended, nor billed or held as it stands.
    pub(crate) fn is_live(&self) -> bool {
        !self.has_ended() && matches!(self.billing, BillingRecord::Open)
    }

    /// True when what is known was billed, settled or held.
    pub(crate) fn is_settled(&self) -> bool {
        match &self.billing {
            BillingRecord::Done { revision, .. } | BillingRecord::Held { revision, .. } => {
                *revision == self.revision()
            }
            BillingRecord::Open | BillingRecord::Reprice { .. } => false,
        }
    }

    /// The token that started it: of the first message by the station's clock that has one.
    pub(crate) fn starter(&self) -> Option<&IdToken> {
        self.reports.values().find_map(|record| record.report.token.as_ref())
    }

    /// The message that started it, where it came.
    pub(crate) fn started(&self) -> Option<&ReportRecord> {
        self.reports.values().find(|r| r.report.kind == ReportKind::Started).map(|r| &**r)
    }

    /// The message that ended it, where it came: the earliest by the station's clock.
    pub(crate) fn ended(&self) -> Option<&ReportRecord> {
        // Asked with every message: a running one is not searched.
        if !self.has_ended() {
            return None;
        }
        let mut reports = self.reports.values();
        reports.find(|record| record.report.kind == ReportKind::Ended).map(|record| &**record)
    }

    /// All readings, of its messages and from elsewhere.
    pub(crate) fn all_readings(&self) -> impl Iterator<Item = &Reading> {
        self.reports
            .values()
            .flat_map(|record| record.report.readings.iter())
            .chain(self.readings.iter())
    }

    pub(crate) fn report(&mut self, reported: &TransactionReported) {
        let record = ReportRecord {
            received: reported.at,
            report: reported.report.clone(),
            authorization: reported.authorization.clone(),
        };
        self.glance.see_report(&record.report);
        self.reports.entry(record.report.key()).or_insert_with(|| Box::new(record));
        self.orphan |= reported.orphan;
        self.complete = reported.complete;
        let starts = reported.report.kind == ReportKind::Started;
        if self.quote.is_none() || (starts && self.cdrs.is_empty()) {
            self.quote = reported.quote.clone().or(self.quote.take());
        }
        self.waiting.extend(reported.waiting.clone());
        self.settle = reported.settle;
        self.touch(reported.at);
    }

    pub(crate) fn meter(&mut self, at: Timestamp, readings: &[Reading]) {
        readings.iter().for_each(|reading| self.glance.see_reading(reading));
        self.readings.extend(readings.iter().cloned());
        self.touch(at);
    }

    pub(crate) fn status(&mut self, at: Timestamp, reported: Timestamp, status: ConnectorStatus) {
        self.statuses.insert((reported, status));
        self.touch(at);
    }

    fn touch(&mut self, at: Timestamp) {
        self.settle_left = self.settle;
        self.last_received = at;
        self.last_recorded = at;
    }

    pub(crate) fn seal(&mut self, sealed: &CdrSealed) {
        self.cdrs.push(SealedRecord {
            cdr: sealed.cdr,
            kind: sealed.kind.clone(),
            totals: sealed.totals.clone(),
            energy: sealed.energy,
            start: sealed.input.start,
            end: sealed.input.end,
        });
        if sealed.kind == crate::fact::transaction::CdrKind::Charge {
            self.running = Some(sealed.totals.clone());
            self.quote = Some(sealed.quote.clone());
        }
        self.billing = BillingRecord::Done { revision: sealed.revision, void: false };
        self.pending = None;
        self.last_recorded = sealed.at;
    }

    /// All of it, for its row, a snapshot or a later recall.
    pub(crate) fn record(&self) -> TransactionRecord {
        TransactionRecord {
            transaction: self.id.clone(),
            session: self.session,
            visit: self.visit,
            reports: self.reports.values().map(|record| ReportRecord::clone(record)).collect(),
            readings: self.readings.iter().cloned().collect(),
            statuses: self.statuses.iter().copied().collect(),
            orphan: self.orphan,
            complete: self.complete,
            quote: self.quote.clone(),
            running: self.running.clone(),
            attempts: self.attempts,
            billing: self.billing.clone(),
            settle: self.settle,
            settle_left: self.settle_left,
            last_received: self.last_received,
            last_recorded: self.last_recorded,
            cdrs: self.cdrs.clone(),
            review: self.review.clone(),
        }
    }

    /// What `record` wrote.
    pub(crate) fn from_record(record: &TransactionRecord) -> Self {
        let id = record.transaction.clone();
        let mut whole = Self::empty(id, record.session, record.visit);
        for entry in &record.reports {
            whole.glance.see_report(&entry.report);
            whole.reports.insert(entry.report.key(), Box::new(entry.clone()));
        }
        record.readings.iter().for_each(|reading| whole.glance.see_reading(reading));
        whole.readings = record.readings.iter().cloned().collect();
        whole.statuses = record.statuses.iter().copied().collect();
        whole.orphan = record.orphan;
        whole.complete = record.complete;
        whole.quote = record.quote.clone();
        whole.running = record.running.clone();
        whole.attempts = record.attempts;
        whole.billing = record.billing.clone();
        whole.settle = record.settle;
        whole.settle_left = record.settle_left;
        whole.last_received = record.last_received;
        whole.last_recorded = record.last_recorded;
        whole.cdrs = record.cdrs.clone();
        whole.review = record.review.clone();
        whole
    }
}
