//! What the linear program weighs, each by an example, and that it never stands alone.

use super::*;
use crate::load::plan::lp::Lp;

/// What is asked; the site has as many EVSEs as cars, and `free` more.
struct Asked<'a> {
    prices: &'a [i64],
    headroom: i64,
    cars: Vec<Car>,
    free: u32,
}

impl Asked<'_> {
    fn by(&self, planner: &mut impl Planner) -> Plan {
        let there = self.cars.len() as u32;
        let free: Vec<_> = (there..there + self.free).collect();
        planner.plan(&Question {
            from: Timestamp(0),
            slot: Millis(HOUR),
            rows: &rows(there + self.free),
            headroom: &[Current(self.headroom)],
            scarce: &[],
            prices: self.prices,
            surplus: &[],
            feed_in: 0,
            cars: &self.cars,
            free: &free,
            stores: &Stores::default(),
        })
    }

    /// By EVSE, the targets of the first slot in whole amperes.
    fn targets(&self) -> Vec<i64> {
        let plan = self.by(&mut Lp::default());
        let first = |wish: &Wish| wish.at(0).1.map_or(-1, |target| (target.0 + 500) / 1_000);
        plan.wishes.iter().map(first).collect()
    }
}

fn there_for(evse: u32, slots: usize) -> Car {
    Car { evse, there: vec![1_000; slots], ..car() }
}

fn without_prices(cars: Vec<Car>) -> Asked<'static> {
    Asked { prices: &[], headroom: 16_000, cars, free: 0 }
}

#[test]
fn where_a_row_is_scarce_who_leaves_first_is_first() {
    assert_eq!(without_prices(vec![there_for(0, 2), there_for(1, 10)]).targets(), [16, 0]);
    assert_eq!(without_prices(vec![there_for(0, 10), there_for(1, 2)]).targets(), [0, 16]);
}

#[test]
fn energy_counts_by_the_chance_that_its_car_is_still_there() {
    let mut uncertain = there_for(0, 10);
    uncertain.there = (1..=10).map(|slot| 1_000 - slot * 90).collect();
    assert_eq!(without_prices(vec![uncertain, there_for(1, 10)]).targets(), [16, 0]);
}

#[test]
fn a_car_that_charges_keeps_its_minimum_before_an_equal_one_begins() {
    let charging = Car { is_on: true, ..there_for(0, 3) };
    let cars = vec![there_for(1, 3), charging];
    let targets = Asked { headroom: 8_000, ..without_prices(cars) }.targets();
    assert!(targets[1] >= 6, "{targets:?}");
}

#[test]
fn what_a_row_leaves_of_a_cheap_slot_is_used_however_little_it_is() {
    let prices = [9, 9, 9, 1, 9, 9, 9, 9, 9, 9];
    for (headroom, cars, wh) in [(7_000, 1, 1_600), (22_000, 2, 3_680)] {
        let energy = Energy::from_wh(wh);
        let cars = (0..cars).map(|evse| Car { energy, ..there_for(evse, 10) }).collect();
        let plan = Asked { prices: &prices, headroom, cars, free: 0 }.by(&mut Lp::default());
        let cheap: Vec<_> = plan.wishes.iter().map(|wish| wish.at(3).0).collect();
        assert!(cheap.iter().all(Option::is_none), "{headroom} mA: {plan:?}");
        assert_eq!(plan.wishes[0].at(2).0, Some(Current::ZERO), "{headroom} mA: {plan:?}");
    }
}

#[test]
fn a_car_waits_for_cheap_slots_while_it_is_sure_to_be_there() {
    let prices = [9, 9, 9, 1, 1, 1, 9, 9, 9, 9];
    let asked = Asked { prices: &prices, headroom: 32_000, cars: vec![car()], free: 0 };
    let plan = asked.by(&mut Lp::default());
    let waits: Vec<_> =
        (0..10).map(|slot| plan.wishes[0].at(slot).0 == Some(Current::ZERO)).collect();
    assert_eq!(waits[..6], [true, true, true, false, false, false]);
    // One in three leaves before the cheap slots: a kWh that is lost costs more than they save.
    let mut uncertain = car();
    uncertain.there = [1_000, 800, 700, 650, 600, 600, 600, 600, 600, 600].to_vec();
    let asked = Asked { cars: vec![uncertain], ..asked };
    assert_eq!(asked.by(&mut Lp::default()).wishes[0].at(0).0, None);
}

#[test]
fn nobody_waits_where_those_who_may_come_would_need_the_row() {
    let prices = [9, 9, 9, 1, 1, 1, 9, 9, 9, 9];
    let asked = |free| Asked { prices: &prices, headroom: 32_000, cars: vec![car()], free };
    assert_eq!(asked(2).by(&mut Lp::default()).wishes[0].at(0).0, Some(Current::ZERO));
    assert_eq!(asked(12).by(&mut Lp::default()).wishes[0].at(0).0, None);
    assert_eq!(asked(12).by(&mut Greedy::default()).wishes, []);
}

#[test]
fn what_is_too_large_to_solve_is_left_to_the_greedy_plan() {
    let prices = [9, 9, 9, 1, 1, 1, 9, 9, 9, 9];
    let asked = Asked { prices: &prices, headroom: 64_000, cars: vec![car()], free: 0 };
    let greedy = asked.by(&mut Greedy::default());
    assert_eq!(asked.by(&mut Lp { columns_max: 2, ..Lp::default() }), greedy);
    assert_ne!(greedy.wishes, []);
}

#[test]
fn many_cars_are_planned_in_longer_slots() {
    let there: Vec<_> = (1..=96).map(|slot| 1_000 - 10 * slot).collect();
    let cars = (0..100).map(|evse| Car { evse, there: there.clone(), ..car() }).collect();
    let asked = Asked { prices: &[], headroom: 400_000, cars, free: 0 };
    let plan = asked.by(&mut Lp { columns_max: 1_500, ..Lp::default() });
    assert_eq!(plan.wishes.len(), 100);
    for slot in 0..96 {
        let targets = plan.wishes.iter().filter_map(|wish| wish.at(slot).1);
        let sum: i64 = targets.map(|target| target.0).sum();
        assert!(sum <= 400_100, "slot {slot}: {sum}");
        assert!(slot > 5 || sum > 390_000, "slot {slot}: {sum}");
    }
    assert_eq!(plan.wishes[0].at(96), (None, None));
}
