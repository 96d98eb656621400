//! Owns the state of what is not of one site: the versions of tariffs, the plugins, and which site
//! a station belongs to. Tokens and stations are rows, in nobody's state.
//! Must never hold what grows with the number of drivers or sessions.

mod places;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::places::{Places, Wish};

use crate::action::{Action, Done, Problem, Reply};
use crate::context::{Context, Outcome};
use crate::fact::network::{PluginInstalled, TariffPut, TokenPut, TokenRemoved};
use crate::fact::{Actor, Call, Fact};
use crate::ids::{Hash, StationId, TariffId};
use crate::input::{Input, Needs, Precondition, Request, Told};
use crate::row::{self, RowBody};
use crate::subject::{Key, Row, Subject};
use crate::units::Timestamp;

/// The network's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    tariffs: BTreeMap<TariffId, Vec<Arc<TariffPut>>>,
    default_since: Vec<(Timestamp, TariffId)>,
    plugins: BTreeMap<Box<str>, Arc<PluginInstalled>>,
    places: Places,
}

impl Network {
    /// What must be recalled before `decide`.
    pub fn needs(&self, input: &Input) -> Needs {
        let Input::Operator { request, .. } = input else { return Needs::default() };
        let keys = match request {
            Request::PutToken(put, _) => vec![Key::token(&put.token)],
            Request::RemoveToken(token) => vec![Key::token(token)],
            Request::PlaceStation { station, site, .. } => {
                let site = site.as_ref().map(Key::site);
                site.into_iter().chain([Key::station(station)]).collect()
            }
            _ => Vec::new(),
        };
        Needs { keys, prefixes: Vec::new() }
    }

    /// What follows from an input. Cannot fail: nonsense becomes a refusal.
    pub fn decide(&self, context: &Context<'_>, now: Timestamp, input: Input) -> Outcome {
        let (actor, call, request) = match input {
            Input::Operator { actor, call, request } => (actor, call, request),
            Input::Told(Told::Adopted { station, from, to, number }) => {
                return self.places.adopted(now, station, (from, to), number);
            }
            Input::Recovered => return self.places.recovered(),
            _ => return Outcome::default(),
        };
        match request {
            Request::PutToken(put, precondition) => {
                put_token(context, now, actor, call, *put, precondition)
            }
            Request::RemoveToken(token) => match token_row(context, &token) {
                None => problem(call, Problem::NotFound("no such token".into())),
                Some(_) => done(call, Done::Accepted, TokenRemoved { at: now, actor, token }),
            },
            Request::PutTariff(put, precondition) => {
                self.put_tariff(now, actor, call, *put, precondition)
            }
            Request::InstallPlugin(mut installed) => {
                installed.at = now;
                installed.actor = actor;
                done(call, Done::Accepted, *installed)
            }
            Request::PlaceStation { station, site, precondition } => {
                self.places.place(context, Wish { now, actor, call, station, site, precondition })
            }
            _ => problem(call, Problem::Invalid("this is asked of a station or a site".into())),
        }
    }

    fn put_tariff(
        &self,
        now: Timestamp,
        actor: Actor,
        call: Option<Call>,
        mut put: TariffPut,
        precondition: Precondition,
    ) -> Outcome {
        let current = self.tariffs.get(&put.tariff).and_then(|versions| versions.last());
        let version = current.map(|tariff| tariff.version);
        if let Some(refused) = unmet(version, precondition) {
            return problem(call, refused);
        }
        if current.is_some_and(|tariff| tariff.currency != put.currency) {
            let why = "a tariff keeps its currency: make another tariff";
            return problem(call, Problem::Conflict(why.into()));
        }
        put.at = now;
        put.actor = actor;
        put.version = version.unwrap_or(0) + 1;
        // The first version may look back: nothing was ever quoted before it. Later ones may not.
        if version.is_some() {
            put.valid_from = put.valid_from.max(now);
        }
        let version = put.version;
        done(call, Done::Version(version), put)
    }

