//! Owns how 1.6 is asked what it can do with charging profiles. Must never judge what it says.

use busbar_ocpp::Leniency;
use busbar_ocpp::v16 as wire;
use busbar_ocpp::values::Str;

use crate::profile::Message;
use crate::question::KEYS;

/// GetConfiguration.
pub(crate) fn ask() -> Message {
    let keys = KEYS.iter().map(|key| Str::cut(key)).collect();
    let request = wire::GetConfigurationRequest { key: Some(keys), ..Default::default() };
    Message { action: "GetConfiguration", payload: wire::Request::from(request).encode() }
}

/// Keys and their values, of those that the station knows.
pub(crate) fn values(response: &str) -> Result<Vec<(String, String)>, String> {
    let decoded = wire::Response::decode("GetConfiguration", response, Leniency::Tolerant);
    let wire::Response::GetConfiguration(answer) =
        decoded.map_err(|fault| fault.description)?.message
    else {
        return Err("another answer".to_owned());
    };
    let keys = answer.configuration_key.iter().flatten();
    let known = keys.filter_map(|known| {
        Some((known.key.as_str().to_owned(), known.value.as_ref()?.as_str().to_owned()))
    });
    Ok(known.collect())
}
