//! Load control end to end: a station of each version on one circuit of a real host, over real
//! sockets. What the stations were told adds up to no more than the circuit carries at any time,
//! all of them charge, a lower limit from outside is kept to, and kill -9 changes nothing. Must
//! never know how the host shares.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::host::{configuration, prepare};
use crate::support::process::free;
use crate::support::station::{Station, ago};
use crate::support::{Api, Process, until};

/// What the circuit carries, in tenths of an ampere on each line.
const CIRCUIT: i64 = 200;
/// The least that a car charges with.
const LEAST: i64 = 60;
const PHASES: [&str; 3] = ["L1", "L2", "L3"];
/// Each station is named as what it speaks.
const PROTOCOLS: [&str; 3] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];
/// A lower limit must be answered, and a higher one waits for that and for cars to follow.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn stations_of_three_versions_share_a_circuit_and_never_exceed_it() {
    let folder = tempfile::tempdir().unwrap();
    let (ocpp, http) = (free(), free());
    let config = folder.path().join("busbar.toml");
    let more = format!("[ocpp]\nbind = \"{ocpp}\"\n");
    let text = configuration("data", &more).replacen("127.0.0.1:0", &http.to_string(), 1);
    std::fs::write(&config, text).unwrap();
    let process = Process::start(&config);
    let api = process.api(http, &folder.path().join("data/admin.token"));
    make_site(&api);

    let told = Arc::new(Told::default());
    let stations = PROTOCOLS.map(|protocol| {
        let told = Arc::clone(&told);
        std::thread::spawn(move || charge(ocpp, protocol, &told))
    });
    told.wait("all charge", |limits| limits.len() == 3 && limits.values().all(|l| *l >= LEAST));
    let before = told.renewed.load(Ordering::Relaxed);
    let load = api.get("/api/v1/sites/north/load");
    let row = &load["circuits"][0]["rows"][0]["current_a"];
    assert!(row["exposure"].as_f64() <= row["headroom"].as_f64(), "{row}");
    for evse in load["evses"].as_array().unwrap() {
        assert_eq!(evse["state"], "charging", "{evse}");
        assert!(evse["limit_a"].as_f64().unwrap() * 10.0 >= LEAST as f64, "{evse}");
        assert!(evse["reason"].as_str().unwrap().contains("grid"), "{evse}");
    }
    until("what they draw", || {
        let load = api.get("/api/v1/sites/north/load");
        let draws = |evse: &Value| evse["measured_a"].as_f64().is_some_and(|drawn| drawn > 5.0);
        load["evses"].as_array().unwrap().iter().all(draws).then_some(())
    });
    until("it in the history", || (drawn(&api) > Some(0)).then_some(()));
    let metrics = api.send("GET", "/metrics", None).text();
    for counted in ["load_tick_seconds_count", "load_limit_answers_total{result=\"accepted\"}"] {
        let line = metrics.lines().find(|line| line.contains(counted)).unwrap_or_default();
        let count = line.rsplit(' ').next().and_then(|count| count.parse().ok());
        assert!(count.is_some_and(|count: f64| count >= 3.0), "{counted}: {line}");
    }
    let there = api.send("DELETE", "/api/v1/sites/north", None);
    assert_eq!(there.status, 409, "{}", there.text());
    // The grid operator leaves room for one car.
    let less = json!({ "circuit": "grid", "limits": [{ "current": "11 A" }] });
    api.put("/api/v1/sites/north/load/limits/dso", &less);
    let is_less = |limits: &BTreeMap<_, i64>| limits.values().sum::<i64>() <= 110;
    told.wait("the lower limit", is_less);
    process.kill_in(Duration::ZERO).join().unwrap();
    let process = Process::start(&config);
    let api = process.api(http, &folder.path().join("data/admin.token"));
    assert!(drawn(&api) > Some(0), "what was drawn before the kill is remembered");
    told.wait("all are back after kill -9", |_| told.reconnected.load(Ordering::Relaxed) >= 3);
    told.wait("the lower limit", is_less);
    let row = &api.get("/api/v1/sites/north/load")["circuits"][0]["rows"][0];
    assert_eq!((&row["set_by"], &row["current_a"]["limit"]), (&"dso".into(), &11.into()), "{row}");
    told.over.store(true, Ordering::Relaxed);
    stations.into_iter().for_each(|station| station.join().unwrap());
    assert!(before >= 3, "each was told a limit, not {before} times");
    assert_eq!(told.most.lock().unwrap().1, Vec::<String>::new());
}

