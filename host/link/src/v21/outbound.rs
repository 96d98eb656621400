//! Owns what 2.1's answers say. Must never decide what is answered.

use busbar_ocpp::values::List;

crate::v2x::outbound!(v21);

/// Groups are made by the operator.
fn group_kind() -> Str<20> {
    Str::cut("Central")
}

/// 2.1 has a word for a car that gets no schedule, since `Rejected` would end its transaction
/// (PITFALLS 111 and 114).
const NO_PROFILE: wire::NotifyEVChargingNeedsStatusEnumType =
    wire::NotifyEVChargingNeedsStatusEnumType::NoChargingProfile;

/// What a dynamic profile says now; one that nobody of ours holds gets no update (PITFALLS 117).
fn pulled(tenths: Option<i64>) -> String {
    encode(wire::PullDynamicScheduleUpdateResponse {
        schedule_update: tenths.map(super::profile::schedule_update),
        status: match tenths {
            Some(_) => wire::ChargingProfileStatusEnumType::Accepted,
            None => wire::ChargingProfileStatusEnumType::Rejected,
        },
        ..Default::default()
    })
}

/// The plain answer to what needs no decision. Honest where something is asked that this system
/// does not do, as in 2.0.1.
pub(super) fn plain(request: &wire::Request) -> String {
    match request {
        wire::Request::DataTransfer(_) => encode(wire::DataTransferResponse {
            status: wire::DataTransferStatusEnumType::UnknownVendorId,
            ..Default::default()
        }),
        wire::Request::SignCertificate(_) => encode(wire::SignCertificateResponse {
            status: wire::GenericStatusEnumType::Rejected,
            ..Default::default()
        }),
        wire::Request::Get15118EVCertificate(_) => encode(wire::Get15118EVCertificateResponse {
            status: wire::Iso15118EVCertificateStatusEnumType::Failed,
            ..Default::default()
        }),
        wire::Request::GetCertificateStatus(_) => encode(wire::GetCertificateStatusResponse {
            status: wire::GetCertificateStatusEnumType::Failed,
            ..Default::default()
        }),
        other => new_in_21(other),
    }
}

/// The same for what 2.1 added. Streams are recorded as they come, so opening one is accepted.
fn new_in_21(request: &wire::Request) -> String {
    match request {
        wire::Request::GetCertificateChainStatus(asked) => encode(chain_status(asked)),
        wire::Request::OpenPeriodicEventStream(_) => {
            encode(wire::OpenPeriodicEventStreamResponse {
                status: wire::GenericStatusEnumType::Accepted,
                ..Default::default()
            })
        }
        wire::Request::VatNumberValidation(asked) => encode(wire::VatNumberValidationResponse {
            status: wire::GenericStatusEnumType::Rejected,
            vat_number: Str::cut(&asked.vat_number),
            evse_id: asked.evse_id,
            ..Default::default()
        }),
        wire::Request::NotifyAllowedEnergyTransfer(_) => {
            encode(wire::NotifyAllowedEnergyTransferResponse {
                status: wire::NotifyAllowedEnergyTransferStatusEnumType::Rejected,
                ..Default::default()
            })
        }
        _ => "{}".to_owned(),
    }
}

/// No certificate's status is known. It may be asked again at once: the epoch is when the next
/// update was due.
fn chain_status(
    asked: &wire::GetCertificateChainStatusRequest,
) -> wire::GetCertificateChainStatusResponse {
    let statuses =
        asked.certificate_status_requests.iter().map(|request| wire::CertificateStatusType {
            certificate_hash_data: request.certificate_hash_data.clone(),
            source: request.source,
            status: wire::CertificateStatusEnumType::Failed,
            next_update: words::time(Timestamp(0)),
            ..Default::default()
        });
    wire::GetCertificateChainStatusResponse {
        certificate_status: List::new(statuses.collect()).unwrap_or_default(),
        ..Default::default()
    }
}
