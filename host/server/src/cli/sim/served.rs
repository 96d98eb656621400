//! Owns the host that `busbar sim load --serve` and `sim site --serve` start: another process of
//! this program, with the default configuration but for ports and folder, stopped and removed at
//! the end. Must never share a process with the loader, or nothing could be measured.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use busbar_sim::load::Options;
use busbar_sim::load::api::Client;
use busbar_sim::load::trace::Tracing;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Failure;
use crate::secrets;

/// What makes a host speak TLS on this machine. The key is in every binary: it keeps nothing
/// secret, it only makes the work that a key makes.
const CERTIFICATE: &str = include_str!("served/cert.pem");
const KEY: &str = include_str!("served/key.pem");

const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);
const CONFIG_FILE: &str = "busbar.toml";
const CERTIFICATE_FILE: &str = "cert.pem";
const KEY_FILE: &str = "key.pem";

/// What the run needs of its host, beside the default configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) tls: bool,
    /// It takes plugins that nobody signed.
    pub(super) unsigned: bool,
    /// Its folder stays at the end.
    pub(super) keep: bool,
}

pub(super) struct Served {
    child: Child,
    folder: PathBuf,
    api: String,
    ocpp: String,
    token: String,
    wanted: Wanted,
}

impl Served {
    pub(super) async fn start(wanted: Wanted) -> Result<Self, String> {
        let random = secrets::random::<6>().map_err(|error| error.to_string())?;
        let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = std::env::temp_dir().join(format!("busbar-load-{name}"));
        let of_folder = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir(&folder).map_err(of_folder)?;
        let folder = folder.canonicalize().map_err(of_folder)?;
        let (http, ocpp) = (free_port()?, free_port()?);
        let scheme = if wanted.tls { "wss" } else { "ws" };
        let file = folder.join(CONFIG_FILE);
        std::fs::write(&file, configuration(http, ocpp, wanted)).map_err(of_folder)?;
        if wanted.tls {
            std::fs::write(folder.join(CERTIFICATE_FILE), CERTIFICATE).map_err(of_folder)?;
            std::fs::write(folder.join(KEY_FILE), KEY).map_err(of_folder)?;
        }
        let mut served = Self {
            child: spawn(&folder)?,
            api: format!("127.0.0.1:{http}"),
            // A name that a certificate can have.
            ocpp: format!("{scheme}://localhost:{ocpp}/ocpp"),
            folder,
            token: String::new(),
            wanted,
        };
        served.wait().await?;
        Ok(served)
    }

    /// Points a run at this host.
    pub(super) fn tell(&self, options: &mut Options) {
        options.url.clone_from(&self.ocpp);
        options.api = Some((self.api.clone(), self.token.clone()));
        options.host_pid = self.child.id();
        options.root = self.wanted.tls.then(|| self.folder.join(CERTIFICATE_FILE));
    }

    /// How this host is traced.
    pub(super) fn tracing(&self) -> Tracing {
        Tracing { store: self.folder.join("data/store"), file: self.folder.join("trace") }
    }

    /// Points a run of a whole site at this host.
    pub(super) fn tell_site(&self, options: &mut busbar_sim::site::Options) {
        options.url.clone_from(&self.ocpp);
        options.api = (self.api.clone(), self.token.clone());
    }

    /// Lets it end in order, and removes its folder.
    pub(super) async fn stop(mut self) {
        if let Some(pid) = self.child.id() {
            let told = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await;
            let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
            if told.is_err() || ended.is_err() {
                let _ = self.child.kill().await;
            }
        }
    }

    /// Waits until it takes requests.
    async fn wait(&mut self) -> Result<(), String> {
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut client = Client::new(&self.api, None);
        loop {
            let ready = client.request("GET", "/readyz", None).await;
            if ready.is_ok_and(|response| response.is_ok()) {
                break;
            }
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || tokio::time::Instant::now() > until {
                let log = std::fs::read_to_string(self.folder.join("host.log"));
                let log = log.unwrap_or_default();
                return Err(format!("the host did not start: {}", last_line(&log)));
            }
            tokio::time::sleep(LOOK).await;
        }
        let file = self.folder.join("data").join(secrets::ADMIN_TOKEN_FILE);
        let token = std::fs::read_to_string(&file);
        let token = token.map_err(|error| format!("{}: {error}", file.display()))?;
        token.trim().clone_into(&mut self.token);
        Ok(())
    }
}

impl busbar_sim::site::Host for Served {
    async fn kill(&mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|error| format!("the host cannot be killed: {error}"))
    }

    async fn start(&mut self) -> Result<(), String> {
        self.child = spawn(&self.folder)?;
        self.wait().await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.wanted.keep {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Does something until it is told to end: what it started goes then.
pub(super) async fn unless_ended<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = terminate.recv() => Err(Failure::Failed("ended by SIGTERM".into())),
    }
}

/// Starts the host in its folder; its log goes on where it was.
fn spawn(folder: &Path) -> Result<Child, String> {
    let log = folder.join("host.log");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(&log);
    let log = log.map_err(|error| format!("{}: {error}", folder.display()))?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Command::new(program)
        .arg("serve")
        .arg("--config")
        .arg(folder.join(CONFIG_FILE))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the host cannot be started: {error}"))
}

fn configuration(http: u16, ocpp: u16, wanted: Wanted) -> String {
    let mut text = format!(
        "# Made by `busbar sim load --serve`: the default configuration but for folder and ports.\n\
         data = \"data\"\n\n[[http]]\nbind = \"127.0.0.1:{http}\"\n\n\
         [ocpp]\nbind = \"127.0.0.1:{ocpp}\"\n"
    );
    if wanted.tls {
        let tls = format!("\n[ocpp.tls]\ncert = {CERTIFICATE_FILE:?}\nkey = {KEY_FILE:?}\n");
        text.push_str(&tls);
    }
    if wanted.unsigned {
        text.push_str("\n[plugins]\nallow_unsigned = true\n");
    }
    text
}

/// A port that is free now.
fn free_port() -> Result<u16, String> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|error| error.to_string())
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or("it said nothing")
}
