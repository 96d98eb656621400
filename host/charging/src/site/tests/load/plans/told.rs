//! What is told of what is to come: taken, refused, ended, and the same after a crash.

use super::Plans;
use super::cars::{Yard, evse, laxity};
use crate::action::{Action, Problem, Reply};
use crate::context::{Context, Policy};
use crate::fact::load::{ForecastSlot, PriceSlot};
use crate::fact::{Actor, Call, Fact};
use crate::ids::Ids;
use crate::input::needs::{Needs, Transfer};
use crate::input::notice::{ChargingReply, Follows, Notice};
use crate::input::schedule::{Limit, Schedule, Step};
use crate::input::{CarWish, Input, Recalled, Request, StationEvent};
use crate::load::amount::PerLine;
use crate::load::external::Window;
use crate::load::kernel::tests::START;
use crate::load::plan::settings::{DayTime, OffPeak};
use crate::load::plan::{Plan, Wish};
use crate::load::rows::CircuitLimit;
use crate::site::tests::load::{amps, one_row};
use crate::units::{Current, Energy, Micros, Millis, Power, Timestamp};

pub(super) fn decided(yard: &Yard, input: Input) -> (Vec<Fact>, Vec<Action>) {
    let (policy, recalled) = (Policy::default(), Recalled::default());
    let ids = Ids { seed: 1 };
    let context =
        Context { network: &yard.host.network, recalled: &recalled, ids, policy: &policy };
    let outcome = yard.host.site.decide(&context, yard.now, input);
    (outcome.facts, outcome.actions)
}

pub(super) fn refusal(yard: &Yard, request: Request) -> Option<Problem> {
    let call = Some(Call::Api { incarnation: 1, request: 1 });
    let input = Input::Operator { actor: Actor::Clock, call, request };
    decided(yard, input).1.into_iter().find_map(|action| match action {
        Action::Reply { reply: Reply::Problem(problem), .. } => Some(problem),
        _ => None,
    })
}

fn seconds(seconds: i64) -> Timestamp {
    START.plus(Millis::from_secs(seconds))
}

#[test]
fn what_makes_no_sense_is_refused_and_named() {
    let mut yard = Yard::new(&laxity(2, 63), Plans::BuiltIn);
    yard.plug(0, 16, 5_000);
    let wish = |n: usize, wish: CarWish| {
        let (evse, transaction) = (evse(n), None);
        Request::WishLoad { evse, transaction, wish }
    };
    let fine = CarWish { energy: Some(Energy::from_wh(1)), ..CarWish::default() };
    assert_eq!(refusal(&yard, wish(0, fine.clone())), None);
    assert!(matches!(refusal(&yard, wish(1, fine.clone())), Some(Problem::Conflict(_))));
    assert!(matches!(refusal(&yard, wish(7, fine.clone())), Some(Problem::NotFound(_))));
    let another =
        Request::WishLoad { evse: evse(0), transaction: Some("another".into()), wish: fine };
    assert!(matches!(refusal(&yard, another), Some(Problem::Conflict(_))));
    let wrong = [
        (CarWish { energy: Some(Energy(-1)), ..CarWish::default() }, "energy_wh"),
        (CarWish { energy: Some(Energy(i64::MAX)), ..CarWish::default() }, "energy_wh"),
        (CarWish { departure: Some(START), ..CarWish::default() }, "has passed"),
        (CarWish { departure: Some(Timestamp::NEVER), ..CarWish::default() }, "too far away"),
        (CarWish { class: Some(10), ..CarWish::default() }, "class"),
        (CarWish { maximum: Some(amps(5)), ..CarWish::default() }, "max_current: 5 A"),
    ];
    for (wrong, word) in wrong {
        let Some(Problem::Invalid(why)) = refusal(&yard, wish(0, wrong)) else { panic!("{word}") };
        assert!(why.contains(word), "{why}");
    }
    let price = |from, until, price| PriceSlot { from, until, price: Micros(price) };
    let (early, late) = (seconds(100), seconds(4_000));
    let wrong = [
        (vec![price(late, early, 1)], "ends before it begins"),
        (vec![price(early, late, 1), price(early, late, 1)], "before the one before it ends"),
        (vec![price(Timestamp(0), Timestamp(1), 1)], "are over"),
        (vec![price(early, late, i64::MAX)], "is none"),
    ];
    for (slots, word) in wrong {
        let asked = refusal(&yard, Request::PriceLoad { slots });
        let Some(Problem::Invalid(why)) = asked else { panic!("{word}") };
        assert!(why.contains(word), "{why}");
    }
    let slots = vec![ForecastSlot { from: early, until: late, power: Power(-1) }];
    assert!(matches!(refusal(&yard, Request::ForecastLoad { slots }), Some(Problem::Invalid(_))));
}

