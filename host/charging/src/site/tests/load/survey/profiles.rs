//! What a 2.x station holds is believed over what it answered to its last limit.

use super::super::lines::{report, reported};
use super::*;
use crate::fact::load::HeldVerdict;

/// A car that was told 32 A, and the question which profiles its station holds.
fn told_first(dialect: Dialect) -> (Yard, Box<Profile>, Question) {
    let (mut yard, command, _) = charging(dialect, &telling());
    let running = ours(&mut yard, 32);
    yard.answer(command, schedule(&[(0, Some(32)), (900, Some(6))]));
    let (command, question) = asked(&mut yard);
    yard.answer(command, told(Answer::Profiles(true)));
    (yard, running, question)
}

fn telling() -> Config {
    let mut config = standard();
    config.models[0].tells_profiles = None;
    config
}

/// The profile of the running transaction with a limit.
fn ours(yard: &mut Yard, amperes: i64) -> Box<Profile> {
    let mut profile = yard.last.clone().expect("a limit");
    assert_eq!(profile.purpose, ProfilePurpose::Transaction);
    profile.periods[0].tenths = amperes * 10;
    profile
}

fn reports(yard: &mut Yard, question: Question, profiles: &[&Profile]) {
    let Question::Profiles { evse, request } = question else { panic!("{question:?}") };
    yard.say(report(evse, request, profiles.iter().map(|profile| reported(profile)).collect()));
}

/// What the last `load.held` said.
fn verdict(yard: &Yard) -> Option<HeldVerdict> {
    let facts = yard.host.all.as_ref().expect("facts");
    facts.iter().rev().find_map(|fact| match fact {
        Fact::LoadHeld(held) => Some(held.verdict),
        _ => None,
    })
}

#[test]
fn what_a_station_holds_is_verified_once_in_a_transaction() {
    for dialect in [Dialect::V201, Dialect::V21] {
        let (mut yard, running, question) = told_first(dialect);
        assert!(matches!(question, Question::Profiles { evse: 1, .. }), "{question:?}");
        reports(&mut yard, question, &[&running]);
        assert_eq!(verdict(&yard), Some(HeldVerdict::Kept));
        yard.cut(20);
        let (command, _) = limit(&mut yard);
        yard.answer(command, accepted());
        assert_eq!(settle(&mut yard, 400), []);
        assert_eq!((yard.evse().disobedient, yard.evse().claimed), (false, None));
        // The next transaction is verified anew.
        yard.report(ReportKind::Ended, &[]);
        yard.next_transaction();
        yard.report(ReportKind::Started, &[("L1", 0)]);
        let (_, question) = asked_at_last(&mut yard);
        assert!(matches!(question, Question::Profiles { .. }), "{question:?}");
    }
    let (mut yard, command, _) = charging(Dialect::V16, &telling());
    yard.answer(command, schedule(&[(0, Some(32)), (900, Some(6))]));
    assert_eq!(settle(&mut yard, 300), [], "1.6 has no such question");
}

#[test]
fn a_limit_that_was_accepted_and_is_not_held_limits_nothing() {
    for none in [false, true] {
        let (mut yard, command, _) = charging(Dialect::V201, &telling());
        yard.answer(command, unsupported());
        yard.cut(10);
        let (command, lower) = limit(&mut yard);
        yard.answer(command, accepted());
        let (command, question) = asked(&mut yard);
        if none {
            yard.answer(command, told(Answer::Profiles(false)));
        } else {
            yard.answer(command, told(Answer::Profiles(true)));
            reports(&mut yard, question, &[]);
        }
        assert_eq!(verdict(&yard), Some(HeldVerdict::Missing));
        let evse = yard.evse();
        assert_eq!((evse.exposure, evse.claimed), (amps(32), Some(amps(32))), "{evse:?}");
        assert!(evse.disobedient && !evse.commandable);
        // It counts so until it is seen to hold it; that is looked at again, but not soon.
        assert_eq!(settle(&mut yard, 250), []);
        let (command, question) = asked_at_last(&mut yard);
        yard.answer(command, told(Answer::Profiles(true)));
        let now_held = yard.last.clone().unwrap_or(lower);
        reports(&mut yard, question, &[&now_held]);
        assert_eq!(verdict(&yard), Some(HeldVerdict::Kept));
        let holds = Current(now_held.periods[0].tenths * 100);
        assert!(holds <= amps(10), "{now_held:?}");
        let counted = holds.max(amps(6));
        assert_eq!((yard.evse().exposure, yard.evse().claimed), (counted, None));
    }
}

/// It falls back to what it holds: never less counts than what it accepted.
#[test]
fn a_station_that_holds_its_fallback_alone_counts_with_that_and_what_it_accepted() {
    for (fallback, counted) in [(6, 10), (20, 20)] {
        let (mut yard, command, _) = charging(Dialect::V201, &telling());
        yard.answer(command, unsupported());
        yard.cut(10);
        let (command, lower) = limit(&mut yard);
        yard.answer(command, accepted());
        let (command, question) = asked(&mut yard);
        yard.answer(command, told(Answer::Profiles(true)));
        let mut default = Profile { id: 200_001, purpose: ProfilePurpose::Default, ..*lower };
        (default.transaction, default.begins) = (None, Begins::Always);
        (default.duration_seconds, default.periods[0].tenths) = (None, fallback * 10);
        default.periods.truncate(1);
        reports(&mut yard, question, &[&default]);
        assert_eq!(verdict(&yard), Some(HeldVerdict::Missing));
        yard.now = yard.now.plus(Millis::from_secs(9));
        let evse = yard.evse();
        assert_eq!((evse.exposure, evse.claimed), (amps(counted), Some(amps(fallback))));
        assert!(!evse.commandable);
    }
}

