//! The property of DESIGN section 5: for every permutation, duplication and delay of the
//! messages the session and the net bill are equal. 3,000 cases; `BUSBAR_CASES=100000` runs as
//! many as it says.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::bench::*;
use crate::fact::metering::{ChargingState, ReadingContext, Report, ReportKind};
use crate::fact::station::{ConnectorStatus, Dialect};
use crate::input::{StationEvent, TransactionRef};
use crate::row::Session;
use crate::units::{Millis, Timestamp};

/// A message of a charge.
#[derive(Clone)]
enum Said {
    Report(Report),
    /// 1.6 tells by a status who stopped the flow.
    Status(Timestamp, ConnectorStatus),
}

/// A charge as its station would report it.
fn charge(numbered: bool, steps: &[(i64, i64, bool)]) -> Vec<Said> {
    let seq = |n: usize| numbered.then(|| i64::try_from(n).unwrap_or(0));
    let started = report(ReportKind::Started, at(0), seq(0));
    let mut said = vec![Said::Report(with_reading(started, ReadingContext::Begin, 5_000))];
    let (mut clock, mut meter) = (0, 5_000);
    for (n, (seconds, wh, suspended)) in steps.iter().enumerate() {
        (clock, meter) = (clock + seconds, meter + wh);
        let mut update = report(ReportKind::Updated, at(clock), seq(n + 1));
        if numbered {
            update.state =
                Some(if *suspended { ChargingState::SuspendedEv } else { ChargingState::Charging });
        } else if *suspended {
            said.push(Said::Status(at(clock - 10), ConnectorStatus::SuspendedEv));
            said.push(Said::Status(at(clock + 10), ConnectorStatus::Charging));
        }
        said.push(Said::Report(with_reading(update, ReadingContext::Sample, meter)));
    }
    let end = report(ReportKind::Ended, at(clock + 60), seq(steps.len() + 1));
    said.push(Said::Report(with_reading(end, ReadingContext::End, meter + 100)));
    said
}

/// Sends `order` (indices into the messages, each at least once) with `gap` seconds in between,
/// then waits until all is billed.
fn send(
    (dialect, per_hour): (Dialect, i64),
    said: &[Said],
    order: &[usize],
    gap: i64,
) -> (Vec<Session>, Bench) {
    let mut bench = Bench::new(dialect);
    if per_hour > 0 {
        // A later version: in force at every start after it, so it must be the first one.
        bench.network = crate::network::Network::default();
        bench.put_time_tariff(500_000, per_hour);
    }
    bench.now = at(50_000);
    let Said::Report(start) = &said[0] else { panic!("a charge begins with its start") };
    let named = if dialect == Dialect::V16 {
        // The station knows the id only from the answer to its start, which so comes first.
        TransactionRef::Known(bench.start(start.clone()))
    } else {
        TransactionRef::Known("T1".into())
    };
    for index in order {
        let now = bench.now.plus(Millis::from_secs(gap));
        bench.advance(now);
        let named = match (dialect, index) {
            (Dialect::V16, 0) => TransactionRef::Issue,
            _ => named.clone(),
        };
        match said[*index].clone() {
            Said::Report(report) => bench.report(named, report),
            Said::Status(at, status) => bench.say(StationEvent::Status {
                evse: 1,
                connector: 1,
                status,
                reported: Some(at),
                error: None,
            }),
        };
    }
    let end = bench.now.plus(Millis::from_secs(100_000));
    bench.advance(end);
    let sessions = bench.sessions().into_iter().map(|mut session| {
        session.session = crate::ids::SessionId(uuid::Uuid::nil());
        session.visit = crate::ids::VisitId(uuid::Uuid::nil());
        session.transaction = "T".into();
        session.updated = T0;
        session
    });
    (sessions.collect(), bench)
}

#[expect(clippy::disallowed_methods, reason = "how much is tested is the tester's choice")]
/// As many as `BUSBAR_CASES` says, else 3,000.
fn cases() -> u32 {
    std::env::var("BUSBAR_CASES")
        .map_or(3_000, |text| text.parse().expect("BUSBAR_CASES is a number"))
}

#[test]
fn order_repeats_and_delay_do_not_matter() {
    let mut runner = TestRunner::new(Config { cases: cases(), ..Config::default() });
    let any_charge = (
        prop::collection::vec((30_i64..600, 0_i64..3_000, any::<bool>()), 0..6),
        prop::sample::select(vec![Dialect::V16, Dialect::V201, Dialect::V21]),
        prop::sample::select(vec![0_i64, 3_600_000]),
    );
    let any_way = (
        prop::collection::vec(0_usize..8, 0..8),
        any::<prop::sample::Index>(),
        0_i64..700,
        any::<u64>(),
    );
    let after_sealing = Cell::new(0);
    let ran = runner.run(&(any_charge, any_way), |((steps, dialect, per_hour), way)| {
        let (picks, shuffle, gap, seed) = way;
        let reports = charge(dialect != Dialect::V16, &steps);
        let straight: Vec<usize> = (0..reports.len()).collect();
        let mut order = straight.clone();
        order.extend(picks.iter().map(|pick| pick % reports.len()));
        // A seeded shuffle of all messages and their repeats.
        let mut state = seed | 1;
        for i in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(i, usize::try_from(state >> 33).unwrap_or(0) % (i + 1));
        }
        let rotate = shuffle.index(order.len());
        order.rotate_left(rotate);
        // A status of 1.6 names no transaction: one that comes when all the rest is an hour old
        // finds none any more to belong to.
        let has_status = reports.iter().any(|said| matches!(said, Said::Status(..)));
        let hour = 3_600 / i64::try_from(order.len()).unwrap_or(i64::MAX);
        let gap = if has_status { gap.min(hour) } else { gap };
        let (expected, reference) = send((dialect, per_hour), &reports, &straight, 0);
        let (sessions, bench) = send((dialect, per_hour), &reports, &order, gap);
        prop_assert_eq!(expected, sessions);
        prop_assert_eq!(reference.net(), bench.net());
        prop_assert_eq!(reference.charges(), 1);
        if gap * i64::try_from(order.len()).unwrap_or(i64::MAX) < 900 {
            prop_assert_eq!(bench.cdrs().len(), 1, "all came within settle");
        }
        // A credit and a new one: what came late changed a bill.
        after_sealing.set(after_sealing.get() + u32::from(bench.cdrs().len() > 1));
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    let late = after_sealing.get();
    println!("of {} charges {late} were sealed before all of their messages came", cases());
    assert!(late * 50 > cases(), "messages that change a sealed bill are among them");
}
