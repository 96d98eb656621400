//! Owns the whole of a running host: store, node, listeners, from configuration to the end in
//! order. Must never decide anything that one of its parts decides.

mod opening;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use busbar_charging::ids::StationId;
use busbar_charging::units::Timestamp;
use busbar_engine::store::StoreError;
use busbar_store::Keeper;
use busbar_store::frames::{Direction, Frame, FrameLog, FrameOptions, redact};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::backup::CopyStore;
use crate::config::Config;
use crate::http::{self, App};
use crate::node::{
    FramePage, FrameQuery, FrameRecord, Frames, Machine, Node, OpenStore, PluginHost,
};
use crate::secrets::{InstallationKey, admin_token};
use crate::telemetry::Metrics;
use crate::{load_watch, openadr, plugins, sites, ws};
use opening::{CurrentKeeper, lock};

/// Connections have so long for their last words.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// Requests under way have so long.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How often the free space and the store's files are looked at.
const LOOK_AT_STORE: Duration = Duration::from_secs(5);

/// A running host.
pub struct Host {
    machine: Machine,
    node: Node,
    ocpp: ws::Running,
    https: Vec<http::Running>,
    app: Arc<App>,
    frames: FrameLog,
    space: tokio::task::JoinHandle<()>,
    loads: tokio::task::JoinHandle<()>,
    vtns: Vec<tokio::task::JoinHandle<()>>,
    keeper: CurrentKeeper,
    addresses: Addresses,
    token: (String, PathBuf),
}

/// Where a host listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// OCPP.
    pub ocpp: SocketAddr,
    /// The first HTTP listener.
    pub http: SocketAddr,
}

impl Host {
    /// Starts a host.
    ///
    /// # Errors
    /// What cannot be had or used: in one sentence.
    pub async fn start(config: &Config) -> Result<Self, String> {
        // What is told of paths must be true wherever it is read.
        let absolute = std::path::absolute(&config.data);
        let config = &Config {
            data: absolute.map_err(|error| format!("{}: {error}", config.data.display()))?,
            ..config.clone()
        };
        let data = &config.data;
        let of_data = |error: std::io::Error| format!("{}: {error}", data.display());
        make_private(data).map_err(of_data)?;
        let known_key = opening::known_key(data)?;
        // Ports first: a taken one is the commonest mistake, and says so before anything is made.
        let bound = ws::bind(&config.ocpp).await?;
        let mut bound_https = Vec::new();
        for listener in &config.http {
            bound_https.push(http::bind(listener).await?);
        }
        // The store before all else: a start that it refuses leaves nothing behind, and a key says
        // that there is one.
        let (open, keeper) = opening::open(config, known_key.is_none()).await?;
        let key = known_key.map_or_else(|| InstallationKey::open(data), Ok);
        let key = key.map_err(|error| error.to_string())?;
        let token = admin_token(data).map_err(|error| error.to_string())?;
        let frames = open_frames(config)?;
        let metrics = Metrics::new();
        let (machine, node) = start_machine(config, &key, &frames, metrics.clone(), open).await?;
        let app = App::new(node.clone(), metrics.clone(), &key, &token.0, config);
        let app = Arc::new(app.with_backup(copy_store(Arc::clone(&keeper)), config));
        let shared = ws::Shared::new(
            config.ocpp.clone(),
            &key,
            (Arc::new(machine.lives()), Arc::new(machine.reader())),
            Arc::new(FrameCapture(frames.clone())),
            (metrics, app.alerts().clone()),
        );
        let http = bound_https.first().and_then(|bound| bound.address().ok());
        let addresses = Addresses {
            ocpp: bound.address(),
            http: http.ok_or("no HTTP listener is configured")?,
        };
        let ocpp = bound.serve(&shared);
        let https = bound_https.into_iter().map(|bound| bound.serve(&app)).collect();
        let (tell, fail) = (machine.low_space(), machine.fail());
        let watching = watch_store(Arc::clone(&keeper), frames.clone(), app.metrics(), tell, fail);
        let space = tokio::spawn(watching);
        let loads =
            tokio::spawn(load_watch::watch(node.clone(), app.metrics(), app.alerts().clone()));
        let vtns = openadr::follow(&node, &app.metrics(), &config.sites);
        let host = Self {
            machine,
            node,
            ocpp,
            https,
            app,
            frames,
            space,
            loads,
            vtns,
            keeper,
            addresses,
            token,
        };
        Ok(host)
    }

    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The handle to its node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The admin token and its file.
    pub fn admin_token(&self) -> (&str, &Path) {
        (&self.token.0, &self.token.1)
    }

    /// Waits until it has come to an end that nobody asked for, and says why: its process must
    /// end too, and another one find out what is on disk.
    pub fn died(&self) -> impl Future<Output = String> + Send + 'static {
        self.machine.died()
    }

    /// Leaves everything as it stands, after it died.
    fn abandon(self) {
        self.space.abort();
        self.loads.abort();
        self.vtns.iter().for_each(tokio::task::JoinHandle::abort);
        // sled syncs where it is dropped, and panics where that fails: it never is.
        std::mem::forget(lock(&self.keeper).take());
        self.frames.write();
    }

    /// Ends in order: no new connections, last words of those that are open, the last commit.
    pub async fn stop(self) {
        self.vtns.iter().for_each(tokio::task::JoinHandle::abort);
        self.machine.drain();
        self.app.end_streams();
        self.ocpp.stop(LAST_WORDS).await;
        for http in self.https {
            http.stop(LAST_REQUESTS).await;
        }
        self.space.abort();
        self.loads.abort();
        let (machine, frames) = (self.machine, self.frames);
        let ending = tokio::task::spawn_blocking(move || {
            machine.stop();
            frames.write();
        });
        // A panic there was reported there.
        let _panicked = ending.await;
    }
}

