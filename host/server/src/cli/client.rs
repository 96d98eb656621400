//! Owns how commands speak to a running host: over its API, with the token in its data folder.
//! Must never print the token.

use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{ConfigArgs, Failure};
use crate::config::{Config, Serves};
use crate::secrets::ADMIN_TOKEN_FILE;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(600);
/// No answer is larger.
const LARGEST: usize = 64 << 20;

/// Which host is meant.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct HostArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Where the host's API is [default: the first plain HTTP listener that serves admin]
    #[arg(long, value_name = "URL", env = "BUSBAR_URL")]
    url: Option<String>,
}

/// A client of a running host.
pub(super) struct Client {
    authority: String,
    token: String,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    pub(super) fn new(args: &HostArgs) -> Result<Self, Failure> {
        let config = args.config.load()?;
        let authority = match &args.url {
            Some(url) => authority(url)?,
            None => listener(&config)?,
        };
        let token = match std::env::var("BUSBAR_TOKEN") {
            Ok(token) => token,
            Err(_) => token(&config)?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { authority, token, runtime })
    }

    /// Gets a resource of the API, as JSON.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path)
    }

    /// Makes a resource of the API, as JSON.
    pub(super) fn post(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::POST, path)
    }

    fn ask(&self, method: Method, path: &str) -> Result<Value, Failure> {
        let got = async { tokio::time::timeout(PATIENCE, self.try_ask(method, path)).await };
        let (status, body) = self.runtime.block_on(got).map_err(|_| {
            self.unreachable(&format!("no answer within {} s", PATIENCE.as_secs()))
        })??;
        let value: Value = serde_json::from_slice(&body)
            .map_err(|_| self.unreachable("what answers there is not a busbar"))?;
        if status.is_success() {
            return Ok(value);
        }
        let said = |name: &str| value[name].as_str().unwrap_or("").to_owned();
        Err(Failure::Failed(format!("{}: {}", said("title"), said("detail"))))
    }

    /// All items of a list, page by page.
    pub(super) fn all(
        &self,
        path: &str,
        mut each: impl FnMut(Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut next = format!("{path}{joint}limit=200");
        loop {
            let mut page = self.get(&next)?;
            if let Some(items) = page["items"].as_array_mut() {
                items.drain(..).try_for_each(&mut each)?;
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}{joint}limit=200&cursor={cursor}"),
                None => return Ok(()),
            }
        }
    }

    async fn try_ask(&self, method: Method, path: &str) -> Result<(StatusCode, Bytes), Failure> {
        let failed = |error: &dyn std::fmt::Display| self.unreachable(&error.to_string());
        let stream = TcpStream::connect(&self.authority).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::ACCEPT, "application/json")
            .body(Empty::<Bytes>::new())
            .map_err(|error| Failure::Failed(format!("{path}: {error}")))?;
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| failed(&error))?.to_bytes();
        Ok((status, body))
    }

    fn unreachable(&self, why: &str) -> Failure {
        Failure::Unreachable(format!(
            "the host at http://{} cannot be reached: {why}; is it running? (--data DIR reads a \
             stopped one)",
            self.authority
        ))
    }
}

fn authority(url: &str) -> Result<String, Failure> {
    let rest = url.strip_prefix("http://").ok_or_else(|| {
        Failure::Failed(format!("--url {url}: an http:// address of this machine is needed"))
    })?;
    let authority = rest.split('/').next().unwrap_or("");
    if authority.is_empty() {
        return Err(Failure::Failed(format!("--url {url}: it names no host")));
    }
    let has_port = authority.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok());
    Ok(if has_port { authority.to_owned() } else { format!("{authority}:80") })
}

fn listener(config: &Config) -> Result<String, Failure> {
    let plain = config
        .http
        .iter()
        .find(|http| http.tls.is_none() && http.serves.contains(&Serves::Admin))
        .ok_or_else(|| {
            let why = "no plain HTTP listener serves admin: add one on 127.0.0.1, or give --url";
            Failure::Failed(why.into())
        })?;
    let mut address = plain.bind;
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        address.set_ip(loopback);
    }
    Ok(address.to_string())
}

fn token(config: &Config) -> Result<String, Failure> {
    let path = config.data.join(ADMIN_TOKEN_FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::Unreachable(format!(
            "{}: {error}; the host writes it at its first start (or set BUSBAR_TOKEN)",
            path.display()
        ))
    })?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests;
