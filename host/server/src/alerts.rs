//! Owns what an operator should look at: one entry, one log line and one event for each episode of
//! the same kind about the same subject, and a count of its repeats. It is state of this process
//! and gone with it: the log keeps what began an episode. Must never grow with the number of
//! peers, and never make who raises one wait.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use busbar_charging::units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::ToSchema;

use crate::clock;
use crate::telemetry::Metrics;

/// Entries of one kind: a flood of one kind pushes out no other.
const PER_KIND: usize = 200;
/// What comes after so long a pause is another episode.
const PAUSE: Millis = Millis::from_secs(10 * 60);
/// Beginnings that a follower may be behind.
const BEHIND: usize = 64;
/// Details are for people, and a peer may have chosen some of their words.
const LONGEST: usize = 300;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A wrong password, or an identity that is not registered. The subject is the station, or the
    /// address where the station is not known.
    FailedLogin,
    /// An address failed to authenticate so often that it has to wait.
    LockedOut,
    /// A station connected with a lower security profile than before, and was refused.
    Downgrade,
    /// Several connections of one identity push each other out.
    IdentityConflict,
    /// A station connects again and again.
    Reconnects,
    /// A station sends more than it may, without waiting for answers.
    MessageFlood,
    /// A station presents one token after the other that is not known.
    TokenGuessing,
    /// A station connected without a password, as the configuration allows.
    WithoutPassword,
    /// An address has as many connections as it may.
    TooManyConnections,
    /// A wrong token was sent to the API. The subject is the address.
    FailedToken,
    /// An EVSE draws more than it may: it is counted with what it draws.
    LoadLimitIgnored,
    /// A station says that it allows an EVSE more than it was told: it is counted with that.
    LoadStationAllowsMore,
    /// A meter of a site's circuit is silent.
    LoadMeterSilent,
    /// A source of limits is silent, and its fallback holds.
    LoadSourceSilent,
    /// A station was written as many limits in a day as its memory should bear.
    LoadWriteBudget,
    /// More is measured on a circuit than it may carry.
    LoadOverLimit,
    /// Without control a circuit would carry more than it may, or a station of the site is not in
    /// its tree.
    LoadCommissioning,
    /// The last check of load control held a limit back: a defect of ours.
    LoadLimitWithheld,
}

impl AlertKind {
    /// As it is named in the API, the log and the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::FailedLogin => "failed_login",
            Self::LockedOut => "locked_out",
            Self::Downgrade => "downgrade",
            Self::IdentityConflict => "identity_conflict",
            Self::Reconnects => "reconnects",
            Self::MessageFlood => "message_flood",
            Self::TokenGuessing => "token_guessing",
            Self::WithoutPassword => "without_password",
            Self::TooManyConnections => "too_many_connections",
            Self::FailedToken => "failed_token",
            Self::LoadLimitIgnored => "load_limit_ignored",
            Self::LoadStationAllowsMore => "load_station_allows_more",
            Self::LoadMeterSilent => "load_meter_silent",
            Self::LoadSourceSilent => "load_source_silent",
            Self::LoadWriteBudget => "load_write_budget",
            Self::LoadOverLimit => "load_over_limit",
            Self::LoadCommissioning => "load_commissioning",
            Self::LoadLimitWithheld => "load_limit_withheld",
        }
    }
}

/// An episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Within this process; larger is newer.
    pub id: u64,
    /// What happened.
    pub kind: AlertKind,
    /// To whom, or by whom: a station's identity, an EVSE, a part of a site or an address.
    pub subject: Box<str>,
    /// What was seen last, for people.
    pub detail: Box<str>,
    /// When it began.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
    /// How often it was seen; of what stands, how often it began.
    pub count: u64,
    /// Whether it stands until it is over; none where it only happens.
    pub standing: Option<bool>,
}

/// Something that stands until it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What.
    pub kind: AlertKind,
    /// With whom.
    pub subject: String,
    /// What is seen now, for people.
    pub detail: String,
}

/// All episodes that are remembered. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    inner: Arc<Inner>,
}

struct Inner {
    metrics: Metrics,
    list: Mutex<List>,
    begun: broadcast::Sender<Alert>,
}

#[derive(Default)]
struct List {
    last_id: u64,
    /// By id.
    alerts: Vec<Alert>,
}

impl Alerts {
    /// None yet.
    pub fn new(metrics: Metrics) -> Self {
        let begun = broadcast::channel(BEHIND).0;
        Self { inner: Arc::new(Inner { metrics, list: Mutex::default(), begun }) }
    }

    /// Something happened.
    pub fn raise(&self, kind: AlertKind, subject: &str, detail: &str) {
        self.inner.metrics.security_event(kind.name());
        let begun = self.list().raise(clock::now(), kind, subject, detail);
        self.tell(begun, "security");
    }

