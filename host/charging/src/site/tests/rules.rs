//! What a site answers, rule by rule.

use super::bench::*;
use crate::action::{Action, Done, Problem, Reply};
use crate::fact::Fact;
use crate::fact::command::{CommandOutcome, Intent, Priority};
use crate::fact::metering::{ReadingContext, ReportKind};
use crate::fact::station::{AuthorizationStatus, ConnectorStatus, Dialect, Registration};
use crate::ids::{IdToken, TokenKind};
use crate::input::{CommandReturned, Input, Request, StationEvent, TransactionRef};
use crate::units::Millis;

fn authorize(bench: &mut Bench, token: IdToken) -> AuthorizationStatus {
    match bench.say(StationEvent::Authorize { token }) {
        Some(Reply::Authorized(authorization)) => authorization.status,
        other => panic!("Authorize was answered {other:?}"),
    }
}

#[test]
fn pitfall_035_037_authorize_gives_the_real_reason_and_compares_without_case() {
    let mut bench = Bench::new(Dialect::V16);
    let blocked = IdToken::new(TokenKind::Iso14443, "BLOCKED");
    bench.put_token(blocked.clone(), AuthorizationStatus::Blocked);
    assert_eq!(authorize(&mut bench, blocked), AuthorizationStatus::Blocked);
    let lower = IdToken::new(TokenKind::Iso14443, "04aabb");
    assert_eq!(authorize(&mut bench, lower), AuthorizationStatus::Accepted);
    let stranger = IdToken::new(TokenKind::Iso14443, "STRANGER");
    assert_eq!(authorize(&mut bench, stranger), AuthorizationStatus::Unknown);
}

#[test]
fn pitfall_045_a_token_is_concurrent_elsewhere_and_never_with_itself() {
    let mut bench = Bench::new(Dialect::V201);
    let id = TransactionRef::Known("T1".into());
    let started = report(ReportKind::Started, at(0), Some(0));
    bench.report(id.clone(), started.clone());
    assert_eq!(authorize(&mut bench, token()), AuthorizationStatus::ConcurrentTx);
    let Some(Reply::Transaction { authorization: Some(again), .. }) = bench.report(id, started)
    else {
        panic!("no answer to a repeat")
    };
    assert_eq!(again.status, AuthorizationStatus::Accepted, "the retry of the same start");
}

/// On a disk that is nearly full nothing begins; what runs is reported, stopped and billed.
#[test]
fn without_room_no_session_begins_and_no_report_is_refused() {
    let mut bench = Bench::new(Dialect::V201);
    let id = TransactionRef::Known("T1".into());
    bench.report(id.clone(), report(ReportKind::Started, at(0), Some(0)));
    bench.policy.new_sessions = false;
    let other = IdToken::new(TokenKind::Iso14443, "OTHER");
    bench.put_token(other.clone(), AuthorizationStatus::Accepted);
    assert_eq!(authorize(&mut bench, other.clone()), AuthorizationStatus::Invalid);
    assert_eq!(authorize(&mut bench, token()), AuthorizationStatus::ConcurrentTx, "as ever");
    let stranger = IdToken::new(TokenKind::Iso14443, "STRANGER");
    assert_eq!(authorize(&mut bench, stranger), AuthorizationStatus::Unknown);
    let refused = bench.ask(remote_start(""));
    let conflict = matches!(refused, Some(Reply::Problem(Problem::Conflict(_))));
    assert!(conflict, "{refused:?}");
    // What has begun already, whoever let it, is taken.
    let mut start = report(ReportKind::Started, at(10), Some(0));
    (start.token, start.evse) = (Some(other), Some(2));
    let second = TransactionRef::Known("T2".into());
    let end = report(ReportKind::Ended, at(20), Some(1));
    for (transaction, report) in [(second, start), (id, end)] {
        let reply = bench.report(transaction, report);
        let Some(Reply::Transaction { authorization, .. }) = reply else { panic!("{reply:?}") };
        let status = authorization.map(|authorization| authorization.status);
        assert!(status.is_none_or(|status| status == AuthorizationStatus::Accepted), "{status:?}");
    }
    bench.policy.new_sessions = true;
    assert_eq!(bench.ask(remote_start("")), None, "it waits for the station");
}

