//! The rules of a tick, each by an example.

use super::*;

const MINUTE: i64 = 60_000;

/// One feeder and site of so many amperes for each line.
fn amps(count: usize, amps: i64) -> Vec<Current> {
    vec![Current(amps * 1_000); count]
}

fn limits(filled: &Filled<'_>) -> Vec<i64> {
    filled.allocations.iter().map(|allocation| allocation.limit.0).collect()
}

#[test]
fn a_car_alone_on_an_idle_site_gets_its_maximum() {
    let rows = site(5, 2);
    for policy in [Policy::Fair, Policy::Laxity] {
        let settings = Settings { policy, ..Settings::default() };
        for (evse, max) in [(0, 32), (3, 16), (4, 6)] {
            let mut states = vec![EvseState::default(); 5];
            states[evse] = wants(max);
            states[evse].energy = Some(Energy::from_wh(1_000));
            states[evse].departure = Some(Timestamp(1_000 * MINUTE));
            let mut filler = Filler::default();
            let filled = filler.tick(&rows, &settings, Timestamp(0), &amps(9, 63), &states);
            assert_eq!(filled.allocations[evse].limit, Current(max * 1_000), "{policy:?}");
            assert_eq!(filled.allocations[evse].reason, Reason::Maximum);
        }
    }
}

#[test]
fn every_limit_says_why() {
    let rows = site(3, 1);
    let states = [wants(32), wants(8), wants(32)];
    let (limit, base) = (Current(63_000), Current(20_600));
    let headroom = vec![limit.minus(base); 6];
    let mut filler = Filler::default();
    let settings = Settings::default();
    let filled = filler.tick(&rows, &settings, Timestamp(0), &headroom, &states);
    assert_eq!(limits(&filled), [17_200, 8_000, 17_200]);
    let words = |evse| {
        let explained = Explained::new(&filled, evse, &rows, &[limit; 6], &headroom);
        explained.map(|explained| explained.to_string()).unwrap_or_default()
    };
    assert_eq!(words(0), "17.2 A: site, L1 at 63 of 63 A");
    assert_eq!(words(1), "8 A: all that car, cable and EVSE can take");
}

/// Too little for all minima: the first keep charging, nobody is given less than 6 A.
#[test]
fn nobody_charges_below_the_minimum() {
    let rows = site(4, 1);
    let states = [wants(16), wants(16), wants(16), wants(16)];
    let mut filler = Filler::default();
    let settings = Settings::default();
    let filled = filler.tick(&rows, &settings, Timestamp(0), &amps(6, 20), &states);
    let given = limits(&filled);
    assert_eq!(given.iter().filter(|limit| **limit == 0).count(), 1, "{given:?}");
    assert!(given.iter().all(|limit| *limit == 0 || *limit >= 6_000), "{given:?}");
    assert!((19_800..=20_000).contains(&given.iter().sum::<i64>()), "{given:?}");
    assert!(matches!(filled.allocations[3].reason, Reason::Waiting(_)));
}

/// A share that sinks below what one would begin with does not stop who charges, until it sinks
/// much lower; and a car that has just begun is not stopped at all.
#[test]
fn a_car_is_not_paused_for_a_small_reason() {
    let rows = site(10, 1);
    let settings = Settings { policy: Policy::Laxity, ..Settings::default() };
    let car = |energy: i64, on: bool, since: i64| EvseState {
        on,
        since: Timestamp(since * MINUTE),
        energy: Some(Energy::from_wh(energy)),
        departure: Some(Timestamp(600 * MINUTE)),
        ..wants(16)
    };
    let now = Timestamp(0);
    let given = |patient: EvseState, amperes: i64| {
        let urgent = car(100_000, true, -60);
        let states = [urgent, patient];
        let mut filler = Filler::default();
        filler.tick(&rows, &settings, now, &amps(6, amperes), &states).allocations[1].limit.0
    };
    // The urgent car can take all of 16 A; the patient one gets a minimum only if it is spared.
    assert_eq!(given(car(1_000, false, -60), 16), 0);
    assert_eq!(given(car(1_000, true, -60), 16), 0);
    assert_eq!(given(car(1_000, true, -5), 16), 6_000);
    // 3 A are left: too little to begin, enough to go on.
    assert_eq!(given(car(1_000, false, -60), 19), 0);
    assert_eq!(given(car(1_000, true, -60), 19), 6_000);
}

