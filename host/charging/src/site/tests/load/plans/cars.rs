//! Cars that charge as planned: who leaves first is first, cheap hours are used, and the energy is
//! there at the departure, whoever plans.

use super::Plans;
use crate::action::Action;
use crate::fact::Fact;
use crate::fact::load::PriceSlot;
use crate::fact::metering::{Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind};
use crate::fact::station::Dialect;
use crate::ids::{IdToken, TokenKind};
use crate::input::{CarWish, Input, Request, StationEvent, TransactionRef};
use crate::load::config::Config;
use crate::load::fill::Policy;
use crate::load::kernel::profile::ProfilePurpose;
use crate::load::kernel::tests::START;
use crate::load::rows::EvseId;
use crate::site::tests::load::host::{Host, accepted, unsupported};
use crate::site::tests::load::one_row;
use crate::site::tests::load::world::Break;
use crate::units::{Current, Energy, Micros, Millis, Timestamp};

pub(super) const HOUR: i64 = 3_600;
/// Seconds between two looks.
const STEP: i64 = 5;

/// A site whose stations do as they are told.
pub(super) struct Yard {
    pub(super) host: Host,
    pub(super) now: Timestamp,
    pub(super) cars: Vec<Car>,
}

/// A car on one leg.
#[derive(Clone, Debug, Default)]
pub(super) struct Car {
    pub(super) limit: Current,
    max: Current,
    left: Energy,
    register: Energy,
    /// What it took, by the hour since the start.
    pub(super) taken: Vec<Energy>,
    runs: bool,
    visits: u32,
    seq: i64,
}

impl Car {
    pub(super) fn total(&self) -> i64 {
        self.taken.iter().map(|energy| energy.0 / 1_000).sum()
    }

    pub(super) fn between(&self, from: usize, until: usize) -> i64 {
        let hours = self.taken.iter().skip(from).take(until - from);
        hours.map(|energy| energy.0 / 1_000).sum()
    }
}

pub(super) fn evse(n: usize) -> EvseId {
    EvseId { station: format!("CS-{n}").as_str().into(), evse: 1 }
}

pub(super) fn laxity(evses: usize, limit: i64) -> Config {
    Config { policy: Policy::Laxity, ..one_row(evses, limit, 0) }
}

impl Yard {
    pub(super) fn new(config: &Config, plans: Plans) -> Self {
        let mut host = Host::new(Break::None, START, config);
        (host.plans, host.all) = (plans, Some(Vec::new()));
        let evses = config.tree.evses.len();
        let mut yard = Self { host, now: START, cars: vec![Car::default(); evses] };
        for n in 0..evses {
            yard.host.adopt(START, evse(n).station);
            yard.connect(n);
        }
        yard.pass(60);
        yard
    }

    pub(super) fn connect(&mut self, n: usize) {
        let (dialect, remote) = (Dialect::V201, "192.0.2.1:1".into());
        self.say(
            n,
            StationEvent::Connected { dialect, incarnation: 1, remote, security_profile: 1 },
        );
        let (vendor, model) = ("Test".into(), "true-true-Default".into());
        let (serial, firmware, reason) = (None, None, None);
        self.say(n, StationEvent::Booted { vendor, model, serial, firmware, reason });
    }

    pub(super) fn say(&mut self, n: usize, event: StationEvent) {
        let station = evse(n).station;
        let input = Input::Station { station, generation: 1, call: None, event };
        let actions = self.host.input(self.now, input);
        self.act(actions);
    }

