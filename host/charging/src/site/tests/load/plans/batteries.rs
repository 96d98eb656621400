//! Batteries of a site: what is told of one is used while it is young, what is planned is shown,
//! and whoever plans, none is asked what it cannot do.

use super::Plans;
use super::cars::{HOUR, Yard, laxity};
use super::told::{decided, refusal};
use crate::action::Problem;
use crate::fact::Fact;
use crate::fact::load::PowerRun;
use crate::input::{Input, Request};
use crate::load::amount::{PerLine, Watts};
use crate::load::circuit::BatteryPoint;
use crate::load::config::Config;
use crate::load::legs::Rotation;
use crate::load::plan::Plan;
use crate::load::plan::battery::SetPoints;
use crate::site::tests::load::amps;
use crate::units::{Energy, Micros, Power};

/// Of 1,800 Wh its reserve are 180.
pub(in crate::site::tests::load) fn battery(name: &str, charge: i64) -> BatteryPoint {
    BatteryPoint {
        name: name.into(),
        circuit: "grid".into(),
        phases: Rotation::parse(if charge > 1_000 { "L1" } else { "L1 L2 L3" }).unwrap(),
        capacity_wh: 1_800,
        charge: Watts(Power(charge)),
        discharge: Watts(Power(3_000)),
        efficiency_thousandths: 900,
        reserve_percent: 10,
        wear_per_kwh: Micros(10_000),
    }
}

fn stored(evses: usize) -> Config {
    let mut config = laxity(evses, 63);
    config.tree.batteries = vec![battery("cellar", 2_300)];
    config.tree.circuits[0].base_load = Some(PerLine::all(amps(12)));
    config
}

fn told(charge: u32) -> Request {
    Request::TellBattery { battery: "cellar".into(), charge, power: Some(Power(-100)) }
}

#[test]
fn what_a_battery_holds_is_planned_with_while_it_is_young() {
    let mut yard = Yard::new(&stored(1), Plans::BuiltIn);
    yard.prices(&[40, 41, 40, 41, 5, 5, 40, 40]);
    yard.plug(0, 16, 10_000);
    yard.wish(0, 10_000, 3);
    let shown = |yard: &Yard| yard.host.site.load_view(yard.now).unwrap().batteries.remove(0);
    yard.pass(60);
    assert_eq!((shown(&yard).told, shown(&yard).runs), (None, Vec::new()));
    yard.ask(told(500));
    yard.pass(60);
    let view = shown(&yard);
    assert_eq!((view.charge, view.power, view.is_stale), (Some(500), Some(Power(-100)), false));
    // 720 Wh are above its reserve, and it is dear until the car leaves.
    let given = |runs: &[PowerRun]| -> i64 {
        runs.iter().map(|run| run.power.0.min(0) * i64::from(run.slots) / 12).sum()
    };
    assert!((-725..=-650).contains(&given(&view.runs)), "{:?}", view.runs);
    yard.host.crash(yard.now);
    yard.host.input(yard.now, Input::Recovered);
    yard.connect(0);
    let again = shown(&yard);
    assert_eq!((again.told, again.charge), (view.told, view.charge));
    assert!(!again.runs.is_empty());
    yard.pass(25 * 60);
    let late = shown(&yard);
    assert!(late.is_stale && late.runs.is_empty(), "{late:?}");
    // What it holds is told again, and nothing else happens.
    yard.ask(told(200));
    yard.pass(60);
    assert!(!shown(&yard).runs.is_empty());
}

#[test]
fn without_a_car_or_a_surplus_a_battery_rests() {
    let mut yard = Yard::new(&stored(1), Plans::BuiltIn);
    yard.prices(&[40; 12]);
    yard.ask(told(500));
    // Prices begin in the middle of a slot, and are known from the next on.
    yard.pass(400);
    let runs = || yard.host.site.load_view(yard.now).unwrap().batteries.remove(0).runs;
    assert!(runs().iter().all(|run| run.power == Power::ZERO), "nothing to do: {:?}", runs());
    assert!(!runs().is_empty());
}

