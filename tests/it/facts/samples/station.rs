//! Samples of a station's facts.

use busbar_charging::fact::station::*;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::units::Millis;

use super::{at, token};

/// Every sample, with the name of its case.
pub(super) fn all() -> Vec<(&'static str, Fact)> {
    [registrations(), connections(), statuses(), presented()].concat()
}

fn registrations() -> Vec<(&'static str, Fact)> {
    let full = StationRegistered {
        at: at(1),
        actor: Actor::User("ada".into()),
        station: "CP-1".into(),
        password_hash: Some("ab".repeat(32)),
        unauthenticated: false,
        registration: Registration::Pending,
        strict: true,
        tariff: Some("day".into()),
        version: 3,
    };
    let open = StationRegistered {
        password_hash: None,
        unauthenticated: true,
        registration: Registration::Rejected,
        tariff: None,
        ..full.clone()
    };
    let removed = StationRemoved { at: at(1), actor: Actor::Clock, station: "CP-1".into() };
    let recorded = StationRecorded {
        at: at(1),
        station: "CP-1".into(),
        removed: true,
        changed: at(2),
        last_issued: 2_147_483_647,
        behind: Some(Millis(-3)),
        highest_profile: None,
        last_remote: None,
    };
    let profile = StationRecorded {
        highest_profile: Some(3),
        last_remote: Some("192.0.2.7:40000".into()),
        ..recorded.clone()
    };
    let reset = StationProfileReset {
        at: at(1),
        actor: Actor::User("ada".into()),
        station: "CP-1".into(),
        was: 2,
        reason: "moved behind a proxy".into(),
    };
    vec![
        ("full", full.into()),
        ("open", open.into()),
        ("full", removed.into()),
        ("full", recorded.into()),
        ("profile", profile.into()),
        ("full", reset.into()),
    ]
}

fn connections() -> Vec<(&'static str, Fact)> {
    let connected = |dialect| StationConnected {
        at: at(1),
        station: "CP-1".into(),
        incarnation: u64::MAX,
        generation: 3,
        dialect,
        remote: "192.0.2.7:40000".into(),
        security_profile: 2,
    };
    let disconnected = StationDisconnected {
        at: at(2),
        station: "CP-1".into(),
        generation: 3,
        reason: "it closed the connection".into(),
    };
    let booted = StationBooted {
        at: at(3),
        station: "CP-1".into(),
        vendor: "Vendor".into(),
        model: "Model".into(),
        serial: Some("S-1".into()),
        firmware: Some("1.0".into()),
        reason: Some("PowerUp".into()),
        registration: Registration::Accepted,
    };
    let reported = StationReported {
        at: at(4),
        station: "CP-1".into(),
        action: "SecurityEventNotification".into(),
        payload: "{\"type\":\"x\"}".into(),
    };
    vec![
        ("ocpp16", connected(Dialect::V16).into()),
        ("ocpp201", connected(Dialect::V201).into()),
        ("ocpp21", connected(Dialect::V21).into()),
        ("full", disconnected.into()),
        ("full", booted.into()),
        ("full", reported.into()),
    ]
}

fn statuses() -> Vec<(&'static str, Fact)> {
    use ConnectorStatus::*;
    let all = [
        ("available", Available),
        ("occupied", Occupied),
        ("preparing", Preparing),
        ("charging", Charging),
        ("suspended-evse", SuspendedEvse),
        ("suspended-ev", SuspendedEv),
        ("finishing", Finishing),
        ("reserved", Reserved),
        ("unavailable", Unavailable),
        ("faulted", Faulted),
    ];
    let status = |(case, status)| {
        let faulted = status == Faulted;
        let fact = StationStatus {
            at: at(1),
            station: "CP-1".into(),
            evse: 2,
            connector: 1,
            status,
            reported: at(-5),
            error: faulted.then(|| "GroundFailure".into()),
            timed: faulted,
            transaction: faulted.then(|| "7".into()),
        };
        (case, fact.into())
    };
    all.into_iter().map(status).collect()
}

fn presented() -> Vec<(&'static str, Fact)> {
    use AuthorizationStatus::*;
    let all = [
        ("accepted", Accepted),
        ("blocked", Blocked),
        ("expired", Expired),
        ("invalid", Invalid),
        ("concurrent", ConcurrentTx),
        ("unknown", Unknown),
        ("elsewhere", NotAtThisLocation),
    ];
    let presented = |(case, status)| {
        let authorization = Authorization {
            status,
            group: Some("fleet".into()),
            expires: Some(at(9)),
            master: status == Accepted,
        };
        let station = "CP-1".into();
        (case, TokenPresented { at: at(1), station, token: token(), authorization }.into())
    };
    all.into_iter().map(presented).collect()
}
