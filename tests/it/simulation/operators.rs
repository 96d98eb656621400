//! Owns the operators: what they ask over the API, and that each request is answered once.
//! Must never ask what the API would refuse by its schema.

use std::collections::BTreeMap;

use busbar_charging::action::Reply;
use busbar_charging::context::Policy;
use busbar_charging::fact::command::Priority;
use busbar_charging::fact::network::TokenPut;
use busbar_charging::fact::site::{LoadBody, SitePut};
use busbar_charging::fact::station::{AuthorizationStatus, Registration, StationRegistered};
use busbar_charging::fact::{Actor, Call};
use busbar_charging::ids::{IdToken, SiteId, TokenKind};
use busbar_charging::input::{Input, Precondition, Request};
use busbar_charging::subject::Subject;
use busbar_charging::units::{Currency, Timestamp};
use busbar_engine::Event;
use busbar_link::intent;
use busbar_ocpp::Version;
use serde_json::{Value, json};

use super::host::{dialect, is_answer, subject};
use super::plan::{Order, SECOND, SITES, TOKENS, token};
use super::world::World;

pub(super) fn site(number: u64) -> SiteId {
    format!("site-{number}").as_str().into()
}

/// What operators asked.
#[derive(Default)]
pub(super) struct Operators {
    asked: BTreeMap<u64, Asked>,
}

struct Asked {
    life: u64,
    what: String,
    answers: u32,
}

impl World {
    /// The first tariff and the tokens, before any station comes.
    pub(super) fn set_up(&mut self) {
        let tariff = self.pricer.tariff(self.seed);
        self.ask(Subject::Network, Request::PutTariff(Box::new(tariff), Precondition::None));
        for number in 0..SITES {
            let load = super::load::tree(self.seed, self.stations.iter().map(|cp| cp.sim.spec()));
            self.put_site(number, load);
        }
        for index in 0..TOKENS {
            self.put_token(index, index + 1 == TOKENS);
        }
        self.until(self.now + 30 * SECOND);
        self.check_answers();
        self.calm = false;
    }

    pub(super) fn put_site(&mut self, number: u64, load: Option<LoadBody>) {
        let put = SitePut {
            at: Timestamp(0),
            actor: Actor::Clock,
            site: site(number),
            name: "A site".into(),
            time_zone: Policy::default().time_zone.into(),
            currency: Currency::parse("EUR").expect("a currency"),
            party: None,
            load,
            version: 0,
        };
        let request = Request::PutSite(Box::new(put), Precondition::None);
        self.ask(Subject::Site(site(number)), request);
    }

    fn put_token(&mut self, index: usize, blocked: bool) {
        let put = TokenPut {
            at: Timestamp(0),
            actor: Actor::Clock,
            token: IdToken::new(TokenKind::Iso14443, &token(index).id),
            status: match blocked {
                true => AuthorizationStatus::Blocked,
                false => AuthorizationStatus::Accepted,
            },
            group: None,
            expires: None,
            master: false,
            // Some may charge at two places at once; the others are refused there.
            concurrent: !index.is_multiple_of(3),
            version: 0,
        };
        self.ask(Subject::Network, Request::PutToken(Box::new(put), Precondition::None));
    }

    pub(super) fn register(&mut self, station: usize, registration: Registration) {
        let name = self.stations[station].sim.spec().identity.clone();
        let registered = StationRegistered {
            at: Timestamp(0),
            actor: Actor::Clock,
            station: name.as_str().into(),
            password_hash: None,
            unauthenticated: true,
            registration,
            strict: false,
            tariff: None,
            version: 0,
        };
        let request = Request::RegisterStation(Box::new(registered), Precondition::None);
        self.ask(subject(&name), request);
    }

    /// Asks something, if there is a process to ask.
    pub(super) fn ask(&mut self, subject: Subject, request: Request) {
        let Some(life) = &self.life else { return };
        let number = self.operators.asked.len() as u64;
        let what = format!("{request:?}");
        let call = Call::Api { incarnation: life.number, request: number };
        self.operators.asked.insert(number, Asked { life: life.number, what, answers: 0 });
        let actor = Actor::User("operator".into());
        self.tell(Event::Input(subject, Input::Operator { actor, call: Some(call), request }));
    }