    /// The only way that the state changes.
    pub fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::TariffPut(put) => {
                let versions = self.tariffs.entry(put.tariff.clone()).or_default();
                versions.push(Arc::new(put.clone()));
                if put.default {
                    self.default_since.push((put.valid_from, put.tariff.clone()));
                    self.default_since.sort_by_key(|(since, _)| *since);
                }
            }
            Fact::PluginInstalled(installed) => {
                self.plugins.insert(installed.name.clone(), Arc::new(installed.clone()));
            }
            _ => self.places.apply(fact),
        }
    }

    /// What the world may read of a fact.
    pub fn rows(&self, fact: &Fact) -> Vec<(Key, Option<Row>)> {
        match fact {
            Fact::TokenPut(put) => {
                vec![(Key::token(&put.token), Some(row::Token::from(put.clone()).to_row()))]
            }
            Fact::TokenRemoved(removed) => vec![(Key::token(&removed.token), None)],
            Fact::TariffPut(put) => {
                let key = Key::tariff(&put.tariff, put.version);
                vec![(key, Some(row::Tariff::from(put.clone()).to_row()))]
            }
            Fact::PluginInstalled(installed) => {
                let body = row::Plugin::from(installed.clone());
                vec![(Key::plugin(&installed.name), Some(body.to_row()))]
            }
            Fact::StationPlaced(placed) => Vec::from_iter(self.places.row(&placed.station)),
            Fact::StationMoved(moved) => Vec::from_iter(self.places.row(&moved.station)),
            _ => Vec::new(),
        }
    }

    /// The network wants nothing by itself.
    pub fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// The facts that make this state again.
    pub fn snapshot(&self) -> Vec<Fact> {
        let mut tariffs: Vec<_> = self.tariffs.values().flatten().collect();
        tariffs.sort_by_key(|tariff| tariff.at);
        let plugins =
            self.plugins.values().map(|plugin| Fact::from(PluginInstalled::clone(plugin)));
        tariffs
            .into_iter()
            .map(|tariff| Fact::from(TariffPut::clone(tariff)))
            .chain(plugins)
            .chain(self.places.snapshot())
            .collect()
    }

    /// Whose state a station is in, where it was ever placed; else it is a site of its own.
    pub fn holder(&self, station: &StationId) -> Option<Subject> {
        self.places.holder(station)
    }

    /// Whether a station is in the state of a subject, as far as the network knows.
    pub fn is_held_by(&self, station: &StationId, subject: &Subject) -> bool {
        self.places.is_held_by(station, subject)
    }

    /// Where a station goes from here, and the number of that move.
    pub(crate) fn destination(
        &self,
        station: &StationId,
        from: &Subject,
    ) -> Option<(Subject, u64)> {
        self.places.destination(station, from)
    }

    /// A station that is at a subject or is wanted there, as far as the network knows.
    pub(crate) fn wanted_at(&self, subject: &Subject) -> Option<&StationId> {
        self.places.wanted_at(subject)
    }

    /// The number of a station's last move that is over.
    pub(crate) fn moved(&self, station: &StationId) -> u64 {
        self.places.moved(station)
    }

    /// The version in force at `at`: of `tariff` where it is named, else of the default one.
    pub fn tariff_at(&self, tariff: Option<&TariffId>, at: Timestamp) -> Option<&Arc<TariffPut>> {
        let tariff = match tariff {
            Some(named) => named,
            None => &self.default_since.iter().rev().find(|(since, _)| *since <= at)?.1,
        };
        self.tariffs.get(tariff)?.iter().rev().find(|version| version.valid_from <= at)
    }

    /// A version of a tariff.
    pub fn tariff_version(&self, tariff: &TariffId, version: u64) -> Option<&Arc<TariffPut>> {
        self.tariffs.get(tariff)?.iter().find(|put| put.version == version)
    }

    /// The newest version of a tariff.
    pub fn newest_tariff(&self, tariff: &TariffId) -> Option<&Arc<TariffPut>> {
        self.tariffs.get(tariff)?.last()
    }

    /// The installed plugin of a name.
    pub fn plugin(&self, name: &str) -> Option<&Arc<PluginInstalled>> {
        self.plugins.get(name)
    }

    /// Whether a plugin's bytes are installed under any name.
    pub fn has_plugin_hash(&self, hash: Hash) -> bool {
        self.plugins.values().any(|plugin| plugin.hash == hash)
    }
}

fn token_row(context: &Context<'_>, token: &crate::ids::IdToken) -> Option<row::Token> {
    context.recalled.get(&Key::token(token)).and_then(|row| row::Token::from_row(row).ok())
}

fn put_token(
    context: &Context<'_>,
    now: Timestamp,
    actor: Actor,
    call: Option<Call>,
    mut put: TokenPut,
    precondition: Precondition,
) -> Outcome {
    let version = token_row(context, &put.token).map(|row| row.put.version);
    if let Some(refused) = unmet(version, precondition) {
        return problem(call, refused);
    }
    put.at = now;
    put.actor = actor;
    put.version = version.unwrap_or(0) + 1;
    let version = put.version;
    done(call, Done::Version(version), put)
}

/// Why a precondition does not hold of the version that is there, if it does not.
pub(crate) fn unmet(version: Option<u64>, precondition: Precondition) -> Option<Problem> {
    let holds = match precondition {
        Precondition::None => true,
        Precondition::Absent => version.is_none(),
        Precondition::Version(wanted) => version == Some(wanted),
    };
    (!holds).then_some(Problem::Precondition(version))
}

/// An outcome that only says no.
pub(crate) fn problem(call: Option<Call>, problem: Problem) -> Outcome {
    let reply = |call| Action::Reply { call, reply: Reply::Problem(problem) };
    Outcome { actions: call.map(reply).into_iter().collect(), ..Outcome::default() }
}

/// An outcome of one fact and its answer.
pub(crate) fn done(call: Option<Call>, done: Done, fact: impl Into<Fact>) -> Outcome {
    let reply = |call| Action::Reply { call, reply: Reply::Done(done) };
    Outcome {
        facts: vec![fact.into()],
        actions: call.map(reply).into_iter().collect(),
        ..Outcome::default()
    }
}
