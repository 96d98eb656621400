//! Owns how bodies, queries and paths are read: limited in size and time, each wrong thing with
//! its own problem. Must never let a library answer a client by itself.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::problem::{Kind, Problem};

/// No body may take longer to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest body, where a resource says nothing else.
const LARGEST: usize = 1 << 20;

/// A JSON body of at most `LIMIT` bytes.
pub struct Json<T, const LIMIT: usize = LARGEST>(pub T);

impl<S: Send + Sync, T: DeserializeOwned, const LIMIT: usize> FromRequest<S> for Json<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        is_json(request.headers())?;
        let body = whole(request, LIMIT, PATIENCE).await?;
        parse(&body).map(Self)
    }
}

/// A body as it came, which has to be JSON by its own words.
pub struct JsonText(pub String);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        is_json(request.headers())?;
        let body = whole(request, LARGEST, PATIENCE).await?;
        let text = String::from_utf8(body.into())
            .map_err(|_| Kind::MalformedJson.because("the body is not UTF-8"))?;
        Ok(Self(text))
    }
}

/// The query, without unknown parameters.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(
            |error| {
                let text = error.body_text();
                let detail = text.rsplit_once("query string: ").map_or(&*text, |(_, why)| why);
                Kind::InvalidQuery.because(detail)
            },
        )
    }
}

/// The parts of the path, decoded once.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(_) => Err(Kind::NotFound.because("the path has a part that cannot be one")),
        }
    }
}

fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content.unwrap_or("").split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let named = if essence.is_empty() { "no Content-Type".into() } else { format!("{essence:?}") };
    Err(Kind::UnsupportedMediaType.because(format!("it came with {named}")))
}

async fn whole(request: Request, limit: usize, patience: Duration) -> Result<Bytes, Problem> {
    let too_large = || Kind::TooLarge.because(format!("this resource takes {limit} bytes at most"));
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let collected = Limited::new(request.into_body(), limit).collect();
    match tokio::time::timeout(patience, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Kind::BadRequest.because("the body broke off")),
        Err(_) => Err(Kind::SlowRequest.because(format!("it took longer than {patience:?}"))),
    }
}

/// Reads a JSON body.
///
/// # Errors
/// It is not JSON, or not of this type.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Err(Kind::MalformedJson.because("the body is empty"));
    }
    if body.trim_ascii_start().starts_with(b"[") {
        // serde would read the fields of a struct from it, one after the other.
        return Err(Kind::InvalidBody.because("a list stands where an object is wanted"));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Kind::InvalidBody.because(error.to_string()),
        _ => Kind::MalformedJson.because(error.to_string()),
    })
}

#[cfg(test)]
mod tests;
