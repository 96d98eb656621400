//! The command line as a client of a host.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::{Client, Failure, authority};

/// A client of a server that answers each request with the next of these.
fn client(answers: Vec<(&'static str, &'static str)>) -> (Client, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let mut heads = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 2048];
            let read = stream.read(&mut head).unwrap();
            heads.push(String::from_utf8_lossy(&head[..read]).into_owned());
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        }
        heads
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    (Client { authority: address.to_string(), token: "secret".into(), runtime }, serving)
}

#[test]
fn all_pages_are_read() {
    let (client, serving) = client(vec![
        ("200 OK", r#"{"items":[1,2],"next_cursor":"abc"}"#),
        ("200 OK", r#"{"items":[3]}"#),
    ]);
    let mut items = Vec::new();
    let read = client.all("/api/v1/cdrs", |item| {
        items.push(item.as_u64().unwrap());
        Ok(())
    });
    assert!(read.is_ok());
    assert_eq!(items, [1, 2, 3]);
    let heads = serving.join().unwrap();
    assert!(heads[0].starts_with("GET /api/v1/cdrs?limit=200 HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[0].contains("authorization: Bearer secret\r\n"), "{}", heads[0]);
    assert!(heads[1].starts_with("GET /api/v1/cdrs?limit=200&cursor=abc HTTP/1.1\r\n"));
}

#[test]
fn what_goes_wrong_is_told_in_a_sentence() {
    let problem = r#"{"title":"There is no such resource","detail":"there is no such CDR"}"#;
    let (client, _) = client(vec![("404 Not Found", problem), ("200 OK", "<html>")]);
    let Err(Failure::Failed(why)) = client.get("/api/v1/cdrs/x") else { panic!() };
    assert_eq!(why, "There is no such resource: there is no such CDR");
    let Err(Failure::Unreachable(why)) = client.get("/") else { panic!() };
    assert!(why.contains("what answers there is not a busbar"), "{why}");
    assert!(!why.contains("secret"));
}

#[test]
fn a_host_that_is_not_there_is_named() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client { authority: "127.0.0.1:1".into(), token: "secret".into(), runtime };
    let Err(Failure::Unreachable(why)) = client.post("/api/v1/backups") else { panic!() };
    assert!(why.starts_with("the host at http://127.0.0.1:1 cannot be reached: "), "{why}");
}

#[test]
fn addresses_are_read() {
    let table = [
        ("http://127.0.0.1:8080", Some("127.0.0.1:8080")),
        ("http://host/", Some("host:80")),
        ("http://[::1]:8080/x", Some("[::1]:8080")),
        ("https://host", None),
        ("host:80", None),
        ("http://", None),
    ];
    for (url, expected) in table {
        assert_eq!(authority(url).ok().as_deref(), expected, "{url}");
    }
}
