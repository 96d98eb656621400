//! Owns what holds for every request, whatever route it takes: its id, the host and origin that
//! may ask, the token that the API needs (denied by default), the headers that every answer
//! carries, and problem details for everything that went wrong. Must never know a resource.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use busbar_charging::fact::Actor;

use super::problem::{Kind, Problem};
use super::{App, Listener};
use crate::alerts::AlertKind;

/// What of `/api` may be read without a token.
const OPEN: [&str; 3] = ["/api/v1/openapi.json", "/api/docs", "/api/docs/"];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every answer. Nothing is loaded from elsewhere, nothing is framed, no script runs.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Who asks, once the token has been seen: an actor for the core.
#[derive(Clone, Debug)]
pub struct Caller(pub Actor);

/// Marks an answer whose status is an error and whose body says it all.
#[derive(Clone, Copy, Debug)]
pub struct KeepBody;

/// The middleware around all routes.
pub async fn guard(
    State((app, listener)): State<(Arc<App>, Arc<Listener>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = app.next_request_id();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    let mut response = match admit(&app, &listener, &mut request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let failed = response.status().is_client_error() || response.status().is_server_error();
    if failed && response.extensions().get::<KeepBody>().is_none() {
        response = with_details(response, &method, &id);
    }
    let status = response.status().as_u16();
    tracing::debug!(request = id, %method, route, status, took = ?started.elapsed(), "answered");
    app.metrics.http_request(&method, &route, response.status(), started.elapsed());
    dress(&mut response, &id);
    response
}

fn admit(app: &App, listener: &Listener, request: &mut Request) -> Result<(), Problem> {
    host_is_served(listener, request)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        origin_is_ours(request.headers(), &host_of(request))?;
    }
    let path = request.uri().path();
    let public = OPEN.contains(&path) || !(path == "/api" || path.starts_with("/api/"));
    if !public {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let actor = authenticate(app, peer, request.headers())?;
        request.extensions_mut().insert(Caller(actor));
    }
    Ok(())
}

/// The host that the client believes to speak to, without its port.
pub(super) fn host_of<B>(request: &axum::http::Request<B>) -> String {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = request.uri().authority().map(|authority| authority.as_str());
    authority.or(named).unwrap_or("").to_ascii_lowercase()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            name
        }
        _ => host,
    }
}

/// Whether a host name can only mean this machine.
pub(super) fn is_loopback_name(host: &str) -> bool {
    let name = without_port(host);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A page of another site whose name was pointed here (DNS rebinding) sends its own name.
fn host_is_served(listener: &Listener, request: &Request) -> Result<(), Problem> {
    let host = host_of(request);
    let listed = listener.hosts.iter().any(|name| name == &host || name == without_port(&host));
    let served = listed
        || if listener.bind.ip().is_loopback() {
            is_loopback_name(&host)
        } else {
            listener.hosts.is_empty() && !host.is_empty()
        };
    if served {
        return Ok(());
    }
    let why = "add it to http.hosts if it is a name of this machine";
    Err(Kind::WrongHost.because(format!("{:?}: {why}", host.chars().take(80).collect::<String>())))
}

/// Browsers say from which site's page a request comes; other clients say nothing.
fn origin_is_ours(headers: &HeaderMap, host: &str) -> Result<(), Problem> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let foreign =
        || Kind::ForeignOrigin.because("changes are accepted from this host's pages only");
    if let Some(origin) = text(header::ORIGIN) {
        let (_, authority) = origin.split_once("://").ok_or_else(foreign)?;
        if authority.to_ascii_lowercase() != host {
            return Err(foreign());
        }
    }
    match text(HeaderName::from_static("sec-fetch-site")) {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(foreign()),
    }
}

fn authenticate(app: &App, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<Actor, Problem> {
    let refused = |why: &str| Kind::Unauthorized.because(why);
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(refused("send `Authorization: Bearer` with the token in <data>/admin.token"));
    };
    let token = value.to_str().ok().and_then(|text| text.split_once(' '));
    match (token, values.next()) {
        (Some((scheme, token)), None) if scheme.eq_ignore_ascii_case("bearer") => {
            if app.is_admin_token(token.trim().as_bytes()) {
                return Ok(Actor::User("admin".into()));
            }
            // The right token is never locked out, whoever else fails from its address.
            let from = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
            app.alerts.raise(AlertKind::FailedToken, &from, "a wrong token was sent to the API");
            app.attempts.check(peer)?;
            app.attempts.failed(peer);
            Err(refused("the token is not valid"))
        }
        _ => Err(refused("the Authorization header is not of the form `Bearer <token>`")),
    }
}

/// Writes the body of everything that went wrong, also of what a library answered by itself.
fn with_details(response: Response, method: &Method, id: &str) -> Response {
    let (mut parts, _) = response.into_parts();
    let problem = parts.extensions.remove::<Problem>().unwrap_or_else(|| {
        let kind = Kind::of_status(parts.status);
        kind.because(match kind {
            Kind::NotFound => "nothing is at this path; /api/docs lists what there is",
            Kind::MethodNotAllowed => "see the Allow header",
            _ => kind.title(),
        })
    });
    let body = serde_json::to_vec(&problem.details(id)).unwrap_or_default();
    parts.status = problem.kind().status();
    parts.headers.remove(header::CONTENT_LENGTH);
    let content = HeaderValue::from_static("application/problem+json");
    parts.headers.insert(header::CONTENT_TYPE, content);
    if parts.status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(request = id, detail = problem.detail(), "a request failed inside");
    }
    let body = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
    Response::from_parts(parts, body)
}

fn dress(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}
