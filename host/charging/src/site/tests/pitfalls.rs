//! The points of the pitfalls' list that the core decides, by number.

use super::bench::*;
use crate::action::{Action, Reply};
use crate::fact::Fact;
use crate::fact::metering::{
    ChargingState, Measurand, ReadingContext, ReadingValue, Report, ReportKind,
};
use crate::fact::station::{ConnectorStatus, Dialect};
use crate::fact::transaction::{Finding, HeldFor};
use crate::ids::{IdToken, TokenKind, TransactionId};
use crate::input::{StationEvent, TransactionRef};
use crate::row::SessionState;
use crate::units::{Energy, Millis};

fn start16(seconds: i64, wh: i64) -> Report {
    with_reading(report(ReportKind::Started, at(seconds), None), ReadingContext::Begin, wh)
}

fn sample16(seconds: i64, wh: i64) -> Report {
    with_reading(report(ReportKind::Updated, at(seconds), None), ReadingContext::Sample, wh)
}

fn stop16(seconds: i64, wh: i64) -> Report {
    with_reading(report(ReportKind::Ended, at(seconds), None), ReadingContext::End, wh)
}

fn started2(seconds: i64, wh: i64) -> Report {
    with_reading(report(ReportKind::Started, at(seconds), Some(0)), ReadingContext::Begin, wh)
}

fn ended2(seconds: i64, seq: i64, wh: i64) -> Report {
    with_reading(report(ReportKind::Ended, at(seconds), Some(seq)), ReadingContext::End, wh)
}

fn t1() -> TransactionRef {
    TransactionRef::Known("T1".into())
}

fn status(bench: &mut Bench, status: ConnectorStatus, seconds: i64) {
    bench.say(StationEvent::Status {
        evse: 1,
        connector: 1,
        status,
        reported: Some(at(seconds)),
        error: None,
    });
}

fn findings(bench: &Bench) -> Vec<Finding> {
    match bench.sessions().remove(0).held {
        Some(HeldFor::Review(findings)) => findings,
        other => panic!("not under review: {other:?}"),
    }
}

#[test]
fn pitfall_031_033_a_reconnect_or_a_boot_ends_no_transaction() {
    let mut bench = Bench::new(Dialect::V16);
    let id = bench.start(start16(0, 0));
    bench.say(StationEvent::Disconnected { reason: "test".into() });
    bench.connect(Dialect::V16);
    assert!(bench.report(TransactionRef::Known(id.clone()), sample16(60, 500)).is_some());
    bench.boot();
    assert_eq!(bench.sessions()[0].state, SessionState::Open);
    bench.report(TransactionRef::Known(id), stop16(120, 1_000));
    assert_eq!(bench.net(), 500_000);
}

#[test]
fn pitfall_032_a_boot_without_a_restart_closes_no_transaction() {
    let mut bench = Bench::new(Dialect::V201);
    bench.report(t1(), started2(0, 0));
    bench.boot();
    bench.report(t1(), ended2(60, 1, 1_000));
    assert_eq!((bench.charges(), bench.net()), (1, 500_000));
}

#[test]
fn pitfall_038_equal_value_and_other_kind_is_another_token() {
    let mut bench = Bench::new(Dialect::V201);
    let central = IdToken::new(TokenKind::Central, "04AABB");
    let reply = bench.say(StationEvent::Authorize { token: central });
    let Some(Reply::Authorized(answer)) = reply else { panic!("{reply:?}") };
    assert_eq!(answer.status, crate::fact::station::AuthorizationStatus::Unknown);
}

#[test]
fn pitfall_040_043_every_answer_to_a_token_names_its_group() {
    let mut bench = Bench::new(Dialect::V201);
    let reply = bench.report(t1(), started2(0, 0));
    let Some(Reply::Transaction { authorization: Some(answer), .. }) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(answer.group.as_deref(), Some("G"));
    let mut update = report(ReportKind::Updated, at(10), Some(1));
    update.token = None;
    let reply = bench.report(t1(), update);
    assert!(matches!(reply, Some(Reply::Transaction { authorization: None, .. })), "{reply:?}");
}

#[test]
fn pitfall_044_no_authorization_is_accepted_by_policy_without_a_look_up() {
    let mut bench = Bench::new(Dialect::V201);
    let token = IdToken::new(TokenKind::NoAuthorization, "");
    for (allowed, expected) in [(true, "Accepted"), (false, "Invalid")] {
        bench.policy.accept_no_authorization = allowed;
        let reply = bench.say(StationEvent::Authorize { token: token.clone() });
        let Some(Reply::Authorized(answer)) = reply else { panic!("{reply:?}") };
        assert_eq!(format!("{:?}", answer.status), expected);
    }
}

