//! What a run's looks come to, what is read of a scenario, and what is drawn.

use super::grid::Grid;
use super::plan::Plan;
use super::run::Run;
use super::sample::{Drawn, Sample};
use super::*;

/// Three stations without feeders; the limit is 60 A, and from 20 s to 60 s 40 A.
const SMALL: &str = r#"
name = "small"
seconds = 100
bounds = { busy_s = [0, 10], share_percent_min = 70 }
site = { limit_a = 60, base_load_a = 10, reserve_a = 5, base_load_max_a = 20, fallback_a = 6 }
group = [
    { name = "sound", stations = 2, plug_in_s = [0, 5] },
    { name = "R&D", stations = 1, fault = "ignores", plug_in_s = [1, 2] },
]
event = [
    { what = "base_load", at_s = 10, to_a = 20, over_s = 10 },
    { what = "cut", at_s = 20, until_s = 60, to_a = 40 },
]
"#;

fn options(text: &str) -> Options {
    Options {
        scenario: Scenario::read(text).expect("a scenario"),
        url: String::new(),
        root: None,
        api: (String::new(), String::new()),
        seed: 1,
        prefix: "SITE".to_owned(),
    }
}

/// A run in which all stations draw the same on three phases: by second, milliamperes.
fn run(options: &Options, drawn: impl Fn(i64) -> i64) -> Run {
    let plan = Plan::new(&options.scenario, options.seed, &options.prefix);
    let grid = Grid::new(&options.scenario);
    let look = |second: i64| Sample {
        at_ms: second * 1_000,
        evses: vec![
            Drawn { ma: drawn(second), phases: 3, online: second != 3, ..Drawn::default() };
            plan.places.len()
        ],
    };
    let samples: Vec<Sample> = (-2..=options.scenario.seconds as i64).map(look).collect();
    let report = Report::new(options, &plan, &grid, &samples, Vec::new());
    Run { plan, grid, samples, report }
}

fn met(report: &Report, bound: &str) -> bool {
    let verdict = report.verdicts.iter().find(|verdict| verdict.bound == bound);
    verdict.expect("a verdict").met
}

#[test]
fn a_run_that_keeps_to_its_limit_meets_its_bounds() {
    let options = options(SMALL);
    // Down to 6 A each within nine seconds after the cut.
    let report = run(&options, |second| if second < 29 { 13_300 } else { 6_000 }).report;
    assert!(report.verdicts.iter().all(|verdict| verdict.met), "{}", report.table());
    assert_eq!((report.excess_a, report.excess_s), (0.0, 0.0));
    assert_eq!((report.cuts[0].reaction_s, report.cuts[0].to_a), (9.0, 40.0));
    let [share, ..] = report.share_percent.expect("a share");
    assert!((79.0..81.0).contains(&share), "39.9 A of 50: {share}");
}

#[test]
fn a_reaction_that_takes_too_long_is_an_excess() {
    let options = options(SMALL);
    let report = run(&options, |second| if second < 40 { 13_300 } else { 6_000 }).report;
    assert!(!met(&report, "excess_a_max"), "{}", report.table());
    assert!(!met(&report, "reaction_s_max"), "{}", report.table());
    assert_eq!(report.excess_s, 4.0);
    assert_eq!(report.excess_at.as_deref(), Some("grid connection, L1 at 36.0 s"));
}

#[test]
fn a_milliampere_too_much_is_an_excess() {
    let options = options(SMALL);
    let at = |ma: i64| {
        let report = run(&options, |second| if second == 5 { ma } else { 6_000 }).report;
        met(&report, "excess_a_max")
    };
    // 60 A less 10 A and the milliampere by which the base load is rounded up.
    assert!(at(16_666) && !at(16_667));
}

#[test]
fn a_site_that_draws_nothing_has_no_share() {
    let options = options(SMALL);
    assert!(!met(&run(&options, |_| 0).report, "share_percent_min"));
}

