//! Owns how charging profiles are read and answered in 1.6. Must never decide which the station
//! takes.

use busbar_ocpp::v16::{self as ocpp, Request, Response};
use busbar_ocpp::values::Tenths;

use super::super::time;
use super::orders::evse;
use crate::limits::{Begin, Period, Profile, Purpose, Which};
use crate::station::{Composite, Order, Reply, Station};

const DAY_MS: i64 = 86_400_000;

/// Orders about limits; gives back what is none.
pub(super) fn obey(station: &mut Station, request: Request) -> Result<Response, Request> {
    Ok(match request {
        Request::SetChargingProfile(set) => {
            let limit = read(evse(set.connector_id), &set.cs_charging_profiles);
            let status = match station.obey(Order::Limit(limit)) {
                Reply::Accepted => ocpp::ChargingProfileStatus::Accepted,
                _ => ocpp::ChargingProfileStatus::Rejected,
            };
            ocpp::SetChargingProfileResponse { status, ..Default::default() }.into()
        }
        Request::ClearChargingProfile(clear) => {
            let which = Which {
                ids: clear.id.map(|id| vec![id]),
                evse: clear.connector_id.map(evse),
                purpose: clear.charging_profile_purpose.map(purpose),
                stack: clear.stack_level,
            };
            let status = if station.clear_limits(&which) {
                ocpp::ClearChargingProfileStatus::Accepted
            } else {
                ocpp::ClearChargingProfileStatus::Unknown
            };
            ocpp::ClearChargingProfileResponse { status, ..Default::default() }.into()
        }
        Request::GetCompositeSchedule(get) => {
            let watts = get.charging_rate_unit == Some(ocpp::ChargingRateUnitType::W);
            let told = station.composite(evse(get.connector_id), get.duration, !watts);
            composite(&get, told).into()
        }
        other => return Err(other),
    })
}

/// A profile of the server.
pub(super) fn read(evse: u16, profile: &ocpp::ChargingProfile) -> Profile {
    let schedule = &profile.charging_schedule;
    let start_ms = schedule.start_schedule.as_ref().map_or(0, |start| start.epoch_ms());
    let begin = match (profile.charging_profile_kind, profile.recurrency_kind) {
        (ocpp::ChargingProfileKindType::Absolute, _) if schedule.start_schedule.is_some() => {
            Begin::At(start_ms)
        }
        (ocpp::ChargingProfileKindType::Recurring, Some(ocpp::RecurrencyKindType::Weekly)) => {
            Begin::Every(start_ms, 7 * DAY_MS)
        }
        (ocpp::ChargingProfileKindType::Recurring, _) => Begin::Every(start_ms, DAY_MS),
        _ => Begin::WithTransaction,
    };
    let periods = schedule.charging_schedule_period.iter().map(|period| Period {
        start_s: period.start_period,
        tenths: period.limit.tenths().unwrap_or(0),
        phases: period.number_phases.and_then(|phases| u8::try_from(phases).ok()),
    });
    Profile {
        id: profile.charging_profile_id,
        evse,
        purpose: purpose(profile.charging_profile_purpose),
        stack: profile.stack_level,
        tx: profile.transaction_id.map(|id| id.to_string()),
        valid_from_ms: profile.valid_from.as_ref().map(|at| at.epoch_ms()),
        valid_to_ms: profile.valid_to.as_ref().map(|at| at.epoch_ms()),
        begin,
        duration_s: schedule.duration,
        max_offline_s: None,
        pull_s: None,
        in_amperes: schedule.charging_rate_unit == ocpp::ChargingRateUnitType::A,
        periods: periods.collect(),
    }
}

fn purpose(purpose: ocpp::ChargingProfilePurposeType) -> Purpose {
    match purpose {
        ocpp::ChargingProfilePurposeType::ChargePointMaxProfile => Purpose::StationMax,
        ocpp::ChargingProfilePurposeType::TxDefaultProfile => Purpose::TxDefault,
        ocpp::ChargingProfilePurposeType::TxProfile => Purpose::Tx,
    }
}

fn composite(
    get: &ocpp::GetCompositeScheduleRequest,
    told: Option<Composite>,
) -> ocpp::GetCompositeScheduleResponse {
    let Some(told) = told else {
        let status = ocpp::GetCompositeScheduleStatus::Rejected;
        return ocpp::GetCompositeScheduleResponse { status, ..Default::default() };
    };
    let periods = told.periods.iter().map(|period| ocpp::ChargingSchedulePeriod {
        start_period: period.start_s,
        limit: Tenths::from_tenths(period.tenths),
        number_phases: period.phases.map(i64::from),
        ..Default::default()
    });
    let unit =
        if told.in_amperes { ocpp::ChargingRateUnitType::A } else { ocpp::ChargingRateUnitType::W };
    ocpp::GetCompositeScheduleResponse {
        status: ocpp::GetCompositeScheduleStatus::Accepted,
        connector_id: Some(get.connector_id),
        schedule_start: Some(time(told.begin_ms)),
        charging_schedule: Some(ocpp::ChargingSchedule {
            duration: Some(get.duration),
            charging_rate_unit: unit,
            charging_schedule_period: periods.collect(),
            ..Default::default()
        }),
        ..Default::default()
    }
}