#[test]
fn pitfall_046_047_ids_are_positive_never_used_twice_and_the_same_for_the_same_start() {
    let mut bench = Bench::new(Dialect::V16);
    let first = bench.start(start16(0, 0));
    assert_eq!(bench.start(start16(0, 0)), first);
    bench.report(TransactionRef::Known(first.clone()), stop16(60, 100));
    bench.advance(at(3 * 3_600));
    bench.restart();
    bench.connect(Dialect::V16);
    let second = bench.start(start16(4 * 3_600, 100));
    assert_ne!(first, second);
    assert_eq!(bench.start(start16(0, 0)), first, "also after it left the state");
    for id in [first, second] {
        assert!(id.as_str().parse::<i32>().is_ok_and(|id| id > 0));
    }
}

#[test]
fn pitfall_050_a_stop_ends_the_transaction_of_its_id_and_no_other() {
    let mut bench = Bench::new(Dialect::V16);
    let ours = bench.start(start16(0, 0));
    bench.report(TransactionRef::Known("999999".into()), stop16(60, 5_000));
    let session = bench.sessions().into_iter().find(|s| s.transaction == ours).unwrap();
    assert_eq!((session.state, bench.charges()), (SessionState::Open, 0));
}

#[test]
fn pitfall_051_a_second_stop_changes_nothing() {
    let mut bench = Bench::new(Dialect::V16);
    let id = bench.start(start16(0, 0));
    bench.report(TransactionRef::Known(id.clone()), stop16(60, 1_000));
    assert!(bench.report(TransactionRef::Known(id), stop16(60, 1_000)).is_some());
    assert_eq!((bench.cdrs().len(), bench.net()), (1, 500_000));
}

#[test]
fn pitfall_052_nonsense_about_a_transaction_is_recorded_flagged_and_answered() {
    let mut bench = Bench::new(Dialect::V16);
    let id = bench.start(start16(0, 5_000));
    let reply = bench.report(TransactionRef::Known(id), stop16(60, 1_000));
    assert!(matches!(reply, Some(Reply::Transaction { .. })));
    assert!(matches!(findings(&bench)[..], [Finding::MeterBackwards { .. }]));
    let mut bench = Bench::new(Dialect::V16);
    bench.start(start16(7_200, 0));
    assert_eq!(bench.sessions().len(), 1, "a time in the future is recorded");
}

#[test]
fn pitfall_053_an_offline_transaction_runs_by_its_own_clock_hours_ago() {
    let mut bench = Bench::new(Dialect::V16);
    bench.now = at(10 * 3_600);
    let id = bench.start(start16(0, 0));
    bench.report(TransactionRef::Known(id), stop16(3_600, 2_000));
    let session = bench.sessions().remove(0);
    assert_eq!((session.start, session.end), (at(0), Some(at(3_600))));
    assert_eq!((session.state, bench.net()), (SessionState::Billed, 1_000_000));
}

#[test]
fn pitfall_054_a_new_start_on_an_occupied_connector_is_taken() {
    let mut bench = Bench::new(Dialect::V16);
    let old = bench.start(start16(0, 0));
    let new = bench.start(start16(600, 800));
    assert_ne!(old, new);
    assert_eq!(bench.sessions().len(), 2);
}

#[test]
fn pitfall_058_059_any_status_is_taken_and_ends_nothing() {
    let mut bench = Bench::new(Dialect::V16);
    bench.start(start16(0, 0));
    use ConnectorStatus as S;
    for (n, s) in [S::Preparing, S::Finishing, S::Available, S::SuspendedEv, S::Faulted]
        .into_iter()
        .enumerate()
    {
        status(&mut bench, s, 10 + i64::try_from(n).unwrap());
    }
    assert_eq!(bench.sessions()[0].state, SessionState::Open);
}

#[test]
fn pitfall_060_061_062_numbers_order_events_wherever_they_begin() {
    for first in [0, 41] {
        let mut bench = Bench::new(Dialect::V201);
        let mut started = started2(0, 0);
        started.seq = Some(first);
        let mut update = report(ReportKind::Updated, at(50), Some(first + 1));
        update.token = None;
        bench.report(t1(), ended2(100, first + 2, 3_000));
        bench.report(t1(), with_reading(update, ReadingContext::Sample, 1_000));
        assert_eq!(bench.charges(), 0, "the start is still to come");
        bench.report(t1(), started);
        assert_eq!((bench.charges(), bench.net()), (1, 1_500_000), "from number {first}");
    }
}

