//! Owns one HTTP/1.1 request to a VTN: where it goes, over which TLS, how long it may take and how
//! much may come back. Must never follow a redirect: credentials go where they were meant to go.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ALL_VERSIONS, ClientConfig, RootCertStore};

use super::Failure;

/// A request, from the name's look-up to the answer's last byte.
const PATIENCE: Duration = Duration::from_secs(20);
/// The largest answer.
pub(super) const LARGEST: usize = 4 << 20;
/// Where systems keep the authorities that they trust: the first that is there is taken.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where something is on the net: `https://vtn.example.org/openadr3/3.1.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    is_tls: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    /// Without a slash at its end.
    path: String,
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            |why: &str| format!("{text:?} is no address as https://vtn.example.org is: {why}");
        let uri: Uri = text.parse().map_err(|_| wrong("it cannot be read"))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("it begins with https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("who logs in is not said there"));
        }
        if uri.query().is_some() {
            return Err(wrong("it has a query"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Something below it.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        Self { path: format!("{}/{path}", self.path), ..self.clone() }
    }

    /// Whether what is sent there could be read on the way.
    pub fn is_exposed(&self) -> bool {
        let address: Result<std::net::IpAddr, _> = self.host.parse();
        let is_near = address.map_or(self.host == "localhost", |address| address.is_loopback());
        !self.is_tls && !is_near
    }

    fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}", self.port)
    }
}

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// Encoded, without the question mark.
    pub(super) query: &'a str,
    /// `Bearer …`; none before there is a token.
    pub(super) authorization: Option<&'a str>,
    /// A form: the request is a POST.
    pub(super) form: Option<String>,
}

/// Asks, and remembers whom it trusts.
pub(super) struct Http {
    authorities: Option<PathBuf>,
    connector: Option<TlsConnector>,
}

impl Http {
    /// Trusts the authorities of a PEM file, or the system's.
    pub(super) fn new(authorities: Option<PathBuf>) -> Self {
        Self { authorities, connector: None }
    }

    pub(super) async fn ask(
        &mut self,
        question: Question<'_>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let endpoint = question.endpoint;
        let of = |why: &dyn std::fmt::Display| {
            Failure::new("unreachable", format!("{}: {why}", endpoint.authority()))
        };
        if endpoint.is_tls && self.connector.is_none() {
            self.connector = Some(connector(self.authorities.as_deref())?);
        }
        let request = request(&question)?;
        let asked = async {
            let stream = TcpStream::connect((&*endpoint.host, endpoint.port)).await;
            let stream = stream.map_err(|error| of(&error))?;
            match self.connector.as_ref().filter(|_| endpoint.is_tls) {
                None => exchange(stream, request, &of).await,
                Some(connector) => {
                    let name = ServerName::try_from(endpoint.host.clone());
                    let name = name.map_err(|error| of(&error))?;
                    let stream = connector.connect(name, stream).await;
                    exchange(stream.map_err(|error| of(&error))?, request, &of).await
                }
            }
        };
        let late = |_| of(&format!("no answer within {} s", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, asked).await.map_err(late)?
    }
}

fn request(question: &Question<'_>) -> Result<Request<Full<Bytes>>, Failure> {
    let path = match &*question.endpoint.path {
        "" => "/",
        path => path,
    };
    let joint = if question.query.is_empty() { "" } else { "?" };
    let mut request = Request::builder()
        .method(if question.form.is_some() { "POST" } else { "GET" })
        .uri(format!("{path}{joint}{}", question.query))
        .header(header::HOST, question.endpoint.authority())
        .header(header::USER_AGENT, concat!("busbar/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close");
    if let Some(authorization) = question.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    if question.form.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let body = question.form.clone().unwrap_or_default();
    request.body(Full::new(Bytes::from(body))).map_err(|_| {
        // What was asked is not repeated: there may be a token in it.
        Failure::new("nonsense", "what the VTN said cannot be sent back to it".into())
    })
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    of: &impl Fn(&dyn std::fmt::Display) -> Failure,
) -> Result<(StatusCode, Bytes), Failure> {
    let hands = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = hands.map_err(|error| of(&error))?;
    // It ends with the sender.
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| of(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body =
        body.map_err(|error| match error.downcast_ref::<http_body_util::LengthLimitError>() {
            Some(_) => {
                Failure::new("too_much", format!("an answer is larger than {LARGEST} bytes"))
            }
            None => of(&error),
        })?;
    Ok((status, body.to_bytes()))
}

fn connector(authorities: Option<&Path>) -> Result<TlsConnector, Failure> {
    let known = || AUTHORITIES.iter().map(Path::new).find(|path| path.exists());
    let file = authorities.or_else(known).ok_or_else(|| {
        let why = "this system names no authorities of TLS: set sites.openadr.ca".to_owned();
        Failure::new("tls", why)
    })?;
    let of =
        |why: &dyn std::fmt::Display| Failure::new("tls", format!("{}: {why}", file.display()));
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| of(&error))?;
    let certificates: Result<Vec<_>, _> = certificates.collect();
    let (added, _) = roots.add_parsable_certificates(certificates.map_err(|error| of(&error))?);
    if added == 0 {
        return Err(of(&"it holds no certificate"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(ALL_VERSIONS)
        .map_err(|error| of(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests;
