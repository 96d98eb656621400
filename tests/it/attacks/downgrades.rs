//! Weaker ways in than before (attacks 11 and 12), over real sockets with TLS and without. Must
//! never trust the certificate of these tests anywhere else.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use busbar::config::Config;
use serde_json::json;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{WebSocket, client};

use super::one_alert;
use crate::support::host::PASSWORD;
use crate::support::station::{Station, basic};
use crate::support::{TestHost, until};

/// The certificate of the server's own tests, for `localhost`.
fn file(name: &str) -> PathBuf {
    let folder = "../host/server/src/http/listen/tests";
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join(name)
}

pub(super) fn with_tls() -> String {
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    format!("[ocpp]\nbind = \"127.0.0.1:0\"\n[ocpp.tls]\ncert = {cert:?}\nkey = {key:?}\n")
}

type Secure = WebSocket<StreamOwned<ClientConnection, TcpStream>>;

fn connect_secure(host: SocketAddr, identity: &str) -> Result<Secure, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("cert.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = StreamOwned::new(connection, TcpStream::connect(host).unwrap());
    let mut request = format!("wss://localhost/ocpp/{identity}").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "ocpp1.6".parse().unwrap());
    headers.insert("authorization", basic(identity, PASSWORD).parse().unwrap());
    client(request, stream).map(|(socket, _)| socket).map_err(|error| error.to_string())
}

#[test]
fn attack_11_a_station_comes_with_a_lower_security_profile_than_before() {
    let host = TestHost::start(&with_tls());
    host.prepare(&["S1", "S2"]);
    assert_eq!(host.api.get("/api/v1/stations/S1")["least_security_profile"], 0);
    let secure = connect_secure(host.ocpp, "S1").unwrap();
    until("its connection", || {
        let shown = host.api.get("/api/v1/stations/S1");
        (shown["connection"]["security_profile"] == 2).then_some(())
    });
    drop(secure);
    // The same installation, months later, with a listener without TLS.
    let host = TestHost::start_in(host.stop(), "");
    assert_eq!(host.api.get("/api/v1/stations/S1")["least_security_profile"], 2);
    let connect = |identity| Station::connect_from(1, host.ocpp, identity, PASSWORD);
    assert_eq!(connect("S1").err().as_deref(), Some("401"), "as any other refusal");
    connect("S2").unwrap();
    let alert = one_alert(&host, "downgrade");
    assert_eq!(alert["subject"], "S1");
    // An operator may want that, and says so.
    let reset = "/api/v1/stations/S1/reset-security-profile";
    assert_eq!(host.api.send("POST", reset, Some(&json!({}))).status, 422);
    let why = json!({ "reason": "TLS ends at a proxy from now on" });
    assert_eq!(host.api.send("POST", reset, Some(&why)).status, 204);
    connect("S1").unwrap().boot();
    assert_eq!(host.api.get("/api/v1/stations/S1")["least_security_profile"], 1);
    let unknown = "/api/v1/stations/NOBODY/reset-security-profile";
    assert_eq!(host.api.send("POST", unknown, Some(&why)).status, 404);
    // What was reset stays so after a start.
    let host = TestHost::start_in(host.stop(), "");
    Station::connect_from(1, host.ocpp, "S1", PASSWORD).unwrap().call("Heartbeat", &json!({}));
}

#[test]
fn attack_12_plain_sockets_old_tls_and_weak_suites() {
    let host = TestHost::start(&with_tls());
    host.prepare(&["S1"]);
    connect_secure(host.ocpp, "S1").unwrap();
    let plain = "GET /ocpp/S1 HTTP/1.1\r\nHost: h\r\n\r\n".as_bytes().to_vec();
    let ecdhe_gcm = &[0xC0, 0x2B, 0xC0, 0x2F][..];
    for (what, bytes) in [
        ("no TLS", plain),
        ("SSL 3.0", client_hello(0x0300, ecdhe_gcm)),
        ("TLS 1.0", client_hello(0x0301, ecdhe_gcm)),
        ("TLS 1.1", client_hello(0x0302, ecdhe_gcm)),
        ("RC4, 3DES, NULL", client_hello(0x0303, &[0, 5, 0, 10, 0, 2])),
        ("CBC and RSA key exchange", client_hello(0x0303, &[0, 0x2F, 0, 0x35, 0xC0, 0x13])),
    ] {
        let answer = answer_of(host.ocpp, &bytes);
        // An alert, and no ServerHello.
        assert_eq!(answer.first(), Some(&0x15), "{what}: {answer:?}");
    }
    // The same hello with a version and suites of today gets one.
    let answer = answer_of(host.ocpp, &client_hello(0x0303, ecdhe_gcm));
    assert_eq!(answer.first(), Some(&0x16), "{answer:?}");
    // Without TLS the host listens beyond loopback only where that is said.
    let env = std::iter::empty::<(String, String)>;
    let refused = Config::parse(None, "[ocpp]\nbind = \"0.0.0.0:9000\"\n", env()).unwrap_err();
    assert!(refused.iter().any(|problem| problem.to_string().contains("allow_plaintext")));
    let text = "[ocpp]\nbind = \"0.0.0.0:9000\"\nallow_plaintext = true\n";
    assert_eq!(Config::parse(None, text, env()).unwrap().warnings().len(), 1);
}

fn answer_of(host: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(host).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(bytes).unwrap();
    let mut answer = [0; 1024];
    let read = socket.read(&mut answer).unwrap_or(0);
    answer[..read].to_vec()
}

/// A ClientHello of RFC 5246 with these suites, for `localhost`.
fn client_hello(version: u16, suites: &[u8]) -> Vec<u8> {
    let with_length = |body: &[u8]| [&(body.len() as u16).to_be_bytes(), body].concat();
    let extension = |kind: u16, body: &[u8]| [&kind.to_be_bytes()[..], &with_length(body)].concat();
    let groups = with_length(&[0, 29, 0, 23, 0, 24]);
    let signatures = with_length(&[4, 3, 5, 3, 8, 4, 8, 5, 4, 1, 5, 1]);
    let name = [&[0][..], &with_length(b"localhost")].concat();
    let extensions = [
        extension(0, &with_length(&name)),
        extension(10, &groups),
        extension(11, &[1, 0]),
        extension(13, &signatures),
        extension(23, &[]),
    ]
    .concat();
    let body = [
        &version.to_be_bytes()[..],
        &[7; 32],
        &[0],
        &with_length(suites),
        &[1, 0],
        &with_length(&extensions),
    ]
    .concat();
    let length = (body.len() as u32).to_be_bytes();
    let handshake = [&[1][..], &length[1..], &body].concat();
    [&[0x16, 3, 1][..], &with_length(&handshake)].concat()
}
