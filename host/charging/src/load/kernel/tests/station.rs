//! Owns a station of the fault model with its car: what it really does with profiles, by its own
//! clock, and what it draws.

use std::collections::VecDeque;

use super::Random;
use crate::input::schedule::{Limit, Schedule, Step};
use crate::load::kernel::capability::{Capability, Hole};
use crate::load::kernel::event::Returned;
use crate::load::kernel::profile::{Begins, Profile, ProfilePurpose};
use crate::units::{Current, Millis, Timestamp};

/// A car follows a lower limit within so many seconds.
const FOLLOWS: usize = 5;

pub(crate) const MAXIMUM: Current = Current(32_000);

/// What a station really is.
#[derive(Clone, Debug)]
pub(crate) struct Station {
    pub(crate) ignores_duration: bool,
    /// A reboot sets its clock to any time.
    pub(crate) forgets_clock: bool,
    /// It obeys no limit at all.
    pub(crate) ignores_limits: bool,
    pub(crate) hole: Option<Hole>,
    /// It takes so many profiles of a thousand and says that it did not.
    pub(crate) denies: i64,
    pub(crate) offset: Millis,
    pub(crate) online: bool,
    /// Counts its connections.
    pub(crate) generation: u64,
    default: Option<Profile>,
    running: Option<Profile>,
    hole_until: Timestamp,
    pub(crate) car: Option<Car>,
    transactions: u64,
    /// What it allowed in the last seconds, the newest last.
    allowed: VecDeque<Current>,
    pub(crate) draw: Current,
}

/// A car that charges.
#[derive(Clone, Debug)]
pub(crate) struct Car {
    pub(crate) transaction: String,
    pub(crate) demand: Current,
    pub(crate) leaves: Timestamp,
    lag: usize,
}

impl Station {
    pub(crate) fn new(offset: Millis) -> Self {
        Self {
            ignores_duration: false,
            forgets_clock: false,
            ignores_limits: false,
            hole: None,
            denies: 0,
            offset,
            online: true,
            generation: 0,
            default: None,
            running: None,
            hole_until: Timestamp(0),
            car: None,
            transactions: 0,
            allowed: VecDeque::new(),
            draw: Current::ZERO,
        }
    }

    /// What a probe at commissioning finds.
    pub(crate) fn capability(&self) -> Capability {
        Capability {
            keeps_durations: !self.ignores_duration,
            keeps_clock: !self.forgets_clock,
            hole: self.hole.unwrap_or(Hole::Default),
            ..Capability::STANDARD
        }
    }

    pub(crate) fn clock(&self, now: Timestamp) -> Timestamp {
        let time = now.plus(self.offset).0;
        Timestamp(time - time.rem_euclid(1_000))
    }

    /// SetChargingProfile arrives.
    pub(crate) fn set(
        &mut self,
        now: Timestamp,
        profile: Profile,
        random: &mut Random,
    ) -> Returned {
        if self.hole.is_some() {
            self.hole_until = now.plus(Millis::from_secs(random.between(2, 5)));
        }
        match profile.purpose {
            ProfilePurpose::Default => self.default = Some(profile),
            ProfilePurpose::Transaction => {
                let named = profile.transaction.as_ref().map(|id| id.as_str().to_owned());
                if named != self.car.as_ref().map(|car| car.transaction.clone()) {
                    return Returned::Refused;
                }
                self.running = Some(profile);
            }
            ProfilePurpose::StationMaximum => {}
        }
        let denies = self.denies > 0 && random.per_mille(self.denies);
        if denies { Returned::Refused } else { Returned::Accepted }
    }

    /// What it holds.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.default.iter().chain(&self.running)
    }

    pub(crate) fn arrives(
        &mut self,
        number: usize,
        now: Timestamp,
        stay: Millis,
        random: &mut Random,
    ) {
        let stay = stay.0 / 1_000;
        self.transactions += 1;
        self.car = Some(Car {
            transaction: format!("{number}-{}", self.transactions),
            demand: if random.per_mille(700) { Current(32_000) } else { Current(16_000) },
            leaves: now.plus(Millis::from_secs(random.between(stay / 6, stay))),
            lag: random.between(1, FOLLOWS as i64) as usize,
        });
    }

    pub(crate) fn leaves(&mut self) {
        self.car = None;
        self.running = None;
    }

    /// One second goes by.
    pub(crate) fn step(&mut self, now: Timestamp) {
        if self.allowed.len() == FOLLOWS + 1 {
            self.allowed.pop_front();
        }
        self.allowed.push_back(self.limit(now));
        let Some(car) = &self.car else {
            self.draw = Current::ZERO;
            return;
        };
        let seen = self.allowed.iter().rev().take(car.lag + 1).max().copied();
        let allowed = seen.unwrap_or(MAXIMUM);
        let charges = allowed >= Current(6_000);
        self.draw = if charges { car.demand.min(allowed) } else { Current::ZERO };
    }

    /// What it allows its car now.
    fn limit(&self, now: Timestamp) -> Current {
        if self.ignores_limits {
            return MAXIMUM;
        }
        let default = self.default.as_ref().and_then(|profile| self.says(profile, now));
        let default = default.unwrap_or(MAXIMUM);
        if now < self.hole_until {
            return if self.hole == Some(Hole::Full) { MAXIMUM } else { default };
        }
        self.running.as_ref().and_then(|profile| self.says(profile, now)).unwrap_or(default)
    }

    /// What it is going to allow, as it says itself: what it does.
    pub(crate) fn composite(&self, now: Timestamp, seconds: u32) -> Schedule {
        let mut steps: Vec<Step> = Vec::new();
        for second in 0..i64::from(seconds) {
            let start = Millis::from_secs(second);
            let limit = Some(Limit::Current(self.limit(now.plus(start))));
            if steps.last().is_none_or(|last| last.limit != limit) {
                steps.push(Step { start, limit, phases: None });
            }
        }
        let duration = Some(Millis::from_secs(seconds.into()));
        Schedule { begins: Some(self.clock(now)), duration, steps }
    }

    /// What a profile says by this station's clock; nothing where it does not hold.
    fn says(&self, profile: &Profile, now: Timestamp) -> Option<Current> {
        let Begins::At(begin) = profile.begins else {
            return Some(Current(profile.periods[0].tenths * 100));
        };
        let seconds = now.plus(self.offset).since(begin).0.div_euclid(1_000);
        let over = profile.duration_seconds.is_some_and(|duration| seconds >= duration);
        if seconds < 0 || (over && !self.ignores_duration) {
            return None;
        }
        let holds = |start: i64| start <= seconds && (start == 0 || !self.ignores_duration);
        let period = profile.periods.iter().rev().find(|period| holds(period.start_seconds))?;
        Some(Current(period.tenths * 100).min(MAXIMUM))
    }
}
