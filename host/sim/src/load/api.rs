//! Owns the operator's API as a client needs it: a few requests on one kept connection. Must never
//! be a general HTTP client: JSON in, JSON out, one request at a time.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);
/// No answer that we ask for is larger.
const BODY_MAX: usize = 64 << 20;

/// A connection to the API.
#[derive(Debug)]
pub struct Client {
    address: String,
    token: Option<String>,
    stream: Option<BufReader<TcpStream>>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Its HTTP status.
    pub status: u16,
    /// Its body, as it came.
    pub body: String,
}

impl Response {
    /// Whether it worked.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Its body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The body of a good answer; what is wrong, for people, of another.
    ///
    /// # Errors
    /// The answer was not a good one.
    pub fn good(self, what: &str) -> Result<Value, String> {
        if self.is_ok() {
            return Ok(self.json());
        }
        let problem = self.json();
        let word = ["detail", "title"].iter().find_map(|field| problem[*field].as_str());
        Err(format!("{what}: {} {}", self.status, word.unwrap_or(&self.body)))
    }
}

impl Client {
    /// A client of the API at `host:port`, with a bearer token.
    pub fn new(address: &str, token: Option<&str>) -> Self {
        let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { address, token: token.map(str::to_owned), stream: None }
    }

    /// One request. Tried again once when a kept connection turns out to be closed.
    ///
    /// # Errors
    /// Nobody listens, or what came back is not HTTP.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<Response> {
        let kept = self.stream.is_some();
        let first = self.attempt(method, path, body).await;
        if first.is_err() {
            self.stream = None;
            if kept {
                return self.attempt(method, path, body).await;
            }
        }
        first
    }

    async fn attempt(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<Response> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        if !body.is_empty() {
            head.push_str("Content-Type: application/json\r\n");
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let work = async {
            let mut stream = match self.stream.take() {
                Some(stream) => stream,
                None => BufReader::new(TcpStream::connect(&self.address).await?),
            };
            stream.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?;
            let (response, keep) = read(&mut stream).await?;
            if keep {
                self.stream = Some(stream);
            }
            Ok(response)
        };
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(done) => done,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<(Response, bool)> {
    let status = line(stream).await?;
    let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(odd)?;
    let (mut length, mut chunked, mut keep) = (0, false, true);
    loop {
        let header = line(stream).await?.to_ascii_lowercase();
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        match (name, value.trim()) {
            ("content-length", value) => length = value.parse().map_err(|_| odd())?,
            ("transfer-encoding", "chunked") => chunked = true,
            ("connection", "close") => keep = false,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = usize::from_str_radix(&line(stream).await?, 16).map_err(|_| odd())?;
            take(stream, size, &mut body).await?;
            line(stream).await?;
            if size == 0 {
                break;
            }
        }
    } else {
        take(stream, length, &mut body).await?;
    }
    let body = String::from_utf8(body).map_err(|_| odd())?;
    Ok((Response { status, body }, keep))
}

async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut text = String::new();
    if stream.take(16 << 10).read_line(&mut text).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(text.trim_end().to_owned())
}

async fn take(
    stream: &mut BufReader<TcpStream>,
    size: usize,
    body: &mut Vec<u8>,
) -> io::Result<()> {
    if size > BODY_MAX {
        return Err(odd());
    }
    let from = body.len();
    body.resize(from + size, 0);
    stream.read_exact(&mut body[from..]).await.map(|_| ())
}

fn odd() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not an answer of the API")
}
