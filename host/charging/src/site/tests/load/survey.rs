//! What load control asks a station beside its limits, when, and what follows from the answers.

mod profiles;

use super::calls::Yard;
use super::host::{accepted, answered, unsupported};
use super::{amps, one_row};
use crate::action::Action;
use crate::fact::Fact;
use crate::fact::metering::ReportKind;
use crate::fact::station::Dialect;
use crate::ids::CommandId;
use crate::input::schedule::{Limit, Schedule, Step};
use crate::input::{CommandReturned, StationEvent};
use crate::load::config::{Config, KnownAs, Model};
use crate::load::kernel::capability::RateUnit;
use crate::load::kernel::profile::{Begins, Profile, ProfilePurpose};
use crate::load::question::{Answer, Question, Told};
use crate::units::{Current, Millis};

/// What a station is sent.
#[derive(Debug)]
enum Sent {
    Limit(CommandId, Box<Profile>),
    Maximum(CommandId, Box<Profile>),
    Asked(CommandId, Question),
}

/// Seconds go by until something is sent.
fn next(yard: &mut Yard, seconds: i64) -> Option<Sent> {
    for _ in 0..seconds {
        yard.now = yard.now.plus(Millis::from_secs(1));
        for action in yard.host.due(yard.now) {
            let Action::Command { command, profile, question, .. } = action else { continue };
            if let Some(set) = &profile
                && set.purpose == ProfilePurpose::Transaction
            {
                yard.last = Some(set.clone());
            }
            return Some(match (profile, question) {
                (Some(set), _) if set.purpose == ProfilePurpose::StationMaximum => {
                    Sent::Maximum(command, set)
                }
                (Some(profile), _) => Sent::Limit(command, profile),
                (None, Some(question)) => Sent::Asked(command, question),
                (None, None) => panic!("an empty command"),
            });
        }
    }
    None
}

fn limit(yard: &mut Yard) -> (CommandId, Box<Profile>) {
    match next(yard, 90) {
        Some(Sent::Limit(command, profile)) => (command, profile),
        other => panic!("{other:?}"),
    }
}

fn asked(yard: &mut Yard) -> (CommandId, Question) {
    match next(yard, 90) {
        Some(Sent::Asked(command, question)) => (command, question),
        other => panic!("{other:?}"),
    }
}

/// The next question, whatever limits are taken before.
fn asked_at_last(yard: &mut Yard) -> (CommandId, Question) {
    for _ in 0..9 {
        match next(yard, 90) {
            Some(Sent::Asked(command, question)) => return (command, question),
            Some(Sent::Limit(command, _) | Sent::Maximum(command, _)) => {
                yard.answer(command, accepted());
            }
            None => break,
        }
    }
    panic!("it is not asked")
}

/// Seconds go by, and limits are taken; gives what is asked meanwhile.
fn settle(yard: &mut Yard, seconds: i64) -> Vec<Question> {
    let end = yard.now.plus(Millis::from_secs(seconds));
    let mut questions = Vec::new();
    while yard.now < end {
        match next(yard, 1) {
            Some(Sent::Asked(_, question)) => questions.push(question),
            Some(Sent::Limit(command, _) | Sent::Maximum(command, _)) => {
                yard.answer(command, accepted());
            }
            None => {}
        }
    }
    questions
}

fn told(answer: Answer) -> CommandReturned {
    let (response, message_id) = ("{}".into(), "m".into());
    CommandReturned::Told { response, status: None, message_id, answer: Box::new(answer) }
}

fn can(told_of: Told) -> CommandReturned {
    told(Answer::Capability(told_of))
}

const ALL: Told = Told {
    stack_level_max: Some(8),
    periods_max: Some(24),
    amperes: Some(true),
    watts: Some(true),
    switches_phases: None,
    ends_offline: None,
    takes_dynamic: None,
};

