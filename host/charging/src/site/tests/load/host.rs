//! Owns the host of the fault model: a site, its journal, and the ways in which a host could be
//! wrong. It decides as the engine does: inputs in order, facts applied as they are decided, and a
//! deadline as soon as it has come.

use std::sync::Arc;

use super::plans::Plans;
use super::world::Break;
use crate::action::Action;
use crate::context::{Context, Policy};
use crate::fact::site::{Blob, LoadBody, SitePut, StationMoved};
use crate::fact::{Actor, Fact};
use crate::ids::{Ids, SiteId, StationId};
use crate::input::{CommandReturned, Input, Precondition, Recalled, Request, Work};
use crate::load::config::Config;
use crate::load::kernel::profile::{Profile, ProfilePurpose};
use crate::load::plan::Asked;
use crate::network::Network;
use crate::site::Site;
use crate::subject::Subject;
use crate::units::{Currency, Millis, Timestamp};

/// A process that may die.
pub(super) struct Host {
    pub(super) site: Site,
    pub(super) withheld: i64,
    pub(super) facts: i64,
    /// Who plans.
    pub(super) plans: Plans,
    /// What the planner was asked and has not answered.
    pub(super) asked: Vec<(u64, Arc<Asked>)>,
    /// All facts since the start, where they are wanted.
    pub(super) all: Option<Vec<Fact>>,
    pub(super) network: Network,
    policy: Policy,
    broken: Break,
    /// Its clock, less the world's.
    pub(super) ahead: Millis,
    snapshot: Vec<Fact>,
    journal: Vec<Fact>,
    seed: u128,
}

pub(super) fn yard() -> Subject {
    Subject::Site(SiteId::from("yard"))
}

/// A fact that an operator made the site.
pub(super) fn put(config: &Config) -> SitePut {
    let (version, body) = config.store();
    SitePut {
        at: Timestamp(0),
        actor: Actor::Clock,
        site: SiteId::from("yard"),
        name: "The yard".into(),
        time_zone: "Europe/Berlin".into(),
        currency: Currency::parse("EUR").unwrap(),
        party: None,
        load: Some(LoadBody { version, body: Blob(body) }),
        version: 0,
    }
}

impl Host {
    pub(super) fn new(broken: Break, now: Timestamp, config: &Config) -> Self {
        let mut host = Self {
            site: Site::new(yard()),
            withheld: 0,
            facts: 0,
            plans: Plans::BuiltIn,
            asked: Vec::new(),
            all: None,
            network: Network::default(),
            policy: Policy::default(),
            broken,
            ahead: Millis(0),
            snapshot: Vec::new(),
            journal: Vec::new(),
            seed: 1,
        };
        let request = Request::PutSite(Box::new(put(config)), Precondition::None);
        host.ask(now, request);
        assert!(host.site.is_load_controlled(), "the configuration was refused");
        host
    }

    /// A station has come to the site.
    pub(super) fn adopt(&mut self, now: Timestamp, station: StationId) {
        let from = Subject::Station(station.clone());
        let moved = StationMoved { at: now, station, from, to: yard(), number: 1 };
        self.network.apply(&moved.into());
    }

    pub(super) fn ask(&mut self, now: Timestamp, request: Request) -> Vec<Action> {
        self.input(now, Input::Operator { actor: Actor::Clock, call: None, request })
    }

    /// Takes an input, journals and applies what follows, and gives what leaves.
    pub(super) fn input(&mut self, now: Timestamp, input: Input) -> Vec<Action> {
        self.take(now.plus(self.ahead), input)
    }

    /// The host's clock is set to so much ahead of the world's; a process that runs notices.
    pub(super) fn set_clock(&mut self, now: Timestamp, ahead: Millis, runs: bool) -> Vec<Action> {
        let by = ahead.minus(std::mem::replace(&mut self.ahead, ahead));
        let notices = runs && self.broken != Break::TrustsItsClock;
        if notices { self.input(now, Input::ClockSet { by }) } else { Vec::new() }
    }

