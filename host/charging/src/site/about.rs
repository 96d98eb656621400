//! Owns which station a fact of a site is about.
//! Must never leave a new fact out: the match is of all.

use crate::fact::Fact;
use crate::ids::StationId;

/// The station that a fact is about.
pub(super) fn station_of(fact: &Fact) -> Option<&StationId> {
    Some(match fact {
        Fact::StationRegistered(fact) => &fact.station,
        Fact::StationRemoved(fact) => &fact.station,
        Fact::StationProfileReset(fact) => &fact.station,
        Fact::StationConnected(fact) => &fact.station,
        Fact::StationDisconnected(fact) => &fact.station,
        Fact::StationBooted(fact) => &fact.station,
        Fact::StationStatus(fact) => &fact.station,
        Fact::StationReported(fact) => &fact.station,
        Fact::StationRecorded(fact) => &fact.station,
        Fact::TokenPresented(fact) => &fact.station,
        Fact::TransactionReported(fact) => &fact.station,
        Fact::TransactionMetered(fact) => &fact.station,
        Fact::TransactionArchived(fact) => &fact.station,
        Fact::TransactionReopened(fact) => &fact.station,
        Fact::PriceWanted(fact) => &fact.station,
        Fact::SessionPriced(fact) => &fact.station,
        Fact::SessionHeld(fact) => &fact.station,
        Fact::SessionSettled(fact) => &fact.station,
        Fact::ReviewOpened(fact) => &fact.station,
        Fact::RepriceAsked(fact) => &fact.station,
        Fact::CdrSealed(fact) => &fact.station,
        Fact::CommandWanted(fact) => &fact.station,
        Fact::CommandJoined(fact) => &fact.station,
        Fact::CommandSent(fact) => &fact.station,
        Fact::CommandEnded(fact) => &fact.station,
        Fact::CommandEffect(fact) => &fact.station,
        Fact::StationReleased(fact) => &fact.station,
        Fact::StationAdopted(fact) => &fact.released.station,
        Fact::StationMoved(fact) => &fact.station,
        Fact::LoadTold(fact) => &fact.station,
        Fact::LoadVerified(fact) => &fact.station,
        Fact::LoadHeld(fact) => &fact.station,
        Fact::LoadAlarmed(fact) => &fact.station,
        Fact::TokenPut(_)
        | Fact::TokenRemoved(_)
        | Fact::TariffPut(_)
        | Fact::SitePut(_)
        | Fact::SiteRemoved(_)
        | Fact::LoadLimited(_)
        | Fact::LoadMetered(_)
        | Fact::LoadFilled(_)
        | Fact::LoadPlanWanted(_)
        | Fact::LoadPlanned(_)
        | Fact::LoadWished(_)
        | Fact::LoadPriced(_)
        | Fact::LoadForecast(_)
        | Fact::LoadBattery(_)
        | Fact::LoadDelayed(_)
        | Fact::LoadStationLimited(_)
        | Fact::LoadClockDoubted(_)
        | Fact::LoadRecorded(_)
        | Fact::StationPlaced(_)
        | Fact::PluginInstalled(_) => return None,
        Fact::InputRefused(fact) => return fact.station.as_ref(),
    })
}
