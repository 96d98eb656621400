//! Limits from outside over time.

use super::*;
use crate::load::amount::Amount;
use crate::load::amount::{Amps, PerLine};
use crate::load::circuit::{EvsePoint, Supply, Tree};
use crate::load::legs::Rotation;
use crate::units::Power;

fn tree() -> Tree {
    let source = ExternalSource {
        source: "dso".into(),
        timeout_seconds: Some(120),
        fallback_current: Some(PerLine::all(Current(10_000))),
        fallback_power: None,
    };
    Tree {
        voltage: 230,
        circuits: vec![Circuit {
            name: "grid".into(),
            current: Some(PerLine::all(Current(63_000))),
            reserve: Some(Amps(Current(500))),
            external: vec![source],
            ..Circuit::default()
        }],
        evses: vec![EvsePoint {
            evse: "CS-1/1".into(),
            circuit: "grid".into(),
            phases: Rotation::default(),
            supply: Supply::Ac,
            efficiency_percent: None,
            min: None,
            max: Amount::Current(Current(32_000)),
            fallback: None,
            weight: None,
            class: None,
        }],
        batteries: Vec::new(),
    }
}

fn window(from: i64, until: i64, amps: i64) -> Window {
    let limit = CircuitLimit { lines: Some([Current(amps * 1_000); 3]), power: None };
    Window { from: Timestamp(from), until: Timestamp(until), limit }
}

#[test]
fn a_limit_holds_in_its_window_and_a_silent_source_falls_back() {
    let tree = tree();
    let rows = tree.compile(None).unwrap();
    let mut dso = ExternalLimit::new(&tree.circuits[0], &tree.circuits[0].external[0]);
    let mut limits = Vec::new();
    let mut first = |dso: &ExternalLimit, at| {
        limits_at(&rows, std::slice::from_ref(dso), Timestamp(at), Timestamp(at), &mut limits);
        limits[0].0
    };
    // Never heard: the fallback.
    assert_eq!(first(&dso, 0), 10_000);
    dso.heard = Some(Timestamp(0));
    assert_eq!(first(&dso, 0), 63_000);
    dso.windows = vec![window(60_000, 100_000, 20), window(80_000, 90_000, 16)];
    assert_eq!(dso.next_change(Timestamp(0)), Some(Timestamp(60_000)));
    assert_eq!(first(&dso, 60_000), 20_000);
    assert_eq!(first(&dso, 80_000), 16_000);
    assert_eq!(first(&dso, 90_000), 20_000);
    assert_eq!(first(&dso, 100_000), 63_000);
    assert_eq!(dso.next_change(Timestamp(100_000)), Some(Timestamp(120_000)));
    assert_eq!(first(&dso, 119_999), 63_000);
    assert_eq!(first(&dso, 120_000), 10_000);
    assert_eq!(dso.next_change(Timestamp(120_000)), None);
    // What it announced before that lowers its circuit further, and never raises it.
    dso.windows = vec![window(130_000, 140_000, 6), window(140_000, 150_000, 40)];
    assert_eq!(dso.change_ahead(Timestamp(10_000), Timestamp(10_000)), Some(Timestamp(130_000)));
    assert_eq!(dso.next_change(Timestamp(120_000)), Some(Timestamp(130_000)));
    assert_eq!(first(&dso, 130_000), 6_000);
    assert_eq!(first(&dso, 140_000), 10_000);
    // It was just heard: nobody reckons with its silence.
    let now = Timestamp(50_000);
    let mut ahead = Vec::new();
    for heard in [0, 40_000] {
        dso.heard = Some(Timestamp(heard));
        limits_at(&rows, std::slice::from_ref(&dso), now, Timestamp(130_000), &mut ahead);
        assert_eq!(ahead[0].0, 6_000);
        limits_at(&rows, std::slice::from_ref(&dso), now, Timestamp(160_000), &mut ahead);
        assert_eq!(ahead[0].0, 63_000, "not before half of its time-out is over");
        let late = Timestamp(119_000);
        limits_at(&rows, std::slice::from_ref(&dso), late, Timestamp(160_000), &mut ahead);
        assert_eq!(ahead[0].0, 10_000);
    }
    // A higher one from outside never raises what is configured.
    dso.heard = Some(Timestamp(120_000));
    dso.windows = vec![window(0, 500_000, 100)];
    assert_eq!(first(&dso, 130_000), 63_000);
}

#[test]
fn a_power_limit_meets_the_power_row_and_nonsense_is_refused() {
    let tree = tree();
    let rows = tree.compile(None).unwrap();
    let mut dso = ExternalLimit::new(&tree.circuits[0], &tree.circuits[0].external[0]);
    dso.heard = Some(Timestamp(0));
    let limit = CircuitLimit { lines: None, power: Some(Power(4_200)) };
    dso.windows = vec![Window { from: Timestamp(0), until: Timestamp::NEVER, limit }];
    let mut limits = Vec::new();
    limits_at(&rows, &[dso], Timestamp(1), Timestamp(1), &mut limits);
    let shown: Vec<_> =
        rows.rows().iter().zip(&limits).map(|(r, l)| (r.to_string(), l.0)).collect();
    assert!(shown.contains(&("grid, L1".into(), 63_000)), "{shown:?}");
    // 4.2 kW at 230 V, all lines together.
    assert!(shown.contains(&("grid, power".into(), 18_260)), "{shown:?}");
    let now = Timestamp(1_000);
    assert_eq!(ExternalLimit::check(&window(0, 2_000, 16), now), Ok(()));
    for (wrong, why) in [
        (window(0, 500, 16), WindowProblem::Past),
        (window(9_000, 9_000, 16), WindowProblem::Empty),
        (window(0, 2_000, -1), WindowProblem::Negative),
        (window(0, 2_000, 1_000_001), WindowProblem::Absurd),
    ] {
        assert_eq!(ExternalLimit::check(&wrong, now), Err(why));
    }
}
