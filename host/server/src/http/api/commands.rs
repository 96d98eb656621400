//! `stations/{id}/commands/{Action}`: any request that the host may send to a station, checked
//! against the schema of the station's version, sent, and answered with the station's own words.
//! Must never send what the schema refuses.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use busbar_charging::action::Done;
use busbar_charging::fact::command::{CommandOutcome, Intent, Priority};
use busbar_charging::fact::station::Dialect;
use busbar_charging::input::Request;
use busbar_charging::units::Millis;
use busbar_ocpp::{ErrorCode, Fault as SchemaFault};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::stations::{find, missing, protocol, subject_of};
use crate::http::App;
use crate::http::body::{JsonText, Path};
use crate::http::etag::idempotency_key;
use crate::http::guard::Caller;
use crate::http::names;
use crate::http::problem::{Fault, Kind, Problem, ProblemDetails};

/// How long a command may wait for its station's line before it is not sent any more.
const QUEUE: Duration = Duration::from_secs(20);
/// What is added for the core to say how it ended.
const GRACE: Duration = Duration::from_secs(5);
/// No more places of a payload are named.
const FAULTS: usize = 50;

/// What a station answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommandDone {
    /// Of the OCPP call.
    message_id: String,
    /// The response's `status`, where it has one.
    status: Option<String>,
    /// The station's response.
    #[schema(value_type = Object)]
    response: Box<RawValue>,
}

/// Sends a request to a station and waits for its response. With an `Idempotency-Key`, the same
/// key sends one call however often it is posted.
#[utoipa::path(
    post, path = "/api/v1/stations/{station}/commands/{action}", tag = "stations",
    params(
        ("station" = String, Path),
        ("action" = String, Path, description = "As the station's version spells it",
            example = "Reset"),
        ("Idempotency-Key" = Option<String>, Header),
    ),
    request_body(content = Object, description = "The request's payload"),
    responses(
        (status = 200, body = CommandDone),
        (status = 404, body = ProblemDetails, description = "No such station or action"),
        (status = 409, body = ProblemDetails, description = "Offline, or expired in the queue"),
        (status = 422, body = ProblemDetails, description = "The payload breaks the schema"),
        (status = 502, body = ProblemDetails, description = "CALLERROR, or outcome unknown"),
        (status = 504, body = ProblemDetails, description = "No answer in time"),
    ),
)]
pub async fn send(
    State(app): State<Arc<App>>,
    Path((station, action)): Path<(String, String)>,
    headers: HeaderMap,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    JsonText(payload): JsonText,
) -> Result<axum::Json<CommandDone>, Problem> {
    let station = names::station(&station)?;
    let key = idempotency_key(&headers)?;
    let row = find(&app, &station).await?.ok_or_else(missing)?;
    let connected = row.connected.ok_or_else(offline)?;
    let intent = intent_of(connected.dialect, &action, &payload)?;
    refuse_secrets(&intent)?;
    let patience = app.site.call_timeout + QUEUE;
    let until = crate::clock::now().plus(Millis(i64::try_from(QUEUE.as_millis()).unwrap_or(0)));
    let request = Request::Command {
        station: station.clone(),
        priority: priority_of(&intent),
        intent,
        action: action.as_str().into(),
        payload: compact(&payload)?,
        until,
        key,
    };
    let asked = app.node.ask(subject_of(&station), actor, request, patience + GRACE);
    match asked.await? {
        Done::Command { outcome, .. } => outcome_of(&action, outcome).map(axum::Json),
        other => {
            tracing::error!(?other, "a command was answered with something else");
            Err(Kind::Internal.because("the core answered something else"))
        }
    }
}

/// Checks a payload and says what it means.
fn intent_of(dialect: Dialect, action: &str, payload: &str) -> Result<Intent, Problem> {
    // Whether it is JSON at all is told apart from whether it fits the schema, as a list never
    // does.
    if !payload.trim_start().starts_with('[') {
        crate::http::body::parse::<serde::de::IgnoredAny>(payload.as_bytes())?;
    }
    busbar_link::intent(dialect, action, payload).map_err(|fault| match fault.code {
        ErrorCode::NotImplemented => Kind::UnknownAction
            .because(format!("{} has no such request", protocol(dialect)))
            .code("NotImplemented"),
        ErrorCode::NotSupported => Kind::UnknownAction
            .because("the station sends this request, it does not take it")
            .code("NotSupported"),
        _ => invalid(dialect, &fault),
    })
}

/// What a command says is remembered for ever: a password must not be in it (PITFALLS 134,
/// ATTACKS 55).
fn refuse_secrets(intent: &Intent) -> Result<(), Problem> {
    let Intent::SetVariables { variables } = intent else { return Ok(()) };
    let secret = |name: &str| {
        name.eq_ignore_ascii_case("AuthorizationKey")
            || name.eq_ignore_ascii_case("BasicAuthPassword")
    };
    match variables.iter().find(|(_, variable, _)| secret(variable)) {
        None => Ok(()),
        Some((_, variable, _)) => Err(Kind::InvalidPayload.because(format!(
            "{variable} is a password, and commands are recorded: set it at the station, and with \
             PUT /api/v1/stations/{{id}} here"
        ))),
    }
}

fn invalid(dialect: Dialect, fault: &SchemaFault) -> Problem {
    let version = busbar_link::version(dialect);
    let faults = fault.violations.iter().take(FAULTS).map(|violation| Fault {
        pointer: violation.path.clone(),
        detail: format!("{}: {}", violation.rule.as_str(), violation.detail),
        code: Some(violation.rule.code().spelling(version).to_owned()),
    });
    Kind::InvalidPayload
        .because(fault.description.clone())
        .code(fault.code.spelling(version))
        .with_faults(faults.collect())
}

/// What takes power away or makes something safe goes first.
fn priority_of(intent: &Intent) -> Priority {
    match intent {
        Intent::RemoteStop { .. } | Intent::Availability { operative: false, .. } => {
            Priority::Safety
        }
        _ => Priority::Operator,
    }
}

fn compact(payload: &str) -> Result<Box<str>, Problem> {
    let trimmed = payload.trim();
    if trimmed.starts_with('{') {
        return Ok(trimmed.into());
    }
    Err(Kind::InvalidPayload.because("a payload is an object"))
}

fn offline() -> Problem {
    Kind::StationOffline.because("nothing was sent")
}

fn outcome_of(action: &str, outcome: CommandOutcome) -> Result<CommandDone, Problem> {
    match outcome {
        CommandOutcome::Answered { response, status, message_id } => Ok(CommandDone {
            message_id: message_id.into(),
            status: status.map(Into::into),
            response: RawValue::from_string(response.into()).map_err(|error| {
                tracing::error!(%error, "a kept response is not JSON");
                Kind::Internal.because("the station's response cannot be read")
            })?,
        }),
        CommandOutcome::Refused { code, description } => Err(Kind::StationRefused
            .because(format!("the station answered {action} with {code}: {description}"))
            .code(&code)),
        CommandOutcome::TimedOut => {
            Err(Kind::StationTimeout.because("it may still be carried out"))
        }
        CommandOutcome::OutcomeUnknown => Err(Kind::OutcomeUnknown
            .because("it is not sent again: look at the station before you repeat it")),
        CommandOutcome::Offline => Err(offline()),
        CommandOutcome::Expired => Err(Kind::CommandExpired
            .because("another one took its place, or the station's line was taken for too long")),
    }
}
