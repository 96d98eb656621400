//! Owns where a station connects to, and how it says who it is. Must never keep a connection.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busbar_ocpp::Version;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::stream::{Socket, Stream};

/// Longest time for a connection to stand: TCP, TLS and the upgrade.
const PATIENCE: Duration = Duration::from_secs(15);
/// A station's messages are small; so is what it keeps for them.
const READ_BUFFER: usize = 2 << 10;

/// Where stations connect to.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    host: String,
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    source: Option<IpAddr>,
}

/// Who connects.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its name.
    pub identity: String,
    /// What it speaks.
    pub version: Version,
    /// Its password, if it has one.
    pub password: Option<String>,
}

impl Target {
    /// Reads `ws://host:port/path` or `wss://host:port/path`; the identity will be added to the
    /// path. For `wss`, `root` is the PEM file of the authority that signed the server.
    ///
    /// # Errors
    /// What is wrong with the address or the file.
    pub fn new(url: &str, root: Option<&Path>) -> Result<Self, String> {
        let (secure, rest) = match url.split_once("://") {
            Some(("ws", rest)) => (false, rest),
            Some(("wss", rest)) => (true, rest),
            _ => return Err(format!("{url} is not an address like ws://127.0.0.1:9000/ocpp")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let with_port = if authority.contains(':') {
            authority.to_owned()
        } else {
            format!("{authority}:{}", if secure { 443 } else { 80 })
        };
        let addresses = with_port.to_socket_addrs();
        let addresses = addresses.map_err(|error| format!("{with_port}: {error}"))?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        // Where a name has both, hosts that listen on one of them listen on this one.
        let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
        let address = *address.ok_or_else(|| format!("{with_port} has no address"))?;
        let name = with_port.rsplit_once(':').map_or("", |(name, _)| name);
        let tls = if secure { Some(connector(name, root)?) } else { None };
        Ok(Self {
            address,
            host: with_port.clone(),
            path: path.trim_end_matches('/').to_owned(),
            tls,
            source: None,
        })
    }

    /// The same from this address of ours: an address has ports for some 28,000 connections.
    #[must_use]
    pub fn from(&self, source: IpAddr) -> Self {
        Self { source: Some(source), ..self.clone() }
    }

    /// Connects a station.
    ///
    /// # Errors
    /// Nobody listens, the server refuses it, or it takes too long.
    pub async fn dial(&self, login: &Login) -> io::Result<Socket> {
        match tokio::time::timeout(PATIENCE, self.connect(login)).await {
            Ok(done) => done,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn connect(&self, login: &Login) -> io::Result<Socket> {
        let tcp = self.tcp().await?;
        tcp.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some((connector, name)) => {
                Stream::Tls(Box::new(connector.connect(name.clone(), tcp).await?))
            }
        };
        // The scheme matters only to the request's own check: the stream stands already.
        let url = format!("ws://{}/{}/{}", self.host, self.path, encoded(&login.identity));
        let mut request = url.into_client_request().map_err(io::Error::other)?;
        let headers = request.headers_mut();
        let protocol = HeaderValue::from_static(login.version.subprotocol());
        headers.insert("Sec-WebSocket-Protocol", protocol);
        if let Some(password) = &login.password {
            let plain = format!("{}:{password}", login.identity);
            let value = format!("Basic {}", STANDARD.encode(plain));
            let value = HeaderValue::from_str(&value).map_err(io::Error::other)?;
            headers.insert("Authorization", value);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(1 << 20))
            .max_frame_size(Some(1 << 20));
        let connected = client_async_with_config(request, stream, Some(config)).await;
        connected.map(|(socket, _)| socket).map_err(io::Error::other)
    }

    async fn tcp(&self) -> io::Result<TcpStream> {
        let socket = match self.address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(source) =
            self.source.filter(|source| source.is_ipv4() == self.address.is_ipv4())
        {
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::new(source, 0))?;
        }
        socket.connect(self.address).await
    }
}

fn connector(
    name: &str,
    root: Option<&Path>,
) -> Result<(TlsConnector, ServerName<'static>), String> {
    let root = root.ok_or("wss needs the certificate of the authority that signed the server")?;
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", root.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(root).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| format!("{name} is not a name that a certificate can have"))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// Percent-encodes what cannot stand in a path.
fn encoded(identity: &str) -> String {
    let mut out = String::with_capacity(identity.len());
    for byte in identity.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests;
