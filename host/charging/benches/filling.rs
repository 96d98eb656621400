//! How long one full tick of load control takes, and how that grows with the site:
//! `cargo bench -p busbar-charging`. A three-phase tree: the site, feeders of 100 EVSEs, boards of
//! ten. Every car charges, and every level of the tree binds somewhere.

use std::hint::black_box;

use busbar_charging::load::fill::{Demand, EvseState, Filler, Policy, Settings};
use busbar_charging::load::legs::{Legs, Line};
use busbar_charging::load::rows::{
    EvseId, EvseWiring, Phasor, Row, RowKind, Rows, RowsBuilder, Term,
};
use busbar_charging::units::{Current, Energy, Timestamp};
use criterion::{BenchmarkId, Criterion};

const SIZES: [usize; 5] = [54, 500, 5_000, 10_000, 50_000];
const FEEDER: usize = 100;
const BOARD: usize = 10;

fn wiring(n: usize) -> EvseWiring {
    EvseWiring {
        id: EvseId { station: "CS".into(), evse: n as u32 + 1 },
        min: Current(6_000),
        max: Current(32_000),
        fallback: Current::ZERO,
        legs: 3,
        millivolts: 230_000,
        efficiency: 1_000,
    }
}

/// The rows of a site and what each has for its members.
fn site(evses: usize) -> (Rows, Vec<Current>) {
    let mut builder = RowsBuilder::new((0..evses).map(wiring).collect());
    let mut headroom = Vec::new();
    for (size, amps_each) in [(evses, 9), (FEEDER, 10), (BOARD, 12)] {
        for first in (0..evses).step_by(size) {
            let there = first..(first + size).min(evses);
            for line in Line::ALL {
                let terms: Vec<_> = there
                    .clone()
                    .map(|evse| Term {
                        evse: evse as u32,
                        leg: ((line as usize + 3 - evse % 3) % 3) as u8,
                        phasor: Phasor { re: 1.0, im: 0.0 },
                    })
                    .collect();
                // Some have more, some less, so that each level of the tree binds somewhere.
                let amps =
                    (there.len() * amps_each) as i64 * (75 + (first / size * 13 % 50) as i64);
                headroom.push(Current(amps * 10));
                builder.line(row(line), &terms);
            }
        }
    }
    (builder.build(), headroom)
}

fn row(line: Line) -> Row {
    Row {
        circuit: "circuit".into(),
        kind: RowKind::Line(line),
        limit: None,
        reserve: Current::ZERO,
        base_max: Current::ZERO,
        millivolts: 230_000,
    }
}

fn states(evses: usize) -> Vec<EvseState> {
    let state = |n: usize| EvseState {
        demand: Demand::Wants,
        legs: Legs::first(if n.is_multiple_of(7) { 1 } else { 3 }),
        min: Current(6_000),
        max: Current(if n.is_multiple_of(4) { 32_000 } else { 16_000 }),
        on: !n.is_multiple_of(3),
        since: Timestamp(-((n * 37 % 7_200) as i64) * 1_000),
        energy: Some(Energy::from_wh(2_000 + (n * 131 % 40_000) as i64)),
        departure: Some(Timestamp((n * 61 % 36_000) as i64 * 1_000)),
        ..EvseState::default()
    };
    (0..evses).map(state).collect()
}

fn ticks(criterion: &mut Criterion) {
    for (name, policy) in [("fair", Policy::Fair), ("laxity", Policy::Laxity)] {
        let settings = Settings { policy, ..Settings::default() };
        let mut group = criterion.benchmark_group(format!("tick, {name}"));
        for evses in SIZES {
            let ((rows, headroom), states) = (site(evses), states(evses));
            let mut filler = Filler::default();
            group.bench_function(BenchmarkId::from_parameter(evses), |bench| {
                bench.iter(|| {
                    let (rows, states) = (black_box(&rows), black_box(&states));
                    let filled = filler.tick(rows, &settings, Timestamp(0), &headroom, states);
                    filled.allocations[0]
                });
            });
        }
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    ticks(&mut criterion);
    criterion.final_summary();
}
