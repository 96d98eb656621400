//! What a driver is told that a charge costs.

use super::bench::*;
use crate::action::Reply;
use crate::fact::Fact;
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
fn a_young_cost_is_told_at_once_and_an_old_one_worked_out_first() {
    let mut bench = Bench::new(Dialect::V21);
    let started = report(ReportKind::Started, at(0), Some(0));
    told(&mut bench, with_reading(started, ReadingContext::Begin, 0));
    let after = |bench: &mut Bench, seconds: i64, wh: i64| {
        bench.advance(at(seconds));
        let updated = report(ReportKind::Updated, at(seconds), Some(seconds));
        let cost = told(bench, with_reading(updated, ReadingContext::Sample, wh));
        cost.map(|cost| cost.to_string()).unwrap_or_default()
    };
    let prices = |bench: &Bench| {
        bench.facts.iter().filter(|fact| matches!(fact, Fact::PriceWanted(_))).count()
    };
    assert_eq!(after(&mut bench, 60, 1_000), "0.50 EUR");
    let before = prices(&bench);
    assert_eq!(after(&mut bench, 89, 2_000), "0.50 EUR", "what it was 29 s ago");
    assert_eq!(prices(&bench), before);
    assert_eq!(after(&mut bench, 150, 4_000), "2.00 EUR");
}

#[test]
fn an_end_is_never_told_what_the_charge_cost_before_it() {
    let mut bench = Bench::new(Dialect::V21);
    let started = report(ReportKind::Started, at(0), Some(0));
    told(&mut bench, with_reading(started, ReadingContext::Begin, 0));
    bench.advance(at(60));
    let updated = report(ReportKind::Updated, at(60), Some(1));
    let so_far = told(&mut bench, with_reading(updated, ReadingContext::Sample, 1_000));
    assert_eq!(so_far.map(|cost| cost.to_string()).as_deref(), Some("0.50 EUR"));
    bench.broken = Some(PriceError::Internal("broken".into()));
    let ended = report(ReportKind::Ended, at(120), Some(2));
    let ended = with_reading(ended, ReadingContext::End, 2_000);
    assert_eq!(told(&mut bench, ended.clone()), None);
    assert_eq!(told(&mut bench, ended), None, "a repeat: held, and its cost is not known");
}
