//! `busbar export`: what the host keeps, as JSON lines. Must never export a secret.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use busbar_store::frames::{FrameLog, FrameOptions};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Client, HostArgs};
use super::{Failure, Outcome};
use crate::http::names;

#[derive(Debug, Subcommand)]
pub(super) enum Export {
    /// Frames as they were on the wire, oldest first, with secrets blanked out
    Frames(Frames),
}

#[derive(Debug, Args)]
pub(super) struct Frames {
    #[command(flatten)]
    host: HostArgs,
    /// Only those of this station; needed for a running host
    #[arg(long, value_name = "ID", required_unless_present = "data")]
    station: Option<String>,
    /// Read the data folder of a host that does not run
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(self) -> Outcome {
        let Self::Frames(frames) = self;
        if let Some(station) = frames.station.as_deref().filter(|id| !names::is_station(id)) {
            return Err(Failure::Failed(format!("{station:?} is not a station's identity")));
        }
        match (&frames.data, &frames.station) {
            (Some(data), station) => {
                let folder = data.join("frames");
                if !folder.is_dir() {
                    let why = format!("{} holds no frame log", data.display());
                    return Err(Failure::Failed(why));
                }
                let log = FrameLog::open(&folder, FrameOptions::default())
                    .map_err(|error| Failure::Failed(error.to_string()))?;
                let station = station.as_deref().map(Into::into);
                let mut stdout = BufWriter::new(std::io::stdout().lock());
                log.export(station.as_ref(), &mut stdout)?;
                stdout.flush()?;
                Ok(())
            }
            (None, Some(station)) => running(&frames.host, station),
            (None, None) => Err(Failure::Failed("name a station".into())),
        }
    }
}

/// The API gives the newest first; a file to replay has the oldest first.
fn running(host: &HostArgs, station: &str) -> Outcome {
    let client = Client::new(host)?;
    let mut frames: Vec<Value> = Vec::new();
    client.all(&format!("/api/v1/stations/{station}/frames"), |frame| {
        frames.push(frame);
        Ok(())
    })?;
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    for frame in frames.iter().rev() {
        writeln!(stdout, "{frame}")?;
    }
    stdout.flush()?;
    Ok(())
}
