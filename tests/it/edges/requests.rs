//! What a client of the API may send that makes no sense: each gets problem details that say
//! what, and where. Must never be answered by a closed socket.

use serde_json::{Value, json};

use super::Witness;
use crate::support::{Answer, TestHost};

#[test]
fn requests_that_make_no_sense_get_problem_details() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    let bodies = [
        ("PUT", "/api/v1/tokens/A", "{", 400),
        ("PUT", "/api/v1/tokens/A", "", 400),
        ("PUT", "/api/v1/tokens/A", "[]", 422),
        ("PUT", "/api/v1/tokens/A", "{\"status\":\"fine\"}", 422),
        ("PUT", "/api/v1/tokens/A", "{\"stauts\":\"accepted\"}", 422),
        ("PUT", "/api/v1/stations/S1", "{\"password\":\"short\"}", 422),
        ("PUT", "/api/v1/stations/a%00b", "{}", 400),
        ("PUT", "/api/v1/tariffs/t", "{\"configuration\":{}}", 422),
        ("PUT", "/api/v1/tariffs/t", "{\"configuration\":{},\"plugin\":\"none\"}", 422),
        ("PUT", "/api/v1/tariffs/t", "{\"configuration\":{},\"currency\":\"EURO\"}", 422),
        ("POST", "/api/v1/stations/S1/commands/Reset", "{\"type\":\"Hard\"}", 409),
        ("POST", "/api/v1/stations/WITNESS/commands/Reset", "{\"type\":\"Sideways\"}", 422),
        ("POST", "/api/v1/stations/WITNESS/commands/Teleport", "{}", 404),
        ("POST", "/api/v1/stations/NOBODY/commands/Reset", "{\"type\":\"Hard\"}", 404),
        ("POST", "/api/v1/sessions/1/reprice", "{\"reason\":\"x\"}", 404),
    ];
    let mut found = Vec::new();
    for (method, path, body, status) in bodies {
        let body_type = "Content-Type: application/json\r\n";
        problem(
            &format!("{method} {path} {body}"),
            &send(&host, method, path, body_type, body),
            status,
        );
    }
    for (path, status) in [
        ("/api/v1/nothing", 404),
        ("/api/v1/stations/NOBODY", 404),
        ("/api/v1/cdrs/not-a-uuid", 404),
        ("/api/v1/cdrs/00000000-0000-7000-8000-000000000000", 404),
        ("/api/v1/stations?limit=0", 400),
        ("/api/v1/stations?limit=501", 400),
        ("/api/v1/stations?limit=many", 400),
        ("/api/v1/stations?colour=red", 400),
        ("/api/v1/stations?cursor=AAAA", 400),
        ("/api/v1/stations?cursor=%FF", 400),
        ("/api/v1/sessions?from=yesterday", 400),
    ] {
        found.extend(problem(path, &host.api.send("GET", path, None), status));
    }
    found.extend(problem("DELETE of a list", &host.api.send("DELETE", "/api/v1/cdrs", None), 405));
    let text = "Content-Type: text/plain\r\n";
    found.extend(problem("text", &send(&host, "PUT", "/api/v1/tokens/A", text, "{}"), 415));
    let huge = format!("{{\"status\":\"{}\"}}", "x".repeat(4 << 20));
    let json = "Content-Type: application/json\r\n";
    found.extend(problem("huge", &send(&host, "PUT", "/api/v1/tokens/A", json, &huge), 413));
    assert!(found.is_empty(), "{}", found.join("\n"));
    let deep = format!("{{\"configuration\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let answer = send(&host, "PUT", "/api/v1/tariffs/t", json, &deep);
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    witness.stays_well(&host);
}

#[test]
fn without_its_token_the_api_says_nothing() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    for authorization in [
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Basic YWRtaW46YWRtaW4=\r\n",
    ] {
        for path in ["/api/v1/stations", "/api/v1/events", "/api/v1/nothing"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {}\r\n{authorization}Connection: close\r\n\r\n",
                host.api.address
            );
            assert_eq!(problem(&request, &host.api.raw(request.as_bytes()), 401), None);
        }
    }
    // A page of another site must not reach it through a name that points here.
    let rebound = format!(
        "GET /api/v1/stations HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer {}\r\n\
         Connection: close\r\n\r\n",
        host.api.token
    );
    let answer = host.api.raw(rebound.as_bytes());
    assert!((400..500).contains(&answer.status), "{}", answer.head);
    witness.stays_well(&host);
}

#[test]
fn bytes_that_are_no_http_are_refused() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    let address = host.api.address;
    let smuggled = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nHost: {address}\r\nContent-Length: 4\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    );
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nHost: {address}\r\n{}\r\n", "X: y\r\n".repeat(5000));
    for bytes in [
        b"\x16\x03\x01\x02\0\x01".as_slice(),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: minus\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n",
        smuggled.as_bytes(),
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        match host.api.try_raw(bytes) {
            Ok(answer) => assert!(
                (400..500).contains(&answer.status) || answer.status == 0,
                "{shown:?}: {}",
                answer.head
            ),
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "{shown:?}"),
        }
    }
    witness.stays_well(&host);
}

fn send(host: &TestHost, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{headers}\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        host.api.address,
        host.api.token,
        body.len()
    );
    host.api.raw(request.as_bytes())
}

/// What is wrong with an answer that should be RFC 9457's, with words for a person.
fn problem(what: &str, answer: &Answer, status: u16) -> Option<String> {
    let what = &what[..what.len().min(120)];
    if answer.status != status {
        return Some(format!("{what}: {}, not {status}: {}", answer.status, answer.text()));
    }
    let typed = answer.head.contains("application/problem+json");
    let problem: Value = if typed { answer.json() } else { Value::Null };
    let spoken = |field: &&str| problem[*field].as_str().is_some_and(|text| !text.is_empty());
    let complete = problem["status"] == json!(status) && ["type", "title"].iter().all(spoken);
    (!complete).then(|| format!("{what}: {} {}", answer.head, answer.text()))
}
