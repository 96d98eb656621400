//! A value of every fact, with every field filled, and of every variant that a fact can hold.
//! The values are frozen like the files that were written of them.

mod billing;
mod load;
mod site;
mod station;

use busbar_charging::fact::command::*;
use busbar_charging::fact::network::*;
use busbar_charging::fact::station::AuthorizationStatus;
use busbar_charging::fact::{Actor, Call, Fact, InputRefused};
use busbar_charging::ids::*;
use busbar_charging::pricing::*;
use busbar_charging::units::*;
use uuid::Uuid;

/// Every sample, with the name of its case.
pub(super) fn all() -> Vec<(&'static str, Fact)> {
    [network(), commands(), station::all(), site::all(), load::all(), billing::all()].concat()
}

fn at(n: i64) -> Timestamp {
    Timestamp(1_800_000_000_000 + n)
}

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n)
}

fn token() -> IdToken {
    IdToken::new(TokenKind::Iso14443, "04AABBCCDD")
}

fn station_call() -> Call {
    Call::Station { incarnation: u64::MAX, generation: 3, message_id: "m-1".into() }
}

fn api_call() -> Call {
    Call::Api { incarnation: 7, request: 9 }
}

fn network() -> Vec<(&'static str, Fact)> {
    let put = TokenPut {
        at: at(1),
        actor: Actor::User("ada".into()),
        token: token(),
        status: AuthorizationStatus::Blocked,
        group: Some("fleet".into()),
        expires: Some(at(2)),
        master: true,
        concurrent: true,
        version: 4,
    };
    let kinds = [
        TokenKind::Iso15693,
        TokenKind::Central,
        TokenKind::EMaid,
        TokenKind::KeyCode,
        TokenKind::Local,
        TokenKind::MacAddress,
        TokenKind::NoAuthorization,
        TokenKind::Other("DirectPayment".into()),
    ];
    let names = ["15693", "central", "emaid", "keycode", "local", "mac", "none", "other"];
    let removed = kinds.into_iter().zip(names).map(|(kind, name)| {
        let token = IdToken::new(kind, "value");
        (name, Fact::from(TokenRemoved { at: at(1), actor: Actor::Clock, token }))
    });
    let installed = PluginInstalled {
        at: at(1),
        actor: Actor::Plugin("quirk-x".into()),
        name: "pricing-ocpi".into(),
        version: "1.2.3".into(),
        world: "pricing".into(),
        hash: Hash([0xAB; 32]),
    };
    let refused = InputRefused {
        at: at(1),
        actor: Actor::Partner("DE-ABC".into()),
        station: Some("CP-1".into()),
        what: "MeterValues".into(),
        reason: "no such transaction".into(),
    };
    let mut all = vec![
        ("full", put.clone().into()),
        ("least", TokenPut { group: None, expires: None, master: false, ..put }.into()),
        ("full", tariff().into()),
        ("full", installed.into()),
        ("full", refused.clone().into()),
        ("least", InputRefused { actor: Actor::Station, station: None, ..refused }.into()),
    ];
    all.extend(removed);
    all
}

fn tariff() -> TariffPut {
    let component = |unit, price| PriceComponent {
        unit,
        price: Micros(price),
        tax_included: price < 0,
        description: "a component".into(),
    };
    TariffPut {
        at: at(1),
        actor: Actor::User("ada".into()),
        tariff: "day".into(),
        version: 2,
        valid_from: at(3),
        currency: Currency::parse("EUR").unwrap(),
        plugin: "pricing-ocpi".into(),
        plugin_hash: Hash([1; 32]),
        configuration: "{\"elements\":[]}".into(),
        configuration_hash: Hash([2; 32]),
        prepared: PreparedTariff {
            boundaries: Boundaries {
                times_of_day: vec![0, 1_320],
                dates: vec!["2027-01-01".into()],
                energies: vec![Energy(1_000_000)],
                durations: vec![Millis(3_600_000)],
            },
            components: vec![
                component(PriceUnit::PerKwh, 490_000),
                component(PriceUnit::PerMinute, -1),
                component(PriceUnit::PerSession, 0),
                component(PriceUnit::Other, i64::MAX),
            ],
            negative_prices: true,
            power_dependent: true,
        },
        default: true,
    }
}

fn wanted() -> CommandWanted {
    CommandWanted {
        at: at(1),
        actor: Actor::User("ada".into()),
        station: "CP-1".into(),
        command: CommandId(uuid(1)),
        intent: Intent::RemoteStart { evse: Some(1), token: token(), remote_start: Some(5) },
        action: "RequestStartTransaction".into(),
        payload: "{}".into(),
        priority: Priority::Operator,
        until: at(9),
        key: Some("k".into()),
        caller: Some(api_call()),
    }
}

fn ended(outcome: CommandOutcome) -> CommandEnded {
    CommandEnded {
        at: at(5),
        station: "CP-1".into(),
        command: CommandId(uuid(1)),
        outcome,
        wanted: Box::new(wanted()),
        sent: Some(at(4)),
    }
}

fn intents() -> Vec<(&'static str, Intent, Priority)> {
    let variables = vec![("OCPPCommCtrlr".into(), "HeartbeatInterval".into(), "60".into())];
    vec![
        ("stop", Intent::RemoteStop { transaction: "7".into() }, Priority::Safety),
        ("reset", Intent::Reset, Priority::Bulk),
        ("unlock", Intent::Unlock { evse: 2 }, Priority::Increase),
        ("availability", Intent::Availability { evse: None, operative: true }, Priority::Operator),
        ("trigger", Intent::Trigger { action: "BootNotification".into() }, Priority::Operator),
        ("variables", Intent::SetVariables { variables }, Priority::Operator),
        ("other", Intent::Other, Priority::Operator),
    ]
}

fn commands() -> Vec<(&'static str, Fact)> {
    let (station, command): (StationId, _) = ("CP-1".into(), CommandId(uuid(1)));
    let mut all: Vec<(_, Fact)> = vec![("full", wanted().into())];
    for (case, intent, priority) in intents() {
        let other = CommandWanted { intent, priority, key: None, caller: None, ..wanted() };
        all.push((case, other.into()));
    }
    let (caller, at_4) = (station_call(), at(4));
    let joined = CommandJoined { at: at(2), station: station.clone(), command, caller };
    all.push(("full", joined.into()));
    let (incarnation, generation) = (7, 3);
    let sent = CommandSent { at: at_4, station: station.clone(), command, incarnation, generation };
    all.push(("full", sent.into()));
    let answered = CommandOutcome::Answered {
        response: "{\"status\":\"Accepted\"}".into(),
        status: Some("Accepted".into()),
        message_id: "m-2".into(),
    };
    let code = "NotSupported".into();
    let refused = CommandOutcome::Refused { code, description: "no".into() };
    for (case, outcome) in [
        ("answered", answered.clone()),
        ("refused", refused),
        ("timed-out", CommandOutcome::TimedOut),
        ("unknown", CommandOutcome::OutcomeUnknown),
        ("offline", CommandOutcome::Offline),
        ("expired", CommandOutcome::Expired),
    ] {
        all.push((case, ended(outcome).into()));
    }
    let ended = Box::new(ended(answered));
    all.push(("full", CommandEffect { at: at(6), station, command, seen: true, ended }.into()));
    all
}
