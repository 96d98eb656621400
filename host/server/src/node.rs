//! Owns the handle through which HTTP, the console and the command line reach the node: ask the
//! core, read rows, follow facts, read frames. Must never know how the node runs: that is the
//! `Runtime` behind it.

mod connections;
mod inbox;
mod life;
pub mod live;
mod machine;
mod plugins;
mod query;
mod workers;

pub use connections::{Mailbox, Opening};
pub use life::{Life, Message};
pub use machine::{Frames, Machine, OpenStore, StartError};
pub use plugins::{PluginHost, PluginHostError};
pub use query::Query;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use busbar_charging::action::{Done, Problem};
use busbar_charging::fact::Actor;
use busbar_charging::ids::{Hash, SiteId, StationId};
use busbar_charging::input::Request;
use busbar_charging::pricing::{CutSession, Line, PreparedTariff, PriceError};
use busbar_charging::site::LoadView;
use busbar_charging::subject::Subject;
use busbar_charging::units::{Currency, Timestamp};
use busbar_engine::store::{Reader, StoreError};
use tokio::sync::{Semaphore, oneshot};

use live::Live;

/// Reads that may run at once: they block a thread each.
const READS_AT_ONCE: usize = 4;

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    runtime: Arc<dyn Runtime>,
    live: Arc<Live>,
    reads: Arc<Semaphore>,
    queries: Arc<Semaphore>,
}

/// What runs behind a `Node`. None of its methods may wait for the core.
pub trait Runtime: Send + Sync {
    /// Hands a request to the core. Its answer is sent when its facts are durable; dropping the
    /// sender means that the node cannot answer any more.
    ///
    /// # Errors
    /// The node takes no requests: it drains, or its store is being opened again.
    fn submit(&self, ask: Ask) -> Result<(), NotReady>;

    /// Asks the state between two inputs. Dropping the question's sender means that the node
    /// cannot answer any more.
    ///
    /// # Errors
    /// The node has no state: its store is being opened again.
    fn query(&self, query: Query) -> Result<(), NotReady>;

    /// A reader of everything that is committed; none while the store is being opened.
    fn reader(&self) -> Option<Arc<dyn Reader>>;

    /// Frames of a station, newest first. Blocks.
    ///
    /// # Errors
    /// The frame log cannot be read.
    fn frames(&self, query: &FrameQuery) -> Result<FramePage, StoreError>;

    /// Where the node stands. Cheap.
    fn status(&self) -> Status;

    /// The plugin host.
    fn plugins(&self) -> Arc<dyn Plugins>;
}

/// What the shell asks of the plugin host. All methods block and may take as long as a plugin
/// may: call them on a blocking thread.
pub trait Plugins: Send + Sync {
    /// Prepares a configuration: what a tariff is checked with before it is accepted. Says what
    /// the plugin says of it, and the configuration's hash.
    ///
    /// # Errors
    /// What the plugin, or the host about the plugin, has to say.
    fn prepare(
        &self,
        plugin: Hash,
        configuration: &str,
        currency: Currency,
    ) -> Result<(PreparedTariff, Hash), PriceError>;

    /// Prices a cut session: what `verify` runs again.
    ///
    /// # Errors
    /// What the plugin, or the host about the plugin, has to say.
    fn price(
        &self,
        plugin: Hash,
        configuration: &str,
        currency: Currency,
        session: &CutSession,
    ) -> Result<Vec<Line>, PriceError>;

    /// Checks a manifest and its component, compiles it and keeps its bytes, durably. Says what
    /// the manifest says.
    ///
    /// # Errors
    /// Why it is not a plugin that this host can run, for its author.
    fn keep(&self, manifest: &str, component: &[u8]) -> Result<Kept, String>;
}

/// A component that stands in the plugin store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its world.
    pub world: String,
    /// Of its bytes.
    pub hash: Hash,
}

/// A request to the core, with the place for its answer.
#[derive(Debug)]
pub struct Ask {
    /// Whom it is about.
    pub subject: Subject,
    /// Who asks.
    pub actor: Actor,
    /// What.
    pub request: Request,
    /// Where the answer goes, once it is durable.
    pub answer: oneshot::Sender<Result<Done, Problem>>,
}

/// The node takes no requests at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotReady;

/// Why an ask was not answered with `Done`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// The core says no.
    Problem(Problem),
    /// The node takes no requests, or went away before it answered: whether it was done is not
    /// known in the second case.
    Unavailable,
    /// No answer within the patience of the caller. It may still be done.
    TimedOut,
}

