//! Real listeners on real sockets: TLS, taken ports, the orderly end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use super::bind;
use crate::config::{Config, Tls};
use crate::http::tests::rig::Rig;

const REQUEST: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/listen/tests")).join(name)
}

fn listener(cert: &str, key: &str) -> crate::config::Http {
    let mut http = Config::parse(None, "", Vec::new()).unwrap().http.remove(0);
    http.bind.set_port(0);
    http.tls = Some(Tls { cert: file(cert), key: file(key) });
    http
}

fn connector(version: &'static SupportedProtocolVersion) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("cert.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn tls_is_spoken_by_both_of_its_versions_and_plain_http_is_not() {
    let rig = Rig::new();
    let bound = bind(&listener("cert.pem", "key.pem")).await.unwrap();
    let address = bound.address().unwrap();
    let running = bound.serve(&rig.app);
    for version in [&version::TLS12, &version::TLS13] {
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = connector(version).connect(name, stream).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    running.stop(Duration::from_secs(5)).await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_used_is_said_in_a_sentence() {
    let table = [
        ("missing.pem", "key.pem", "missing.pem: cannot be read: "),
        ("key.pem", "key.pem", "key.pem: holds no certificate"),
        ("cert.pem", "cert.pem", "cert.pem: holds no private key: "),
        ("cert.pem", "other-key.pem", "cert.pem: does not fit "),
    ];
    for (cert, key, expected) in table {
        let refused = bind(&listener(cert, key)).await.err().unwrap();
        assert!(refused.contains(expected), "{cert} {key}: {refused}");
    }
    let mut http = listener("cert.pem", "key.pem");
    http.tls = None;
    let first = bind(&http).await.unwrap();
    http.bind = first.address().unwrap();
    let taken = bind(&http).await.err().unwrap();
    assert!(taken.starts_with(&format!("cannot listen on {} (http.bind): ", http.bind)), "{taken}");
}

#[tokio::test]
async fn requests_under_way_are_finished_and_idle_connections_closed() {
    let rig = Rig::new();
    let mut http = listener("cert.pem", "key.pem");
    http.tls = None;
    let bound = bind(&http).await.unwrap();
    let address = bound.address().unwrap();
    let running = bound.serve(&rig.app);
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    running.stop(Duration::from_secs(30)).await;
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn heads_without_end_are_refused() {
    let rig = Rig::new();
    let mut http = listener("cert.pem", "key.pem");
    http.tls = None;
    let bound = bind(&http).await.unwrap();
    let address = bound.address().unwrap();
    let running = bound.serve(&rig.app);
    let many = "a: b\r\n".repeat(100);
    let long = format!("a: {}\r\n", "b".repeat(200_000));
    for head in [&*many, &*long] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{head}\r\n");
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        // A connection that is closed with more to read may be reset before the answer is read.
        let refused = answer.is_empty() || answer.starts_with(b"HTTP/1.1 431");
        assert!(refused, "{}", String::from_utf8_lossy(&answer));
    }
    running.stop(Duration::from_secs(5)).await;
}
