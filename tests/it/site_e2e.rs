//! A whole site over real sockets: fifty simulated stations of three versions on one grid
//! connection, base load that rises, stations that drop off, lag or ignore their limits, a host
//! that is killed with -9 and started again. What the cars really draw, line by line, stays under
//! the limit less the base load throughout, and they get what there is. Must never ask the host
//! what they draw.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const BUSBAR: &str = env!("CARGO_BIN_EXE_busbar-host");
/// The least that they must draw of what there is, in percent.
const SHARE: f64 = 70.0;

#[test]
fn fifty_stations_stay_under_their_limit_whatever_fails() {
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("site.svg");
    let picture_argument = picture.display().to_string();
    let output = sim_site(&["--scenario", "short", "--json", "--svg", &picture_argument]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bounds = format!("{:#}\npauses: {}", report["verdicts"], report["pauses"]);

    let versions: Vec<_> = numbers(&report["stations"]);
    assert_eq!(versions.iter().sum::<f64>(), 50.0);
    assert!(versions.iter().all(|count| *count >= 5.0), "{versions:?}");
    let looks = report["series"].as_array().unwrap();
    for look in looks {
        let limit = look["limit_a"].as_f64().unwrap();
        for (draw, base) in numbers(&look["draw_a"]).iter().zip(numbers(&look["base_a"])) {
            assert!(draw + base <= limit, "{look}\n{bounds}");
        }
    }
    // All of it was looked at, at least every second.
    let at: Vec<_> = looks.iter().map(|look| look["at_s"].as_f64().unwrap()).collect();
    assert!(at[0] < 1.0 && *at.last().unwrap() >= report["seconds"].as_f64().unwrap());
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] <= 1.0), "{bounds}");
    // What was to happen did.
    let base = |look: &Value| numbers(&look["base_a"])[0];
    assert!(base(&looks[0]) < 70.0 && base(looks.last().unwrap()) > 150.0);
    let online: Vec<_> = looks.iter().map(|look| look["online"].as_u64().unwrap()).collect();
    assert!(online.contains(&46) && online.contains(&0), "{online:?}");
    assert_eq!(online.last(), Some(&50));
    assert_eq!(report["outages"].as_array().unwrap().len(), 1);
    // It was not empty: on every line they had what there was.
    let share = numbers(&report["share_percent"]);
    assert!(share.iter().sum::<f64>() / 3.0 >= SHARE, "{share:?} %\n{bounds}");
    assert!(report["verdicts"].as_array().unwrap().iter().all(|v| v["met"] == true), "{bounds}");
    let drawn = std::fs::read_to_string(&picture).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.len() > 20_000, "{}", drawn.len());
}

/// The proof can fail: a host that is told of a larger limit than there is lets cars draw more.
#[test]
fn a_tree_that_says_more_than_there_is_is_found_out() {
    let scenario = "name = \"told more\"\nseconds = 10\n\
        site = { limit_a = 60, told_limit_a = 200 }\n\
        group = [{ name = \"all\", stations = 6, plug_in_s = [0, 2] }]\n";
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("told-more.toml");
    std::fs::write(&file, scenario).unwrap();
    let output = sim_site(&["--scenario", &file.display().to_string(), "--check"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("MISSED  limits: excess_a_max 0"), "{text}");
}

#[test]
fn a_run_that_is_told_to_end_takes_its_host_with_it() {
    let mut tool = Command::new(BUSBAR)
        .args(["sim", "site", "--serve", "--scenario", "short"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tool.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("running short")), "it never begins");
    let id = tool.id();
    let hosts = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let host = Path::new("/proc").join(hosts.split_whitespace().next().expect("it has no host"));
    let command = std::fs::read_to_string(host.join("cmdline")).unwrap();
    assert!(command.contains("serve"), "{command}");
    assert!(Command::new("kill").arg(id.to_string()).status().unwrap().success());
    assert!(lines.any(|line| line.contains("ended by SIGTERM")), "it does not say why it ends");
    assert!(!tool.wait().unwrap().success());
    let told = Instant::now();
    while host.exists() {
        assert!(told.elapsed() < Duration::from_secs(10), "its host goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn sim_site(arguments: &[&str]) -> Output {
    Command::new(BUSBAR).args(["sim", "site", "--serve"]).args(arguments).output().unwrap()
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}
