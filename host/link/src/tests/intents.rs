//! What an operator's requests mean, and which are refused.

use busbar_charging::fact::command::Intent;
use busbar_charging::fact::station::Dialect;
use busbar_charging::ids::{IdToken, TokenKind};
use busbar_ocpp::ErrorCode;

use super::support::*;
use crate::intent;

fn trigger(action: &str) -> Intent {
    Intent::Trigger { action: action.into() }
}

#[test]
fn meanings_of_16() {
    let token = || IdToken::new(TokenKind::Iso14443, "ab");
    for (action, payload, expected) in [
        (
            "RemoteStartTransaction",
            r#"{"idTag":"ab","connectorId":2}"#,
            Intent::RemoteStart { evse: Some(2), token: token(), remote_start: None },
        ),
        (
            "RemoteStartTransaction",
            r#"{"idTag":"ab"}"#,
            Intent::RemoteStart { evse: None, token: token(), remote_start: None },
        ),
        (
            "RemoteStopTransaction",
            r#"{"transactionId":7}"#,
            Intent::RemoteStop { transaction: "7".into() },
        ),
        ("Reset", r#"{"type":"Hard"}"#, Intent::Reset),
        ("UnlockConnector", r#"{"connectorId":1}"#, Intent::Unlock { evse: 1 }),
        (
            "ChangeAvailability",
            r#"{"connectorId":0,"type":"Inoperative"}"#,
            Intent::Availability { evse: None, operative: false },
        ),
        (
            "TriggerMessage",
            r#"{"requestedMessage":"StatusNotification"}"#,
            trigger("StatusNotification"),
        ),
        (
            "ExtendedTriggerMessage",
            r#"{"requestedMessage":"SignChargePointCertificate"}"#,
            trigger("SignCertificate"),
        ),
        (
            "ChangeConfiguration",
            r#"{"key":"HeartbeatInterval","value":"60"}"#,
            Intent::SetVariables {
                variables: vec![("".into(), "HeartbeatInterval".into(), "60".into())],
            },
        ),
        ("GetConfiguration", "{}", Intent::Other),
    ] {
        assert_eq!(intent(Dialect::V16, action, payload).unwrap(), expected, "{action}");
    }
}

#[test]
fn meanings_of_2x() {
    for dialect in TWO {
        for (action, payload, expected) in [
            (
                "RequestStartTransaction",
                r#"{"idToken":{"idToken":"x","type":"Central"},"remoteStartId":9,"evseId":1}"#,
                Intent::RemoteStart {
                    evse: Some(1),
                    token: IdToken::new(TokenKind::Central, "x"),
                    remote_start: Some(9),
                },
            ),
            (
                "RequestStopTransaction",
                r#"{"transactionId":"t"}"#,
                Intent::RemoteStop { transaction: "t".into() },
            ),
            ("Reset", r#"{"type":"OnIdle","evseId":1}"#, Intent::Reset),
            ("UnlockConnector", r#"{"evseId":2,"connectorId":1}"#, Intent::Unlock { evse: 2 }),
            (
                "ChangeAvailability",
                r#"{"operationalStatus":"Operative","evse":{"id":3}}"#,
                Intent::Availability { evse: Some(3), operative: true },
            ),
            (
                "GetBaseReport",
                r#"{"requestId":1,"reportBase":"FullInventory"}"#,
                trigger("NotifyReport"),
            ),
            ("GetReport", r#"{"requestId":1}"#, trigger("NotifyReport")),
            (
                "TriggerMessage",
                r#"{"requestedMessage":"SignV2GCertificate"}"#,
                trigger("SignCertificate"),
            ),
            (
                "SetVariables",
                r#"{"setVariableData":[{"attributeValue":"60","variable":{"name":"Interval",
                    "instance":"a"},"component":{"name":"OCPPCommCtrlr"}}]}"#,
                Intent::SetVariables {
                    variables: vec![("OCPPCommCtrlr".into(), "Interval[a]".into(), "60".into())],
                },
            ),
            ("ClearCache", "{}", Intent::Other),
        ] {
            assert_eq!(intent(dialect, action, payload).unwrap(), expected, "{action}");
        }
    }
}

#[test]
fn what_a_strict_station_would_refuse_is_refused_here() {
    for (dialect, action, payload, code, path) in [
        (Dialect::V16, "RequestStartTransaction", "{}", ErrorCode::NotImplemented, ""),
        (Dialect::V16, "BootNotification", "{}", ErrorCode::NotSupported, ""),
        (Dialect::V201, "ChangeConfiguration", "{}", ErrorCode::NotImplemented, ""),
        (Dialect::V21, "NotifyEvent", "{}", ErrorCode::NotSupported, ""),
        (Dialect::V16, "Reset", "{}", ErrorCode::OccurrenceConstraintViolation, "/type"),
        (
            Dialect::V16,
            "Reset",
            r#"{"type":"Maybe"}"#,
            ErrorCode::PropertyConstraintViolation,
            "/type",
        ),
        (Dialect::V16, "Reset", r#"{"type":"Soft","x":1}"#, ErrorCode::FormatViolation, ""),
        (Dialect::V16, "Reset", "[]", ErrorCode::FormatViolation, ""),
        (
            Dialect::V201,
            "UnlockConnector",
            r#"{"evseId":"1","connectorId":1}"#,
            ErrorCode::TypeConstraintViolation,
            "/evseId",
        ),
    ] {
        let fault = intent(dialect, action, payload).unwrap_err();
        assert_eq!((fault.code, fault.path.as_str()), (code, path), "{action} {payload}");
    }
}
