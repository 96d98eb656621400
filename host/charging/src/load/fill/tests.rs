//! The filling held against what it must be, over random sites; and each rule by an example.

mod rules;

use proptest::prelude::*;

use super::*;
use crate::load::legs::Line;
use crate::load::rows::{EvseId, EvseWiring, Phasor, Row, RowKind, RowsBuilder, Term};

pub(super) fn wiring(n: usize) -> EvseWiring {
    EvseWiring {
        id: EvseId { station: "CS".into(), evse: n as u32 + 1 },
        min: Current(6_000),
        max: Current(32_000),
        fallback: Current::ZERO,
        legs: 3,
        millivolts: 230_000,
        efficiency: 1_000,
        dc: false,
    }
}

/// A site of feeders, each with three lines; EVSE n hangs on feeder n modulo their number, with
/// its legs rotated by n. Rows: the site's lines, then those of each feeder.
pub(super) fn site(evses: usize, feeders: usize) -> Rows {
    let mut builder = RowsBuilder::new((0..evses).map(wiring).collect());
    let groups = std::iter::once(None).chain((0..feeders).map(Some));
    for feeder in groups {
        for line in Line::ALL {
            let of_line = |evse: usize| Term {
                evse: evse as u32,
                leg: ((line as usize + 3 - evse % 3) % 3) as u8,
                phasor: Phasor { re: 1.0, im: 0.0 },
            };
            let there = (0..evses).filter(|n| feeder.is_none_or(|feeder| n % feeders == feeder));
            let terms: Vec<_> = there.map(of_line).collect();
            let row = Row {
                circuit: feeder.map_or("site".into(), |n| format!("feeder {n}").into()),
                kind: RowKind::Line(line),
                limit: None,
                reserve: Current::ZERO,
                base_max: Current::ZERO,
                millivolts: 230_000,
            };
            builder.line(row, &terms);
        }
    }
    builder.build()
}

pub(super) fn wants(max_amps: i64) -> EvseState {
    EvseState {
        demand: Demand::Wants,
        legs: Legs::THREE,
        min: Current(6_000),
        max: Current(max_amps * 1_000),
        ..EvseState::default()
    }
}

fn states() -> impl Strategy<Value = Vec<EvseState>> {
    let one = (
        prop_oneof![
            1 => Just(Demand::None),
            8 => Just(Demand::Wants),
            1 => (0_i64..33_000).prop_map(|ma| Demand::Fixed(Current(ma))),
        ],
        (0_usize..4, 0_i64..10_000, 0_i64..40_000, any::<bool>(), 0_i64..10_000),
        (0_u32..300, 0_u8..3, 0_i64..60_000, 0_i64..40_000_000),
        (proptest::option::of(0_i64..33_000), proptest::option::of(0_i64..33_000)),
    );
    let state = one.prop_map(|(demand, car, rank, plan)| {
        let (legs, min, max, on, since) = car;
        let (weight, class, energy, departure) = rank;
        EvseState {
            demand,
            legs: Legs::first(legs),
            min: Current(min),
            max: Current(max),
            on,
            since: Timestamp(-since * 1_000),
            drawn: (weight % 3 == 0).then_some(Current(max / 3)),
            limit: Current(max),
            energy: (energy > 9_000).then_some(Energy(energy * 1_000)),
            departure: (departure > 1_000_000).then_some(Timestamp(departure)),
            weight,
            class,
            cap: plan.0.map(Current),
            target: plan.1.map(Current),
        }
    });
    proptest::collection::vec(state, 1..24)
}