#[test]
fn pitfall_063_066_068_a_queue_with_gaps_or_without_its_start_makes_a_transaction() {
    let mut bench = Bench::new(Dialect::V201);
    let mut update = report(ReportKind::Updated, at(50), Some(4));
    update.offline = true;
    bench.report(t1(), with_reading(update, ReadingContext::Sample, 1_000));
    bench.report(t1(), ended2(100, 9, 2_000));
    bench.advance(at(3_600));
    assert_eq!(findings(&bench), [Finding::MissingStart]);
    assert!(bench.sessions()[0].proposal.is_some());
}

#[test]
fn pitfall_064_065_evse_and_token_are_kept_from_the_event_that_names_them() {
    let mut bench = Bench::new(Dialect::V201);
    let mut started = started2(0, 0);
    (started.evse, started.connector, started.token) = (None, None, None);
    bench.report(t1(), started);
    bench.report(t1(), report(ReportKind::Updated, at(5), Some(1)));
    let mut update = report(ReportKind::Updated, at(6), Some(2));
    (update.evse, update.token) = (None, Some(token()));
    bench.report(t1(), update);
    let mut ended = ended2(60, 3, 1_000);
    ended.evse = None;
    ended.token = Some(IdToken::new(TokenKind::Iso14443, "OTHER"));
    bench.report(t1(), ended);
    let cdr = bench.cdrs().remove(0);
    assert_eq!((cdr.evse, &cdr.token), (Some(1), &Some(token())));
}

#[test]
fn pitfall_067_the_same_event_under_another_message_id_has_no_second_effect() {
    let mut bench = Bench::new(Dialect::V21);
    bench.report(t1(), started2(0, 0));
    let facts = bench.facts.len();
    assert!(bench.report(t1(), started2(0, 0)).is_some());
    assert_eq!(bench.facts.len(), facts);
}

#[test]
fn pitfall_069_an_event_of_a_refused_token_is_answered_and_its_energy_reviewed() {
    let mut bench = Bench::new(Dialect::V201);
    let mut started = started2(0, 0);
    started.token = Some(IdToken::new(TokenKind::Iso14443, "STRANGER"));
    assert!(bench.report(t1(), started).is_some());
    let mut ended = ended2(60, 1, 1_000);
    ended.token = None;
    bench.report(t1(), ended);
    assert_eq!(findings(&bench), [Finding::NotAuthorized]);
}

#[test]
fn pitfall_073_075_idle_and_suspended_come_from_the_charging_state() {
    let mut bench = Bench::new(Dialect::V201);
    bench.report(t1(), started2(0, 0));
    let states = [(60, ChargingState::SuspendedEv), (120, ChargingState::EvConnected)];
    for (n, (seconds, state)) in states.into_iter().enumerate() {
        let mut update =
            report(ReportKind::Updated, at(seconds), Some(1 + i64::try_from(n).unwrap()));
        update.state = Some(state);
        bench.report(t1(), update);
    }
    bench.report(t1(), ended2(180, 3, 1_000));
    use crate::pricing::Activity;
    let input = &bench.cdrs()[0].input;
    let seen: Vec<_> = input.periods.iter().map(|p| (p.start, p.activity)).collect();
    assert_eq!(
        seen,
        [(at(0), Activity::Charging), (at(60), Activity::PausedByCar), (at(120), Activity::Idle)]
    );
}

#[test]
fn pitfall_077_a_16_status_tells_who_stopped_the_flow() {
    let mut bench = Bench::new(Dialect::V16);
    let id = bench.start(start16(0, 0));
    status(&mut bench, ConnectorStatus::SuspendedEvse, 60);
    status(&mut bench, ConnectorStatus::Charging, 120);
    bench.report(TransactionRef::Known(id), stop16(180, 1_000));
    use crate::pricing::Activity;
    let activities: Vec<_> =
        bench.cdrs()[0].input.periods.iter().map(|period| period.activity).collect();
    let expected = [Activity::Charging, Activity::PausedByStation, Activity::Charging];
    assert_eq!(activities, expected);
}

#[test]
fn pitfall_078_a_transaction_resumes_after_a_reboot() {
    let mut bench = Bench::new(Dialect::V21);
    bench.report(t1(), started2(0, 0));
    bench.say(StationEvent::Disconnected { reason: "reboot".into() });
    bench.connect(Dialect::V21);
    bench.boot();
    let mut resumed = report(ReportKind::Updated, at(600), Some(1));
    resumed.trigger = "TxResumed".into();
    bench.report(t1(), resumed);
    bench.report(t1(), ended2(900, 2, 2_000));
    assert_eq!((bench.sessions().len(), bench.net()), (1, 1_000_000));
}

