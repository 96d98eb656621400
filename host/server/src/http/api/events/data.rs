//! What an event says of a fact: what happened and to what, for a follower to show or to read on
//! from. Never the fact's stored form, and never a secret.

use busbar_charging::fact::command::{CommandOutcome, Intent};
use busbar_charging::fact::load::{
    LimitGrant, LimitPurpose, LoadAlarm, LoadClockDoubted, LoadForecast, LoadPriced,
};
use busbar_charging::fact::station::{AuthorizationStatus, ConnectorStatus, Registration};
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::load::amount::Amount;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::api::stations::{actor_name, protocol};
use crate::http::api::tokens::TokenName;
use crate::http::units::{Cost, Time, Wh};
use crate::node::live::LiveFact;

/// An event: what happened, and to what.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct EventData {
    /// The kind of fact, as `session.held`.
    pub r#type: &'static str,
    /// When it was decided.
    pub at: Option<Time>,
    /// Whose state it changed.
    pub subject: String,
    /// Who did it, where it was not the station.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Which station.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub station_id: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evse_id: Option<u32>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector_id: Option<u32>,
    /// Which transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// Which session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Which CDR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cdr_id: Option<String>,
    /// Which command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// Which token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenName>,
    /// Which tariff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tariff_id: Option<String>,
    /// Which plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The new version of a token or tariff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// What it is now, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// More of it, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Energy of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_wh: Option<Wh>,
}

impl EventData {
    /// What is told of a fact.
    pub fn of(live: &LiveFact) -> Self {
        let fact = &live.fact;
        let name = fact.name();
        let told = match fact {
            Fact::StationRegistered(_)
            | Fact::StationRemoved(_)
            | Fact::StationProfileReset(_)
            | Fact::StationConnected(_)
            | Fact::StationDisconnected(_)
            | Fact::StationBooted(_)
            | Fact::StationStatus(_)
            | Fact::StationReported(_)
            | Fact::StationRecorded(_)
            | Fact::TokenPresented(_) => station(fact),
            Fact::CommandWanted(_)
            | Fact::CommandJoined(_)
            | Fact::CommandSent(_)
            | Fact::CommandEnded(_)
            | Fact::CommandEffect(_) => command(fact),
            Fact::TokenPut(_)
            | Fact::TokenRemoved(_)
            | Fact::TariffPut(_)
            | Fact::PluginInstalled(_)
            | Fact::InputRefused(_) => network(fact),
            Fact::SitePut(_)
            | Fact::SiteRemoved(_)
            | Fact::LoadLimited(_)
            | Fact::LoadMetered(_)
            | Fact::LoadFilled(_)
            | Fact::LoadRecorded(_)
            | Fact::LoadTold(_)
            | Fact::LoadVerified(_)
            | Fact::LoadHeld(_)
            | Fact::LoadAlarmed(_)
            | Fact::LoadPlanWanted(_)
            | Fact::LoadPlanned(_)
            | Fact::LoadWished(_)
            | Fact::LoadPriced(_)
            | Fact::LoadForecast(_)
            | Fact::LoadBattery(_)
            | Fact::LoadDelayed(_)
            | Fact::LoadStationLimited(_)
            | Fact::LoadClockDoubted(_)
            | Fact::StationPlaced(_)
            | Fact::StationReleased(_)
            | Fact::StationAdopted(_)
            | Fact::StationMoved(_) => site(fact),
            _ => transaction(fact),
        };
        Self {
            r#type: name.split('/').next().unwrap_or(name),
            at: Some(Time(fact.at())),
            subject: live.subject.to_string(),
            ..told
        }
    }
}

fn told(station: &impl ToString) -> EventData {
    EventData { station_id: Some(station.to_string()), ..EventData::default() }
}

fn by(actor: &Actor) -> Option<String> {
    Some(actor_name(actor))
}

fn station(fact: &Fact) -> EventData {
    match fact {
        Fact::StationRegistered(f) => {
            let status = Some(registration(f.registration));
            EventData { actor: by(&f.actor), status, ..told(&f.station) }
        }
        Fact::StationRemoved(f) => EventData { actor: by(&f.actor), ..told(&f.station) },
        Fact::StationProfileReset(f) => {
            let detail = Some(f.reason.to_string());
            EventData { actor: by(&f.actor), detail, ..told(&f.station) }
        }
        Fact::StationConnected(f) => {
            let detail = Some(format!("{} from {}", protocol(f.dialect), f.remote));
            EventData { detail, ..told(&f.station) }
        }
        Fact::StationDisconnected(f) => {
            EventData { detail: Some(f.reason.to_string()), ..told(&f.station) }
        }
        Fact::StationBooted(f) => EventData {
            status: Some(registration(f.registration)),
            detail: Some(format!("{} {}", f.vendor, f.model)),
            ..told(&f.station)
        },
        Fact::StationStatus(f) => EventData {
            evse_id: Some(f.evse),
            connector_id: Some(f.connector),
            status: Some(connector(f.status)),
            detail: f.error.as_ref().map(ToString::to_string),
            ..told(&f.station)
        },
        Fact::StationReported(f) => {
            EventData { detail: Some(f.action.to_string()), ..told(&f.station) }
        }
        Fact::StationRecorded(f) => told(&f.station),
        Fact::TokenPresented(f) => EventData {
            token: Some(TokenName::from(&f.token)),
            status: Some(authorization(f.authorization.status)),
            ..told(&f.station)
        },
        _ => EventData::default(),
    }
}

