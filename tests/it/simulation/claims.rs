//! Owns what an acknowledged message promises: the fact that must be durable before its answer
//! leaves. Must never share code with `link`: it reads the frames by itself.

use busbar_charging::fact::Fact;
use busbar_charging::fact::metering::ReportKind;
use busbar_ocpp::Version;
use serde_json::Value;

use super::truth::time;

/// What must be remembered, as a name; `counted` where every message makes a fact of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) name: String,
    pub(super) counted: bool,
}

/// What the answer to a call promises, if anything.
pub(super) fn of_call(
    version: Version,
    station: &str,
    action: &str,
    payload: &Value,
) -> Option<Claim> {
    let once = |name: String| Some(Claim { name, counted: false });
    let each = |name: String| Some(Claim { name, counted: true });
    let at = time(&payload["timestamp"]);
    match action {
        "StartTransaction" => once(format!("tx {station} Started {at}")),
        "StopTransaction" => once(format!("tx {station} Ended {at}")),
        "MeterValues" if payload["transactionId"].as_i64().is_some_and(|id| id > 0) => {
            let values = payload["meterValue"].as_array()?;
            let first = values.iter().map(|value| time(&value["timestamp"])).min()?;
            once(format!("tx {station} Updated {first}"))
        }
        "TransactionEvent" => {
            let tx = payload["transactionInfo"]["transactionId"].as_str()?;
            once(format!("event {station} {tx} {}", payload["seqNo"]))
        }
        "StatusNotification" => {
            let evse = if version == Version::V16 { "connectorId" } else { "evseId" };
            let at = if version == Version::V16 { time(&payload["timestamp"]) } else { at };
            once(format!("status {station} {} {at}", payload[evse]))
        }
        "BootNotification" => each(format!("boot {station}")),
        "Authorize" => {
            let token = payload["idTag"].as_str().or(payload["idToken"]["idToken"].as_str())?;
            each(format!("token {station} {}", token.to_uppercase()))
        }
        _ => None,
    }
}

/// What a durable fact keeps.
pub(super) fn kept(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::TransactionReported(told) => match told.report.seq {
            Some(seq) => format!("event {} {} {seq}", told.station, told.transaction),
            None => {
                let kind = match told.report.kind {
                    ReportKind::Started => "Started",
                    ReportKind::Updated => "Updated",
                    ReportKind::Ended => "Ended",
                };
                format!("tx {} {kind} {}", told.station, told.report.at.0)
            }
        },
        Fact::StationStatus(told) => {
            format!("status {} {} {}", told.station, told.evse, told.reported.0)
        }
        Fact::StationBooted(told) => format!("boot {}", told.station),
        Fact::TokenPresented(told) => format!("token {} {}", told.station, told.token.value()),
        _ => return None,
    })
}
