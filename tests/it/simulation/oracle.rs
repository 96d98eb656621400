//! Owns what must hold of the durable facts, looked at one by one as they become durable, and what
//! plain replay of them makes of the network, the sites and the rows.
//! Must never be told anything that is not durable.

use std::collections::{BTreeMap, BTreeSet};

use busbar_charging::action::{Action, Done, Reply};
use busbar_charging::fact::Fact;
use busbar_charging::fact::command::{CommandOutcome, Intent};
use busbar_charging::fact::metering::{ReadingValue, ReportKey, ReportKind};
use busbar_charging::fact::station::AuthorizationStatus;
use busbar_charging::fact::transaction::{CdrKind, CdrSealed};
use busbar_charging::ids::{CdrId, CommandId, SessionId, StationId};
use busbar_charging::network::Network;
use busbar_charging::site::Site;
use busbar_charging::subject::Subject;
use busbar_charging::units::Micros;
use busbar_engine::store::Position;

use super::claims::{self, Claim};
use super::disk::{Rows, put};

/// What is durable.
#[derive(Default)]
pub(super) struct Oracle {
    pub(super) network: Network,
    pub(super) sites: BTreeMap<Subject, Site>,
    pub(super) rows: Rows,
    pub(super) facts: u64,
    /// Limits that were granted.
    pub(super) limits: u64,
    heads: BTreeMap<u8, u64>,
    kept: BTreeMap<String, u64>,
    claimed: BTreeMap<String, u64>,
    /// Messages by station and transaction.
    told: BTreeSet<(String, String, ReportKey)>,
    /// Calls that were answered: a repeat promises nothing more.
    promised: BTreeSet<(u64, String)>,
    last_issued: BTreeMap<String, i64>,
    /// The start's content by station and issued id (1.6).
    issued: BTreeMap<(String, String), String>,
    /// Sessions by station, EVSE and start.
    pub(super) starts: BTreeMap<(String, u32, i64), BTreeSet<SessionId>>,
    pub(super) sessions: BTreeMap<SessionId, Sums>,
    cdrs: BTreeSet<CdrId>,
    pub(super) commands: BTreeMap<CommandId, Command>,
    /// Stations that left a site, and that came to one, by the number of the move.
    released: BTreeSet<(String, u64)>,
    adopted: BTreeSet<(String, u64)>,
    /// Idempotency keys by station.
    keys: BTreeSet<(String, String)>,
}

/// What makes a start of 1.6 another one.
pub(super) fn content(evse: i64, at: i64, meter_wh: i64) -> String {
    format!("outlet {evse} at {at}, meter {meter_wh} Wh")
}

/// A session's bills.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) station: String,
    pub(super) transaction: String,
    /// What the token of its start was answered.
    pub(super) authorized: Option<AuthorizationStatus>,
    /// The charge that stands.
    pub(super) standing: Option<CdrSealed>,
    pub(super) energy: i64,
    pub(super) payable: Micros,
    pub(super) credits: u64,
}

/// A command.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    sent: bool,
    pub(super) ended: Option<CommandOutcome>,
    pub(super) on_wire: u32,
}

impl Oracle {
    /// A fact is durable.
    pub(super) fn durable(&mut self, position: Position, subject: &Subject, fact: &Fact) {
        self.facts += 1;
        let head = self.heads.entry(position.shard).or_default();
        *head += 1;
        assert_eq!(position.sequence, *head, "facts of a shard have gaps or repeat: {fact:?}");
        let rows = if *subject == Subject::Network {
            self.network.apply(fact);
            self.network.rows(fact)
        } else {
            let site = self.sites.entry(subject.clone());
            let site = site.or_insert_with(|| Site::new(subject.clone()));
            site.apply(fact);
            site.rows(fact)
        };
        put(&mut self.rows, &rows);
        if let Some(name) = claims::kept(fact) {
            *self.kept.entry(name).or_default() += 1;
        }
        self.look(fact);
    }

