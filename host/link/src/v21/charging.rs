//! Owns what 2.1's stations say on their own about smart charging: needs of cars that can also
//! give energy, and the question for a dynamic profile's limit. Must never take what a car could
//! give back for what it needs.

crate::v2x::charging!(v21);

fn transfer(mode: wire::EnergyTransferModeEnumType) -> Transfer {
    use wire::EnergyTransferModeEnumType as Mode;
    match mode {
        Mode::DC | Mode::DCBPT | Mode::DCACDP | Mode::DCACDPBPT => Transfer::Dc,
        Mode::ACSinglePhase => Transfer::Ac(Some(1)),
        Mode::ACTwoPhase => Transfer::Ac(Some(2)),
        Mode::ACThreePhase => Transfer::Ac(Some(3)),
        Mode::ACBPT | Mode::ACBPTDER | Mode::ACDER => Transfer::Ac(None),
        Mode::WPT => Transfer::Wireless,
    }
}

fn reported(notify: &wire::NotifyEVChargingNeedsRequest) -> Option<Timestamp> {
    notify.timestamp.as_ref().and_then(words::set_clock)
}

fn is_generated(limit: &wire::ChargingLimitType) -> bool {
    limit.is_local_generation.unwrap_or(false)
}

/// A car of ISO 15118-20 has parameters of its own, beside or instead of the others.
fn more_needs(all: &mut Needs, needs: &wire::ChargingNeedsType) {
    if let Some(v2x) = &needs.v2x_charging_parameters {
        all.energy = v2x.ev_target_energy_request.as_ref().map(energy).or(all.energy);
        all.minimum = v2x.min_charge_current.as_ref().map(current).or(all.minimum);
        all.maximum = v2x.max_charge_current.as_ref().map(current).or(all.maximum);
        all.power = v2x.max_charge_power.as_ref().map(power).or(all.power);
    }
}

fn new_notice(request: &wire::Request) -> Option<(Notice, Answer)> {
    match request {
        wire::Request::PullDynamicScheduleUpdate(pull) => {
            Some((Notice::Pulled { profile: pull.charging_profile_id }, Answer::Pull))
        }
        _ => None,
    }
}
