//! Owns how samples of 2.x are read: numbers, with a multiplier, and signed values beside them.
//! Must never guess at a value that it cannot read.

/// `readings` of a version. Beside it stands `signed(&Sample, &SignedMeterValueType)`.
macro_rules! metering {
    ($version:ident) => {
        use busbar_charging::fact::metering::Reading;
        use busbar_ocpp::values::Time;
        use busbar_ocpp::$version as wire;

        use crate::metering::Sample;
        use crate::words;

        /// All samples of all meter values, in their order.
        pub(super) fn readings(values: &[wire::MeterValueType]) -> Vec<Reading> {
            let mut readings = Vec::new();
            for value in values {
                for sampled in &value.sampled_value {
                    let sample = sample(&value.timestamp, sampled);
                    readings.push(sample.plain());
                    readings
                        .extend(sampled.signed_meter_value.as_ref().map(|s| signed(&sample, s)));
                }
            }
            readings
        }

        fn sample<'a>(time: &Time, sampled: &'a wire::SampledValueType) -> Sample<'a> {
            let unit = sampled.unit_of_measure.as_ref();
            Sample {
                at: words::at(time),
                value: sampled.value.as_str(),
                multiplier: unit.and_then(|unit| unit.multiplier).unwrap_or(0),
                unit: unit.and_then(|unit| unit.unit.as_deref()),
                measurand: sampled.measurand.as_ref().map(wire::MeasurandEnumType::as_str),
                context: sampled.context.as_ref().map(wire::ReadingContextEnumType::as_str),
                phase: sampled.phase.as_ref().map(wire::PhaseEnumType::as_str),
                location: sampled.location.as_ref().map(wire::LocationEnumType::as_str),
            }
        }
    };
}

pub(crate) use metering;
