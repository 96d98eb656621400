//! Configurations, right and wrong.

mod sites;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Config, LogFormat, Serves};

fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(Some(Path::new("/etc/busbar/busbar.toml")), text, env)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn check(text: &str, env: &[(&str, &str)], expected: &[&str]) {
    let found = parse(text, env).map(|_| ()).expect_err(text);
    assert_eq!(found, expected, "{text}");
}

#[test]
fn nothing_configured_is_a_configuration() {
    let config = parse("", &[]).unwrap();
    assert_eq!(config.http.len(), 1);
    assert_eq!(config.http[0].bind.to_string(), "127.0.0.1:8080");
    assert_eq!(config.http[0].serves, [Serves::Admin, Serves::Driver, Serves::Ocpi]);
    assert_eq!(config.ocpp.bind.to_string(), "127.0.0.1:9000");
    assert_eq!(config.policy(), busbar_charging::context::Policy::default());
    assert_eq!(config.warnings(), Vec::<String>::new());
}

#[test]
fn every_key_is_read() {
    let config = parse(include_str!("tests/full.toml"), &[]).unwrap();
    assert_eq!(config.data, PathBuf::from("/etc/busbar/state"));
    assert_eq!(config.http[1].serves, [Serves::Driver]);
    assert_eq!(config.http[1].hosts, ["charge.example.org"]);
    let tls = config.http[1].tls.as_ref().unwrap();
    assert_eq!(tls.cert, PathBuf::from("/etc/busbar/tls/cert.pem"));
    assert_eq!(tls.key, PathBuf::from("/run/key.pem"));
    assert!(config.ocpp.strict && config.ocpp.reveal_unknown);
    assert_eq!(config.ocpp.unauthenticated[0].to_string(), "10.0.0.0/8");
    assert_eq!(config.ocpp.max_frame, 65_536);
    assert_eq!(config.billing.settle, Duration::from_secs(5));
    assert_eq!(config.site.time_zone, "Europe/Berlin");
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.policy().meter_tolerance.0, 20_000);
    assert!(config.plugins.allow_unsigned);
    assert_eq!(config.warnings().len(), 2);
    let local = parse("[ocpp]\nunauthenticated = [\"127.0.0.0/8\"]", &[]).unwrap();
    let [warning] = local.warnings().try_into().unwrap();
    assert!(warning.contains("127.0.0.0/8 connect without a password"), "{warning}");
}

#[test]
fn all_problems_come_at_once_with_their_places() {
    let text = "data = 5\n\
        nonsense = 1\n\
        [[http]]\n\
        bind = \"here\"\n\
        serves = [\"admin\", \"all\"]\n\
        [ocpp]\n\
        bind = \"0.0.0.0:9000\"\n\
        heartbeat = 300\n\
        max_frame = \"1MB\"\n\
        max_depht = 3\n\
        leniency = \"kind\"\n\
        [site]\n\
        time_zone = \"Europe/Berlim\"\n\
        currency = \"euro\"\n";
    let at = |line: usize, column: usize, message: &str| {
        format!("/etc/busbar/busbar.toml:{line}:{column}: {message}")
    };
    let expected = [
        at(1, 8, "data: it is text, not a number"),
        at(4, 8, "http.bind: \"here\" is not an address and a port"),
        at(5, 10, "http.serves: \"all\" is not one of admin, driver, ocpi"),
        at(8, 13, "ocpp.heartbeat: 300 has no unit: write it as \"300s\""),
    ];
    let found = parse(text, &[]).unwrap_err();
    for problem in expected {
        assert!(found.contains(&problem), "{problem}\nnot in {found:#?}");
    }
    for start in [
        "/etc/busbar/busbar.toml:2:1: unknown key nonsense; known here: ",
        "/etc/busbar/busbar.toml:7:8: ocpp.bind: 0.0.0.0:9000 is beyond loopback without TLS",
        "/etc/busbar/busbar.toml:9:13: ocpp.max_frame: \"1MB\" is not a size",
        "/etc/busbar/busbar.toml:10:1: unknown key ocpp.max_depht; known here: ",
        "/etc/busbar/busbar.toml:11:12: ocpp.leniency: \"kind\" is not one of",
        "/etc/busbar/busbar.toml:13:13: site.time_zone: \"Europe/Berlim\" is not a time zone",
        "/etc/busbar/busbar.toml:14:12: site.currency: \"euro\" is not a currency code",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(start)), "{start}\n{found:#?}");
    }
    assert_eq!(found.len(), 11, "{found:#?}");
}

