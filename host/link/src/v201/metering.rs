//! Owns how 2.0.1's samples are read: a signed value names its method and key. Must never guess at
//! a value that it cannot read.

crate::v2x::metering!(v201);

fn signed(sample: &Sample<'_>, value: &wire::SignedMeterValueType) -> Reading {
    sample.signed(
        &value.signed_meter_data,
        Some(&value.signing_method),
        Some(&value.encoding_method),
        Some(&value.public_key),
    )
}
