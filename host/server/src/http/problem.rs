//! Owns everything that can go wrong over HTTP: a closed list of kinds, each with its status and
//! title, told as RFC 9457 problem details. Must never tell a secret, a path on this machine or
//! what a library said about itself.

use std::fmt;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use busbar_charging::action::Problem as CoreProblem;
use serde::Serialize;
use utoipa::ToSchema;

use crate::node::{AskError, ReadError};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:ident, $title:literal;)*) => {
        /// What kind of problem it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The last part of its `type`.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// Its HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// What it is, in a few words that never change.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

kinds! {
    /// The request cannot be read as HTTP asks.
    BadRequest = "bad-request", BAD_REQUEST, "The request cannot be read";
    /// The body is not JSON.
    MalformedJson = "malformed-json", BAD_REQUEST, "The body is not JSON";
    /// A parameter of the query is unknown or has no meaning.
    InvalidQuery = "invalid-query", BAD_REQUEST, "The query has an unknown or wrong parameter";
    /// A cursor that no page gave.
    InvalidCursor = "invalid-cursor", BAD_REQUEST, "The cursor is not one that a page gave";
    /// A header has no meaning.
    InvalidHeader = "invalid-header", BAD_REQUEST, "A header has a wrong value";
    /// No token, or a wrong one.
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid token is needed";
    /// A request that another site's page made.
    ForeignOrigin = "foreign-origin", FORBIDDEN, "The request comes from another site's page";
    /// There is no such resource.
    NotFound = "not-found", NOT_FOUND, "There is no such resource";
    /// The station's version has no such request.
    UnknownAction = "unknown-action", NOT_FOUND, "The station's version has no such request";
    /// The resource has no such method.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The resource has no such method";
    /// The request did not come in time.
    SlowRequest = "slow-request", REQUEST_TIMEOUT, "The request did not come in time";
    /// It cannot be done in the state that things are in.
    Conflict = "conflict", CONFLICT, "It cannot be done as things stand";
    /// The station is not connected.
    StationOffline = "station-offline", CONFLICT, "The station is not connected";
    /// The command never left.
    CommandExpired = "command-expired", CONFLICT, "The command expired before it was sent";
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED,
        "The resource is at another version";
    /// The body is larger than this resource takes.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is not JSON by its own words.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE,
        "The body has to be application/json";
    /// The host is not served here.
    WrongHost = "wrong-host", MISDIRECTED_REQUEST, "This host name is not served here";
    /// The body is JSON and makes no sense.
    InvalidBody = "invalid-body", UNPROCESSABLE_ENTITY,
        "The body has an unknown, missing or wrong field";
    /// A command's payload breaks the schema of the station's version.
    InvalidPayload = "invalid-payload", UNPROCESSABLE_ENTITY,
        "The payload breaks the schema of the station's version";
    /// A tariff that its plugin cannot prepare.
    InvalidTariff = "invalid-tariff", UNPROCESSABLE_ENTITY,
        "The plugin cannot use this configuration";
    /// A component that this host cannot run.
    InvalidPlugin = "invalid-plugin", UNPROCESSABLE_ENTITY,
        "This is not a plugin that can run here";
    /// Too many wrong tokens.
    TooManyAttempts = "too-many-attempts", TOO_MANY_REQUESTS,
        "Too many wrong tokens came from this address";
    /// Something is broken inside.
    Internal = "internal", INTERNAL_SERVER_ERROR,
        "Something is broken inside; the log has the request's id";
    /// The station answered with an error.
    StationRefused = "station-refused", BAD_GATEWAY, "The station answered with an error";
    /// The connection was lost while the command was under way.
    OutcomeUnknown = "outcome-unknown", BAD_GATEWAY,
        "The connection was lost: the command may have been carried out";
    /// The node takes no requests at the moment.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The node takes no requests at the moment";
    /// The station did not answer in time.
    StationTimeout = "station-timeout", GATEWAY_TIMEOUT, "The station did not answer in time";
    /// The core did not answer in time.
    Overloaded = "overloaded", GATEWAY_TIMEOUT,
        "The node did not answer in time; it may still be done";
}

impl Kind {
    /// Its `type`.
    pub fn urn(self) -> String {
        format!("urn:busbar:problem:{}", self.slug())
    }

    /// What stands for an HTTP status that a library answered with.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::SlowRequest,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::InvalidBody,
            status if status.is_client_error() => Self::BadRequest,
            _ => Self::Internal,
        }
    }

    /// A problem of this kind.
    pub fn because(self, detail: impl Into<String>) -> Problem {
        Problem(Box::new(Inner {
            kind: self,
            detail: detail.into(),
            extra: Extra::default(),
            header: None,
        }))
    }
}

