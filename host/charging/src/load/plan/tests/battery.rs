//! Batteries: what they save, and that no plan asks of one, or of a row above it, what it cannot
//! do.

use super::*;
use crate::load::kernel::tests::Random;
use crate::load::plan::battery::{Battery, Share};
use crate::load::plan::lp::Lp;

/// A question that owns what it asks, and the sums that a plan is held against.
struct Day {
    slot: Millis,
    prices: Vec<i64>,
    surplus: Vec<Power>,
    feed_in: i64,
    cars: Vec<Car>,
    headroom: i64,
    stores: Stores,
}

impl Day {
    fn by(&self, planner: &mut impl Planner, stores: &Stores) -> Plan {
        planner.plan(&Question {
            from: Timestamp(0),
            slot: self.slot,
            rows: &rows(self.cars.len().max(1) as u32),
            headroom: &[Current(self.headroom)],
            scarce: &[],
            prices: &self.prices,
            surplus: &self.surplus,
            feed_in: self.feed_in,
            cars: &self.cars,
            free: &[],
            stores,
        })
    }

    fn hours(&self) -> f64 {
        self.slot.0 as f64 / 3.6e6
    }

    fn battery(&self, index: u32) -> &Battery {
        self.stores.batteries.iter().find(|battery| battery.index == index).unwrap()
    }

    /// What all together take in a slot.
    fn net(&self, plan: &Plan, slot: usize) -> i64 {
        let stored = plan.batteries.iter().filter_map(|points| points.power.get(slot));
        let stored: i64 = stored.map(|power| power.0).sum();
        plan.power.get(slot).map_or(0, |power| power.0) + stored
    }

    /// What a plan costs, in millionths; what is stored more in the end is worth what it may have
    /// cost.
    fn costs(&self, plan: &Plan) -> f64 {
        let mut costs = 0.0;
        for (slot, price) in self.prices.iter().enumerate() {
            let surplus = self.surplus.get(slot).map_or(0, |power| power.0.max(0));
            let (net, earns) = (self.net(plan, slot), self.feed_in.min(*price));
            let own = net.clamp(0, surplus);
            let energy = |watts: i64| watts as f64 / 1e3 * self.hours();
            costs += energy(own) * earns as f64 + energy(net - own) * *price as f64;
        }
        let lowest = self.prices.iter().min().copied().unwrap_or(0);
        let middle = (lowest + self.feed_in.min(lowest)) as f64 / 2.0;
        for points in &plan.batteries {
            let battery = self.battery(points.battery);
            let (mut gained, mut given) = (0.0, 0.0);
            for power in &points.power {
                let energy = power.0 as f64 / 1e3 * self.hours();
                gained += energy.max(0.0) * f64::from(battery.efficiency) / 1e3;
                given -= energy.min(0.0);
            }
            let worth = middle * 1e3 / f64::from(battery.efficiency) - battery.wear as f64;
            costs += given * battery.wear as f64 - (gained - given) * worth.max(0.0);
        }
        costs
    }

    /// No battery is asked what it cannot do, and no row is asked to carry more than it has.
    fn holds(&self, points: &[SetPoints]) -> Result<(), String> {
        let mut load = vec![0_i128; self.prices.len() + 1_000];
        for points in points {
            let battery = self.battery(points.battery);
            // Thousandths of mW times ms.
            let mut energy = i128::from(battery.energy.0) * 3_600_000;
            let least = i128::from(battery.energy.min(battery.reserve).0) * 3_600_000;
            for (slot, power) in points.power.iter().enumerate() {
                if *power > battery.charge || power.0 < -battery.discharge.0 {
                    return Err(format!("slot {slot}: {power}"));
                }
                let keeps = if power.0 > 0 { i128::from(battery.efficiency) } else { 1_000 };
                energy += i128::from(power.0) * i128::from(self.slot.0) * keeps;
                if energy < least || energy > i128::from(battery.capacity.0) * 3_600_000 {
                    return Err(format!("slot {slot}: it holds {} mWh", energy / 3_600_000));
                }
                for share in &battery.shares {
                    load[slot] += i128::from(power.0.max(0)) * i128::from(share.microamps);
                }
            }
        }
        let room = i128::from(self.stores.room[0].0) * 1_000;
        match load.iter().position(|load| *load > room) {
            Some(slot) => Err(format!("slot {slot}: {} of {room} uA", load[slot])),
            None => Ok(()),
        }
    }
}

