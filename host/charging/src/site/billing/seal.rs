//! Owns the making of CDRs: a charge with everything that made it, and the credit of one.
//! Must never change one that is sealed.

use super::super::course::Course;
use super::super::station::Station;
use super::super::transaction::Transaction;
use super::{Priced, negated};
use crate::context::Policy;
use crate::fact::metering::ReadingValue;
use crate::fact::transaction::{BillingRecord, CdrKind, CdrSealed, Quote, SealedRecord};
use crate::fact::{Actor, Fact};
use crate::ids::CdrId;
use crate::pricing::{CutSession, Dimension, Line, QuantityUnit, Tax};
use crate::units::{Energy, Micros, Millis, Timestamp};

/// What a CDR is made from.
pub(super) struct Bill<'a> {
    pub(super) now: Timestamp,
    pub(super) station: &'a Station,
    pub(super) transaction: &'a Transaction,
    pub(super) quote: &'a Quote,
    pub(super) behind: Option<Millis>,
    pub(super) policy: &'a Policy,
}

impl Bill<'_> {
    /// A charge.
    pub(super) fn charge(&self, cdr: CdrId, priced: Priced) -> Fact {
        let (actor, reason) = match &self.transaction.billing {
            BillingRecord::Reprice { actor, reason, .. } => (actor.clone(), Some(reason.clone())),
            _ => (Actor::Clock, None),
        };
        Fact::from(self.sealed(cdr, CdrKind::Charge, priced, actor, reason))
    }

    /// A charge as it was proposed and accepted.
    pub(super) fn accepted(
        &self,
        cdr: CdrId,
        priced: Priced,
        actor: Actor,
        reason: Box<str>,
    ) -> Fact {
        Fact::from(self.sealed(cdr, CdrKind::Charge, priced, actor, Some(reason)))
    }

    /// The negation of a sealed charge, as one line.
    pub(super) fn credit(&self, cdr: CdrId, before: &SealedRecord) -> Fact {
        let totals = negated(&before.totals);
        let tax = Micros(totals.incl_tax.0 - totals.excl_tax.0);
        let line = Line {
            dimension: Dimension::Adjustment,
            description: format!("credit of CDR {}", before.cdr),
            quantity: 1_000,
            unit: QuantityUnit::Count,
            unit_price: totals.excl_tax,
            amount: totals.excl_tax,
            tax_included: false,
            taxes: vec![Tax { name: "credited tax".into(), rate: 0, amount: tax }],
            start: before.start,
            end: before.end,
        };
        let input = CutSession {
            start: before.start,
            end: before.end,
            periods: Vec::new(),
            complete: true,
            attributes: Vec::new(),
        };
        let priced = Priced { input, lines: vec![line], totals };
        let kind = CdrKind::Credit(before.cdr);
        let mut sealed = self.sealed(cdr, kind, priced, Actor::Clock, None);
        sealed.energy = Energy(-before.energy.0);
        sealed.signed = Vec::new();
        if let Some(quote) = &self.transaction.quote {
            sealed.quote = quote.clone();
            sealed.repriced_from = None;
        }
        Fact::from(sealed)
    }

    fn sealed(
        &self,
        cdr: CdrId,
        kind: CdrKind,
        priced: Priced,
        actor: Actor,
        reason: Option<Box<str>>,
    ) -> CdrSealed {
        let transaction = self.transaction;
        let pinned = transaction.quote.as_ref();
        let signed = transaction
            .all_readings()
            .filter(|reading| matches!(reading.value, ReadingValue::Signed { .. }));
        CdrSealed {
            at: self.now,
            actor,
            cdr,
            kind,
            station: self.station.id.clone(),
            transaction: transaction.id.clone(),
            session: transaction.session,
            visit: transaction.visit,
            evse: transaction.glance.evse,
            connector: transaction.glance.connector,
            token: transaction.starter().cloned(),
            revision: transaction.revision(),
            quote: self.quote.clone(),
            repriced_from: pinned.filter(|pinned| *pinned != self.quote).cloned(),
            reason,
            energy: Course::of(transaction, self.policy, self.behind).total,
            input: priced.input,
            lines: priced.lines,
            totals: priced.totals,
            signed: signed.cloned().collect(),
        }
    }
}
