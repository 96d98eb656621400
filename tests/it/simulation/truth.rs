//! Owns what truly happened at the outlets: every charge, with its meter, whatever was told of it.
//! Must never look at anything that the host says.

use std::collections::BTreeMap;

use busbar_charging::pricing::{Activity, MeteredSession};
use busbar_charging::units::{Energy, Timestamp};
use busbar_ocpp::Version;
use busbar_sim::spec::{Meter, Spec};
use busbar_sim::station::PlugView;
use serde_json::Value;

use super::plan::HOUR;

/// Station and server clock may differ by so much before a charge is held.
const CLOCK_TOLERANCE: i64 = 24 * HOUR;

/// A charge as it was.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) station: usize,
    pub(super) evse: u16,
    /// What the station calls it.
    tx: String,
    /// By the station's clock.
    pub(super) start: i64,
    /// By the station's clock, once it ended.
    pub(super) end: Option<i64>,
    begin_mwh: i64,
    end_mwh: i64,
    /// What its meter said in between, by the station's clock.
    curve: BTreeMap<i64, i64>,
    /// What the driver was told that it costs, in millionths (2.x).
    pub(super) cost: Option<i64>,
    /// The number that the server gave it (1.6).
    pub(super) number: Option<String>,
}

impl Charge {
    /// What was delivered, as finely as the station tells.
    pub(super) fn energy(&self, spec: &Spec) -> i64 {
        told(spec, self.end_mwh) - told(spec, self.begin_mwh)
    }

    /// The charge as it was metered, for whoever prices it.
    pub(super) fn metered(&self, spec: &Spec) -> MeteredSession {
        let (start, end) = (self.start, self.end.unwrap_or(self.start));
        let begin = told(spec, self.begin_mwh);
        let between = self.curve.iter().filter(|(at, _)| start < **at && **at < end);
        let mut energy = vec![(Timestamp(start), Energy(0))];
        energy.extend(between.map(|(at, mwh)| (Timestamp(*at), Energy(*mwh - begin))));
        energy.push((Timestamp(end), Energy(self.energy(spec))));
        MeteredSession {
            start: Timestamp(start),
            end: Timestamp(end),
            time_zone: "Etc/UTC".into(),
            energy,
            activities: vec![(Timestamp(start), Activity::Charging)],
            power: Vec::new(),
            current: Vec::new(),
            complete: true,
            attributes: Vec::new(),
        }
    }
}

/// Registers of 1.6 stations, and of those that tell kWh, count whole watt-hours.
fn told(spec: &Spec, mwh: i64) -> i64 {
    if spec.version == Version::V16 || spec.in_kwh { mwh / 1000 * 1000 } else { mwh }
}

/// Whether nothing that a station says of a charge can look wrong.
pub(super) fn is_sound(spec: &Spec) -> bool {
    let faults = &spec.faults;
    faults.meter == Meter::True
        && faults.lost_stop_permille == 0
        && faults.offline_number.is_none()
        && faults.clock_offset_ms.abs() < CLOCK_TOLERANCE
}

/// All charges.
#[derive(Default)]
pub(super) struct Truth {
    pub(super) charges: Vec<Charge>,
    running: BTreeMap<(usize, u16), usize>,
}

impl Truth {
    /// Looks at the outlets of a station.
    pub(super) fn observe(&mut self, now: i64, station: usize, spec: &Spec, plugs: &[PlugView]) {
        let at = now + spec.faults.clock_offset_ms;
        for plug in plugs {
            let place = (station, plug.evse);
            let known = self.running.get(&place).copied();
            let same = known.map(|index| &self.charges[index].tx) == plug.tx.as_ref();
            if same {
                continue;
            }
            if let Some(index) = known {
                let charge = &mut self.charges[index];
                (charge.end, charge.end_mwh) = (Some(at), plug.register_mwh);
                self.running.remove(&place);
            }
            if let Some(tx) = &plug.tx {
                self.running.insert(place, self.charges.len());
                self.charges.push(Charge {
                    station,
                    evse: plug.evse,
                    tx: tx.clone(),
                    start: at,
                    end: None,
                    begin_mwh: plug.register_mwh,
                    end_mwh: plug.register_mwh,
                    curve: BTreeMap::new(),
                    cost: None,
                    number: None,
                });
            }
        }
    }

    /// The charge that runs on an outlet.
    pub(super) fn running(&self, station: usize, evse: u16) -> Option<&Charge> {
        self.running.get(&(station, evse)).map(|index| &self.charges[*index])
    }

    /// What the station calls the charge that runs on an outlet.
    pub(super) fn tx(&self, station: usize, evse: u16) -> Option<&str> {
        self.running(station, evse).map(|charge| charge.tx.as_str())
    }

    /// The server gave a charge its number (1.6).
    pub(super) fn numbered(&mut self, station: usize, payload: &Value, number: &str) {
        let (evse, at) = (payload["connectorId"].as_i64(), time(&payload["timestamp"]));
        let it = |charge: &&mut Charge| {
            charge.station == station && Some(i64::from(charge.evse)) == evse && charge.start == at
        };
        if let Some(charge) = self.charges.iter_mut().find(it) {
            charge.number = Some(number.to_owned());
        }
    }

    /// The answer to the end of a charge says what it costs (2.x).
    pub(super) fn costs(&mut self, station: usize, payload: &Value, cost: &str) {
        let tx = payload["transactionInfo"]["transactionId"].as_str();
        let it = |charge: &&mut Charge| charge.station == station && Some(&*charge.tx) == tx;
        if let Some(charge) = self.charges.iter_mut().find(it) {
            charge.cost = Some(decimal(cost, 6));
        }
    }

    /// Takes the readings out of a message about a transaction.
    pub(super) fn read(&mut self, station: usize, payload: &Value) {
        let tx = payload["transactionInfo"]["transactionId"].as_str();
        let number = payload["transactionId"].as_i64().map(|number| number.to_string());
        let it = |charge: &&mut Charge| {
            charge.station == station
                && (Some(charge.tx.as_str()) == tx || number.is_some() && charge.number == number)
        };
        let Some(charge) = self.charges.iter_mut().find(it) else { return };
        let values = [&payload["meterValue"], &payload["transactionData"]];
        for value in values.into_iter().filter_map(Value::as_array).flatten() {
            let at = time(&value["timestamp"]);
            for sample in value["sampledValue"].as_array().into_iter().flatten() {
                if sample["measurand"] == "Energy.Active.Import.Register" {
                    charge.curve.insert(at, mwh(sample));
                }
            }
        }
    }
}

/// A point in time of a message.
pub(super) fn time(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_default();
    text.parse::<jiff::Timestamp>().map_or(0, |time| time.as_millisecond())
}

fn mwh(sample: &Value) -> i64 {
    let text = match &sample["value"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let unit = sample["unit"].as_str().or(sample["unitOfMeasure"]["unit"].as_str());
    let decimals = if unit == Some("kWh") { 6 } else { 3 };
    decimal(&text, decimals)
}

/// A decimal number in parts of so many decimals.
fn decimal(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction:0<decimals$}");
    digits.parse().expect("a decimal number")
}
