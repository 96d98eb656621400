//! Proves what a connection costs while nothing is said.

use std::future::Pending;

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::super::admission::Place;
use super::super::serve;
use super::*;

type Tls = TlsStream<TcpStream>;

/// Bytes of the future that such a function gives.
fn size_of_future<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
    size_of::<F>()
}

/// Bytes of a connection's task, which begins with a handshake that is boxed.
fn size_of_task<S: AsyncRead + AsyncWrite + Unpin>() -> usize {
    type Shaking<S> = Pin<Box<Pending<Option<Box<Connection<S>>>>>>;
    size_of_future(|(place, shaking): (Place, Shaking<S>)| serve(place, shaking))
}

#[test]
fn an_idle_connection_is_small() {
    let (link, task) = (size_of::<Link>(), size_of_task::<TcpStream>());
    let (plain, tls) = (size_of::<Connection<TcpStream>>(), size_of::<Connection<Tls>>());
    let sizes = format!("link {link}, task {task}, connection {plain}, with TLS {tls}");
    assert!(link <= 512, "{sizes}");
    assert!(task <= 1_024, "{sizes}");
    assert!(plain <= 1_280, "{sizes}");
    assert!(tls <= plain + 1_536, "{sizes}");
    assert_eq!(size_of_task::<Tls>(), task, "what a handshake or TLS needs is boxed");
}
