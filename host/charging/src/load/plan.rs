//! Owns what a plan is asked and what it may say. A plan only lowers or re-weights: whatever it
//! says, the filling keeps every row. Must never be needed: without a plan the site charges.

mod asked;
pub mod battery;
pub mod departure;
mod expected;
pub mod greedy;
pub mod lp;
pub mod scarcity;
pub mod settings;
mod surplus;

pub use self::asked::{Asked, Parked};

use self::battery::{SetPoints, Stores};
use super::legs::Legs;
use super::rows::Rows;
use crate::units::{Current, Energy, Millis, Power, Timestamp};

/// What a planner is asked. Slots are equally long, and the first begins at `from`.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// When the first slot begins, of which a part may be over.
    pub from: Timestamp,
    /// How long a slot is.
    pub slot: Millis,
    /// The site.
    pub rows: &'a Rows,
    /// What each row has for its members, taken to stay as it is; by row.
    pub headroom: &'a [Current],
    /// By row, whether it was found too full lately to make anyone wait for a price.
    pub scarce: &'a [bool],
    /// Millionths of the currency for a kWh in each slot; it ends where prices are not known yet.
    pub prices: &'a [i64],
    /// What the site generates in each slot beyond what it uses, EVSEs apart; nothing where it
    /// ends.
    pub surplus: &'a [Power],
    /// Millionths of the currency that a kWh of the surplus earns if nobody takes it.
    pub feed_in: i64,
    /// The cars that want to charge.
    pub cars: &'a [Car],
    /// EVSEs without a car, where one may come.
    pub free: &'a [u32],
    /// The batteries of the site.
    pub stores: &'a Stores,
}

/// A car that wants to charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Car {
    /// The EVSE's index.
    pub evse: u32,
    /// The legs that it uses.
    pub legs: Legs,
    /// The least that it can charge with.
    pub min: Current,
    /// The most that it can charge with.
    pub max: Current,
    /// Whether it charges now.
    pub is_on: bool,
    /// What it still wants.
    pub energy: Energy,
    /// The chance, in thousandths, that it is still there at the end of each slot; it ends where
    /// the chance is zero.
    pub there: Vec<u32>,
}

impl Car {
    /// How many slots, in thousandths, it must charge at its most to get all that it wants.
    pub fn need(&self, question: &Question<'_>) -> i64 {
        let watts = i128::from(self.power(question).0.max(1));
        // mWh per W are thousandths of hours.
        let thousandths = i128::from(self.energy.0) * 3_600_000;
        let slots = thousandths / (watts * i128::from(question.slot.0.max(1)));
        i64::try_from(slots).unwrap_or(i64::MAX)
    }

    /// What reaches it at its most.
    pub fn power(&self, question: &Question<'_>) -> Power {
        self.power_at(question, self.max)
    }

    fn power_at(&self, question: &Question<'_>, current: Current) -> Power {
        let Some(wiring) = question.rows.evses().get(self.evse as usize) else {
            return Power::ZERO;
        };
        let legs = match self.legs.count() {
            0 => u32::from(wiring.legs),
            count => count,
        };
        wiring.power(current, legs)
    }

    /// In how many slots from the first on it is there with a chance of at least `thousandths`.
    pub fn slots_there(&self, thousandths: u32) -> usize {
        self.there.iter().take_while(|there| **there >= thousandths).count()
    }
}

/// What is planned for one EVSE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The EVSE's index.
    pub evse: u32,
    /// By slot, the most that it may have, to wait for something better; `None` does not lower it.
    pub caps: Vec<Option<Current>>,
    /// By slot, what it is to have before others get more than they are to have; what is left is
    /// shared as ever. `None` leaves it to the policy.
    pub targets: Vec<Option<Current>>,
}

/// What a planner answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// When its first slot begins.
    pub from: Timestamp,
    /// How long a slot is.
    pub slot: Millis,
    /// What it wishes; EVSEs that it does not name are left to the policy.
    pub wishes: Vec<Wish>,
    /// By slot, what all cars together are expected to take; it may end early. Nothing follows
    /// from it: it is shown.
    pub power: Vec<Power>,
    /// What batteries are to do. Busbar speaks to none: an energy manager reads it.
    pub batteries: Vec<SetPoints>,
    /// Who made it: `lp`, `greedy`, a plugin's name.
    pub by: Box<str>,
}

impl Plan {
    /// In which nobody wishes anything.
    pub fn empty(question: &Question<'_>, by: &str) -> Self {
        Self { from: question.from, slot: question.slot, by: by.into(), ..Self::default() }
    }

    /// The slot that a time is in; `None` before the first.
    pub fn slot_at(&self, time: Timestamp) -> Option<usize> {
        let since = time.since(self.from).0;
        (since >= 0 && self.slot.0 > 0).then(|| (since / self.slot.0) as usize)
    }
}

impl Wish {
    /// Cap and target in a slot; beyond the last slot it wishes nothing.
    pub fn at(&self, slot: usize) -> (Option<Current>, Option<Current>) {
        let of = |list: &[Option<Current>]| list.get(slot).copied().flatten();
        (of(&self.caps), of(&self.targets))
    }
}

/// Makes plans. The native ones are pure; one may also be a plugin.
pub trait Planner {
    /// Answers, from nothing but the question.
    fn plan(&mut self, question: &Question<'_>) -> Plan;
}

#[cfg(test)]
mod tests;
