//! `busbar backup` and `busbar restore`. Must never write into a data folder that holds anything.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use busbar_store::{Options, SledStore};
use clap::Args;

use super::client::{Client, HostArgs};
use super::{Failure, Outcome, cdr};
use crate::backup;

#[derive(Debug, Args)]
pub(super) struct Backup {
    #[command(flatten)]
    host: HostArgs,
    /// Back up the data folder of a host that does not run
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// Where to: a folder that is not there yet [default: one in the data folder]
    folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup
    folder: PathBuf,
    /// The data folder to make: not there yet, or empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

impl Backup {
    pub(super) fn run(self) -> Outcome {
        if let Some(folder) = self.folder.as_deref().filter(|folder| folder.exists()) {
            let why = format!("{} is there already: name a new folder", folder.display());
            return Err(Failure::Failed(why));
        }
        let (folder, facts) = match &self.data {
            Some(data) => stopped(data, self.folder.as_deref())?,
            None => running(&self.host, self.folder.as_deref())?,
        };
        writeln!(std::io::stdout(), "{}: {facts} facts", folder.display())?;
        Ok(())
    }
}

fn stopped(data: &Path, to: Option<&Path>) -> Result<(PathBuf, u64), Failure> {
    let store = data.join("store");
    if !store.is_dir() {
        return Err(Failure::Failed(format!("{} is not a host's data folder", data.display())));
    }
    let name = crate::clock::now().to_string().replace(':', "-");
    let folder = match to {
        Some(to) => to.to_owned(),
        None => backup::make_folder(data, &name)?,
    };
    let options = Options { read_only: true, ..Options::default() };
    let (store, _) = SledStore::open(&store, options)?;
    let files = backup::files(data, None)?;
    let manifest = store.keeper().backup(&folder, &files)?;
    backup::keep_private(&folder)?;
    Ok((folder, manifest.facts))
}

fn running(host: &HostArgs, to: Option<&Path>) -> Result<(PathBuf, u64), Failure> {
    let made = Client::new(host)?.post("/api/v1/backups")?;
    let folder = PathBuf::from(made["folder"].as_str().unwrap_or(""));
    let facts = made["facts"].as_u64().unwrap_or(0);
    let Some(to) = to else { return Ok((folder, facts)) };
    // Another file system cannot be moved to.
    if fs::rename(&folder, to).is_err() {
        copy(&folder, to)?;
        fs::remove_dir_all(&folder)?;
    }
    backup::keep_private(to)?;
    Ok((to.to_owned(), facts))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
    }
    fs::File::open(to)?.sync_all()
}

impl Restore {
    pub(super) fn run(self) -> Outcome {
        let manifest = backup::restore(&self.folder, &self.data).map_err(Failure::Failed)?;
        writeln!(
            std::io::stdout(),
            "{}: {} facts, every checksum right",
            self.data.display(),
            manifest.facts
        )?;
        cdr::verify_all(&self.data)
    }
}
