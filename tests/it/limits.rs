//! Limits as the kernel grants them, written by the real link, at simulated stations of each
//! version, in virtual time: two readings of the standard that share no code must agree on what a
//! limit is, when it begins by the station's clock, and when it ends. Must never depend on a clock,
//! a socket or luck.

mod bench;

use busbar_charging::fact::station::Dialect;
use busbar_charging::input::needs::Transfer;
use busbar_charging::input::notice::{HeldPurpose, Notice};
use busbar_charging::input::schedule::Limit;
use busbar_charging::load::kernel::capability::{Capability, Pause, RateUnit};
use busbar_charging::load::kernel::event::{Granted, Purpose, Returned};
use busbar_charging::load::kernel::ledger::{GrantId, Lease};
use busbar_charging::load::kernel::profile::{Profile, ProfilePurpose, Target};
use busbar_charging::load::rows::EvseId;
use busbar_charging::units::{Current, Millis, Timestamp};
use busbar_link::profile;
use busbar_sim::spec::{ProfileFaults, Rejects};

use bench::Bench;

const ALL: [Dialect; 3] = [Dialect::V16, Dialect::V201, Dialect::V21];
/// Of the whole outlet, 7.36 kW on each phase.
const MAXIMUM_MA: i64 = 32_000;
/// Seconds that a lease lasts here.
const LEASE_S: i64 = 300;

/// A grant at this moment; with a lease, by a station's clock that is off by so much.
fn granted(bench: &Bench, purpose: Purpose, ma: i64, lease: Option<Millis>) -> Granted {
    Granted {
        at: bench.now,
        evse: EvseId { station: "CS-1".into(), evse: 1 },
        grant: GrantId(1),
        purpose,
        limit: Current(ma),
        counted: Current(ma),
        after: Current(6_000),
        lease: lease
            .map(|offset| Lease { end: bench.now.plus(Millis::from_secs(LEASE_S)), offset }),
    }
}

/// What a grant is written as.
fn written(bench: &Bench, granted: &Granted, capability: &Capability) -> Profile {
    let transaction = bench.transaction.clone();
    let target = Target {
        capability,
        transaction: transaction.as_ref(),
        phases: 3,
        used: 3,
        millivolts: 230_000,
        dc: None,
    };
    Profile::of(granted, &target)
}

fn set(bench: &mut Bench, granted: &Granted, capability: &Capability) -> Returned {
    let profile = written(bench, granted, capability);
    let message = profile::set(bench.dialect, &profile).unwrap();
    profile::returned(&bench.command(message))
}

