//! Owns how limits are written and read in 2.0.1. Must never write what only 2.1 has.

crate::v2x::profile!(v201);

/// 2.0.1 has no `Dynamic` profiles. One that holds while the station is offline holds longer than
/// asked for, which only its lease ends.
fn dynamic(_profile: &mut wire::ChargingProfileType, of: &Profile) -> Result<(), Unwritable> {
    match of.begins {
        Begins::OnReceipt => Err(Unwritable::NotInVersion),
        Begins::At(_) | Begins::Always | Begins::WithTransaction => Ok(()),
    }
}

fn limit(period: &wire::ChargingSchedulePeriodType) -> Option<&Number> {
    Some(&period.limit)
}