    pub(super) fn ask(&mut self, request: Request) {
        let actions = self.host.ask(self.now, request);
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            let Action::Command { station, command, profile, .. } = action else { continue };
            let n = (0..self.cars.len()).find(|n| evse(*n).station == station).unwrap();
            let returned = match profile {
                Some(profile) if profile.purpose == ProfilePurpose::Transaction => {
                    self.cars[n].limit = Current(profile.periods[0].tenths * 100);
                    accepted()
                }
                Some(_) => accepted(),
                None => unsupported(),
            };
            let input = Input::Command { station, command, returned };
            let more = self.host.input(self.now, input);
            self.act(more);
        }
    }

    /// A car comes that can take so much, and wants so many Wh.
    pub(super) fn plug(&mut self, n: usize, amps: i64, wh: i64) {
        let car = &mut self.cars[n];
        (car.max, car.left) = (Current(amps * 1_000), Energy::from_wh(wh));
        (car.register, car.runs, car.seq) = (Energy::ZERO, true, 0);
        car.visits += 1;
        // Without a profile of its transaction the fallback holds: none.
        car.limit = Current::ZERO;
        self.report(n, ReportKind::Started);
    }

    pub(super) fn unplug(&mut self, n: usize) {
        self.report(n, ReportKind::Ended);
        self.cars[n].runs = false;
    }

    fn report(&mut self, n: usize, kind: ReportKind) {
        let (draw, car) = (self.draw(n), &mut self.cars[n]);
        car.seq += 1;
        let reading = |measurand, value| Reading {
            at: self.now,
            context: ReadingContext::Sample,
            measurand,
            phase: None,
            location: None,
            value,
        };
        let readings = vec![
            reading(Measurand::CurrentImport, ReadingValue::Current(draw)),
            reading(Measurand::EnergyImport, ReadingValue::Energy(car.register)),
        ];
        let report = Report {
            kind,
            at: self.now,
            seq: Some(car.seq),
            trigger: "test".into(),
            offline: false,
            evse: Some(1),
            connector: Some(1),
            token: (kind == ReportKind::Started)
                .then(|| IdToken::new(TokenKind::Iso14443, &format!("{n:08}"))),
            state: None,
            stopped_reason: None,
            remote_start: None,
            reservation: None,
            readings,
        };
        let transaction = format!("{n}-{}", car.visits);
        let transaction = TransactionRef::Known(transaction.as_str().into());
        self.say(n, StationEvent::Transaction { transaction, report, wants_cost: false });
    }

    fn draw(&self, n: usize) -> Current {
        let car = &self.cars[n];
        let charges = car.runs && car.limit >= Current(6_000) && car.left > Energy::ZERO;
        if charges { car.limit.min(car.max) } else { Current::ZERO }
    }

    /// So many seconds go by.
    pub(super) fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds / STEP {
            self.now = self.now.plus(Millis::from_secs(STEP));
            let since = self.now.since(START).0 / 1_000;
            for n in 0..self.cars.len() {
                let energy = Energy(self.draw(n).0 * 230 * STEP / 3_600);
                let car = &mut self.cars[n];
                car.register = car.register.plus(energy);
                car.left = car.left.minus(energy);
                let hour = (since / HOUR) as usize;
                car.taken.resize(car.taken.len().max(hour + 1), Energy::ZERO);
                car.taken[hour] = car.taken[hour].plus(energy);
                if car.runs && since % 60 == 0 {
                    self.report(n, ReportKind::Updated);
                }
            }
            let actions = self.host.due(self.now);
            self.act(actions);
        }
    }

    /// What a car wants, and in how many hours from the start it leaves.
    pub(super) fn wish(&mut self, n: usize, wh: i64, hours: i64) {
        let departure = Some(START.plus(Millis::from_secs(hours * HOUR)));
        let energy = Some(Energy::from_wh(wh));
        let wish = CarWish { energy, departure, ..CarWish::default() };
        self.ask(Request::WishLoad { evse: evse(n), transaction: None, wish });
    }

    /// What a kWh costs in the hours from the start on.
    pub(super) fn prices(&mut self, cents: &[i64]) {
        let hour = |n: usize| START.plus(Millis::from_secs(n as i64 * HOUR));
        let slot = |(n, cents): (usize, &i64)| PriceSlot {
            from: hour(n),
            until: hour(n + 1),
            price: Micros(cents * 10_000),
        };
        let slots = cents.iter().enumerate().map(slot).collect();
        self.ask(Request::PriceLoad { slots });
    }

    pub(super) fn count(&self, wanted: impl Fn(&Fact) -> bool) -> usize {
        self.host.all.iter().flatten().filter(|fact| wanted(fact)).count()
    }
}

