//! Owns a station of a few lines, for what no real one would do: any text, on any path, with any
//! password, over a blocking socket. Must never know what the host should answer.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::{Error, HandshakeError, Message, WebSocket, client};

use super::host::PASSWORD;

/// A connected station.
pub(crate) struct Station {
    socket: WebSocket<TcpStream>,
    /// What the host chose.
    pub(crate) protocol: Option<String>,
    calls: u32,
}

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

impl Station {
    /// Connects with the right password.
    pub(crate) fn connect(host: SocketAddr, identity: &str, protocol: &str) -> Self {
        Self::try_log_in(host, identity, protocol).unwrap()
    }

    /// As `connect`, to a host that may be gone.
    pub(crate) fn try_log_in(
        host: SocketAddr,
        identity: &str,
        protocol: &str,
    ) -> Result<Self, String> {
        let credentials = basic(identity, PASSWORD);
        let headers = [("authorization", credentials.as_str())];
        Self::try_connect(host, &format!("/ocpp/{identity}"), protocol, &headers)
    }

    /// Connects from 127.0.0.`source` with a password; the error is the status of the refusal.
    pub(crate) fn connect_from(
        source: u8,
        host: SocketAddr,
        identity: &str,
        password: &str,
    ) -> Result<Self, String> {
        let credentials = basic(identity, password);
        let headers = [("authorization", credentials.as_str())];
        let stream = stream_from(source, None, host);
        Self::try_connect_over(stream, host, &format!("/ocpp/{identity}"), "ocpp1.6", &headers)
    }

    /// Connects as it is told; the error is the status of the refusal, or words.
    pub(crate) fn try_connect(
        host: SocketAddr,
        path: &str,
        protocol: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, String> {
        let stream = TcpStream::connect(host).map_err(|error| error.to_string())?;
        Self::try_connect_over(stream, host, path, protocol, headers)
    }

    /// As `try_connect`, over a stream that is there.
    pub(crate) fn try_connect_over(
        stream: TcpStream,
        host: SocketAddr,
        path: &str,
        protocol: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| words(&error))?;
        stream.set_nodelay(true).map_err(|error| words(&error))?;
        let url = format!("ws://{host}{path}");
        let mut request = url.into_client_request().map_err(|error| words(&error))?;
        let map = request.headers_mut();
        if !protocol.is_empty() {
            map.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(protocol).unwrap());
        }
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match client(request, stream) {
            Ok((socket, response)) => {
                let chosen = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
                let protocol = chosen.map(|value| value.to_str().unwrap().to_owned());
                Ok(Self { socket, protocol, calls: 0 })
            }
            Err(HandshakeError::Failure(Error::Http(response))) => {
                Err(response.status().as_u16().to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Sends a CALL and waits for its answer: the whole frame.
    pub(crate) fn try_call(&mut self, action: &str, payload: &Value) -> Result<Value, Error> {
        self.calls += 1;
        let id = format!("c{}", self.calls);
        self.send(&json!([2, id, action, payload]).to_string())?;
        loop {
            let frame = self.read()?;
            if frame[1] == *id && frame[0] != 2 {
                return Ok(frame);
            }
        }
    }

    /// Sends a CALL that must be answered with a CALLRESULT, and gives its payload.
    pub(crate) fn call(&mut self, action: &str, payload: &Value) -> Value {
        let frame = self.try_call(action, payload).unwrap();
        assert_eq!(frame[0], 3, "{action} {payload}: {frame}");
        frame[2].clone()
    }

    pub(crate) fn send(&mut self, text: &str) -> Result<(), Error> {
        self.socket.send(Message::text(text))
    }

    pub(crate) fn send_binary(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        self.socket.send(Message::binary(bytes))
    }

    /// Sends a frame as it is: a piece of a message, or none.
    pub(crate) fn send_frame(&mut self, frame: Frame) -> Result<(), Error> {
        self.socket.send(Message::Frame(frame))
    }

    /// The next frame that the host sent.
    pub(crate) fn read(&mut self) -> Result<Value, Error> {
        loop {
            match self.socket.read()? {
                Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return Err(Error::ConnectionClosed),
                _ => {}
            }
        }
    }

    /// Sends bytes below the WebSocket.
    pub(crate) fn raw(&mut self) -> &mut TcpStream {
        self.socket.get_mut()
    }

    /// Waits until the host has closed the connection.
    pub(crate) fn sees_the_end(mut self) -> bool {
        loop {
            match self.socket.read() {
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return false;
                }
                Err(_) => {
                    let mut rest = Vec::new();
                    return self.socket.get_mut().read_to_end(&mut rest).is_ok();
                }
            }
        }
    }

    /// Boots a 1.6 station.
    pub(crate) fn boot(&mut self) -> Value {
        let boot = json!({ "chargePointVendor": "Test", "chargePointModel": "Bench" });
        self.call("BootNotification", &boot)
    }

    /// Starts a 1.6 transaction so many minutes ago; gives its id.
    pub(crate) fn start(&mut self, wh: i64, minutes_ago: i64) -> i64 {
        self.start_by("04A1B2C3", wh, minutes_ago)
    }

    /// As `start`, by another token.
    pub(crate) fn start_by(&mut self, token: &str, wh: i64, minutes_ago: i64) -> i64 {
        let start = json!({
            "connectorId": 1, "idTag": token, "meterStart": wh,
            "timestamp": ago(minutes_ago),
        });
        let started = self.call("StartTransaction", &start);
        assert_eq!(started["idTagInfo"]["status"], "Accepted", "{started}");
        started["transactionId"].as_i64().unwrap()
    }

    /// Stops it so many minutes ago.
    pub(crate) fn stop(&mut self, transaction: i64, wh: i64, minutes_ago: i64) {
        let stop = json!({
            "transactionId": transaction, "meterStop": wh, "timestamp": ago(minutes_ago),
        });
        self.call("StopTransaction", &stop);
    }
}

/// A stream from 127.0.0.`source`, which takes no more than `buffer` bytes unread.
pub(crate) fn stream_from(source: u8, buffer: Option<u32>, host: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let connecting = async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, source), 0).into()).unwrap();
        if let Some(bytes) = buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
            // Small segments too: from them the host's system sizes what it takes unsent, which
            // on 127.0.0.1 is megabytes else, tens of thousands of answers.
            socket2::SockRef::from(&socket).set_tcp_mss(536).unwrap();
        }
        socket.connect(host).await.unwrap().into_std().unwrap()
    };
    let stream = runtime.block_on(connecting);
    stream.set_nonblocking(false).unwrap();
    stream
}

/// The header of a password.
pub(crate) fn basic(identity: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{identity}:{password}").as_bytes()))
}

/// RFC 3339, so many minutes ago.
pub(crate) fn ago(minutes: i64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let at = i64::try_from(now).unwrap() - 60 * minutes;
    jiff::Timestamp::from_second(at).unwrap().to_string()
}

/// RFC 4648.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = 0_usize;
        for at in 0..3 {
            group = (group << 8) | usize::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * at)) & 63];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