#[test]
fn a_source_that_is_heard_in_time_is_not_taken_for_silent() {
    let mut config = laxity(1, 63);
    let source = &mut config.tree.circuits[0].external[0];
    source.timeout_seconds = Some(60);
    source.fallback_current = Some(PerLine::all(amps(6)));
    let mut yard = Yard::new(&config, Plans::BuiltIn);
    yard.plug(0, 16, 50_000);
    for _ in 0..15 {
        let (circuit, source) = ("grid".into(), "dso".into());
        yard.ask(Request::LimitLoad { circuit, source, windows: None });
        yard.pass(20);
        assert!(yard.now < seconds(200) || yard.cars[0].limit == amps(32), "{:?}", yard.cars[0]);
    }
    // Before its time-out is over the car is told what follows it.
    yard.pass(38);
    assert_eq!(yard.cars[0].limit, amps(6));
}

#[test]
fn a_wish_ends_with_its_transaction_and_outlives_the_host() {
    let mut yard = Yard::new(&laxity(1, 63), Plans::BuiltIn);
    let shown = |yard: &Yard| {
        let view = yard.host.site.load_view(yard.now).unwrap();
        (view.evses[0].wants.is_some(), view.evses[0].class)
    };
    yard.plug(0, 16, 50_000);
    let wish = CarWish {
        energy: Some(Energy::from_wh(20_000)),
        departure: Some(seconds(30_000)),
        class: Some(2),
        ..CarWish::default()
    };
    yard.ask(Request::WishLoad { evse: evse(0), transaction: None, wish });
    assert_eq!(shown(&yard), (true, 2));
    yard.pass(300);
    yard.host.crash(yard.now);
    yard.host.input(yard.now, Input::Recovered);
    yard.connect(0);
    assert_eq!(shown(&yard), (true, 2));
    yard.unplug(0);
    yard.pass(60);
    yard.plug(0, 16, 50_000);
    assert_eq!(shown(&yard), (false, 0));
}

/// What falls is gone before anyone could make room for it: the first to come back after a start
/// is not paused for what those fall from that are not back yet.
#[test]
fn nobody_is_paused_for_what_is_falling() {
    let mut yard = Yard::new(&one_row(6, 96, 0), Plans::BuiltIn);
    (0..6).for_each(|n| yard.plug(n, 16, 50_000));
    yard.pass(300);
    let limits = |yard: &Yard| -> Vec<_> {
        yard.host.site.load_view(yard.now).unwrap().evses.iter().map(|evse| evse.limit).collect()
    };
    assert_eq!(limits(&yard), [amps(16); 6]);
    let limit = CircuitLimit { lines: Some([amps(60); 3]), power: None };
    let until = yard.now.plus(Millis::from_secs(3_600));
    let windows = Some(vec![Window { from: yard.now, until, limit }]);
    yard.ask(Request::LimitLoad { circuit: "grid".into(), source: "dso".into(), windows });
    yard.pass(5);
    let lowered = limits(&yard);
    assert!(lowered.iter().all(|limit| *limit > amps(6) && *limit <= amps(10)), "{lowered:?}");
    yard.host.crash(yard.now);
    yard.host.input(yard.now, Input::Recovered);
    yard.connect(0);
    yard.pass(5);
    assert!(limits(&yard)[0] > amps(6), "{:?}", limits(&yard));
}

/// Twice the weight is twice the share, and a later class has what others leave.
#[test]
fn an_evse_has_its_weight_and_its_class() {
    let mut config = one_row(3, 42, 6);
    config.tree.evses[1].weight = Some(200);
    config.tree.evses[2].class = Some(1);
    let mut yard = Yard::new(&config, Plans::BuiltIn);
    (0..3).for_each(|n| yard.plug(n, 32, 50_000));
    yard.pass(600);
    let view = yard.host.site.load_view(yard.now).unwrap();
    let limits: Vec<_> = view.evses.iter().map(|evse| evse.limit).collect();
    assert_eq!(limits, [amps(12), amps(24), amps(6)], "{:?}", view.evses);
    config.tree.evses[1].weight = Some(0);
    config.tree.evses[2].class = Some(10);
    let said: Vec<_> = config.compile().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "CS-1/1: weight of 0: 1 to 10000 are possible",
            "CS-2/1: class of 10: 0 to 9 are possible"
        ]
    );
}