#[test]
fn each_wrong_thing_has_its_own_word() {
    let file = "/etc/busbar/busbar.toml";
    let table: &[(&str, &str)] = &[
        ("[http]\nbind = \"127.0.0.1:1\"", "1:1: http is a list: write [[http]]"),
        ("[[http]]\nserves = [\"admin\"]", "1:1: http.bind is missing: an address and a port"),
        ("[[http]]\nbind = \"127.0.0.1:1\"\nserves = []", "3:10: http.serves: it serves nothing"),
        ("http = [1]", "1:9: http is a list of tables, not of a number"),
        ("ocpp = 1", "1:8: ocpp is a table, not a number"),
        ("[ocpp]\nmax_depth = 3", "2:13: ocpp.max_depth: 3 is not between 4 and 128"),
        ("[ocpp]\nmax_depth = 1.5", "2:13: ocpp.max_depth: it is a whole number, not a number"),
        ("[ocpp]\nmax_depth = -1", "2:13: ocpp.max_depth: -1 is below zero"),
        ("[ocpp]\nping = \"0s\"", "2:8: ocpp.ping: 0ns is not between 1s and 3600s"),
        ("[ocpp]\nallow_plaintext = \"yes\"", "2:19: ocpp.allow_plaintext: it is true or false"),
        (
            "[ocpp]\nunauthenticated = [\"10.0.0.1/8\"]",
            "2:19: ocpp.unauthenticated: \"10.0.0.1/8\"",
        ),
        ("[ocpp.tls]\ncert = \"a\"", "1:1: ocpp.tls.key is missing: a PEM file"),
        ("[ocpp]\nbind = \"127.0.0.1:8080\"", "1:1: two listeners have the address"),
        ("[store]\nengine = \"postgres\"", "2:10: store.engine: \"postgres\" is not an engine"),
        ("[frames]\nmax = \"1MiB\"\nper_station = \"2MiB\"", "3:15: frames.per_station is larger"),
        ("[log]\nlevel = \"loud=very\"", "2:9: log.level: \"loud=very\" is neither"),
        ("a = \n[ocpp]\nfoo = 1", "1:5: "),
        ("[ocpp]\n[ocpp]", "2:2: duplicate key"),
        ("ä = \"\u{1F50C}\" x", "1:9: "),
    ];
    for (text, expected) in table {
        let found = parse(text, &[]).map(|_| ()).expect_err(text);
        let expected = format!("{file}:{expected}");
        let hit = found.iter().any(|problem| problem.starts_with(&expected));
        assert!(hit, "{text}\n{expected}\n{found:#?}");
    }
}

#[test]
fn the_environment_counts_more_than_the_file() {
    let env = [
        ("BUSBAR_DATA", "elsewhere"),
        ("BUSBAR_OCPP__BIND", "0.0.0.0:9001"),
        ("BUSBAR_OCPP__ALLOW_PLAINTEXT", "true"),
        ("BUSBAR_OCPP__MAX_DEPTH", "16"),
        ("BUSBAR_OCPP__UNAUTHENTICATED", "10.0.0.0/8, 192.0.2.1"),
        ("BUSBAR_BILLING__SETTLE", "5s"),
        ("BUSBAR_HTTP__0__BIND", "127.0.0.1:8081"),
        ("BUSBAR_HTTP__1__BIND", "127.0.0.1:8082"),
        ("BUSBAR_HTTP__1__SERVES", "driver"),
        ("BUSBAR_SITE__NAME", "123"),
        ("BUSBAR_SKIP_FOREIGN", "1"),
        ("BUSBAR_SEED", "1"),
        ("OTHER", "1"),
    ];
    let config = parse("[ocpp]\nmax_depth = 8\n[[http]]\nbind = \"127.0.0.1:1\"", &env).unwrap();
    assert_eq!(config.data, PathBuf::from("elsewhere"));
    assert_eq!(config.ocpp.bind.to_string(), "0.0.0.0:9001");
    assert_eq!(config.ocpp.max_depth, 16);
    assert_eq!(config.ocpp.unauthenticated.len(), 2);
    assert_eq!(config.billing.settle, Duration::from_secs(5));
    assert_eq!(config.http[0].bind.port(), 8081);
    assert_eq!(config.http[1].serves, [Serves::Driver]);
    assert_eq!(config.site.name, "123");
}

#[test]
fn the_environment_is_checked_like_the_file() {
    check(
        "",
        &[("BUSBAR_OCPP__MAX_DEPTH", "deep")],
        &["BUSBAR_OCPP__MAX_DEPTH: ocpp.max_depth: it is a whole number, not \"deep\""],
    );
    check(
        "",
        &[("BUSBAR_DATA__FOLDER__", "x")],
        &[
            "BUSBAR_DATA__FOLDER__: a key of its path is empty",
            "BUSBAR_DATA__FOLDER__: data: it is text, not a table",
        ],
    );
    check(
        "",
        &[("BUSBAR_HTTP__7__BIND", "127.0.0.1:1")],
        &["BUSBAR_HTTP__7__BIND: http has only 0 entries: the next is http__0"],
    );
    let unknown = parse("", &[("BUSBAR_OCPP__PORT", "1")]).unwrap_err();
    assert!(unknown[0].starts_with("BUSBAR_OCPP__PORT: unknown key ocpp.port; known here: "));
}
