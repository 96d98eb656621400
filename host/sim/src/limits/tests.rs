//! What holds when, against a second reading of the rules that looks at every second by itself.

use proptest::prelude::*;

use super::*;
use crate::car::{PHASE_V, Supply};

const FROM_MS: i64 = 1_794_816_000_000;
const DAY_MS: i64 = 86_400_000;

fn profile(purpose: Purpose, stack: i64, tenths: i64) -> Profile {
    Profile {
        id: stack + 10 * i64::from(purpose == Purpose::Tx),
        evse: if purpose == Purpose::StationMax { 0 } else { 1 },
        purpose,
        stack,
        tx: (purpose == Purpose::Tx).then(|| "t".to_owned()),
        valid_from_ms: None,
        valid_to_ms: None,
        begin: Begin::At(FROM_MS),
        duration_s: None,
        max_offline_s: None,
        pull_s: None,
        in_amperes: true,
        periods: vec![Period { start_s: 0, tenths, phases: None }],
    }
}

const ABOUT: About<'static> =
    About { evse: 1, tx: Some("t"), started_ms: FROM_MS - 30_000, offline_ms: None };

fn holds(limits: &Limits, about: About<'_>, second: i64) -> Option<i64> {
    let caps = limits.caps(about, FROM_MS + second * 1000);
    let ma = |cap: Cap| match cap.amount {
        Amount::Milliamperes(ma) => ma,
        Amount::Watts(w) => panic!("{w} W"),
    };
    caps.into_iter().flatten().map(ma).min()
}

#[test]
fn which_profile_holds() {
    let (default, tx, max) = (Purpose::TxDefault, Purpose::Tx, Purpose::StationMax);
    let of = |purpose, stack, tenths| profile(purpose, stack, tenths);
    let ends = |profile: Profile, duration_s| Profile { duration_s: Some(duration_s), ..profile };
    for (name, profiles, at) in [
        ("a transaction's own, even if it is more", vec![of(default, 8, 60), of(tx, 0, 160)], {
            [Some(16_000), Some(16_000)]
        }),
        ("the default after its end", vec![of(default, 0, 60), ends(of(tx, 1, 160), 100)], {
            [Some(16_000), Some(6_000)]
        }),
        ("the highest level", vec![of(default, 1, 100), of(default, 2, 130)], {
            [Some(13_000), Some(13_000)]
        }),
        ("a lower level after its end", vec![of(tx, 1, 100), ends(of(tx, 2, 60), 100)], {
            [Some(6_000), Some(10_000)]
        }),
        ("the station's as a minimum", vec![of(tx, 1, 160), ends(of(max, 0, 80), 100)], {
            [Some(8_000), Some(16_000)]
        }),
        ("nothing", vec![ends(of(default, 0, 60), 100)], [Some(6_000), None]),
    ] {
        let mut limits = Limits::default();
        for profile in profiles {
            limits.set(profile);
        }
        assert_eq!([holds(&limits, ABOUT, 99), holds(&limits, ABOUT, 100)], at, "{name}");
    }
}

#[test]
fn what_others_limit_is_a_minimum_and_not_the_servers_to_clear() {
    let mut limits = Limits::default();
    limits.set(profile(Purpose::Tx, 1, 160));
    limits.limit_by_other(Some(10_000));
    assert_eq!(holds(&limits, ABOUT, 0), Some(10_000));
    limits.clear(&Which::default());
    assert_eq!(holds(&limits, ABOUT, 0), Some(10_000));
    limits.limit_by_other(Some(8_000));
    assert_eq!(holds(&limits, ABOUT, 0), Some(8_000));
    limits.limit_by_other(None);
    assert_eq!(holds(&limits, ABOUT, 0), None);
}

#[test]
fn a_profile_takes_the_place_of_its_number_and_of_its_level() {
    let mut limits = Limits::default();
    limits.set(profile(Purpose::TxDefault, 1, 60));
    limits.set(Profile { id: 77, ..profile(Purpose::TxDefault, 1, 80) });
    assert_eq!(limits.iter().map(|profile| profile.id).collect::<Vec<_>>(), [77]);
    limits.set(Profile { id: 77, ..profile(Purpose::Tx, 2, 100) });
    assert_eq!(limits.iter().count(), 1);
    assert_eq!(holds(&limits, ABOUT, 0), Some(10_000));
    limits.forget(1);
    assert_eq!(holds(&limits, ABOUT, 0), None);
}

#[test]
fn a_profile_of_another_transaction_does_not_hold() {
    let mut limits = Limits::default();
    limits.set(profile(Purpose::Tx, 1, 60));
    assert_eq!(holds(&limits, About { tx: Some("u"), ..ABOUT }, 0), None);
    assert_eq!(holds(&limits, About { tx: None, ..ABOUT }, 0), None);
}

