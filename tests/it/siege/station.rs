//! Owns a station under siege: it charges and charges, says each message until it is answered,
//! whatever becomes of the connection, and remembers what was acknowledged. Must never make a
//! message anew: what is said again is the same to the letter.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use busbar_sim::rng::Rng;
use serde_json::{Value, json};

use crate::support::station::Station;

/// A station's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V16,
    V201,
    V21,
}

impl Version {
    fn protocol(self) -> &'static str {
        match self {
            Self::V16 => "ocpp1.6",
            Self::V201 => "ocpp2.0.1",
            Self::V21 => "ocpp2.1",
        }
    }
}

/// What a station has told, and was answered.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) station: String,
    version: Version,
    /// By its transaction's id, what each charge was of.
    pub(super) charges: BTreeMap<String, Charge>,
    /// Messages that were acknowledged.
    pub(super) messages: u64,
    /// How often each command came.
    pub(super) commands: BTreeMap<String, u32>,
}

/// A charge whose every message was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) wh: i64,
    pub(super) messages: u64,
}

impl Told {
    /// A connection that says nothing.
    pub(super) fn stay_online(&self, host: SocketAddr) -> Station {
        Station::connect(host, &self.station, self.version.protocol())
    }
}

/// Messages are so far apart by the station's clock.
const STEP_SECONDS: i64 = 10;
/// The station begins so long ago: it tells more than ten seconds a second.
const BEGIN_SECONDS_AGO: i64 = 20 * 24 * 3600;

/// Charges until it is over, and then to the end of the charge that runs.
pub(super) fn charge(
    host: SocketAddr,
    name: &str,
    version: Version,
    seed: u64,
    over: &AtomicBool,
) -> Told {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut teller = Teller {
        host,
        told: Told {
            station: name.to_owned(),
            version,
            charges: BTreeMap::new(),
            messages: 0,
            commands: BTreeMap::new(),
        },
        line: None,
        clock: i64::try_from(now).unwrap() - BEGIN_SECONDS_AGO,
        calls: 0,
        meter: 0,
    };
    let mut rng = Rng::new(seed << 32);
    teller.boot();
    while !over.load(Ordering::Relaxed) {
        let number = teller.told.charges.len();
        teller.one_charge(number, &mut rng);
    }
    teller.told
}

struct Teller {
    host: SocketAddr,
    told: Told,
    line: Option<Station>,
    clock: i64,
    calls: u64,
    meter: i64,
}

impl Teller {
    fn boot(&mut self) {
        let boot = match self.told.version {
            Version::V16 => json!({ "chargePointVendor": "Test", "chargePointModel": "Siege" }),
            _ => json!({
                "reason": "PowerUp", "chargingStation": { "vendorName": "Test", "model": "Siege" },
            }),
        };
        let booted = self.say("BootNotification", &boot);
        assert_eq!(booted["status"], "Accepted", "{booted}");
    }

    fn one_charge(&mut self, number: usize, rng: &mut Rng) {
        let readings = 3 + rng.below(22);
        let begin = self.meter;
        let (seq, id) = (&mut 0, &mut format!("{}-{number}", self.told.station));
        self.report("Started", id, seq);
        for _ in 0..readings {
            self.meter += 1 + rng.below(600) as i64;
            self.report("Updated", id, seq);
        }
        self.report("Ended", id, seq);
        let charge = Charge { wh: self.meter - begin, messages: readings + 2 };
        let known = self.told.charges.insert(id.clone(), charge);
        assert_eq!(known, None, "{id} was used twice");
    }

    /// Tells what happened until it is acknowledged; a 1.6 transaction gets its id by that.
    fn report(&mut self, kind: &str, id: &mut String, seq: &mut i64) {
        self.clock += STEP_SECONDS;
        let at = jiff::Timestamp::from_second(self.clock).unwrap().to_string();
        if self.told.version != Version::V16 {
            let trigger = match kind {
                "Started" => "Authorized",
                "Updated" => "MeterValuePeriodic",
                _ => "StopAuthorized",
            };
            let context = match kind {
                "Started" => "Transaction.Begin",
                "Updated" => "Sample.Periodic",
                _ => "Transaction.End",
            };
            let mut event = json!({
                "eventType": kind, "timestamp": at, "triggerReason": trigger, "seqNo": *seq,
                "offline": true, "evse": { "id": 1, "connectorId": 1 },
                "transactionInfo": { "transactionId": id, "chargingState": "Charging" },
                "meterValue": [{ "timestamp": at, "sampledValue": [{
                    "value": self.meter, "context": context,
                    "measurand": "Energy.Active.Import.Register",
                }] }],
            });
            if kind == "Started" {
                event["idToken"] = json!({ "idToken": self.told.station, "type": "ISO14443" });
            }
            *seq += 1;
            self.say("TransactionEvent", &event);
            return;
        }
        match kind {
            "Started" => {
                let started = self.say(
                    "StartTransaction",
                    &json!({
                        "connectorId": 1, "idTag": self.told.station, "meterStart": self.meter,
                        "timestamp": at,
                    }),
                );
                *id = started["transactionId"].as_i64().unwrap().to_string();
            }
            "Updated" => {
                let number: i64 = id.parse().unwrap();
                self.say(
                    "MeterValues",
                    &json!({ "connectorId": 1, "transactionId": number, "meterValue": [{
                        "timestamp": at, "sampledValue": [{ "value": self.meter.to_string() }],
                    }] }),
                );
            }
            _ => {
                let number: i64 = id.parse().unwrap();
                let stop =
                    json!({ "transactionId": number, "meterStop": self.meter, "timestamp": at });
                self.say("StopTransaction", &stop);
            }
        }
    }

    /// Says a message until it is answered.
    fn say(&mut self, action: &str, payload: &Value) -> Value {
        let began = std::time::Instant::now();
        loop {
            if let Some(answer) = self.try_say(action, payload) {
                self.told.messages += 1;
                return answer;
            }
            self.line = None;
            assert!(began.elapsed().as_secs() < 120, "{}: no answer for 2 min", self.told.station);
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn try_say(&mut self, action: &str, payload: &Value) -> Option<Value> {
        if self.line.is_none() {
            let (name, protocol) = (&self.told.station, self.told.version.protocol());
            self.line = Some(Station::try_log_in(self.host, name, protocol).ok()?);
        }
        let line = self.line.as_mut()?;
        self.calls += 1;
        let id = format!("m{}", self.calls);
        line.send(&json!([2, id, action, payload]).to_string()).ok()?;
        loop {
            let frame = line.read().ok()?;
            if frame[0] == 2 {
                let data = frame[3]["data"].as_str().unwrap_or_default().to_owned();
                *self.told.commands.entry(data).or_default() += 1;
                line.send(&json!([3, frame[1], { "status": "Accepted" }]).to_string()).ok()?;
            } else if frame[1] == *id {
                // A host that has no space for a new session says so, and is asked again.
                assert!(frame[0] == 3 || frame[2] == "InternalError", "{action}: {frame}");
                return (frame[0] == 3).then(|| frame[2].clone());
            }
        }
    }
}
