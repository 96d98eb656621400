//! Owns the plan that needs no solver: every car charges in the cheapest slots before it leaves,
//! with a margin, wherever there is room for all to choose. Some microseconds for each car. Must
//! never make a car wait for a price where its row is scarce.

use super::battery::from_surplus;
use super::expected::Expected;
use super::scarcity::{Coming, Need, may_wait, scarce_rows};
use super::{Car, Plan, Planner, Question, Wish};
use crate::units::Current;

/// Cheapest slots first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greedy {
    /// A car counts as there while the chance of it is at least so many thousandths.
    pub there: u32,
    /// So many thousandths of the time that is left are not planned with.
    pub margin: u32,
    /// A row is scarce when what its cars need before they leave is more than so many thousandths
    /// of what it can give until then.
    pub scarce: u32,
    /// Who may come to a free EVSE.
    pub coming: Coming,
}

impl Default for Greedy {
    fn default() -> Self {
        Self { there: 500, margin: 300, scarce: 1_000, coming: Coming::default() }
    }
}

/// A car's time and need, in slots.
#[derive(Clone, Copy)]
struct Span {
    until: usize,
    /// Thousandths.
    need: i64,
}

impl Planner for Greedy {
    fn plan(&mut self, question: &Question<'_>) -> Plan {
        let (mut plan, expected) = self.cars(question);
        plan.batteries = from_surplus(question, &expected);
        plan.power = expected.powers();
        plan
    }
}

impl Greedy {
    /// What the cars are to do.
    pub(super) fn cars<'a>(&self, question: &'a Question<'a>) -> (Plan, Expected<'a>) {
        let spans: Vec<_> = question.cars.iter().map(|car| self.span(question, car)).collect();
        let needs = question.cars.iter().zip(&spans);
        let needs = needs.map(|(car, span)| Need::of(question, car, span.until)).collect();
        let scarce = scarce_rows(question, self.coming, self.scarce, needs);
        let mut plan = Plan::empty(question, "greedy");
        let mut expected = Expected::nothing(question);
        let mut order = Vec::new();
        let prices = question.mixed_prices();
        let is_priced = prices.iter().any(|price| *price != prices[0]);
        for (car, span) in question.cars.iter().zip(&spans) {
            let waits = is_priced && may_wait(question, car, &scarce);
            let caps = waits.then(|| cheapest(&prices, *span, &mut order)).flatten();
            expected.add_under(car, caps.as_deref().unwrap_or_default());
            if let Some(caps) = caps {
                plan.wishes.push(Wish { evse: car.evse, caps, targets: Vec::new() });
            }
        }
        (plan, expected)
    }

    fn span(&self, question: &Question<'_>, car: &Car) -> Span {
        let there = car.slots_there(self.there) as i64;
        let until = (there * (1_000 - i64::from(self.margin.min(1_000))) / 1_000) as usize;
        Span { until, need: car.need(question) }
    }
}

/// Caps of zero but in the cheapest slots that are enough; `None` where there is no choice.
fn cheapest(prices: &[i64], span: Span, order: &mut Vec<usize>) -> Option<Vec<Option<Current>>> {
    let known = span.until.min(prices.len());
    let slots = usize::try_from((span.need + 999) / 1_000).unwrap_or(usize::MAX);
    if slots >= known {
        return None;
    }
    order.clear();
    order.extend(0..known);
    order.sort_by_key(|slot| (prices[*slot], *slot));
    let mut caps = vec![Some(Current::ZERO); known];
    for slot in order.iter().take(slots) {
        caps[*slot] = None;
    }
    Some(caps)
}
