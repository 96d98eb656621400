//! Owns what a request of an operator means to the core.
//! Must never let through what a strict station would refuse by its schema.

use busbar_charging::fact::command::Intent;
use busbar_charging::fact::station::Dialect;
use busbar_charging::ids::{IdToken, TokenKind, TransactionId};
use busbar_ocpp::{ErrorCode, Fault, Leniency, Side, v16, v21, v201};

use crate::adapter::action_fault;
use crate::words::{place, version, within};

/// What `action` with `payload`, JSON text, means when it is sent to a station of `dialect`.
///
/// # Errors
/// NotImplemented when the version has no such action, NotSupported when it is the station's to
/// send, else the first rule of its schema that the payload breaks, strictly.
pub fn intent(dialect: Dialect, action: &str, payload: &str) -> Result<Intent, Fault> {
    busbar_ocpp::accepts(version(dialect), Side::Station, action).map_err(|code| {
        let description = match code {
            ErrorCode::NotSupported => "this action is sent by the station",
            _ => "no such action in the station's version",
        };
        action_fault(code, description)
    })?;
    let strict = Leniency::Strict;
    Ok(match dialect {
        Dialect::V16 => in_16(&v16::Request::decode(action, payload, strict)?.message),
        Dialect::V201 => in_201(&v201::Request::decode(action, payload, strict)?.message),
        Dialect::V21 => in_21(&v21::Request::decode(action, payload, strict)?.message),
    })
}

fn in_16(request: &v16::Request) -> Intent {
    match request {
        v16::Request::RemoteStartTransaction(start) => Intent::RemoteStart {
            evse: start.connector_id.and_then(within),
            token: IdToken::new(TokenKind::Iso14443, &start.id_tag),
            remote_start: None,
        },
        v16::Request::RemoteStopTransaction(stop) => {
            let id = stop.transaction_id.to_string();
            Intent::RemoteStop { transaction: TransactionId::from(id.as_str()) }
        }
        v16::Request::Reset(_) => Intent::Reset,
        v16::Request::UnlockConnector(unlock) => unlock_at(place(unlock.connector_id)),
        v16::Request::ChangeAvailability(change) => Intent::Availability {
            evse: within(change.connector_id),
            operative: change.r#type == v16::AvailabilityType::Operative,
        },
        v16::Request::TriggerMessage(trigger) => triggered(trigger.requested_message.as_str()),
        v16::Request::ExtendedTriggerMessage(trigger) => {
            triggered(trigger.requested_message.as_str())
        }
        v16::Request::ChangeConfiguration(change) => {
            let variable = ("".into(), change.key.as_str().into(), change.value.as_str().into());
            Intent::SetVariables { variables: vec![variable] }
        }
        _ => Intent::Other,
    }
}

/// The meaning of a 2.x request: the same names in both versions, of types of their own.
macro_rules! in_2x {
    ($name:ident, $version:ident) => {
        fn $name(request: &$version::Request) -> Intent {
            match request {
                $version::Request::RequestStartTransaction(start) => Intent::RemoteStart {
                    evse: start.evse_id.and_then(within),
                    token: IdToken::new(
                        IdToken::kind_from_name(start.id_token.r#type.as_str()),
                        &start.id_token.id_token,
                    ),
                    remote_start: Some(start.remote_start_id),
                },
                $version::Request::RequestStopTransaction(stop) => Intent::RemoteStop {
                    transaction: TransactionId::from(stop.transaction_id.as_str()),
                },
                $version::Request::Reset(_) => Intent::Reset,
                $version::Request::UnlockConnector(unlock) => unlock_at(place(unlock.evse_id)),
                $version::Request::ChangeAvailability(change) => Intent::Availability {
                    evse: change.evse.as_ref().and_then(|evse| within(evse.id)),
                    operative: change.operational_status
                        == $version::OperationalStatusEnumType::Operative,
                },
                $version::Request::TriggerMessage(trigger) => {
                    triggered(trigger.requested_message.as_str())
                }
                $version::Request::GetReport(_) | $version::Request::GetBaseReport(_) => {
                    triggered("NotifyReport")
                }
                $version::Request::SetVariables(set) => {
                    let variables = set.set_variable_data.iter().map(|data| {
                        let component =
                            named(&data.component.name, data.component.instance.as_deref());
                        let variable =
                            named(&data.variable.name, data.variable.instance.as_deref());
                        (component, variable, data.attribute_value.as_str().into())
                    });
                    Intent::SetVariables { variables: variables.collect() }
                }
                _ => Intent::Other,
            }
        }
    };
}

in_2x!(in_201, v201);
in_2x!(in_21, v21);

/// A place that is no number has no connector to unlock: the station will say so.
fn unlock_at(evse: Option<u32>) -> Intent {
    evse.map_or(Intent::Other, |evse| Intent::Unlock { evse })
}

/// What a trigger makes come: the certificates of every kind come as SignCertificate.
fn triggered(message: &str) -> Intent {
    let is_certificate = message.starts_with("Sign") && message.ends_with("Certificate");
    let action = if is_certificate { "SignCertificate" } else { message };
    Intent::Trigger { action: action.into() }
}

/// A component or variable, with its instance where it has one.
fn named(name: &str, instance: Option<&str>) -> Box<str> {
    match instance {
        Some(instance) => format!("{name}[{instance}]").into(),
        None => name.into(),
    }
}