/// What the station says that it allows in so many seconds from now, in milliamperes.
fn says_ma(bench: &mut Bench, in_seconds: i64) -> i64 {
    let ask = profile::ask_composite(bench.dialect, 1, 3_600, RateUnit::Amperes).unwrap();
    let response = bench.answer(ask);
    let schedule = profile::composite(bench.dialect, &response).unwrap();
    let begins = schedule.begins.expect("a begin");
    let offset = bench.offset.0;
    assert_eq!(begins, Timestamp(bench.now.0 + offset), "it counts by its own clock");
    let step = schedule.at(begins.plus(Millis::from_secs(in_seconds))).expect("a step");
    match step.limit {
        Some(Limit::Current(current)) => current.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_is_set_acknowledged_followed_and_ends_with_its_lease() {
    for dialect in ALL {
        for offset_s in [0, -1_200, 3_600] {
            let offset = Millis::from_secs(offset_s);
            let mut bench = Bench::charging(dialect, offset);
            let capability = Capability::STANDARD;
            assert_eq!(bench.current_ma(), MAXIMUM_MA);
            let fallback = granted(&bench, Purpose::Default, 6_000, None);
            assert_eq!(set(&mut bench, &fallback, &capability), Returned::Accepted);
            bench.run_s(6);
            assert_eq!(bench.current_ma(), 6_000, "{dialect:?}");
            let limit = granted(&bench, Purpose::Transaction, 10_499, Some(offset));
            assert_eq!(set(&mut bench, &limit, &capability), Returned::Accepted);
            bench.run_s(6);
            assert_eq!(bench.current_ma(), 10_400, "{dialect:?} {offset_s}: rounded down");
            assert_eq!(says_ma(&mut bench, 0), 10_400);
            assert_eq!(says_ma(&mut bench, LEASE_S - 7), 10_400);
            assert_eq!(says_ma(&mut bench, LEASE_S - 6), 6_000, "the end of the lease");
            // A renewal replaces it, and nothing is in between.
            bench.run_s(150);
            let renewed = granted(&bench, Purpose::Transaction, 12_000, Some(offset));
            assert_eq!(set(&mut bench, &renewed, &capability), Returned::Accepted);
            bench.run_s(LEASE_S - 5);
            assert_eq!(bench.current_ma(), 12_000);
            bench.run_s(12);
            assert_eq!(bench.current_ma(), 6_000, "{dialect:?} {offset_s}: the host is silent");
        }
    }
}

#[test]
fn a_default_with_a_lease_never_leaves_a_hole() {
    for dialect in ALL {
        let offset = Millis::from_secs(-600);
        let mut bench = Bench::charging(dialect, offset);
        let limit = granted(&bench, Purpose::Default, 16_000, Some(offset));
        assert_eq!(set(&mut bench, &limit, &Capability::STANDARD), Returned::Accepted);
        bench.run_s(6);
        assert_eq!(bench.current_ma(), 16_000);
        bench.run_s(LEASE_S + 60);
        assert_eq!(bench.current_ma(), 6_000);
        bench.run_s(24 * 3_600);
        assert_eq!(says_ma(&mut bench, 3_599), 6_000, "for ever");
    }
}

#[test]
fn watts_are_no_more_than_the_current_that_was_granted() {
    for dialect in ALL {
        let mut bench = Bench::charging(dialect, Millis::ZERO);
        let watts = Capability { unit: RateUnit::Watts, ..Capability::STANDARD };
        let limit = granted(&bench, Purpose::Transaction, 10_000, Some(Millis::ZERO));
        assert_eq!(set(&mut bench, &limit, &watts), Returned::Accepted);
        bench.run_s(6);
        assert!((8_900..=10_000).contains(&bench.current_ma()), "{}", bench.current_ma());
    }
}

#[test]
fn a_dynamic_limit_is_updated_and_ends_by_itself() {
    let mut bench = Bench::charging(Dialect::V21, Millis::from_secs(-900));
    let dynamic = Capability { takes_dynamic: true, ..Capability::STANDARD };
    let fallback = granted(&bench, Purpose::Default, 6_000, None);
    set(&mut bench, &fallback, &dynamic);
    let lease = Some(Millis::from_secs(-900));
    let limit = granted(&bench, Purpose::Transaction, 16_000, lease);
    assert_eq!(set(&mut bench, &limit, &dynamic), Returned::Accepted);
    bench.run_s(200);
    assert_eq!(bench.current_ma(), 16_000);
    let limit = granted(&bench, Purpose::Transaction, 10_000, lease);
    let message = profile::update(Dialect::V21, &written(&bench, &limit, &dynamic)).unwrap();
    assert_eq!(profile::returned(&bench.command(message)), Returned::Accepted);
    bench.run_s(LEASE_S - 70);
    assert_eq!(bench.current_ma(), 10_000);
    bench.run_s(20);
    assert_eq!(bench.current_ma(), 6_000, "before its lease is over");
}

#[test]
fn a_limit_can_end_while_the_station_is_offline() {
    let mut bench = Bench::charging(Dialect::V21, Millis::ZERO);
    let capability = Capability { ends_offline: true, ..Capability::STANDARD };
    let fallback = granted(&bench, Purpose::Default, 6_000, None);
    set(&mut bench, &fallback, &capability);
    let limit = granted(&bench, Purpose::Transaction, 16_000, Some(Millis::ZERO));
    let mut profile = written(&bench, &limit, &capability);
    assert_eq!(profile.max_offline_seconds, Some(LEASE_S));
    profile.max_offline_seconds = Some(60);
    let message = profile::set(Dialect::V21, &profile).unwrap();
    assert_eq!(profile::returned(&bench.command(message)), Returned::Accepted);
    bench.run_s(6);
    bench.disconnect();
    bench.run_s(55);
    assert_eq!(bench.current_ma(), 16_000);
    bench.run_s(12);
    assert_eq!(bench.current_ma(), 6_000);
}

#[test]
fn what_a_station_holds_is_what_it_was_told() {
    for dialect in [Dialect::V201, Dialect::V21] {
        let mut bench = Bench::charging(dialect, Millis::ZERO);
        bench.notices.clear();
        for (purpose, ma) in [(Purpose::Default, 6_000), (Purpose::Transaction, 16_000)] {
            let grant = granted(&bench, purpose, ma, None);
            set(&mut bench, &grant, &Capability::STANDARD);
        }
        bench.command(profile::ask_held(dialect, 7, None).unwrap());
        bench.run_s(5);
        let [Notice::Profiles { request: 7, evse: 1, profiles, more: false, .. }] =
            bench.notices.as_slice()
        else {
            panic!("{:?}", bench.notices)
        };
        let told: Vec<_> = profiles
            .iter()
            .map(|held| (held.id, &held.purpose, held.schedules[0].steps[0].limit))
            .collect();
        let limit = |ma| Some(Limit::Current(Current(ma)));
        let (default, running) = (
            HeldPurpose::Ours(ProfilePurpose::Default),
            HeldPurpose::Ours(ProfilePurpose::Transaction),
        );
        let expected = [(200_001, &default, limit(6_000)), (300_001, &running, limit(16_000))];
        assert_eq!(told, expected);
        bench.command(profile::clear(dialect, 300_001));
        bench.run_s(6);
        assert_eq!(bench.current_ma(), 6_000);
    }
}

/// Any grant, to any model that does what the standard says: the station takes it, says that it
/// will keep to it, and keeps to it; after its lease it is at what was to follow.
#[test]
fn any_grant_is_taken_and_kept() {
    let mut number = 0x9E37_79B9_7F4A_7C15_u64;
    let mut any = |least: i64, most: i64| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        least + ((number >> 33) as i64) % (most - least + 1)
    };
    for round in 0..240 {
        let dialect = ALL[round % 3];
        let offset = Millis(any(-3_600_000, 3_600_000));
        let mut bench = Bench::charging(dialect, offset);
        let capability = Capability {
            stack_level_max: any(0, 8) as u32,
            periods_max: any(2, 24) as u32,
            takes_dynamic: dialect == Dialect::V21 && any(0, 1) == 1,
            ..Capability::STANDARD
        };
        let fallback = granted(&bench, Purpose::Default, 6_000, None);
        assert_eq!(set(&mut bench, &fallback, &capability), Returned::Accepted);
        let ma = any(0, MAXIMUM_MA);
        let limit = granted(&bench, Purpose::Transaction, ma, Some(offset));
        assert_eq!(set(&mut bench, &limit, &capability), Returned::Accepted, "{round}");
        assert_eq!(says_ma(&mut bench, 0), ma / 100 * 100, "{round}");
        bench.run_s(any(6, 200));
        let expected = if ma < 6_000 { 0 } else { ma / 100 * 100 };
        assert_eq!(bench.current_ma(), expected, "{round}");
        bench.run_s(LEASE_S);
        assert_eq!(bench.current_ma(), 6_000, "{round}: its lease is over");
    }
}

#[test]
fn what_cars_need_and_others_limit_arrives_as_it_is() {
    for dialect in [Dialect::V201, Dialect::V21] {
        let mut bench = Bench::charging(dialect, Millis::ZERO);
        bench.limit_by_other(Some(8_000));
        bench.limit_by_other(None);
        let [Notice::Needs { evse: 1, needs, nonsense }, limited, unlimited] =
            bench.notices.as_slice()
        else {
            panic!("{:?}", bench.notices)
        };
        assert!(nonsense.is_empty(), "{nonsense:?}");
        assert_eq!(needs.transfer, Transfer::Ac(Some(3)));
        assert_eq!(needs.maximum, Some(Current(64_000)));
        let Notice::Limited { evse: Some(0), source, grid_critical: true, schedules, .. } = limited
        else {
            panic!("{limited:?}")
        };
        assert_eq!((&**source, schedules.len()), ("SO", 1));
        assert_eq!(schedules[0].steps[0].limit, Some(Limit::Current(Current(8_000))));
        let expected = Notice::Unlimited { evse: Some(0), source: "SO".into() };
        assert_eq!(*unlimited, expected);
    }
}

/// What a model cannot do is data, and what is written by that data is taken.
#[test]
fn a_model_that_takes_little_gets_what_it_takes() {
    let standard = Capability::STANDARD;
    let (tx, default) = (Purpose::Transaction, Purpose::Default);
    let lease = Some(Millis::ZERO);
    for (rejects, purpose, lease, capability) in [
        (Rejects::Amperes, tx, lease, Capability { unit: RateUnit::Watts, ..standard }),
        (Rejects::Absolute, tx, None, Capability { takes_absolute: false, ..standard }),
        (Rejects::Levels, tx, lease, Capability { stack_level_max: 0, ..standard }),
        (Rejects::OfTransactions, default, lease, standard),
    ] {
        for dialect in ALL {
            let faults = ProfileFaults { rejects, ..ProfileFaults::default() };
            let mut bench = Bench::charging_with(dialect, Millis::ZERO, faults);
            let limit = granted(&bench, purpose, 10_000, lease);
            assert_eq!(set(&mut bench, &limit, &capability), Returned::Accepted, "{rejects:?}");
            bench.run_s(6);
            assert!((8_900..=10_000).contains(&bench.current_ma()), "{rejects:?}");
            let usual = granted(&bench, tx, 16_000, Some(Millis::ZERO));
            let profile = written(&bench, &usual, &standard);
            let message = profile::set(dialect, &profile).unwrap();
            let refused = profile::returned(&bench.command(message));
            assert_eq!(refused, Returned::Refused, "{rejects:?} of another model's");
        }
    }
    // One that rejects 0 is not told to pause.
    let never = Capability { pause: Pause::Minimum, ..standard };
    assert_eq!(never.writable(Current::ZERO), Current(6_000));
    let faults = ProfileFaults { rejects: Rejects::Zero, ..ProfileFaults::default() };
    let mut bench = Bench::charging_with(Dialect::V16, Millis::ZERO, faults);
    for (limit, expected) in
        [(Current::ZERO, Returned::Refused), (never.writable(Current::ZERO), Returned::Accepted)]
    {
        let limit = granted(&bench, tx, limit.0, None);
        assert_eq!(set(&mut bench, &limit, &never), expected);
    }
}
