//! What load control asks and writes beside a site's running limits, end to end: a simulated
//! station of each version at a real host, over real sockets, is asked what it can do, is told its
//! fallback and the most that it may ever draw, gets a limit for its transaction, and says that it
//! does what it was told. Must never share the host's reading of the standard.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use busbar_ocpp::Version;
use busbar_sim::car::Car;
use busbar_sim::limits::{Begin, Profile, Purpose};
use busbar_sim::scene::Scene;
use busbar_sim::socket::{self, Login, Target, View, now_ms};
use busbar_sim::spec::Spec;
use busbar_sim::visit::{Start, Visit};
use busbar_sim::words::Token;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::support::Api;
use crate::support::host::{PASSWORD, TestHost};

const STATIONS: [(&str, Version); 3] =
    [("one", Version::V16), ("two", Version::V201), ("three", Version::V21)];
const PATIENCE: Duration = Duration::from_secs(150);

#[test]
fn a_station_of_each_version_is_asked_commissioned_limited_and_verified() {
    let host = TestHost::start("");
    make_site(&host);
    let mut events = follow(&host.api);
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let target = Target::new(&format!("ws://{}/ocpp", host.ocpp), None).unwrap();
    let runs = STATIONS.map(|(name, version)| {
        let password = Some(PASSWORD.to_owned());
        let login = Login { identity: name.to_owned(), version, password };
        let (apps, _) = mpsc::unbounded_channel();
        let (view, _) = watch::channel(View::default());
        let scene = charging(name, version);
        runtime.spawn(socket::run(scene, target.clone(), login, apps, view, stopped.clone()))
    });
    let (mut told, mut verified) = (BTreeSet::new(), BTreeMap::new());
    let mut held = BTreeMap::new();
    let began = Instant::now();
    while told.len() < 3 || verified.len() < 3 || held.len() < 2 {
        let found = format!("told: {told:?}, verified: {verified:?}, held: {held:?}");
        assert!(began.elapsed() < PATIENCE, "{found}");
        let event = next(&mut events);
        let station = event["station_id"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str() {
            Some("load.told") => {
                told.insert(station);
            }
            Some("load.verified") => {
                verified.insert(station, event["detail"].as_str().unwrap().to_owned());
            }
            Some("load.held") => {
                held.insert(station, event["detail"].as_str().unwrap().to_owned());
            }
            _ => {}
        }
    }
    assert!(verified.values().all(|detail| detail == "EVSE 1: kept"), "{verified:?}");
    let kept = ("EVSE 1: kept".to_owned(), ["three", "two"]);
    assert!(held.values().all(|detail| *detail == kept.0), "{held:?}");
    assert!(held.keys().eq(kept.1), "1.6 has no such question: {held:?}");
    stop.send(true).unwrap();
    for (run, (name, version)) in runs.into_iter().zip(STATIONS) {
        let scene = runtime.block_on(run).unwrap();
        judge(name, version, scene.station().limits().iter().cloned().collect());
    }
}

/// What a station holds in the end.
fn judge(name: &str, version: Version, held: Vec<Profile>) {
    let of = |purpose: Purpose| {
        let mut found = held.iter().filter(|profile| profile.purpose == purpose);
        let only = found.next().unwrap_or_else(|| panic!("{name} has no {purpose:?}: {held:?}"));
        assert!(found.next().is_none(), "{name} has two of {purpose:?}: {held:?}");
        only
    };
    let maximum = of(Purpose::StationMax);
    assert_eq!((maximum.evse, maximum.stack, maximum.duration_s), (0, 0, None), "{name}");
    assert_eq!(maximum.periods[0].tenths, 200, "{name}: its line carries 20 A");
    let fallback = of(Purpose::TxDefault);
    assert_eq!((fallback.evse, fallback.stack, fallback.duration_s), (1, 0, None), "{name}");
    assert_eq!(fallback.periods[0].tenths, 60, "{name}");
    let limit = of(Purpose::Tx);
    assert_eq!((limit.evse, limit.stack), (1, 1), "{name}");
    assert!((60..=200).contains(&limit.periods[0].tenths), "{name}: {limit:?}");
    if version == Version::V21 {
        // No renewals: it is updated, and gives itself up when the station is offline.
        assert!(matches!(limit.begin, Begin::Updated(_)), "{limit:?}");
        assert_eq!((limit.max_offline_s, limit.duration_s), (Some(900), None));
    } else {
        assert!(matches!(limit.begin, Begin::At(_)), "{limit:?}");
        assert!(limit.duration_s.is_some(), "{name} has no lease: {limit:?}");
        assert_eq!(limit.periods.last().map(|period| period.tenths), Some(60), "{name}");
    }
}

fn make_site(host: &TestHost) {
    let circuit = |name: &str| json!({ "name": name, "current": "20 A", "parent": "grid" });
    let evse = |name: &str| {
        json!({ "evse": format!("{name}/1"), "circuit": format!("to {name}"), "max": "32 A",
            "fallback": "6 A" })
    };
    let names = STATIONS.map(|(name, _)| name);
    let grid = json!({ "name": "grid", "current": "50 A" });
    let feeders = names.map(|name| circuit(&format!("to {name}")));
    let tree = json!({
        "circuit": std::iter::once(grid).chain(feeders).collect::<Vec<_>>(),
        "evse": names.map(evse),
    });
    let load = json!({ "policy": "fair", "model": [{ "known_as": "standard" }], "tree": tree });
    host.api.put("/api/v1/sites/north", &json!({ "name": "North", "load": load }));
    host.prepare(&names);
    for name in names {
        host.api.put(&format!("/api/v1/tokens/{name}"), &json!({ "status": "accepted" }));
        let path = format!("/api/v1/stations/{name}/site");
        host.api.put(&path, &json!({ "site_id": "north" }));
    }
}

/// A station with a car that charges for as long as it may.
fn charging(name: &str, version: Version) -> Scene {
    let mut spec = Spec::new(name, version, 7);
    spec.sample_s = 2;
    let mut scene = Scene::new(spec, now_ms());
    let car = Car {
        battery_wh: 90_000,
        content_mj: 0,
        target_permille: 1_000,
        ac_phases: 3,
        ac_max_ma: 32_000,
        dc_peak_w: 0,
        wake_ms: 0,
        follows_ms: 1_000,
        wakes: true,
        departs_ms: None,
    };
    assert!(scene.visit(
        1,
        Visit {
            arrive_ms: now_ms() + 12_000,
            token: Token::card(name),
            car,
            start: Start::Card,
            fumble_ms: 500,
            stay_ms: 3_600_000,
            linger_ms: 3_600_000,
            ends_by_card: true,
        }
    ));
    scene
}

fn follow(api: &Api) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(api.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (address, token) = (api.address, &api.token);
    let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n");
    write!(socket, "{head}Authorization: Bearer {token}\r\n\r\n").unwrap();
    BufReader::new(socket)
}

fn next(lines: &mut BufReader<TcpStream>) -> Value {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the events ended");
        if let Some(data) = line.strip_prefix("data:") {
            return serde_json::from_str(data.trim()).unwrap();
        }
    }
}
