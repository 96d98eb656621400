//! Attacks on the API, its pages, logs, metrics, exports and files (23 to 28, 32, 52, 55 to 58).
//! Must never take an answer that is only not 200 for a defence.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::payloads;
use crate::edges::Witness;
use crate::support::host::{PASSWORD, configuration, prepare};
use crate::support::process::free;
use crate::support::station::{Station, ago};
use crate::support::{Answer, Api, Process, TestHost, until};

fn boots(station: &mut Station, words: &str) {
    let cut: String = words.chars().take(20).collect();
    let boot = json!({
        "chargePointVendor": cut, "chargePointModel": cut, "firmwareVersion": words,
        "chargePointSerialNumber": cut, "iccid": cut, "imsi": cut,
    });
    station.call("BootNotification", &boot);
    let status = json!({
        "connectorId": 1, "errorCode": "OtherError", "status": "Available", "info": words,
        "vendorId": words, "vendorErrorCode": words,
    });
    station.call("StatusNotification", &status);
    let data = json!({ "vendorId": words, "messageId": words, "data": words });
    station.call("DataTransfer", &data);
}

/// Without a browser: no page holds the words as markup, and what would run them is forbidden.
#[test]
fn attack_23_scripts_in_what_stations_say() {
    let host = TestHost::start("");
    host.prepare(&["S1"]);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    for (n, words) in payloads::SCRIPTS.iter().enumerate() {
        boots(&mut station, words);
        host.api.put(
            &format!("/api/v1/tokens/T{n}"),
            &json!({ "group": words.chars().take(36).collect::<String>() }),
        );
        let start = json!({
            "connectorId": 1, "idTag": "04A1B2C3", "meterStart": 1000,
            "timestamp": ago(60 + 60 * n as i64),
        });
        let transaction = station.call("StartTransaction", &start)["transactionId"].clone();
        let stop = json!({
            "transactionId": transaction, "meterStop": 6000, "reason": "Other",
            "timestamp": ago(50 + 60 * n as i64),
        });
        station.call("StopTransaction", &stop);
    }
    for path in ["/", "/api/docs", "/nothing%3Cscript%3Ealert(1)%3C/script%3E"] {
        let page = host.api.send("GET", path, None);
        let text = page.text();
        for words in payloads::SCRIPTS {
            assert!(!text.contains(words), "{path}: {words}");
        }
        assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
        assert!(page.head.contains("x-content-type-options: nosniff"), "{}", page.head);
    }
    for path in ["/api/v1/stations/S1", "/api/v1/tokens", "/api/v1/stations/S1/frames"] {
        let answer = host.api.send("GET", path, None);
        assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
        assert!(answer.head.contains("x-content-type-options: nosniff"), "{}", answer.head);
        answer.json();
    }
}

