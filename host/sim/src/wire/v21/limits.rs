//! Owns how charging profiles are read, reported and answered in 2.1. Must never decide which
//! the station takes.

use busbar_ocpp::v21::{self as ocpp, Request, Response};
use busbar_ocpp::values::{IntIn, List, Number};

use super::super::{text, time};
use super::orders::evse;
use crate::limits::{Begin, Period, Profile, Purpose, Which};
use crate::station::{Composite, Order, Reply, Station};
use crate::words::Answer;

const DAY_MS: i64 = 86_400_000;
/// Who set what a server sets.
const SOURCE: &str = "CSO";

/// Orders about limits; gives back what is none.
pub(super) fn obey(station: &mut Station, request: Request) -> Result<Response, Request> {
    Ok(match request {
        Request::SetChargingProfile(set) => {
            let limit = read(evse(set.evse_id.into()), &set.charging_profile);
            let reply = limit.map(|limit| station.obey(Order::Limit(limit)));
            let status = status(reply == Some(Reply::Accepted));
            ocpp::SetChargingProfileResponse { status, ..Default::default() }.into()
        }
        Request::ClearChargingProfile(clear) => {
            let status = if clears(&clear).is_some_and(|which| station.clear_limits(&which)) {
                ocpp::ClearChargingProfileStatusEnumType::Accepted
            } else {
                ocpp::ClearChargingProfileStatusEnumType::Unknown
            };
            ocpp::ClearChargingProfileResponse { status, ..Default::default() }.into()
        }
        Request::GetCompositeSchedule(get) => {
            let watts = get.charging_rate_unit == Some(ocpp::ChargingRateUnitEnumType::W);
            let told = station.composite(evse(get.evse_id.into()), get.duration, !watts);
            composite(&get, told).into()
        }
        Request::GetChargingProfiles(get) => {
            let found =
                asks(&get).is_some_and(|which| station.report_profiles(get.request_id, &which));
            let status = if found {
                ocpp::GetChargingProfileStatusEnumType::Accepted
            } else {
                ocpp::GetChargingProfileStatusEnumType::NoProfiles
            };
            ocpp::GetChargingProfilesResponse { status, ..Default::default() }.into()
        }
        Request::UpdateDynamicSchedule(update) => {
            let tenths = update_tenths(&update.schedule_update);
            let known = tenths
                .is_some_and(|tenths| station.update_limit(update.charging_profile_id, tenths));
            let status = status(known);
            ocpp::UpdateDynamicScheduleResponse { status, ..Default::default() }.into()
        }
        other => return Err(other),
    })
}

/// A profile of the server; none of a purpose that is not the server's, or that the station does
/// not have.
pub(super) fn read(evse: u16, profile: &ocpp::ChargingProfileType) -> Option<Profile> {
    let schedule = profile.charging_schedule.first()?;
    let periods = schedule.charging_schedule_period.iter().map(|period| Period {
        start_s: period.start_period,
        tenths: tenths(period),
        phases: period.number_phases.and_then(|phases| u8::try_from(i64::from(phases)).ok()),
    });
    Some(Profile {
        id: profile.id,
        evse,
        purpose: purpose(profile.charging_profile_purpose)?,
        stack: profile.stack_level.into(),
        tx: profile.transaction_id.as_ref().map(|id| id.as_str().to_owned()),
        valid_from_ms: profile.valid_from.as_ref().map(|at| at.epoch_ms()),
        valid_to_ms: profile.valid_to.as_ref().map(|at| at.epoch_ms()),
        begin: begin(profile, schedule)?,
        duration_s: schedule.duration,
        max_offline_s: profile.max_offline_duration,
        pull_s: profile.dyn_update_interval,
        in_amperes: schedule.charging_rate_unit == ocpp::ChargingRateUnitEnumType::A,
        periods: periods.collect(),
    })
}

