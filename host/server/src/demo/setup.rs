//! Owns what an operator would type to set the network up: tariffs, tokens, stations, remote
//! starts, all through the API. Must never take another way.

use busbar_ocpp::Version;
use busbar_sim::load::api::Client;
use busbar_sim::socket::AppStart;
use serde_json::{Value, json};

use super::network::Cast;

/// Installs the network.
///
/// # Errors
/// What the API says no to.
pub(super) async fn install(client: &mut Client, cast: &Cast) -> Result<(), String> {
    put(client, "/api/v1/tariffs/street", &street()).await?;
    put(client, "/api/v1/tariffs/fast", &fast()).await?;
    for token in &cast.tokens {
        put(client, &format!("/api/v1/tokens/{}", token.id), &json!({})).await?;
    }
    for actor in &cast.actors {
        let tariff = if actor.fast { "fast" } else { "street" };
        let body = json!({ "password": actor.password, "tariff_id": tariff });
        let identity = &actor.scene.station().spec().identity;
        put(client, &format!("/api/v1/stations/{identity}"), &body).await?;
    }
    Ok(())
}

/// Starts a charge for a driver's app.
///
/// # Errors
/// What the API or the station says no to.
pub(super) async fn remote_start(client: &mut Client, ask: &AppStart) -> Result<(), String> {
    let station = &ask.identity;
    let what = client.request("GET", &format!("/api/v1/stations/{station}"), None).await;
    let station_now = what.map_err(|error| error.to_string())?.good(station)?;
    let old = station_now["connection"]["protocol"] == Version::V16.subprotocol();
    let (action, body) = if old {
        let body = json!({ "connectorId": ask.evse, "idTag": ask.token.id });
        ("RemoteStartTransaction", body)
    } else {
        let token = json!({ "idToken": ask.token.id, "type": "ISO14443" });
        let id = u32::from(ask.evse) + busbar_sim::socket::now_ms() as u32 % 1_000_000_000;
        let body = json!({ "evseId": ask.evse, "idToken": token, "remoteStartId": id });
        ("RequestStartTransaction", body)
    };
    let path = format!("/api/v1/stations/{station}/commands/{action}");
    let answer = client.request("POST", &path, Some(&body)).await;
    answer.map_err(|error| error.to_string())?.good(&path).map(|_| ())
}

async fn put(client: &mut Client, path: &str, body: &Value) -> Result<(), String> {
    let answer = client.request("PUT", path, Some(body)).await;
    answer.map_err(|error| format!("{path}: {error}"))?.good(path).map(|_| ())
}

/// A start fee, energy, and every minute begun; 19 % of tax on all.
fn street() -> Value {
    tariff("STREET", true, &[("FLAT", "0.50", 1), ("ENERGY", "0.39", 1), ("TIME", "1.20", 60)])
}

fn fast() -> Value {
    tariff("FAST", false, &[("FLAT", "1.00", 1), ("ENERGY", "0.59", 1)])
}

fn tariff(id: &str, default: bool, components: &[(&str, &str, u32)]) -> Value {
    let component = |(kind, price, step): &(&str, &str, u32)| {
        // Prices are numbers in OCPI: taken from their text, so that they stay what they are.
        let price: Value = serde_json::from_str(price).unwrap_or(Value::Null);
        json!({ "type": kind, "price": price, "vat": 19, "step_size": step })
    };
    let components: Vec<_> = components.iter().map(component).collect();
    json!({
        "currency": "EUR",
        "default": default,
        "configuration": {
            "country_code": "DE",
            "party_id": "BUS",
            "id": id,
            "currency": "EUR",
            "elements": [{ "price_components": components }],
            "last_updated": "2026-01-01T00:00:00Z",
        },
    })
}