/// What is exported is JSON lines: no cell of it is a formula, and nothing is offered as CSV.
#[test]
fn attack_24_formulas_in_exports() {
    let host = TestHost::start("");
    host.prepare(&["S1"]);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    let formulas = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "=1\n=2"];
    for words in formulas {
        boots(&mut station, words);
    }
    drop(station);
    let document = host.api.send("GET", "/api/v1/openapi.json", None).text();
    assert!(!document.contains("text/csv") && !document.contains("ms-excel"));
    let folder = host.stop();
    let exported = std::process::Command::new(env!("CARGO_BIN_EXE_busbar-host"))
        .args(["export", "frames", "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let text = String::from_utf8(exported.stdout).unwrap();
    assert!(text.lines().count() >= 6 * formulas.len(), "{}", text.lines().count());
    for line in text.lines() {
        assert!(line.starts_with('{'), "{line}");
        serde_json::from_str::<Value>(line).unwrap();
    }
    assert!(text.contains("=cmd"), "nothing is lost by that");
}

#[test]
fn attack_25_queries_in_every_field_filter_and_cursor() {
    let host = TestHost::start("");
    let witness = Witness::start(&host);
    let before = host.api.all("/api/v1/stations");
    let document: Value = host.api.send("GET", "/api/v1/openapi.json", None).json();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if path == "/api/v1/events" || !item["get"].is_object() {
            continue;
        }
        let of_get = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let query = of_get.iter().filter(|parameter| parameter["in"] == "query");
        let names: Vec<_> = query.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        for words in payloads::QUERIES.map(encoded) {
            let path = path.replace("{value}", &words).replace("{station}", "S1");
            let path = path.replace(['{', '}'], "");
            let plain = host.api.send("GET", &path, None).text();
            for name in names.iter().chain([&"sort", &"order_by", &"filter"]) {
                let answer = host.api.send("GET", &format!("{path}?{name}={words}"), None);
                // Nothing is found, or what is found without it: one thing has no filters.
                let same = answer.text() == plain || answer.json()["items"] == json!([]);
                let fine = answer.status == 200 && same;
                let refused = matches!(answer.status, 400 | 404 | 422);
                assert!(fine || refused, "{path}?{name}={words}: {}", answer.text());
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
    assert_eq!(host.api.all("/api/v1/stations"), before);
    witness.stays_well(&host);
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A host as it is shipped, with further configuration.
struct Shipped {
    _process: Process,
    folder: tempfile::TempDir,
    ocpp: SocketAddr,
    api: Api,
}

impl Shipped {
    fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // As somebody made it who thought of nothing.
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (ocpp, http) = (free(), free());
        let config = folder.path().join("busbar.toml");
        let more = format!("[ocpp]\nbind = \"{ocpp}\"\n{more}");
        let text = configuration("data", &more).replacen("127.0.0.1:0", &http.to_string(), 1);
        std::fs::write(&config, text).unwrap();
        let process = Process::start(&config);
        let api = process.api(http, &data.join("admin.token"));
        prepare(&api, &["S1"]);
        Self { _process: process, folder, ocpp, api }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

#[test]
fn attack_26_lines_and_terminal_codes_in_the_log() {
    let host = Shipped::start("[log]\nformat = \"json\"\nlevel = \"debug\"\n");
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    let evil = "x\r\n{\"level\":\"ERROR\",\"forged\":true}\n\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\
                \u{202e}\u{2028}\u{0}y";
    boots(&mut station, evil);
    for frame in [
        json!([2, evil, "Heartbeat", {}]).to_string(),
        json!([2, "a", evil, {}]).to_string(),
        json!([2, "b", "BootNotification", { evil: evil }]).to_string(),
        format!("[2,\"{evil}"),
    ] {
        station.send(&frame).unwrap();
    }
    station.call("Heartbeat", &json!({}));
    host.api.send("GET", &format!("/api/v1/stations/{}", encoded(evil)), None);
    let odd = "User-Agent: \x1b[31m\r\nAuthorization: Bearer \x1b[31m\r\nConnection: close\r\n";
    host.api.raw(format!("GET /api/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\n{odd}\r\n").as_bytes());
    drop(station);
    let file = host.folder.path().join("log");
    let log = until("its end in the log", || {
        let log = std::fs::read_to_string(&file).unwrap();
        (log.contains("station disconnected") && log.ends_with('\n')).then_some(log)
    });
    assert!(log.lines().count() > 5, "{log}");
    for line in log.split_terminator('\n') {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert!(event["forged"].is_null() && event["timestamp"].is_string(), "{line}");
        let odd = |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}');
        assert!(!line.contains(odd), "{line:?}");
    }
}

#[test]
fn attack_27_odd_words_in_metrics() {
    let host = TestHost::start(
        "[ocpp]\nbind = \"127.0.0.1:0\"\nmessage_rate = 100000\nfailed_logins = 5\n",
    );
    host.prepare(&["S1"]);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    let mut series = Vec::new();
    for round in 0..3 {
        for n in 0..100 {
            let odd = format!("v{round}-{n}\"}} 1\nforged{{x=\"");
            boots(&mut station, &odd);
            station.send(&json!([2, odd, odd, {}]).to_string()).unwrap();
            let name = encoded(&odd);
            host.api.send("GET", &format!("/api/v1/stations/{name}?{name}=1"), None);
            host.api.send("GET", &format!("/{name}"), None);
            host.api.send(&format!("ODD{n}"), "/livez", None);
            drop(Station::connect_from(1, host.ocpp, &format!("ODD{n}"), "password"));
        }
        let metrics = host.api.send("GET", "/metrics", None).text();
        assert!(!metrics.contains("forged") && !metrics.contains("ODD"), "{metrics}");
        let names = metrics.lines().filter_map(|line| line.rsplit_once(' '));
        series.push(names.map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>());
    }
    // The first rounds have seen every kind of answer.
    let more: Vec<_> = series[2].difference(&series[1]).collect();
    assert!(more.is_empty(), "series more by words that are new: {more:?}");
    assert!(series[2].len() < 200, "{}", series[2].len());
}

fn asked(host: &TestHost, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nAuthorization: Bearer {}\r\n{headers}\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        host.api.token,
        body.len()
    );
    host.api.raw(request.as_bytes())
}

#[test]
fn attack_28_requests_that_another_sites_page_makes() {
    let host = TestHost::start("");
    let here = host.api.address;
    let put = |headers: &str| asked(&host, "PUT", "/api/v1/tokens/AA", headers, "{}").status;
    assert_eq!(put(&format!("Host: {here}\r\nOrigin: http://{here}\r\n")), 201);
    for origin in ["http://evil.example", "null", "https://127.0.0.1:1", "evil", ""] {
        assert_eq!(put(&format!("Host: {here}\r\nOrigin: {origin}\r\n")), 403, "{origin}");
    }
    for site in ["cross-site", "same-site", "odd"] {
        assert_eq!(put(&format!("Host: {here}\r\nSec-Fetch-Site: {site}\r\n")), 403, "{site}");
    }
    // A name that was pointed here by its owner.
    for name in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8080", "0"] {
        let answer = asked(&host, "GET", "/api/v1/tokens", &format!("Host: {name}\r\n"), "");
        assert_eq!(answer.status, 421, "{name}: {}", answer.text());
    }
}

const SECRET: &str = "hunter2-hunter2-hunter2";

/// Everything that is told of a station, and every byte on the disk.
#[test]
fn attack_32_credentials_in_messages() {
    let host = TestHost::start("");
    host.prepare(&["S1"]);
    let mut station = Station::connect(host.ocpp, "S1", "ocpp1.6");
    station.boot();
    let url = format!("ftp://user:{SECRET}@files.example/log");
    station.call("DataTransfer", &json!({ "vendorId": "v", "data": url }));
    let keys = json!([{ "key": "AuthorizationKey", "readonly": false, "value": SECRET }]);
    let keys = json!({ "vendorId": "v", "data": keys.to_string() });
    station.call("DataTransfer", &keys);
    station.send(&format!("[2,\"x\",\"Odd\",{{\"password\":\"{SECRET}\"}}]")).unwrap();
    station.send(&format!("[2,\"x\",\"AuthorizationKey {SECRET}")).unwrap();
    station.call("Heartbeat", &json!({}));
    // A command that carries one is refused: commands are kept.
    let command = json!({ "key": "AuthorizationKey", "value": SECRET });
    let path = "/api/v1/stations/S1/commands/ChangeConfiguration";
    let answer = host.api.send("POST", path, Some(&command));
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(!answer.text().contains(SECRET), "{}", answer.text());
    for path in ["/api/v1/stations/S1/frames?limit=500", "/api/v1/stations/S1", "/metrics"] {
        let answer = host.api.send("GET", path, None);
        assert!(!answer.text().contains(SECRET), "{path}: {}", answer.text());
    }
    let folder = host.stop();
    nowhere(folder.path(), &[SECRET]);
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.extend(if path.is_dir() { files(&path) } else { vec![path.clone()] });
        if path.is_dir() {
            found.push(path);
        }
    }
    found
}

/// None of these words stands in any file.
fn nowhere(folder: &Path, words: &[&str]) {
    let all: Vec<_> = files(folder).into_iter().filter(|path| path.is_file()).collect();
    assert!(all.len() > 3, "{all:?}");
    for file in all {
        let bytes = std::fs::read(&file).unwrap();
        for word in words {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{word} stands in {}", file.display());
        }
    }
}

#[test]
fn attack_52_the_defaults_of_a_first_start() {
    let (one, other) = (TestHost::start(""), TestHost::start(""));
    assert_ne!(one.api.token, other.api.token);
    assert!(one.api.token.len() >= 40 && one.api.token.bytes().all(|b| b.is_ascii_hexdigit()));
    let file = std::fs::metadata(one.data().join("admin.token")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let guesses = ["", "admin", "admin:admin", "password", "busbar", "null", "undefined", "token"];
    for token in guesses.iter().copied().chain([other.api.token.as_str()]) {
        let guess = crate::support::Api { token: token.to_owned(), ..one.api.clone() };
        assert_eq!(guess.send("GET", "/api/v1/stations", None).status, 401, "{token:?}");
    }
    // Nobody may connect either, and nothing tells the token again.
    assert!(Station::connect_from(1, one.ocpp, "S1", PASSWORD).is_err());
    for path in ["/", "/metrics", "/api/docs", "/api/v1/openapi.json", "/readyz"] {
        assert!(!one.api.send("GET", path, None).text().contains(&one.api.token), "{path}");
    }
    let made = one.api.put("/api/v1/stations/S1", &json!({}));
    let password = made["password"].as_str().unwrap();
    assert!(password.len() >= 40, "a made password has 160 bits");
    assert!(!one.api.get("/api/v1/stations/S1").to_string().contains(password), "told once");
}

#[test]
fn attack_55_secrets_on_the_disk_and_in_backups() {
    let host = Shipped::start("");
    let made = host.api.put("/api/v1/stations/MADE", &json!({}))["password"].clone();
    Station::connect(host.ocpp, "S1", "ocpp1.6").boot();
    let backup = host.api.post("/api/v1/backups", &json!({}));
    assert!(Path::new(backup["folder"].as_str().unwrap()).starts_with(host.data()), "{backup}");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&host.data()), 0o700, "nobody else comes near the files in it");
    let secret = ["admin.token", "installation.key"].map(|name| host.data().join(name));
    for path in secret.into_iter().chain(files(&host.data().join("backups"))) {
        assert_eq!(mode(&path) & 0o077, 0, "{} has the mode {:o}", path.display(), mode(&path));
    }
    for token in files(&host.data()).iter().filter(|path| path.ends_with("admin.token")) {
        std::fs::remove_file(token).unwrap();
    }
    nowhere(&host.data(), &[PASSWORD, made.as_str().unwrap(), &host.api.token]);
}

