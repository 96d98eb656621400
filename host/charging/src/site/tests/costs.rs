//! What a driver is told that a charge costs.

use super::bench::*;
use crate::action::Reply;
use crate::fact::metering::{ReadingContext, Report, ReportKind};
use crate::fact::station::Dialect;
use crate::input::{StationEvent, TransactionRef};
use crate::pricing::PriceError;
use crate::units::Money;

fn told(bench: &mut Bench, report: Report) -> Option<Money> {
    let transaction = TransactionRef::Known("T1".into());
    match bench.say(StationEvent::Transaction { transaction, report, wants_cost: true }) {
        Some(Reply::Transaction { cost, .. }) => cost,
        other => panic!("answered {other:?}"),
    }
}

#[test]
fn an_end_is_never_told_what_the_charge_cost_before_it() {
    let mut bench = Bench::new(Dialect::V21);
    let started = report(ReportKind::Started, at(0), Some(0));
    told(&mut bench, with_reading(started, ReadingContext::Begin, 0));
    let updated = report(ReportKind::Updated, at(60), Some(1));
    let so_far = told(&mut bench, with_reading(updated, ReadingContext::Sample, 1_000));
    assert_eq!(so_far.map(|cost| cost.to_string()).as_deref(), Some("0.50 EUR"));
    bench.broken = Some(PriceError::Internal("broken".into()));
    let ended = report(ReportKind::Ended, at(120), Some(2));
    let ended = with_reading(ended, ReadingContext::End, 2_000);
    assert_eq!(told(&mut bench, ended.clone()), None);
    assert_eq!(told(&mut bench, ended), None, "a repeat: held, and its cost is not known");
}