fn battery(index: u32) -> Battery {
    Battery {
        index,
        capacity: Energy::from_wh(10_000),
        energy: Energy::from_wh(2_000),
        reserve: Energy::from_wh(1_000),
        charge: Power(5_000),
        discharge: Power(4_000),
        efficiency: 900,
        wear: 1,
        shares: vec![Share { row: 0, microamps: 4_348 }],
    }
}

/// Cheap for five hours, then dear, with five hours of sun; a car that cannot do without dear
/// hours.
fn two_prices() -> Day {
    let price = |slot| if slot < 5 { 10 } else { 40 };
    let sun = |slot| Power(if (8..13).contains(&slot) { 3_000 } else { 0 });
    Day {
        slot: Millis(HOUR),
        prices: (0..24).map(price).collect(),
        surplus: (0..24).map(sun).collect(),
        feed_in: 8,
        cars: vec![Car { energy: Energy::from_wh(50_000), there: vec![1_000; 24], ..car() }],
        headroom: 40_000,
        stores: Stores { batteries: vec![battery(0)], room: vec![Current(40_000)] },
    }
}

#[test]
fn a_battery_saves_what_two_prices_and_a_surplus_allow() {
    let day = two_prices();
    let plan = day.by(&mut Lp::default(), &day.stores);
    let without = day.by(&mut Lp::default(), &Stores::default());
    assert_eq!(plan.wishes, without.wishes, "no car depends on a battery");
    day.holds(&plan.batteries).unwrap();
    let powers = &plan.batteries[0].power;
    let sum = |sign: i64, slots: std::ops::Range<usize>| -> i64 {
        powers[slots].iter().map(|power| (power.0 * sign).max(0)).sum()
    };
    assert!(sum(1, 0..5) > 8_000, "it charges while that is cheap: {powers:?}");
    assert!(sum(-1, 5..24) > 8_500, "it gives what it has while that is dear: {powers:?}");
    assert!((0..24).all(|slot| day.net(&plan, slot) >= 0), "it never exports: {powers:?}");
    let (costs, costs_without) = (day.costs(&plan), day.costs(&without));
    println!("with a battery {costs:.0}, without {costs_without:.0}");
    // It gives 9 kWh that would cost 360, and was charged with 8.9 kWh for 89; the rest is wear,
    // and what it held before.
    assert!(costs < costs_without - 230.0, "{costs} and {costs_without}");
}

#[test]
fn who_is_late_only_stores_what_is_left_over() {
    let mut day = two_prices();
    day.cars.clear();
    let plan = day.by(&mut Greedy::default(), &day.stores);
    day.holds(&plan.batteries).unwrap();
    let powers: Vec<_> = plan.batteries[0].power.iter().map(|power| power.0).collect();
    // 8 kWh fit, of which it loses a tenth.
    assert_eq!(powers[..11], [0, 0, 0, 0, 0, 0, 0, 0, 3_000, 3_000, 2_888]);
    assert!(powers[11..].iter().all(|power| *power == 0), "{powers:?}");
    let solved = day.by(&mut Lp::default(), &day.stores);
    let stored: i64 = solved.batteries[0].power.iter().map(|power| power.0).sum();
    assert!((8_700..=8_889).contains(&stored), "{stored}: a surplus is stored for whoever comes");
    day.surplus.clear();
    assert_eq!(day.by(&mut Greedy::default(), &day.stores).batteries, []);
    let idle = day.by(&mut Lp::default(), &day.stores).batteries;
    assert!(idle[0].power.iter().all(|power| *power == Power::ZERO), "{idle:?}");
}

