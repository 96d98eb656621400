//! Owns the answer to a station that asks what its dynamic profile says now (2.1). Must never say
//! more than is counted, nor prolong a limit that ends by itself: that would be a grant.

use crate::ids::StationId;
use crate::load::kernel::capability::RateUnit;
use crate::load::kernel::event::Purpose;
use crate::load::kernel::profile::id_of_transaction;
use crate::site::Site;

impl Site {
    /// What a dynamic profile of ours says now, in tenths of an ampere: the least of what was
    /// acknowledged and of what is on its way. None of one that is not ours, or that has a lease.
    pub(in crate::site) fn dynamic_limit(&self, station: &StationId, profile: i64) -> Option<i64> {
        let load = self.load()?;
        let capability = load.kernel.station(station)?.capability();
        if !capability.takes_dynamic || capability.unit != RateUnit::Amperes {
            return None;
        }
        let number = |evse: u32| load.rows.evses()[evse as usize].id.evse;
        let mut evses = load.kernel.evses_of(station).iter();
        let evse = evses.find(|evse| i64::from(id_of_transaction(number(**evse))) == profile)?;
        let ledger = load.kernel.ledger(*evse)?;
        let held = ledger.held(Purpose::Transaction).filter(|held| held.lease.is_none())?;
        let coming = ledger.in_flight(Purpose::Transaction).iter().map(|grant| grant.limit);
        let least = coming.min().map_or(held.limit, |coming| coming.min(held.limit));
        Some(least.0.max(0) / 100)
    }
}
