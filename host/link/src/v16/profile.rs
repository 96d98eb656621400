//! Owns how limits are written and read in 1.6. Must never write a profile of a transaction
//! without a number that 1.6 can hold.

use busbar_charging::input::schedule::Schedule;
use busbar_charging::load::kernel::capability::RateUnit;
use busbar_charging::load::kernel::profile::{Begins, Profile, ProfilePurpose};
use busbar_charging::units::Millis;
use busbar_ocpp::Leniency;
use busbar_ocpp::v16 as wire;
use busbar_ocpp::values::Tenths;

use crate::profile::Unwritable;
use crate::schedule::Told;
use crate::words;

/// SetChargingProfile.
pub(crate) fn set(profile: &Profile) -> Result<String, Unwritable> {
    let (kind, start) = match profile.begins {
        Begins::At(start) => (wire::ChargingProfileKindType::Absolute, Some(words::time(start))),
        Begins::Always => (wire::ChargingProfileKindType::Absolute, None),
        Begins::WithTransaction => (wire::ChargingProfileKindType::Relative, None),
        Begins::OnReceipt => return Err(Unwritable::NotInVersion),
    };
    let id = profile.transaction.as_ref().map(|id| id.as_str().parse::<i64>());
    let periods = profile.periods.iter().map(|period| wire::ChargingSchedulePeriod {
        start_period: period.start_seconds,
        limit: Tenths::from_tenths(period.tenths.max(0)),
        number_phases: Some(i64::from(period.phases)).filter(|phases| *phases > 0),
        ..Default::default()
    });
    let charging_profile = wire::ChargingProfile {
        charging_profile_id: profile.id.into(),
        transaction_id: id.transpose().map_err(|_| Unwritable::TransactionId)?,
        stack_level: profile.stack_level.into(),
        charging_profile_purpose: purpose(profile.purpose),
        charging_profile_kind: kind,
        charging_schedule: wire::ChargingSchedule {
            duration: profile.duration_seconds,
            start_schedule: start,
            charging_rate_unit: unit(profile.unit),
            charging_schedule_period: periods.collect(),
            ..Default::default()
        },
        ..Default::default()
    };
    Ok(encode(wire::SetChargingProfileRequest {
        connector_id: profile.evse.into(),
        cs_charging_profiles: charging_profile,
        ..Default::default()
    }))
}

/// ClearChargingProfile.
pub(crate) fn clear(id: i32) -> String {
    encode(wire::ClearChargingProfileRequest { id: Some(id.into()), ..Default::default() })
}

/// GetCompositeSchedule.
pub(crate) fn ask_composite(connector: u32, seconds: u32, unit: RateUnit) -> String {
    encode(wire::GetCompositeScheduleRequest {
        connector_id: connector.into(),
        duration: seconds.into(),
        charging_rate_unit: Some(self::unit(unit)),
        ..Default::default()
    })
}

/// The answer to GetCompositeSchedule.
pub(crate) fn composite(response: &str) -> Result<Schedule, String> {
    let decoded = wire::Response::decode("GetCompositeSchedule", response, Leniency::Tolerant);
    let wire::Response::GetCompositeSchedule(answer) =
        decoded.map_err(|fault| fault.description)?.message
    else {
        return Err("another answer".to_owned());
    };
    if answer.status != wire::GetCompositeScheduleStatus::Accepted {
        return Err("the station rejected the question".to_owned());
    }
    let schedule = answer.charging_schedule.as_ref().ok_or("the answer holds no schedule")?;
    let start = answer.schedule_start.as_ref().or(schedule.start_schedule.as_ref());
    let amperes = schedule.charging_rate_unit == wire::ChargingRateUnitType::A;
    let steps = schedule.charging_schedule_period.iter().map(|period| {
        let phases = period.number_phases;
        let limit = Some(period.limit.get());
        Told { start: period.start_period, limit, amperes, phases }.step_of_composite()
    });
    Ok(Schedule {
        begins: start.and_then(words::set_clock),
        duration: schedule.duration.map(Millis::from_secs),
        steps: steps.collect(),
    })
}

fn encode(request: impl Into<wire::Request>) -> String {
    request.into().encode()
}

fn purpose(purpose: ProfilePurpose) -> wire::ChargingProfilePurposeType {
    match purpose {
        ProfilePurpose::StationMaximum => wire::ChargingProfilePurposeType::ChargePointMaxProfile,
        ProfilePurpose::Default => wire::ChargingProfilePurposeType::TxDefaultProfile,
        ProfilePurpose::Transaction => wire::ChargingProfilePurposeType::TxProfile,
    }
}

fn unit(unit: RateUnit) -> wire::ChargingRateUnitType {
    match unit {
        RateUnit::Amperes => wire::ChargingRateUnitType::A,
        RateUnit::Watts => wire::ChargingRateUnitType::W,
    }
}
