//! Owns a host in a process of its own, as it is shipped, with its log beside its configuration.
//! Must never outlive its test.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Api, until};

/// The host's binary: its main does nothing but call the library.
const BUSBAR: &str = env!("CARGO_BIN_EXE_busbar-host");

/// The host in a process of its own.
pub(crate) struct Process {
    child: Option<Child>,
}

impl Process {
    pub(crate) fn start(config: &Path) -> Self {
        let log = config.with_file_name("log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(BUSBAR);
        command.arg("serve").arg("--config").arg(config).current_dir(config.parent().unwrap());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { child: Some(command.spawn().unwrap()) }
    }

    /// Waits until it is ready.
    pub(crate) fn api(&self, http: SocketAddr, token: &Path) -> Api {
        until("the host", || {
            let token = std::fs::read_to_string(token).ok()?.trim().to_owned();
            let api = Api { address: http, token };
            let ask = format!("GET /readyz HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
            (api.try_raw(ask.as_bytes()).ok()?.status == 200).then_some(api)
        })
    }

    pub(crate) fn kill_in(mut self, span: Duration) -> std::thread::JoinHandle<()> {
        let mut child = self.child.take().unwrap();
        std::thread::spawn(move || {
            std::thread::park_timeout(span);
            child.kill().unwrap();
            child.wait().unwrap();
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _gone = child.kill();
            let _waited = child.wait();
        }
    }
}

/// A port that is free now.
pub(crate) fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
