//! Owns what an operator configures: `busbar.toml`, overlaid by `BUSBAR_SECTION__KEY` from the
//! environment, read into one validated `Config` value that is passed down. All problems are
//! found at once, each with its place. Must never hold a default that another file repeats.

mod openadr;
mod read;
mod sections;
mod sites;
mod tree;
pub mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use busbar_charging::context::Policy;
use busbar_charging::fact::site::Party;
use busbar_charging::ids::{SiteId, StationId};
use busbar_charging::load::config::Config as LoadConfig;
use busbar_charging::units::{Currency, Energy, Millis, Power};

pub use read::Problem;
pub use values::Cidr;

use crate::openadr::Endpoint;

/// The file that is read where no other is named, if it is there.
pub const DEFAULT_FILE: &str = "busbar.toml";

/// Everything that an operator configures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file that it was read from.
    pub file: Option<PathBuf>,
    /// The data folder.
    pub data: PathBuf,
    /// HTTP listeners; at least one.
    pub http: Vec<Http>,
    /// The OCPP listener.
    pub ocpp: Ocpp,
    /// When and how sessions are billed.
    pub billing: Billing,
    /// Who may charge.
    pub authorization: Authorization,
    /// When something looks wrong.
    pub review: Review,
    /// What all stations share that have no site of their own.
    pub site: Site,
    /// Sites that the file has.
    pub sites: Vec<SiteFile>,
    /// The embedded store.
    pub store: Store,
    /// The frame log.
    pub frames: Frames,
    /// What is logged.
    pub log: Log,
    /// Plugins beside those that are built in.
    pub plugins: Plugins,
}

/// An HTTP listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// What it serves.
    pub serves: Vec<Serves>,
    /// Names by which it may be called, beside the loopback ones of a loopback listener.
    pub hosts: Vec<String>,
    /// Its certificate; plain HTTP without.
    pub tls: Option<Tls>,
    /// Connections at once.
    pub connections: usize,
}

/// What an HTTP listener may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Serves {
    /// API, console, metrics.
    Admin,
    /// Driver pages.
    Driver,
    /// Roaming.
    Ocpi,
}

/// A certificate chain and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain, leaf first.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// The OCPP listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ocpp {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Plain WebSocket beyond loopback.
    pub allow_plaintext: bool,
    /// Its certificate: security profile 2.
    pub tls: Option<Tls>,
    /// 404 for an unknown identity instead of the 401 of a wrong password.
    pub reveal_unknown: bool,
    /// From where stations may connect without a password.
    pub unauthenticated: Vec<Cidr>,
    /// The largest frame, in bytes.
    pub max_frame: usize,
    /// The deepest JSON.
    pub max_depth: usize,
    /// The interval that a station is told to send heartbeats in.
    pub heartbeat: Duration,
    /// A ping goes out after that much silence; twice that much closes the connection.
    pub ping: Duration,
    /// How long a station may take to answer a call.
    pub call_timeout: Duration,
    /// Refuse every deviation from the schemas, where a station says nothing else.
    pub strict: bool,
    /// Handshakes under way at once; half as many of one address.
    pub handshakes: usize,
    /// How long a handshake may take, TLS included.
    pub handshake_timeout: Duration,
    /// Connections accepted in a second.
    pub accept_rate: u32,
    /// Connections from one address.
    pub connections_per_ip: usize,
    /// Failed log-ins of one identity from one address, in a minute.
    pub failed_logins: u32,
    /// Connections of one identity, in a minute: two that push each other out have to wait.
    pub connects_per_minute: u32,
    /// Messages of one station in a second, over ten seconds.
    pub message_rate: u32,
    /// Tokens that one station presents and that are not known, in a minute.
    pub unknown_tokens: u32,
    /// A station that sends more than that for so long, without waiting for answers, is closed.
    pub flood_timeout: Duration,
    /// A station that does not take what is sent to it for so long is closed.
    pub write_timeout: Duration,
}

/// When and how sessions are billed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billing {
    /// Time online after the last message before a session is billed.
    pub settle: Duration,
    /// How long a station's reply may wait for a price.
    pub price_wait: Duration,
}

/// Who may charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Accept tokens that are not known.
    pub accept_unknown_tokens: bool,
    /// Accept charging without a token.
    pub accept_no_authorization: bool,
}

/// When something looks wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The most that one EVSE can deliver.
    pub max_power: Power,
    /// A register may fall by so much.
    pub meter_tolerance: Energy,
    /// Station and server clock may differ by so much.
    pub clock_tolerance: Duration,
}

/// What all stations share that have no site of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// For people.
    pub name: String,
    /// IANA.
    pub time_zone: String,
    /// ISO 4217: the currency of a tariff that names none.
    pub currency: Currency,
}