/// Commissioned, with a car that was told 32 A; gives the first question about it.
fn charging(dialect: Dialect, config: &Config) -> (Yard, CommandId, Question) {
    let mut yard = Yard::arrived(dialect, "m", config);
    let (command, question) = asked(&mut yard);
    assert_eq!(question, Question::Capability, "first of all");
    yard.answer(command, can(ALL));
    let (command, fallback) = limit(&mut yard);
    let expected = config.compile().unwrap().evses()[0].fallback;
    assert_eq!(fallback.purpose, ProfilePurpose::Default);
    assert_eq!(fallback.periods[0].tenths, expected.0 / 100);
    assert_eq!((fallback.stack_level, fallback.duration_seconds), (0, None), "for ever");
    yard.answer(command, accepted());
    let Some(Sent::Maximum(command, maximum)) = next(&mut yard, 5) else { panic!("no maximum") };
    assert_eq!((maximum.evse, maximum.periods[0].tenths), (0, 320));
    yard.answer(command, accepted());
    yard.report(ReportKind::Started, &[("L1", 0)]);
    let (command, running) = limit(&mut yard);
    assert_eq!((running.purpose, running.periods[0].tenths), (ProfilePurpose::Transaction, 320));
    assert_eq!(running.stack_level, 1);
    yard.answer(command, accepted());
    let (command, question) = asked(&mut yard);
    (yard, command, question)
}

fn standard() -> Config {
    // What it holds has tests of its own.
    let tells_profiles = Some(false);
    let models = vec![Model { known_as: KnownAs::Standard, tells_profiles, ..Model::default() }];
    Config { models, ..one_row(1, 100, 6) }
}

fn schedule(limits: &[(i64, Option<i64>)]) -> CommandReturned {
    let step = |(start, amperes): &(i64, Option<i64>)| Step {
        start: Millis::from_secs(*start),
        limit: amperes.map(|amperes| Limit::Current(amps(amperes))),
        phases: None,
    };
    let (begins, duration) = (None, Some(Millis::from_secs(1_080)));
    let steps = limits.iter().map(step).collect();
    told(Answer::Schedule(Schedule { begins, duration, steps }))
}

#[test]
fn a_station_is_asked_what_it_can_told_its_fallback_and_maximum_and_verified_once() {
    for dialect in [Dialect::V16, Dialect::V201, Dialect::V21] {
        let (mut yard, command, question) = charging(dialect, &standard());
        let seconds = 1_080;
        assert_eq!(question, Question::Composite { evse: 1, seconds, unit: RateUnit::Amperes });
        yard.answer(command, schedule(&[(0, Some(32)), (900, Some(6))]));
        assert!(next(&mut yard, 300).is_none(), "asked again");
        assert!(!yard.evse().disobedient);
        // Nor at the next limit, but on the next connection.
        yard.cut(20);
        let (command, _) = limit(&mut yard);
        yard.answer(command, accepted());
        assert!(next(&mut yard, 60).is_none());
        yard.say(StationEvent::Disconnected { reason: "".into() });
        let remote = "192.0.2.1:1".into();
        let incarnation = 1;
        yard.say(StationEvent::Connected { dialect, incarnation, remote, security_profile: 1 });
        yard.cut(10);
        let (command, _) = limit(&mut yard);
        yard.answer(command, accepted());
        let (_, question) = asked(&mut yard);
        assert!(matches!(question, Question::Composite { .. }), "{question:?}");
    }
}

