//! Bounds: met, missed, and missed because nobody measured.

use super::*;
use crate::load::kept::Kept;
use crate::load::memory::Samples;
use crate::load::pool::Stats;
use crate::load::table::{Echo, Place};

const SCENARIO: &str = r#"
name = "all"
stations = 10
rounds = 3
bounds = { kib_per_connection_max = 16, kib_per_connection_tls_max = 28 }

[[phase]]
name = "one"
seconds = 10
rate = 100
[phase.bounds]
cpu_us_max = 15
cpu_echo_ratio_max = 1.6
p99_ms_max = 50
per_second_min = 100
failures_max = 0
broken_max = 1

[[phase]]
name = "two"
seconds = 10
against = "one"
bounds = { back_within_s = 60, nothing_lost = true, p99_ratio_max = 1.5, rss_ratio_max = 1.05 }
"#;

fn row(phase: usize, round: usize, cpu_us: Option<u64>, p99_ms: u64) -> Row {
    let mut stats = Stats { seconds: 10.0, ..Stats::default() };
    for _ in 0..1000 {
        stats.latencies.entry(Kind::Status).or_default().record(p99_ms * 1000);
    }
    for _ in 0..10 {
        stats.latencies.entry(Kind::Back).or_default().record(40_000_000);
    }
    let memory = Samples { every_s: 1.0, kib: vec![1000; 20] };
    let mut row = Row::new("a phase".to_owned(), 10, stats, cpu_us, memory);
    (row.place, row.rate) = (Some(Place { phase, round }), 100.0);
    row.kept = Some(Kept { looked_for: 10, ..Kept::default() });
    row
}

/// Costs of 12 µs, answers within 10 and 12 ms.
fn echo(rate: f64, us: f64) -> Echo {
    Echo { rate, stations: 10, us }
}

fn good() -> Report {
    let rounds =
        (0..3).flat_map(|round| [row(0, round, Some(12_000), 10), row(1, round, Some(12_000), 12)]);
    let mut phases = vec![row(0, 0, None, 1)];
    phases[0].place = None;
    phases[0].stats.connected = 10;
    phases.extend(rounds);
    Report {
        host_rss_before_kib: Some(1000),
        host_rss_connected_kib: Some(1200),
        phases,
        echo: vec![echo(10.0, 1.0), echo(100.0, 10.0)],
        ..Report::default()
    }
}

fn missed(report: &Report, tls: bool) -> Vec<&'static str> {
    let scenario = Scenario::read(SCENARIO).expect("a scenario");
    let verdicts = judge(&scenario, tls, report);
    assert_eq!(verdicts.len(), 11, "{verdicts:?}");
    verdicts.iter().filter(|verdict| !verdict.met).map(|verdict| verdict.bound).collect()
}

#[test]
fn a_run_within_its_bounds_misses_none() {
    // 20 KiB for each connection is too much without TLS, and enough with it.
    assert_eq!(missed(&good(), true), Vec::<&str>::new());
    assert_eq!(missed(&good(), false), ["kib_per_connection_max"]);
}

#[test]
fn each_bound_can_be_missed() {
    type Change = fn(&mut Row);
    let first: [(&str, Change); 4] = [
        ("cpu_us_max", |row| row.host_cpu_us_per_message = Some(15.1)),
        ("per_second_min", |row| row.per_second = 99.9),
        ("failures_max", |row| row.stats.timeouts = 1),
        ("broken_max", |row| row.stats.broken = 2),
    ];
    let second: [(&str, Change); 6] = [
        ("nothing_lost", |row| row.kept.as_mut().expect("looked for").lost = 1),
        ("nothing_lost", |row| row.kept.as_mut().expect("looked for").looked_for = 9),
        ("back_within_s", |row| {
            row.stats.latencies.get_mut(&Kind::Back).expect("back").record(61_000_000);
        }),
        ("back_within_s", |row| {
            row.stats.latencies.remove(&Kind::Back);
        }),
        ("rss_ratio_max", |row| row.memory.kib = (1000..1200).step_by(10).collect()),
        ("p99_ratio_max", |row| row.p99_us = 16_000),
    ];
    // In one round of three; the median of the ratios only in two of them.
    for (index, rounds, changes) in [(1, 1, &first[..]), (2, 1, &second[..5]), (2, 2, &second[5..])]
    {
        for (bound, change) in changes {
            let mut report = good();
            for round in 0..rounds {
                change(&mut report.phases[index + 2 * round]);
            }
            assert_eq!(missed(&report, true), [*bound]);
        }
    }
    let mut report = good();
    report.phases[6].p99_us = 90_000;
    assert_eq!(missed(&report, true), Vec::<&str>::new(), "one outlier of three pairs");
}