#[test]
fn pitfall_041_a_start_with_a_bad_token_has_an_id_and_the_reason() {
    let mut bench = Bench::new(Dialect::V16);
    let mut start = report(ReportKind::Started, at(0), None);
    start.token = Some(IdToken::new(TokenKind::Iso14443, "STRANGER"));
    let reply = bench.report(TransactionRef::Issue, start);
    let Some(Reply::Transaction { transaction, authorization: Some(answer), .. }) = reply else {
        panic!("{reply:?}")
    };
    assert!(transaction.as_str().parse::<i32>().is_ok_and(|id| id > 0));
    assert_eq!(answer.status, AuthorizationStatus::Unknown);
}

#[test]
fn pitfall_048_049_a_stop_of_an_id_that_is_none_is_answered_and_kept_as_an_orphan() {
    let mut bench = Bench::new(Dialect::V16);
    for (n, id) in ["0", "-1", "4711"].into_iter().enumerate() {
        let seconds = 60 + i64::try_from(n).unwrap();
        let stop = report(ReportKind::Ended, at(seconds), None);
        let stop = with_reading(stop, ReadingContext::End, 1_000);
        assert!(bench.report(TransactionRef::Known(id.into()), stop).is_some(), "{id}");
    }
    bench.advance(at(24 * 3_600));
    assert_eq!((bench.sessions().len(), bench.charges()), (3, 0));
}

#[test]
fn attack_38_a_station_that_was_never_accepted_may_not_charge() {
    let mut fresh = Bench::new(Dialect::V16);
    fresh.site = super::bench::site();
    fresh.connect(Dialect::V16);
    let start = report(ReportKind::Started, at(0), None);
    let reply = fresh.report(TransactionRef::Issue, start.clone());
    assert_eq!(reply, Some(Reply::NotAccepted));
    fresh.boot();
    fresh.say(StationEvent::Disconnected { reason: "test".into() });
    fresh.connect(Dialect::V16);
    assert!(matches!(fresh.report(TransactionRef::Issue, start), Some(Reply::Transaction { .. })));
    assert_eq!(fresh.site.booted(&station()), Some(Registration::Accepted));
}

#[test]
fn a_station_that_an_operator_lets_in_need_not_boot_again() {
    let mut bench = Bench::new(Dialect::V16);
    bench.register(Registration::Rejected);
    let start = report(ReportKind::Started, at(0), None);
    let before = bench.report(TransactionRef::Issue, start.clone());
    assert!(matches!(before, Some(Reply::Transaction { .. })), "its boot was answered before");
    bench.boot();
    let stop = report(ReportKind::Ended, at(60), None);
    let Some(Reply::Transaction { transaction, .. }) = before else { return };
    let known = TransactionRef::Known(transaction);
    assert_eq!(bench.report(known.clone(), stop.clone()), Some(Reply::NotAccepted));
    // The answer to that boot got lost: the station says the same again, for ever.
    let accepts =
        |bench: &Bench| bench.actions.iter().filter(|a| matches!(a, Action::Accept { .. })).count();
    assert_eq!(accepts(&bench), 0);
    bench.register(Registration::Accepted);
    assert_eq!(accepts(&bench), 1, "its connection is told, and answers its heartbeats");
    bench.register(Registration::Accepted);
    assert_eq!(accepts(&bench), 1);
    assert!(matches!(bench.report(known, stop), Some(Reply::Transaction { .. })));
    assert_eq!(bench.site.booted(&station()), Some(Registration::Accepted));
}

#[test]
fn a_refused_station_that_repeats_itself_fills_no_log() {
    let mut bench = Bench::new(Dialect::V16);
    bench.register(Registration::Rejected);
    bench.boot();
    let refused = |bench: &Bench| {
        bench.facts.iter().filter(|fact| matches!(fact, Fact::InputRefused(_))).count()
    };
    for _ in 0..5 {
        let reply = bench.say(StationEvent::Authorize { token: token() });
        assert_eq!(reply, Some(Reply::NotAccepted));
    }
    assert_eq!(refused(&bench), 1);
    bench.restart();
    bench.connect(Dialect::V16);
    bench.say(StationEvent::Authorize { token: token() });
    assert_eq!(refused(&bench), 1, "it is remembered over a restart");
    bench.boot();
    bench.say(StationEvent::Authorize { token: token() });
    assert_eq!(refused(&bench), 2, "a boot begins anew");
}

fn remote_start(key: &str) -> Request {
    Request::Command {
        station: station(),
        intent: Intent::RemoteStart { evse: Some(1), token: token(), remote_start: Some(7) },
        action: "RequestStartTransaction".into(),
        payload: "{}".into(),
        priority: Priority::Operator,
        until: at(60),
        key: (!key.is_empty()).then(|| key.into()),
    }
}

