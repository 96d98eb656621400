//! Bodies of the API, on a whole host in this process. Whatever comes is done, or refused by a
//! problem that says what is wrong; never a 500, and the host goes on. The input is a request
//! line, as `PUT /api/v1/tokens/AA`, a line break, and the body. Must never reach a host that
//! somebody else runs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use busbar::config::Config;
use busbar::serve::Host;
use serde_json::Value;

/// Sends a request to the host of this process.
pub fn check(data: &[u8]) {
    static API: LazyLock<Api> = LazyLock::new(Api::start);
    API.check(data);
}

struct Api {
    address: SocketAddr,
    token: String,
    // They live as long as the process.
    _host: Host,
    _runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Api {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for a host");
        let data = folder.path().join("data").display().to_string();
        let text = format!(
            "data = {data:?}\n[[http]]\nbind = \"127.0.0.1:0\"\n[ocpp]\nbind = \"127.0.0.1:0\"\n"
        );
        let config = Config::parse(None, &text, std::iter::empty::<(String, String)>());
        let config = config.expect("a good configuration");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let host = runtime.block_on(Host::start(&config)).expect("a host");
        let (address, token) = (host.addresses().http, host.admin_token().0.to_owned());
        Self { address, token, _host: host, _runtime: runtime, _folder: folder }
    }

    fn check(&self, data: &[u8]) {
        let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
        let (line, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
        let Some((method, path)) = std::str::from_utf8(line).ok().and_then(|l| l.split_once(' '))
        else {
            return;
        };
        // A line that breaks HTTP is no body, and a stream of events has no end.
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"/?&=%._~-+:@,;!*".contains(&byte);
        let plain = |text: &str| text.bytes().all(allowed);
        let methods = ["GET", "PUT", "POST", "DELETE"];
        if !methods.contains(&method) || !plain(path) || !path.starts_with("/api/v1/") {
            return;
        }
        if path.contains("events") || path.contains("backups") {
            return;
        }
        let (status, head, body) = self.send(method, path, body);
        assert!((200..500).contains(&status), "{method} {path}: {head}\n{body}");
        if status >= 400 {
            is_a_problem(status, &head, &body);
        } else if !body.is_empty() {
            serde_json::from_str::<Value>(&body).expect("an answer is JSON");
        }
    }

    fn send(&self, method: &str, path: &str, body: &[u8]) -> (u16, String, String) {
        let mut socket = TcpStream::connect(self.address).expect("the host listens");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            self.token,
            body.len()
        );
        // A host that refuses early may close before it has read everything.
        let _refused = socket.write_all(&[head.as_bytes(), body].concat());
        let mut bytes = Vec::new();
        let read = socket.read_to_end(&mut bytes);
        assert!(read.is_ok() || !bytes.is_empty(), "{method} {path}: no answer: {read:?}");
        let text = String::from_utf8(bytes).expect("an answer is text");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        (status, head.to_ascii_lowercase(), body.to_owned())
    }
}

/// RFC 9457, with words, and with pointers where a part of the body is to blame.
fn is_a_problem(status: u16, head: &str, body: &str) {
    assert!(head.contains("content-type: application/problem+json"), "{head}\n{body}");
    let problem: Value = serde_json::from_str(body).expect("a problem is JSON");
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(problem["status"], u64::from(status), "{body}");
    assert!(text("type").starts_with("urn:busbar:problem:"), "{body}");
    assert!(!text("title").is_empty() && !text("detail").is_empty(), "no words: {body}");
    assert!(text("instance").starts_with("urn:busbar:request:"), "{body}");
    for error in problem["errors"].as_array().into_iter().flatten() {
        let pointer = error["pointer"].as_str().expect("an error has a pointer");
        assert!(pointer.is_empty() || pointer.starts_with('/'), "no pointer: {body}");
        assert!(error["detail"].as_str().is_some_and(|words| !words.is_empty()), "{body}");
    }
}
