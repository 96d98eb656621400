//! Owns what is written to stations.

use crate::load::kernel::capability::{Capability, Pause, RateUnit};
use crate::load::kernel::event::{Granted, Purpose};
use crate::load::kernel::ledger::{GrantId, Lease};
use crate::load::kernel::profile::{Begins, Period, Profile, ProfilePurpose, Target, can_lease};
use crate::load::kernel::tests::START;
use crate::load::rows::EvseId;
use crate::units::{Current, Millis};

const OFFSET: Millis = Millis::from_secs(-1_200);

fn granted(purpose: Purpose, leased: bool) -> Granted {
    let end = START.plus(Millis::from_secs(900));
    Granted {
        at: START,
        evse: EvseId::parse("CS-0/2").unwrap(),
        grant: GrantId(7),
        purpose,
        limit: Current(10_400),
        counted: Current(10_400),
        after: Current(6_000),
        lease: leased.then_some(Lease { end, offset: OFFSET }),
    }
}

fn written(purpose: Purpose, leased: bool, capability: Capability) -> Profile {
    let transaction = "17".into();
    let target = Target {
        capability: &capability,
        transaction: Some(&transaction),
        phases: 3,
        used: 0,
        millivolts: 230_000,
        dc: None,
    };
    Profile::of(&granted(purpose, leased), &target)
}

#[test]
fn a_lease_is_written_in_the_stations_own_time_and_ends_at_the_fallback() {
    let profile = written(Purpose::Transaction, true, Capability::STANDARD);
    // A minute early, by a clock that is twenty minutes behind.
    let begin = START.plus(Millis::from_secs(-1_260));
    assert_eq!(profile.begins, Begins::At(begin));
    let limits = [
        Period { start_seconds: 0, tenths: 104, phases: 3 },
        Period { start_seconds: 960, tenths: 60, phases: 3 },
    ];
    assert_eq!(profile.periods, limits);
    assert_eq!(profile.duration_seconds, Some(1_020));
    assert_eq!((profile.evse, profile.id, profile.stack_level), (2, 300_002, 1));
    assert_eq!(profile.transaction, Some("17".into()));
}

#[test]
fn a_fallback_has_no_end() {
    let profile = written(Purpose::Default, false, Capability::STANDARD);
    assert_eq!((profile.purpose, profile.stack_level), (ProfilePurpose::Default, 0));
    assert_eq!((profile.begins, profile.duration_seconds), (Begins::Always, None));
    assert_eq!((profile.id, profile.transaction), (200_002, None));
}

#[test]
fn where_no_default_held_a_station_would_charge_fully() {
    let profile = written(Purpose::Default, true, Capability::STANDARD);
    let month = 30 * 24 * 3_600;
    let told: Vec<_> = profile.periods.iter().map(|p| (p.start_seconds, p.tenths)).collect();
    assert_eq!(told, [(0, 60), (month, 104), (month + 960, 60)]);
    assert_eq!(profile.begins, Begins::At(START.plus(Millis::from_secs(-1_260 - month))));
    assert_eq!(profile.duration_seconds, None);
    let single = Capability { periods_max: 2, ..Capability::STANDARD };
    assert!(!can_lease(&single, Purpose::Default));
    assert!(can_lease(&single, Purpose::Transaction));
}

#[test]
fn a_model_gets_what_it_takes() {
    let single = Capability { periods_max: 1, stack_level_max: 0, ..Capability::STANDARD };
    let profile = written(Purpose::Transaction, true, single);
    assert_eq!((profile.periods.len(), profile.duration_seconds), (1, Some(960)));
    assert_eq!(profile.stack_level, 0);
    let relative = Capability { takes_absolute: false, ..Capability::STANDARD };
    assert!(!can_lease(&relative, Purpose::Transaction));
    let profile = written(Purpose::Transaction, false, relative);
    assert_eq!((profile.begins, profile.duration_seconds), (Begins::WithTransaction, None));
}

#[test]
fn watts_are_no_more_than_the_current_on_one_phase() {
    let watts = Capability { unit: RateUnit::Watts, ..Capability::STANDARD };
    // 10.4 A at 207 V on one phase: the car may use only one.
    assert_eq!(written(Purpose::Transaction, true, watts).periods[0].tenths, 21_528);
}

/// A rectifier of 95 % draws 60 A on each of three phases: at 207 V that is 35.4 kW at the car.
#[test]
fn a_dc_evse_is_told_what_reaches_the_car_on_all_phases() {
    for (unit, tenths) in [(RateUnit::Watts, 353_970), (RateUnit::Amperes, 353)] {
        let capability = Capability { unit, ..Capability::STANDARD };
        let target = Target {
            capability: &capability,
            transaction: None,
            phases: 3,
            used: 0,
            millivolts: 230_000,
            dc: Some(950),
        };
        let granted = Granted { limit: Current(60_000), ..granted(Purpose::Default, false) };
        assert_eq!(Profile::of(&granted, &target).periods[0].tenths, tenths, "{unit:?}");
    }
}

#[test]
fn limits_are_rounded_down_to_what_a_model_keeps_to() {
    let tenths = Capability::STANDARD;
    assert_eq!(tenths.writable(Current(10_499)), Current(10_400));
    assert_eq!(tenths.writable(Current(5_999)), Current::ZERO);
    assert_eq!(tenths.writable(Current(-5)), Current::ZERO);
    let whole = Capability { step: Current(1_000), ..tenths };
    assert_eq!(whole.writable(Current(10_900)), Current(10_000));
    let high = Capability { minimum: Current(10_000), ..tenths };
    assert_eq!(high.writable(Current(9_900)), Current::ZERO);
    let never_pauses = Capability { pause: Pause::Minimum, ..high };
    assert_eq!(never_pauses.writable(Current::ZERO), Current(10_000));
}

#[test]
fn a_dynamic_profile_counts_from_its_arrival_and_ends_before_its_lease() {
    let dynamic = Capability { takes_dynamic: true, ends_offline: true, ..Capability::STANDARD };
    let profile = written(Purpose::Transaction, true, dynamic);
    assert_eq!((profile.begins, profile.duration_seconds), (Begins::OnReceipt, Some(840)));
    assert_eq!(profile.max_offline_seconds, Some(900));
    assert_eq!(profile.periods, [Period { start_seconds: 0, tenths: 104, phases: 3 }]);
    // Where no TxDefaultProfile held a station would charge fully, so that one never ends so.
    let profile = written(Purpose::Default, true, dynamic);
    assert!(matches!(profile.begins, Begins::At(_)));
    assert_eq!((profile.duration_seconds, profile.max_offline_seconds), (None, None));
    // A lease that is nearly over is written as the shortest there is, never as none.
    let granted =
        Granted { at: START.plus(Millis::from_secs(890)), ..granted(Purpose::Transaction, true) };
    let target = Target {
        capability: &dynamic,
        transaction: None,
        phases: 3,
        used: 0,
        millivolts: 230_000,
        dc: None,
    };
    assert_eq!(Profile::of(&granted, &target).duration_seconds, Some(1));
}
