//! The same charge by clients that we did not write: it must make the same facts and cost the
//! same cents, whoever tells it and in whichever version. Must never pass without them, unless
//! somebody says `BUSBAR_SKIP_FOREIGN=1`, and CI never does.

mod clients;
mod told;

use std::path::Path;
use std::sync::Mutex;

use clients::{Client, Clients};
use serde_json::{Value, json};

use crate::support::TestHost;
use crate::support::host::PASSWORD;

/// Who charges: a client and a version.
const CHARGES: [(Client, &str); 5] = [
    (Client::Python, "1.6"),
    (Client::Python, "2.0.1"),
    (Client::Python, "2.1"),
    (Client::Node, "1.6"),
    (Client::Node, "2.0.1"),
];

/// Environments are made once, by whichever test comes first.
static MAKING: Mutex<()> = Mutex::new(());

#[test]
fn the_same_charge_is_the_same_facts_and_cents_in_every_version() {
    let Some(clients) = clients() else { return };
    let host = TestHost::start("");
    let names: Vec<_> =
        CHARGES.iter().map(|(client, version)| format!("{client:?}-{version}")).collect();
    host.prepare(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let start = start();
    let endpoint = format!("ws://{}/ocpp", host.ocpp);
    for ((client, version), name) in CHARGES.iter().zip(&names) {
        let events = told::Events::follow(&host.api, name);
        let charging = clients.charge(*client, version, &endpoint, name, PASSWORD, &start.text);
        let bill = told::bill(&host.api, name, start.at);
        charging.end();
        let found = json!({ "facts": events.all_until("station.disconnected"), "bill": bill });
        same(&format!("{client:?}, {version}"), &found);
    }
}

/// What a client sees of a password that is wrong.
#[test]
fn a_wrong_password_is_told_to_foreign_clients_too() {
    let Some(clients) = clients() else { return };
    let host = TestHost::start("");
    host.prepare(&["STATION"]);
    let endpoint = format!("ws://{}/ocpp", host.ocpp);
    for (client, version) in CHARGES {
        let words = clients.refused(client, version, &endpoint, "STATION", "not-the-password");
        assert!(words.contains("401"), "{client:?}, {version}: {words}");
    }
}

/// The Python of the foreign clients, for others that run programs in it.
pub(crate) fn python() -> Option<std::path::PathBuf> {
    clients().map(|clients| clients.python().to_owned())
}

fn clients() -> Option<Clients> {
    let skip = std::env::var("BUSBAR_SKIP_FOREIGN").is_ok_and(|value| value == "1");
    if skip && std::env::var_os("CI").is_none() {
        let count = CHARGES.len();
        println!("BUSBAR_SKIP_FOREIGN=1: {count} charges by foreign clients are not tested");
        return None;
    }
    assert!(!skip, "BUSBAR_SKIP_FOREIGN=1 is refused where CI is set");
    let _one = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Some(Clients::make())
}

/// An hour ago, to the second: the charge is over when it is told, as after a night offline. Where
/// it would go on past midnight, which cuts its periods, it began earlier.
fn start() -> Start {
    const DAY: i64 = 24 * 3600;
    let hour_ago = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64 - 3600;
    let left_of_day = DAY - hour_ago % DAY;
    let earlier = if left_of_day <= 3600 { 3600 - left_of_day } else { 0 };
    let at = jiff::Timestamp::from_second(hour_ago - earlier).unwrap();
    Start { at, text: at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string() }
}

struct Start {
    at: jiff::Timestamp,
    text: String,
}

fn same(who: &str, found: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/expected.json");
    let found = serde_json::to_string_pretty(found).unwrap() + "\n";
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    assert!(found == expected, "{who} differs from {}:\n{found}", file.display());
}
