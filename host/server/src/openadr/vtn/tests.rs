//! VTNs as they are met, and as they had better not be, on a real socket.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::Config;

/// A VTN that answers by what is asked, as `GET /programs?skip=0`; counts what it is asked.
async fn vtn(
    answer: impl Fn(&str) -> (u16, String) + Send + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 4_096];
            let read = stream.read(&mut bytes).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
            let (status, body) = answer(text.split(" HTTP").next().unwrap_or_default());
            count.fetch_add(1, Ordering::Relaxed);
            let head = format!("HTTP/1.1 {status} said\r\ncontent-length: {}\r\n\r\n", body.len());
            let _gone = stream.write_all((head + &body).as_bytes()).await;
            let _gone = stream.shutdown().await;
        }
    });
    (url, asked)
}

fn client(url: &str, more: &str) -> Vtn {
    let text = format!(
        "[[sites]]\nid = \"north\"\n[[sites.load.tree.circuit]]\nname = \"grid\"\n\
         current = \"63 A\"\n[sites.openadr]\nurl = \"{url}\"\nprogram = \"p\"\n\
         fallback = \"1 kW\"\n{more}"
    );
    let config = Config::parse(None, &text, Vec::new()).unwrap();
    Vtn::new(config.sites[0].openadr.as_ref().unwrap())
}

fn ids(said: &Said) -> Vec<String> {
    said.events
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).unwrap()["id"].to_string())
        .collect()
}

fn program(asked: &str) -> Option<(u16, String)> {
    let first = asked.contains("skip=0");
    let page = if first { json!([{ "id": "p" }]) } else { json!([]) };
    asked.contains("/programs?").then(|| (200, page.to_string()))
}

async fn failure(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Failure {
    let (url, _) = vtn(answer).await;
    client(&url, "").said().await.err().unwrap()
}

#[tokio::test]
async fn pages_are_read_until_one_is_empty_or_the_first_again() {
    // It has pages of two, whatever it is asked for.
    let of_two = |asked: &str| {
        program(asked).unwrap_or_else(|| {
            let skip = asked.split("skip=").nth(1).and_then(|rest| rest.split('&').next());
            let skip: usize = skip.and_then(|skip| skip.parse().ok()).unwrap();
            let page: Vec<_> = (skip..5.max(skip)).take(2).map(|id| json!({ "id": id })).collect();
            (200, json!(page).to_string())
        })
    };
    let (url, _) = vtn(of_two).await;
    assert_eq!(ids(&client(&url, "").said().await.unwrap()), ["0", "1", "2", "3", "4"]);
    // It knows of no pages.
    let none = |asked: &str| {
        program(asked).unwrap_or_else(|| (200, json!([{ "id": 7 }, { "id": 8 }]).to_string()))
    };
    let (url, _) = vtn(none).await;
    assert_eq!(ids(&client(&url, "").said().await.unwrap()), ["7", "8"]);
}

#[tokio::test]
async fn what_fails_has_a_word_and_a_reason() {
    let events = |status: u16, body: &'static str| {
        move |asked: &str| program(asked).unwrap_or_else(|| (status, body.to_owned()))
    };
    for (status, body, kind, expected) in [
        (502, "<h1>Bad\ngateway</h1>", "refused", "answered 502 Bad Gateway: <h1>Badgateway"),
        (301, "", "refused", "answered 301"),
        (403, "{}", "unauthorized", "answered 403"),
        (401, "{}", "unauthorized", "answered 401"),
        (200, "{}", "nonsense", "events: invalid type: map, expected a sequence"),
        (200, "[", "nonsense", "events: EOF"),
    ] {
        let failure = failure(events(status, body)).await;
        assert!(failure.kind == kind && failure.why.contains(expected), "{body} {failure:?}");
    }
    let other = failure(|asked| {
        let page = if asked.contains("skip=0") { json!([{ "id": "q" }]) } else { json!([]) };
        (200, page.to_string())
    });
    let other = other.await;
    assert_eq!((other.kind, &*other.why), ("no_program", "the VTN shows no program \"p\" among 1"));
    let fresh = AtomicUsize::new(0);
    let endless = failure(move |asked| {
        program(asked).unwrap_or_else(|| {
            let from = fresh.fetch_add(30, Ordering::Relaxed);
            let page: Vec<_> = (from..from + 30).map(|id| json!({ "id": id })).collect();
            (200, json!(page).to_string())
        })
    });
    assert_eq!(endless.await.kind, "too_much");
}

#[tokio::test]
async fn a_token_is_kept_as_long_as_it_holds_and_no_longer() {
    for (expires, expected) in [(json!(3_600), 7), (json!(null), 7), (json!(1), 12)] {
        let token = json!({ "access_token": "t", "expires_in": expires }).to_string();
        let (url, asked) = vtn(move |asked| match asked.starts_with("POST /auth/token") {
            true => (200, token.clone()),
            false => program(asked).unwrap_or_else(|| (200, "[]".into())),
        })
        .await;
        let mut vtn = client(&url, "client_id = \"b\"\nclient_secret = \"c\"\n");
        vtn.said().await.unwrap();
        vtn.said().await.unwrap();
        // Each look asks for two pages of programs and one of events.
        assert_eq!(asked.load(Ordering::Relaxed), expected, "{expires}");
    }
}

#[tokio::test]
async fn a_secret_stands_in_a_file_that_nobody_else_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let right = |asked: &str| match asked.starts_with("POST") {
        true => (200, json!({ "access_token": "t" }).to_string()),
        false => program(asked).unwrap_or_else(|| (200, "[]".into())),
    };
    let (url, _) = vtn(right).await;
    let more = format!("client_id = \"b\"\nclient_secret_file = {file:?}\n");
    let mut vtn = client(&url, &more);
    let failure = vtn.said().await.err().unwrap();
    assert!(failure.kind == "secret" && failure.why.contains("No such file"), "{failure:?}");
    std::fs::write(&file, "c\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let failure = vtn.said().await.err().unwrap();
    assert!(failure.why.contains("set its mode to 0600"), "{failure:?}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    vtn.said().await.unwrap();
}