/// A site that the configuration file has: the file is where it is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteFile {
    /// What the API calls it.
    pub id: SiteId,
    /// For people.
    pub name: String,
    /// IANA.
    pub time_zone: String,
    /// ISO 4217.
    pub currency: Currency,
    /// Who operates it.
    pub party: Option<Party>,
    /// Its stations.
    pub stations: Vec<StationId>,
    /// How its load is controlled.
    pub load: Option<LoadConfig>,
    /// The VTN that its limits and prices come from.
    pub openadr: Option<OpenAdr>,
    /// The name of the file and the line, as `busbar.toml:12`.
    pub place: String,
}

/// A VTN of OpenADR 3 that a site hears. What holds when it is silent stands in the site's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAdr {
    /// Its base address.
    pub url: Endpoint,
    /// Where a token is to be had.
    pub token_url: Endpoint,
    /// Who logs in; nobody has to where there is none.
    pub login: Option<(String, Secret)>,
    /// The id or the name of the program that is followed.
    pub program: String,
    /// Only events with one of these targets are asked for.
    pub targets: Vec<String>,
    /// As the VTN knows the site.
    pub ven_name: String,
    /// How often it is asked.
    pub poll: Duration,
    /// The circuit that its limits are for.
    pub circuit: String,
    /// After how long a silence the fallback holds.
    pub timeout: Duration,
    /// A PEM file of the authorities that are trusted; the system's without.
    pub ca: Option<PathBuf>,
}

/// Something that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Itself.
    Text(String),
    /// The file that holds it, read whenever it is needed.
    File(PathBuf),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("a secret"),
            Self::File(path) => write!(f, "the secret in {}", path.display()),
        }
    }
}

/// The embedded store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Memory for pages of rows, in bytes.
    pub cache: u64,
    /// Below so many free bytes no session starts.
    pub low_space: u64,
}

/// The frame log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    /// All of it, in bytes.
    pub max: u64,
    /// Of one station, in bytes.
    pub per_station: u64,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged: a level, or `target=level` directives.
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Plugins beside those that are built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugins {
    /// A folder of plugins that are installed at the start.
    pub dir: Option<PathBuf>,
    /// Install plugins that nobody signed.
    pub allow_unsigned: bool,
}

impl Config {
    /// Reads a configuration file and the environment. Without a file named, `busbar.toml` in
    /// the working folder is read if it is there.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Problem>> {
        let path = match file {
            Some(path) => Some(path),
            None => Some(Path::new(DEFAULT_FILE)).filter(|path| path.exists()),
        };
        let Some(path) = path else { return Self::parse(None, "", env) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| vec![Problem::of_file(path, &error.to_string())])?;
        Self::parse(Some(path), &text, env)
    }

    /// Reads the text of a configuration file and the environment. Paths in the file are relative
    /// to its folder.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(
        file: Option<&Path>,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Problem>> {
        let (mut tree, mut problems) = tree::parse(file, text);
        problems.extend(tree::overlay(&mut tree, env));
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let (config, found) = sections::read(&tree, file, folder);
        problems.extend(found);
        problems.sort_by_key(Problem::place);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// What `decide` reads of it.
    pub fn policy(&self) -> Policy {
        Policy {
            settle: millis(self.billing.settle),
            price_wait: millis(self.billing.price_wait),
            time_zone: self.site.time_zone.clone(),
            accept_unknown_tokens: self.authorization.accept_unknown_tokens,
            accept_no_authorization: self.authorization.accept_no_authorization,
            max_power: self.review.max_power,
            meter_tolerance: self.review.meter_tolerance,
            clock_tolerance: millis(self.review.clock_tolerance),
            new_sessions: true,
        }
    }

    /// What is allowed and still worth a word at the start.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let ocpp = &self.ocpp;
        let beyond = |bind: &SocketAddr| !bind.ip().is_loopback();
        if ocpp.tls.is_none() && beyond(&ocpp.bind) {
            warnings.push(format!(
                "stations connect to {} without TLS: passwords and charges can be read and changed \
                 on the way (ocpp.allow_plaintext)",
                ocpp.bind
            ));
        }
        if !ocpp.unauthenticated.is_empty() {
            warnings.push(format!(
                "stations from {} connect without a password (ocpp.unauthenticated)",
                ocpp.unauthenticated.iter().map(Cidr::to_string).collect::<Vec<_>>().join(", ")
            ));
        }
        for http in &self.http {
            if http.tls.is_none() && beyond(&http.bind) && http.serves.contains(&Serves::Admin) {
                warnings.push(format!(
                    "the API on {} has no TLS: the token can be read on the way unless a proxy in \
                     front of it has (http.tls)",
                    http.bind
                ));
            }
        }
        warnings
    }
}

fn millis(duration: Duration) -> Millis {
    Millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
