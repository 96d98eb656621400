//! Owns what machines ask about the node: is it alive, may it get traffic, its metrics. Must never
//! wait for the core.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::App;

/// The process answers.
pub async fn live() -> Response {
    plain(StatusCode::OK, "ok\n")
}

/// Whether it may get traffic: 503 while it starts, drains, opens its store again or is short of
/// disk.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let status = app.node.status();
    let checks = Ready {
        ready: status.running && !status.draining && !status.low_space && status.trouble.is_none(),
        running: status.running,
        draining: status.draining,
        low_space: status.low_space,
        trouble: status.trouble.is_some(),
    };
    let code = if checks.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (code, axum::Json(&checks)).into_response();
    if !checks.ready {
        response.extensions_mut().insert(super::guard::KeepBody);
    }
    response
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
    running: bool,
    draining: bool,
    low_space: bool,
    trouble: bool,
}

/// Prometheus text.
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    app.metrics.observe(&app.node.status());
    let text = app.metrics.encode();
    let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content)], text).into_response()
}

fn plain(code: StatusCode, text: &'static str) -> Response {
    (code, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
