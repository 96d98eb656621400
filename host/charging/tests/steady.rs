//! A tick of load control allocates nothing once it has taken its memory: not the filling, whoever
//! comes, goes or is paused, and not the kernel's decision as long as nothing is to be sent. A
//! binary of its own, because counting replaces the allocator.

use std::hint::black_box;

use allocation_counter::measure;
use busbar_charging::load::fill::{Demand, Filler, Policy, Settings};
use busbar_charging::units::{Current, Millis, Timestamp};
use site::{Controlled, Yard};

#[path = "../benches/filling/site.rs"]
mod site;

const POLICIES: [Policy; 2] = [Policy::Fair, Policy::Laxity];

#[test]
fn what_is_allocated_is_counted() {
    let counted = measure(|| black_box(&mut Vec::new()).push(black_box(1)));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn a_filling_allocates_nothing_after_the_first() {
    for policy in POLICIES {
        let settings = Settings { policy, ..Settings::default() };
        let Yard { rows, mut headroom, mut states } = Yard::new(300);
        let (first, mut filler) = (headroom.clone(), Filler::default());
        let mut now = Timestamp(1_790_000_000_000);
        // At first hardly anything is going on.
        states.iter_mut().skip(5).for_each(|state| state.demand = Demand::None);
        filler.tick(&rows, &settings, now, &headroom, &states);
        for round in 0..60 {
            for (n, state) in states.iter_mut().enumerate() {
                state.demand = match (n + round) % 11 {
                    0 => Demand::None,
                    1 => Demand::Fixed(Current(9_000)),
                    _ => Demand::Wants,
                };
                state.on = filler.limit(n as u32) > Current::ZERO;
                state.target = (round % 3 == 0 && n % 2 == 0).then_some(Current(9_000));
                state.cap = (round % 4 == 0 && n % 5 == 0).then_some(Current(8_000));
            }
            for (headroom, first) in headroom.iter_mut().zip(&first) {
                headroom.0 = first.0 * (30 + round as i64 * 3) / 100;
            }
            now = now.plus(Millis::from_secs(60));
            let counted = measure(|| {
                black_box(filler.tick(&rows, &settings, now, &headroom, &states));
            });
            assert_eq!(counted.count_total, 0, "{policy:?}, round {round}");
        }
    }
}

#[test]
fn a_full_tick_that_sends_nothing_allocates_nothing() {
    for policy in POLICIES {
        let mut site = Controlled::settled(300, Settings { policy, ..Settings::default() });
        for _ in 0..3 {
            let counted = measure(|| assert!(black_box(site.tick()).sends.is_empty()));
            assert_eq!(counted.count_total, 0, "{policy:?}");
        }
    }
}