/// Dear for five hours, cheap for four, dear again.
const CHEAP_AT_NIGHT: [i64; 16] = [40, 41, 42, 43, 44, 9, 8, 9, 8, 40, 40, 40, 40, 40, 40, 40];

#[test]
fn who_leaves_first_is_first() {
    let delivered = |policy| {
        let config = Config { policy, ..laxity(2, 20) };
        let mut yard = Yard::new(&config, Plans::BuiltIn);
        yard.plug(0, 16, 50_000);
        yard.plug(1, 16, 50_000);
        yard.wish(0, 6_500, 2);
        yard.wish(1, 6_500, 10);
        yard.pass(2 * HOUR - 60);
        (yard.cars[0].total(), yard.cars[1].total())
    };
    let (first, second) = delivered(Policy::Laxity);
    assert!(first >= 6_300, "{first} of 6,500 Wh, the other one {second}");
    assert!(first + second >= 7_000, "{first} and {second} of 9,200 Wh");
    let (fair, _) = delivered(Policy::Fair);
    assert!(fair < 5_000, "by a fair share it is {fair}");
}

#[test]
fn cheap_hours_are_used_and_the_energy_is_there_at_the_departure() {
    for plans in [Plans::BuiltIn, Plans::Never] {
        let mut yard = Yard::new(&laxity(2, 63), plans);
        yard.prices(&CHEAP_AT_NIGHT);
        yard.plug(0, 16, 10_000);
        yard.wish(0, 10_000, 13);
        yard.pass(13 * HOUR - 60);
        let car = &yard.cars[0];
        assert!(car.total() >= 9_950, "{plans:?}: {} of 10,000 Wh", car.total());
        // Some minutes at its plug show what it takes.
        let cheap = car.between(5, 9);
        assert!(cheap * 100 >= car.total() * 93, "{plans:?}: {cheap} Wh in cheap hours");
        let late = yard.count(|fact| matches!(fact, Fact::LoadPlanned(plan) if plan.late));
        assert_eq!(late > 0, plans == Plans::Never, "{plans:?}: {late} late plans");
        let view = yard.host.site.load_view(yard.now).unwrap();
        assert!(view.plan.is_some_and(|plan| plan.number > 100));
    }
}

#[test]
fn prices_that_begin_late_in_a_slot_are_planned_with_at_once() {
    let mut yard = Yard::new(&laxity(1, 63), Plans::BuiltIn);
    let (slot, over) = (Millis::from_secs(300), Millis::from_secs(200));
    let next = START.plus(Millis(slot.0 - START.0 % slot.0));
    yard.pass(next.plus(over).since(yard.now).0 / 1_000);
    let hours = |from: i64, until: i64, price| PriceSlot {
        from: yard.now.plus(Millis::from_secs(from * HOUR)),
        until: yard.now.plus(Millis::from_secs(until * HOUR)),
        price: Micros(price),
    };
    let slots = vec![hours(0, 4, 400_000), hours(4, 10, 100_000)];
    yard.ask(Request::PriceLoad { slots });
    yard.plug(0, 16, 10_000);
    yard.wish(0, 10_000, 10);
    yard.pass(slot.minus(over).0 / 1_000 - 10);
    assert_eq!(yard.cars[0].limit, Current::ZERO, "it waits for the cheap hours");
}