fn any_day(random: &mut Random) -> Day {
    let slot = Millis(random.between(1, 12) * 300_000);
    let slots = random.between(1, 40) as usize;
    let numbers = |random: &mut Random, slots: i64, low: i64, high: i64| -> Vec<i64> {
        (0..slots).map(|_| random.between(low, high)).collect()
    };
    let prices = numbers(random, slots as i64, -50, 400);
    let sunny = random.between(0, slots as i64);
    let surplus = numbers(random, sunny, -2_000, 9_000).into_iter().map(Power).collect();
    let there = |random: &mut Random| vec![1_000; random.between(1, slots as i64) as usize];
    let cars = (0..random.between(0, 3))
        .map(|n| Car {
            evse: n as u32,
            energy: Energy::from_wh(random.between(100, 30_000)),
            there: there(random),
            ..car()
        })
        .collect();
    let batteries = (0..random.between(1, 4))
        .map(|index| {
            let capacity = random.between(1, 20_000);
            Battery {
                index: index as u32,
                capacity: Energy::from_wh(capacity),
                energy: Energy(random.between(0, capacity * 1_000)),
                reserve: Energy(random.between(0, capacity * 1_000)),
                charge: Power(random.between(0, 8_000)),
                discharge: Power(random.between(0, 8_000)),
                efficiency: random.between(500, 1_000) as u32,
                wear: random.between(0, 50),
                shares: vec![Share { row: 0, microamps: random.between(1, 9_000) as u32 }],
            }
        })
        .collect();
    let room = Current(random.between(0, 40_000));
    let headroom = room.0 + random.between(0, 20_000);
    let feed_in = random.between(0, 100);
    Day {
        slot,
        prices,
        surplus,
        feed_in,
        cars,
        headroom,
        stores: Stores { batteries, room: vec![room] },
    }
}

#[test]
fn no_plan_asks_of_a_battery_or_a_row_what_it_cannot_do() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let day = any_day(&mut random);
        let lp = day.by(&mut Lp::default(), &day.stores);
        let without = day.by(&mut Lp::default(), &Stores::default());
        let greedy = day.by(&mut Greedy::default(), &day.stores);
        for plan in [&lp, &greedy] {
            if let Err(problem) = day.holds(&plan.batteries) {
                panic!("seed {seed}, {}: {problem}", plan.by);
            }
        }
        assert_eq!(lp.wishes, without.wishes, "seed {seed}");
        let capacity: i64 = day.stores.batteries.iter().map(|battery| battery.capacity.0).sum();
        let slack = capacity as f64 / 1e6 * 400.0 * 0.03;
        let (costs, other) = (day.costs(&lp), day.costs(&without));
        assert!(costs <= other + slack, "seed {seed}: {costs} and {other} without");
        let only_stores =
            greedy.batteries.iter().flat_map(|points| points.power.iter().enumerate());
        for (slot, power) in only_stores {
            let surplus = day.surplus.get(slot).map_or(0, |power| power.0.max(0));
            assert!(power.0 == 0 || day.net(&greedy, slot) <= surplus, "seed {seed}, slot {slot}");
            assert!(power.0 >= 0, "seed {seed}, slot {slot}");
        }
        let any = |random: &mut Random| match random.between(0, 3) {
            0 => Power(i64::MAX),
            1 => Power(i64::MIN),
            _ => Power(random.between(-20_000, 20_000)),
        };
        let wished: Vec<_> = (0..6)
            .map(|battery| SetPoints {
                battery,
                power: (0..50).map(|_| any(&mut random)).collect(),
            })
            .collect();
        day.holds(&day.stores.keep(day.slot, &wished)).unwrap();
    }
}

#[test]
fn a_day_of_four_batteries_is_planned_in_time() {
    let price = |slot: usize| ((slot / 12 * 7_919) % 31) as i64 * 10_000;
    let day = Day {
        slot: Millis(300_000),
        prices: (0..288).map(price).collect(),
        surplus: (0..288).map(|slot| Power(if slot % 96 < 40 { 9_000 } else { 0 })).collect(),
        feed_in: 50_000,
        cars: vec![Car { energy: Energy::from_wh(60_000), there: vec![1_000; 288], ..car() }],
        headroom: 60_000,
        stores: Stores { batteries: (0..4).map(battery).collect(), room: vec![Current(50_000)] },
    };
    let plan = day.by(&mut Lp::default(), &day.stores);
    day.holds(&plan.batteries).unwrap();
    let gives = plan.batteries.iter().flat_map(|points| &points.power);
    assert!(gives.clone().any(|power| *power < Power::ZERO), "the solver found nothing");
    assert_eq!((plan.batteries.len(), gives.count()), (4, 4 * 288));
}