/// A problem, as it happened. The body is written by the guard, which knows the request's id.
#[derive(Clone, Debug)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: Kind,
    detail: String,
    extra: Extra,
    header: Option<(HeaderName, HeaderValue)>,
}

/// What some kinds say beside the members of RFC 9457.
#[derive(Clone, Debug, Default, Serialize)]
struct Extra {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
}

/// A place in the body that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// JSON pointer into the body.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
    /// The code that an OCPP peer would be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Problem details (RFC 9457).
#[derive(Serialize, ToSchema)]
pub struct ProblemDetails {
    /// `urn:busbar:problem:` and the kind.
    pub r#type: String,
    /// What kind it is.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// `urn:busbar:request:` and the id that the log knows.
    pub instance: String,
    /// Places in the body that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// The version that the resource is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_version: Option<u64>,
    /// The code of a station's error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The message id of a command's call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

impl Problem {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What happened.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Names a place in the body that is wrong.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let fault = Fault { pointer: pointer.into(), detail: detail.into(), code: None };
        self.0.extra.errors.push(fault);
        self
    }

    /// Names places in the body that are wrong.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        self.0.extra.errors.extend(faults);
        self
    }

    /// The version that the resource is at.
    #[must_use]
    pub fn current_version(mut self, version: Option<u64>) -> Self {
        self.0.extra.current_version = version;
        self
    }

    /// The code of a station's error.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        self.0.extra.code = Some(code.to_owned());
        self
    }

    /// A header that goes with it.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// As it is told.
    pub fn details(&self, request: &str) -> ProblemDetails {
        let inner = &*self.0;
        ProblemDetails {
            r#type: inner.kind.urn(),
            title: inner.kind.title().to_owned(),
            status: inner.kind.status().as_u16(),
            detail: inner.detail.clone(),
            instance: format!("urn:busbar:request:{request}"),
            errors: inner.extra.errors.clone(),
            current_version: inner.extra.current_version,
            code: inner.extra.code.clone(),
            message_id: inner.extra.message_id.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.title(), self.0.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.kind.status().into_response();
        if let Some((name, value)) = self.0.header.clone() {
            response.headers_mut().insert(name, value);
        }
        if self.0.kind == Kind::Unauthorized {
            let value = HeaderValue::from_static("Bearer realm=\"busbar\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable => {
                Kind::Unavailable.because("the store is being opened: try again in a moment")
            }
            ReadError::Store(error) => {
                tracing::error!(%error, "a read failed");
                Kind::Internal.because("the store cannot be read")
            }
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Unavailable => Kind::Unavailable
                .because("the node starts, stops or opens its store again: try again in a moment"),
            AskError::TimedOut => Kind::Overloaded.because("no answer in time"),
            AskError::Problem(problem) => problem.into(),
        }
    }
}

impl From<CoreProblem> for Problem {
    fn from(problem: CoreProblem) -> Self {
        match problem {
            CoreProblem::NotFound(detail) => Kind::NotFound.because(detail),
            CoreProblem::Conflict(detail) => Kind::Conflict.because(detail),
            CoreProblem::Invalid(detail) => Kind::InvalidBody.because(detail),
            CoreProblem::Precondition(None) => {
                Kind::PreconditionFailed.because("the resource does not exist")
            }
            CoreProblem::Precondition(Some(version)) => Kind::PreconditionFailed
                .because(format!("the resource is at version {version}"))
                .current_version(Some(version)),
        }
    }
}