#[test]
fn pitfall_080_signed_values_are_kept_and_never_taken_for_numbers() {
    let mut bench = Bench::new(Dialect::V16);
    let id = bench.start(start16(0, 0));
    let mut stop = stop16(60, 1_000);
    let mut signed = register(at(60), ReadingContext::End, 0);
    signed.value = ReadingValue::Signed {
        data: "OCMF|{}|{}".into(),
        method: None,
        encoding: None,
        public_key: None,
    };
    stop.readings.push(signed.clone());
    bench.report(TransactionRef::Known(id), stop);
    assert_eq!((bench.net(), &bench.cdrs()[0].signed[..]), (500_000, &[signed][..]));
}

#[test]
fn pitfall_083_a_batch_without_energy_does_not_make_it_zero() {
    let mut bench = Bench::new(Dialect::V201);
    bench.report(t1(), started2(0, 0));
    let mut energy = report(ReportKind::Updated, at(30), Some(1));
    energy.token = None;
    bench.report(t1(), with_reading(energy, ReadingContext::Sample, 800));
    let mut power = report(ReportKind::Updated, at(40), Some(2));
    let mut reading = register(at(40), ReadingContext::Sample, 0);
    reading.measurand = Measurand::PowerImport;
    reading.value = ReadingValue::Power(crate::units::Power(7_000));
    power.readings.push(reading);
    bench.report(t1(), power);
    let session = bench.sessions().remove(0);
    assert_eq!(session.energy, Energy::from_wh(800));
    assert_eq!(session.power, Some(crate::units::Power(7_000)));
}

#[test]
fn pitfall_085_086_energy_is_last_minus_first_wherever_the_register_stands() {
    for first in [0, 123_456] {
        let mut bench = Bench::new(Dialect::V16);
        let id = bench.start(start16(0, first));
        bench.report(TransactionRef::Known(id.clone()), sample16(30, first + 600));
        bench.report(TransactionRef::Known(id), stop16(60, first + 1_000));
        assert_eq!(bench.cdrs()[0].energy, Energy::from_wh(1_000));
    }
}

#[test]
fn pitfall_087_only_the_first_and_the_last_value_need_remain() {
    let mut bench = Bench::new(Dialect::V16);
    let id: TransactionId = bench.start(start16(0, 0));
    let mut stop = report(ReportKind::Ended, at(3_600), None);
    stop.readings.push(register(at(0), ReadingContext::Begin, 0));
    stop.readings.push(register(at(3_600), ReadingContext::End, 7_000));
    bench.report(TransactionRef::Known(id), stop);
    assert_eq!(bench.net(), 3_500_000);
}

#[test]
fn attack_21_a_falsified_meter_or_clock_is_held_and_never_billed() {
    let far = 400 * 24 * 3_600;
    let charges: [(&str, Vec<Report>); 6] = [
        ("backwards", vec![sample16(30, 500), sample16(40, 100), stop16(60, 600)]),
        ("jump", vec![sample16(30, 900_000_000), stop16(60, 900_000_500)]),
        ("impossible power", vec![stop16(1, 500_000)]),
        ("unit swap", vec![stop16(60, 11_000_000)]),
        ("future", vec![stop16(far, 1_000)]),
        ("end before start", vec![stop16(-60, 0)]),
    ];
    for (name, messages) in charges {
        let mut bench = Bench::new(Dialect::V16);
        let id = bench.start(start16(0, 0));
        for message in messages {
            bench.report(TransactionRef::Known(id.clone()), message);
        }
        let end = bench.now.plus(Millis::from_secs(24 * 3_600));
        bench.advance(end);
        assert_eq!(bench.charges(), 0, "{name}");
        assert_eq!(bench.sessions()[0].state, SessionState::Held, "{name}");
    }
}

#[test]
fn attack_15_16_replies_go_to_the_caller_only_and_orphans_cost_nothing() {
    let mut bench = Bench::new(Dialect::V16);
    let id = bench.start(start16(0, 0));
    bench.report(TransactionRef::Known(id), stop16(60, 1_000));
    let net = bench.net();
    bench.report(TransactionRef::Known("31337".into()), sample16(70, 99_000));
    bench.advance(at(4 * 3_600));
    assert_eq!(bench.net(), net);
    let stray = bench
        .actions
        .iter()
        .any(|action| matches!(action, Action::Reply { call, .. } if !call.is_of(1)));
    assert!(!stray);
    assert!(bench.facts.iter().any(|fact| matches!(fact, Fact::SessionHeld(_))));
}
