//! Owns what 1.6's answers say.
//! Must never send a status that 1.6 does not have (PITFALLS 35).

use busbar_charging::action::Reply;
use busbar_charging::fact::station::{Authorization, AuthorizationStatus, Registration};
use busbar_charging::units::Timestamp;
use busbar_ocpp::v16 as wire;
use busbar_ocpp::values::Str;

use crate::adapter::{Answer, Omitted, Terms};
use crate::words;

/// Writes the payload that answers a call.
pub(crate) fn write(
    answer: &Answer,
    reply: &Reply,
    terms: Terms,
) -> Result<(String, Omitted), &'static str> {
    match (answer, reply) {
        (Answer::Boot, Reply::Boot { registration, .. }) => Ok((boot(*registration, terms), None)),
        (Answer::Authorize, Reply::Authorized(authorization)) => {
            let (id_tag_info, omitted) = id_tag_info(authorization);
            Ok((encode(wire::AuthorizeResponse { id_tag_info, ..Default::default() }), omitted))
        }
        (Answer::Start, Reply::Transaction { transaction, authorization, .. }) => {
            let refused = invalid();
            let (id_tag_info, omitted) = id_tag_info(authorization.as_ref().unwrap_or(&refused));
            let transaction_id =
                transaction.as_str().parse().map_err(|_| "the transaction id is no integer")?;
            let start = wire::StartTransactionResponse {
                id_tag_info,
                transaction_id,
                ..Default::default()
            };
            Ok((encode(start), omitted))
        }
        (Answer::Stop { token }, Reply::Transaction { authorization, .. }) => {
            let told = authorization.as_ref().filter(|_| *token).map(id_tag_info);
            let (id_tag_info, omitted) = told.map_or((None, None), |(info, o)| (Some(info), o));
            Ok((
                encode(wire::StopTransactionResponse { id_tag_info, ..Default::default() }),
                omitted,
            ))
        }
        (Answer::Stop { .. }, Reply::Received) => Ok(("{}".to_owned(), None)),
        (Answer::Plain(payload), Reply::Received | Reply::Transaction { .. }) => {
            Ok((payload.to_string(), None))
        }
        _ => Err("the reply does not answer this action"),
    }
}

/// The answer to a heartbeat.
pub(crate) fn heartbeat(now: Timestamp) -> String {
    encode(wire::HeartbeatResponse { current_time: words::time(now), ..Default::default() })
}

/// The plain answer to what needs no decision. Honest where something is asked that this system
/// does not do: no signing of certificates yet, so `Rejected` rather than silence after
/// `Accepted` (PITFALLS 143); no vendor's DataTransfer is known (PITFALLS 176).
pub(super) fn plain(request: &wire::Request) -> String {
    match request {
        wire::Request::DataTransfer(_) => encode(wire::DataTransferResponse {
            status: wire::DataTransferStatus::UnknownVendorId,
            ..Default::default()
        }),
        wire::Request::SignCertificate(_) => encode(wire::SignCertificateResponse {
            status: wire::GenericStatusEnumType::Rejected,
            ..Default::default()
        }),
        _ => "{}".to_owned(),
    }
}

fn encode(response: impl Into<wire::Response>) -> String {
    response.into().encode()
}

fn boot(registration: Registration, terms: Terms) -> String {
    encode(wire::BootNotificationResponse {
        status: match registration {
            Registration::Accepted => wire::RegistrationStatus::Accepted,
            Registration::Pending => wire::RegistrationStatus::Pending,
            Registration::Rejected => wire::RegistrationStatus::Rejected,
        },
        current_time: words::time(terms.now),
        interval: terms.interval(registration == Registration::Accepted),
        ..Default::default()
    })
}

fn id_tag_info(authorization: &Authorization) -> (wire::IdTagInfo, Omitted) {
    let group = authorization.group.as_deref().map(Str::new);
    let omitted = matches!(group, Some(Err(_))).then_some("the group has more than 20 characters");
    let info = wire::IdTagInfo {
        status: status(authorization.status),
        parent_id_tag: group.and_then(Result::ok),
        expiry_date: authorization.expires.map(words::time),
        ..Default::default()
    };
    (info, omitted)
}

/// 1.6 has five words; what it has none for is `Invalid`.
fn status(status: AuthorizationStatus) -> wire::AuthorizationStatus {
    match status {
        AuthorizationStatus::Accepted => wire::AuthorizationStatus::Accepted,
        AuthorizationStatus::Blocked => wire::AuthorizationStatus::Blocked,
        AuthorizationStatus::Expired => wire::AuthorizationStatus::Expired,
        AuthorizationStatus::ConcurrentTx => wire::AuthorizationStatus::ConcurrentTx,
        AuthorizationStatus::Invalid
        | AuthorizationStatus::Unknown
        | AuthorizationStatus::NotAtThisLocation => wire::AuthorizationStatus::Invalid,
    }
}

/// What a start is told when the core has no word about its token.
fn invalid() -> Authorization {
    let status = AuthorizationStatus::Invalid;
    Authorization { status, group: None, expires: None, master: false }
}
