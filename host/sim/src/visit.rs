//! Owns the people: when they come, what they do at a station, when they go. Sans-IO: it looks at
//! an outlet and says what somebody does next. Must never look inside a station.

use std::collections::VecDeque;

use crate::car::Car;
use crate::rng::Rng;
use crate::station::{Act, PlugView};
use crate::words::Token;

const HOUR_MS: i64 = 3_600_000;

/// Arrivals in each hour of the day, in permille of the busiest: a public place in a town.
const DAY: [u16; 24] = [
    60, 40, 30, 30, 50, 120, 300, 600, 850, 800, 750, 800, 900, 850, 800, 850, 950, 1000, 950, 800,
    600, 400, 250, 120,
];

/// How a visit starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A card at the reader.
    Card,
    /// An app: the server starts it.
    App,
}

/// One visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// When the car is plugged in.
    pub arrive_ms: i64,
    /// Who.
    pub token: Token,
    /// In which car.
    pub car: Car,
    /// How it starts.
    pub start: Start,
    /// Time between plugging in and asking to start.
    pub fumble_ms: i64,
    /// Leaves after so much time, whatever stands then.
    pub stay_ms: i64,
    /// Leaves so long after the car was full, if that comes first.
    pub linger_ms: i64,
    /// Ends it with the card; else pulls the cable.
    pub ends_by_card: bool,
}

/// What a visitor does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Something at the station.
    Act(Act),
    /// Asks the server, by an app, to start.
    AskApp {
        /// Where.
        evse: u16,
        /// As whom.
        token: Token,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Coming,
    Plugged { since_ms: i64 },
    Asked { since_ms: i64 },
    Charging { full_ms: Option<i64> },
    Leaving { at_ms: i64 },
}

/// How long somebody waits for a start before leaving annoyed.
const PATIENCE_MS: i64 = 60_000;
/// Time between the end of a charge and pulling the cable.
const PACKING_MS: i64 = 3_000;
/// A visitor looks at the display this often.
const LOOK_MS: i64 = 1_000;

/// The visitors of one outlet, one after another.
#[derive(Clone, Debug, Default)]
pub struct Visitors {
    evse: u16,
    coming: VecDeque<Visit>,
    step: Option<Step>,
    arrived_ms: i64,
}

impl Visitors {
    /// Nobody so far.
    pub fn new(evse: u16) -> Self {
        Self { evse, ..Self::default() }
    }

    /// Adds a visit after all others.
    pub fn push(&mut self, visit: Visit) {
        self.coming.push_back(visit);
    }

    /// Whether nobody is there and nobody will come.
    pub fn is_over(&self) -> bool {
        self.coming.is_empty()
    }

    /// What somebody does now, looking at the outlet.
    pub fn act(&mut self, now_ms: i64, plug: &PlugView) -> Option<Deed> {
        let visit = self.coming.front()?.clone();
        let evse = self.evse;
        match self.step.unwrap_or(Step::Coming) {
            Step::Coming => {
                if now_ms < visit.arrive_ms || plug.occupied {
                    return None;
                }
                self.arrived_ms = now_ms;
                self.step = Some(Step::Plugged { since_ms: now_ms });
                Some(Deed::Act(Act::PlugIn { evse, car: visit.car }))
            }
            Step::Plugged { since_ms } => {
                if now_ms < since_ms + visit.fumble_ms {
                    return None;
                }
                self.step = Some(Step::Asked { since_ms: now_ms });
                let token = visit.token;
                Some(match visit.start {
                    Start::Card => Deed::Act(Act::Present { evse, token }),
                    Start::App => Deed::AskApp { evse, token },
                })
            }
            Step::Asked { since_ms } => {
                if plug.charging_for.is_some() {
                    self.step = Some(Step::Charging { full_ms: None });
                } else if now_ms >= since_ms + PATIENCE_MS {
                    self.step = Some(Step::Leaving { at_ms: now_ms });
                }
                None
            }
            Step::Charging { full_ms } => self.charging(now_ms, &visit, plug, full_ms),
            Step::Leaving { at_ms } => {
                if now_ms < at_ms {
                    return None;
                }
                self.coming.pop_front();
                self.step = None;
                Some(Deed::Act(Act::Unplug { evse }))
            }
        }
    }

    /// When somebody looks again.
    pub fn deadline(&self, now_ms: i64) -> Option<i64> {
        let visit = self.coming.front()?;
        Some(match self.step.unwrap_or(Step::Coming) {
            Step::Coming if visit.arrive_ms > now_ms => visit.arrive_ms,
            Step::Plugged { since_ms } => since_ms + visit.fumble_ms,
            Step::Leaving { at_ms } => at_ms,
            Step::Coming | Step::Asked { .. } | Step::Charging { .. } => now_ms + LOOK_MS,
        })
    }

