//! When a session is billed, held, credited and billed again.

use super::bench::*;
use crate::action::{Done, Problem, Reply};
use crate::fact::metering::{ReadingContext, ReportKind};
use crate::fact::station::Dialect;
use crate::fact::transaction::{Finding, HeldFor};
use crate::ids::TransactionId;
use crate::input::{Request, StationEvent, TransactionRef};
use crate::pricing::PriceError;
use crate::row::SessionState;
use crate::units::Millis;

fn start_at(seconds: i64, wh: i64) -> crate::fact::metering::Report {
    with_reading(report(ReportKind::Started, at(seconds), None), ReadingContext::Begin, wh)
}

fn stop_at(seconds: i64, wh: i64) -> crate::fact::metering::Report {
    with_reading(report(ReportKind::Ended, at(seconds), None), ReadingContext::End, wh)
}

#[test]
fn a_16_charge_by_the_kwh_is_billed_at_its_stop() {
    let mut bench = Bench::new(Dialect::V16);
    let id = bench.start(start_at(0, 1_000));
    bench.now = at(3_600);
    bench.report(TransactionRef::Known(id), stop_at(3_600, 11_000));
    assert_eq!(bench.charges(), 1);
    assert_eq!(bench.net(), 5_000_000);
    assert_eq!(bench.sessions()[0].state, SessionState::Billed);
}

#[test]
fn a_2x_charge_with_a_gap_is_billed_after_settle_of_time_online() {
    let mut bench = Bench::new(Dialect::V201);
    let id = TransactionRef::Known("T1".into());
    let started = report(ReportKind::Started, at(0), Some(0));
    bench.report(id.clone(), with_reading(started, ReadingContext::Begin, 0));
    bench.now = at(100);
    let ended = report(ReportKind::Ended, at(100), Some(2));
    bench.report(id, with_reading(ended, ReadingContext::End, 2_000));
    assert_eq!(bench.charges(), 0, "number 1 is missing");
    bench.advance(at(100 + 600));
    bench.say(StationEvent::Disconnected { reason: "test".into() });
    bench.advance(at(100 + 7_200));
    assert_eq!(bench.charges(), 0, "time offline does not count");
    bench.connect(Dialect::V201);
    bench.advance(at(100 + 7_200 + 299));
    assert_eq!(bench.charges(), 0);
    bench.advance(at(100 + 7_200 + 301));
    assert_eq!(bench.charges(), 1);
    assert_eq!(bench.net(), 1_000_000);
}

#[test]
fn a_late_message_that_changes_the_bill_makes_a_credit_and_a_new_cdr() {
    let mut bench = Bench::new(Dialect::V21);
    let id = TransactionRef::Known("T1".into());
    let started = report(ReportKind::Started, at(0), Some(0));
    let ended = report(ReportKind::Ended, at(100), Some(1));
    bench.report(id.clone(), with_reading(started, ReadingContext::Begin, 0));
    bench.report(id.clone(), ended);
    assert_eq!((bench.charges(), bench.net()), (1, 0));
    bench.advance(at(2 * 3_600));
    let late = report(ReportKind::Updated, at(50), Some(7));
    bench.report(id.clone(), with_reading(late.clone(), ReadingContext::Sample, 4_000));
    bench.advance(at(3 * 3_600));
    assert_eq!((bench.charges(), bench.cdrs().len(), bench.net()), (2, 3, 2_000_000));
    bench.report(id, with_reading(late, ReadingContext::Sample, 4_000));
    bench.advance(at(4 * 3_600));
    assert_eq!(bench.cdrs().len(), 3, "the same message again changes nothing");
}

#[test]
fn a_session_without_a_valid_price_is_held_and_priced_again_by_an_operator() {
    let mut bench = Bench::new(Dialect::V16);
    bench.broken = Some(PriceError::Misbehaved("trap".into()));
    let id = bench.start(start_at(0, 0));
    bench.report(TransactionRef::Known(id.clone()), stop_at(60, 1_000));
    assert_eq!(bench.charges(), 0);
    let session = bench.sessions().remove(0);
    assert!(matches!(session.held, Some(HeldFor::Unpriced(_))), "{session:?}");
    bench.broken = None;
    bench.put_tariff(250_000);
    let request = Request::Reprice {
        station: station(),
        transaction: id,
        quote: bench.newest_quote(),
        reason: "mended".into(),
    };
    assert_eq!(bench.ask(request.clone()), Some(Reply::Done(Done::Accepted)));
    let cdr = bench.cdrs().remove(0);
    assert_eq!(cdr.totals.incl_tax.0, 250_000);
    assert_eq!(cdr.repriced_from.as_ref().map(|quote| quote.version), Some(1));
    assert_eq!(cdr.reason.as_deref(), Some("mended"));
    assert!(matches!(bench.ask(request), Some(Reply::Problem(Problem::Conflict(_)))));
}

