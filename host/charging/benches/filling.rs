//! How long one full tick of load control takes, and how that grows with the site:
//! `cargo bench -p busbar-charging --bench filling`. A tick is who may charge and how much
//! (`tick`), and with it what the kernel sends of that (`decided`): nothing where all stand as they
//! should, lower limits for most when 30 % of the site are taken away (`cut`), and for a few when
//! 1 % is (`less`).

use std::hint::black_box;

use busbar_charging::load::fill::{Filler, Policy, Settings};
use busbar_charging::units::Timestamp;
use criterion::{BenchmarkId, Criterion};
use site::{Controlled, Yard};

#[path = "filling/site.rs"]
mod site;

const SIZES: [usize; 5] = [54, 500, 2_000, 10_000, 50_000];
const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn ticks(criterion: &mut Criterion) {
    for (name, policy) in [("fair", Policy::Fair), ("laxity", Policy::Laxity)] {
        let settings = Settings { policy, ..Settings::default() };
        let mut group = criterion.benchmark_group(format!("tick, {name}"));
        for evses in SIZES {
            let Yard { rows, headroom, states } = Yard::new(evses);
            let mut filler = Filler::default();
            group.bench_function(BenchmarkId::from_parameter(evses), |bench| {
                bench.iter(|| {
                    let (rows, states) = (black_box(&rows), black_box(&states));
                    let filled = filler.tick(rows, &settings, NOW, &headroom, states);
                    filled.allocations[0]
                });
            });
        }
        group.finish();
        let mut group = criterion.benchmark_group(format!("decided, {name}"));
        for evses in SIZES {
            let mut site = Controlled::settled(evses, settings);
            group.bench_function(BenchmarkId::from_parameter(evses), |bench| {
                bench.iter(|| black_box(site.tick()));
            });
        }
        group.finish();
        for (what, left) in [("cut", 70), ("less", 99)] {
            let mut group = criterion.benchmark_group(format!("{what}, {name}"));
            for evses in SIZES {
                let mut site = Controlled::settled(evses, settings);
                for headroom in &mut site.yard.headroom {
                    headroom.0 = headroom.0 * left / 100;
                }
                group.bench_function(BenchmarkId::from_parameter(evses), |bench| {
                    bench.iter(|| black_box(site.tick()));
                });
            }
            group.finish();
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    ticks(&mut criterion);
    criterion.final_summary();
}
