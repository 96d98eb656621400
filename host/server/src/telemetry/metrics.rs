//! Owns the metrics: a closed set of families with closed labels. No label names a station, a
//! token or anything else that a peer can choose. Must never grow with the number of peers.

mod load;
mod openadr;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use busbar_charging::fact::Fact;
use busbar_charging::subject::Subject;
use busbar_engine::store::Position;
use busbar_store::frames::FrameCounters;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::load::LoadMetrics;
pub use self::load::{RowLoad, SiteLoad};
use self::openadr::OpenAdrMetrics;
use crate::node::Status;

/// All metrics. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    http: Family<HttpLabels, Counter>,
    http_seconds: Histogram,
    frames: Family<FrameLabels, Counter>,
    handshakes: Family<ResultLabel, Counter>,
    violations: Family<VersionLabel, Counter>,
    security: Family<KindLabel, Counter>,
    prices: Family<ResultLabel, Counter>,
    price_seconds: Histogram,
    facts: Counter,
    commits: Counter,
    commit_seconds: Histogram,
    restarts: Counter,
    frame_log: Counter,
    frame_log_dropped: Counter,
    frame_log_bytes: Gauge,
    rows_waiting: Gauge,
    load: LoadMetrics,
    openadr: OpenAdrMetrics,
    stations: Gauge,
    connected: Gauge,
    open_sessions: Gauge,
    held_sessions: Gauge,
    queued: Gauge,
    ready: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FrameLabels {
    version: &'static str,
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabel {
    version: &'static str,
}

/// The counters of the frames of one version, for who counts each.
#[derive(Clone, Debug)]
pub struct OcppFrames {
    /// Frames from stations.
    pub inbound: Counter,
    /// Frames to stations.
    pub outbound: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("busbar"),
            http: Family::default(),
            http_seconds: seconds(),
            frames: Family::default(),
            handshakes: Family::default(),
            violations: Family::default(),
            security: Family::default(),
            prices: Family::default(),
            price_seconds: seconds(),
            facts: Counter::default(),
            commits: Counter::default(),
            commit_seconds: seconds(),
            restarts: Counter::default(),
            frame_log: Counter::default(),
            frame_log_dropped: Counter::default(),
            frame_log_bytes: Gauge::default(),
            rows_waiting: Gauge::default(),
            load: LoadMetrics::new(),
            openadr: OpenAdrMetrics::default(),
            stations: Gauge::default(),
            connected: Gauge::default(),
            open_sessions: Gauge::default(),
            held_sessions: Gauge::default(),
            queued: Gauge::default(),
            ready: Gauge::default(),
        };
        inner.register_counts();
        inner.register_state();
        inner.load.register(&mut inner.registry);
        inner.openadr.register(&mut inner.registry);
        Self { inner: Arc::new(inner) }
    }

    /// An HTTP request was answered. `route` is a route of ours, never a path of theirs.
    pub fn http_request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        };
        let labels = HttpLabels { method, route: route.to_owned(), status: status.as_u16() };
        self.inner.http.get_or_create(&labels).inc();
        self.inner.http_seconds.observe(took.as_secs_f64());
    }

    /// The counters of frames read and written in a version.
    pub fn ocpp_frames(&self, version: &'static str) -> OcppFrames {
        let of = |direction| {
            let labels = FrameLabels { version, direction };
            self.inner.frames.get_or_create_owned(&labels)
        };
        OcppFrames { inbound: of("in"), outbound: of("out") }
    }

    /// A station tried to connect. `result` is one of a few words of ours.
    pub fn handshake(&self, result: &'static str) {
        self.inner.handshakes.get_or_create(&ResultLabel { result }).inc();
    }

    /// A station's message broke its schema and was borne or refused.
    pub fn violation(&self, version: &'static str) {
        self.inner.violations.get_or_create(&VersionLabel { version }).inc();
    }

    /// Something happened that an operator should know of. `kind` is one of a few words of ours.
    pub fn security_event(&self, kind: &'static str) {
        self.inner.security.get_or_create(&KindLabel { kind }).inc();
    }

    /// A plugin was asked for a price. `result` is one of a few words of ours.
    pub fn price(&self, result: &'static str, took: Duration) {
        self.inner.prices.get_or_create(&ResultLabel { result }).inc();
        self.inner.price_seconds.observe(took.as_secs_f64());
    }

    /// A batch became durable.
    pub fn commit(&self, facts: u64, took: Duration) {
        self.inner.commits.inc();
        self.inner.facts.inc_by(facts);
        self.inner.commit_seconds.observe(took.as_secs_f64());
    }

    /// The engine was started again after its store failed.
    pub fn engine_restart(&self) {
        self.inner.restarts.inc();
    }

    /// What load control did, as its facts become durable.
    pub fn load_control(&self, facts: &[(Position, Subject, Fact)]) {
        self.inner.load.facts(facts);
    }

    /// Load control decided so often, in so long.
    pub fn load_ticks(&self, ticks: u64, took: Duration) {
        self.inner.load.ticks(ticks, took);
    }

    /// How the load of all controlled sites stands now.
    pub fn observe_loads(&self, sites: &[SiteLoad]) {
        self.inner.load.sites(sites);
    }

    /// The VTN of a site was looked at. `result` is one of a few words of ours.
    pub fn openadr_poll(&self, site: &str, result: &'static str) {
        self.inner.openadr.poll(site, result);
    }

    /// An event of the VTN of a site could not be read.
    pub fn openadr_bad_event(&self, site: &str) {
        self.inner.openadr.bad_event(site);
    }

    /// How the frame log stands now, and how many rows wait for their file.
    pub fn observe_store(&self, frames: FrameCounters, rows_waiting: usize) {
        let follow = |counter: &Counter, total: u64| {
            counter.inc_by(total.saturating_sub(counter.get()));
        };
        follow(&self.inner.frame_log, frames.recorded);
        follow(&self.inner.frame_log_dropped, frames.dropped);
        let bytes = i64::try_from(frames.bytes).unwrap_or(i64::MAX);
        self.inner.frame_log_bytes.set(bytes);
        self.inner.rows_waiting.set(i64::try_from(rows_waiting).unwrap_or(i64::MAX));
    }

    /// Where the node stands now.
    pub fn observe(&self, status: &Status) {
        let set = |gauge: &Gauge, value: u64| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.inner.stations, status.stations);
        set(&self.inner.connected, status.connected);
        set(&self.inner.open_sessions, status.open_sessions);
        set(&self.inner.held_sessions, status.held_sessions);
        set(&self.inner.queued, status.queued);
        let ready = status.running && !status.draining && !status.low_space;
        set(&self.inner.ready, u64::from(ready && status.trouble.is_none()));
    }

    /// As Prometheus reads it.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let _shown = self.inner.load.shown();
        // Writing to a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.inner.registry);
        text
    }
}

