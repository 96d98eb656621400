//! Samples of the facts of sites, and of stations that move between them.

use busbar_charging::fact::site::*;
use busbar_charging::fact::station::{StationRecorded, StationRemoved};
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::subject::Subject;
use busbar_charging::units::Currency;

use super::at;

/// Every sample, with the name of its case.
pub(super) fn all() -> Vec<(&'static str, Fact)> {
    let full = SitePut {
        at: at(1),
        actor: Actor::User("ada".into()),
        site: "north".into(),
        name: "North yard".into(),
        time_zone: "Europe/Berlin".into(),
        currency: Currency::parse("EUR").unwrap(),
        party: Some(Party { country: "DE".into(), id: "ABC".into() }),
        load: Some(LoadBody { version: 1, body: Blob(vec![0, 1, 254, 255]) }),
        version: 3,
    };
    let least = SitePut { party: None, load: None, ..full.clone() };
    let placed = StationPlaced {
        at: at(1),
        actor: Actor::User("ada".into()),
        station: "CP-1".into(),
        site: Some("north".into()),
        version: 2,
    };
    let nowhere = StationPlaced { site: None, ..placed.clone() };
    let (own, site) = (Subject::Station("CP-1".into()), Subject::Site("north".into()));
    let released = StationReleased {
        at: at(1),
        station: "CP-1".into(),
        from: own.clone(),
        to: site.clone(),
        number: 2,
        state: Kept(state()),
    };
    let adopted = StationAdopted { at: at(2), released: Box::new(released.clone()) };
    let moved =
        StationMoved { at: at(3), station: "CP-1".into(), from: site, to: own, number: u64::MAX };
    let removed = SiteRemoved { at: at(4), actor: Actor::User("ada".into()), site: "north".into() };
    vec![
        ("full", removed.into()),
        ("full", full.into()),
        ("least", least.into()),
        ("full", placed.into()),
        ("nowhere", nowhere.into()),
        ("full", released.into()),
        ("full", adopted.into()),
        ("full", moved.into()),
    ]
}

fn state() -> Vec<Fact> {
    let recorded = StationRecorded {
        at: at(1),
        station: "CP-1".into(),
        removed: false,
        changed: at(2),
        last_issued: 7,
        behind: None,
        highest_profile: Some(2),
        last_remote: None,
    };
    let removed = StationRemoved { at: at(1), actor: Actor::Clock, station: "CP-1".into() };
    vec![recorded.into(), removed.into()]
}
