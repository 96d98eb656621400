//! Owns the upgrade of a connection: identity, password, subprotocol (OCPP.md rule 6, ATTACKS 1
//! to 12). Must never tell an unknown identity from a wrong password, unless configured.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use busbar_charging::fact::station::Dialect;
use busbar_charging::ids::StationId;
use busbar_charging::row::{self, RowBody};
use busbar_charging::subject::Key;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE,
};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::Shared;
use super::holders::{Hold, TooOften};
use crate::alerts::AlertKind;
use crate::failures::network;
use crate::http::names::is_station;
use crate::secrets::Digest;

/// What the WebSocket layer reads beyond the largest frame, so that the answer to a frame that is
/// too large can name it.
const FRAME_SLACK: usize = 64 * 1024;

/// A connection that has come in.
pub(super) struct Opened<S> {
    pub(super) socket: WebSocketStream<S>,
    pub(super) station: StationId,
    /// None where no version is common: the connection is closed at once.
    pub(super) dialect: Option<Dialect>,
    pub(super) peer: SocketAddr,
    pub(super) security_profile: u8,
    pub(super) row: Option<row::Station>,
    /// Of its identity, until the connection ends.
    pub(super) hold: Hold,
}

/// What a request was let in as.
struct Admitted {
    station: StationId,
    dialect: Option<Dialect>,
    security_profile: u8,
    row: Option<row::Station>,
    hold: Hold,
}

/// Why a request was not let in.
enum Refusal {
    /// No identity in the path, or none that can be.
    Path,
    /// Wrong password, or unknown identity.
    Credentials,
    /// Unknown identity, where the operator wants that told.
    Unknown,
    /// Failed too often: may try again after that.
    LockedOut(Duration),
    /// Was opened too often: has its next turn after that.
    TooOften(Duration),
    /// The store is being opened.
    Unavailable,
}

/// Upgrades a connection. None when it was refused: the answer has gone out.
pub(super) async fn accept<S>(
    shared: &Shared,
    stream: S,
    peer: SocketAddr,
    tls: bool,
) -> Option<Opened<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut admitted = None;
    #[expect(clippy::result_large_err, reason = "tungstenite's callback answers with a response")]
    let callback = |request: &Request, response: Response| {
        // The row is nearly always in memory, and a handshake is rare: reading it here keeps the
        // decision before the answer.
        let decided = tokio::task::block_in_place(|| admit(shared, request, peer, tls));
        match decided {
            Ok(found) => {
                shared.metrics.handshake("accepted");
                let response = with_protocol(response, found.dialect);
                admitted = Some(found);
                Ok(response)
            }
            Err(refusal) => {
                shared.metrics.handshake(refusal.label());
                Err(refusal.response())
            }
        }
    };
    let config = socket_config(shared.config.max_frame);
    let socket =
        tokio_tungstenite::accept_hdr_async_with_config(stream, callback, Some(config)).await;
    let socket = match socket {
        Ok(socket) => socket,
        Err(error) => {
            tracing::debug!(%peer, %error, "WebSocket handshake failed");
            return None;
        }
    };
    let Admitted { station, dialect, security_profile, row, hold } = admitted?;
    Some(Opened { socket, station, dialect, peer, security_profile, row, hold })
}

/// Small buffers: they decide what an idle connection costs (FACTS.md, WebSocket).
fn socket_config(max_frame: usize) -> WebSocketConfig {
    let most = max_frame.saturating_add(FRAME_SLACK);
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * most)
        .max_message_size(Some(most))
        .max_frame_size(Some(most))
}

fn admit(
    shared: &Shared,
    request: &Request,
    peer: SocketAddr,
    tls: bool,
) -> Result<Admitted, Refusal> {
    let station = identity(request.uri().path()).ok_or(Refusal::Path)?;
    let reader = (shared.rows)().ok_or(Refusal::Unavailable)?;
    let row = reader.get(&Key::station(&station)).map_err(|error| {
        tracing::error!(%error, "a station's row cannot be read");
        Refusal::Unavailable
    })?;
    let row = row.and_then(|row| row::Station::from_row(&row).ok()).filter(|row| !row.removed);
    let newcomer = Newcomer { shared, station: &station, peer, tls, row: row.as_ref() };
    let security_profile = newcomer.authenticate(request)?;
    newcomer.is_no_downgrade(security_profile)?;
    let hold = newcomer.take_turn()?;
    if security_profile == 0 {
        let detail = format!("connected from {} without a password", peer.ip());
        shared.alerts.raise(AlertKind::WithoutPassword, station.as_str(), &detail);
    }
    Ok(Admitted { station, dialect: common_version(request), security_profile, row, hold })
}

