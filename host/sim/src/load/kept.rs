//! Owns the question whether what was acknowledged is there: the states that stations told and the
//! host acknowledged, against what its API tells. Must never count what was not acknowledged.

use std::collections::BTreeMap;

use busbar_ocpp::values::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::Client;
use super::script::State;

/// A state that the host has acknowledged, the newest of its station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) identity: String,
    pub(super) state: State,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Stations whose acknowledged state was looked for.
    pub looked_for: usize,
    /// Those of which the API tells something else.
    pub lost: usize,
    /// A few of them.
    pub samples: Vec<String>,
}

/// Looks for every state through the API.
pub(super) async fn look(
    (address, token): &(String, String),
    told: &[Told],
) -> Result<Kept, String> {
    let mut missing: BTreeMap<&str, State> =
        told.iter().map(|told| (told.identity.as_str(), told.state)).collect();
    let mut kept = Kept { looked_for: missing.len(), ..Kept::default() };
    let mut client = Client::new(address, Some(token));
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/stations?limit=500{cursor}");
        let page = client.request("GET", &path, None).await;
        let page = page.map_err(|error| format!("{path}: {error}"))?.good(&path)?;
        for station in page["items"].as_array().into_iter().flatten() {
            let id = station["id"].as_str().unwrap_or_default();
            if missing.get(id).is_some_and(|state| tells(station, *state)) {
                missing.remove(id);
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    kept.lost = missing.len();
    let sample = |(id, state): (&&str, &State)| {
        let at = Time::from_epoch_ms(state.at_ms);
        format!("{id}: acknowledged {} at {}, not in the API", words(*state)[0], at.as_str())
    };
    kept.samples = missing.iter().take(3).map(sample).collect();
    Ok(kept)
}

/// Whether a station of the API has this state.
fn tells(station: &Value, state: State) -> bool {
    let connectors = station["connectors"].as_array().into_iter().flatten();
    let mut first = connectors.filter(|one| one["evse_id"] == 1 && one["connector_id"] == 1);
    first.any(|connector| {
        let since = connector["since"].as_str().and_then(|text| Time::new(text).ok());
        let status = connector["status"].as_str().unwrap_or_default();
        words(state).contains(&status) && since.is_some_and(|since| since.epoch_ms() == state.at_ms)
    })
}

/// What the API may call it: 1.6 has no word for "occupied", its stations say that they prepare.
fn words(state: State) -> &'static [&'static str] {
    if state.occupied { &["occupied", "preparing"] } else { &["available"] }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_is_kept_only_with_its_time() {
        let station = json!({ "id": "A", "connectors": [
            { "evse_id": 0, "connector_id": 0, "status": "occupied",
              "since": "2026-11-16T10:40:00.000Z" },
            { "evse_id": 1, "connector_id": 1, "status": "available",
              "since": "2026-11-16T10:40:00.000Z" },
        ]});
        let state = |occupied, at_ms| State { occupied, at_ms };
        assert!(tells(&station, state(false, 1_794_825_600_000)));
        assert!(!tells(&station, state(true, 1_794_825_600_000)));
        assert!(!tells(&station, state(false, 1_794_825_600_001)));
        assert!(!tells(&json!({ "id": "A" }), state(false, 1_794_825_600_000)));
    }
}