    fn look(&mut self, fact: &Fact) {
        match fact {
            Fact::TransactionReported(told) => {
                let (station, id) = (told.station.to_string(), told.transaction.to_string());
                let once = self.told.insert((station, id, told.report.key()));
                assert!(once, "a message is recorded twice: {told:?}");
                let sums = self.sessions.entry(told.session).or_default();
                sums.station = told.station.to_string();
                sums.transaction = told.transaction.to_string();
                if told.report.kind == ReportKind::Started {
                    let answered = told.authorization.as_ref().map(|answer| answer.status);
                    sums.authorized = sums.authorized.or(answered);
                    let station = told.station.to_string();
                    let place = (station.clone(), told.report.evse.unwrap_or(0), told.report.at.0);
                    if told.report.seq.is_none() {
                        let meter = told.report.readings.first().map(|reading| &reading.value);
                        let Some(ReadingValue::Energy(meter)) = meter else {
                            panic!("a start of 1.6 without its meter: {told:?}");
                        };
                        let content = content(place.1.into(), place.2, meter.0 / 1000);
                        self.counted(&station, told.transaction.as_str());
                        self.issue(station, told.transaction.to_string(), content);
                    }
                    self.starts.entry(place).or_default().insert(told.session);
                }
            }
            Fact::CdrSealed(sealed) => self.sealed(sealed),
            Fact::LoadFilled(filled) => {
                assert_eq!(filled.withheld, 0, "limits that exceed a row: {filled:?}");
            }
            Fact::StationReleased(released) => {
                let place = (released.station.to_string(), released.number);
                assert!(self.released.insert(place), "a station left twice: {released:?}");
            }
            Fact::StationAdopted(adopted) => {
                let released = &adopted.released;
                let place = (released.station.to_string(), released.number);
                assert!(self.released.contains(&place), "nobody let it go: {adopted:?}");
                assert!(self.adopted.insert(place), "a station came twice: {adopted:?}");
                self.check_alone(&released.station);
            }
            Fact::CommandWanted(wanted) => {
                if let Some(key) = &wanted.key {
                    let once = self.keys.insert((wanted.station.to_string(), key.to_string()));
                    assert!(once, "two commands of one idempotency key: {wanted:?}");
                }
                self.limits += u64::from(matches!(wanted.intent, Intent::Limit(_)));
                let before = self.commands.insert(wanted.command, Command::default());
                assert!(before.is_none(), "a command was wanted twice: {wanted:?}");
            }
            Fact::CommandSent(sent) => {
                let command = self.commands.get_mut(&sent.command).expect("it was wanted");
                assert!(!command.sent, "a command was sent twice: {sent:?}");
                command.sent = true;
            }
            Fact::CommandEnded(ended) => {
                let command = self.commands.get_mut(&ended.command).expect("it was wanted");
                assert!(command.ended.is_none(), "a command ended twice: {ended:?}");
                let never = [CommandOutcome::Offline, CommandOutcome::Expired];
                let left = command.on_wire > 0;
                assert!(
                    !(left && never.contains(&ended.outcome)),
                    "a command that was on the wire is said to have never left: {ended:?}"
                );
                command.ended = Some(ended.outcome.clone());
            }
            _ => {}
        }
    }

    /// A station is at one site.
    fn check_alone(&self, station: &StationId) {
        let having = self.sites.iter().filter(|(_, site)| site.has_station(station));
        let having: Vec<_> = having.map(|(subject, _)| subject).collect();
        assert!(having.len() == 1, "station {station} is at {having:?}");
    }

    /// How often stations moved.
    pub(super) fn moves(&self) -> u64 {
        self.adopted.len() as u64
    }

    /// Ids of 1.6 are a counter: one that goes back would come to an id that was there.
    fn counted(&mut self, station: &str, id: &str) {
        let id: i64 = id.parse().expect("ids of 1.6 are numbers");
        let last = self.last_issued.entry(station.to_owned()).or_default();
        assert!(id > *last && id < 1 << 31, "transaction id {id} after {last} at {station}");
        *last = id;
    }

