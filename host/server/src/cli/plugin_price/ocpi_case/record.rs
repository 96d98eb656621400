//! Owns the fields of an OCPI Session or CDR that a price depends on, in the spellings of 2.1.1,
//! 2.2.1 and 2.3.0. Must never refuse a record for what else a partner sends.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A Session or a CDR.
#[derive(Deserialize)]
pub(super) struct Record {
    pub(super) start_date_time: Option<String>,
    end_date_time: Option<String>,
    /// 2.1.1.
    stop_date_time: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) charging_periods: Option<Vec<ChargingPeriod>>,
    pub(super) reservation_expired: Option<bool>,
    pub(super) credit: Option<bool>,
    pub(super) tariffs: Option<Vec<Box<RawValue>>>,
    total_energy: Option<Box<RawValue>>,
    total_energy_kwh: Option<Box<RawValue>>,
    kwh: Option<Box<RawValue>>,
    location: Option<Location>,
    cdr_location: Option<Location>,
}

/// OCPI ChargingPeriod.
#[derive(Deserialize)]
pub(super) struct ChargingPeriod {
    pub(super) start_date_time: String,
    #[serde(default)]
    pub(super) dimensions: Vec<CdrDimension>,
    pub(super) tariff_id: Option<String>,
}

/// OCPI CdrDimension.
#[derive(Deserialize)]
pub(super) struct CdrDimension {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) volume: Box<RawValue>,
}

#[derive(Deserialize)]
struct Location {
    time_zone: Option<String>,
}

impl Record {
    pub(super) fn periods(&self) -> &[ChargingPeriod] {
        self.charging_periods.as_deref().unwrap_or_default()
    }

    pub(super) fn end(&self) -> Option<&str> {
        self.end_date_time.as_deref().or(self.stop_date_time.as_deref())
    }

    pub(super) fn total_energy(&self) -> Option<&RawValue> {
        let totals = [&self.total_energy_kwh, &self.total_energy, &self.kwh];
        totals.into_iter().flatten().next().map(AsRef::as_ref)
    }

    pub(super) fn location_zone(&self) -> &Option<String> {
        let locations = [&self.location, &self.cdr_location];
        locations.into_iter().flatten().map(|place| &place.time_zone).next().unwrap_or(&None)
    }
}
