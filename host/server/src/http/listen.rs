//! Owns HTTP listeners: binding, TLS, limits of time and size before a request is one, and the
//! orderly end. Must never look at a request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{App, Listener, router};
use crate::config::Http;
use crate::tls;

/// TLS has to be agreed in that time.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The head of a request has to come in that time; also how long an idle connection is kept.
const HEAD: Duration = Duration::from_secs(15);
/// No head is larger.
const HEAD_BYTES: usize = 32 << 10;
/// No head has more headers.
const HEADERS: usize = 64;

/// A listener that has its port.
pub struct Bound {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    http: Http,
}

/// A listener that serves.
pub struct Running {
    stop: watch::Sender<bool>,
    accepting: JoinHandle<GracefulShutdown>,
}

/// Takes the port and reads the certificate.
///
/// # Errors
/// The port is taken, or the certificate cannot be used: in one sentence.
pub async fn bind(http: &Http) -> Result<Bound, String> {
    let tls = http.tls.as_ref().map(tls::acceptor).transpose()?;
    let listener = TcpListener::bind(http.bind)
        .await
        .map_err(|error| format!("cannot listen on {} (http.bind): {error}", http.bind))?;
    Ok(Bound { listener, tls, http: http.clone() })
}

impl Bound {
    /// Where it listens, also where the port was left to the system.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until it is stopped.
    pub fn serve(self, app: &Arc<App>) -> Running {
        let mut listener = Listener::from(&self.http);
        if let Ok(address) = self.address() {
            listener.bind = address;
        }
        let router = router(app, listener);
        let (stop, stopped) = watch::channel(false);
        Running { stop, accepting: tokio::spawn(accept(self, router, stopped)) }
    }
}

impl Running {
    /// Stops accepting, lets requests under way finish for at most `patience`, then cuts.
    pub async fn stop(self, patience: Duration) {
        self.stop.send_replace(true);
        if let Ok(connections) = self.accepting.await {
            let _ = tokio::time::timeout(patience, connections.shutdown()).await;
        }
    }
}

async fn accept(
    bound: Bound,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) -> GracefulShutdown {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(bound.http.connections));
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return connections,
            accepted = next(&bound.listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (tls, router, watcher) = (bound.tls.clone(), router.clone(), connections.watcher());
        tokio::spawn(async move {
            let _place = place;
            match tls {
                None => connection(stream, peer, router, watcher).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, peer, router, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS with this client"),
                    Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
                },
            }
        });
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, Place)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) => {
            // Out of descriptors, for instance: others have to go first.
            tracing::warn!(%error, "cannot accept an HTTP connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    watcher: Watcher,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "an HTTP connection ended");
    }
}

#[cfg(test)]
mod tests;
