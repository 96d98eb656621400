//! Owns what 2.0.1's answers say. Must never decide what is answered.

crate::v2x::outbound!(v201);

/// Groups are made by the operator.
fn group_kind() -> wire::IdTokenEnumType {
    wire::IdTokenEnumType::Central
}

/// It makes no schedule for the car, and says so at once (PITFALLS 111).
const NO_PROFILE: wire::NotifyEVChargingNeedsStatusEnumType =
    wire::NotifyEVChargingNeedsStatusEnumType::Rejected;

/// 2.0.1 has no dynamic profiles, and nobody asks for one.
fn pulled(_tenths: Option<i64>) -> String {
    "{}".to_owned()
}

/// The plain answer to what needs no decision. Honest where something is asked that this system
/// does not do: it signs and looks up no certificates yet, and says so at once instead of
/// `Accepted` and silence (PITFALLS 143, 150, 152, 176).
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
        _ => "{}".to_owned(),
    }
}
