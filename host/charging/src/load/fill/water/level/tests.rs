//! The search held against halving, and where it has nothing to find.

use proptest::prelude::*;

use super::*;

fn sum(ramps: &[(f64, f64, f64)], level: f64) -> f64 {
    ramps.iter().map(|(start, span, rate)| rate * (level - start).clamp(0.0, *span)).sum()
}

fn reach(ramps: &[(f64, f64, f64)], wanted: f64, low: f64, high: f64) -> f64 {
    added(ramps, low, high).reach(wanted)
}

fn added(ramps: &[(f64, f64, f64)], low: f64, high: f64) -> Ramps {
    let mut all = Ramps::default();
    all.begin(low, high);
    for (start, span, rate) in ramps.iter().filter(|(start, span, _)| start + span > low) {
        all.add(Ramp { start: *start, span: *span, rate: *rate });
    }
    all
}

proptest! {
    /// Starts and ends coincide often, as they do where cars are alike.
    #[test]
    fn the_sum_is_what_was_wanted(
        ramps in prop::collection::vec((0_u8..40, 0_u8..20, 1_u32..50_000_000), 1..60),
        part in 0.0_f64..1.0,
        low in 0_u8..30,
    ) {
        let ramps: Vec<_> = ramps
            .iter()
            .map(|(start, span, rate)| {
                (f64::from(*start) / 4.0, f64::from(*span) / 4.0, f64::from(*rate))
            })
            .collect();
        let (low, high) = (f64::from(low) / 3.0, 100.0);
        let (least, most) = (sum(&ramps, low), sum(&ramps, high));
        let wanted = least + part * (most - least);
        let over: f64 = ramps
            .iter()
            .filter(|(start, span, _)| start + span <= low)
            .map(|(_, span, rate)| span * rate)
            .sum();
        let level = reach(&ramps, wanted - over, low, high);
        prop_assert!((low..=high).contains(&level));
        let reached = sum(&ramps, level);
        prop_assert!((reached - wanted).abs() <= 1.0, "{reached} for {wanted} at {level}");
    }
}

#[test]
fn what_is_not_within_is_given_at_its_end() {
    let ramps = [(1.0, 1.0, 10.0), (2.0, 1.0, 10.0)];
    assert_eq!(reach(&ramps, -5.0, 1.5, 9.0), 1.5);
    assert_eq!(reach(&ramps, 5.0, 1.5, 9.0), 1.5);
    assert_eq!(reach(&ramps, 15.0, 0.0, 9.0), 2.5);
    assert_eq!(reach(&ramps, 25.0, 0.0, 2.75), 2.75);
    assert_eq!(reach(&[], 25.0, 1.0, 2.0), 1.0);
}

/// Thousands of ramps that start one after the other cost a few looks at each.
#[test]
fn the_search_looks_at_each_ramp_a_few_times() {
    let ramps: Vec<_> = (0..5_000).map(|n| (f64::from(n * 7_919 % 5_000), 0.5, 1e6)).collect();
    let mut all = added(&ramps, 0.0, 1e4);
    let level = all.reach(1_234.0 * 0.5e6 + 0.25e6);
    assert!((level - 1_234.25).abs() < 1e-6, "{level}");
    assert!(all.looks <= 6 * 5_000, "{} looks", all.looks);
}
