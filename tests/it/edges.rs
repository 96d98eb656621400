//! Bad input of every kind at every edge, over real sockets: it gets a clear error, costs nothing
//! but itself, and a charge that was going on goes on. Must never accept "it did not crash" as an
//! answer.

mod configuration;
mod frames;
mod handshakes;
mod plugins;
mod requests;

use serde_json::json;

use crate::support::station::Station;
use crate::support::{TestHost, until};

/// A charge that goes on while something else is thrown at the host.
pub(crate) struct Witness {
    station: Station,
    transaction: i64,
}

impl Witness {
    pub(crate) fn start(host: &TestHost) -> Self {
        host.prepare(&["WITNESS", "S1"]);
        let mut station = Station::connect(host.ocpp, "WITNESS", "ocpp1.6");
        station.boot();
        let transaction = station.start(1000, 60);
        Self { station, transaction }
    }

    /// The charge ends and is billed, and the host is ready for more.
    pub(crate) fn stays_well(mut self, host: &TestHost) {
        self.station.call("Heartbeat", &json!({}));
        self.station.stop(self.transaction, 6000, 10);
        let cdr = until("the bill of the witness", || host.api.all("/api/v1/cdrs").pop());
        assert_eq!(cdr["cost"]["payable"], "3.33", "{cdr}");
        assert_eq!(host.api.send("GET", "/readyz", None).status, 200);
    }
}