    /// The same by the host's clock.
    fn take(&mut self, now: Timestamp, input: Input) -> Vec<Action> {
        self.seed += 1;
        let recalled = Recalled::default();
        let context = Context {
            network: &self.network,
            recalled: &recalled,
            ids: Ids { seed: self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) },
            policy: &self.policy,
        };
        let outcome = self.site.decide(&context, now, input);
        for fact in outcome.facts {
            self.site.apply(&fact);
            self.facts += 1;
            if let Fact::LoadFilled(filled) = &fact {
                self.withheld += i64::from(filled.withheld);
            }
            self.all.as_mut().into_iter().for_each(|all| all.push(fact.clone()));
            self.journal.push(fact);
        }
        for work in outcome.work {
            let Work::Plan { number, asked, .. } = work else { continue };
            self.asked.push((number, asked));
        }
        let mut actions = outcome.actions;
        if self.broken == Break::SentIsAcknowledged {
            for action in actions.clone() {
                if let Action::Command { station, command, profile: Some(_), .. } = action {
                    let returned = accepted();
                    let input = Input::Command { station, command, returned };
                    actions.extend(self.take(now, input));
                }
            }
        }
        for (number, asked) in self.plans.answers(&mut self.asked) {
            let plan = self.plans.plan(&asked, self.seed as u64);
            let plan = Box::new(plan);
            actions.extend(self.take(now, Input::Plan { number, plan }));
        }
        if self.facts % 997 == 0 {
            self.check_snapshot();
        }
        if self.journal.len() > 20_000 && self.broken != Break::JournalsLate {
            self.journal.clear();
            self.snapshot = self.site.snapshot();
        }
        actions
    }

    /// A snapshot makes the same state, at any moment.
    fn check_snapshot(&self) {
        let mut restored = Site::new(yard());
        self.site.snapshot().iter().for_each(|fact| restored.apply(fact));
        assert_eq!(restored.snapshot(), self.site.snapshot(), "a snapshot gives another state");
    }

    /// Does what is due.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..200 {
            if self.site.deadline().is_none_or(|due| due > now.plus(self.ahead)) {
                return actions;
            }
            let before = self.facts;
            actions.extend(self.input(now, Input::Deadline));
            assert!(self.facts > before, "due again and again without a fact");
        }
        panic!("due again and again");
    }

    /// What happened since the last snapshot.
    pub(super) fn journal(&self) -> &[Fact] {
        &self.journal
    }

    /// The same where stations answer no question, and take the most that they may ever draw.
    pub(super) fn due_answered(&mut self, now: Timestamp) -> Vec<Action> {
        let mut limits = Vec::new();
        for action in self.due(now) {
            let Action::Command { station, command, profile, question, .. } = &action else {
                limits.push(action);
                continue;
            };
            let (station, command) = (station.clone(), *command);
            let of_station = |profile: &Profile| profile.purpose == ProfilePurpose::StationMaximum;
            let returned = match (question, profile) {
                (Some(_), _) => unsupported(),
                (None, Some(profile)) if of_station(profile) => accepted(),
                _ => {
                    limits.push(action);
                    continue;
                }
            };
            limits.extend(self.input(now, Input::Command { station, command, returned }));
        }
        limits
    }

    /// Dies and comes back: what the journal says is all that is left, and it is all there was.
    pub(super) fn crash(&mut self, now: Timestamp) {
        let now = now.plus(self.ahead);
        let lost = |fact: &Fact| {
            self.broken == Break::JournalsLate && fact.at() > now.plus(Millis::from_secs(-60))
        };
        let mut replayed = Site::new(yard());
        self.snapshot.iter().for_each(|fact| replayed.apply(fact));
        self.journal.iter().filter(|fact| !lost(fact)).for_each(|fact| replayed.apply(fact));
        if self.broken != Break::JournalsLate {
            assert_eq!(replayed.snapshot(), self.site.snapshot(), "replay gives another state");
        }
        let mut restored = Site::new(yard());
        replayed.snapshot().iter().for_each(|fact| restored.apply(fact));
        assert_eq!(restored.snapshot(), replayed.snapshot(), "a snapshot gives another state");
        assert_eq!(restored.load_view(now), replayed.load_view(now));
        self.journal.clear();
        self.asked.clear();
        self.snapshot = replayed.snapshot();
        self.site = restored;
    }
}

pub(super) fn accepted() -> CommandReturned {
    answered("Accepted")
}

pub(super) fn unsupported() -> CommandReturned {
    CommandReturned::Refused { code: "NotSupported".into(), description: "".into() }
}

pub(super) fn answered(status: &str) -> CommandReturned {
    CommandReturned::Answered {
        response: "{}".into(),
        status: Some(status.into()),
        message_id: "m".into(),
    }
}
