//! Owns what a station of the load generator says: frames made by filling in a text, and just as
//! much memory as that needs. Must never be more than a writer: what must be believable is in
//! `station`.

use busbar_ocpp::Version;
use busbar_ocpp::values::Time;

use super::scenario::Mix;
use crate::rng::Rng;

/// Power of every charge here, so that no meter looks odd.
const POWER_W: i64 = 11_000;
/// Readings in a whole charge.
const READINGS: u32 = 5;

/// Kinds of messages, as they are reported.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The WebSocket's handshake.
    Connect,
    /// A boot.
    Boot,
    /// From the cut of the connection to the answer of the last message after it.
    Back,
    /// A heartbeat.
    Heartbeat,
    /// A change of state.
    Status,
    /// A reading.
    Meter,
    /// A question for authorization.
    Authorize,
    /// The start of a transaction.
    Start,
    /// Its end.
    Stop,
}

/// A call to send.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) kind: Kind,
    pub(super) id: u64,
    pub(super) text: String,
    /// The state of the first connector that it tells.
    pub(super) tells: Option<State>,
}

/// A state of a station's first connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct State {
    pub(super) occupied: bool,
    /// By the station's clock, in milliseconds since the Unix epoch.
    pub(super) at_ms: i64,
}

#[derive(Clone, Debug)]
struct Charge {
    /// Number of the server (1.6) or name of ours (2.x).
    id: String,
    seq_no: u32,
    started_ms: i64,
    meter_wh: i64,
    readings: u32,
}

/// What a station says next.
#[derive(Clone, Debug)]
pub(super) struct Script {
    version: Version,
    token: String,
    count: u64,
    transactions: u64,
    run: u64,
    flip: bool,
    charge: Option<Charge>,
    step: u32,
    meter_wh: i64,
    rng: Rng,
}

impl Script {
    pub(super) fn new(version: Version, identity: &str, seed: u64) -> Self {
        let mut rng = Rng::part(seed, identity);
        Self {
            version,
            token: token_of(identity),
            count: 0,
            transactions: 0,
            run: rng.next_u64() >> 24,
            flip: false,
            charge: None,
            step: 0,
            meter_wh: rng.between(1_000, 9_000_000),
            rng,
        }
    }

    pub(super) fn boot(&mut self) -> Call {
        self.call(
            Kind::Boot,
            "BootNotification",
            match self.version {
                Version::V16 => {
                    r#"{"chargePointVendor":"Busbar","chargePointModel":"Load"}"#.to_owned()
                }
                _ => concat!(
                    r#"{"reason":"PowerUp","chargingStation":"#,
                    r#"{"vendorName":"Busbar","model":"Load"}}"#
                )
                .to_owned(),
            },
        )
    }

    /// The states that are told after a boot.
    pub(super) fn states(&mut self, now_ms: i64) -> Vec<Call> {
        let mut all = Vec::new();
        if self.version == Version::V16 {
            all.push(self.state(0, false, now_ms));
        }
        all.push(self.state(1, self.flip, now_ms));
        all
    }

    /// Its connector's state is another one from now on.
    pub(super) fn turn(&mut self) {
        self.flip = !self.flip;
    }

    /// The next message of a mix.
    pub(super) fn next(&mut self, mix: &Mix, now_ms: i64) -> Call {
        let mut place = self.rng.below(u64::from(mix.total())) as u32;
        for (share, make) in [
            (mix.heartbeat, Self::heartbeat as fn(&mut Self, i64) -> Call),
            (mix.status, Self::status),
            (mix.meter, Self::meter),
        ] {
            if place < share {
                return make(self, now_ms);
            }
            place -= share;
        }
        self.charging(now_ms)
    }

    pub(super) fn heartbeat(&mut self, _now_ms: i64) -> Call {
        self.call(Kind::Heartbeat, "Heartbeat", "{}".to_owned())
    }

    /// The server answered a start: 1.6 takes its number from there.
    pub(super) fn answered(&mut self, kind: Kind, text: &str) {
        if kind != Kind::Start || self.version != Version::V16 {
            return;
        }
        let number = number_after(text, "\"transactionId\":");
        if let Some(charge) = &mut self.charge {
            charge.id = number.unwrap_or("-1").to_owned();
        }
    }

    fn status(&mut self, now_ms: i64) -> Call {
        self.turn();
        self.state(1, self.flip, now_ms)
    }