impl Inner {
    fn register_counts(&mut self) {
        let registry = &mut self.registry;
        let http = self.http.clone();
        registry.register("http_requests", "HTTP requests answered", http);
        let help = "Time to answer an HTTP request";
        let seconds = self.http_seconds.clone();
        registry.register_with_unit("http_request", help, Unit::Seconds, seconds);
        registry.register("ocpp_frames", "OCPP frames read and written", self.frames.clone());
        let help = "Attempts of stations to connect";
        registry.register("ocpp_handshakes", help, self.handshakes.clone());
        let help = "Messages of stations that broke their schema";
        registry.register("ocpp_violations", help, self.violations.clone());
        let help = "Failed log-ins, conflicts, floods: what the alerts count";
        registry.register("security_events", help, self.security.clone());
        registry.register("prices", "Prices asked of plugins", self.prices.clone());
        let seconds = self.price_seconds.clone();
        registry.register_with_unit("price", "Time to price", Unit::Seconds, seconds);
        registry.register("facts", "Facts made durable", self.facts.clone());
        registry.register("commits", "Commits of the store", self.commits.clone());
        let seconds = self.commit_seconds.clone();
        registry.register_with_unit("commit", "Time to commit", Unit::Seconds, seconds);
        let help = "Starts of the engine after its store failed";
        registry.register("engine_restarts", help, self.restarts.clone());
        let help = "Frames taken into the frame log";
        registry.register("frame_log_frames", help, self.frame_log.clone());
        let help = "Frames that the frame log lost, because its disk failed or did not keep up";
        registry.register("frame_log_dropped", help, self.frame_log_dropped.clone());
    }

    fn register_state(&mut self) {
        let registry = &mut self.registry;
        registry.register("stations", "Stations known", self.stations.clone());
        registry.register("stations_connected", "Stations connected", self.connected.clone());
        registry.register("sessions_open", "Sessions that run", self.open_sessions.clone());
        let help = "Sessions held for an operator";
        registry.register("sessions_held", help, self.held_sessions.clone());
        registry.register("inputs_queued", "Inputs waiting", self.queued.clone());
        let bytes = self.frame_log_bytes.clone();
        registry.register_with_unit("frame_log", "The frame log on disk", Unit::Bytes, bytes);
        let help = "Rows that wait to be written to their file";
        registry.register("rows_waiting", help, self.rows_waiting.clone());
        registry.register("ready", "1 when the node takes traffic", self.ready.clone());
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        let info = prometheus_client::metrics::info::Info::new(version);
        registry.register("build", "The running version", info);
    }
}

fn seconds() -> Histogram {
    Histogram::new([0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0])
}