/// Why something could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The store is being opened.
    Unavailable,
    /// The store cannot be read.
    Store(StoreError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => f.write_str("the store is being opened"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Where a node stands: what `/readyz`, the status page and the metrics show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// It has started and takes requests.
    pub running: bool,
    /// It is stopping.
    pub draining: bool,
    /// The disk is nearly full: no new sessions.
    pub low_space: bool,
    /// The last trouble of the engine or store, if it is not over.
    pub trouble: Option<String>,
    /// Stations that are connected.
    pub connected: u64,
    /// Stations that are known.
    pub stations: u64,
    /// Sessions that run.
    pub open_sessions: u64,
    /// Sessions that are held for an operator.
    pub held_sessions: u64,
    /// Inputs that wait for the engine.
    pub queued: u64,
}

/// Which frames are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameQuery {
    /// Whose.
    pub station: StationId,
    /// Only frames before this one: a `FrameRecord::id`.
    pub before: Option<String>,
    /// Only frames at or after this point.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// Frames, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FramePage {
    /// The frames.
    pub frames: Vec<FrameRecord>,
    /// True when older ones are there.
    pub more: bool,
}

/// A frame as it was on the wire, with secrets blanked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRecord {
    /// Opaque, in the order of capture.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// True when the station sent it.
    pub inbound: bool,
    /// The connection.
    pub generation: u64,
    /// What stood on the wire.
    pub text: String,
    /// What it was mended to by a quirk, where it was.
    pub mended: Option<String>,
}

impl Node {
    /// A handle to a runtime that publishes its facts to `live`.
    pub fn new(runtime: Arc<dyn Runtime>, live: Arc<Live>) -> Self {
        let reads = Arc::new(Semaphore::new(READS_AT_ONCE));
        Self { runtime, live, reads, queries: Arc::new(Semaphore::new(1)) }
    }

    /// Asks the core and waits for the durable answer, at most for `patience`.
    ///
    /// # Errors
    /// The core says no, or does not answer.
    pub async fn ask(
        &self,
        subject: Subject,
        actor: Actor,
        request: Request,
        patience: Duration,
    ) -> Result<Done, AskError> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { subject, actor, request, answer };
        self.runtime.submit(ask).map_err(|NotReady| AskError::Unavailable)?;
        match tokio::time::timeout(patience, answered).await {
            Err(_) => Err(AskError::TimedOut),
            Ok(Err(_)) => Err(AskError::Unavailable),
            Ok(Ok(answer)) => answer.map_err(AskError::Problem),
        }
    }

    /// How a site's load stands now; none where it is not controlled. It takes the deciding thread
    /// as long as a decision about the site, so one is asked for at a time.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn load(
        &self,
        site: &SiteId,
        patience: Duration,
    ) -> Result<Option<Box<LoadView>>, AskError> {
        self.query(|answer| Query::Load(site.clone(), answer), patience).await
    }

    /// The sites whose load is controlled, in order.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn controlled(&self, patience: Duration) -> Result<Vec<SiteId>, AskError> {
        self.query(Query::Controlled, patience).await
    }

    async fn query<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<T>) -> Query,
        patience: Duration,
    ) -> Result<T, AskError> {
        let asked = async {
            let turn = self.queries.acquire().await;
            let _turn = turn.map_err(|_| AskError::Unavailable)?;
            let (answer, answered) = oneshot::channel();
            self.runtime.query(query(answer)).map_err(|NotReady| AskError::Unavailable)?;
            answered.await.map_err(|_| AskError::Unavailable)
        };
        tokio::time::timeout(patience, asked).await.map_err(|_| AskError::TimedOut)?
    }

    /// Reads rows on a blocking thread; a few reads at once.
    ///
    /// # Errors
    /// What `read` says, or that there is no store to read.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let reader = self.runtime.reader().ok_or(ReadError::Unavailable)?;
        self.blocking(move || read(&*reader).map_err(ReadError::Store)).await
    }

    /// Frames of a station, newest first.
    ///
    /// # Errors
    /// The frame log cannot be read.
    pub async fn frames(&self, query: FrameQuery) -> Result<FramePage, ReadError> {
        let runtime = Arc::clone(&self.runtime);
        self.blocking(move || runtime.frames(&query).map_err(ReadError::Store)).await
    }

    /// Uses the plugin host on a blocking thread.
    ///
    /// # Errors
    /// None of its own but that the node is going away.
    pub async fn with_plugins<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Plugins) -> T + Send + 'static,
    ) -> Result<T, ReadError> {
        let plugins = self.runtime.plugins();
        self.blocking(move || Ok(work(&*plugins))).await
    }

    /// Where the node stands.
    pub fn status(&self) -> Status {
        self.runtime.status()
    }

    /// The facts as they become durable.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = Arc::clone(&self.reads).acquire_owned().await;
        let permit = permit.map_err(|_| ReadError::Unavailable)?;
        let worked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        worked.await.map_err(|_| ReadError::Unavailable)?
    }
}
