//! Who is not let in, and by which answer. Must never tell an unknown station from a wrong
//! password.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::Witness;
use crate::support::TestHost;
use crate::support::host::PASSWORD;
use crate::support::station::{Station, basic};

#[test]
fn paths_and_passwords_that_are_wrong_are_refused_alike() {
    let host = TestHost::start("[ocpp]\nbind = \"127.0.0.1:0\"\nfailed_logins = 1000\n");
    let witness = Witness::start(&host);
    let good = basic("S1", PASSWORD);
    let long = format!("/ocpp/{}", "x".repeat(5000));
    for (path, authorization, status) in [
        ("/", good.as_str(), "404"),
        ("/ocpp", &good, "404"),
        ("/ocpp/", &good, "404"),
        ("/ocpp/S1/more", &good, "401"), // the last part is the identity
        ("/other/S1", &good, "404"),
        ("/ocpp/%00", &good, "404"),
        ("/ocpp/%FF%FE", &good, "404"),
        ("/ocpp/..%2F..%2Fetc", &good, "404"),
        (&long, &good, "404"),
        ("/ocpp/S1", "", "401"),
        ("/ocpp/S1", "Basic", "401"),
        ("/ocpp/S1", "Basic !!!!", "401"),
        ("/ocpp/S1", "Bearer abc", "401"),
        ("/ocpp/S1", &basic("S1", "wrong"), "401"),
        ("/ocpp/S1", &basic("WITNESS", PASSWORD), "401"),
        ("/ocpp/NOBODY", &basic("NOBODY", PASSWORD), "401"),
    ] {
        let headers = [("authorization", authorization)];
        let headers = if authorization.is_empty() { &[][..] } else { &headers[..] };
        let refused = Station::try_connect(host.ocpp, path, "ocpp1.6", headers);
        let found = refused.err().unwrap_or_else(|| "let in".to_owned());
        let path = &path[..path.len().min(40)];
        assert_eq!(found, status, "{path} with {authorization:?}");
    }
    witness.stays_well(&host);
}

/// Point 1 to 4 of the pitfalls: what is chosen of what a station offers.
#[test]
fn pitfall_001_002_003_the_first_version_that_both_speak_or_none() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    let credentials = basic("S1", PASSWORD);
    let headers = [("authorization", credentials.as_str())];
    for (offered, chosen) in [
        ("ocpp1.6", "ocpp1.6"),
        ("ocpp2.0.1, ocpp1.6", "ocpp2.0.1"),
        ("ocpp1.6, ocpp2.0.1", "ocpp1.6"),
        ("ocpp9.9, ocpp2.1, ocpp1.6", "ocpp2.1"),
    ] {
        let station = Station::try_connect(host.ocpp, "/ocpp/S1", offered, &headers).unwrap();
        assert_eq!(station.protocol.as_deref(), Some(chosen), "{offered}");
    }
    // No version in common: the handshake is finished, then the connection is closed. Which
    // client libraries take for an error, so it is read by hand.
    for offered in ["ocpp9.9", ""] {
        let mut socket = TcpStream::connect(host.ocpp).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let protocol = if offered.is_empty() {
            String::new()
        } else {
            format!("Sec-WebSocket-Protocol: {offered}\r\n")
        };
        write!(
            socket,
            "GET /ocpp/S1 HTTP/1.1\r\nHost: {}\r\nAuthorization: {credentials}\r\n{protocol}\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            host.ocpp
        )
        .unwrap();
        let mut answer = Vec::new();
        let _until_closed = socket.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        assert!(text.starts_with("http/1.1 101"), "{offered:?}: {text}");
        assert!(!text.contains("sec-websocket-protocol"), "{offered:?}: {text}");
        assert!(text.len() > text.find("\r\n\r\n").unwrap() + 4, "a close frame: {text}");
    }
    witness.stays_well(&host);
}

#[test]
fn pitfall_004_an_identity_is_decoded_before_it_is_compared() {
    let host = TestHost::start("");
    host.prepare(&["RDAM%7C123"]);
    let credentials = basic("RDAM|123", PASSWORD);
    let headers = [("authorization", credentials.as_str())];
    let station = Station::try_connect(host.ocpp, "/ocpp/RDAM%7C123", "ocpp1.6", &headers);
    station.unwrap_or_else(|why| panic!("{why}")).boot();
}

#[test]
fn pitfall_005_an_unknown_identity_is_404_where_that_may_be_told() {
    let host = TestHost::start("[ocpp]\nbind = \"127.0.0.1:0\"\nreveal_unknown = true\n");
    host.prepare(&["S1"]);
    let credentials = basic("NOBODY", PASSWORD);
    let headers = [("authorization", credentials.as_str())];
    let refused = Station::try_connect(host.ocpp, "/ocpp/NOBODY", "ocpp1.6", &headers);
    assert_eq!(refused.err().as_deref(), Some("404"));
}

#[test]
fn bytes_that_are_no_handshake_end_soon() {
    let host = TestHost::start("[ocpp]\nbind = \"127.0.0.1:0\"\nhandshake_timeout = \"1s\"\n");
    let witness = Witness::start(&host);
    let long = format!("GET /ocpp/S1 HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    for bytes in [
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".as_slice(), // TLS, to a plain port
        b"GET /ocpp/S1 HTTP/1.1\r\n",                           // never finished
        b"GET /ocpp/S1 HTTP/1.1\r\n\r\n",                       // no upgrade
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0\0\0\0",
        long.as_bytes(),
    ] {
        let mut socket = TcpStream::connect(host.ocpp).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let _refused = socket.write_all(bytes);
        let mut answer = Vec::new();
        if let Err(error) = socket.read_to_end(&mut answer) {
            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it is still open");
        }
        assert!(!answer.starts_with(b"HTTP/1.1 101"), "it was let in");
    }
    witness.stays_well(&host);
}
