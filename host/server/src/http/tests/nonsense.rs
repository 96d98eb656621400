//! Bad input of every kind at every edge of HTTP: each has its clear problem, nothing panics, and
//! nothing is stored.

use axum::body::Body;

use super::rig::{Rig, TOKEN};

#[tokio::test]
async fn wrong_paths() {
    let rig = Rig::new();
    let long = format!("/api/v1/stations/{}", "a".repeat(10_000));
    let table = [
        ("/api/v1/stations/a%2Fb", "not-found"),
        ("/api/v1/stations/..%2f..%2fetc%2fpasswd", "not-found"),
        ("/api/v1/stations/%2e%2e", "not-found"),
        ("/api/v1/stations/%00", "not-found"),
        ("/api/v1/stations/%FF", "not-found"),
        ("/api/v1/stations/%C3%A4", "not-found"),
        ("/api/v1/stations/a:b", "not-found"),
        ("/api/v1/stations/a%20b", "not-found"),
        (&*long, "not-found"),
        ("/api/v1/sessions/1", "not-found"),
        ("/api/v1/sessions/00000000000070008000000000000000", "not-found"),
        ("/api/v1/sessions/{00000000-0000-7000-8000-000000000000}", "not-found"),
        ("/api/v1/cdrs/%27%20OR%201=1", "not-found"),
        ("/api/v1/cdrs/../../admin.token", "not-found"),
        ("/api/v1/tariffs/%00", "not-found"),
        ("/api/v1/tariffs/standard/versions/-1", "not-found"),
        ("/api/v1/tariffs/standard/versions/99999999999999999999", "not-found"),
        ("/api/v1/tokens/%00", "not-found"),
        ("/api/v1/tokens/a%0Ab", "not-found"),
        ("/api/v1/transactions/CS1/%00", "not-found"),
        ("/admin.token", "not-found"),
        ("/..%2fadmin.token", "not-found"),
    ];
    for (path, kind) in table {
        let answer = rig.get(path).await;
        assert_eq!(answer.problem(), kind, "{path}");
    }
}

#[tokio::test]
async fn wrong_methods() {
    let rig = Rig::new();
    for (method, path) in [
        ("DELETE", "/api/v1/stations"),
        ("POST", "/api/v1/tokens/AA"),
        ("PATCH", "/api/v1/tariffs/standard"),
        ("GET", "/api/v1/stations/CS1/commands/Reset"),
        ("PUT", "/metrics"),
        ("BREW", "/api/v1/cdrs"),
        ("TRACE", "/livez"),
    ] {
        let answer = rig.send(method, path, &[], "").await;
        assert_eq!(answer.problem(), "method-not-allowed", "{method} {path}");
        assert!(!answer.header("allow").is_empty(), "{method} {path}");
    }
    let head = rig.send("HEAD", "/api/v1/nothing", &[], "").await;
    assert_eq!((head.status.as_u16(), &*head.text), (404, ""));
}

#[tokio::test]
async fn wrong_queries() {
    let rig = Rig::new();
    for path in [
        "stations?limit=0",
        "stations?limit=501",
        "stations?limit=-1",
        "stations?limit=ten",
        "stations?limit=1&limit=2",
        "stations?nonsense=1",
        "stations?online=perhaps",
        "sessions?state=broken",
        "sessions?from=yesterday",
        "sessions?to=1",
        "sessions?station=",
        "sessions?token=%00",
        "sessions?sort=id%3Bdrop",
        "cdrs?from=%C3%28",
        "tokens/AA?kind=%27",
        "tokens/AA?kind=",
    ] {
        let answer = rig.get(&format!("/api/v1/{path}")).await;
        assert_eq!(answer.problem(), "invalid-query", "{path}");
    }
    for cursor in ["x", "%2e", "AAAA", "c3RhdGlvbnM", "' OR 1=1".replace(' ', "%20").as_str()] {
        let answer = rig.get(&format!("/api/v1/stations?cursor={cursor}")).await;
        assert_eq!(answer.problem(), "invalid-cursor", "{cursor}");
    }
}