fn sent(bench: &Bench) -> Vec<crate::ids::CommandId> {
    let sent = |action: &Action| match action {
        Action::Command { command, .. } => Some(*command),
        _ => None,
    };
    bench.actions.iter().filter_map(sent).collect()
}

#[test]
fn attack_18_ten_posts_with_one_key_make_one_call_and_ten_answers() {
    let mut bench = Bench::new(Dialect::V201);
    for _ in 0..10 {
        assert_eq!(bench.ask(remote_start("once")), None, "it waits for the station");
    }
    let commands = sent(&bench);
    assert_eq!(commands.len(), 1);
    let before = bench.actions.len();
    bench.input(Input::Command {
        station: station(),
        command: commands[0],
        returned: CommandReturned::Answered {
            response: "{\"status\":\"Accepted\"}".into(),
            status: Some("Accepted".into()),
            message_id: "m1".into(),
        },
    });
    assert_eq!(bench.actions.len() - before, 10);
    let reply = bench.ask(remote_start("once"));
    assert!(matches!(reply, Some(Reply::Done(Done::Command { .. }))), "{reply:?}");
    assert_eq!(sent(&bench).len(), 1, "the same key never sends again");
    let mut started = report(ReportKind::Started, at(1), Some(0));
    started.remote_start = Some(7);
    bench.report(TransactionRef::Known("T9".into()), started);
    let seen = bench.facts.iter().any(|fact| matches!(fact, Fact::CommandEffect(e) if e.seen));
    assert!(seen, "its effect is seen");
}

#[test]
fn attack_18_a_key_means_one_request_and_a_start_under_way_is_not_started_again() {
    let mut bench = Bench::new(Dialect::V201);
    bench.ask(remote_start("key"));
    let mut other = remote_start("key");
    if let Request::Command { payload, .. } = &mut other {
        *payload = "{\"evseId\":2}".into();
    }
    let reply = bench.ask(other);
    assert!(matches!(reply, Some(Reply::Problem(Problem::Conflict(_)))), "{reply:?}");
    let command = sent(&bench)[0];
    let returned = CommandReturned::Answered {
        response: "{}".into(),
        status: Some("Accepted".into()),
        message_id: "m".into(),
    };
    bench.input(Input::Command { station: station(), command, returned });
    let reply = bench.ask(remote_start(""));
    assert!(matches!(reply, Some(Reply::Problem(Problem::Conflict(_)))), "{reply:?}");
    assert_eq!(sent(&bench).len(), 1);
    bench.advance(at(121));
    let mut later = remote_start("");
    if let Request::Command { until, .. } = &mut later {
        *until = at(200);
    }
    bench.ask(later);
    assert_eq!(sent(&bench).len(), 2, "it did not come in time");
}

fn connect(bench: &mut Bench, generation: u64, security_profile: u8) {
    let (dialect, remote) = (Dialect::V16, "127.0.0.1:4".into());
    let event = StationEvent::Connected { dialect, incarnation: 1, remote, security_profile };
    bench.input(Input::Station { station: station(), generation, call: None, event });
}

fn closes(bench: &Bench, closed: u64) -> bool {
    bench.actions.iter().any(|action| match action {
        Action::Close { generation, .. } => *generation == closed,
        _ => false,
    })
}

#[test]
fn attack_03_a_lesser_newcomer_never_displaces_a_live_connection() {
    let mut bench = Bench::new(Dialect::V16);
    let before = bench.facts.len();
    connect(&mut bench, 77, 0);
    assert_eq!(bench.facts.len(), before);
    assert!(closes(&bench, 77));
    assert!(bench.say(StationEvent::Authorize { token: token() }).is_some());
}