    fn meter(&mut self, now_ms: i64) -> Call {
        if self.charge.is_none() { self.start(now_ms) } else { self.reading(now_ms) }
    }

    /// The next step of a whole charge.
    pub(super) fn charging(&mut self, now_ms: i64) -> Call {
        let step = self.step;
        self.step += 1;
        match step {
            0 if self.charge.is_none() => self.authorize(),
            1 if self.charge.is_none() => self.start(now_ms),
            _ if self.charge.as_ref().is_some_and(|charge| charge.readings < READINGS) => {
                self.reading(now_ms)
            }
            _ => {
                self.step = 0;
                self.stop(now_ms)
            }
        }
    }

    fn state(&mut self, evse: u8, occupied: bool, now_ms: i64) -> Call {
        let at = Time::from_epoch_ms(now_ms);
        let payload = match self.version {
            Version::V16 => {
                let status = if occupied { "Preparing" } else { "Available" };
                format!(
                    concat!(
                        r#"{{"connectorId":{},"errorCode":"NoError","status":"{}","#,
                        r#""timestamp":"{}"}}"#
                    ),
                    evse,
                    status,
                    at.as_str()
                )
            }
            _ => format!(
                concat!(
                    r#"{{"evseId":{},"connectorId":1,"connectorStatus":"{}","#,
                    r#""timestamp":"{}"}}"#
                ),
                evse,
                if occupied { "Occupied" } else { "Available" },
                at.as_str()
            ),
        };
        let tells = (evse == 1).then_some(State { occupied, at_ms: now_ms });
        Call { tells, ..self.call(Kind::Status, "StatusNotification", payload) }
    }

