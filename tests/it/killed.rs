//! The real binary, killed while a station talks to it: what it acknowledged is there when it
//! starts again, and every charge has one bill. Must never give it time to say good-bye.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::host::{configuration, prepare};
use crate::support::process::free;
use crate::support::station::{Station, ago};
use crate::support::{Api, Process, until};

const ROUNDS: usize = 4;
/// More than a station can tell before it is interrupted.
const READINGS: usize = 400;

#[test]
fn what_was_acknowledged_is_there_after_kill_9_and_there_is_one_bill() {
    let folder = tempfile::tempdir().unwrap();
    let (ocpp, http) = (free(), free());
    let config = folder.path().join("busbar.toml");
    let more = format!("[ocpp]\nbind = \"{ocpp}\"\nmessage_rate = 100000\n");
    let text = configuration("data", &more).replacen("127.0.0.1:0", &http.to_string(), 1);
    std::fs::write(&config, text).unwrap();

    let mut process = Process::start(&config);
    let api = process.api(http, &folder.path().join("data/admin.token"));
    prepare(&api, &["S1"]);
    // Once: who was accepted stays so, whatever happens to the host.
    Station::connect(ocpp, "S1", "ocpp1.6").boot();
    let mut told: Vec<(i64, i64)> = Vec::new();
    for round in 0..ROUNDS {
        let mut charge = Charge::new(round);
        // Killed early, late, and in between.
        let killer = process.kill_in(Duration::from_millis(40 + 90 * round as u64));
        charge.talk(ocpp, false);
        killer.join().unwrap();
        process = Process::start(&config);
        process.api(http, &folder.path().join("data/admin.token"));
        charge.talk(ocpp, true);
        told.push((charge.transaction.unwrap(), charge.acknowledged as i64));
    }
    // Bills are sealed after a second online.
    let _online = Station::connect(ocpp, "S1", "ocpp1.6");
    for (transaction, readings) in told {
        one_bill(&api, transaction, readings);
    }
}

/// A charge that a station tells, message by message, each until it is acknowledged.
struct Charge {
    begin: i64,
    transaction: Option<i64>,
    acknowledged: usize,
}

impl Charge {
    fn new(round: usize) -> Self {
        Self { begin: 2000 - 450 * round as i64, transaction: None, acknowledged: 0 }
    }

    /// Talks until the connection breaks, or, at last, to the end.
    fn talk(&mut self, ocpp: SocketAddr, at_last: bool) {
        let mut station = Station::connect(ocpp, "S1", "ocpp1.6");
        let told = self.messages(&mut station, at_last);
        assert!(told.is_some() || !at_last, "the connection broke though nobody killed the host");
    }

    fn messages(&mut self, station: &mut Station, at_last: bool) -> Option<()> {
        let start = json!({
            "connectorId": 1, "idTag": "04A1B2C3", "meterStart": 0, "timestamp": ago_of(self.begin),
        });
        let started = acknowledged(station, "StartTransaction", &start)?;
        let transaction = started["transactionId"].as_i64().unwrap();
        let known = *self.transaction.get_or_insert(transaction);
        assert_eq!(known, transaction, "the same start has the same transaction for ever");
        while self.acknowledged < READINGS && !at_last {
            let number = self.acknowledged as i64 + 1;
            let reading = json!({
                "connectorId": 1, "transactionId": transaction,
                "meterValue": [{
                    "timestamp": ago_of(self.begin - number),
                    "sampledValue": [{ "value": (number * 100).to_string() }],
                }],
            });
            acknowledged(station, "MeterValues", &reading)?;
            self.acknowledged += 1;
        }
        let stop = json!({
            "transactionId": transaction, "meterStop": 100_000,
            "timestamp": ago_of(self.begin - READINGS as i64 - 1),
        });
        acknowledged(station, "StopTransaction", &stop).map(|_| ())
    }
}

/// Times must be the same when a message comes again: they are counted from one moment.
fn ago_of(minutes: i64) -> String {
    static BASE: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let base: jiff::Timestamp = BASE.get_or_init(|| ago(0)).parse().unwrap();
    jiff::Timestamp::from_second(base.as_second() - 60 * minutes).unwrap().to_string()
}

fn acknowledged(station: &mut Station, action: &str, payload: &Value) -> Option<Value> {
    let frame = station.try_call(action, payload).ok()?;
    assert_eq!(frame[0], 3, "{frame}");
    Some(frame[2].clone())
}

/// Exactly one CDR, with every reading that was acknowledged.
fn one_bill(api: &Api, transaction: i64, readings: i64) {
    let of = |cdr: &Value| cdr["transaction_id"].as_str() == Some(transaction.to_string().as_str());
    let cdrs = until("a CDR", || {
        let cdrs: Vec<_> = api.all("/api/v1/cdrs?station=S1").into_iter().filter(of).collect();
        (!cdrs.is_empty()).then_some(cdrs)
    });
    assert_eq!(cdrs.len(), 1, "{cdrs:?}");
    let id = cdrs[0]["id"].as_str().unwrap();
    let cdr = api.get(&format!("/api/v1/cdrs/{id}"));
    assert_eq!(cdr["energy_wh"], 100_000, "{cdr}");
    // A part ends at each reading, at a whole 100 Wh; a local midnight divides one more.
    let periods = cdr["input"]["periods"].as_array().unwrap();
    let mwh = |period: &Value| (period["energy_wh"].as_f64().unwrap() * 1000.0).round() as i64;
    let totals = periods.iter().scan(0, |total, period| {
        *total += mwh(period);
        Some(*total)
    });
    let metered =
        totals.filter(|total| total % 100_000 == 0 && *total < 100_000_000).count() as i64;
    assert!(metered >= readings, "{readings} readings were acknowledged, {metered} are billed");
    assert_eq!(api.get(&format!("/api/v1/cdrs/{id}/verify"))["verified"], true);
}