    /// A request is answered.
    pub(super) fn answered(&mut self, request: u64, reply: &Reply) {
        let asked = self.operators.asked.get_mut(&request).expect("somebody asked");
        asked.answers += 1;
        assert!(is_answer(reply), "an operator was told {reply:?}");
        assert_eq!(asked.answers, 1, "a request was answered twice: {}", asked.what);
    }

    /// Every request of this life has its answer by now.
    pub(super) fn check_answers(&self) {
        let life = self.life.as_ref().map(|life| life.number);
        let of_life = self.operators.asked.values().filter(|asked| Some(asked.life) == life);
        for asked in of_life {
            assert_eq!(asked.answers, 1, "a request was never answered: {}", asked.what);
        }
    }

    pub(super) fn order(&mut self, order: &Order) {
        match order {
            Order::Tariff(number) => {
                let put = Box::new(self.pricer.tariff(*number));
                self.ask(Subject::Network, Request::PutTariff(put, Precondition::None));
            }
            Order::Register { station, registration } => self.register(*station, *registration),
            Order::Place { station, site: number } => {
                let name = self.stations[*station].sim.spec().identity.clone();
                let (station, precondition) = (name.as_str().into(), Precondition::None);
                let site = number.map(site);
                self.ask(Subject::Network, Request::PlaceStation { station, site, precondition });
            }
            Order::Block { token, blocked } => self.put_token(*token, *blocked),
            Order::RemoteStart { station, evse, token: who } => {
                let id = token(*who).id;
                let in_16 = json!({ "connectorId": evse, "idTag": id });
                let in_2x = json!({
                    "evseId": evse,
                    "remoteStartId": self.now % 1_000_000_000,
                    "idToken": { "idToken": id, "type": "ISO14443" },
                });
                let names = ["RemoteStartTransaction", "RequestStartTransaction"];
                self.command(*station, names, [in_16, in_2x]);
            }
            Order::RemoteStop { station, evse } => {
                let Some(charge) = self.truth.running(*station, *evse) else { return };
                let number = charge.number.as_ref().and_then(|number| number.parse::<i64>().ok());
                if self.version(*station) == Version::V16 && number.is_none() {
                    return;
                }
                let tx = self.truth.tx(*station, *evse).map(str::to_owned);
                let payloads = [json!({ "transactionId": number }), json!({ "transactionId": tx })];
                let names = ["RemoteStopTransaction", "RequestStopTransaction"];
                self.command(*station, names, payloads);
            }
            Order::Reset { station, hard } => {
                let in_16 = json!({ "type": if *hard { "Hard" } else { "Soft" } });
                let in_2x = json!({ "type": if *hard { "Immediate" } else { "OnIdle" } });
                self.command(*station, ["Reset", "Reset"], [in_16, in_2x]);
            }
            Order::Trigger { station, what } => {
                let payload = json!({ "requestedMessage": what });
                let names = ["TriggerMessage", "TriggerMessage"];
                self.command(*station, names, [payload.clone(), payload]);
            }
        }
    }

    fn version(&self, station: usize) -> Version {
        self.stations[station].sim.spec().version
    }

    /// A command in the words of the station's version; now and then asked twice with one key.
    fn command(&mut self, station: usize, names: [&str; 2], payloads: [Value; 2]) {
        let version = self.version(station);
        let which = usize::from(version != Version::V16);
        let (action, payload) = (names[which], payloads[which].to_string());
        let intent = intent(dialect(version), action, &payload).expect("a sound command");
        let name = self.stations[station].sim.spec().identity.clone();
        let until = Timestamp(self.now + self.rng.between(1, 90) * SECOND);
        let key = self.rng.chance(300).then(|| format!("key-{}", self.now));
        // A client repeats itself, and after a failure it does so later.
        let times = if key.is_some() { 2 } else { 1 };
        for _ in 0..times {
            let request = Request::Command {
                station: name.as_str().into(),
                intent: intent.clone(),
                action: action.into(),
                payload: payload.as_str().into(),
                priority: Priority::Operator,
                until,
                key: key.as_deref().map(Into::into),
            };
            self.ask(subject(&name), request);
        }
    }
}
