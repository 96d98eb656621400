//! Owns the upgrade of a connection: identity, password, subprotocol (OCPP.md rule 6, ATTACKS 1
//! to 12). Must never tell an unknown identity from a wrong password, unless configured.

use std::net::SocketAddr;

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
}

/// What a request was let in as.
struct Admitted {
    station: StationId,
    dialect: Option<Dialect>,
    security_profile: u8,
    row: Option<row::Station>,
}

/// Why a request was not let in.
enum Refusal {
    /// No identity in the path, or none that can be.
    Path,
    /// Wrong password, or unknown identity.
    Credentials,
    /// Unknown identity, where the operator wants that told.
    Unknown,
    /// Failed too often.
    LockedOut,
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
    let Admitted { station, dialect, security_profile, row } = admitted?;
    Some(Opened { socket, station, dialect, peer, security_profile, row })
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
    let (by_name, by_address) = (format!("name {station}"), format!("address {}", peer.ip()));
    let reader = (shared.rows)().ok_or(Refusal::Unavailable)?;
    let row = reader.get(&Key::station(&station)).map_err(|error| {
        tracing::error!(%error, "a station's row cannot be read");
        Refusal::Unavailable
    })?;
    let row = row.and_then(|row| row::Station::from_row(&row).ok()).filter(|row| !row.removed);
    let registered = row.as_ref().and_then(|row| row.registered.as_ref());
    let credentials = basic(request);
    let open_address = shared.config.unauthenticated.iter().any(|cidr| cidr.contains(peer.ip()));
    let kept = registered.and_then(|registered| registered.password_hash.as_deref());
    let without = match registered {
        Some(registered) => registered.unauthenticated || (open_address && kept.is_none()),
        None => open_address,
    };
    let right = password_is_right(shared, &station, credentials.as_ref(), kept);
    let let_in = right || (without && credentials.is_none());
    if !let_in {
        // The right password is never locked out, whoever else fails from its address or by its
        // name.
        let tried = [&by_address, &by_name];
        if tried.into_iter().any(|who| shared.admission.is_locked_out(who)) {
            return Err(Refusal::LockedOut);
        }
        shared.admission.failed(&by_name);
        shared.admission.failed(&by_address);
        tracing::warn!(%station, peer = %peer.ip(), "a station failed to authenticate");
        let reveal = shared.config.reveal_unknown && registered.is_none();
        return Err(if reveal { Refusal::Unknown } else { Refusal::Credentials });
    }
    let security_profile = match (right, tls) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => 2,
    };
    let live = row.as_ref().and_then(|row| row.connected.as_ref());
    if live.is_some_and(|live| live.security_profile > security_profile) {
        // A lesser authenticated newcomer never displaces a live connection (ATTACKS 3).
        tracing::warn!(%station, peer = %peer.ip(), "a lesser connection was refused");
        return Err(Refusal::Credentials);
    }
    if security_profile == 0 {
        tracing::warn!(%station, peer = %peer.ip(), "a station connected without a password");
    }
    Ok(Admitted { station, dialect: common_version(request), security_profile, row })
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
            Self::LockedOut => "locked_out",
            Self::Unavailable => "unavailable",
        }
    }

    fn response(&self) -> ErrorResponse {
        let (status, text) = match self {
            Self::Path => (StatusCode::NOT_FOUND, "connect to /ocpp/{station}"),
            Self::Credentials => (StatusCode::UNAUTHORIZED, "the credentials are not right"),
            Self::Unknown => (StatusCode::NOT_FOUND, "no such station"),
            Self::LockedOut => (StatusCode::TOO_MANY_REQUESTS, "failed too often: wait a minute"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "try again in a moment"),
        };
        let mut response = ErrorResponse::new(Some(text.to_owned()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        match self {
            Self::Credentials => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"ocpp\""));
            }
            Self::LockedOut => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
            }
            Self::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::Path | Self::Unknown => {}
        }
        response
    }
}