    fn authorize(&mut self) -> Call {
        let token = &self.token;
        let payload = match self.version {
            Version::V16 => format!(r#"{{"idTag":"{token}"}}"#),
            _ => format!(r#"{{"idToken":{{"idToken":"{token}","type":"ISO14443"}}}}"#),
        };
        self.call(Kind::Authorize, "Authorize", payload)
    }

    fn start(&mut self, now_ms: i64) -> Call {
        self.transactions += 1;
        let id = format!("{:x}-{}", self.run, self.transactions);
        let meter_wh = self.meter_wh;
        let charge = Charge { id, seq_no: 0, started_ms: now_ms, meter_wh, readings: 0 };
        self.charge = Some(charge);
        if self.version != Version::V16 {
            return self.event(Kind::Start, "Started", "Authorized", now_ms);
        }
        let payload = format!(
            r#"{{"connectorId":1,"idTag":"{}","meterStart":{meter_wh},"timestamp":"{}"}}"#,
            self.token,
            Time::from_epoch_ms(now_ms).as_str()
        );
        self.call(Kind::Start, "StartTransaction", payload)
    }

    fn reading(&mut self, now_ms: i64) -> Call {
        if let Some(charge) = &mut self.charge {
            charge.readings += 1;
        }
        if self.version != Version::V16 {
            return self.event(Kind::Meter, "Updated", "MeterValuePeriodic", now_ms);
        }
        let wh = self.register_wh(now_ms);
        let id = self.charge.as_ref().map_or("-1", |charge| charge.id.as_str());
        let payload = format!(
            concat!(
                r#"{{"connectorId":1,"transactionId":{},"meterValue":[{{"timestamp":"{}","#,
                r#""sampledValue":[{{"value":"{}","unit":"Wh"}},"#,
                r#"{{"value":"{}","measurand":"Power.Active.Import","unit":"W"}}]}}]}}"#
            ),
            id,
            Time::from_epoch_ms(now_ms).as_str(),
            wh,
            POWER_W
        );
        self.call(Kind::Meter, "MeterValues", payload)
    }

    fn stop(&mut self, now_ms: i64) -> Call {
        let wh = self.register_wh(now_ms);
        if self.version != Version::V16 {
            let call = self.event(Kind::Stop, "Ended", "StopAuthorized", now_ms);
            self.charge = None;
            self.meter_wh = wh;
            return call;
        }
        let id = self.charge.take().map_or_else(|| "-1".to_owned(), |charge| charge.id);
        self.meter_wh = wh;
        let payload = format!(
            r#"{{"transactionId":{id},"meterStop":{wh},"timestamp":"{}","reason":"Local"}}"#,
            Time::from_epoch_ms(now_ms).as_str()
        );
        self.call(Kind::Stop, "StopTransaction", payload)
    }

    fn event(&mut self, kind: Kind, event: &str, trigger: &str, now_ms: i64) -> Call {
        let wh = self.register_wh(now_ms);
        let at = Time::from_epoch_ms(now_ms);
        let at = at.as_str();
        let (id, seq_no) = match &mut self.charge {
            Some(charge) => {
                charge.seq_no += 1;
                (charge.id.clone(), charge.seq_no - 1)
            }
            None => (String::new(), 0),
        };
        let first = if kind == Kind::Start {
            format!(
                concat!(
                    r#","evse":{{"id":1,"connectorId":1}},"#,
                    r#""idToken":{{"idToken":"{}","type":"ISO14443"}}"#
                ),
                self.token
            )
        } else {
            String::new()
        };
        let payload = format!(
            concat!(
                r#"{{"eventType":"{}","timestamp":"{}","triggerReason":"{}","seqNo":{},"#,
                r#""transactionInfo":{{"transactionId":"{}","chargingState":"Charging"}},"#,
                r#""meterValue":[{{"timestamp":"{}","sampledValue":[{{"value":{}}},"#,
                r#"{{"value":{},"measurand":"Power.Active.Import"}}]}}]{}}}"#
            ),
            event, at, trigger, seq_no, id, at, wh, POWER_W, first
        );
        self.call(kind, "TransactionEvent", payload)
    }

    fn register_wh(&self, now_ms: i64) -> i64 {
        self.charge.as_ref().map_or(self.meter_wh, |charge| {
            charge.meter_wh + (now_ms - charge.started_ms) * POWER_W / 3_600_000
        })
    }

    fn call(&mut self, kind: Kind, action: &str, payload: String) -> Call {
        self.count += 1;
        let id = self.count;
        Call { kind, id, text: format!(r#"[2,"{id}","{action}",{payload}]"#), tells: None }
    }
}

/// The token of a station: one each, since a token can charge only once at a time.
pub(super) fn token_of(identity: &str) -> String {
    let mut token: String = identity.chars().filter(char::is_ascii_alphanumeric).collect();
    token.truncate(20);
    token.to_ascii_uppercase()
}

fn number_after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text[text.find(name)? + name.len()..].trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use busbar_ocpp::rpc::{self, Frame, Limits};
    use busbar_ocpp::{Leniency, check};

    use super::*;

    #[test]
    fn every_frame_is_right_in_its_version() {
        let mix = Mix { heartbeat: 1, status: 2, meter: 2, charge: 8 };
        for version in Version::ALL {
            let mut script = Script::new(version, "LOAD-000001", 1);
            let mut kinds = std::collections::BTreeSet::new();
            let mut calls = vec![script.boot()];
            calls.extend(script.states(1_794_816_000_000));
            for second in 0..500 {
                let call = script.next(&mix, 1_794_816_000_000 + second * 1_000);
                script.answered(call.kind, r#"[3,"7",{"transactionId": 815 ,"idTagInfo":{}}]"#);
                calls.push(call);
            }
            for call in calls {
                let frame = rpc::parse(version, &call.text, &Limits::default()).expect("a frame");
                let Frame::Call { id, action, payload } = frame else { panic!("no call") };
                assert_eq!(id, call.id.to_string());
                let file = if version == Version::V16 {
                    action.to_string()
                } else {
                    format!("{action}Request")
                };
                let judged = check(version, &file, payload, Leniency::Strict);
                assert!(judged.valid, "{} {judged:?}", call.text);
                kinds.insert(call.kind);
            }
            assert_eq!(kinds.len(), 7, "{kinds:?}");
        }
    }

    #[test]
    fn a_whole_charge_has_a_start_readings_and_a_stop_of_its_number() {
        let mix = Mix { charge: 1, ..Mix::default() };
        let mut script = Script::new(Version::V16, "LOAD-000001", 1);
        let mut texts = Vec::new();
        for second in 0..8 {
            let call = script.next(&mix, 1_794_816_000_000 + second * 60_000);
            script.answered(call.kind, r#"[3,"7",{"transactionId":815}]"#);
            texts.push((call.kind, call.text));
        }
        let kinds: Vec<_> = texts.iter().map(|(kind, _)| *kind).collect();
        let meters = [Kind::Meter; 5];
        assert_eq!(kinds, [&[Kind::Authorize, Kind::Start][..], &meters, &[Kind::Stop]].concat());
        assert!(texts[7].1.contains("\"transactionId\":815"));
    }
}
