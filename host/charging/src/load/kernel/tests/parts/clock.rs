//! Owns what is believed of a station's clock.

use crate::load::kernel::clock::Clock;
use crate::load::kernel::tests::START;
use crate::units::{Millis, Timestamp};

fn at(seconds: i64) -> Timestamp {
    START.plus(Millis::from_secs(seconds))
}

/// A clock that was heard every ten seconds for a minute, an hour ahead, up to two seconds late.
fn heard() -> Clock {
    let mut clock = Clock::default();
    for n in 0..7 {
        clock.heard(at(n * 10), at(n * 10 + 3_600 - n % 3));
    }
    clock
}

#[test]
fn the_least_delayed_message_tells_the_offset() {
    let credit = heard().credit(at(60)).unwrap();
    assert_eq!(credit.offset, Millis::from_secs(3_600));
    assert!(credit.uncertainty >= Millis::from_secs(1));
    assert!(credit.uncertainty <= Millis::from_secs(2));
}

#[test]
fn nothing_is_believed_before_three_messages_and_a_minute() {
    let mut clock = Clock::default();
    clock.heard(at(0), at(0));
    clock.heard(at(10), at(10));
    assert_eq!(clock.credit(at(70)), None);
    clock.heard(at(20), at(20));
    assert_eq!(clock.credit(at(59)), None);
    assert!(clock.credit(at(60)).is_some());
}

#[test]
fn messages_that_were_kept_while_offline_change_nothing() {
    let mut clock = heard();
    for n in 0..20 {
        clock.heard(at(700 + n / 4), at(100 + n * 30 + 3_600));
    }
    clock.heard(at(710), at(710 + 3_600));
    let credit = clock.credit(at(711)).unwrap();
    assert_eq!(credit.offset, Millis::from_secs(3_600));
    assert_eq!(clock.jumped(), None);
}

#[test]
fn a_clock_that_was_set_back_loses_its_credit_at_the_second_message() {
    let mut clock = heard();
    clock.heard(at(100), at(100 + 1_800));
    assert!(clock.credit(at(101)).is_some(), "one late message is no doubt yet");
    clock.heard(at(110), at(110 + 1_800));
    assert_eq!(clock.credit(at(111)), None);
    for n in 0..6 {
        clock.heard(at(120 + n * 10), at(120 + n * 10 + 1_800));
    }
    assert!(clock.jumped().is_some());
    assert_eq!(clock.offset(), Some(Millis::from_secs(1_800)));
    assert_eq!(clock.credit(at(200)), None, "it jumped, and is distrusted");
    assert!(clock.credit(at(200 + 6 * 3_600)).is_some());
}

#[test]
fn a_clock_that_was_set_forward_jumped() {
    let mut clock = heard();
    clock.heard(at(100), at(100 + 7_200));
    assert_eq!(clock.jumped(), Some(at(100)));
    assert_eq!(clock.credit(at(101)), None);
    assert_eq!(clock.offset(), Some(Millis::from_secs(7_200)));
}

#[test]
fn after_a_boot_a_clock_must_be_heard_again_beyond_what_was_kept_from_before() {
    let mut clock = heard();
    clock.begin();
    assert_eq!(clock.credit(at(61)), None);
    for n in 0..5 {
        clock.heard(at(70 + n), at(65 + n + 3_600));
    }
    assert_eq!(clock.credit(at(75)), None, "all of them may have been kept");
    for n in 0..6 {
        clock.heard(at(80 + n * 10), at(80 + n * 10 + 3_600));
    }
    assert!(clock.credit(at(131)).is_some());
}

#[test]
fn silence_makes_a_clock_less_certain() {
    let clock = heard();
    let soon = clock.credit(at(60)).unwrap().uncertainty;
    let later = clock.credit(at(60 + 36_000)).unwrap().uncertainty;
    assert!(later >= soon.plus(Millis::from_secs(7)));
}

#[test]
fn nothing_is_believed_after_ours_was_set_until_it_is_heard_again() {
    let mut clock = heard();
    let set = 3_600;
    clock.doubt_ours(Millis::from_secs(set));
    assert_eq!(clock.credit(at(60 + set)), None);
    assert_eq!(clock.offset(), Some(Millis(0)), "the best guess there is");
    for n in 0..7 {
        clock.heard(at(70 + set + n * 10), at(70 + n * 10 + 3_600));
    }
    let credit = clock.credit(at(131 + set)).unwrap();
    assert_eq!((credit.offset, clock.jumped()), (Millis(0), None));
}