#[test]
fn a_feeder_has_its_own_limit() {
    let feeder = "feeder = [{ name = \"short one\", limit_a = 20 }], fallback_a = 6";
    let options = options(&SMALL.replace("fallback_a = 6", feeder));
    let report = run(&options, |second| if second < 15 { 7_000 } else { 6_000 }).report;
    assert_eq!(report.excess_a, 1.0);
    assert!(report.excess_at.expect("a place").starts_with("short one, L1"));
}

#[test]
fn base_load_rises_and_cuts_hold_from_when_to_when_they_say() {
    let grid = Grid::new(&options(SMALL).scenario);
    assert_eq!([0, 15_000, 99_000].map(|ms| grid.base_ma(ms)[0]), [10_001, 15_001, 20_001]);
    let limits = [19_999, 20_000, 59_999, 60_000].map(|ms| grid.limit_ma(ms));
    assert_eq!(limits, [60_000, 40_000, 40_000, 60_000]);
    // For 15 s what there was before the cut, and no more.
    let allowed = [19_999, 20_000, 35_000, 35_001].map(|ms| grid.allowed_ma(ms)[0]);
    assert_eq!(allowed, [40_000, 40_000, 40_000, 19_999]);
    let announced = SMALL.replace("to_a = 40 }", "to_a = 40, lead_s = 15 }");
    let grid = Grid::new(&options(&announced).scenario);
    assert_eq!(grid.allowed_ma(20_000)[0], 19_999);
}

#[test]
fn built_in_scenarios_are_sound_at_every_size() {
    for (name, text) in SCENARIOS {
        let scenario = Scenario::read(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(scenario.stations(), 50, "{name}");
        for stations in [20, 50, 200] {
            let scenario = scenario.clone().scaled(stations);
            let plan = Plan::new(&scenario, 1, "SITE");
            scenario.check().unwrap_or_else(|error| panic!("{name}: {error}"));
            // The commissioning rule, so that the host takes the tree.
            let site = &scenario.site;
            let fallbacks = |feeder: Option<usize>, line: usize| {
                let hang = plan.places.iter().filter(|place| {
                    place.lines.contains(&line) && (feeder.is_none() || place.feeder == feeder)
                });
                hang.count() as f64 * site.fallback_a
            };
            for line in 0..3 {
                let kept = site.base_load_max_a + site.reserve_a;
                let sum = fallbacks(None, line) + kept;
                assert!(sum <= site.limit_a, "{name}, {stations} stations: {sum}");
                for (number, feeder) in site.feeders.iter().enumerate() {
                    let sum = fallbacks(Some(number), line) + feeder.reserve_a;
                    assert!(sum <= feeder.limit_a, "{name}, {}: {sum}", feeder.name);
                }
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_scenario_is_said_with_its_place() {
    let error =
        |from: &str, to: &str| Scenario::read(&SMALL.replace(from, to)).expect_err("an error");
    assert!(error("reserve_a", "reserve").starts_with("5:"), "{}", error("reserve_a", "reserve"));
    assert!(error("\"cut\"", "\"cutt\"").contains("cutt"));
    assert!(error("to_a = 40", "to_a = nan").contains("event at 20 s"));
    assert!(error("limit_a = 60", "limit_a = -1").contains("limits must be"));
    assert!(error("until_s = 60", "until_s = 6").contains("ends before it begins"));
    assert!(error("[0, 5]", "[5, 0]").contains("span"));
}

#[test]
fn the_picture_has_all_that_happened_and_needs_nothing_else() {
    let options = options(SMALL);
    let svg = draw(&options, &run(&options, |second| second * 250));
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    for part in ["L1, amperes", "60 A", "R&amp;D", "limit cut to 40 A", "base load", "url(#away)"] {
        assert!(svg.contains(part), "no {part}");
    }
    assert!(!svg.contains("href") && !svg.contains("NaN") && !svg.contains("R&D"));
    assert_eq!(svg, draw(&options, &run(&options, |second| second * 250)));
}

#[test]
fn a_cast_is_the_same_for_the_same_seed() {
    let scenario = options(SMALL).scenario;
    let names = |seed| {
        let plan = Plan::new(&scenario, seed, "SITE");
        plan.places.iter().map(|place| place.password.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(1), names(1));
    assert_ne!(names(1), names(2));
}