#[test]
fn what_a_station_says_that_it_allows_too_much_counts_until_it_says_otherwise() {
    let (mut yard, command, _) = charging(Dialect::V16, &standard());
    yard.answer(command, schedule(&[(0, Some(32))]));
    yard.cut(10);
    let (command, _) = limit(&mut yard);
    yard.answer(command, accepted());
    // It draws too much, and says so.
    for _ in 0..4 {
        yard.report(ReportKind::Updated, &[("L1", 16)]);
        yard.now = yard.now.plus(Millis::from_secs(8));
    }
    let (command, question) = asked_at_last(&mut yard);
    assert!(matches!(question, Question::Composite { .. }), "{question:?}");
    yard.answer(command, schedule(&[(0, Some(25))]));
    let evse = yard.evse();
    assert!(evse.disobedient && !evse.commandable, "{evse:?}");
    assert_eq!((evse.exposure, evse.claimed), (amps(25), Some(amps(25))), "{evse:?}");
    // Though it is measured to draw nothing now, its word counts; it is asked again, but not soon.
    for _ in 0..35 {
        yard.report(ReportKind::Updated, &[("L1", 0)]);
        assert_eq!(settle(&mut yard, 8), []);
        assert_eq!(yard.evse().exposure, amps(25));
    }
    let (command, question) = asked(&mut yard);
    assert!(matches!(question, Question::Composite { .. }), "{question:?}");
    yard.answer(command, schedule(&[(0, Some(0))]));
    // What it drew beyond its limit counts on, with its margin: it has not obeyed since.
    yard.report(ReportKind::Updated, &[("L1", 0)]);
    assert_eq!((yard.evse().exposure, yard.evse().claimed), (Current(18_600), None));
}

#[test]
fn no_limit_at_all_counts_as_all_that_it_can_draw() {
    let (mut yard, command, _) = charging(Dialect::V21, &standard());
    yard.answer(command, schedule(&[(0, Some(32)), (900, Some(6))]));
    yard.cut(10);
    let (command, _) = limit(&mut yard);
    yard.answer(command, accepted());
    for _ in 0..4 {
        yard.report(ReportKind::Updated, &[("L1", 12)]);
        yard.now = yard.now.plus(Millis::from_secs(8));
    }
    let (command, _) = asked_at_last(&mut yard);
    yard.answer(command, schedule(&[(0, None)]));
    assert_eq!(yard.evse().exposure, amps(32));
}

/// It says itself that the end of a lease means nothing to it.
#[test]
fn a_station_that_goes_on_after_its_lease_gets_no_credit() {
    for (after, credited) in [(6, true), (32, false)] {
        let (mut yard, command, _) = charging(Dialect::V201, &standard());
        // Its clock must be known for a lease: some messages, over a minute.
        yard.answer(command, unsupported());
        for _ in 0..12 {
            yard.report(ReportKind::Updated, &[("L1", 30)]);
            assert_eq!(settle(&mut yard, 8), []);
        }
        yard.say(StationEvent::Disconnected { reason: "".into() });
        let (dialect, remote) = (Dialect::V201, "192.0.2.1:1".into());
        let incarnation = 1;
        yard.say(StationEvent::Connected { dialect, incarnation, remote, security_profile: 1 });
        for _ in 0..12 {
            yard.report(ReportKind::Updated, &[("L1", 30)]);
            yard.now = yard.now.plus(Millis::from_secs(8));
        }
        // The renewal is the first limit of this connection.
        yard.now = yard.now.plus(Millis::from_secs(300));
        let (command, renewed) = limit(&mut yard);
        assert!(renewed.duration_seconds.is_some(), "{renewed:?}");
        yard.answer(command, accepted());
        let (command, _) = asked(&mut yard);
        yard.answer(command, schedule(&[(0, Some(32)), (902, Some(after))]));
        for _ in 0..12 {
            yard.report(ReportKind::Updated, &[("L1", 30)]);
            yard.now = yard.now.plus(Millis::from_secs(8));
        }
        yard.say(StationEvent::Disconnected { reason: "".into() });
        yard.now = yard.now.plus(Millis::from_secs(1_000));
        let expected = if credited { amps(6) } else { amps(32) };
        assert_eq!(yard.evse().exposure, expected, "after {after} A");
    }
}

#[test]
fn who_does_not_say_is_not_asked_again_on_this_connection() {
    for returned in [
        unsupported(),
        told(Answer::Nothing("the station rejected the question".into())),
        schedule(&[]),
    ] {
        let (mut yard, command, _) = charging(Dialect::V16, &standard());
        yard.answer(command, returned);
        yard.cut(10);
        let (command, _) = limit(&mut yard);
        yard.answer(command, accepted());
        for _ in 0..4 {
            yard.report(ReportKind::Updated, &[("L1", 20)]);
            yard.now = yard.now.plus(Millis::from_secs(8));
        }
        assert!(yard.evse().disobedient);
        assert_eq!(settle(&mut yard, 100), []);
    }
}