#[test]
fn what_was_not_measured_is_missed() {
    let mut report = good();
    report.host_rss_before_kib = None;
    report.phases[3].host_cpu_us_per_message = None;
    report.phases[4].kept = None;
    report.phases.pop();
    let expected = [
        "kib_per_connection_tls_max",
        "cpu_us_max",
        "cpu_echo_ratio_max",
        "nothing_lost",
        "p99_ratio_max",
    ];
    assert_eq!(missed(&report, true), expected);
}

#[test]
fn a_cost_is_held_against_an_echo_at_the_same_rate() {
    let missed = |echo: Echo| missed(&Report { echo: vec![echo], ..good() }, true);
    assert_eq!(missed(echo(100.0, 7.0)), ["cpu_echo_ratio_max"]);
    assert_eq!(missed(echo(10.0, 10.0)), ["cpu_echo_ratio_max"], "another rate");
    let more = Echo { stations: 1_000, ..echo(100.0, 10.0) };
    assert_eq!(missed(more), ["cpu_echo_ratio_max"], "over more connections");
}

#[test]
fn growth_is_the_dearest_size_beside_the_smallest() {
    let text = "name = \"g\"\nsizes = [10, 100, 1000]\n[[phase]]\nname = \"a\"\nseconds = 1\n\
                bounds = { cpu_ratio_max = 1.3 }\n";
    let scenario = Scenario::read(text).expect("a scenario");
    let report = |costs: &[f64]| {
        let rows = costs.iter().zip([10, 100, 1000]).map(|(cost, stations)| {
            let host_cpu_us_per_message = Some(*cost);
            Row { stations, host_cpu_us_per_message, ..row(0, 0, None, 1) }
        });
        Report { phases: rows.collect(), ..Report::default() }
    };
    let ratio = |costs: &[f64]| judge(&scenario, false, &report(costs))[0].measured;
    assert_eq!(ratio(&[10.0, 14.0, 12.0]), Some(1.4));
    assert_eq!(ratio(&[10.0, 9.0, 8.0]), Some(0.9));
    assert_eq!(ratio(&[10.0, 9.0]), None, "a size is missing");
    assert!(!judge(&scenario, false, &report(&[10.0, 14.0, 12.0]))[0].met);
}

#[test]
fn growth_beyond_an_echo_leaves_out_what_connections_cost_anybody() {
    let text = "name = \"g\"\nsizes = [10, 100]\n[[phase]]\nname = \"a\"\nseconds = 1\n\
                rate = 100\nbounds = { cpu_ratio_beyond_echo_max = 1.3 }\n";
    let scenario = Scenario::read(text).expect("a scenario");
    let measured = |costs: [f64; 2], echo: &[(usize, f64)]| {
        let rows = costs.iter().zip([10, 100]).map(|(cost, stations)| {
            let host_cpu_us_per_message = Some(*cost);
            Row { stations, host_cpu_us_per_message, ..row(0, 0, None, 1) }
        });
        let echo =
            echo.iter().map(|(stations, us)| Echo { rate: 100.0, stations: *stations, us: *us });
        let report = Report { phases: rows.collect(), echo: echo.collect(), ..Report::default() };
        let verdict = judge(&scenario, false, &report).remove(0);
        (verdict.measured, verdict.met)
    };
    assert_eq!(measured([20.0, 40.0], &[(10, 10.0), (100, 24.0)]), (Some(1.3), true));
    assert_eq!(measured([20.0, 41.0], &[(10, 10.0), (100, 24.0)]), (Some(1.35), false));
    assert_eq!(measured([20.0, 20.0], &[(10, 10.0)]), (None, false), "no echo over so many");
}