#[test]
fn attack_11_a_lower_security_profile_needs_an_operator_and_is_remembered() {
    let mut bench = Bench::new(Dialect::V16);
    bench.register(Registration::Accepted);
    connect(&mut bench, 70, 2);
    let reset = || Request::ResetProfile { station: station(), reason: "a proxy".into() };
    // A live connection keeps its rank even then.
    assert!(matches!(bench.ask(reset()), Some(Reply::Done(_))));
    connect(&mut bench, 71, 1);
    assert!(closes(&bench, 71));
    connect(&mut bench, 72, 2);
    let event = StationEvent::Disconnected { reason: "test".into() };
    bench.input(Input::Station { station: station(), generation: 72, call: None, event });
    for from_snapshot in [false, true] {
        if from_snapshot {
            let mut again = site();
            bench.site.snapshot().iter().for_each(|fact| again.apply(fact));
            assert_eq!(again, bench.site);
            bench.site = again;
        }
        let refused = 80 + u64::from(from_snapshot);
        connect(&mut bench, refused, 1);
        assert!(closes(&bench, refused), "{from_snapshot}");
    }
    assert!(matches!(bench.ask(reset()), Some(Reply::Done(_))));
    connect(&mut bench, 90, 1);
    assert!(!closes(&bench, 90));
    assert!(bench.site.booted(&station()).is_some());
    let unknown = Request::ResetProfile { station: "CS9".into(), reason: "x".into() };
    assert!(matches!(bench.ask(unknown), Some(Reply::Problem(Problem::NotFound(_)))));
}

#[test]
fn connectors_that_a_station_invents_do_not_grow_its_state() {
    let mut bench = Bench::new(Dialect::V16);
    for evse in 1..1_000 {
        let status = ConnectorStatus::Available;
        bench.say(StationEvent::Status { evse, connector: 1, status, reported: None, error: None });
    }
    assert!(bench.site.snapshot().len() < 300);
}

#[test]
fn pitfall_007_one_command_at_a_time_and_a_lost_connection_is_outcome_unknown() {
    let mut bench = Bench::new(Dialect::V201);
    let reset = |n: i64| Request::Command {
        station: station(),
        intent: Intent::Other,
        action: "GetBaseReport".into(),
        payload: "{}".into(),
        priority: Priority::Operator,
        until: at(60 + n),
        key: None,
    };
    bench.ask(reset(0));
    bench.ask(reset(1));
    assert_eq!(sent(&bench).len(), 1);
    bench.say(StationEvent::Disconnected { reason: "test".into() });
    let ended = |bench: &Bench| -> Vec<CommandOutcome> {
        let ended = |fact: &Fact| match fact {
            Fact::CommandEnded(ended) => Some(ended.outcome.clone()),
            _ => None,
        };
        bench.facts.iter().filter_map(ended).collect()
    };
    assert_eq!(ended(&bench), [CommandOutcome::OutcomeUnknown]);
    bench.advance(at(120));
    assert_eq!(ended(&bench), [CommandOutcome::OutcomeUnknown, CommandOutcome::Offline]);
}

#[test]
fn pitfall_021_a_second_connection_wins_and_the_old_ones_last_words_change_nothing() {
    let mut bench = Bench::new(Dialect::V16);
    let old = 1;
    bench.connect(Dialect::V16);
    assert!(bench.actions.iter().any(|a| matches!(a, Action::Close { generation: 1, .. })));
    let before = bench.facts.len();
    bench.input(Input::Station {
        station: station(),
        generation: old,
        call: None,
        event: StationEvent::Disconnected { reason: "closed".into() },
    });
    assert_eq!(bench.facts.len(), before);
    assert!(bench.site.booted(&station()).is_some());
}

#[test]
fn pitfall_084_readings_without_a_transaction_are_attached_by_evse_and_time() {
    let mut bench = Bench::new(Dialect::V201);
    let id = TransactionRef::Known("T1".into());
    let started = report(ReportKind::Started, at(0), Some(0));
    bench.report(id.clone(), with_reading(started, ReadingContext::Begin, 0));
    for (evse, wh) in [(1, 3_000), (2, 9_000)] {
        let readings = vec![register(at(50), ReadingContext::Sample, wh)];
        bench.say(StationEvent::Readings { evse, readings });
    }
    bench.report(id, report(ReportKind::Ended, at(100), Some(1)));
    bench.advance(at(100).plus(Millis::from_secs(3_600)));
    assert_eq!(bench.net(), 1_500_000);
}

#[test]
fn a_command_to_a_station_that_is_not_connected_says_so() {
    let mut bench = Bench::new(Dialect::V201);
    bench.say(StationEvent::Disconnected { reason: "test".into() });
    let Some(Reply::Done(Done::Command { outcome, .. })) = bench.ask(remote_start("")) else {
        panic!("no answer")
    };
    assert_eq!(outcome, CommandOutcome::Offline);
    let request = Request::RemoveStation("CS9".into());
    assert!(matches!(bench.ask(request), Some(Reply::Problem(Problem::NotFound(_)))));
}