#[test]
fn a_question_without_an_answer_is_asked_twice() {
    let mut yard = Yard::arrived(Dialect::V16, "m", &standard());
    for _ in 0..2 {
        let (command, question) = asked(&mut yard);
        assert_eq!(question, Question::Capability);
        yard.answer(command, CommandReturned::TimedOut);
    }
    let (command, fallback) = limit(&mut yard);
    assert_eq!(fallback.purpose, ProfilePurpose::Default);
    yard.answer(command, accepted());
    assert_eq!(settle(&mut yard, 300), []);
}

#[test]
fn limits_are_written_in_the_unit_that_a_station_takes() {
    let mut yard = Yard::arrived(Dialect::V16, "m", &standard());
    let (command, _) = asked(&mut yard);
    let watts = Told { amperes: Some(false), stack_level_max: Some(0), ..ALL };
    yard.answer(command, can(watts));
    let (command, fallback) = limit(&mut yard);
    // 6 A at 207 V.
    assert_eq!((fallback.unit, fallback.periods[0].tenths), (RateUnit::Watts, 12_420));
    yard.answer(command, accepted());
    yard.report(ReportKind::Started, &[("L1", 0)]);
    let (command, running) = limit(&mut yard);
    assert_eq!((running.unit, running.stack_level), (RateUnit::Watts, 0));
    yard.answer(command, accepted());
    let (_, question) = asked(&mut yard);
    assert!(matches!(question, Question::Composite { unit: RateUnit::Watts, .. }));
}

#[test]
fn a_limit_of_zero_that_is_rejected_becomes_the_least_that_it_takes() {
    let (mut yard, command, _) =
        charging(Dialect::V16, &Config { models: standard().models, ..one_row(1, 100, 0) });
    yard.answer(command, unsupported());
    yard.cut(3);
    let (command, paused) = limit(&mut yard);
    assert_eq!(paused.periods[0].tenths, 0);
    yard.answer(command, answered("Rejected"));
    // Its transaction might have ended at that moment: it is told once more.
    let (command, paused) = limit(&mut yard);
    assert_eq!(paused.periods[0].tenths, 0);
    yard.answer(command, answered("Rejected"));
    let (command, least) = limit(&mut yard);
    assert_eq!(least.periods[0].tenths, 60);
    yard.answer(command, accepted());
    assert_eq!(yard.evse().limit, amps(6));
    // One that takes no limit at all is not one that takes no 0.
    let (mut yard, command, _) =
        charging(Dialect::V16, &Config { models: standard().models, ..one_row(1, 100, 0) });
    yard.answer(command, unsupported());
    yard.cut(3);
    for tenths in [0, 0, 60, 0] {
        let (command, profile) = limit(&mut yard);
        assert_eq!(profile.periods[0].tenths, tenths);
        yard.answer(command, answered("Rejected"));
    }
    assert_eq!(yard.evse().exposure, Current(32_000));
}

#[test]
fn a_model_of_the_field_is_as_it_was_seen() {
    let config = standard();
    let wallbox = config.capability("Wallbox", "PLP1-0-2-4", Some(&ALL));
    assert_eq!((wallbox.stack_level_max, wallbox.takes_absolute), (0, false));
    assert!(!wallbox.leases());
    let huawei = config.capability("HUAWEI", "SCharger-22KT-S0", Some(&ALL));
    assert_eq!(huawei.unit, RateUnit::Watts);
    let elvi = config.capability("EVBox B.V.", "EVB-ELVI-x", Some(&ALL));
    assert_eq!(elvi.stack_level_max, 0);
    let other = config.capability("Somebody", "x", Some(&ALL));
    assert_eq!((other.stack_level_max, other.unit), (8, RateUnit::Amperes));
    // The operator knows better.
    let mut known = standard();
    known.models[0].stack_level_max = Some(2);
    assert_eq!(known.capability("Wallbox", "x", None).stack_level_max, 2);
}