#[test]
fn a_car_says_what_it_needs_and_a_person_is_not_gainsaid() {
    let mut yard = Yard::new(&laxity(1, 63), Plans::BuiltIn);
    yard.plug(0, 16, 50_000);
    let needs = Needs {
        reported: None,
        transfer: Transfer::Ac(Some(1)),
        departure: Some(seconds(20_000)),
        energy: Some(Energy::from_wh(7_000)),
        minimum: None,
        maximum: Some(Current(16_000)),
        power: None,
        capacity: None,
        charge_percent: None,
        schedules: None,
    };
    let event = StationEvent::Charging {
        notice: Notice::Needs { evse: 1, needs, nonsense: Vec::new() },
        action: "NotifyEVChargingNeeds".into(),
        payload: "{}".into(),
    };
    let call = Some(Call::Station { incarnation: 1, generation: 1, message_id: "m".into() });
    let (station, event_) = (evse(0).station, event.clone());
    let input = Input::Station { station, generation: 1, call, event: event_ };
    let (_, actions) = decided(&yard, input);
    let later = Reply::Charging(ChargingReply::Needs(Follows::Later));
    let told = |action: &Action| matches!(action, Action::Reply { reply, .. } if *reply == later);
    assert!(actions.iter().any(told), "{actions:?}");
    yard.say(0, event.clone());
    let wants = |yard: &Yard| yard.host.site.load_view(yard.now).unwrap().evses[0].wants;
    assert_eq!(wants(&yard), Some(Energy::from_wh(7_000)));
    yard.wish(0, 3_000, 5);
    yard.say(0, event);
    assert_eq!(wants(&yard), Some(Energy::from_wh(3_000)));
}

#[test]
fn what_a_planner_may_not_say_is_clamped_and_named() {
    let mut yard = Yard::new(&laxity(2, 63), Plans::Never);
    yard.prices(&[40, 40, 5, 5]);
    yard.plug(0, 16, 5_000);
    yard.wish(0, 5_000, 10);
    let is_asked = |yard: &Yard| {
        yard.host.site.load_view(yard.now).unwrap().plan.is_some_and(|plan| plan.asked)
    };
    for _ in 0..200 {
        if is_asked(&yard) {
            break;
        }
        yard.pass(5);
    }
    assert!(is_asked(&yard), "nobody asks for a plan");
    let (number, asked) = yard.host.asked.last().cloned().unwrap();
    let answer = |yard: &Yard, number: u64, plan: Plan| {
        let input = Input::Plan { number, plan: Box::new(plan) };
        decided(yard, input).0
    };
    let wish = |evse: u32, caps: Vec<Option<Current>>| Wish { evse, caps, targets: Vec::new() };
    let plan = |wishes: Vec<Wish>| Plan {
        from: asked.from,
        slot: asked.slot,
        wishes,
        power: Vec::new(),
        batteries: Vec::new(),
        by: "mean".into(),
    };
    let said = |facts: &[Fact]| match facts {
        [Fact::InputRefused(refused), ..] => refused.reason.to_string(),
        _ => "nothing".into(),
    };
    let late = answer(&yard, number + 7, plan(Vec::new()));
    assert!(said(&late).contains("nobody waits for plan"), "{late:?}");
    let elsewhere = Plan { from: Timestamp(0), ..plan(Vec::new()) };
    assert!(said(&answer(&yard, number, elsewhere)).contains("was asked"));
    for (wishes, word) in [
        (vec![wish(9, Vec::new())], "no EVSE with the index 9"),
        (vec![wish(1, vec![None])], "no car of the question is at CS-1/1"),
        (vec![wish(0, vec![None]), wish(0, vec![Some(Current(7_000))])], "named twice"),
        (vec![wish(0, vec![Some(Current(-1))])], "-1 mA is not between"),
        (vec![wish(0, vec![Some(Current(i64::MAX))])], "is not between"),
        (vec![wish(0, vec![None; 1_000])], "more than the 288 asked"),
    ] {
        let facts = answer(&yard, number, plan(wishes));
        if word != "named twice" {
            assert!(said(&facts).contains(word), "{word}: {facts:?}");
        }
        let Some(Fact::LoadPlanned(planned)) = facts.last() else { panic!("{facts:?}") };
        for run in planned.evses.iter().flat_map(|evse| &evse.runs) {
            assert!(run.cap.is_none_or(|cap| Current::ZERO <= cap && cap < Current(32_000)));
        }
    }
}