fn settings() -> impl Strategy<Value = Settings> {
    any::<bool>().prop_map(|fair| Settings {
        policy: if fair { Policy::Fair } else { Policy::Laxity },
        ..Settings::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// No allocation exceeds a row; where the fixed ones alone do, nobody adds to it. And whoever
    /// draws less or leaves keeps every row valid, on any of its legs.
    #[test]
    fn no_row_is_exceeded_by_any_mixture_of_less(
        states in states(),
        settings in settings(),
        headroom in proptest::collection::vec(-5_000_i64..120_000, 12),
        shares in proptest::collection::vec((0_i64..=1_000, 0_usize..8), 24),
    ) {
        let rows = site(states.len(), 3);
        let headroom: Vec<_> = headroom.into_iter().map(Current).collect();
        let mut filler = Filler::default();
        let filled = filler.tick(&rows, &settings, Timestamp(0), &headroom, &states);
        let given = |evse: u32| match states[evse as usize].demand {
            Demand::Fixed(exposure) => exposure,
            _ => filled.allocations[evse as usize].limit,
        };
        let legs = |evse: u32| states[evse as usize].legs;
        let fixed_only = |evse: u32| match states[evse as usize].demand {
            Demand::Fixed(exposure) => (exposure, legs(evse)),
            _ => (Current::ZERO, legs(evse)),
        };
        for row in 0..12 {
            let load = rows.load(row, |evse| (given(evse), legs(evse)));
            let fixed = rows.load(row, fixed_only);
            prop_assert!(load <= headroom[row as usize].max(fixed), "row {row}: {load}");
            let less = rows.load(row, |evse| {
                let (share, uses) = shares[evse as usize];
                let bits = |n: usize| uses >> n & 1 == 1 && legs(evse).uses(n);
                let uses = Legs::of([bits(0), bits(1), bits(2)]);
                let part = given(evse).0 * share / 1_000;
                (Current(if uses == Legs::UNKNOWN { 0 } else { part }), uses)
            });
            prop_assert!(less <= load, "row {row}: {less} over {load}");
        }
        for (evse, allocation) in filled.allocations.iter().enumerate() {
            let (limit, state) = (allocation.limit, &states[evse]);
            prop_assert_eq!(limit.0 % STEP.0, 0);
            let least = Current((state.min.0 + 99) / 100 * 100);
            prop_assert!(limit == Current::ZERO || (limit >= least && limit <= state.max));
            prop_assert!(state.cap.is_none_or(|cap| limit <= cap));
        }
    }

    /// The same arguments give the same, whatever the memory was used for before.
    #[test]
    fn a_tick_is_a_function_of_its_arguments(
        states in states(),
        others in states(),
        settings in settings(),
        headroom in proptest::collection::vec(0_i64..120_000, 12),
    ) {
        let rows = site(states.len(), 3);
        let headroom: Vec<_> = headroom.into_iter().map(Current).collect();
        let (mut fresh, mut used) = (Filler::default(), Filler::default());
        used.tick(&site(others.len(), 2), &settings, Timestamp(5), &headroom, &others);
        let one = fresh.tick(&rows, &settings, Timestamp(0), &headroom, &states);
        let other = used.tick(&rows, &settings, Timestamp(0), &headroom, &states);
        prop_assert_eq!(one.allocations, other.allocations);
        prop_assert_eq!(one.loads, other.loads);
    }

    /// The fast filling is the slow one: raise everyone together until a row is full, stop its
    /// members, go on.
    #[test]
    fn the_filling_is_weighted_max_min(
        cars in proptest::collection::vec(
            (1_u32..300, 0_u32..2_000, 0_i64..6_000, 0_i64..30_000, 1_usize..4), 1..16),
        capacity in proptest::collection::vec(0_i64..90_000, 9),
    ) {
        let curve = |car: &(u32, u32, i64, i64, usize)| Curve {
            offset: f64::from(car.1) / 7.0,
            slope: f64::from(car.0),
            low: car.2 as f64,
            high: (car.2 + car.3) as f64,
        };
        let cars: Vec<_> = cars.iter().map(|car| (curve(car), Legs::first(car.4))).collect();
        is_the_slow_one(&cars, 2, &capacity)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// So it is where there are many, whose ramps are short and far apart, as by laxity; and
    /// where many are alike.
    #[test]
    fn the_filling_of_many_is_weighted_max_min(
        cars in proptest::collection::vec((0_u32..600, any::<bool>(), 1_usize..4), 70..200),
        alike in 1_u32..60,
        capacity in proptest::collection::vec(0_i64..900_000, 12),
    ) {
        let curve = |car: &(u32, bool, usize)| {
            let (low, high) = (6_000.0, if car.1 { 32_000.0 } else { 16_000.0 });
            Curve { offset: f64::from(car.0 / alike * alike) / 60.0, slope: high * 4.0, low, high }
        };
        let cars: Vec<_> = cars.iter().map(|car| (curve(car), Legs::first(car.2))).collect();
        is_the_slow_one(&cars, 3, &capacity)?;
    }
}

/// Fills `cars` in both ways; `capacity` is by row what there is beside what they have anyway.
fn is_the_slow_one(
    cars: &[(Curve, Legs)],
    feeders: usize,
    capacity: &[i64],
) -> Result<(), TestCaseError> {
    let rows = site(cars.len(), feeders);
    let (curves, legs): (Vec<_>, Vec<_>) = cars.iter().copied().unzip();
    // What everyone begins with fits.
    let lows = |evse: u32| (Current(curves[evse as usize].low as i64), legs[evse as usize]);
    let capacity = (0..).zip(capacity);
    let capacity: Vec<_> =
        capacity.map(|(row, more)| (rows.load(row, lows).0 + more) * 1_000).collect();
    let mut water = Water::default();
    water.begin(&rows, &capacity);
    for (evse, (curve, legs)) in (0..).zip(cars) {
        water.add(evse, *legs, *curve);
    }
    water.run(&rows);
    let slow = slowly(&rows, &legs, &curves, &capacity);
    for (evse, expected) in slow.iter().enumerate() {
        let value = water.value(evse as u32).unwrap_or(f64::NAN);
        prop_assert!((value - expected).abs() < 1.0, "{evse}: {value}, slowly {expected}");
    }
    Ok(())
}

/// Progressive filling as in a textbook: the common level by bisection, row by row, each time
/// over all members.
fn slowly(rows: &Rows, legs: &[Legs], curves: &[Curve], capacity: &[i64]) -> Vec<f64> {
    let at = |curve: &Curve, level: f64| {
        (curve.slope * (level - curve.offset)).clamp(curve.low, curve.high)
    };
    let mut stopped: Vec<Option<f64>> = vec![None; curves.len()];
    loop {
        let over = |level: f64, row: usize, stopped: &[Option<f64>]| {
            let members = rows.of_row(row as u32, |evse| legs[evse as usize]);
            let sum: f64 = members
                .map(|(evse, a)| {
                    let evse = evse as usize;
                    let value = stopped[evse].unwrap_or_else(|| at(&curves[evse], level));
                    value * f64::from(a)
                })
                .sum();
            sum > capacity[row] as f64 + 1e-3
        };
        let any = |level: f64| (0..capacity.len()).any(|row| over(level, row, &stopped));
        let (mut low, mut high) = (-1e6, 1e6);
        if !any(high) {
            let rest = |(value, curve): (&Option<f64>, &Curve)| value.unwrap_or(curve.high);
            return stopped.iter().zip(curves).map(rest).collect();
        }
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if any(middle) { high = middle } else { low = middle }
        }
        let full: Vec<_> =
            (0..capacity.len()).filter(|row| over(high + 1e-6, *row, &stopped)).collect();
        for row in full {
            for (evse, a) in rows.of_row(row as u32, |evse| legs[evse as usize]) {
                let evse = evse as usize;
                if a > 0 && stopped[evse].is_none() {
                    stopped[evse] = Some(at(&curves[evse], low));
                }
            }
        }
    }
}