#[test]
fn what_looks_wrong_is_held_with_a_proposal_that_an_operator_accepts() {
    let mut bench = Bench::new(Dialect::V16);
    bench.now = at(400 * 24 * 3_600);
    let id = bench.start(start_at(0, 0));
    bench.now = bench.now.plus(Millis::from_secs(3_600));
    bench.report(TransactionRef::Known(id.clone()), stop_at(3_600, 2_000));
    assert_eq!(bench.charges(), 0);
    let session = bench.sessions().remove(0);
    let Some(HeldFor::Review(findings)) = &session.held else { panic!("{session:?}") };
    assert!(matches!(findings[..], [Finding::ClockOff { .. }]), "{findings:?}");
    let proposal = session.proposal.expect("a proposal");
    assert_eq!(proposal.input.start, at(400 * 24 * 3_600), "the price by server time");
    let request = |accept| Request::Resolve {
        station: station(),
        transaction: id.clone(),
        accept,
        reason: "clock".into(),
    };
    assert!(matches!(bench.ask(request(true)), Some(Reply::Done(Done::Sealed(_)))));
    assert_eq!(bench.net(), 1_000_000);
    assert!(matches!(bench.ask(request(true)), Some(Reply::Problem(Problem::Conflict(_)))));
}

#[test]
fn a_running_session_keeps_its_quote_when_the_tariff_changes() {
    let mut bench = Bench::new(Dialect::V16);
    let old = bench.start(start_at(0, 0));
    bench.now = at(10);
    bench.put_tariff(900_000);
    bench.now = at(60);
    bench.report(TransactionRef::Known(old), stop_at(60, 1_000));
    let new = bench.start(start_at(61, 1_000));
    bench.report(TransactionRef::Known(new), stop_at(120, 2_000));
    let totals: Vec<_> = bench.cdrs().iter().map(|cdr| cdr.totals.incl_tax.0).collect();
    assert_eq!(totals, [500_000, 900_000]);
}

#[test]
fn a_missing_stop_is_reviewed_and_a_stop_that_comes_after_all_is_billed() {
    let mut bench = Bench::new(Dialect::V16);
    let old = bench.start(start_at(0, 0));
    let sample =
        with_reading(report(ReportKind::Updated, at(60), None), ReadingContext::Sample, 700);
    bench.report(TransactionRef::Known(old.clone()), sample);
    bench.now = at(100);
    bench.start(start_at(100, 800));
    bench.advance(at(2 * 3_600));
    let find = |bench: &Bench, id: &TransactionId| {
        bench.sessions().into_iter().find(|session| session.transaction == *id).unwrap()
    };
    let held = find(&bench, &old);
    assert_eq!(held.held, Some(HeldFor::Review(vec![Finding::MissingEnd])));
    assert_eq!(held.proposal.unwrap().totals.incl_tax.0, 350_000);
    bench.report(TransactionRef::Known(old.clone()), stop_at(90, 800));
    assert_eq!(find(&bench, &old).state, SessionState::Billed);
    assert_eq!(bench.net(), 400_000);
}

#[test]
fn a_done_transaction_leaves_the_state_and_comes_back_for_a_late_message() {
    let mut bench = Bench::new(Dialect::V21);
    let id = TransactionRef::Known("T1".into());
    let started = report(ReportKind::Started, at(0), Some(0));
    let ended = report(ReportKind::Ended, at(60), Some(1));
    bench.report(id.clone(), with_reading(started, ReadingContext::Begin, 0));
    bench.report(id.clone(), with_reading(ended.clone(), ReadingContext::End, 1_000));
    let empty = bench.site.snapshot().len();
    bench.advance(at(2 * 3_600));
    assert_eq!(bench.site.snapshot().len(), empty - 1, "it left");
    let before = bench.facts.len();
    let again = with_reading(ended, ReadingContext::End, 1_000);
    assert!(bench.report(id.clone(), again).is_some());
    assert_eq!(bench.facts.len(), before, "a repeat has no effect");
    let late = report(ReportKind::Updated, at(30), Some(5));
    bench.report(id, with_reading(late, ReadingContext::Sample, 500));
    bench.advance(at(4 * 3_600));
    assert_eq!((bench.charges(), bench.net()), (1, 500_000), "it changed nothing");
}

#[test]
fn a_reply_that_waits_for_a_price_gets_it_or_goes_without() {
    let mut bench = Bench::new(Dialect::V201);
    let id = TransactionRef::Known("T1".into());
    let started = report(ReportKind::Started, at(0), Some(0));
    bench.report(id.clone(), with_reading(started, ReadingContext::Begin, 0));
    let ended = report(ReportKind::Ended, at(60), Some(1));
    let event = StationEvent::Transaction {
        transaction: id,
        report: with_reading(ended, ReadingContext::End, 1_000),
        wants_cost: true,
    };
    let Some(Reply::Transaction { cost: Some(cost), .. }) = bench.say(event) else {
        panic!("no cost")
    };
    assert_eq!(cost.to_string(), "0.50 EUR");
}

#[test]
fn a_restart_loses_and_doubles_nothing() {
    let mut bench = Bench::new(Dialect::V16);
    let start = start_at(0, 0);
    let id = bench.start(start.clone());
    bench.restart();
    bench.connect(Dialect::V16);
    assert_eq!(bench.start(start), id, "the same start has the same id");
    bench.report(TransactionRef::Known(id.clone()), stop_at(60, 1_000));
    bench.restart();
    bench.connect(Dialect::V16);
    bench.report(TransactionRef::Known(id), stop_at(60, 1_000));
    assert_eq!((bench.charges(), bench.net()), (1, 500_000));
}
