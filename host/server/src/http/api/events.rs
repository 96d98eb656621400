//! `events`: facts as they become durable, as server-sent events. A follower reads at its own
//! pace; one that is too slow, or comes back too late, is told to read everything again. The core
//! never waits for one. Alerts are told beside them, without an id: they are no facts.

mod data;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use utoipa::IntoParams;

use super::alerts;
use crate::alerts::Alert;
use crate::http::App;
use crate::http::body::Query;
use crate::http::names;
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::node::live::{Cursor, Followed, LiveFact};

pub use data::EventData;

/// Events taken from the ring at once.
const AT_ONCE: usize = 64;

/// What is followed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Only events of this station.
    #[param(required = false)]
    station: Option<String>,
    /// Only events whose type begins so, as `session.` or `cdr.sealed`.
    #[param(required = false)]
    r#type: Option<String>,
}

struct Follower {
    app: Arc<App>,
    cursor: Cursor,
    alerts: broadcast::Receiver<Alert>,
    query: EventQuery,
    ready: VecDeque<Event>,
    over: bool,
    _place: OwnedSemaphorePermit,
}

/// Follows what happens. The first event is `open`; `missed` means: read everything again, then
/// follow on. Resumes after `Last-Event-ID` as long as the node remembers it. An `alert` that
/// begins is told while one follows, and not again: read `alerts` for those before.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events",
    params(
        EventQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen"),
    ),
    responses(
        (status = 200, content_type = "text/event-stream", body = EventData),
        (status = 400, body = ProblemDetails), (status = 503, body = ProblemDetails),
    ),
)]
pub async fn follow(
    State(app): State<Arc<App>>,
    Query(query): Query<EventQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    query.station.as_deref().map(names::station).transpose()?;
    let cursor = match headers.get("last-event-id") {
        None => app.node.live().now(),
        Some(id) => id.to_str().ok().and_then(Cursor::parse).ok_or_else(|| {
            Kind::InvalidHeader.because("Last-Event-ID: send the id of an event that was seen")
        })?,
    };
    let place = Arc::clone(&app.followers).try_acquire_owned().map_err(|_| {
        Kind::Unavailable.because("as many follow the events as this node bears: try again later")
    })?;
    let open = Event::default().event("open").id(cursor.to_string()).data("{}");
    let ready = VecDeque::from([open.retry(Duration::from_secs(2))]);
    let alerts = app.alerts().follow();
    let follower = Follower { app, cursor, alerts, query, ready, over: false, _place: place };
    let events = unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            let mut cursor = self.cursor;
            let followed = tokio::select! {
                followed = self.app.node.live().follow(&mut cursor, AT_ONCE) => followed,
                begun = self.alerts.recv() => {
                    // One that was missed stands in the list.
                    self.ready.extend(begun.ok().and_then(|alert| self.alert(alert)));
                    continue;
                }
                () = self.app.ending() => return None,
            };
            match followed {
                Followed::Closed => self.over = true,
                Followed::Missed => {
                    let missed = Event::default().event("missed").id(cursor.to_string());
                    self.ready.push_back(missed.data("{}"));
                }
                Followed::Facts(facts) => {
                    let wanted = facts.iter().filter_map(|fact| self.event(cursor.at(fact), fact));
                    self.ready = wanted.collect();
                }
            }
            self.cursor = cursor;
        }
    }

    fn event(&self, cursor: Cursor, fact: &LiveFact) -> Option<Event> {
        let data = EventData::of(fact);
        let text = serde_json::to_string(&data).ok()?;
        let event = Event::default().event(data.r#type).id(cursor.to_string()).data(text);
        self.wants(data.station_id.as_deref(), data.r#type).then_some(event)
    }

    fn alert(&self, alert: Alert) -> Option<Event> {
        let fits = self.wants(Some(&alert.subject), "alert");
        let text = serde_json::to_string(&alerts::Alert::from(alert)).ok().filter(|_| fits)?;
        Some(Event::default().event("alert").data(text))
    }

    fn wants(&self, station: Option<&str>, kind: &str) -> bool {
        let query = &self.query;
        query.station.as_deref().is_none_or(|wanted| station == Some(wanted))
            && query.r#type.as_deref().is_none_or(|wanted| kind.starts_with(wanted))
    }
}