    /// All that stands now; what stood before and is not among it is over.
    pub fn stand(&self, all: &[Standing]) {
        let now = clock::now();
        for one in all {
            let (begins, told) = self.list().stand(now, one);
            if begins {
                self.inner.metrics.security_event(one.kind.name());
            }
            self.tell(told, "something to look at");
        }
        for alert in self.list().end(now, all) {
            let (kind, subject) = (alert.kind.name(), &alert.subject);
            tracing::info!(alert = kind, %subject, "it is over");
        }
    }

    fn tell(&self, begun: Option<Alert>, what: &'static str) {
        if let Some(alert) = begun {
            let (kind, subject, detail) = (alert.kind.name(), &alert.subject, &alert.detail);
            tracing::warn!(alert = kind, %subject, %detail, "{what}");
            // Nobody may follow.
            let _nobody = self.inner.begun.send(alert);
        }
    }

    /// The newest episodes before `before`, newest first, at most `limit` and one more.
    pub fn page(
        &self,
        (kind, standing): (Option<AlertKind>, Option<bool>),
        before: Option<u64>,
        limit: usize,
    ) -> Vec<Alert> {
        let list = self.list();
        let wanted = list.alerts.iter().rev().filter(|alert| {
            kind.is_none_or(|kind| kind == alert.kind)
                && standing.is_none_or(|wanted| wanted == (alert.standing == Some(true)))
                && before.is_none_or(|before| alert.id < before)
        });
        wanted.take(limit + 1).cloned().collect()
    }

    /// Episodes as they begin.
    pub fn follow(&self) -> broadcast::Receiver<Alert> {
        self.inner.begun.subscribe()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.inner.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    /// Counts it; gives the episode if it has just begun.
    fn raise(
        &mut self,
        now: Timestamp,
        kind: AlertKind,
        subject: &str,
        detail: &str,
    ) -> Option<Alert> {
        if let Some(known) = self.known(now, kind, subject) {
            known.count += 1;
            known.last = known.last.max(now);
            known.detail = cut(detail);
            return None;
        }
        self.begin(now, kind, subject, detail, None)
    }

    /// It stands: whether it has just begun to, and the episode if that has just begun.
    fn stand(&mut self, now: Timestamp, one: &Standing) -> (bool, Option<Alert>) {
        if let Some(known) = self.known(now, one.kind, &one.subject) {
            let begins = known.standing.replace(true) != Some(true);
            known.count += u64::from(begins);
            known.last = known.last.max(now);
            known.detail = cut(&one.detail);
            return (begins, None);
        }
        let begun = self.begin(now, one.kind, &one.subject, &one.detail, Some(true));
        (begun.is_some(), begun)
    }

    /// What stood and does not stand any more.
    fn end(&mut self, now: Timestamp, all: &[Standing]) -> Vec<Alert> {
        let stands: BTreeSet<_> = all.iter().map(|one| (one.kind, &*one.subject)).collect();
        let over = self.alerts.iter_mut().filter(|alert| {
            alert.standing == Some(true) && !stands.contains(&(alert.kind, &*alert.subject))
        });
        let over = over.map(|alert| {
            (alert.standing, alert.last) = (Some(false), now);
            alert.clone()
        });
        over.collect()
    }

    /// An episode that goes on.
    fn known(&mut self, now: Timestamp, kind: AlertKind, subject: &str) -> Option<&mut Alert> {
        let same = |alert: &&mut Alert| alert.kind == kind && *alert.subject == *subject;
        let known = self.alerts.iter_mut().rev().find(same);
        known.filter(|known| known.standing == Some(true) || now.since(known.last) < PAUSE)
    }

    /// None where as many of its kind stand as are remembered.
    fn begin(
        &mut self,
        now: Timestamp,
        kind: AlertKind,
        subject: &str,
        detail: &str,
        standing: Option<bool>,
    ) -> Option<Alert> {
        let of_kind = |alert: &&Alert| alert.kind == kind;
        if self.alerts.iter().filter(of_kind).count() >= PER_KIND {
            let may_go = |alert: &Alert| of_kind(&alert) && alert.standing != Some(true);
            let oldest = self.alerts.iter().position(may_go)?;
            self.alerts.remove(oldest);
        }
        self.last_id += 1;
        let (id, subject, detail) = (self.last_id, subject.into(), cut(detail));
        let alert = Alert { id, kind, subject, detail, first: now, last: now, count: 1, standing };
        self.alerts.push(alert.clone());
        Some(alert)
    }
}

fn cut(detail: &str) -> Box<str> {
    detail.chars().take(LONGEST).collect::<String>().into()
}

#[cfg(test)]
mod tests;
