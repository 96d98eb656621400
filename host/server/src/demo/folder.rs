//! Owns the demo's folder: made anew, private, removed at the end. Must never remove anything that
//! it did not make.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::secrets;

/// The configuration's name in the folder.
pub(super) const CONFIG: &str = "busbar.toml";

/// The folder.
pub(super) struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    /// Makes one.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn new(keep: bool) -> Result<Self, String> {
        let random = secrets::random::<6>().map_err(|error| error.to_string())?;
        let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("busbar-demo-{name}"));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path, keep })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the log lines of the host go to a file in it: the terminal is the table's.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(super) fn log(&self) -> Result<(), String> {
        let path = self.path.join("host.log");
        let file = fs::File::create(&path);
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
        let level = tracing_subscriber::filter::LevelFilter::INFO;
        // Somebody who logs already, a test for instance, goes on doing so.
        let _ = tracing_subscriber::registry().with(level).with(lines).try_init();
        Ok(())
    }
}

/// Removes it, unless it shall be kept.
impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
