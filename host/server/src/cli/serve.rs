//! `busbar serve`: runs the host until it is told to stop. Must never do what a host in another
//! process could not.

use std::path::PathBuf;

use clap::Args;

use super::{ConfigArgs, Failure, Outcome};
use crate::telemetry::start_logs;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigArgs,
    /// The data folder, whatever the configuration says
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Serve {
    pub(super) fn run(self) -> Outcome {
        let mut config = self.config.load()?;
        if let Some(data) = self.data {
            config.data = data;
        }
        start_logs(&config.log).map_err(Failure::Failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(socket_threads())
            .enable_all()
            .build()?;
        runtime.block_on(crate::serve::run(&config)).map_err(Failure::Failed)
    }
}

/// Threads for sockets: half of the cores, since others decide, commit and price. One more than
/// are busy costs more than it gives: whenever a frame comes in, a thread that sleeps is woken to
/// look for a share of the work.
fn socket_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}