/// Who wants to come in.
struct Newcomer<'a> {
    shared: &'a Shared,
    station: &'a StationId,
    peer: SocketAddr,
    tls: bool,
    row: Option<&'a row::Station>,
}

impl Newcomer<'_> {
    /// Its security profile, once it has shown who it is.
    fn authenticate(&self, request: &Request) -> Result<u8, Refusal> {
        let registered = self.row.and_then(|row| row.registered.as_ref());
        let kept = registered.and_then(|registered| registered.password_hash.as_deref());
        let open = &self.shared.config.unauthenticated;
        let open_address = open.iter().any(|cidr| cidr.contains(self.peer.ip()));
        let without = match registered {
            Some(registered) => registered.unauthenticated || (open_address && kept.is_none()),
            None => open_address,
        };
        let credentials = basic(request);
        if without && credentials.is_none() {
            return Ok(0);
        }
        let (name, address, now) = (self.station.as_str(), self.peer.ip(), Instant::now());
        let wait = self.shared.admission.wait(name, address, now);
        // Whoever else fails by its name or from its address, the station itself gets in from
        // where it always came from.
        if let Some(wait) = wait.filter(|_| !self.is_usual_address()) {
            return Err(self.locked_out(wait));
        }
        if password_is_right(self.shared, self.station, credentials.as_ref(), kept) {
            return Ok(if self.tls { 2 } else { 1 });
        }
        if let Some(wait) = wait {
            return Err(self.locked_out(wait));
        }
        self.shared.admission.failed(name, address, now);
        // Names that nobody registered are no subjects: whoever fails could invent any number.
        let (subject, detail) = match registered {
            Some(_) => (name.to_owned(), format!("a log-in from {address} failed")),
            None => (address.to_string(), format!("tried to log in as {name}")),
        };
        self.shared.alerts.raise(AlertKind::FailedLogin, &subject, &detail);
        let reveal = self.shared.config.reveal_unknown && registered.is_none();
        Err(if reveal { Refusal::Unknown } else { Refusal::Credentials })
    }

    fn is_usual_address(&self) -> bool {
        let last = self.row.and_then(|row| row.last_remote.as_deref());
        let last = last.and_then(|remote| remote.parse::<SocketAddr>().ok());
        last.is_some_and(|last| network(last.ip()) == network(self.peer.ip()))
    }

    fn locked_out(&self, wait: Duration) -> Refusal {
        let (address, name) = (self.peer.ip().to_string(), self.station);
        let detail = format!("failed too often, and tried again as {name}");
        self.shared.alerts.raise(AlertKind::LockedOut, &address, &detail);
        Refusal::LockedOut(wait)
    }

    /// Whether the core would let it in with this profile. It decides again, since the row may be
    /// behind; here it is refused before it can tell anything from the answer.
    fn is_no_downgrade(&self, security_profile: u8) -> Result<(), Refusal> {
        let least = self.row.map_or(0, |row| row.least_profile);
        if security_profile >= least {
            return Ok(());
        }
        let detail = format!(
            "refused from {} with security profile {security_profile}: it had {least} before. If \
             that is meant, reset it: POST /api/v1/stations/{}/reset-security-profile",
            self.peer.ip(),
            self.station
        );
        self.shared.alerts.raise(AlertKind::Downgrade, self.station.as_str(), &detail);
        Err(Refusal::Credentials)
    }

    /// Two that push each other out have to wait (ATTACKS 6).
    fn take_turn(&self) -> Result<Hold, Refusal> {
        let opened = self.shared.holders.open(self.station, self.peer, Instant::now());
        opened.map_err(|TooOften { wait, holder }| {
            let peer = self.peer;
            let (kind, detail) = match holder {
                Some(holder) => {
                    let detail = format!("{peer} and {holder} push each other out");
                    (AlertKind::IdentityConflict, detail)
                }
                None => (AlertKind::Reconnects, format!("connects too often, last from {peer}")),
            };
            self.shared.alerts.raise(kind, self.station.as_str(), &detail);
            Refusal::TooOften(wait)
        })
    }
}