/// Absolute and recurring ones say when they begin, others do not (K01.FR.41).
fn begin(
    profile: &ocpp::ChargingProfileType,
    schedule: &ocpp::ChargingScheduleType,
) -> Option<Begin> {
    let start_ms = schedule.start_schedule.as_ref().map(|start| start.epoch_ms());
    let weekly = profile.recurrency_kind == Some(ocpp::RecurrencyKindEnumType::Weekly);
    let every_ms = if weekly { 7 * DAY_MS } else { DAY_MS };
    match profile.charging_profile_kind {
        ocpp::ChargingProfileKindEnumType::Absolute => start_ms.map(Begin::At),
        ocpp::ChargingProfileKindEnumType::Recurring => {
            start_ms.map(|start_ms| Begin::Every(start_ms, every_ms))
        }
        ocpp::ChargingProfileKindEnumType::Relative => {
            start_ms.is_none().then_some(Begin::WithTransaction)
        }
        ocpp::ChargingProfileKindEnumType::Dynamic => {
            start_ms.is_none().then_some(Begin::Updated(0))
        }
    }
}

/// Profiles as the station holds them, of one EVSE.
pub(super) fn report(request_id: i64, evse: u16, profiles: &[Profile], more: bool) -> Request {
    ocpp::ReportChargingProfilesRequest {
        request_id,
        charging_limit_source: text(SOURCE),
        charging_profile: List::new(profiles.iter().map(held).collect()).unwrap_or_default(),
        tbc: more.then_some(true),
        evse_id: super::number(evse),
        ..Default::default()
    }
    .into()
}

