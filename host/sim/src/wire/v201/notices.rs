//! Owns what a 2.0.1 station tells of cars' needs and of others' limits. Must never make up what
//! a car did not say.

use busbar_ocpp::v201::{self as ocpp, Request};
use busbar_ocpp::values::{IntIn, List, Number};

use super::super::time;
use crate::car::{DC_V, PHASE_V};
use crate::words::Needs;

/// A car on alternating current cannot take less, in amperes.
const AC_MIN_A: i64 = 6;

/// What a car needs.
pub(super) fn needs(evse: u16, needs: &Needs) -> Request {
    let charging_needs = ocpp::ChargingNeedsType {
        requested_energy_transfer: match (needs.direct, needs.phases) {
            (true, _) => ocpp::EnergyTransferModeEnumType::DC,
            (false, 1) => ocpp::EnergyTransferModeEnumType::ACSinglePhase,
            (false, 2) => ocpp::EnergyTransferModeEnumType::ACTwoPhase,
            (false, _) => ocpp::EnergyTransferModeEnumType::ACThreePhase,
        },
        departure_time: needs.departs_ms.map(time),
        ac_charging_parameters: (!needs.direct).then(|| ac(needs)),
        dc_charging_parameters: needs.direct.then(|| dc(needs)),
        ..Default::default()
    };
    ocpp::NotifyEVChargingNeedsRequest {
        evse_id: evse.into(),
        charging_needs,

        ..Default::default()
    }
    .into()
}

fn ac(needs: &Needs) -> ocpp::ACChargingParametersType {
    ocpp::ACChargingParametersType {
        energy_amount: needs.missing_wh,
        ev_min_current: AC_MIN_A,
        ev_max_current: needs.ac_max_ma / 1000,
        ev_max_voltage: PHASE_V,
        ..Default::default()
    }
}

fn dc(needs: &Needs) -> ocpp::DCChargingParametersType {
    ocpp::DCChargingParametersType {
        ev_max_current: needs.dc_max_w / DC_V,
        ev_max_voltage: DC_V,
        ev_max_power: Some(needs.dc_max_w),
        energy_amount: Some(needs.missing_wh),
        ev_energy_capacity: Some(needs.battery_wh),
        state_of_charge: IntIn::new((needs.soc_permille / 10).clamp(0, 100)).ok(),
        ..Default::default()
    }
}

/// A grid operator limits the station, or does not any more.
pub(super) fn limited(ma: Option<i64>, at_ms: i64) -> Request {
    let Some(ma) = ma else {
        return ocpp::ClearedChargingLimitRequest {
            charging_limit_source: ocpp::ChargingLimitSourceEnumType::SO,
            evse_id: Some(0),
            ..Default::default()
        }
        .into();
    };
    let period = ocpp::ChargingSchedulePeriodType {
        limit: Number::from_fixed(ma / 100, 1),
        ..Default::default()
    };
    ocpp::NotifyChargingLimitRequest {
        charging_limit: ocpp::ChargingLimitType {
            charging_limit_source: ocpp::ChargingLimitSourceEnumType::SO,
            is_grid_critical: Some(true),
            ..Default::default()
        },
        charging_schedule: Some(List::one(ocpp::ChargingScheduleType {
            id: 1,
            start_schedule: Some(time(at_ms)),
            charging_rate_unit: ocpp::ChargingRateUnitEnumType::A,
            charging_schedule_period: List::one(period),
            ..Default::default()
        })),
        evse_id: Some(0),
        ..Default::default()
    }
    .into()
}
