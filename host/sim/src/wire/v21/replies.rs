//! Owns the answers of a 2.1 station about its device model, and the plausible ones to orders
//! that change nothing here. Must never act but for the report that an answer promises.

use busbar_ocpp::Leniency;
use busbar_ocpp::v21::{self as ocpp, Request, Response};
use busbar_ocpp::values::List;

use super::super::text;
use crate::settings::{Setting, Written};
use crate::station::Station;
use crate::words::Report;

/// What a station without the function says, where `Accepted` would be a promise.
const HONEST: [(&str, &str); 12] = [
    ("ClearDisplayMessage", "Unknown"),
    ("CustomerInformation", "Rejected"),
    ("DataTransfer", "UnknownVendorId"),
    ("DeleteCertificate", "NotFound"),
    ("GetDERControl", "NotFound"),
    ("GetDisplayMessages", "Unknown"),
    ("GetInstalledCertificateIds", "NotFound"),
    ("GetMonitoringReport", "EmptyResultSet"),
    ("GetTariffs", "NoTariff"),
    ("PublishFirmware", "Rejected"),
    ("SetNetworkProfile", "Rejected"),
    ("UnpublishFirmware", "NoFirmware"),
];

/// Orders about the device model; gives back what is none.
pub(super) fn model(station: &mut Station, request: Request) -> Result<Response, Request> {
    Ok(match request {
        Request::GetVariables(get) => {
            let results = get.get_variable_data.iter().map(|asked| read(station, asked));
            ocpp::GetVariablesResponse {
                get_variable_result: List::new(results.collect()).unwrap_or_default(),
                ..Default::default()
            }
            .into()
        }
        Request::SetVariables(set) => {
            let results = set.set_variable_data.iter().map(|wanted| write(station, wanted));
            ocpp::SetVariablesResponse {
                set_variable_result: List::new(results.collect()).unwrap_or_default(),
                ..Default::default()
            }
            .into()
        }
        Request::GetBaseReport(get) => {
            report(station, get.request_id);
            ocpp::GetBaseReportResponse::default().into()
        }
        Request::GetReport(get) => {
            report(station, get.request_id);
            ocpp::GetReportResponse::default().into()
        }
        Request::ClearVariableMonitoring(clear) => {
            let results = clear.id.iter().map(|id| ocpp::ClearMonitoringResultType {
                status: ocpp::ClearMonitoringStatusEnumType::NotFound,
                id: *id,
                ..Default::default()
            });
            ocpp::ClearVariableMonitoringResponse {
                clear_monitoring_result: List::new(results.collect()).unwrap_or_default(),
                ..Default::default()
            }
            .into()
        }
        Request::SetVariableMonitoring(set) => {
            let results =
                set.set_monitoring_data.iter().map(|wanted| ocpp::SetMonitoringResultType {
                    status: ocpp::SetMonitoringStatusEnumType::UnsupportedMonitorType,
                    r#type: wanted.r#type,
                    severity: wanted.severity,
                    component: wanted.component.clone(),
                    variable: wanted.variable.clone(),
                    ..Default::default()
                });
            ocpp::SetVariableMonitoringResponse {
                set_monitoring_result: List::new(results.collect()).unwrap_or_default(),
                ..Default::default()
            }
            .into()
        }
        other => return Err(other),
    })
}

/// An answer that the schema allows and that a simple station would give; none when there is no
/// simple one.
pub(super) fn plausible(station: &mut Station, request: &Request) -> Option<String> {
    match request {
        Request::UpdateFirmware(update) => {
            let request_id = Some(update.request_id);
            station.report(Report::Firmware { request_id, signed: true });
        }
        Request::GetLog(get) => {
            station.report(Report::Log { request_id: Some(get.request_id) });
        }
        _ => {}
    }
    let action = request.action();
    let honest = HONEST.iter().find(|(of, _)| *of == action).map(|(_, status)| *status);
    let status = honest.unwrap_or("Accepted");
    let candidates = [format!("{{\"status\":\"{status}\"}}"), "{}".to_owned()];
    let fits = |text: &String| Response::decode(action, text, Leniency::Strict).is_ok();
    candidates.into_iter().find(fits)
}

fn report(station: &mut Station, request_id: i64) {
    let (at_ms, settings) = (station.clock_ms(), station.variables());
    station.report(Report::Variables { request_id, at_ms, settings });
}

fn read(station: &Station, asked: &ocpp::GetVariableDataType) -> ocpp::GetVariableResultType {
    let (component, variable) = (asked.component.name.as_str(), asked.variable.name.as_str());
    let found = station.settings().by_variable(component, variable);
    let actual = asked.attribute_type.is_none_or(|of| of == ocpp::AttributeEnumType::Actual);
    let status = match found {
        Some(_) if actual => ocpp::GetVariableStatusEnumType::Accepted,
        Some(_) => ocpp::GetVariableStatusEnumType::NotSupportedAttributeType,
        None if has_component(station, component) => {
            ocpp::GetVariableStatusEnumType::UnknownVariable
        }
        None => ocpp::GetVariableStatusEnumType::UnknownComponent,
    };
    ocpp::GetVariableResultType {
        attribute_status: status,
        attribute_type: asked.attribute_type,
        attribute_value: found.filter(|_| actual).map(|setting| text(&setting.value)),
        component: asked.component.clone(),
        variable: asked.variable.clone(),
        ..Default::default()
    }
}

fn write(station: &mut Station, wanted: &ocpp::SetVariableDataType) -> ocpp::SetVariableResultType {
    let (component, variable) = (wanted.component.name.as_str(), wanted.variable.name.as_str());
    let key = station.settings().by_variable(component, variable).map(|setting| setting.key);
    let actual = wanted.attribute_type.is_none_or(|of| of == ocpp::AttributeEnumType::Actual);
    let status = match key {
        Some(_) if !actual => ocpp::SetVariableStatusEnumType::NotSupportedAttributeType,
        Some(key) => match station.write(key, wanted.attribute_value.as_str()) {
            Written::Accepted => ocpp::SetVariableStatusEnumType::Accepted,
            Written::Rejected | Written::Unknown => ocpp::SetVariableStatusEnumType::Rejected,
        },
        None if has_component(station, component) => {
            ocpp::SetVariableStatusEnumType::UnknownVariable
        }
        None => ocpp::SetVariableStatusEnumType::UnknownComponent,
    };
    ocpp::SetVariableResultType {
        attribute_type: wanted.attribute_type,
        attribute_status: status,
        component: wanted.component.clone(),
        variable: wanted.variable.clone(),
        ..Default::default()
    }
}

fn has_component(station: &Station, name: &str) -> bool {
    let mut all = station.settings().iter();
    all.any(|setting: &Setting| setting.component.eq_ignore_ascii_case(name))
}
