//! Server-sent events: what is told, how it resumes, and that it ends.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt;
use tower::ServiceExt;

use super::rig::{Rig, TOKEN};

/// A stream of events, read text by text.
pub(super) struct Follower {
    body: axum::body::BodyDataStream,
    read: String,
}

impl Follower {
    pub(super) async fn open(rig: &Rig, path: &str, last: Option<&str>) -> Self {
        let mut request = Request::get(path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {TOKEN}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = rig.router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
        let response = response.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), read: String::new() }
    }

    /// The next event: its kind, id and data; none when the stream has ended.
    pub(super) async fn next(&mut self) -> Option<(String, String, serde_json::Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or("").trim().to_owned()
                };
                let found = (field("event:"), field("id:"), field("data:"));
                self.read = rest.to_owned();
                let data = serde_json::from_str(&found.2).unwrap();
                return Some((found.0, found.1, data));
            }
            let more = self.body.next().await?.unwrap();
            self.read.push_str(std::str::from_utf8(&more).unwrap());
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_and_resumed() {
    let rig = Rig::new();
    let mut follower = Follower::open(&rig, "/api/v1/events", None).await;
    let (kind, start, _) = follower.next().await.unwrap();
    assert_eq!(kind, "open");
    rig.put("/api/v1/tokens/AA", "{}").await;
    rig.put("/api/v1/stations/CS1", r#"{"password":"a secret of sixteen"}"#).await;
    let (kind, first, data) = follower.next().await.unwrap();
    assert_eq!((&*kind, &data["token"]["value"]), ("token.put", &"AA".into()));
    assert_eq!(data["actor"], "user:admin");
    let (kind, _, data) = follower.next().await.unwrap();
    assert_eq!((&*kind, &data["station_id"]), ("station.registered", &"CS1".into()));
    assert!(!data.to_string().contains("password"), "{data}");
    let mut resumed = Follower::open(&rig, "/api/v1/events", Some(&start)).await;
    assert_eq!(resumed.next().await.unwrap().0, "open");
    assert_eq!(resumed.next().await.unwrap().1, first);
    let mut resumed = Follower::open(&rig, "/api/v1/events", Some(&first)).await;
    resumed.next().await.unwrap();
    assert_eq!(resumed.next().await.unwrap().0, "station.registered");
}

#[tokio::test]
async fn events_are_filtered() {
    let rig = Rig::new();
    let mut of_station = Follower::open(&rig, "/api/v1/events?station=CS1", None).await;
    let mut of_type = Follower::open(&rig, "/api/v1/events?type=station.", None).await;
    of_station.next().await.unwrap();
    of_type.next().await.unwrap();
    rig.put("/api/v1/tokens/AA", "{}").await;
    rig.put("/api/v1/stations/CS2", "{}").await;
    rig.put("/api/v1/stations/CS1", "{}").await;
    assert_eq!(of_station.next().await.unwrap().2["station_id"], "CS1");
    assert_eq!(of_type.next().await.unwrap().2["station_id"], "CS2");
}

#[tokio::test]
async fn who_is_too_slow_is_told_to_read_again() {
    let rig = Rig::new();
    let mut follower = Follower::open(&rig, "/api/v1/events", None).await;
    follower.next().await.unwrap();
    for n in 0..1_001 {
        rig.put(&format!("/api/v1/tokens/A{n}"), "{}").await;
    }
    assert_eq!(follower.next().await.unwrap().0, "missed");
    rig.put("/api/v1/tokens/Z", "{}").await;
    assert_eq!(follower.next().await.unwrap().2["token"]["value"], "Z");
    let mut stranger = Follower::open(&rig, "/api/v1/events", Some("99-1")).await;
    stranger.next().await.unwrap();
    assert_eq!(stranger.next().await.unwrap().0, "missed");
}

#[tokio::test]
async fn streams_end_with_the_node() {
    let rig = Rig::new();
    let mut follower = Follower::open(&rig, "/api/v1/events", None).await;
    follower.next().await.unwrap();
    Arc::clone(&rig.app).end_streams();
    assert!(follower.next().await.is_none());
}

#[tokio::test]
async fn a_place_that_cannot_be_one_is_refused() {
    let rig = Rig::new();
    for last in ["x", "1", "-", "7-x"] {
        let answer = rig.send("GET", "/api/v1/events", &[("last-event-id", last)], "").await;
        assert_eq!(answer.problem(), "invalid-header", "{last}");
    }
    let answer = rig.get("/api/v1/events?station=a%2Fb").await;
    assert_eq!(answer.problem(), "not-found");
}
