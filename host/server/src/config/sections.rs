//! Owns every key of the configuration: its name, default and bounds, and what must hold between
//! keys. Must never touch the disk: files that a configuration names are read where they are used.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use busbar_charging::units::{Currency, Energy, Power};

use super::read::{Problem, Problems, Section, boolean, text, texts};
use super::tree::{Kind, Origin, Table, Value};
use super::values::Cidr;
use super::{
    Authorization, Billing, Config, Frames, Http, Log, LogFormat, Ocpp, Plugins, Review, Serves,
    Site, Store, Tls,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MIB: u64 = 1 << 20;

/// Reads all sections; problems stand beside a configuration that has defaults in their place.
pub(super) fn read(tree: &Table, file: Option<&Path>, folder: &Path) -> (Config, Vec<Problem>) {
    let problems = Problems::new(folder);
    let path = file.unwrap_or(Path::new(super::DEFAULT_FILE)).to_owned();
    let origin = Origin::File { path: Arc::new(path), line: 1, column: 1 };
    let root = Section::new("", Some(tree), origin, &problems);
    let common = site(&root.section("site"));
    let config = Config {
        file: file.map(Path::to_owned),
        data: root.path_of("data").unwrap_or_else(|| PathBuf::from("busbar-data")),
        http: https(&root),
        ocpp: ocpp(&root.section("ocpp")),
        billing: billing(&root.section("billing")),
        authorization: authorization(&root.section("authorization")),
        review: review(&root.section("review")),
        sites: super::sites::sites(&root, &common),
        site: common,
        store: store(&root.section("store")),
        frames: frames(&root.section("frames")),
        log: log(&root.section("log")),
        plugins: plugins(&root.section("plugins")),
    };
    addresses(&root, &config);
    drop(root);
    (config, problems.into_found())
}

fn https(root: &Section<'_>) -> Vec<Http> {
    let mut listeners: Vec<_> = root.sections("http").iter().map(http).collect();
    if listeners.is_empty() {
        let bind = loopback(8080);
        listeners.push(Http {
            bind,
            serves: all_served(),
            hosts: Vec::new(),
            tls: None,
            connections: 1024,
        });
    }
    listeners
}

fn http(section: &Section<'_>) -> Http {
    if !section.has("bind") {
        section.problems.add(&section.origin, "http.bind is missing: an address and a port");
    }
    Http {
        bind: section.get("bind", loopback(8080), parsed("an address and a port")),
        serves: section.get("serves", all_served(), serves),
        hosts: section
            .get("hosts", Vec::new(), |value| texts(value)?.into_iter().map(host).collect()),
        tls: tls(section),
        connections: usize_of(section.number("connections", 1024, 1..=100_000)),
    }
}

fn all_served() -> Vec<Serves> {
    vec![Serves::Admin, Serves::Driver, Serves::Ocpi]
}

fn serves(value: &Value) -> Result<Vec<Serves>, String> {
    let mut served = BTreeSet::new();
    for name in texts(value)? {
        served.insert(match name {
            "admin" => Serves::Admin,
            "driver" => Serves::Driver,
            "ocpi" => Serves::Ocpi,
            other => return Err(format!("{other:?} is not one of admin, driver, ocpi")),
        });
    }
    if served.is_empty() {
        return Err("it serves nothing: name some of admin, driver, ocpi".into());
    }
    Ok(served.into_iter().collect())
}

fn host(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if name.is_empty() || name.len() > 253 || !name.chars().all(plain) {
        return Err(format!("{name:?} is not a host name"));
    }
    Ok(name.to_ascii_lowercase())
}

fn ocpp(section: &Section<'_>) -> Ocpp {
    let ocpp = Ocpp {
        bind: section.get("bind", loopback(9000), parsed("an address and a port")),
        allow_plaintext: section.flag("allow_plaintext", false),
        tls: tls(section),
        reveal_unknown: section.flag("reveal_unknown", false),
        unauthenticated: section.get("unauthenticated", Vec::new(), networks),
        max_frame: usize_of(section.size("max_frame", 512 << 10, 1 << 10..=16 * MIB)),
        max_depth: usize_of(section.number("max_depth", 32, 4..=128)),
        heartbeat: section.span("heartbeat", 5 * MINUTE, 10 * SECOND..=DAY),
        ping: section.span("ping", MINUTE, SECOND..=HOUR),
        call_timeout: section.span("call_timeout", 30 * SECOND, SECOND..=10 * MINUTE),
        strict: section.get("leniency", false, |value| match text(value)? {
            "tolerant" => Ok(false),
            "strict" => Ok(true),
            other => Err(format!("{other:?} is not one of tolerant, strict")),
        }),
        handshakes: usize_of(section.number("handshakes", 4096, 1..=100_000)),
        handshake_timeout: section.span("handshake_timeout", 10 * SECOND, SECOND..=MINUTE),
        accept_rate: u32_of(section.number("accept_rate", 500, 1..=100_000)),
        connections_per_ip: usize_of(section.number("connections_per_ip", 20_000, 1..=1_000_000)),
        failed_logins: u32_of(section.number("failed_logins", 20, 1..=100_000)),
        connects_per_minute: u32_of(section.number("connects_per_minute", 10, 1..=100_000)),
        message_rate: u32_of(section.number("message_rate", 20, 1..=100_000)),
        unknown_tokens: u32_of(section.number("unknown_tokens", 30, 1..=100_000)),
        flood_timeout: section.span("flood_timeout", MINUTE, SECOND..=HOUR),
        write_timeout: section.span("write_timeout", 30 * SECOND, SECOND..=10 * MINUTE),
    };
    if ocpp.tls.is_none() && !ocpp.bind.ip().is_loopback() && !ocpp.allow_plaintext {
        section.problems.add(
            &section.place("bind"),
            format!(
                "ocpp.bind: {} is beyond loopback without TLS: set [ocpp.tls] with cert and key, \
                 or ocpp.allow_plaintext = true where something else protects the way",
                ocpp.bind
            ),
        );
    }
    ocpp
}

fn networks(value: &Value) -> Result<Vec<Cidr>, String> {
    if !matches!(value.kind, Kind::List(_))
        && let Ok(all) = boolean(value)
    {
        return Ok(if all { vec![Cidr::ALL_V4, Cidr::ALL_V6] } else { Vec::new() });
    }
    texts(value)
        .map_err(|_| "it is true, false or a list of networks".to_owned())?
        .into_iter()
        .map(Cidr::parse)
        .collect()
}

fn tls(parent: &Section<'_>) -> Option<Tls> {
    let there = parent.has("tls");
    let section = parent.section("tls");
    let (cert, key) = (section.path_of("cert"), section.path_of("key"));
    for (name, path) in [("cert", &cert), ("key", &key)] {
        if there && path.is_none() && !section.has(name) {
            let message = format!("{} is missing: a PEM file", section.path(name));
            section.problems.add(&section.origin, message);
        }
    }
    Some(Tls { cert: cert?, key: key? })
}

fn billing(section: &Section<'_>) -> Billing {
    Billing {
        settle: section.span("settle", 15 * MINUTE, Duration::ZERO..=30 * DAY),
        price_wait: section.span("price_wait", 2 * SECOND, Duration::ZERO..=30 * SECOND),
    }
}

fn authorization(section: &Section<'_>) -> Authorization {
    Authorization {
        accept_unknown_tokens: section.flag("accept_unknown_tokens", false),
        accept_no_authorization: section.flag("accept_no_authorization", false),
    }
}

fn review(section: &Section<'_>) -> Review {
    let tolerance = section.number("meter_tolerance_wh", 10, 0..=100_000);
    Review {
        max_power: Power(i64_of(section.number("max_power_w", 1_000_000, 1_000..=100_000_000))),
        meter_tolerance: Energy::from_wh(i64_of(tolerance)),
        clock_tolerance: section.span("clock_tolerance", DAY, MINUTE..=365 * DAY),
    }
}

fn site(section: &Section<'_>) -> Site {
    Site {
        name: section.text("name", "Busbar"),
        time_zone: section.get("time_zone", "Etc/UTC".to_owned(), time_zone),
        currency: section
            .get("currency", euro(), |value| Currency::try_from(text(value)?.to_owned())),
    }
}

pub(super) fn time_zone(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err(format!("{name:?} is not a time zone of IANA, as Europe/Berlin is")),
    }
}

