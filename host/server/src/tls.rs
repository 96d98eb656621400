//! Owns how certificates are read and which TLS is spoken: 1.2 and 1.3, nothing older. Must never
//! log a key.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ALL_VERSIONS, ServerConfig};

use crate::config::Tls;

/// An acceptor with this certificate.
///
/// # Errors
/// A file that cannot be read or used: in one sentence.
pub fn acceptor(tls: &Tls) -> Result<TlsAcceptor, String> {
    server(tls).map(|config| TlsAcceptor::from(Arc::new(config)))
}

/// The TLS configuration of a server with this certificate.
///
/// # Errors
/// A file that cannot be read or used: in one sentence.
pub fn server(tls: &Tls) -> Result<ServerConfig, String> {
    let of = |path: &Path, what: &str| format!("{}: {what}", path.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&tls.cert)
        .map_err(|error| of(&tls.cert, &format!("cannot be read: {error}")))?
        .collect();
    let chain = chain.map_err(|error| of(&tls.cert, &format!("is not PEM: {error}")))?;
    if chain.is_empty() {
        return Err(of(&tls.cert, "holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|error| of(&tls.key, &format!("holds no private key: {error}")))?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(ALL_VERSIONS)
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| of(&tls.cert, &format!("does not fit {}: {error}", tls.key.display())))
}
