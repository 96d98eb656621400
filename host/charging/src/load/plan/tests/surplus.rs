//! A surplus of the site is a quantity: what one car takes of it is not there for another.

use super::*;
use crate::load::plan::lp::Lp;

/// Nine everywhere, and a surplus that would earn one.
struct Sunny {
    surplus: Vec<Power>,
    cars: Vec<Car>,
}

const PRICES: [i64; 10] = [9; 10];
const FEED_IN: i64 = 1;

impl Sunny {
    fn by(&self, planner: &mut impl Planner) -> Plan {
        planner.plan(&Question {
            from: Timestamp(0),
            slot: Millis(HOUR),
            rows: &rows(self.cars.len() as u32),
            headroom: &[Current(100_000)],
            scarce: &[],
            prices: &PRICES,
            surplus: &self.surplus,
            feed_in: FEED_IN,
            cars: &self.cars,
            free: &[],
            stores: &Stores::default(),
        })
    }

    /// What is planned costs so much.
    fn costs(&self, plan: &Plan) -> i64 {
        let powers = plan.power.iter().zip(&self.surplus);
        powers
            .map(|(power, surplus)| {
                let own = power.0.min(surplus.0);
                own * FEED_IN + (power.0 - own) * 9
            })
            .sum()
    }
}

fn watts(from: usize, until: usize, watts: i64) -> Vec<Power> {
    (0..10).map(|slot| Power(if (from..until).contains(&slot) { watts } else { 0 })).collect()
}

#[test]
fn two_cars_do_not_wait_for_the_surplus_of_one() {
    // Enough for one at its most, in six slots, and they want five slots together.
    let cars = vec![car(), Car { evse: 1, ..car() }];
    let sunny = Sunny { surplus: watts(2, 8, 3_680), cars };
    let plan = sunny.by(&mut Lp::default());
    let energy: i64 = plan.power.iter().map(|power| power.0).sum();
    assert!((energy - 18_400).abs() < 100, "{energy} of 18,400 Wh");
    let ideal = 18_400 * FEED_IN;
    let (costs, greedy) = (sunny.costs(&plan), sunny.costs(&sunny.by(&mut Greedy::default())));
    assert!(costs <= ideal + ideal / 20, "{costs}, and at best {ideal}: {:?}", plan.power);
    assert!(costs < greedy, "{costs} and {greedy}");
}

#[test]
fn a_car_follows_a_surplus_that_is_less_than_it_can_take() {
    let sunny = Sunny { surplus: watts(1, 9, 1_840), cars: vec![car()] };
    let plan = sunny.by(&mut Lp::default());
    let caps: Vec<_> = (0..10).map(|slot| plan.wishes[0].at(slot).0).collect();
    // Five slots of 8 A are what it wants; of equal slots the earlier.
    for cap in &caps[1..6] {
        let cap = cap.expect("it takes from the grid").0;
        assert!((7_900..8_100).contains(&cap), "{caps:?}");
    }
    assert_eq!(caps[0], Some(Current::ZERO));
    // What is less than its minimum it cannot follow.
    let faint = Sunny { surplus: watts(0, 10, 200), ..sunny };
    let caps = &faint.by(&mut Lp::default()).wishes[0].caps;
    assert!(caps.iter().flatten().all(|cap| *cap == Current::ZERO), "{caps:?}");
    assert!(caps.iter().filter(|cap| cap.is_none()).count() >= 3, "{caps:?}");
}

#[test]
fn what_others_take_at_once_is_not_waited_for() {
    // Of the first car a row is scarce for: it charges now, with all of the surplus of two slots.
    let hasty = Car { there: vec![1_000; 2], ..car() };
    let waits = Car { evse: 1, ..car() };
    let sunny = Sunny { surplus: watts(0, 6, 3_680), cars: vec![hasty, waits] };
    let plan = sunny.by(&mut Lp::default());
    let of_second: Vec<_> = (0..3).map(|slot| plan.wishes[1].at(slot).0).collect();
    assert_eq!(of_second, [Some(Current::ZERO), Some(Current::ZERO), None], "{:?}", plan.wishes);
}
