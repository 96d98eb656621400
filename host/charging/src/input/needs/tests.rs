//! What cars say, sound and not.

use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const HOUR: i64 = 3_600_000;

fn needs() -> Needs {
    Needs {
        reported: None,
        transfer: Transfer::Ac(Some(3)),
        departure: Some(NOW.plus(Millis(8 * HOUR))),
        energy: Some(Energy::from_wh(40_000)),
        minimum: Some(Current(6_000)),
        maximum: Some(Current(16_000)),
        power: Some(Power(11_000)),
        capacity: Some(Energy::from_wh(60_000)),
        charge_percent: Some(20),
        schedules: Some(1),
    }
}

#[test]
fn what_can_be_is_kept() {
    assert_eq!(needs().sound(NOW), (needs(), Vec::new()));
    // A battery takes a little more than its name says; a clock may be an hour behind.
    let full = Needs {
        energy: Some(Energy::from_wh(75_000)),
        departure: Some(NOW.plus(Millis(-HOUR))),
        ..needs()
    };
    assert_eq!(full.clone().sound(NOW), (full, Vec::new()));
    let nothing = Needs { energy: Some(Energy::ZERO), ..needs() };
    assert_eq!(nothing.clone().sound(NOW), (nothing, Vec::new()));
}

#[test]
fn what_cannot_be_is_dropped_and_named() {
    let at = |hours: i64| NOW.plus(Millis(hours * HOUR));
    let (none, wh, ma) = (needs(), Energy::from_wh, Current);
    for (said, found) in [
        (
            Needs { departure: Some(Timestamp(0)), ..needs() },
            Nonsense::DepartureUnset(Timestamp(0)),
        ),
        (Needs { departure: Some(at(-2)), ..needs() }, Nonsense::DeparturePassed(at(-2))),
        (Needs { departure: Some(at(1_441)), ..needs() }, Nonsense::DepartureFar(at(1_441))),
        (Needs { energy: Some(wh(-1)), ..needs() }, Nonsense::Energy(wh(-1))),
        (Needs { energy: Some(Energy(i64::MAX)), ..needs() }, Nonsense::Energy(Energy(i64::MAX))),
        (Needs { energy: Some(wh(75_001)), ..needs() }, Nonsense::EnergyBeyondBattery(wh(75_001))),
        (Needs { capacity: Some(wh(0)), ..needs() }, Nonsense::Capacity(wh(0))),
        (Needs { maximum: Some(ma(-1)), ..needs() }, Nonsense::Current(ma(-1))),
        (Needs { minimum: Some(ma(5_000_001)), ..needs() }, Nonsense::Current(ma(5_000_001))),
        (Needs { minimum: Some(ma(17_000)), ..needs() }, Nonsense::CurrentsCrossed(ma(17_000))),
        (Needs { power: Some(Power(-1)), ..needs() }, Nonsense::Power(Power(-1))),
    ] {
        let (kept, all) = said.clone().sound(NOW);
        assert_eq!(all, [found], "{said:?}");
        assert!(found.to_string().len() > 10);
        // One field is gone, and a second look finds nothing more.
        assert_ne!(kept, none);
        assert_eq!(kept.clone().sound(NOW), (kept, Vec::new()));
    }
}