#[test]
fn whoever_wants_all_to_wait_costs_money_and_no_energy() {
    let mut yard = Yard::new(&laxity(2, 63), Plans::Nobody);
    yard.prices(&CHEAP_AT_NIGHT);
    yard.plug(0, 16, 10_000);
    yard.wish(0, 10_000, 6);
    // Of this one nothing is known: it never waits.
    yard.plug(1, 16, 10_000);
    yard.pass(HOUR);
    assert!(yard.cars[1].total() > 3_300, "{} Wh", yard.cars[1].total());
    assert!(yard.cars[0].total() < 500, "it waits: {} Wh", yard.cars[0].total());
    yard.pass(5 * HOUR - 30);
    assert!(yard.cars[0].total() >= 9_900, "{} Wh", yard.cars[0].total());
}

#[test]
fn without_prices_no_plan_lowers_anything() {
    for plans in [Plans::BuiltIn, Plans::Nobody] {
        let mut yard = Yard::new(&laxity(2, 63), plans);
        yard.plug(0, 32, 50_000);
        yard.wish(0, 5_000, 12);
        yard.pass(600);
        assert_eq!(yard.cars[0].limit, Current(32_000), "{plans:?}");
        let refused = |fact: &Fact| {
            matches!(fact, Fact::InputRefused(refused)
                if refused.reason.contains("may not wait where no price differs"))
        };
        assert_eq!(yard.count(refused) > 0, plans == Plans::Nobody);
    }
}

#[test]
fn what_cars_of_a_token_usually_do_is_planned_with() {
    let mut yard = Yard::new(&laxity(1, 63), Plans::BuiltIn);
    for _ in 0..6 {
        yard.plug(0, 16, 3_000);
        yard.pass(4 * HOUR);
        yard.unplug(0);
        yard.pass(600);
    }
    let hours = (yard.now.since(START).0 / 1_000 / HOUR) as usize;
    let mut prices = vec![40; hours + 3];
    prices.extend([5; 24]);
    yard.prices(&prices);
    yard.plug(0, 16, 3_000);
    yard.pass(HOUR + HOUR / 2);
    let early = yard.cars[0].between(hours, hours + 2);
    yard.pass(2 * HOUR + HOUR / 2 - 300);
    let all = yard.cars[0].between(hours, hours + 5);
    assert!(early < 600, "it waits without a word: {early} Wh");
    assert!(all >= 2_900, "{all} of 3,000 Wh");
}

/// It never shows what it would take, only that it follows.
#[test]
fn a_car_that_its_site_holds_back_all_the_time_waits_for_cheap_hours_too() {
    let mut yard = Yard::new(&laxity(1, 10), Plans::BuiltIn);
    yard.prices(&CHEAP_AT_NIGHT);
    yard.plug(0, 16, 6_000);
    yard.wish(0, 6_000, 13);
    yard.pass(13 * HOUR - 60);
    let car = &yard.cars[0];
    assert!(car.total() >= 5_950, "{} of 6,000 Wh", car.total());
    let cheap = car.between(5, 9);
    assert!(cheap * 100 >= car.total() * 90, "{cheap} Wh in cheap hours of {}", car.total());
}

#[test]
fn a_car_of_which_it_was_said_what_it_takes_is_not_tried_before_it_waits() {
    for said in [None, Some(Current(16_000))] {
        let mut yard = Yard::new(&laxity(1, 63), Plans::BuiltIn);
        yard.prices(&CHEAP_AT_NIGHT);
        yard.plug(0, 16, 10_000);
        let departure = Some(START.plus(Millis::from_secs(13 * HOUR)));
        let energy = Some(Energy::from_wh(10_000));
        let wish = CarWish { energy, departure, maximum: said, ..CarWish::default() };
        yard.ask(Request::WishLoad { evse: evse(0), transaction: None, wish });
        yard.pass(4 * HOUR);
        let total = yard.cars[0].total();
        assert_eq!(total < 30, said.is_some(), "{total} Wh");
        yard.pass(9 * HOUR - 60);
        assert!(yard.cars[0].total() >= 9_950, "{} of 10,000 Wh", yard.cars[0].total());
        assert!(yard.cars[0].limit <= said.unwrap_or(Current(32_000)));
    }
}