#[test]
fn attack_57_what_a_public_listener_tells() {
    let host = TestHost::start("[[http]]\nbind = \"127.0.0.1:0\"\nserves = [\"driver\"]\n");
    let version = env!("CARGO_PKG_VERSION");
    for path in [
        "/",
        "/metrics",
        "/api/docs",
        "/api/v1/openapi.json",
        "/api/v1/stations",
        "/livez",
        "/readyz",
        "/debug",
        "/.git/config",
        "/server-status",
        "/%00",
        "/../../etc/passwd",
    ] {
        let answer = host.api.send("GET", path, None);
        let expected = if matches!(path, "/livez" | "/readyz") { 200 } else { 404 };
        // A path that no client library sends is refused by the protocol.
        assert!([expected, 400].contains(&answer.status), "{path}: {}", answer.head);
        let said = format!("{}{}", answer.head, answer.text()).to_lowercase();
        for word in [version, "busbar/", "server:", "axum", "hyper", "panicked", ".rs:", "/home/"] {
            assert!(!said.contains(word), "{path} says {word}: {said}");
        }
    }
}

/// Of the known holes themselves CI knows nothing: no database of them can be reached there. What
/// can be held is where every dependency comes from, and that it is the one that was looked at.
#[test]
fn attack_58_where_dependencies_come_from() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for lock in ["Cargo.lock", "plugins/Cargo.lock"] {
        let text = std::fs::read_to_string(root.join(lock)).unwrap();
        let packages: Vec<_> = text.split("[[package]]").skip(1).collect();
        assert!(packages.len() > 10, "{lock}: {}", packages.len());
        for package in packages {
            let field = |name: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim_matches([' ', '=', '"']))
            };
            let name = field("name").unwrap();
            match field("source") {
                None => {
                    let ours = name.contains("busbar") || name.contains("pricing");
                    let ours = ours || name == "build-plugins";
                    assert!(ours, "{lock}: {name} comes from nowhere");
                }
                Some(source) => {
                    let registry = "registry+https://github.com/rust-lang/crates.io-index";
                    assert_eq!(source, registry, "{lock}: {name}");
                    let checksum = field("checksum").unwrap_or("");
                    assert_eq!(checksum.len(), 64, "{lock}: {name} has no checksum");
                }
            }
        }
        let manifest = std::fs::read_to_string(root.join(lock.replace(".lock", ".toml"))).unwrap();
        assert!(!manifest.contains("[patch"), "{lock}: dependencies are replaced");
    }
}
