//! Who may ask: tokens, hosts, origins, listeners (ATTACKS 8, 9, 28, 52, 53, 57).

use super::rig::{Rig, TOKEN};
use crate::config::Config;
use crate::http::{Listener, api, router};

#[tokio::test]
async fn every_route_of_the_api_needs_the_token() {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let mut routes = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for (method, _) in item.as_object().unwrap() {
            routes += 1;
            // A rig of its own: too many wrong tokens are another problem.
            let rig = Rig::new();
            let method = method.to_uppercase();
            for headers in [&[("authorization", "")][..], &[("authorization", "Bearer wrong")]] {
                let answer = rig.send(&method, &path, headers, "{}").await;
                assert_eq!(answer.status, 401, "{method} {path}");
                assert_eq!(answer.problem(), "unauthorized");
                assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"busbar\"");
            }
        }
    }
    assert!(routes >= 25, "{routes}");
}

#[tokio::test]
async fn what_is_not_there_is_denied_before_it_is_not_found() {
    let rig = Rig::new();
    for path in ["/api/v1/nothing", "/api", "/api/v2/stations", "/api/v1/stations/"] {
        let denied = rig.send("GET", path, &[("authorization", "")], "").await;
        assert_eq!(denied.problem(), "unauthorized", "{path}");
        assert_eq!(rig.get(path).await.problem(), "not-found", "{path}");
    }
    // Case and encoding of the path open nothing.
    for path in ["/API/v1/stations", "/%61pi/v1/stations", "//api/v1/stations"] {
        let answer = rig.send("GET", path, &[("authorization", "")], "").await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn odd_credentials_are_refused() {
    let rig = Rig::new();
    let basic = format!("Basic {TOKEN}");
    let double = format!("Bearer {TOKEN}, Bearer {TOKEN}");
    let cut = format!("Bearer {}", &TOKEN[..39]);
    for value in ["Bearer", "Bearer ", TOKEN, &basic, &double, &cut, "Bearer \u{e4}"] {
        let answer = rig.send("GET", "/api/v1/stations", &[("authorization", value)], "").await;
        assert_eq!(answer.problem(), "unauthorized", "{value:?}");
    }
    let lower = format!("bearer {TOKEN}");
    let fine = rig.send("GET", "/api/v1/stations", &[("authorization", &lower)], "").await;
    assert_eq!(fine.status, 200);
}

#[tokio::test]
async fn nobody_tries_tokens_for_ever() {
    let rig = Rig::new();
    let mut last = rig.get("/api/v1/stations").await;
    for _ in 0..31 {
        last = rig.send("GET", "/api/v1/stations", &[("authorization", "Bearer x")], "").await;
    }
    assert_eq!(last.problem(), "too-many-attempts");
    assert!(!last.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_foreign_host_is_misdirected() {
    let rig = Rig::new();
    let hosts = [
        ("127.0.0.1:8080", true),
        ("127.0.0.1", true),
        ("localhost:8080", true),
        ("LOCALHOST", true),
        ("[::1]:8080", true),
        ("127.9.9.9", true),
        ("evil.example", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.evil.example:8080", false),
        ("192.0.2.1", false),
        ("", false),
        ("[::1].evil.example", false),
    ];
    for (host, served) in hosts {
        let answer = rig.send("GET", "/livez", &[("host", host)], "").await;
        assert_eq!(answer.status == 200, served, "{host} {answer:?}");
        if !served {
            assert_eq!(answer.problem(), "wrong-host");
        }
    }
    let rig = Rig::with("[[http]]\nbind = \"127.0.0.1:8080\"\nhosts = [\"csms.example\"]");
    let answer = rig.send("GET", "/livez", &[("host", "CSMS.example:8080")], "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let rig = Rig::new();
    let json = ("content-type", "application/json");
    let table = [
        (&[("origin", "http://127.0.0.1:8080")][..], true),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("origin", "http://evil.example")], false),
        (&[("origin", "null")], false),
        (&[("origin", "http://127.0.0.1:9999")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
    ];
    for (headers, accepted) in table {
        let headers = [headers, &[json]].concat();
        let answer = rig.send("PUT", "/api/v1/tokens/AA", &headers, "{}").await;
        assert_eq!(answer.status.is_success(), accepted, "{headers:?} {answer:?}");
        if !accepted {
            assert_eq!(answer.problem(), "foreign-origin");
        }
    }
}

#[tokio::test]
async fn a_listener_serves_what_it_names() {
    let rig = Rig::new();
    let text = "[[http]]\nbind = \"127.0.0.1:8081\"\nserves = [\"driver\"]";
    let config = Config::parse(None, text, Vec::new()).unwrap();
    let driver = Rig { router: router(&rig.app, Listener::from(&config.http[0])), ..rig };
    for path in ["/metrics", "/api/docs", "/api/v1/openapi.json", "/", "/api/v1/stations"] {
        let answer = driver.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text.contains(env!("CARGO_PKG_VERSION")), "{path}");
    }
    assert_eq!(driver.get("/livez").await.status, 200);
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_it() {
    let rig = Rig::new();
    for path in ["/", "/livez", "/api/docs", "/api/v1/stations", "/nothing", "/metrics"] {
        let answer = rig.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("server"), "", "{path}");
    }
}