/// The most that the history knows the site to have drawn, in W.
fn drawn(api: &Api) -> Option<i64> {
    let history = api.get("/api/v1/sites/north/load/history");
    let slots = history["slots"].as_array().unwrap().iter();
    slots.filter_map(|slot| slot["measured_most_w"].as_i64()).max()
}

fn make_site(api: &Api) {
    let evse = |protocol: &str| {
        json!({ "evse": format!("{protocol}/1"), "circuit": "grid", "max": "32 A",
            "fallback": "0 A" })
    };
    let tree = json!({
        "circuit": [{ "name": "grid", "current": "20 A", "external": [{ "source": "dso" }] }],
        "evse": PROTOCOLS.map(evse),
    });
    let load = json!({ "policy": "fair", "model": [{ "known_as": "standard" }], "tree": tree });
    api.put("/api/v1/sites/north", &json!({ "name": "North", "load": load }));
    prepare(api, &PROTOCOLS);
    for station in PROTOCOLS {
        api.put(&format!("/api/v1/tokens/{station}"), &json!({ "status": "accepted" }));
        let path = format!("/api/v1/stations/{station}/site");
        api.put(&path, &json!({ "site_id": "north" }));
    }
}

/// What the stations were told, all together.
#[derive(Default)]
struct Told {
    limits: Mutex<BTreeMap<&'static str, i64>>,
    most: Mutex<(i64, Vec<String>)>,
    renewed: AtomicCount,
    reconnected: AtomicCount,
    over: AtomicBool,
}

type AtomicCount = std::sync::atomic::AtomicU32;

impl Told {
    /// Takes a limit, in tenths of an ampere, before it is acknowledged.
    fn limit(&self, station: &'static str, tenths: i64) {
        let mut limits = self.limits.lock().unwrap();
        limits.insert(station, tenths);
        let sum: i64 = limits.values().sum();
        self.renewed.fetch_add(1, Ordering::Relaxed);
        let mut most = self.most.lock().unwrap();
        most.0 = most.0.max(sum);
        if sum > CIRCUIT {
            most.1.push(format!("{limits:?} are {sum}"));
        }
    }

    fn of(&self, station: &str) -> i64 {
        self.limits.lock().unwrap().get(station).copied().unwrap_or(0)
    }

