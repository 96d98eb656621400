//! Owns what a run's charges are priced by: a usual OCPI tariff, and one that a phase may hand to
//! a plugin that misbehaves. Must never need more of the host than its API.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api::Client;

/// The tariff of the stations that charge apart; the plugin behind it changes from phase to phase.
pub(super) const CHANGING: &str = "changing";
/// Its plugin where nothing else is said, which comes with the host.
const HONEST: &str = "pricing-ocpi";

/// Plugins that misbehave, by name: components of a few lines whose texts stand beside them.
pub const GUESTS: [(&str, &[u8]); 7] = [
    ("loop", include_bytes!("../../scenarios/guests/loop.wasm")),
    ("trap", include_bytes!("../../scenarios/guests/trap.wasm")),
    ("memory", include_bytes!("../../scenarios/guests/memory.wasm")),
    ("stack", include_bytes!("../../scenarios/guests/stack.wasm")),
    ("nonsense", include_bytes!("../../scenarios/guests/nonsense.wasm")),
    ("huge", include_bytes!("../../scenarios/guests/huge.wasm")),
    ("currency", include_bytes!("../../scenarios/guests/currency.wasm")),
];

/// Whether a scenario may name this plugin.
pub(super) fn is_known(name: &str) -> bool {
    name == HONEST || is_guest(name)
}

/// Whether this plugin has to be uploaded, which nobody signed.
pub fn is_guest(name: &str) -> bool {
    GUESTS.iter().any(|(guest, _)| *guest == name)
}

/// All that a scenario may name.
pub(super) fn known() -> Vec<&'static str> {
    [HONEST].into_iter().chain(GUESTS.map(|(name, _)| name)).collect()
}

/// The tariffs of a run.
pub(super) struct Tariffs {
    client: Client,
    uploaded: BTreeSet<String>,
}

impl Tariffs {
    pub(super) fn new((address, token): &(String, String)) -> Self {
        Self { client: Client::new(address, Some(token)), uploaded: BTreeSet::new() }
    }

    /// Makes both tariffs; the usual one holds where a station names none.
    pub(super) async fn make(&mut self) -> Result<(), String> {
        self.put("usual", HONEST, true).await?;
        self.put(CHANGING, HONEST, false).await
    }

    /// Hands the changing tariff to another plugin.
    pub(super) async fn hand_to(&mut self, plugin: &str) -> Result<(), String> {
        let guest = GUESTS.iter().find(|(name, _)| *name == plugin);
        if let Some((_, component)) = guest
            && self.uploaded.insert(plugin.to_owned())
        {
            let upload = json!({
                "manifest": manifest(plugin),
                "component": STANDARD.encode(component),
            });
            self.send("POST", "/api/v1/plugins", &upload).await?;
        }
        self.put(CHANGING, plugin, false).await
    }

    async fn put(&mut self, id: &str, plugin: &str, default: bool) -> Result<(), String> {
        let configuration = if plugin == HONEST { configuration(id) } else { json!({}) };
        let tariff = json!({
            "currency": "EUR", "plugin": plugin, "configuration": configuration,
            "default": default,
        });
        self.send("PUT", &format!("/api/v1/tariffs/{id}"), &tariff).await
    }

    async fn send(&mut self, method: &str, path: &str, body: &Value) -> Result<(), String> {
        let answer = self.client.request(method, path, Some(body)).await;
        answer.map_err(|error| format!("{path}: {error}"))?.good(path).map(|_| ())
    }
}

/// The `plugin.toml` of a guest.
fn manifest(name: &str) -> String {
    format!(
        "name = \"{name}\"\nversion = \"1.0.0\"\nworld = \"pricing\"\nwit = \"0.1\"\n\
         description = \"misbehaves: {name}\"\nlicence = \"Apache-2.0\"\n"
    )
}

/// 0.49 a kWh, 0.35 a session, 6.00 an hour of standing there without charging; 19 % on top.
fn configuration(id: &str) -> Value {
    let component = |kind: &str, price: f64, step_size: u32| {
        let vat = 19.0;
        json!({ "type": kind, "price": price, "vat": vat, "step_size": step_size })
    };
    json!({
        "country_code": "DE", "party_id": "BBR", "id": id, "currency": "EUR",
        "elements": [{ "price_components": [
            component("ENERGY", 0.49, 1),
            component("FLAT", 0.35, 1),
            component("PARKING_TIME", 6.0, 60),
        ]}],
        "last_updated": "2026-01-01T00:00:00Z",
    })
}