#[test]
fn a_profile_ends_while_the_station_is_offline() {
    let mut limits = Limits::default();
    limits.set(Profile { max_offline_s: Some(60), ..profile(Purpose::Tx, 1, 60) });
    let offline = About { offline_ms: Some(FROM_MS), ..ABOUT };
    assert_eq!([59, 60].map(|second| holds(&limits, offline, second)), [Some(6_000), None]);
    assert_eq!(holds(&limits, ABOUT, 60), Some(6_000), "it is back");
    assert_eq!(limits.next_change_ms(offline, FROM_MS), Some(FROM_MS + 60_000));
}

#[test]
fn an_update_begins_a_dynamic_profile_anew() {
    let mut limits = Limits::default();
    let dynamic = Profile {
        begin: Begin::Updated(FROM_MS),
        duration_s: Some(60),
        ..profile(Purpose::Tx, 1, 160)
    };
    limits.set(dynamic.clone());
    assert_eq!([59, 60].map(|second| holds(&limits, ABOUT, second)), [Some(16_000), None]);
    assert!(limits.update(dynamic.id, 80, FROM_MS + 50_000));
    assert_eq!([109, 110].map(|second| holds(&limits, ABOUT, second)), [Some(8_000), None]);
    assert!(!limits.update(dynamic.id + 1, 80, FROM_MS));
    limits.set(profile(Purpose::Tx, 1, 160));
    assert!(!limits.update(profile(Purpose::Tx, 1, 0).id, 80, FROM_MS), "it is not dynamic");
}

#[test]
fn a_station_that_takes_no_notice_of_durations() {
    let two = Profile {
        duration_s: Some(100),
        periods: vec![
            Period { start_s: 0, tenths: 160, phases: None },
            Period { start_s: 50, tenths: 60, phases: None },
        ],
        ..profile(Purpose::Tx, 1, 0)
    };
    let at = |faults: ProfileFaults| {
        let mut limits = Limits::new(faults);
        limits.set(two.clone());
        [49, 50, 100].map(|second| holds(&limits, ABOUT, second))
    };
    let sound = ProfileFaults::default();
    assert_eq!(at(sound), [Some(16_000), Some(6_000), None]);
    let long = ProfileFaults { ignores_duration: true, ..sound };
    assert_eq!(at(long), [Some(16_000), Some(6_000), Some(6_000)]);
    let first = ProfileFaults { ignores_periods: true, ..long };
    assert_eq!(at(first), [Some(16_000); 3]);
}

#[test]
fn a_schedule_that_comes_again() {
    let mut limits = Limits::default();
    limits.set(Profile {
        begin: Begin::Every(FROM_MS - 7 * DAY_MS + 3_600_000, DAY_MS),
        duration_s: Some(7_200),
        ..profile(Purpose::TxDefault, 1, 60)
    });
    let told = composite(&limits, ABOUT, SUPPLY, true, FROM_MS, 2 * 86_400);
    let told: Vec<_> = told.iter().map(|period| (period.start_s, period.tenths)).collect();
    assert_eq!(told, [(0, 320), (3_600, 60), (10_800, 320), (90_000, 60), (97_200, 320)]);
}

const SUPPLY: Supply = Supply::Ac { phases: 3, max_ma: 32_000 };

fn periods() -> impl Strategy<Value = Vec<Period>> {
    let period = (1_i64..40, 0_i64..400, proptest::option::of(1_u8..4));
    proptest::collection::vec(period, 1..4).prop_map(|all| {
        let mut start_s = 0;
        let mut periods = Vec::new();
        for (gap_s, tenths, phases) in all {
            periods.push(Period { start_s, tenths, phases });
            start_s += gap_s;
        }
        periods
    })
}

fn begin() -> impl Strategy<Value = Begin> {
    let near_ms = || -60_000_i64..60_000;
    prop_oneof![
        near_ms().prop_map(|ms| Begin::At(FROM_MS + ms)),
        (near_ms(), 10_i64..90).prop_map(|(ms, s)| Begin::Every(FROM_MS + ms, s * 1000)),
        Just(Begin::WithTransaction),
        near_ms().prop_map(|ms| Begin::Updated(FROM_MS + ms)),
    ]
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let purpose = prop::sample::select(vec![Purpose::StationMax, Purpose::TxDefault, Purpose::Tx]);
    let validity = || proptest::option::of(-60_000_i64..120_000);
    let ends = (proptest::option::of(1_i64..120), proptest::option::of(0_i64..60));
    let place = (0_u16..3, 0_i64..3, 1_i64..6, any::<bool>(), any::<bool>());
    (purpose, place, validity(), validity(), ends, begin(), periods()).prop_map(
        |(purpose, (evse, stack, id, in_amperes, named), from, to, ends, begin, mut periods)| {
            if !in_amperes {
                for period in &mut periods {
                    period.tenths *= 500;
                }
            }
            Profile {
                id,
                evse,
                purpose,
                stack,
                tx: (purpose == Purpose::Tx && named).then(|| "t".to_owned()),
                valid_from_ms: from.map(|ms| FROM_MS + ms),
                valid_to_ms: to.map(|ms| FROM_MS + ms),
                begin,
                duration_s: ends.0,
                max_offline_s: ends.1,
                pull_s: None,
                in_amperes,
                periods,
            }
        },
    )
}