/// Runs a host until SIGTERM or SIGINT.
///
/// # Errors
/// Why it cannot start, or cannot go on: in one sentence.
pub async fn run(config: &Config) -> Result<(), String> {
    // Before anything says that it is ready: a signal that comes then must not be the end of it.
    let end = Signals::listen()?;
    let host = Host::start(config).await?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let (_, token_file) = host.admin_token();
    tracing::info!(
        ocpp = %host.addresses.ocpp,
        http = %host.addresses.http,
        token_file = %token_file.display(),
        "busbar is running"
    );
    tokio::select! {
        () = end.come() => {}
        why = host.died() => {
            host.abandon();
            return Err(why);
        }
    }
    tracing::info!("busbar stops");
    host.stop().await;
    Ok(())
}

/// The signals that end a process.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes them from now on.
    ///
    /// # Errors
    /// Signals cannot be received on this system.
    pub fn listen() -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("signals cannot be received: {error}");
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits until one has come.
    pub async fn come(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn open_frames(config: &Config) -> Result<FrameLog, String> {
    let options = FrameOptions {
        max_bytes: config.frames.max,
        station_bytes: config.frames.per_station,
        ..FrameOptions::default()
    };
    FrameLog::open(&config.data.join("frames"), options).map_err(|error| error.to_string())
}

async fn start_machine(
    config: &Config,
    key: &InstallationKey,
    frames: &FrameLog,
    metrics: Metrics,
    open: OpenStore,
) -> Result<(Machine, Node), String> {
    let (data, seal) = (config.data.clone(), key.derive("compiled code").bytes());
    let (policy, reading) = (config.policy(), Arc::new(FrameReader(frames.clone())));
    let extra = config.plugins.clone();
    // It compiles the built-in plugins: not on the async threads.
    let starting = tokio::task::spawn_blocking(move || {
        let host = PluginHost::open(&data, seal).map_err(|error| error.to_string())?;
        let host = Arc::new(host);
        let mut kept = host.install_first_party()?;
        if let Some(folder) = &extra.dir {
            kept.extend(plugins::keep_folder(&*host, folder, extra.allow_unsigned)?);
        }
        let started = Machine::start(open, policy, host, reading, metrics);
        let (machine, node) = started.map_err(|error| error.to_string())?;
        Ok::<_, String>((machine, node, kept))
    });
    let started = starting.await.map_err(|error| format!("starting failed: {error}"))?;
    let (machine, node, kept) = started?;
    plugins::install(&node, kept).await?;
    sites::apply(&node, &config.sites).await?;
    Ok((machine, node))
}

/// Copies the store that is open at that moment.
fn copy_store(keeper: CurrentKeeper) -> CopyStore {
    Arc::new(move |folder, files| {
        let keeper = lock(&keeper).clone();
        let closed = || StoreError::Failed("the store is being opened".into());
        keeper.ok_or_else(closed)?.backup(folder, files)
    })
}

/// Looks whether the disk has space and the store's files are where they were, and measures what
/// waits. A file that is open takes writes also when it was removed, and whoever has no name cannot
/// be found again.
async fn watch_store(
    keeper: CurrentKeeper,
    frames: FrameLog,
    metrics: Metrics,
    tell: impl Fn(bool),
    fail: impl Fn(StoreError),
) {
    loop {
        let (keeper, frames) = (Arc::clone(&keeper), frames.clone());
        // A disk may answer late.
        let look = tokio::task::spawn_blocking(move || {
            let keeper = lock(&keeper);
            let keeper = keeper.as_ref();
            let low = keeper.is_some_and(Keeper::is_low_on_space);
            let waiting = keeper.map_or(0, Keeper::waiting_rows);
            (low, keeper.and_then(Keeper::lost), waiting, frames.counters())
        });
        if let Ok((low, lost, waiting, frames)) = look.await {
            tell(low);
            metrics.observe_store(frames, waiting);
            if let Some(error) = lost {
                tracing::error!(%error, "the store was taken away");
                fail(error);
            }
        }
        tokio::time::sleep(LOOK_AT_STORE).await;
    }
}

/// A folder that nobody else reads, also where it was there before.
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = std::fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(folder = %folder.display(), "others could read the data folder: no more");
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Captures frames, without their secrets (ATTACKS 32).
struct FrameCapture(FrameLog);

impl ws::Capture for FrameCapture {
    fn frame(
        &self,
        station: &StationId,
        generation: u64,
        inbound: bool,
        at: Timestamp,
        text: &str,
    ) {
        self.0.record(Frame {
            at,
            station: station.clone(),
            generation,
            direction: if inbound { Direction::Received } else { Direction::Sent },
            text: redact(text).into(),
            mended: None,
        });
    }
}

/// Reads captured frames for the API.
struct FrameReader(FrameLog);

impl Frames for FrameReader {
    fn page(&self, query: &FrameQuery) -> Result<FramePage, StoreError> {
        let before = query.before.as_deref().and_then(|id| id.parse().ok());
        let mut found = self.0.page(&query.station, before, query.limit + 1)?;
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let since = query.since.unwrap_or(Timestamp(0));
        let frames = found.into_iter().filter(|(_, frame)| frame.at >= since);
        let frames = frames.map(|(number, frame)| FrameRecord {
            id: number.to_string(),
            at: frame.at,
            inbound: frame.direction == Direction::Received,
            generation: frame.generation,
            text: frame.text.into(),
            mended: frame.mended.map(Into::into),
        });
        Ok(FramePage { frames: frames.collect(), more })
    }
}

#[cfg(test)]
mod tests;
