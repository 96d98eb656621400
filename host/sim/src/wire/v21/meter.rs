//! Owns how readings are written in OCPP 2.1. Must never change what the meter said.

use busbar_ocpp::v21 as ocpp;
use busbar_ocpp::values::{List, Number};

use super::super::{milli, text, time};
use crate::spec::Spec;
use crate::words::{Context, Reading};

/// A reading with all its measurands.
pub(super) fn value(spec: &Spec, reading: &Reading) -> ocpp::MeterValueType {
    ocpp::MeterValueType {
        sampled_value: List::new(samples(spec, reading)).unwrap_or_default(),
        timestamp: time(reading.at_ms),
        ..Default::default()
    }
}

fn samples(spec: &Spec, reading: &Reading) -> Vec<ocpp::SampledValueType> {
    use ocpp::MeasurandEnumType as Measurand;
    let context = match reading.context {
        Context::Begin => ocpp::ReadingContextEnumType::TransactionBegin,
        Context::Periodic => ocpp::ReadingContextEnumType::SamplePeriodic,
        Context::End => ocpp::ReadingContextEnumType::TransactionEnd,
        Context::Asked => ocpp::ReadingContextEnumType::Trigger,
    };
    let sample = |value: Number, measurand, unit: &str, phase| ocpp::SampledValueType {
        value,
        context: Some(context.clone()),
        measurand: Some(measurand),
        phase,
        location: Some(ocpp::LocationEnumType::Outlet),
        unit_of_measure: Some(ocpp::UnitOfMeasureType {
            unit: Some(text(unit)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let (energy, unit) = if spec.in_kwh {
        (milli(reading.energy_mwh / 1000), "kWh")
    } else {
        (milli(reading.energy_mwh), "Wh")
    };
    let mut all = vec![sample(energy, Measurand::EnergyActiveImportRegister, unit, None)];
    if let Some(power) = reading.told_power(spec.tells) {
        all.push(sample(Number::from(power), Measurand::PowerActiveImport, "W", None));
    }
    let phases = [ocpp::PhaseEnumType::L1, ocpp::PhaseEnumType::L2, ocpp::PhaseEnumType::L3];
    for (phase, current) in phases.into_iter().zip(reading.told_currents(spec.tells)) {
        all.push(sample(milli(current), Measurand::CurrentImport, "A", Some(phase)));
    }
    if let Some(soc) = reading.soc_permille {
        all.push(sample(Number::from(i64::from(soc / 10)), Measurand::SoC, "Percent", None));
    }
    all
}
