//! Owns how 1.6's samples are read: values are texts, and only some of them are numbers (1.6
//! sections 7.31 to 7.49; PITFALLS 79 and 80). Must never guess at a value that it cannot read.

use busbar_charging::fact::metering::Reading;
use busbar_ocpp::v16 as wire;
use busbar_ocpp::values::Time;

use crate::metering::Sample;
use crate::words;

/// All samples of a meter value, in their order.
pub(super) fn readings<'a>(
    time: &'a Time,
    samples: &'a [wire::SampledValue],
) -> impl Iterator<Item = Reading> + 'a {
    samples.iter().map(move |sampled| reading(time, sampled))
}

fn reading(time: &Time, sampled: &wire::SampledValue) -> Reading {
    let sample = Sample {
        at: words::at(time),
        value: &sampled.value,
        multiplier: 0,
        unit: sampled.unit.as_ref().map(wire::UnitOfMeasure::as_str),
        measurand: sampled.measurand.as_ref().map(wire::Measurand::as_str),
        context: sampled.context.as_ref().map(wire::ReadingContext::as_str),
        phase: sampled.phase.as_ref().map(wire::Phase::as_str),
        location: sampled.location.as_ref().map(wire::Location::as_str),
    };
    match sampled.format {
        Some(wire::ValueFormat::SignedData) => sample.signed(&sampled.value, None, None, None),
        Some(wire::ValueFormat::Raw) | None => sample.plain(),
    }
}
