//! Owns how 2.1's samples are read: a signed value may leave out its method and key. Must never
//! guess at a value that it cannot read.

crate::v2x::metering!(v21);

fn signed(sample: &Sample<'_>, value: &wire::SignedMeterValueType) -> Reading {
    sample.signed(
        &value.signed_meter_data,
        value.signing_method.as_deref(),
        Some(&value.encoding_method),
        value.public_key.as_deref(),
    )
}