fn transaction(fact: &Fact) -> EventData {
    macro_rules! about {
        ($fact:ident) => {
            EventData {
                transaction_id: Some($fact.transaction.to_string()),
                ..told(&$fact.station)
            }
        };
    }
    match fact {
        Fact::TransactionReported(f) => EventData {
            session_id: Some(f.session.to_string()),
            evse_id: f.report.evse,
            connector_id: f.report.connector,
            token: f.report.token.as_ref().map(TokenName::from),
            status: Some(format!("{:?}", f.report.kind).to_lowercase()),
            detail: Some(f.report.trigger.to_string()),
            ..about!(f)
        },
        Fact::TransactionMetered(f) => about!(f),
        Fact::TransactionArchived(f) => about!(f),
        Fact::TransactionReopened(f) => EventData {
            transaction_id: Some(f.whole.transaction.to_string()),
            session_id: Some(f.whole.session.to_string()),
            ..told(&f.station)
        },
        Fact::PriceWanted(f) => about!(f),
        Fact::SessionPriced(f) => {
            EventData { cost: f.totals.as_ref().map(Cost::from), ..about!(f) }
        }
        Fact::SessionHeld(f) => about!(f),
        Fact::SessionSettled(f) => EventData {
            actor: by(&f.actor),
            detail: f.reason.as_ref().map(ToString::to_string),
            ..about!(f)
        },
        Fact::ReviewOpened(f) => EventData { cdr_id: Some(f.cdr.to_string()), ..about!(f) },
        Fact::RepriceAsked(f) => {
            EventData { actor: by(&f.actor), detail: Some(f.reason.to_string()), ..about!(f) }
        }
        Fact::CdrSealed(f) => EventData {
            actor: by(&f.actor),
            cdr_id: Some(f.cdr.to_string()),
            session_id: Some(f.session.to_string()),
            evse_id: f.evse,
            connector_id: f.connector,
            cost: Some(Cost::from(&f.totals)),
            energy_wh: Some(Wh(f.energy)),
            ..about!(f)
        },
        _ => EventData::default(),
    }
}

fn command(fact: &Fact) -> EventData {
    match fact {
        Fact::CommandWanted(f) => EventData {
            actor: by(&f.actor),
            command_id: Some(f.command.to_string()),
            detail: Some(match &f.intent {
                Intent::Limit(grant) => limit(grant),
                _ => f.action.to_string(),
            }),
            ..told(&f.station)
        },
        Fact::CommandJoined(f) => {
            EventData { command_id: Some(f.command.to_string()), ..told(&f.station) }
        }
        Fact::CommandSent(f) => {
            EventData { command_id: Some(f.command.to_string()), ..told(&f.station) }
        }
        Fact::CommandEnded(f) => EventData {
            command_id: Some(f.command.to_string()),
            status: Some(outcome(&f.outcome).to_owned()),
            ..told(&f.station)
        },
        Fact::CommandEffect(f) => EventData {
            command_id: Some(f.command.to_string()),
            status: Some(if f.seen { "seen" } else { "not_seen" }.to_owned()),
            ..told(&f.station)
        },
        _ => EventData::default(),
    }
}

fn network(fact: &Fact) -> EventData {
    match fact {
        Fact::TokenPut(f) => EventData {
            actor: by(&f.actor),
            token: Some(TokenName::from(&f.token)),
            status: Some(authorization(f.status)),
            version: Some(f.version),
            ..EventData::default()
        },
        Fact::TokenRemoved(f) => EventData {
            actor: by(&f.actor),
            token: Some(TokenName::from(&f.token)),
            ..EventData::default()
        },
        Fact::TariffPut(f) => EventData {
            actor: by(&f.actor),
            tariff_id: Some(f.tariff.to_string()),
            version: Some(f.version),
            ..EventData::default()
        },
        Fact::PluginInstalled(f) => EventData {
            actor: by(&f.actor),
            plugin: Some(f.name.to_string()),
            detail: Some(f.hash.to_string()),
            ..EventData::default()
        },
        Fact::InputRefused(f) => EventData {
            actor: by(&f.actor),
            station_id: f.station.as_ref().map(ToString::to_string),
            status: Some(f.what.to_string()),
            detail: Some(f.reason.to_string()),
            ..EventData::default()
        },
        _ => EventData::default(),
    }
}