#[test]
fn what_a_car_does_not_draw_goes_to_others() {
    let rows = site(2, 1);
    let mut states = [wants(32), wants(32)];
    let mut filler = Filler::default();
    let settings = Settings::default();
    states[0].on = true;
    states[0].limit = Current(16_000);
    states[0].drawn = Some(Current(7_000));
    let filled = filler.tick(&rows, &settings, Timestamp(0), &amps(6, 32), &states);
    assert_eq!(limits(&filled), [9_000, 23_000]);
    assert_eq!(filled.allocations[0].reason, Reason::Draw);
    // It takes all that it is offered: it is offered as much as anyone.
    states[0].limit = Current(9_000);
    states[0].drawn = Some(Current(8_900));
    let filled = filler.tick(&rows, &settings, Timestamp(0), &amps(6, 32), &states);
    assert_eq!(limits(&filled), [16_000, 16_000]);
}

#[test]
fn classes_weights_and_plans_shape_what_each_gets() {
    let rows = site(3, 1);
    let mut filler = Filler::default();
    let settings = Settings::default();
    let mut states = [wants(32), wants(32), wants(32)];
    states[0].weight = 200;
    let filled = filler.tick(&rows, &settings, Timestamp(0), &amps(6, 48), &states);
    assert_eq!(limits(&filled), [24_000, 12_000, 12_000]);
    states[1].class = 1;
    states[2].class = 1;
    let filled = filler.tick(&rows, &settings, Timestamp(0), &amps(6, 48), &states);
    assert_eq!(limits(&filled), [32_000, 8_000, 8_000]);
    let mut states = [wants(32), wants(32), wants(32)];
    states[0].cap = Some(Current(10_000));
    states[1].target = Some(Current(20_000));
    states[2].target = Some(Current(8_000));
    let filled = filler.tick(&rows, &settings, Timestamp(0), &amps(6, 48), &states);
    // What the targets leave goes to whoever has least.
    assert_eq!(limits(&filled), [10_000, 20_000, 18_000]);
    // A cap below the minimum is a pause, and says so.
    states[0].cap = Some(Current::ZERO);
    let filled = filler.tick(&rows, &settings, Timestamp(0), &amps(6, 48), &states);
    assert_eq!(filled.allocations[0], Allocation { limit: Current::ZERO, reason: Reason::Plan });
}

/// Eight cars that want without end, room for three minima: over two days each has its turns,
/// and nobody waits much longer than it takes to serve the others.
#[test]
fn nobody_starves() {
    for policy in [Policy::Fair, Policy::Laxity] {
        for classes in [1, 2] {
            let (served, longest) = two_days(policy, classes);
            let least = served.iter().min().copied().unwrap_or_default();
            let bound = if classes == 1 { 100 } else { 400 };
            assert!(longest <= bound, "{policy:?}, {classes}: waited {longest} minutes");
            let fair = if classes == 1 { 2 * 24 * 60 / 4 } else { 100 };
            assert!(least >= fair, "{policy:?}, {classes}: {served:?}");
        }
    }
}

/// Minutes that each of eight cars charged, and the longest that one waited.
fn two_days(policy: Policy, classes: u8) -> (Vec<i64>, i64) {
    turns(policy, classes, 8, Current(20_000), 2 * 24 * 60)
}

