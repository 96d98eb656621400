//! Owns what 2.0.1's stations say on their own about smart charging. Must never know of what 2.1
//! added.

crate::v2x::charging!(v201);

fn transfer(mode: wire::EnergyTransferModeEnumType) -> Transfer {
    match mode {
        wire::EnergyTransferModeEnumType::DC => Transfer::Dc,
        wire::EnergyTransferModeEnumType::ACSinglePhase => Transfer::Ac(Some(1)),
        wire::EnergyTransferModeEnumType::ACTwoPhase => Transfer::Ac(Some(2)),
        wire::EnergyTransferModeEnumType::ACThreePhase => Transfer::Ac(Some(3)),
    }
}

fn reported(_notify: &wire::NotifyEVChargingNeedsRequest) -> Option<Timestamp> {
    None
}

fn is_generated(_limit: &wire::ChargingLimitType) -> bool {
    false
}

fn more_needs(_all: &mut Needs, _needs: &wire::ChargingNeedsType) {}

fn new_notice(_request: &wire::Request) -> Option<(Notice, Answer)> {
    None
}
