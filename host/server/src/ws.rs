//! Owns the OCPP listener: who may connect, how many at once, and one task per connection between
//! its socket and its `Link`. Must never read what a frame means.

mod admission;
mod connection;
mod flood;
mod handshake;
mod holders;

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use busbar_charging::ids::StationId;
use busbar_charging::units::Timestamp;
use busbar_engine::store::Reader;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::alerts::{AlertKind, Alerts};
use crate::config::Ocpp;
use crate::failures::Failures;
use crate::node::Life;
use crate::secrets::InstallationKey;
use crate::telemetry::Metrics;
use admission::{Admission, Place};
use connection::Connection;
use holders::Holders;

/// Connections that end with the host are closed over this time, so that stations do not all
/// come back at once.
const DRAIN_OVER: Duration = Duration::from_secs(2);

/// Where frames are captured; must not wait.
pub trait Capture: Send + Sync {
    /// A frame as it was on the wire.
    fn frame(&self, station: &StationId, generation: u64, inbound: bool, at: Timestamp, text: &str);
}

/// Gives the life that takes connections, and the rows.
pub type Lives = Arc<dyn Fn() -> Option<Life> + Send + Sync>;
/// Gives the rows, while the store is open.
pub type Rows = Arc<dyn Fn() -> Option<Arc<dyn Reader>> + Send + Sync>;

/// What all connections share.
pub struct Shared {
    pub(crate) config: Ocpp,
    pub(crate) lives: Lives,
    pub(crate) rows: Rows,
    pub(crate) capture: Arc<dyn Capture>,
    pub(crate) metrics: Metrics,
    pub(crate) alerts: Alerts,
    /// What passwords are digested with.
    pub(crate) passwords: InstallationKey,
    pub(crate) admission: Admission,
    pub(crate) holders: Holders,
    /// Tokens that stations presented and that are not known.
    pub(crate) unknown_tokens: Failures<StationId>,
    generations: AtomicU64,
    ending: watch::Sender<bool>,
}

impl Shared {
    /// What connections of a node share. `key` is the installation's.
    pub fn new(
        config: Ocpp,
        key: &InstallationKey,
        (lives, rows): (Lives, Rows),
        capture: Arc<dyn Capture>,
        (metrics, alerts): (Metrics, Alerts),
    ) -> Arc<Self> {
        Arc::new(Self {
            admission: Admission::new(&config),
            holders: Holders::new(config.connects_per_minute),
            unknown_tokens: Failures::new(config.unknown_tokens),
            passwords: key.derive("station passwords"),
            config,
            lives,
            rows,
            capture,
            metrics,
            alerts,
            generations: AtomicU64::new(0),
            ending: watch::channel(false).0,
        })
    }

    pub(crate) fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn ending(&self) -> watch::Receiver<bool> {
        self.ending.subscribe()
    }
}

/// A bound listener.
pub struct Bound {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    address: SocketAddr,
}

/// Binds the listener.
///
/// # Errors
/// The address cannot be had, or the certificate cannot be used: in one sentence.
pub async fn bind(config: &Ocpp) -> Result<Bound, String> {
    let tls = config.tls.as_ref().map(crate::tls::acceptor).transpose()?;
    let taken = |error: std::io::Error| format!("ocpp.bind {}: {error}", config.bind);
    let listener = TcpListener::bind(config.bind).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    Ok(Bound { listener, tls, address })
}

/// A listener that takes connections.
pub struct Running {
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes connections until it is stopped.
    pub fn serve(self, shared: &Arc<Shared>) -> Running {
        let accepting = tokio::spawn(accept(self, Arc::clone(shared)));
        Running { shared: Arc::clone(shared), accepting }
    }
}

impl Running {
    /// Takes no more connections, closes those that are open, and waits for their last words,
    /// at most for `patience`.
    pub async fn stop(self, patience: Duration) {
        self.shared.ending.send_replace(true);
        // Its own end is what is waited for; what cut it short was reported there.
        let _late = tokio::time::timeout(patience, self.accepting).await;
    }
}

async fn accept(bound: Bound, shared: Arc<Shared>) {
    let mut ending = pin!(ended(shared.ending()));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            accepted = bound.listener.accept() => match accepted {
                Ok((stream, peer)) => take(&shared, &bound, &mut tasks, stream, peer).await,
                Err(error) => {
                    // Out of file descriptors, mostly: what is open goes on.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            () = &mut ending => break,
        }
    }
    drop(bound.listener);
    while tasks.join_next().await.is_some() {}
}

/// Waits until the host ends.
async fn ended(mut ending: watch::Receiver<bool>) {
    let _ended_or_gone = ending.wait_for(|ending| *ending).await.is_ok();
}

async fn take(
    shared: &Arc<Shared>,
    bound: &Bound,
    tasks: &mut JoinSet<()>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let Some(turn) = shared.admission.turn().await else { return };
    let Some(place) = shared.admission.enter(peer.ip(), turn) else {
        shared.metrics.handshake("too_many_of_address");
        let address = peer.ip().to_string();
        let detail = "a connection was closed: the address has as many as it may";
        shared.alerts.raise(AlertKind::TooManyConnections, &address, detail);
        return;
    };
    // Frames are small and wait for an answer.
    let _slower = stream.set_nodelay(true);
    let shared = Arc::clone(shared);
    // A handshake needs far more room than a connection, and gives it back.
    match bound.tls.clone() {
        None => tasks.spawn(serve(place, Box::pin(begin(shared, stream, peer, false)))),
        Some(tls) => tasks.spawn(serve(place, Box::pin(begin_tls(shared, tls, stream, peer)))),
    };
}

/// A connection from its handshake to its end.
async fn serve<S, F>(mut place: Place, shaking: Pin<Box<F>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Option<Box<Connection<S>>>>,
{
    let opened = shaking.await;
    place.shaken();
    if let Some(connection) = opened {
        connection.run().await;
    }
    drop(place);
}

/// The TLS handshake, then that of the WebSocket.
async fn begin_tls(
    shared: Arc<Shared>,
    tls: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<Box<Connection<TlsStream<TcpStream>>>> {
    let patience = shared.config.handshake_timeout;
    match tokio::time::timeout(patience, tls.accept(stream)).await {
        Ok(Ok(stream)) => begin(shared, stream, peer, true).await,
        Ok(Err(error)) => {
            shared.metrics.handshake("tls_failed");
            tracing::debug!(%peer, %error, "TLS handshake failed");
            None
        }
        Err(_) => {
            shared.metrics.handshake("too_slow");
            None
        }
    }
}

/// The WebSocket handshake; none when there is no connection to run.
async fn begin<S>(
    shared: Arc<Shared>,
    stream: S,
    peer: SocketAddr,
    tls: bool,
) -> Option<Box<Connection<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let patience = shared.config.handshake_timeout;
    let shaking = handshake::accept(&shared, stream, peer, tls);
    let Ok(opened) = tokio::time::timeout(patience, shaking).await else {
        shared.metrics.handshake("too_slow");
        return None;
    };
    connection::begin(shared, opened?).await
}

/// How long a connection waits before it closes when the host ends.
fn drain_delay(generation: u64) -> Duration {
    let spread = DRAIN_OVER.as_millis().max(1);
    let part = (u128::from(generation).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16) % spread;
    Duration::from_millis(u64::try_from(part).unwrap_or(0))
}
