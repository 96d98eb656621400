//! Owns the proof that the host acknowledges nothing before it is durable, by the system calls of
//! the real process: `strace` looks on while stations talk, then every answer is held against the
//! writes and syncs before it. Must never ask the host for anything: it does not know.

mod calls;
mod frames;
mod judge;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub use judge::{Traced, judge};

/// How `strace` is called: all ways to read and write a socket or a file, and all ways to sync
/// one, with texts longer than any message of the traced phase. What follows is the trace's file.
pub const ARGUMENTS: [&str; 8] = [
    "-fyx",
    "-s",
    "4096",
    "-e",
    "signal=none",
    "-e",
    "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,pwritev2,\
     fsync,fdatasync",
    "-o",
];
const PATIENCE: Duration = Duration::from_secs(10);

/// What is traced, and where the trace goes.
#[derive(Clone, Debug)]
pub struct Tracing {
    /// The folder of the host's store: what is written elsewhere makes nothing durable.
    pub store: PathBuf,
    /// The file for the trace.
    pub file: PathBuf,
}

/// A running `strace`.
pub(super) struct Tracer(Child);

impl Tracer {
    /// Looks on from now on.
    pub(super) async fn attach(pid: u32, file: &Path) -> Result<Self, String> {
        let mut command = Command::new("strace");
        command.args(ARGUMENTS).arg(file).arg("-p").arg(pid.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let spawned = command.kill_on_drop(true).spawn();
        let mut child = spawned.map_err(|error| {
            format!("strace: {error}: --trace needs it (apt-get install strace)")
        })?;
        let told = child.stderr.take().ok_or("strace has no standard error")?;
        let mut told = BufReader::new(told).lines();
        let first = tokio::time::timeout(PATIENCE, told.next_line()).await;
        let first = first.map_err(|_| "strace does not attach")?;
        let first = first.map_err(|error| error.to_string())?.unwrap_or_default();
        if !first.contains("attached") {
            return Err(format!("{first}: --trace must be allowed to trace the host"));
        }
        // Whatever else it says must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = told.next_line().await {} });
        Ok(Self(child))
    }

    /// Lets the host go.
    pub(super) async fn detach(mut self) -> io::Result<()> {
        if let Some(pid) = self.0.id() {
            Command::new("kill").arg("-INT").arg(pid.to_string()).status().await?;
        }
        match tokio::time::timeout(PATIENCE, self.0.wait()).await {
            Ok(ended) => ended.map(|_| ()),
            Err(_) => self.0.kill().await,
        }
    }
}

#[cfg(test)]
mod tests;