#[test]
fn a_higher_limit_that_is_held_counts() {
    let (mut yard, command, _) = charging(Dialect::V21, &telling());
    yard.answer(command, unsupported());
    yard.cut(10);
    let (command, _) = limit(&mut yard);
    yard.answer(command, accepted());
    let (command, question) = asked(&mut yard);
    yard.answer(command, told(Answer::Profiles(true)));
    let higher = ours(&mut yard, 25);
    reports(&mut yard, question, &[&higher]);
    assert_eq!(verdict(&yard), Some(HeldVerdict::Exceeds));
    // The car has its time to follow.
    yard.now = yard.now.plus(Millis::from_secs(9));
    assert_eq!(yard.evse().exposure, amps(25));
}

#[test]
fn a_limit_that_was_rejected_and_is_held_counts_as_taken() {
    for holds in [true, false] {
        let (mut yard, running, question) = told_first(Dialect::V201);
        reports(&mut yard, question, &[&running]);
        yard.cut(10);
        let (command, lower) = limit(&mut yard);
        yard.answer(command, answered("Rejected"));
        let (command, question) = asked(&mut yard);
        yard.answer(command, told(Answer::Profiles(true)));
        reports(&mut yard, question, &[if holds { &lower } else { &running }]);
        // The car has its time to follow.
        yard.now = yard.now.plus(Millis::from_secs(9));
        let expected = if holds { HeldVerdict::Taken } else { HeldVerdict::Refused };
        assert_eq!(verdict(&yard), Some(expected));
        let counted = if holds { 10 } else { 32 };
        assert_eq!((yard.evse().exposure, yard.evse().claimed), (amps(counted), None));
        if holds {
            assert_eq!(yard.evse().limit, amps(10));
            assert!(next(&mut yard, 200).is_none(), "it is told again");
        }
    }
}

#[test]
fn a_station_that_always_rejects_is_not_asked_for_ever() {
    let (mut yard, running, question) = told_first(Dialect::V201);
    reports(&mut yard, question, &[&running]);
    yard.cut(10);
    let mut asked_at = Vec::new();
    let began = yard.now;
    while yard.now.since(began) < Millis::from_secs(6 * 3_600) {
        match next(&mut yard, 1) {
            Some(Sent::Asked(command, question)) => {
                asked_at.push(yard.now);
                yard.answer(command, told(Answer::Profiles(true)));
                reports(&mut yard, question, &[&running]);
            }
            Some(Sent::Limit(command, _) | Sent::Maximum(command, _)) => {
                yard.answer(command, answered("Rejected"));
            }
            None => {}
        }
    }
    assert_eq!(asked_at.len(), 4, "{asked_at:?}");
    let pauses = asked_at.windows(2).map(|pair| pair[1].since(pair[0]).0 / 1_000);
    let pauses: Vec<_> = pauses.collect();
    assert!(pauses[0] >= 300 && pauses[1] >= 600 && pauses[2] >= 1_200, "{pauses:?}");
    assert_eq!(yard.evse().exposure, amps(32), "nothing that it may hold is forgotten");
}

#[test]
fn who_does_not_say_what_it_holds_is_not_asked_again_before_it_boots() {
    for returned in [unsupported(), told(Answer::Nothing("no".into()))] {
        let (mut yard, command, _) = charging(Dialect::V201, &telling());
        yard.answer(command, schedule(&[(0, Some(32)), (900, Some(6))]));
        let (command, question) = asked(&mut yard);
        assert!(matches!(question, Question::Profiles { .. }), "{question:?}");
        yard.answer(command, returned);
        assert_eq!(verdict(&yard), Some(HeldVerdict::Silent));
        assert_eq!(yard.evse().claimed, None);
        yard.cut(10);
        let (command, _) = limit(&mut yard);
        yard.answer(command, answered("Rejected"));
        assert_eq!(settle(&mut yard, 900), []);
        yard.boot("m");
        let mut questions = Vec::new();
        for _ in 0..6 {
            match next(&mut yard, 90) {
                Some(Sent::Asked(command, question)) => {
                    questions.push(question);
                    yard.answer(command, unsupported());
                }
                Some(Sent::Limit(command, _) | Sent::Maximum(command, _)) => {
                    yard.answer(command, accepted());
                }
                None => break,
            }
        }
        assert!(questions.iter().any(|asked| matches!(asked, Question::Profiles { .. })));
    }
}

/// A report that comes after another limit was sent says nothing of that one.
#[test]
fn a_report_that_is_late_is_not_believed() {
    let (mut yard, running, question) = told_first(Dialect::V201);
    yard.cut(10);
    let (command, _) = limit(&mut yard);
    reports(&mut yard, question, &[&running]);
    assert_eq!(verdict(&yard), None);
    yard.answer(command, answered("Rejected"));
    reports(&mut yard, question, &[]);
    assert_eq!((verdict(&yard), yard.evse().exposure), (None, amps(32)));
}
