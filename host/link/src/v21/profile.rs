//! Owns how limits are written and read in 2.1: also `Dynamic` ones, and such that end while the
//! station is offline. Must never give a dynamic profile more than one period (PITFALLS 117).

crate::v2x::profile!(v21);

/// UpdateDynamicSchedule: the limit that a dynamic profile has now.
pub(crate) fn update(profile: &Profile) -> Result<String, Unwritable> {
    if profile.begins != Begins::OnReceipt {
        return Err(Unwritable::NotInVersion);
    }
    let tenths = profile.periods.first().ok_or(Unwritable::Periods)?.tenths;
    Ok(encode(wire::UpdateDynamicScheduleRequest {
        charging_profile_id: profile.id.into(),
        schedule_update: schedule_update(tenths),
        ..Default::default()
    }))
}

/// A limit in tenths.
pub(super) fn schedule_update(tenths: i64) -> wire::ChargingScheduleUpdateType {
    let limit = Some(Number::from_fixed(tenths.max(0), 1));
    wire::ChargingScheduleUpdateType { limit, ..Default::default() }
}

fn dynamic(profile: &mut wire::ChargingProfileType, of: &Profile) -> Result<(), Unwritable> {
    profile.max_offline_duration = of.max_offline_seconds;
    // Without this word it would hold again as soon as the station is back.
    profile.invalid_after_offline_duration = of.max_offline_seconds.map(|_| true);
    if of.begins != Begins::OnReceipt {
        return Ok(());
    }
    if of.periods.len() > 1 {
        return Err(Unwritable::Periods);
    }
    profile.charging_profile_kind = wire::ChargingProfileKindEnumType::Dynamic;
    Ok(())
}

fn limit(period: &wire::ChargingSchedulePeriodType) -> Option<&Number> {
    period.limit.as_ref()
}
