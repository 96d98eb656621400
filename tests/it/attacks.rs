//! The attacks and faults that the platform must stand, each with the tests that bear its number
//! (`attack_08_...`), here and beside the code that they are about; and for those that touch
//! nothing that is built yet, why. Must never let a number fall out in silence.

mod charges;
mod downgrades;
mod floods;
mod hosts;
mod identities;
mod payloads;
mod plugins;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::TestHost;
use crate::support::numbered::numbered;

/// The attacks, by number: what somebody tries, or what goes wrong.
const ATTACKS: [&str; 58] = [
    "connect as a known station without its password",
    "use the password of one station to connect as another",
    "connect a second time as a station that is live, to take over or to listen",
    "a connection that is dead at one end keeps its station from coming back",
    "the late end of an old connection ends the new one",
    "two holders of one identity push each other out for ever",
    "find out by answers and their time which stations exist",
    "guess passwords and tokens at speed",
    "read the identities of stations on pages that anybody may read",
    "break out of a path or a file name by an identity",
    "make a station connect with less security than it had",
    "connect without TLS, with an old version or a weak suite",
    "use a client certificate that is revoked, expired, of somebody else, or of another station",
    "have a certificate signed for another name, or as an authority",
    "stop or change the transaction of another station",
    "send readings for the transaction of another station, or for one that has ended",
    "send the messages of a transaction again",
    "send a remote start again, or click twice",
    "start or stop the charge of another driver",
    "start at a connector where another driver has plugged in",
    "send meter values that cannot be",
    "charge with a station whose clock is years off",
    "have a script run in an operator's browser by what a station says of itself",
    "have a formula run in a spreadsheet by what a station says of itself",
    "have a query changed by a field, a filter or a cursor",
    "forge lines in the log, or control the terminal that shows it",
    "fill the metrics with labels",
    "have an operator's browser send requests, or point a foreign name at the host",
    "have the host fetch an address of the inner network",
    "upload diagnostics that are a bomb, a path or too large",
    "roll out firmware that nobody signed",
    "read credentials in messages, logs, exports or pages",
    "all stations come back at once",
    "begin and never end: handshakes, frames, reads",
    "send frames that are huge, deep, in pieces, compressed, half a letter, or odd numbers",
    "send more messages than the host can bear",
    "answer calls that were never made, or those of others, or make two at once",
    "do business before the station was accepted",
    "send so many events that the one that matters is not seen",
    "guess tokens by trying them at a station",
    "keep a blocked token alive in local lists and caches",
    "present a contract certificate that is not valid",
    "put a false code on a station",
    "change the price between the quote and the start",
    "switch many stations at once to hurt the grid",
    "draw more than a site may, by a station that ignores its limit",
    "loop, grow, trap or lie in a plugin",
    "read or reach more in a plugin than it was given",
    "swap, unsign or roll back the bytes of a plugin",
    "price by time, chance or memory in a plugin",
    "use the token of one roaming partner for the data of another",
    "come in by a default password, or find a token that was told",
    "do what another role may",
    "change the audit trail",
    "read secrets in the data folder or a backup",
    "cut the power to lose or double a bill",
    "learn versions and insides from public answers",
    "use a dependency with a known hole",
];

/// Those that touch nothing that is built, and what would have to be built first.
const NOT_YET: [(usize, &str); 14] = [
    (13, "no client certificates: security profile 3 is not there"),
    (14, "no certificates are signed: SignCertificate is always answered as rejected"),
    (19, "no drivers: the API has one operator's token"),
    (20, "no drivers; a remote start is bound to no plug"),
    (30, "nothing is uploaded to the host by stations"),
    (31, "no firmware catalogue: UpdateFirmware is an operator's own command"),
    (41, "no local lists are kept"),
    (42, "contract certificates have no room in Authorize yet"),
    (43, "no driver pages"),
    (44, "no quotes before a session"),
    (45, "no mass commands; how load control spreads starts is tested in busbar-charging"),
    (51, "no OCPI"),
    (53, "no roles: one token; that every route needs it is tested in who_may.rs"),
    (54, "no audit trail beside the fact log"),
];

/// Those whose proof is a test of another name: its file and the name.
const ELSEWHERE: [(usize, &str, &str); 2] = [
    (46, "tests/it/simulation/load.rs", "a_station_that_ignores_its_limits_is_found_out"),
    (56, "tests/it/siege.rs", "a_host_that_is_killed_again_and_again_loses_and_doubles_nothing"),
];

#[test]
fn every_attack_is_tested_or_has_its_reason() {
    let tested: BTreeSet<usize> =
        numbered("attack", 2).into_iter().map(|number| number as usize).collect();
    let reasons: BTreeSet<usize> = NOT_YET.iter().map(|(number, _)| *number).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (number, file, name) in ELSEWHERE {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains(&format!("fn {name}()")), "{number}: no {name} in {file}");
    }
    let elsewhere: BTreeSet<usize> = ELSEWHERE.iter().map(|(number, ..)| *number).collect();
    for (number, attack) in (1..).zip(ATTACKS) {
        let proofs = [&tested, &elsewhere, &reasons].iter().filter(|s| s.contains(&number)).count();
        assert_eq!(proofs, 1, "{number}, {attack}: tested, or a reason why not, and not both");
    }
    let beyond: Vec<_> = tested.iter().filter(|number| **number > ATTACKS.len()).collect();
    assert!(beyond.is_empty(), "no such attacks: {beyond:?}");
}

/// The alerts of a kind, newest first.
fn alerts(host: &TestHost, kind: &str) -> Vec<Value> {
    host.api.all(&format!("/api/v1/alerts?kind={kind}"))
}

/// The only alert of a kind.
fn one_alert(host: &TestHost, kind: &str) -> Value {
    let mut found = alerts(host, kind);
    assert_eq!(found.len(), 1, "{kind}: {found:?}");
    found.remove(0)
}