    fn charging(
        &mut self,
        now_ms: i64,
        visit: &Visit,
        plug: &PlugView,
        full_ms: Option<i64>,
    ) -> Option<Deed> {
        if plug.charging_for.is_none() {
            self.step = Some(Step::Leaving { at_ms: now_ms + PACKING_MS });
            return None;
        }
        let full_ms = full_ms.or(plug.full.then_some(now_ms));
        self.step = Some(Step::Charging { full_ms });
        let done = full_ms.is_some_and(|at_ms| now_ms >= at_ms + visit.linger_ms);
        if !done && now_ms < self.arrived_ms + visit.stay_ms {
            return None;
        }
        if !visit.ends_by_card || visit.start == Start::App {
            self.step = Some(Step::Leaving { at_ms: now_ms });
            return None;
        }
        self.step = Some(Step::Leaving { at_ms: now_ms + PACKING_MS });
        Some(Deed::Act(Act::Present { evse: self.evse, token: visit.token.clone() }))
    }
}

/// Who comes to a station, and when: Poisson arrivals whose rate follows the hours of the day.
#[derive(Clone, Debug)]
pub struct Arrivals {
    rng: Rng,
    tokens: Vec<Token>,
    pace: Pace,
    next_ms: i64,
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    /// As in life: so many visits an hour at the busiest time.
    Day { per_hour_at_peak: i64 },
    /// As in a show: a minute or so each, one after the other.
    Short,
}

impl Arrivals {
    /// So many visits an hour at the busiest time, by holders of these tokens.
    pub fn new(seed: u64, tokens: Vec<Token>, per_hour_at_peak: i64, from_ms: i64) -> Self {
        let rng = Rng::part(seed, "arrivals");
        Self { rng, tokens, pace: Pace::Day { per_hour_at_peak }, next_ms: from_ms }
    }

    /// Visits of 20 to 90 seconds, with short pauses between them.
    pub fn short(seed: u64, tokens: Vec<Token>, from_ms: i64) -> Self {
        let rng = Rng::part(seed, "arrivals");
        Self { rng, tokens, pace: Pace::Short, next_ms: from_ms }
    }

    /// The next visit, asked for at `now_ms`; none when nobody has a token.
    pub fn next_visit(&mut self, now_ms: i64) -> Option<Visit> {
        match self.pace {
            Pace::Day { per_hour_at_peak } => self.next_of_day(HOUR_MS / per_hour_at_peak.max(1)),
            Pace::Short => self.next_short(now_ms),
        }
    }

    fn next_of_day(&mut self, mean_ms: i64) -> Option<Visit> {
        // Thinning: candidates at the peak rate, each kept with the hour's share.
        for _ in 0..10_000 {
            self.next_ms += self.rng.waiting_ms(mean_ms);
            let hour = (self.next_ms / HOUR_MS).rem_euclid(24) as usize;
            if self.rng.chance(DAY[hour]) {
                break;
            }
        }
        let token = self.rng.pick(&self.tokens)?.clone();
        let by_app = self.rng.chance(250);
        Some(Visit {
            arrive_ms: self.next_ms,
            token,
            car: Car::any(&mut self.rng),
            start: if by_app { Start::App } else { Start::Card },
            fumble_ms: self.rng.between(3_000, 40_000),
            stay_ms: self.rng.between(20, 360) * 60_000,
            linger_ms: self.rng.between(1, 90) * 60_000,
            ends_by_card: self.rng.chance(500),
        })
    }

    fn next_short(&mut self, now_ms: i64) -> Option<Visit> {
        let arrive_ms = self.next_ms.max(now_ms) + self.rng.between(1_000, 25_000);
        self.next_ms = arrive_ms;
        let token = self.rng.pick(&self.tokens)?.clone();
        let mut car = Car::any(&mut self.rng);
        // Everybody can charge at a fast charger, and some are full within the visit.
        car.dc_peak_w = car.dc_peak_w.max(50_000);
        if self.rng.chance(300) {
            let wh = self.rng.between(50, 400);
            car = car.missing(wh);
        }
        Some(Visit {
            arrive_ms,
            token,
            car,
            start: if self.rng.chance(250) { Start::App } else { Start::Card },
            fumble_ms: self.rng.between(2_000, 6_000),
            stay_ms: self.rng.between(20_000, 90_000),
            linger_ms: self.rng.between(5_000, 20_000),
            ends_by_card: self.rng.chance(500),
        })
    }
}
