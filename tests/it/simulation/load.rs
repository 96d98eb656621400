//! The fault model of load control, through the real engine, links and stations of `sim`: a site
//! with a tree of circuits on three phases, and a judge that looks every second at what the cars
//! truly draw.
//!
//! `cargo test -p busbar-tests --test it simulation::load` runs some hours of it.
//! `BUSBAR_LOAD_SEEDS=30 BUSBAR_LOAD_HOURS=24` runs more, from `BUSBAR_SEED` on; with
//! `BUSBAR_SEED` alone that one seed runs, which is how a failure is replayed.
//!
//! What is drawn: stations of all versions and of sixteen kinds, sound and not; cars that come,
//! taper and go; frames that take up to five seconds each way or get lost; stations that are
//! offline, half open, without power, with clocks up to an hour off; operators' calls that are
//! answered late; a host that dies and replays, and one whose clock is set; a base load that
//! wanders and its meter, which falls silent; cuts of the grid connection, announced or not.
//!
//! What must hold: no row is ever over its limit, but for the reaction to a cut that nobody
//! announced; and all that holds of every other seed.
//!
//! Must never look at what the host believes.

mod anywhere;
mod judge;
mod life;
mod lines;
mod yard;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub(super) use anywhere::tree;
use judge::{REACTION, Score};
use life::{Day, Setting};
pub(super) use lines::Lines;

use super::plan::{HOUR, SECOND};
use super::world::Break;
use super::{each_seed, number};

/// Seeds of a usual run, and hours of each.
const SEEDS: u64 = 3;
const HOURS: u64 = 2;

/// EVSEs of a site.
const EVSES: f64 = 15.0;

fn hours() -> i64 {
    number("BUSBAR_LOAD_HOURS").unwrap_or(HOURS) as i64
}

/// One seed; what does not hold, if anything.
fn day(setting: &Setting, hours: i64) -> Result<Score, String> {
    let setting = setting.clone();
    let run = AssertUnwindSafe(|| Day::new(setting).run(hours));
    let score = catch_unwind(run).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
    })?;
    if score.over > 0 || score.reaction > REACTION / SECOND {
        return Err(format!("above a limit: {}", told(&score)));
    }
    Ok(score)
}

fn told(score: &Score) -> String {
    let hours = score.seconds as f64 / 3_600.0;
    format!(
        "{hours:.1} h, {} cars: {} s over (longest {} s, worst {:.1} %), reaction at most {} s \
         ({} of {} unannounced cuts were felt), {} s by liars, {:.1} % of the ideal, {:.1} \
         messages per EVSE-hour, {:.2} pauses per car, {} crashes, {} facts, first: {}",
        score.cars,
        score.over,
        score.longest,
        score.worst as f64 / 10.0,
        score.reaction,
        score.felt,
        score.cuts,
        score.lied,
        score.drawn as f64 * 100.0 / score.ideal.max(1) as f64,
        score.messages as f64 / hours / EVSES,
        score.pauses as f64 / score.cars.max(1) as f64,
        score.crashes,
        score.facts,
        score.first.as_deref().unwrap_or("none"),
    )
}

/// Runs seeds on all processors.
fn days(test: &str, usual: u64, setting: impl Fn(u64) -> Setting + Sync) -> Score {
    let asked = number("BUSBAR_SEED");
    let usual = if asked.is_some() { 1 } else { usual };
    let first = asked.unwrap_or(0);
    let end = first + number("BUSBAR_LOAD_SEEDS").unwrap_or(usual);
    let mut score = Score::default();
    let wrong = each_seed(first..end, |seed| day(&setting(seed), hours()), |one| score.add(&one));
    println!("{test}, {} seeds: {}", end - first, told(&score));
    if let Some((seed, _)) = wrong.first() {
        let lines: Vec<_> =
            wrong.iter().map(|(seed, what)| format!("seed {seed}: {what}")).collect();
        panic!(
            "{}\n\nreplay: BUSBAR_SEED={seed} BUSBAR_LOAD_HOURS={} cargo test -p busbar-tests \
             --test it simulation::load::{test}",
            lines.join("\n"),
            hours()
        );
    }
    score
}

#[test]
fn no_row_is_ever_over_its_limit() {
    let score = days("no_row_is_ever_over_its_limit", SEEDS, Setting::new);
    assert_eq!(score.lied, 0, "nobody lies here");
}

#[test]
fn a_day_is_one_run() {
    let runs = [(); 2].map(|()| day(&Setting::new(5), 1));
    assert!(runs[0].is_ok(), "{runs:?}");
    assert_eq!(runs[0], runs[1]);
}

/// Until a station is found out that nobody knew to ignore its limits, its row may be over: by no
/// more than what it takes itself, and for no longer than two readings and the others' reaction.
#[test]
fn a_station_that_ignores_its_limits_is_found_out() {
    days("a_station_that_ignores_its_limits_is_found_out", 2, |seed| Setting {
        liars: 1,
        ..Setting::new(seed)
    });
}

#[test]
fn a_meter_of_the_whole_site_will_do() {
    days("a_meter_of_the_whole_site_will_do", 2, |seed| Setting {
        whole_meter: true,
        ..Setting::new(seed)
    });
}

/// No lease of a station that is away is over because the host's clock says so.
#[test]
fn a_host_whose_clock_is_set_is_never_over() {
    days("a_host_whose_clock_is_set_is_never_over", 2, |seed| Setting {
        clock_every: HOUR / 3,
        ..Setting::new(seed)
    });
}

/// A break must be found within so many seeds of so many hours.
const BROKEN: u64 = 12;
const BROKEN_HOURS: i64 = 2;

fn found(expected: &str, setting: impl Fn(u64) -> Setting) {
    let mut others = Vec::new();
    for seed in 0..BROKEN {
        let setting = Setting { two_faced: false, is_vague: false, ..setting(seed) };
        match day(&setting, BROKEN_HOURS) {
            Err(what) if what.contains(expected) => {
                println!("{:?}, seed {seed}: {what}", setting.broken);
                return;
            }
            other => others.push((seed, other)),
        }
    }
    panic!("the break is not found in {BROKEN} seeds; instead: {others:?}");
}

#[test]
fn finds_a_limit_that_is_rounded_up() {
    found("above a limit", |seed| Setting {
        broken: Break::RoundsUp,
        room_ma: 12_000,
        ..Setting::new(seed)
    });
}

#[test]
fn finds_an_acknowledgement_that_was_none() {
    found("above a limit", |seed| Setting {
        broken: Break::TakesAnyAnswer,
        room_ma: 18_000,
        ..Setting::new(seed)
    });
}

#[test]
fn finds_a_limit_that_a_crash_loses() {
    found("above a limit", |seed| Setting {
        broken: Break::LosesLimit,
        crash_every: HOUR / 4,
        room_ma: 60_000,
        // What a station holds shows what the host has lost.
        hides_profiles: true,
        ..Setting::new(seed)
    });
}

#[test]
fn finds_a_host_that_trusts_its_clock() {
    found("above a limit", |seed| Setting {
        broken: Break::TrustsItsClock,
        clock_every: HOUR / 3,
        ..Setting::new(seed)
    });
}

#[test]
fn finds_a_limit_that_leaves_before_its_commit() {
    found("were durable", |seed| Setting { broken: Break::ActsBeforeCommit, ..Setting::new(seed) });
}