fn site(fact: &Fact) -> EventData {
    match fact {
        Fact::SitePut(f) => EventData {
            actor: by(&f.actor),
            version: Some(f.version),
            detail: Some(f.name.to_string()),
            ..EventData::default()
        },
        Fact::SiteRemoved(f) => EventData { actor: by(&f.actor), ..EventData::default() },
        Fact::StationPlaced(f) => EventData {
            actor: by(&f.actor),
            version: Some(f.version),
            detail: f.site.as_ref().map(|site| format!("to be at site {site}")),
            ..told(&f.station)
        },
        Fact::StationReleased(f) => {
            EventData { detail: Some(format!("to {}", f.to)), ..told(&f.station) }
        }
        Fact::StationAdopted(f) => {
            let from = Some(format!("from {}", f.released.from));
            EventData { detail: from, ..told(&f.released.station) }
        }
        Fact::StationMoved(f) => {
            EventData { detail: Some(format!("is at {}", f.to)), ..told(&f.station) }
        }
        _ => load(fact),
    }
}

/// What a station is told that an EVSE may draw, and why it is no more.
fn limit(grant: &LimitGrant) -> String {
    let LimitGrant { evse, limit, reason, .. } = grant;
    let limit = Amount::Current(*limit);
    match grant.purpose {
        LimitPurpose::Default => format!("EVSE {evse}: {limit} where nothing else is said"),
        LimitPurpose::Transaction if reason.is_empty() => format!("EVSE {evse}: {limit}"),
        LimitPurpose::Transaction => format!("EVSE {evse}: {limit} ({reason})"),
    }
}

fn doubted(fact: &LoadClockDoubted) -> EventData {
    let detail = match fact.by {
        Some(by) => format!("the clock of the host was set by {} s", by.0 / 1_000),
        None => "the host was started".into(),
    };
    EventData { detail: Some(detail), ..EventData::default() }
}

fn load(fact: &Fact) -> EventData {
    match fact {
        Fact::LoadLimited(f) => EventData {
            actor: by(&f.actor),
            detail: Some(format!("{} says what {} may carry", f.source, f.circuit)),
            ..EventData::default()
        },
        Fact::LoadMetered(f) => {
            let [l1, l2, l3] = f.lines.map(Amount::Current);
            let detail = Some(format!("{}: {l1}, {l2}, {l3}", f.meter));
            EventData { actor: by(&f.actor), detail, ..EventData::default() }
        }
        Fact::LoadTold(f) => told(&f.station),
        Fact::LoadVerified(f) => EventData {
            detail: Some(format!("EVSE {}: {}", f.evse, word(f.verdict))),
            ..told(&f.station)
        },
        Fact::LoadHeld(f) => EventData {
            detail: Some(format!("EVSE {}: {}", f.evse, word(f.verdict))),
            ..told(&f.station)
        },
        Fact::LoadAlarmed(f) => {
            let LoadAlarm::WriteBudget { writes } = f.alarm;
            let detail = format!("was written to {writes} times today, all of its budget");
            EventData { detail: Some(detail), ..told(&f.station) }
        }
        Fact::LoadPlanned(f) => {
            let late = if f.late { ", in the place of one that is late" } else { "" };
            let detail = format!("plan {} by {}{late}", f.number, f.by);
            let detail = Some(detail).filter(|_| !f.by.is_empty());
            EventData { detail, ..EventData::default() }
        }
        Fact::LoadClockDoubted(f) => doubted(f),
        Fact::LoadStationLimited(f) => {
            let word = if f.windows.is_some() { "limits it" } else { "limits it no more" };
            EventData { detail: Some(format!("{} {word}", f.source)), ..told(&f.station) }
        }
        Fact::LoadWished(f) => EventData {
            actor: by(&f.actor),
            detail: Some(f.evse.to_string()),
            ..EventData::default()
        },
        Fact::LoadPriced(LoadPriced { actor, .. })
        | Fact::LoadForecast(LoadForecast { actor, .. }) => {
            EventData { actor: by(actor), ..EventData::default() }
        }
        Fact::LoadBattery(f) => EventData {
            actor: by(&f.actor),
            detail: Some(f.battery.to_string()),
            ..EventData::default()
        },
        Fact::LoadDelayed(f) => {
            let evses = f.evses.iter().map(|delay| format!("{} until {}", delay.evse, delay.until));
            let detail = Some(evses.collect::<Vec<_>>().join("; "));
            EventData { detail, ..EventData::default() }
        }
        Fact::LoadFilled(f) => {
            let changes = f.changes.iter().map(|change| {
                let word = if change.on { "may charge" } else { "waits" };
                format!("{} {word}: {}", change.evse, change.reason)
            });
            let changes: Vec<_> = changes.collect();
            let detail = (!changes.is_empty()).then(|| changes.join("; "));
            EventData { detail, ..EventData::default() }
        }
        _ => EventData::default(),
    }
}

fn outcome(outcome: &CommandOutcome) -> &'static str {
    match outcome {
        CommandOutcome::Answered { .. } => "answered",
        CommandOutcome::Refused { .. } => "refused",
        CommandOutcome::TimedOut => "timed_out",
        CommandOutcome::OutcomeUnknown => "outcome_unknown",
        CommandOutcome::Offline => "offline",
        CommandOutcome::Expired => "expired",
    }
}

/// The word that an enum without content is stored as.
fn word<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn connector(status: ConnectorStatus) -> String {
    word(status)
}

fn registration(registration: Registration) -> String {
    word(registration)
}

fn authorization(status: AuthorizationStatus) -> String {
    word(status)
}
