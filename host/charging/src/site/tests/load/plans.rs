//! What is planned, through the site in virtual time: cars that say what they need, prices, and
//! planners that are late or mean harm.

pub(super) mod batteries;
mod cars;
mod generation;
mod told;

use std::sync::Arc;

use crate::load::kernel::tests::Random;
use crate::load::plan::battery::SetPoints;
use crate::load::plan::greedy::Greedy;
use crate::load::plan::lp::Lp;
use crate::load::plan::{Asked, Plan, Planner, Wish};
use crate::units::{Current, Millis, Power, Timestamp};

/// Who plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plans {
    /// The linear program, at once.
    BuiltIn,
    /// Nobody answers.
    Never,
    /// Everyone is to wait for ever.
    Nobody,
    /// Whatever does harm: too large, negative, of EVSEs that are not there, of another time, late
    /// or twice.
    Hostile,
}

impl Plans {
    /// The questions that are answered now.
    pub(super) fn answers(self, asked: &mut Vec<(u64, Arc<Asked>)>) -> Vec<(u64, Arc<Asked>)> {
        match self {
            Self::Never => Vec::new(),
            Self::BuiltIn | Self::Nobody => std::mem::take(asked),
            Self::Hostile => match asked.last().map(|(number, _)| number % 4) {
                // Later, with the next one.
                None | Some(0) => Vec::new(),
                // Again and again.
                Some(1) if asked.len() < 3 => {
                    let again = asked.last().cloned();
                    asked.extend(again);
                    asked.clone()
                }
                _ => std::mem::take(asked),
            },
        }
    }

    pub(super) fn plan(self, asked: &Asked, seed: u64) -> Plan {
        match self {
            Self::BuiltIn => asked.of(|question| Lp::default().plan(question)),
            Self::Never => asked.of(|question| Greedy::default().plan(question)),
            Self::Nobody => {
                let caps = vec![Some(Current::ZERO); 288];
                let wish = |evse| Wish { evse, caps: caps.clone(), targets: caps.clone() };
                let wishes = asked.cars.iter().map(|car| wish(car.evse)).collect();
                let (from, slot) = (asked.from, asked.slot);
                Plan {
                    from,
                    slot,
                    wishes,
                    power: Vec::new(),
                    batteries: Vec::new(),
                    by: "nobody".into(),
                }
            }
            Self::Hostile => hostile(asked, &mut Random(seed)),
        }
    }
}

fn hostile(asked: &Asked, random: &mut Random) -> Plan {
    let any = |random: &mut Random| match random.between(0, 5) {
        0 => None,
        1 => Some(Current(i64::MAX)),
        2 => Some(Current(i64::MIN)),
        3 => Some(Current(-1)),
        4 => Some(Current::ZERO),
        _ => Some(Current(random.between(0, 64_000))),
    };
    let mut wishes = Vec::new();
    for _ in 0..random.between(0, 20) {
        let slots = random.between(0, 400) as usize;
        let caps = (0..slots).map(|_| any(random)).collect();
        let targets = (0..slots).map(|_| any(random)).collect();
        let evse = random.between(0, 12) as u32;
        wishes.push(Wish { evse, caps, targets });
    }
    wishes.push(Wish { evse: u32::MAX, caps: vec![None], targets: Vec::new() });
    let (mut from, mut slot) = (asked.from, asked.slot);
    match random.between(0, 9) {
        0 => from = Timestamp(i64::MIN),
        1 => slot = Millis(0),
        2 => slot = Millis(-1),
        3 => from = Timestamp(i64::MAX),
        _ => {}
    }
    let power = vec![Power(i64::MAX), Power(i64::MIN)];
    let watts = |random: &mut Random| match random.between(0, 4) {
        0 => Power(i64::MAX),
        1 => Power(i64::MIN),
        2 => Power(-1),
        _ => Power(random.between(-40_000, 40_000)),
    };
    let battery = |random: &mut Random| {
        let slots = random.between(0, 400);
        let power = (0..slots).map(|_| watts(random)).collect();
        SetPoints { battery: random.between(0, 3) as u32, power }
    };
    let batteries = (0..random.between(0, 5)).map(|_| battery(random)).collect();
    Plan { from, slot, wishes, power, batteries, by: "hostile".repeat(100).into() }
}
