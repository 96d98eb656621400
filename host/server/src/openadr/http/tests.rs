//! Addresses; and TLS against a real listener: an authority that is trusted, and one that is not.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::Tls;
use crate::tls::acceptor;

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/listen/tests")).join(name)
}

/// A server that says the same to everyone.
async fn listen(says: &'static [u8]) -> u16 {
    let acceptor = acceptor(&Tls { cert: file("cert.pem"), key: file("key.pem") }).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _asked = stream.read(&mut [0; 4_096]).await;
            let _gone = stream.write_all(says).await;
            let _gone = stream.shutdown().await;
        }
    });
    port
}

async fn ask(url: &str, ca: Option<&str>) -> Result<(StatusCode, Bytes), Failure> {
    let endpoint = Endpoint::parse(url).unwrap();
    let question = Question { endpoint: &endpoint, query: "", authorization: None, form: None };
    Http::new(ca.map(file)).ask(question).await
}

#[tokio::test]
async fn tls_is_spoken_with_whom_is_trusted_and_nobody_else() {
    let port = listen(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await;
    let right = ask(&format!("https://localhost:{port}/livez"), Some("cert.pem")).await.unwrap();
    assert_eq!((right.0, &right.1[..]), (StatusCode::OK, &b"[]"[..]));
    for (url, ca, kind, expected) in [
        (format!("https://localhost:{port}/livez"), None, "unreachable", "certificate"),
        (format!("http://localhost:{port}/livez"), None, "unreachable", "localhost"),
        (format!("https://localhost:{port}"), Some("missing.pem"), "tls", "missing.pem"),
        (format!("https://localhost:{port}"), Some("key.pem"), "tls", "holds no certificate"),
    ] {
        let failure = ask(&url, ca).await.unwrap_err();
        assert!(failure.kind == kind && failure.why.contains(expected), "{url} {failure:?}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_held() {
    let head = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
    let endless: &'static str = Box::leak((head + &"[".repeat(LARGEST + 1)).into_boxed_str());
    let port = listen(endless.as_bytes()).await;
    let failure = ask(&format!("https://localhost:{port}"), Some("cert.pem")).await.unwrap_err();
    assert_eq!(failure.kind, "too_much", "{failure:?}");
}

#[test]
fn an_address_is_read_or_named() {
    for (text, authority, path) in [
        ("https://vtn.example.org", "vtn.example.org:443", ""),
        ("https://vtn.example.org/openadr3/3.1.0/", "vtn.example.org:443", "/openadr3/3.1.0"),
        ("http://[::1]:3000/a", "[::1]:3000", "/a"),
    ] {
        let read = Endpoint::parse(text).unwrap();
        assert_eq!((&*read.authority(), &*read.path), (authority, path), "{text}");
    }
    for text in ["vtn.example.org", "ftp://a", "https://", "https://a?b=c", "https://u:p@a", ""] {
        let said = Endpoint::parse(text).unwrap_err();
        assert!(said.contains(text), "{said}");
    }
    for (text, is_exposed) in [
        ("http://127.0.0.1:3000", false),
        ("http://localhost", false),
        ("http://[::1]", false),
        ("https://vtn.example.org", false),
        ("http://vtn.example.org", true),
        ("http://localhost.example.org", true),
    ] {
        assert_eq!(Endpoint::parse(text).unwrap().is_exposed(), is_exposed, "{text}");
    }
}