#[test]
fn starts_are_spread_at_random_and_the_same_after_a_replay() {
    let mut config = laxity(8, 300);
    config.plan.start_delay_seconds = 600;
    let mut yard = Yard::new(&config, Plans::BuiltIn);
    for n in 0..8 {
        yard.plug(n, 16, 50_000);
    }
    let at_once = CarWish { at_once: true, ..CarWish::default() };
    yard.ask(Request::WishLoad { evse: evse(7), transaction: None, wish: at_once });
    let mut begun = [None; 8];
    for second in (0..700).step_by(5) {
        yard.pass(5);
        for (begun, car) in begun.iter_mut().zip(&yard.cars) {
            if car.limit > Current::ZERO {
                begun.get_or_insert(second);
            }
        }
        if second == 300 {
            yard.host.crash(yard.now);
            yard.host.input(yard.now, Input::Recovered);
            (0..8).for_each(|n| yard.connect(n));
        }
    }
    let begun: Vec<i64> = begun.into_iter().map(Option::unwrap).collect();
    assert!(begun[7] < 30, "{begun:?}");
    assert!(begun.iter().all(|second| *second <= 640), "{begun:?}");
    let mut different = begun[..7].to_vec();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() >= 5 && different[6.min(different.len() - 1)] > 120, "{begun:?}");
}

#[test]
fn a_surplus_and_a_time_of_day_are_prices_too() {
    let mut config = laxity(1, 63);
    let time = |text: &str| DayTime::try_from(text.to_owned()).unwrap();
    assert!(DayTime::try_from("24:01".to_owned()).is_err());
    let window = OffPeak { days: Vec::new(), from: time("23:00"), until: time("07:00") };
    config.plan.off_peak = vec![window];
    let mut yard = Yard::new(&config, Plans::Never);
    yard.plug(0, 16, 5_000);
    yard.wish(0, 5_000, 20);
    yard.pass(20);
    let prices = |yard: &Yard| yard.host.asked.last().unwrap().1.prices.clone();
    let cheap = prices(&yard).iter().filter(|price| **price == 500_000).count();
    assert_eq!((cheap, prices(&yard).len()), (8 * 12, 288));
    let from = yard.host.asked.last().unwrap().1.from;
    let begins = seconds(3_600);
    let slots = vec![ForecastSlot { from: begins, until: seconds(7_200), power: Power(7_360) }];
    yard.ask(Request::ForecastLoad { slots });
    yard.pass(60);
    let asked = &yard.host.asked.last().unwrap().1;
    assert!(asked.is_priced());
    assert_eq!(prices(&yard).iter().filter(|price| **price == 500_000).count(), 8 * 12);
    let before = (begins.since(from).0 / asked.slot.0) as usize;
    assert_eq!(asked.surplus.len(), before + 12);
    assert!(asked.surplus[..before].iter().all(|power| *power == Power::ZERO));
    assert!(asked.surplus[before..].iter().all(|power| *power == Power(7_360)));
}

#[test]
fn a_limit_of_somebody_else_at_a_station_is_one_of_its_circuits() {
    let mut yard = Yard::new(&laxity(2, 50), Plans::BuiltIn);
    yard.plug(0, 32, 50_000);
    yard.plug(1, 32, 50_000);
    yard.pass(300);
    let limits = |yard: &Yard| (yard.cars[0].limit.0 / 1_000, yard.cars[1].limit.0 / 1_000);
    assert_eq!(limits(&yard), (25, 25), "50 A for two");
    let step = |amps: i64| Step {
        start: Millis::ZERO,
        limit: Some(Limit::Current(Current(amps * 1_000))),
        phases: None,
    };
    let notice = |notice: Notice, action: &str| StationEvent::Charging {
        notice,
        action: action.into(),
        payload: "{}".into(),
    };
    let (evse, source, grid_critical, local_generation) = (None, "EMS".into(), false, false);
    let schedules = vec![Schedule { steps: vec![step(10)], ..Schedule::default() }];
    let limited = Notice::Limited { evse, source, grid_critical, local_generation, schedules };
    yard.say(0, notice(limited, "NotifyChargingLimit"));
    yard.pass(300);
    assert_eq!(limits(&yard), (10, 32), "what one may not have is not wasted");
    let view = yard.host.site.load_view(yard.now).unwrap();
    assert!(view.rows.iter().any(|row| row.name.starts_with("CS-0 by EMS")), "{:?}", view.rows);
    assert!(view.evses[0].reason.contains("CS-0 by EMS"), "{}", view.evses[0].reason);
    yard.host.crash(yard.now);
    yard.host.input(yard.now, Input::Recovered);
    (0..2).for_each(|n| yard.connect(n));
    yard.pass(300);
    assert_eq!(limits(&yard), (10, 32));
    let cleared = Notice::Unlimited { evse: None, source: "EMS".into() };
    yard.say(0, notice(cleared, "ClearedChargingLimit"));
    yard.pass(600);
    assert_eq!(limits(&yard), (25, 25));
}