#[tokio::test]
async fn wrong_bodies() {
    let rig = Rig::new();
    let deep = "[".repeat(100_000);
    let deep_field =
        format!("{{\"configuration\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let table = [
        ("tokens/AA", "", "malformed-json"),
        ("tokens/AA", "{", "malformed-json"),
        ("tokens/AA", "{}x", "malformed-json"),
        ("tokens/AA", "\u{feff}{}", "malformed-json"),
        ("tokens/AA", "{'status':1}", "malformed-json"),
        ("tokens/AA", "{\"status\":NaN}", "malformed-json"),
        ("tokens/AA", &*deep, "invalid-body"),
        ("tokens/AA", "[\"blocked\"]", "invalid-body"),
        ("tokens/AA", "null", "invalid-body"),
        ("tokens/AA", "1e999", "malformed-json"),
        ("tokens/AA", "\"text\"", "invalid-body"),
        ("tokens/AA", r#"{"statu":"blocked"}"#, "invalid-body"),
        ("tokens/AA", r#"{"status":"loud"}"#, "invalid-body"),
        ("tokens/AA", r#"{"status":"blocked","status":"accepted"}"#, "invalid-body"),
        ("tokens/AA", r#"{"expires_at":"soon"}"#, "invalid-body"),
        ("tokens/AA", r#"{"group":""}"#, "invalid-body"),
        ("tokens/AA", r#"{"group":"a\u0000"}"#, "invalid-body"),
        ("stations/CS1", r#"{"password":"short"}"#, "invalid-body"),
        ("stations/CS1", r#"{"password":"0123456789abcdef\n"}"#, "invalid-body"),
        (
            "stations/CS1",
            r#"{"password":"0123456789abcdef","generate_password":true}"#,
            "invalid-body",
        ),
        ("stations/CS1", r#"{"tariff_id":"../x"}"#, "invalid-body"),
        ("tariffs/standard", "{}", "invalid-body"),
        ("tariffs/standard", r#"{"configuration":{},"plugin":"\u0000"}"#, "invalid-tariff"),
        ("tariffs/standard", &*deep_field, "invalid-tariff"),
    ];
    for (path, body, kind) in table {
        let answer = rig.put(&format!("/api/v1/{path}"), body).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.problem(), kind, "{path} {shown} {}", answer.text);
        assert!(answer.text.len() < 2_000, "{path} {shown}");
    }
    for path in ["stations", "tokens", "tariffs"] {
        let page = rig.get(&format!("/api/v1/{path}")).await.json;
        assert_eq!(page["items"], serde_json::json!([]), "{path}");
    }
}

#[tokio::test]
async fn bodies_that_are_not_utf_8_or_not_json_or_too_large() {
    let rig = Rig::new();
    let bearer = format!("Bearer {TOKEN}");
    let headers = |content: &'static str| {
        [("host", "localhost"), ("authorization", &*bearer), ("content-type", content)]
            .map(|(name, value)| (name, value.to_owned()))
    };
    let path = "/api/v1/tokens/AA";
    let send = async |content: &'static str, body: Vec<u8>| {
        let headers = headers(content);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        rig.bare("PUT", path, &headers, Body::from(body)).await
    };
    assert_eq!(send("application/json", vec![0xFF, 0xFE]).await.problem(), "malformed-json");
    let broken = b"{\"group\":\"\xC3\x28\"}".to_vec();
    assert_eq!(send("application/json", broken).await.problem(), "malformed-json");
    for content in ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"] {
        let answer = send(content, b"{}".to_vec()).await;
        assert_eq!(answer.problem(), "unsupported-media-type", "{content}");
    }
    assert!(send("application/json; charset=utf-8", b"{}".to_vec()).await.status.is_success());
    let large = send("application/json", vec![b' '; (1 << 20) + 1]).await;
    assert_eq!(large.problem(), "too-large");
    // Announced and not sent: refused at once, without waiting for it.
    let mut headers: Vec<_> = vec![("host", "localhost"), ("authorization", &*bearer)];
    headers.extend([("content-type", "application/json"), ("content-length", "999999999999")]);
    let answer = rig.bare("PUT", path, &headers, Body::empty()).await;
    assert_eq!(answer.problem(), "too-large");
}
