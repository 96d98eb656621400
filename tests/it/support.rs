//! Owns what several proofs need: a host in a folder of its own, its API from outside, and the
//! tariff that everything is priced by. Must never reach into the host past its public doors.

pub(crate) mod api;
pub(crate) mod guest;
pub(crate) mod host;
pub(crate) mod numbered;
pub(crate) mod process;
pub(crate) mod small_disk;
pub(crate) mod station;

pub(crate) use api::{Answer, Api};
pub(crate) use host::TestHost;
pub(crate) use process::Process;

use serde_json::{Value, json};

/// 0.49 a kWh, 0.35 a session, 6.00 an hour of standing there without charging; 19 % on top.
pub(crate) fn usual_tariff() -> Value {
    tariff_of("0.49")
}

/// The usual tariff at another price per kWh.
pub(crate) fn tariff_of(per_kwh: &str) -> Value {
    let price: Value = serde_json::from_str(per_kwh).unwrap();
    let component = |kind: &str, price: &Value, step: u32| {
        let (vat, price) = (json!(19.0), price.clone());
        json!({ "type": kind, "price": price, "vat": vat, "step_size": step })
    };
    json!({
        "country_code": "DE", "party_id": "BBR", "id": "usual", "currency": "EUR",
        "elements": [{ "price_components": [
            component("ENERGY", &price, 1),
            component("FLAT", &json!(0.35), 1),
            component("PARKING_TIME", &json!(6.0), 60),
        ]}],
        "last_updated": "2026-01-01T00:00:00Z",
    })
}

/// Waits until something is there, and says what was missing after 30 s.
pub(crate) fn until<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(began.elapsed().as_secs() < 30, "waited 30 s for {what}");
        std::thread::yield_now();
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}