fn euro() -> Currency {
    // Three capital letters are a currency.
    Currency::parse("EUR").unwrap_or_else(|| unreachable!())
}

fn store(section: &Section<'_>) -> Store {
    section.get("engine", (), |value| match text(value)? {
        "sled" => Ok(()),
        other => Err(format!("{other:?} is not an engine of this version: sled")),
    });
    Store {
        cache: section.size("cache", 32 * MIB, MIB..=1 << 40),
        low_space: section.size("low_space", 256 * MIB, 0..=1 << 50),
    }
}

fn frames(section: &Section<'_>) -> Frames {
    let max = section.size("max", 256 * MIB, MIB..=1 << 50);
    let per_station = section.size("per_station", (16 * MIB).min(max), 64 << 10..=1 << 50);
    if per_station > max {
        section
            .problems
            .add(&section.place("per_station"), "frames.per_station is larger than frames.max");
    }
    Frames { max, per_station }
}

fn log(section: &Section<'_>) -> Log {
    Log {
        format: section.get("format", LogFormat::Text, |value| match text(value)? {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("{other:?} is not one of text, json")),
        }),
        level: section.get("level", "info".to_owned(), |value| {
            let level = text(value)?;
            match tracing_subscriber::filter::Targets::from_str(level) {
                Ok(_) => Ok(level.to_owned()),
                Err(_) => Err(format!(
                    "{level:?} is neither a level (error, warn, info, debug, trace) nor \
                     target=level, separated by commas"
                )),
            }
        }),
    }
}

fn plugins(section: &Section<'_>) -> Plugins {
    Plugins { dir: section.path_of("dir"), allow_unsigned: section.flag("allow_unsigned", false) }
}

/// No two listeners have the same address.
fn addresses(root: &Section<'_>, config: &Config) {
    let mut taken = vec![config.ocpp.bind];
    for http in &config.http {
        if http.bind.port() != 0 && taken.contains(&http.bind) {
            let message = format!("two listeners have the address {}", http.bind);
            root.problems.add(&root.place("http"), message);
        }
        taken.push(http.bind);
    }
}

fn parsed<T: FromStr>(what: &'static str) -> impl Fn(&Value) -> Result<T, String>
where
    T::Err: Display,
{
    move |value| {
        let text = text(value)?;
        text.parse().map_err(|_| format!("{text:?} is not {what}"))
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port)
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn u32_of(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn i64_of(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