    /// An id of 1.6, in a fact or on the wire.
    pub(super) fn issue(&mut self, station: String, id: String, content: String) {
        let before = self.issued.entry((station, id.clone())).or_insert_with(|| content.clone());
        assert_eq!(*before, content, "transaction id {id} was issued twice");
    }

    fn sealed(&mut self, sealed: &CdrSealed) {
        assert!(self.cdrs.insert(sealed.cdr), "two CDRs of one id: {sealed:?}");
        let sums = self.sessions.get_mut(&sealed.session).expect("a CDR of a session");
        let payable = sealed.totals.payable.amount;
        match &sealed.kind {
            CdrKind::Charge => {
                assert!(sums.standing.is_none(), "a CDR is doubled: {sealed:?}");
                sums.standing = Some(sealed.clone());
            }
            CdrKind::Credit(of) => {
                let credited = sums.standing.take().expect("a credit of a charge that stands");
                assert_eq!(credited.cdr, *of, "a credit of another charge");
                assert_eq!(payable.0, -credited.totals.payable.amount.0, "half a credit");
                assert_eq!(sealed.energy.0, -credited.energy.0, "half a credit");
                sums.credits += 1;
            }
        }
        sums.energy += sealed.energy.0;
        sums.payable = sums.payable.checked_add(payable).expect("sums are small");
    }

    /// An answer leaves: what it promises must be durable, now and for ever.
    pub(super) fn claim(&mut self, claim: &Claim, (conn, id): (u64, &str)) {
        if !self.promised.insert((conn, id.to_owned())) {
            return;
        }
        let claimed = self.claimed.entry(claim.name.clone()).or_default();
        *claimed = if claim.counted { *claimed + 1 } else { 1 };
        let kept = self.kept.get(&claim.name).copied().unwrap_or(0);
        assert!(kept >= *claimed, "acknowledged and not durable: {}", claim.name);
    }

    /// What was ever acknowledged must be among the facts that a start finds.
    pub(super) fn check_kept<'a>(&self, facts: impl Iterator<Item = &'a Fact>) {
        let mut kept: BTreeMap<String, u64> = BTreeMap::new();
        for name in facts.filter_map(claims::kept) {
            *kept.entry(name).or_default() += 1;
        }
        for (name, claimed) in &self.claimed {
            let kept = kept.get(name).copied().unwrap_or(0);
            assert!(kept >= *claimed, "acknowledged and lost: {name}");
        }
    }

    /// An action leaves: the facts that it follows from must be durable.
    pub(super) fn check_action(&mut self, action: &Action) {
        match action {
            Action::Command { command, .. } => {
                let sent = self.commands.get(command).is_some_and(|command| command.sent);
                assert!(sent, "a command left before it was durable: {action:?}");
            }
            Action::Reply { reply: Reply::Done(Done::Command { command, outcome }), .. } => {
                // A command for a station that is away was never wanted.
                let known = self.commands.get(command).map(|command| command.ended.as_ref());
                let durable = match known {
                    Some(ended) => ended == Some(outcome),
                    None => *outcome == CommandOutcome::Offline,
                };
                assert!(durable, "a command's end was told before it was durable: {action:?}");
            }
            Action::Reply { reply: Reply::Done(Done::Sealed(cdr)), .. } => {
                assert!(self.cdrs.contains(cdr), "a CDR was told before it was durable");
            }
            _ => {}
        }
    }

    /// A command's frame leaves.
    pub(super) fn on_wire(&mut self, id: &str) {
        let named = uuid::Uuid::parse_str(id).ok().map(CommandId);
        let command = named.and_then(|named| self.commands.get_mut(&named));
        let command = command.expect("a call that nobody wanted");
        command.on_wire += 1;
        assert_eq!(command.on_wire, 1, "command {id} is on the wire twice");
        let never = [CommandOutcome::Offline, CommandOutcome::Expired];
        let said = command.ended.as_ref().is_some_and(|ended| never.contains(ended));
        assert!(!said, "command {id} left after it was said to have never left");
    }
}
