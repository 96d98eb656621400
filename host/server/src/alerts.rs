//! Owns what an operator should look at: one entry, one log line and one event for each episode of
//! the same kind about the same subject, and a count of its repeats. It is state of this process
//! and gone with it: the log keeps what began an episode. Must never grow with the number of
//! peers, and never make who raises one wait.

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// To whom, or by whom: a station's identity or an address.
    pub subject: Box<str>,
    /// What was seen last, for people.
    pub detail: Box<str>,
    /// When it began.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
    /// How often it was seen.
    pub count: u64,
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
        if let Some(alert) = begun {
            let (kind, subject, detail) = (kind.name(), &alert.subject, &alert.detail);
            tracing::warn!(alert = kind, %subject, %detail, "security");
            // Nobody may follow.
            let _nobody = self.inner.begun.send(alert);
        }
    }

    /// The newest episodes before `before`, newest first, at most `limit` and one more.
    pub fn page(&self, kind: Option<AlertKind>, before: Option<u64>, limit: usize) -> Vec<Alert> {
        let list = self.list();
        let wanted = list.alerts.iter().rev().filter(|alert| {
            kind.is_none_or(|kind| kind == alert.kind)
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
        let detail: Box<str> = detail.chars().take(LONGEST).collect::<String>().into();
        let same = |alert: &&mut Alert| alert.kind == kind && *alert.subject == *subject;
        let known = self.alerts.iter_mut().rev().find(same);
        if let Some(known) = known.filter(|known| now.since(known.last) < PAUSE) {
            known.count += 1;
            known.last = known.last.max(now);
            known.detail = detail;
            return None;
        }
        let of_kind = |alert: &Alert| alert.kind == kind;
        if self.alerts.iter().filter(|alert| of_kind(alert)).count() >= PER_KIND
            && let Some(oldest) = self.alerts.iter().position(of_kind)
        {
            self.alerts.remove(oldest);
        }
        self.last_id += 1;
        let (id, subject) = (self.last_id, subject.into());
        let alert = Alert { id, kind, subject, detail, first: now, last: now, count: 1 };
        self.alerts.push(alert.clone());
        Some(alert)
    }
}

#[cfg(test)]
mod tests;