#[test]
fn what_a_planner_may_not_ask_of_a_battery_is_cut_and_named() {
    let mut yard = Yard::new(&stored(1), Plans::Never);
    yard.prices(&[40, 40, 5, 5]);
    yard.ask(told(500));
    let is_asked = |yard: &Yard| {
        yard.host.site.load_view(yard.now).unwrap().plan.is_some_and(|plan| plan.asked)
    };
    for _ in 0..100 {
        if is_asked(&yard) {
            break;
        }
        yard.pass(5);
    }
    assert!(is_asked(&yard), "nobody asks for a plan");
    let (number, asked) = yard.host.asked.last().cloned().unwrap();
    let answer = |points: Vec<(u32, Vec<i64>)>| {
        let points = points.into_iter().map(|(battery, power)| {
            let power = power.into_iter().map(Power).collect();
            SetPoints { battery, power }
        });
        let plan = Plan {
            from: asked.from,
            slot: asked.slot,
            batteries: points.collect(),
            by: "mean".into(),
            ..Plan::default()
        };
        let facts = decided(&yard, Input::Plan { number, plan: Box::new(plan) }).0;
        let said = facts.iter().find_map(|fact| match fact {
            Fact::InputRefused(refused) => Some(refused.reason.to_string()),
            _ => None,
        });
        let Some(Fact::LoadPlanned(planned)) = facts.last() else { panic!("{facts:?}") };
        let runs = planned.batteries.first().map(|plan| plan.runs.clone()).unwrap_or_default();
        let powers = runs.iter().flat_map(|run| vec![run.power.0; run.slots as usize]);
        (said.unwrap_or_default(), powers.collect::<Vec<_>>())
    };
    assert_eq!(answer(vec![(0, vec![100, -100, 0])]), (String::new(), vec![100, -100, 0]));
    for (power, kept) in [
        (vec![i64::MAX], vec![2_300]),
        (vec![i64::MIN], vec![-3_000]),
        // 720 Wh are above its reserve: 8,640 W for five minutes.
        (vec![-3_000; 4], vec![-3_000, -3_000, -2_640, 0]),
        // 900 Wh fit, of which it loses a tenth: 12,000 W for five minutes.
        (vec![2_300; 6], vec![2_300, 2_300, 2_300, 2_300, 2_300, 500]),
    ] {
        let (said, powers) = answer(vec![(0, power)]);
        assert!(said.contains("can do no more"), "{said}");
        let close = powers.iter().zip(&kept).all(|(one, other)| (one - other).abs() <= 1);
        assert!(close && powers.len() == kept.len(), "{powers:?}, not {kept:?}");
    }
    let (said, powers) = answer(vec![(0, vec![0; 300])]);
    assert!(said.contains("300 slots are more than the 288"), "{said}");
    assert_eq!(powers.len(), 288);
    assert!(answer(vec![(1, vec![0])]).0.contains("no battery with the index 1"));
    assert!(answer(vec![(0, vec![0]), (0, vec![9])]).0.contains("cellar is named twice"));
}

#[test]
fn what_no_battery_of_its_size_does_is_not_taken() {
    let yard = Yard::new(&stored(1), Plans::BuiltIn);
    let tell = |watts| {
        let (battery, power) = ("cellar".into(), Some(Power(watts)));
        refusal(&yard, Request::TellBattery { battery, charge: 500, power })
    };
    assert_eq!([tell(2_400), tell(-3_100)], [None, None], "a meter errs");
    for watts in [23_000, -23_000, i64::MIN] {
        let Some(Problem::Invalid(why)) = tell(watts) else { panic!("{watts} W are taken") };
        assert_eq!(why, "power: cellar takes 2.3 kW and gives 3 kW at most");
    }
}

#[test]
fn no_planner_makes_a_battery_do_what_it_cannot() {
    for plans in [Plans::Hostile, Plans::BuiltIn, Plans::Never] {
        let mut yard = Yard::new(&stored(3), plans);
        yard.prices(&[40, 5, 41, 6, 42, 7, 40, 3, 40, 40]);
        for round in 0..24 {
            if round % 8 == 0 {
                yard.plug(0, 16, 6_000);
                yard.wish(0, 6_000, 2 + round / 4);
            }
            yard.ask(told((round as u32 * 379) % 1_001));
            yard.pass(HOUR / 4);
            if round % 8 == 7 {
                yard.unplug(0);
            }
        }
        let (mut charge, mut plans_seen) = (0, 0);
        for fact in yard.host.all.iter().flatten() {
            match fact {
                Fact::LoadBattery(told) => charge = i64::from(told.charge),
                Fact::LoadPlanned(planned) => {
                    for plan in &planned.batteries {
                        plans_seen += 1;
                        is_possible(charge, planned.slot.0, &plan.runs);
                    }
                }
                _ => {}
            }
        }
        assert!(plans_seen > 10 || plans == Plans::Never, "{plans:?}: {plans_seen}");
    }
}

fn is_possible(charge: i64, slot_ms: i64, runs: &[PowerRun]) {
    let capacity = Energy::from_wh(1_800).0;
    let mut energy = capacity * charge / 1_000 * 3_600_000;
    let least = energy.min(capacity * 360_000);
    for run in runs {
        let watts = run.power.0;
        assert!((-3_000..=2_300).contains(&watts), "{runs:?}");
        let keeps = if watts > 0 { 900 } else { 1_000 };
        energy += watts * slot_ms * keeps * i64::from(run.slots);
        // A run of no power changes nothing; within one that has some it never turns.
        assert!((least..=capacity * 3_600_000).contains(&energy), "{charge}: {runs:?}");
    }
}
