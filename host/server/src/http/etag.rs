//! Owns versions over HTTP: `ETag`, `If-Match`, `If-None-Match` (RFC 9110 section 13) and
//! `Idempotency-Key`. Must never guess: a header that cannot be read is a problem.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use busbar_charging::input::Precondition;
use serde::Serialize;

use super::problem::{Kind, Problem};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a change asks of the version that is there. `If-Match: *` is true of any version that
/// exists, so it needs the current one.
///
/// # Errors
/// A header that cannot be read, or `If-Match: *` where nothing exists.
pub fn precondition(
    headers: &HeaderMap,
    current: impl FnOnce() -> Option<u64>,
) -> Result<Precondition, Problem> {
    let wrong = |name: &HeaderName| {
        Kind::InvalidHeader.because(format!("{name}: send one ETag that GET gave, or *"))
    };
    let one = |name: HeaderName| match single(headers, &name) {
        Ok(value) => Ok(value),
        Err(()) => Err(wrong(&name)),
    };
    match (one(header::IF_MATCH)?, one(header::IF_NONE_MATCH)?) {
        (None, None) => Ok(Precondition::None),
        (None, Some("*")) => Ok(Precondition::Absent),
        (None, Some(_)) => Err(wrong(&header::IF_NONE_MATCH)),
        (Some(_), Some(_)) => Err(Kind::InvalidHeader.because("send If-Match or If-None-Match")),
        (Some("*"), None) => match current() {
            Some(version) => Ok(Precondition::Version(version)),
            None => Err(Kind::PreconditionFailed.because("the resource does not exist")),
        },
        (Some(tag), None) => {
            parse(tag).map(Precondition::Version).ok_or_else(|| wrong(&header::IF_MATCH))
        }
    }
}

/// A resource with its version; 304 where the client has it.
pub fn versioned<T: Serialize>(headers: &HeaderMap, version: u64, body: &T) -> Response {
    let tag = format!("\"{version}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let known = known.is_some_and(|known| {
        known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag || one.trim() == "*")
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        axum::Json(body).into_response()
    };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// The caller's `Idempotency-Key`.
///
/// # Errors
/// It is not 1 to 200 printable characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<Box<str>>, Problem> {
    let wrong = || Kind::InvalidHeader.because("Idempotency-Key: 1 to 200 printable characters");
    let value = single(headers, &IDEMPOTENCY_KEY).map_err(|()| wrong())?;
    let Some(key) = value else { return Ok(None) };
    let printable = key.bytes().all(|b| (0x20..0x7F).contains(&b));
    if key.is_empty() || key.len() > 200 || !printable {
        return Err(wrong());
    }
    Ok(Some(key.into()))
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|text| Some(text.trim())).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

fn parse(tag: &str) -> Option<u64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}
