//! `busbar serve`: runs the host until it is told to stop.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigArgs, Failure, Outcome};
use crate::serve::start;
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
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let served = start(config).await.map_err(Failure::Failed)?;
            let mut stdout = std::io::stdout();
            for line in served.says() {
                writeln!(stdout, "{line}")?;
            }
            stdout.flush()?;
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
                _ = interrupt.recv() => tracing::info!("interrupted: draining"),
            }
            // A second signal does not wait for stations to say good-bye.
            tokio::select! {
                () = served.stop() => Ok(()),
                _ = terminate.recv() => Err(Failure::Failed("stopped before it had drained".into())),
                _ = interrupt.recv() => Err(Failure::Failed("stopped before it had drained".into())),
            }
        })
    }
}
