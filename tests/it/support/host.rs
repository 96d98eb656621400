//! Owns a host for one test: started in this process, in a folder of its own, on free ports.
//! Must never share anything with another test's host.

use std::net::SocketAddr;
use std::path::PathBuf;

use busbar::config::Config;
use busbar::serve::Host;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Api, usual_tariff};

/// The password of every station of the tests.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A running host.
pub(crate) struct TestHost {
    host: Option<Host>,
    runtime: Runtime,
    pub(crate) ocpp: SocketAddr,
    pub(crate) api: Api,
    folder: Option<TempDir>,
}

impl TestHost {
    /// Starts one that bills a second after the last message, with further configuration.
    pub(crate) fn start(more: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// As `start`, with what an earlier one left.
    pub(crate) fn start_in(folder: TempDir, more: &str) -> Self {
        let text = configuration(&folder.path().join("data").display().to_string(), more);
        let config = Config::parse(None, &text, std::iter::empty::<(String, String)>())
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        let runtime = Runtime::new().unwrap();
        let host = runtime.block_on(Host::start(&config)).unwrap();
        let addresses = host.addresses().clone();
        let api = Api { address: addresses.http, token: host.admin_token().0.to_owned() };
        Self { host: Some(host), runtime, ocpp: addresses.ocpp, api, folder: Some(folder) }
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("data")
    }

    /// Stops it, and leaves its folder, with `data` in it.
    pub(crate) fn stop(mut self) -> TempDir {
        self.end();
        self.folder.take().unwrap()
    }

    /// The usual tariff, good tokens and a station, ready to charge.
    pub(crate) fn prepare(&self, stations: &[&str]) {
        prepare(&self.api, stations);
    }

    fn end(&mut self) {
        if let Some(host) = self.host.take() {
            self.runtime.block_on(host.stop());
        }
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.end();
    }
}

/// What every host of the tests is configured to.
pub(crate) fn configuration(data: &str, more: &str) -> String {
    let sections = if more.contains("[billing]") { "" } else { "[billing]\nsettle = \"1s\"\n" };
    let ocpp = if more.contains("[ocpp]") { "" } else { "[ocpp]\nbind = \"127.0.0.1:0\"\n" };
    let http = if more.contains("[[http]]") { "" } else { "[[http]]\nbind = \"127.0.0.1:0\"\n" };
    format!("data = {data:?}\n{http}{ocpp}{sections}{more}")
}

/// The usual tariff, good tokens and stations, ready to charge.
pub(crate) fn prepare(api: &Api, stations: &[&str]) {
    put_tariff(api, &usual_tariff());
    for token in ["04A1B2C3", "04D4E5F6"] {
        api.put(&format!("/api/v1/tokens/{token}"), &json!({ "status": "accepted" }));
    }
    for station in stations {
        let password = json!({ "password": PASSWORD });
        api.put(&format!("/api/v1/stations/{station}"), &password);
    }
}

/// Makes a tariff the one that holds where nothing else is said, for all that is to come and
/// what stations bring from yesterday.
pub(crate) fn put_tariff(api: &Api, tariff: &Value) -> Value {
    let put = json!({
        "currency": "EUR", "plugin": "pricing-ocpi", "configuration": tariff, "default": true,
        "valid_from": "2020-01-01T00:00:00Z",
    });
    api.put("/api/v1/tariffs/usual", &put)
}