/// Whether the password is the station's. Takes as long for a station that is not known.
fn password_is_right(
    shared: &Shared,
    station: &StationId,
    credentials: Option<&(Vec<u8>, Vec<u8>)>,
    kept: Option<&str>,
) -> bool {
    let nobody = shared.passwords.digest(b"");
    let digest = kept.and_then(Digest::parse);
    let (user, password) = match credentials {
        Some((user, password)) => (user.as_slice(), password.as_slice()),
        None => (&[][..], &[][..]),
    };
    let matches = shared.passwords.matches(password, digest.as_ref().unwrap_or(&nobody));
    matches && digest.is_some() && user == station.as_str().as_bytes()
}

/// The identity: the last segment of the path, decoded once (PITFALLS 4). A version in between
/// may stand there, and decides nothing (PITFALLS 3).
fn identity(path: &str) -> Option<StationId> {
    let rest = path.strip_prefix("/ocpp/")?;
    let last = match rest.split_once('/') {
        None => rest,
        Some((_version, last)) if !last.contains('/') => last,
        Some(_) => return None,
    };
    let decoded = percent_decode_str(last).decode_utf8().ok()?;
    is_station(&decoded).then(|| StationId::from(&*decoded))
}

/// User and password of Basic authentication, as bytes: 1.6 passwords need not be text
/// (PITFALLS 132).
fn basic(request: &Request) -> Option<(Vec<u8>, Vec<u8>)> {
    let header = request.headers().get(AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((decoded[..colon].to_vec(), decoded[colon + 1..].to_vec()))
}

/// The first of the client's versions that we speak (PITFALLS 1).
fn common_version(request: &Request) -> Option<Dialect> {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).find_map(
        |name| match name.trim() {
            "ocpp1.6" => Some(Dialect::V16),
            "ocpp2.0.1" => Some(Dialect::V201),
            "ocpp2.1" => Some(Dialect::V21),
            _ => None,
        },
    )
}

/// The subprotocol's name.
pub(super) fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V16 => "ocpp1.6",
        Dialect::V201 => "ocpp2.0.1",
        Dialect::V21 => "ocpp2.1",
    }
}

fn with_protocol(mut response: Response, dialect: Option<Dialect>) -> Response {
    if let Some(dialect) = dialect {
        let value = HeaderValue::from_static(name(dialect));
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    response
}

impl Refusal {
    fn label(&self) -> &'static str {
        match self {
            Self::Path => "bad_path",
            Self::Credentials => "unauthorized",
            Self::Unknown => "unknown",
            Self::LockedOut(_) => "locked_out",
            Self::TooOften(_) => "too_often",
            Self::Unavailable => "unavailable",
        }
    }

    fn response(&self) -> ErrorResponse {
        let (status, text) = match self {
            Self::Path => (StatusCode::NOT_FOUND, "connect to /ocpp/{station}"),
            Self::Credentials => (StatusCode::UNAUTHORIZED, "the credentials are not right"),
            Self::Unknown => (StatusCode::NOT_FOUND, "no such station"),
            Self::LockedOut(_) => (StatusCode::TOO_MANY_REQUESTS, "failed too often: wait"),
            Self::TooOften(_) => (StatusCode::TOO_MANY_REQUESTS, "connected too often: wait"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "try again in a moment"),
        };
        let mut response = ErrorResponse::new(Some(text.to_owned()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let wait = match self {
            Self::LockedOut(wait) | Self::TooOften(wait) => Some(wait.as_secs() + 1),
            Self::Unavailable => Some(5),
            Self::Path | Self::Credentials | Self::Unknown => None,
        };
        if let Some(wait) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        if matches!(self, Self::Credentials) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"ocpp\""));
        }
        response
    }
}