/// The same of so many cars that want without end, with so much room, in so many minutes.
fn turns(policy: Policy, classes: u8, cars: usize, room: Current, minutes: i64) -> (Vec<i64>, i64) {
    let rows = site(cars, 1);
    let headroom = vec![room; 6];
    let settings = Settings { policy, ..Settings::default() };
    let mut states = vec![wants(16); cars];
    for (n, state) in states.iter_mut().enumerate() {
        state.class = n as u8 % classes;
    }
    let mut filler = Filler::default();
    let (mut served, mut longest) = (vec![0; cars], 0);
    for minute in (0..minutes).step_by(5) {
        let now = Timestamp(minute * MINUTE);
        let filled = filler.tick(&rows, &settings, now, &headroom, &states);
        for (n, state) in states.iter_mut().enumerate() {
            let on = filled.allocations[n].limit > Current::ZERO;
            served[n] += if on { 5 } else { 0 };
            if on != state.on {
                (state.on, state.since) = (on, now);
            }
            if !on {
                longest = longest.max(now.since(state.since).0 / MINUTE);
            }
        }
    }
    (served, longest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However many they are and however little there is, but for one of them: nobody waits for
    /// longer than an hour for each other car, and nobody is never served.
    #[test]
    fn nobody_starves_whoever_is_there(
        laxity in any::<bool>(),
        cars in 2_usize..12,
        room in 6_000_i64..40_000,
    ) {
        let policy = if laxity { Policy::Laxity } else { Policy::Fair };
        let (served, longest) = turns(policy, 1, cars, Current(room), 24 * 60);
        prop_assert!(longest <= 60 * cars as i64, "{cars} cars, {room} mA: {longest} minutes");
        prop_assert!(served.iter().all(|minutes| *minutes > 0), "{served:?}");
    }

    /// A car alone gets what it can take, wherever it is and whatever there is beyond that.
    #[test]
    fn whoever_is_alone_gets_his_maximum(
        laxity in any::<bool>(),
        feeders in 1_usize..4,
        (evses, place) in (1_usize..12).prop_flat_map(|evses| (Just(evses), 0..evses)),
        max in 6_i64..=32,
        more in proptest::collection::vec(0_i64..100_000, 12),
    ) {
        let rows = site(evses, feeders);
        let policy = if laxity { Policy::Laxity } else { Policy::Fair };
        let settings = Settings { policy, ..Settings::default() };
        let mut states = vec![EvseState::default(); evses];
        states[place] = wants(max);
        let headroom: Vec<_> = more.iter().map(|more| Current(max * 1_000 + more)).collect();
        let headroom = &headroom[..rows.rows().len()];
        let mut filler = Filler::default();
        let filled = filler.tick(&rows, &settings, Timestamp(0), headroom, &states);
        prop_assert_eq!(filled.allocations[place].limit, Current(max * 1_000));
    }
}

/// The second tick over the same site needs no memory that the first did not take.
#[test]
fn the_steady_state_allocates_nothing() {
    let rows = site(200, 10);
    let mut states = vec![wants(16); 200];
    let mut filler = Filler::default();
    let settings = Settings::default();
    let footprint = |filler: &Filler| {
        let own = [
            filler.order.capacity(),
            filler.capacity.capacity(),
            filler.used.capacity(),
            filler.bounds.capacity(),
            filler.laxities.capacity(),
            filler.reached.capacity(),
            filler.allocations.capacity(),
            filler.loads.capacity(),
        ];
        (own, filler.water.footprint())
    };
    for state in states.iter_mut().step_by(3) {
        state.target = Some(Current(9_000));
    }
    filler.tick(&rows, &settings, Timestamp(0), &amps(33, 90), &states);
    let first = footprint(&filler);
    for tick in 0..50_i64 {
        for (n, state) in states.iter_mut().enumerate() {
            state.on = (n as i64 + tick) % 3 == 0;
            state.demand =
                if (n as i64 * 7 + tick) % 5 == 0 { Demand::None } else { Demand::Wants };
        }
        let amperes = 40 + tick * 3;
        filler.tick(&rows, &settings, Timestamp(tick * MINUTE), &amps(33, amperes), &states);
        assert_eq!(footprint(&filler), first, "tick {tick}");
    }
}

/// What is broken by hand is found by the check: a filling that hands out too much is taken back.
#[test]
fn the_check_takes_back_what_is_too_much() {
    let rows = site(3, 1);
    let states = [wants(16), wants(16), wants(16)];
    let settings = Settings::default();
    let (headroom, now) = (amps(6, 40), Timestamp(0));
    let tick = Tick { rows: &rows, settings: &settings, now, states: &states };
    let mut filler = Filler::default();
    filler.tick(&rows, &settings, now, &headroom, &states);
    // The same filling, settled against half of what it was made for.
    for capacity in &mut filler.capacity {
        *capacity = 14_000_000;
    }
    filler.settle(&tick);
    assert_eq!(filler.used.iter().max(), Some(&12_000_000));
    let given: Vec<_> = filler.allocations.iter().map(|a| a.limit.0).collect();
    assert_eq!(given, [6_000, 6_000, 0]);
}