/// What one profile says at a moment, read once more from the rules.
fn says(profile: &Profile, about: About<'_>, at_ms: i64) -> Option<Period> {
    let mut begin_ms = match profile.begin {
        Begin::At(ms) | Begin::Every(ms, _) | Begin::Updated(ms) => ms,
        Begin::WithTransaction => about.started_ms,
    };
    if let Begin::Every(_, every_ms) = profile.begin {
        while begin_ms > at_ms {
            begin_ms -= every_ms;
        }
        while begin_ms + every_ms <= at_ms {
            begin_ms += every_ms;
        }
    }
    let gone = |at: Option<i64>, from: Option<i64>| {
        at.zip(from).is_some_and(|(seconds, from_ms)| at_ms >= from_ms + seconds * 1000)
    };
    let valid = profile.valid_from_ms.is_none_or(|ms| ms <= at_ms)
        && profile.valid_to_ms.is_none_or(|ms| at_ms < ms)
        && !gone(profile.duration_s, Some(begin_ms))
        && !gone(profile.max_offline_s, about.offline_ms)
        && begin_ms <= at_ms;
    let mut now = None;
    for period in &profile.periods {
        if begin_ms + period.start_s * 1000 <= at_ms {
            now = Some(*period);
        }
    }
    now.filter(|_| valid)
}

/// What an EVSE may do at a moment, in tenths of the unit, and on how many phases.
fn brute(profiles: &[Profile], about: About<'_>, in_amperes: bool, at_ms: i64) -> (i64, u8) {
    let best = |purpose: Purpose| {
        let mut best: Option<(&Profile, Period)> = None;
        for profile in profiles {
            let here = profile.evse == 0 || profile.evse == about.evse;
            let mine = profile.tx.is_none() || profile.tx.as_deref() == about.tx;
            let Some(period) = says(profile, about, at_ms) else { continue };
            if profile.purpose != purpose || !here || !mine {
                continue;
            }
            let higher =
                best.is_none_or(|(old, _)| (profile.stack, profile.evse) >= (old.stack, old.evse));
            if higher {
                best = Some((profile, period));
            }
        }
        best
    };
    let own = best(Purpose::Tx).or(best(Purpose::TxDefault));
    let all: Vec<_> = [own, best(Purpose::StationMax)].into_iter().flatten().collect();
    let phases = all.iter().filter_map(|(_, period)| period.phases).chain([3]).min().unwrap_or(3);
    let volts = PHASE_V * i64::from(phases);
    let mut least = if in_amperes { 320 } else { 320 * volts };
    for (profile, period) in all {
        let tenths = match (profile.in_amperes, in_amperes) {
            (true, true) => period.tenths,
            (true, false) => period.tenths * volts,
            (false, true) => period.tenths / 10 * 10 / volts,
            (false, false) => period.tenths / 10 * 10,
        };
        least = least.min(tenths);
    }
    (least, phases)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// The composite schedule says for each second what a look at that second alone says, and
    /// nothing twice.
    #[test]
    fn the_composite_schedule_is_what_every_second_says(
        profiles in proptest::collection::vec(any_profile(), 0..6),
        in_amperes in any::<bool>(),
        offline in proptest::option::of(-60_000_i64..0),
        runs in any::<bool>(),
    ) {
        let mut limits = Limits::default();
        for profile in profiles {
            limits.set(profile);
        }
        let about = About {
            tx: runs.then_some("t"),
            offline_ms: offline.map(|ms| FROM_MS + ms),
            ..ABOUT
        };
        let told = composite(&limits, about, SUPPLY, in_amperes, FROM_MS, 200);
        prop_assert_eq!(told[0].start_s, 0);
        for pair in told.windows(2) {
            prop_assert!(pair[0].start_s < pair[1].start_s);
            prop_assert_ne!((pair[0].tenths, pair[0].phases), (pair[1].tenths, pair[1].phases));
        }
        let profiles: Vec<_> = limits.iter().cloned().collect();
        for second in 0..200 {
            let period = told.iter().rev().find(|period| period.start_s <= second);
            let says = period.map(|period| (period.tenths, period.phases.unwrap_or(0)));
            let expected = brute(&profiles, about, in_amperes, FROM_MS + second * 1000);
            prop_assert_eq!(says, Some(expected), "second {}", second);
        }
    }
}