    fn wait(&self, what: &str, is_so: impl Fn(&BTreeMap<&'static str, i64>) -> bool) {
        let began = Instant::now();
        loop {
            let limits = self.limits.lock().unwrap().clone();
            if is_so(&limits) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{what}: {limits:?} after {PATIENCE:?}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// Charges with what it is told, and reports that every second, until it is over.
fn charge(host: SocketAddr, name: &'static str, told: &Told) {
    let mut car = Car { host, name, line: None, told, calls: 0, transaction: None, seq: 0 };
    car.say(&|car| car.boot());
    car.say(&|car| car.report("Started"));
    while !told.over.load(Ordering::Relaxed) {
        car.say(&|car| car.report("Updated"));
        std::thread::park_timeout(Duration::from_secs(1));
    }
}

struct Car<'a> {
    host: SocketAddr,
    name: &'static str,
    line: Option<Station>,
    told: &'a Told,
    calls: u32,
    transaction: Option<i64>,
    seq: i64,
}

impl Car<'_> {
    /// Says something until it is answered.
    fn say(&mut self, message: &dyn Fn(&Self) -> (&'static str, Value)) {
        let began = Instant::now();
        let (action, payload) = message(self);
        while self.try_say(action, &payload).is_none() {
            self.line = None;
            assert!(began.elapsed() < PATIENCE, "{}: no answer to {action}", self.name);
            std::thread::park_timeout(Duration::from_millis(100));
        }
        self.seq += i64::from(action == "TransactionEvent");
    }

    fn try_say(&mut self, action: &str, payload: &Value) -> Option<()> {
        if self.line.is_none() {
            self.line = Some(Station::try_log_in(self.host, self.name, self.name).ok()?);
            self.told.reconnected.fetch_add(u32::from(self.calls > 0), Ordering::Relaxed);
        }
        let line = self.line.as_mut()?;
        self.calls += 1;
        let id = format!("m{}", self.calls);
        line.send(&json!([2, id, action, payload]).to_string()).ok()?;
        loop {
            let frame = line.read().ok()?;
            if frame[0] == 2 {
                let status = if frame[2] == "SetChargingProfile" { "Accepted" } else { "Rejected" };
                if let Some(tenths) = of_transaction(&frame[3]) {
                    self.told.limit(self.name, tenths);
                }
                line.send(&json!([3, frame[1], { "status": status }]).to_string()).ok()?;
            } else if frame[1] == *id {
                assert_eq!(frame[0], 3, "{action}: {frame}");
                self.transaction = frame[2]["transactionId"].as_i64().or(self.transaction);
                return Some(());
            }
        }
    }

    fn boot(&self) -> (&'static str, Value) {
        let boot = match self.name {
            "ocpp1.6" => json!({ "chargePointVendor": "Test", "chargePointModel": "Site" }),
            _ => json!({
                "reason": "PowerUp", "chargingStation": { "vendorName": "Test", "model": "Site" },
            }),
        };
        ("BootNotification", boot)
    }

    fn report(&self, kind: &str) -> (&'static str, Value) {
        let (at, amps) = (ago(0), self.told.of(self.name) as f64 / 10.0);
        if self.name == "ocpp1.6" {
            let Some(transaction) = self.transaction else {
                let start = json!({
                    "connectorId": 1, "idTag": self.name, "meterStart": 0, "timestamp": at,
                });
                return ("StartTransaction", start);
            };
            let on = |phase| {
                json!({ "value": amps.to_string(), "measurand": "Current.Import", "phase": phase,
                    "unit": "A" })
            };
            let values = json!({ "connectorId": 1, "transactionId": transaction, "meterValue": [{
                "timestamp": at, "sampledValue": PHASES.map(on),
            }] });
            return ("MeterValues", values);
        }
        let on = |phase| json!({ "value": amps, "measurand": "Current.Import", "phase": phase });
        let trigger = if kind == "Started" { "Authorized" } else { "MeterValuePeriodic" };
        let mut event = json!({
            "eventType": kind, "timestamp": at, "triggerReason": trigger, "seqNo": self.seq,
            "evse": { "id": 1, "connectorId": 1 },
            "transactionInfo": { "transactionId": "T1", "chargingState": "Charging" },
            "meterValue": [{ "timestamp": at, "sampledValue": PHASES.map(on) }],
        });
        if kind == "Started" {
            event["idToken"] = json!({ "idToken": self.name, "type": "ISO14443" });
        }
        ("TransactionEvent", event)
    }
}

/// The limit of a TxProfile in tenths of an ampere.
fn of_transaction(payload: &Value) -> Option<i64> {
    let profile = payload.get("csChargingProfiles").or(payload.get("chargingProfile"))?;
    if profile["chargingProfilePurpose"] != "TxProfile" {
        return None;
    }
    let schedule = &profile["chargingSchedule"];
    let schedule = if schedule.is_array() { &schedule[0] } else { schedule };
    let limit = schedule["chargingSchedulePeriod"][0]["limit"].as_f64()?;
    Some((limit * 10.0).round() as i64)
}
