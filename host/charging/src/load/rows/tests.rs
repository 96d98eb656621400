//! What rows add up to, and that every rounding is to the safe side.

use super::*;

fn wiring(n: u32) -> EvseWiring {
    EvseWiring {
        id: EvseId { station: "CS".into(), evse: n },
        min: Current(6_000),
        max: Current(32_000),
        fallback: Current::ZERO,
        legs: 3,
        millivolts: 230_000,
        efficiency: 1_000,
        dc: false,
    }
}

fn row(limit: i64) -> Row {
    Row {
        circuit: "feeder".into(),
        kind: RowKind::Line(Line::L1),
        limit: Some(Current(limit)),
        reserve: Current::ZERO,
        base_max: Current::ZERO,
        millivolts: 230_000,
    }
}

fn term(evse: u32, leg: u8, size: f64, degrees: f64) -> Term {
    Term { evse, leg, phasor: Phasor::polar(size, degrees) }
}

#[test]
fn a_row_is_over_by_a_single_microampere() {
    let mut builder = RowsBuilder::new(vec![wiring(1), wiring(2)]);
    builder.line(row(10_000), &[term(0, 0, 0.3334, 0.0), term(1, 0, 1.0, 0.0)]);
    let rows = builder.build();
    // 0.3334 is counted as 0.334.
    let current = |first: i64, second: i64| {
        move |evse| (Current(if evse == 0 { first } else { second }), Legs::ONE)
    };
    assert_eq!(rows.load(0, current(1_000, 9_666)), Current(10_000));
    assert_eq!(rows.check(&[Current(10_000)], current(1_000, 9_666)), Ok(()));
    let over = Overload { row: 0, load: Current(10_001), headroom: Current(10_000) };
    assert_eq!(rows.check(&[Current(10_000)], current(1_001, 9_666)), Err(over));
}

/// Whatever mixture of cars the half-planes let through, the true phasor sum is within the limit,
/// and so it is when any of them draws less.
#[test]
fn half_planes_lie_within_the_circle() {
    let phasors = [(0.577, 0.0), (0.577, 150.0), (0.4, -90.0), (1.0, 30.0)];
    let mut builder = RowsBuilder::new((0..4).map(wiring).collect());
    let terms: Vec<_> =
        (0..4).map(|n| term(n, 0, phasors[n as usize].0, phasors[n as usize].1)).collect();
    builder.line(row(50_000), &terms);
    let rows = builder.build();
    assert_eq!(rows.rows().len(), 48);
    let headroom: Vec<_> = rows.rows().iter().map(|row| row.limit.unwrap()).collect();
    let mut seed = 7_u64;
    let mut let_through = 0;
    for _ in 0..20_000 {
        let currents: Vec<i64> = (0..4)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 33) as i64 % 60_000
            })
            .collect();
        let ok = rows.check(&headroom, |evse| (Current(currents[evse as usize]), Legs::ONE));
        if ok.is_ok() {
            let_through += 1;
            for drop in 0..5 {
                let sum = (0..4).filter(|n| *n != drop).fold(Phasor::default(), |sum, n| {
                    sum.plus(terms[n].phasor.times(currents[n] as f64))
                });
                assert!(sum.size() <= 50_000.0, "{currents:?} without {drop}: {}", sum.size());
            }
        }
    }
    assert!(let_through > 1_000, "{let_through}");
}