fn held(profile: &Profile) -> ocpp::ChargingProfileType {
    use ocpp::ChargingProfileKindEnumType as Kind;
    let (kind, start_ms) = match profile.begin {
        Begin::At(start_ms) => (Kind::Absolute, Some(start_ms)),
        Begin::Every(start_ms, _) => (Kind::Recurring, Some(start_ms)),
        Begin::WithTransaction => (Kind::Relative, None),
        Begin::Updated(_) => (Kind::Dynamic, None),
    };
    let recurrency_kind = match profile.begin {
        Begin::Every(_, DAY_MS) => Some(ocpp::RecurrencyKindEnumType::Daily),
        Begin::Every(..) => Some(ocpp::RecurrencyKindEnumType::Weekly),
        _ => None,
    };
    ocpp::ChargingProfileType {
        id: profile.id,
        stack_level: super::seq_no(profile.stack),
        charging_profile_purpose: match profile.purpose {
            Purpose::StationMax => ocpp::ChargingProfilePurposeEnumType::ChargingStationMaxProfile,
            Purpose::TxDefault => ocpp::ChargingProfilePurposeEnumType::TxDefaultProfile,
            Purpose::Tx => ocpp::ChargingProfilePurposeEnumType::TxProfile,
            Purpose::External => {
                ocpp::ChargingProfilePurposeEnumType::ChargingStationExternalConstraints
            }
        },
        charging_profile_kind: kind,
        recurrency_kind,
        valid_from: profile.valid_from_ms.map(time),
        valid_to: profile.valid_to_ms.map(time),
        transaction_id: profile.tx.as_deref().map(text),
        max_offline_duration: profile.max_offline_s,
        dyn_update_interval: profile.pull_s,
        charging_schedule: List::one(ocpp::ChargingScheduleType {
            id: profile.id,
            start_schedule: start_ms.map(time),
            duration: profile.duration_s,
            charging_rate_unit: unit(profile.in_amperes),
            charging_schedule_period: periods(&profile.periods),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A schedule has at least one period; a list of none is not written.
fn periods<const MAX: usize>(periods: &[Period]) -> List<ocpp::ChargingSchedulePeriodType, 1, MAX> {
    let all = periods.iter().map(|period| ocpp::ChargingSchedulePeriodType {
        start_period: period.start_s,
        limit: Some(Number::from_fixed(period.tenths, 1)),
        number_phases: period.phases.map(|phases| IntIn::new(phases.into()).unwrap_or_default()),
        ..Default::default()
    });
    List::new(all.collect()).unwrap_or_default()
}

fn composite(
    get: &ocpp::GetCompositeScheduleRequest,
    told: Option<Composite>,
) -> ocpp::GetCompositeScheduleResponse {
    let Some(told) = told else {
        let status = ocpp::GenericStatusEnumType::Rejected;
        return ocpp::GetCompositeScheduleResponse { status, ..Default::default() };
    };
    ocpp::GetCompositeScheduleResponse {
        status: ocpp::GenericStatusEnumType::Accepted,
        schedule: Some(ocpp::CompositeScheduleType {
            evse_id: get.evse_id,
            duration: get.duration,
            schedule_start: time(told.begin_ms),
            charging_rate_unit: unit(told.in_amperes),
            charging_schedule_period: periods(&told.periods),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What is cleared: a number, or criteria; none where there is neither (K10.FR.02).
fn clears(clear: &ocpp::ClearChargingProfileRequest) -> Option<Which> {
    let criteria = clear.charging_profile_criteria.as_ref();
    if clear.charging_profile_id.is_none() && criteria.is_none() {
        return None;
    }
    let asked = criteria.and_then(|criteria| criteria.charging_profile_purpose);
    Some(Which {
        ids: clear.charging_profile_id.map(|id| vec![id]),
        evse: criteria.and_then(|criteria| criteria.evse_id).map(|id| evse(id.into())),
        purpose: wanted(asked)?,
        stack: criteria.and_then(|criteria| criteria.stack_level).map(i64::from),
    })
}

/// What is asked for; none where the station cannot have such a one.
fn asks(get: &ocpp::GetChargingProfilesRequest) -> Option<Which> {
    let asked = &get.charging_profile;
    let sources = asked.charging_limit_source.as_deref();
    if sources.is_some_and(|sources| sources.iter().all(|source| source.as_str() != "CSO")) {
        return None;
    }
    Some(Which {
        ids: asked.charging_profile_id.as_ref().map(|ids| ids.to_vec()),
        evse: get.evse_id.map(|id| evse(id.into())),
        purpose: wanted(asked.charging_profile_purpose)?,
        stack: asked.stack_level.map(i64::from),
    })
}

/// A purpose that is asked for, if one is; none where it is not the server's.
fn wanted(asked: Option<ocpp::ChargingProfilePurposeEnumType>) -> Option<Option<Purpose>> {
    match asked {
        None => Some(None),
        Some(asked) => purpose(asked).map(Some),
    }
}

fn purpose(purpose: ocpp::ChargingProfilePurposeEnumType) -> Option<Purpose> {
    match purpose {
        ocpp::ChargingProfilePurposeEnumType::ChargingStationMaxProfile => {
            Some(Purpose::StationMax)
        }
        ocpp::ChargingProfilePurposeEnumType::TxDefaultProfile => Some(Purpose::TxDefault),
        ocpp::ChargingProfilePurposeEnumType::TxProfile => Some(Purpose::Tx),
        _ => None,
    }
}

fn status(accepted: bool) -> ocpp::ChargingProfileStatusEnumType {
    if accepted {
        ocpp::ChargingProfileStatusEnumType::Accepted
    } else {
        ocpp::ChargingProfileStatusEnumType::Rejected
    }
}

fn unit(in_amperes: bool) -> ocpp::ChargingRateUnitEnumType {
    if in_amperes { ocpp::ChargingRateUnitEnumType::A } else { ocpp::ChargingRateUnitEnumType::W }
}

/// Asks what a dynamic profile says now.
pub(super) fn pull(profile: i64) -> Request {
    let charging_profile_id = profile;
    ocpp::PullDynamicScheduleUpdateRequest { charging_profile_id, ..Default::default() }.into()
}

/// What it says now.
pub(super) fn pulled(answer: &ocpp::PullDynamicScheduleUpdateResponse) -> Answer {
    let accepted = answer.status == ocpp::ChargingProfileStatusEnumType::Accepted;
    let update = answer.schedule_update.as_ref().filter(|_| accepted);
    Answer::Limit(update.and_then(update_tenths))
}

fn update_tenths(update: &ocpp::ChargingScheduleUpdateType) -> Option<i64> {
    let limit = update.limit.as_ref().or(update.setpoint.as_ref());
    limit.and_then(|limit| limit.to_fixed_rounded(1))
}

/// A limit in tenths; a setpoint is one too for a car that only charges.
fn tenths(period: &ocpp::ChargingSchedulePeriodType) -> i64 {
    let limit = period.limit.as_ref().or(period.setpoint.as_ref());
    limit.and_then(|limit| limit.to_fixed_rounded(1)).unwrap_or(0)
}
