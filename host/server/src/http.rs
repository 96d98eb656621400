//! The HTTP side: listeners, what holds for every request, the API, health, metrics and the
//! status page. Must never decide what the core decides, nor read state past its rows.

pub mod api;
pub mod attempts;
pub mod body;
pub mod docs;
pub mod etag;
pub mod guard;
pub mod health;
mod listen;
pub mod names;
pub mod page;
pub mod problem;
pub mod status_page;
pub mod units;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::routing::get;
use busbar_charging::units::{Currency, Timestamp};
use tokio::sync::{Semaphore, watch};

use crate::alerts::Alerts;
use crate::backup::CopyStore;
use crate::config::{Config, Http, Serves};
use crate::node::Node;
use crate::secrets::{Digest, InstallationKey};
use crate::sites::Configured;
use crate::telemetry::Metrics;

pub use listen::{Bound, Running, bind};

/// So many follow the events at once.
const FOLLOWERS: usize = 256;

/// What the handlers share.
pub struct App {
    node: Node,
    metrics: Metrics,
    alerts: Alerts,
    admin: Digest,
    token_key: InstallationKey,
    station_key: InstallationKey,
    attempts: attempts::Attempts,
    requests: AtomicU64,
    followers: Arc<Semaphore>,
    ending: watch::Sender<bool>,
    allow_unsigned: bool,
    configured: Configured,
    backup: Option<(CopyStore, PathBuf, Option<PathBuf>)>,
    site: Site,
    started: Timestamp,
}

/// What the pages say of the installation.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) time_zone: String,
    pub(crate) currency: Currency,
    pub(crate) ocpp: String,
    pub(crate) call_timeout: std::time::Duration,
}

/// What a listener is: its address and what it answers to.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where it listens.
    pub bind: SocketAddr,
    /// What it serves.
    pub serves: Vec<Serves>,
    /// Names by which it may be called, beside its loopback ones.
    pub hosts: Vec<String>,
}

impl From<&Http> for Listener {
    fn from(http: &Http) -> Self {
        Self { bind: http.bind, serves: http.serves.clone(), hosts: http.hosts.clone() }
    }
}

impl App {
    /// The HTTP side of a node. Only a digest of the admin token is kept.
    pub fn new(
        node: Node,
        metrics: Metrics,
        key: &InstallationKey,
        admin_token: &str,
        config: &Config,
    ) -> Self {
        let token_key = key.derive("api tokens");
        let ocpp = &config.ocpp;
        let scheme = if ocpp.tls.is_some() { "wss" } else { "ws" };
        Self {
            node,
            alerts: Alerts::new(metrics.clone()),
            metrics,
            admin: token_key.digest(admin_token.as_bytes()),
            token_key,
            station_key: key.derive("station passwords"),
            attempts: attempts::Attempts::default(),
            requests: AtomicU64::new(0),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            ending: watch::channel(false).0,
            backup: None,
            allow_unsigned: config.plugins.allow_unsigned,
            configured: Configured::new(&config.sites),
            site: Site {
                name: config.site.name.clone(),
                time_zone: config.site.time_zone.clone(),
                currency: config.site.currency,
                ocpp: format!("{scheme}://{}/ocpp/{{station}}", ocpp.bind),
                call_timeout: ocpp.call_timeout,
            },
            started: crate::clock::now(),
        }
    }

    /// Lets it make backups of the running host.
    #[must_use]
    pub fn with_backup(self, copy: CopyStore, config: &Config) -> Self {
        Self { backup: Some((copy, config.data.clone(), config.file.clone())), ..self }
    }

    /// What an operator should look at.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// What is measured.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    fn is_admin_token(&self, token: &[u8]) -> bool {
        self.token_key.matches(token, &self.admin)
    }

    /// Ends what never ends by itself: streams of events. The node is about to stop.
    pub fn end_streams(&self) {
        self.ending.send_replace(true);
    }

    async fn ending(&self) {
        // The sender lives as long as this value.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }

    fn next_request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{number:x}", self.started.0)
    }
}

/// All that a listener serves.
pub fn router(app: &Arc<App>, listener: Listener) -> Router {
    let mut router = Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/style.css", get(status_page::style));
    if listener.serves.contains(&Serves::Admin) {
        router = router
            .route("/", get(status_page::show))
            .route("/metrics", get(health::metrics))
            .route("/api/v1/openapi.json", get(api::document))
            .route("/api/docs", get(docs::show))
            .merge(api::router());
    }
    let listener = Arc::new(listener);
    router
        .layer(axum::Extension(Arc::clone(&listener)))
        .layer(axum::middleware::from_fn_with_state((Arc::clone(app), listener), guard::guard))
        .with_state(Arc::clone(app))
}

#[cfg(test)]
mod tests;