/// What gives its limits up when it is offline needs no lease and no renewals, and is counted with
/// its limit for as long as it is away.
#[test]
fn a_station_that_ends_its_limits_offline_is_not_written_to_for_nothing() {
    let mut yard = Yard::arrived(Dialect::V21, "m", &standard());
    let (command, _) = asked(&mut yard);
    yard.answer(command, can(Told { ends_offline: Some(true), takes_dynamic: Some(true), ..ALL }));
    for _ in 0..2 {
        match next(&mut yard, 10) {
            Some(Sent::Limit(command, _) | Sent::Maximum(command, _)) => {
                yard.answer(command, accepted());
            }
            other => panic!("{other:?}"),
        }
    }
    yard.cut(20);
    yard.report(ReportKind::Started, &[("L1", 0)]);
    let (command, set) = limit(&mut yard);
    assert_eq!((set.begins, set.updates), (Begins::OnReceipt, false));
    assert_eq!((set.duration_seconds, set.max_offline_seconds), (None, Some(900)));
    yard.answer(command, accepted());
    let (command, _) = asked(&mut yard);
    yard.answer(command, schedule(&[(0, Some(20))]));
    // An hour without a write.
    for _ in 0..360 {
        yard.report(ReportKind::Updated, &[("L1", 20)]);
        let sent = next(&mut yard, 10);
        assert!(sent.is_none(), "{sent:?}");
    }
    // Another limit is an update of it; one that is rejected is set anew.
    yard.cut(10);
    let (command, update) = limit(&mut yard);
    assert_eq!((update.updates, update.periods[0].tenths), (true, 100));
    let pulled = |yard: &Yard| yard.host.site.dynamic_limit(&"CS-0".into(), 300_001);
    assert_eq!(pulled(&yard), Some(100), "the less of what it has and what comes");
    assert_eq!(yard.host.site.dynamic_limit(&"CS-0".into(), 300_002), None);
    yard.answer(command, answered("Rejected"));
    let (command, set) = limit(&mut yard);
    assert!(!set.updates);
    yard.answer(command, accepted());
    yard.pass(20);
    assert_eq!(yard.evse().exposure, amps(10));
    // However long it is away it may not have noticed.
    yard.say(StationEvent::Disconnected { reason: "".into() });
    yard.now = yard.now.plus(Millis::from_secs(24 * 3_600));
    assert_eq!(yard.evse().exposure, amps(10));
    let (dialect, remote, incarnation) = (Dialect::V21, "192.0.2.1:1".into(), 1);
    yard.say(StationEvent::Connected { dialect, incarnation, remote, security_profile: 1 });
    // It may have given it up.
    let (_, again) = limit(&mut yard);
    assert_eq!((again.updates, again.periods[0].tenths), (false, 100));
}

#[test]
fn people_are_told_once_when_a_stations_budget_is_used_and_decreases_go_on() {
    let mut config = standard();
    config.models[0].writes_a_day = Some(4);
    let (mut yard, command, _) = charging(Dialect::V201, &config);
    yard.answer(command, unsupported());
    let alarms = |yard: &Yard| {
        let facts = yard.host.journal().iter();
        facts.filter(|fact| matches!(fact, Fact::LoadAlarmed(_))).count()
    };
    // Alone in its row, it is told what there is and no less.
    for (amperes, alarmed) in [(20, 0), (16, 1), (12, 1), (10, 1), (8, 1)] {
        yard.cut(amperes);
        let (command, lower) = limit(&mut yard);
        assert_eq!(lower.periods[0].tenths, amperes * 10);
        yard.answer(command, accepted());
        assert_eq!(alarms(&yard), alarmed, "at {amperes} A");
    }
    let evse = yard.evse();
    assert!(evse.over_budget && evse.writes > 4, "{evse:?}");
}
