//! `busbar cdr`: lists, shows and proves CDRs, of a running host or of a stopped one's data
//! folder. Must never price by itself.

mod stopped;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Client, HostArgs};
use super::{Failure, Outcome};
use stopped::Stopped;

#[derive(Debug, Subcommand)]
pub(super) enum Cdr {
    /// List CDRs, newest first
    List(List),
    /// Show one CDR with everything that made it, as JSON
    Show(Show),
    /// Price CDRs again by the same plugin bytes and input, and compare to the last millionth
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    from: SourceArgs,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    from: SourceArgs,
    /// The CDR's id
    id: String,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    from: SourceArgs,
    /// The CDR's id
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,
    /// All CDRs
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct SourceArgs {
    #[command(flatten)]
    host: HostArgs,
    /// Read the data folder of a host that does not run
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
}

/// Where CDRs come from. JSON as the API shows it.
trait Source {
    fn list(&self, each: &mut dyn FnMut(Value) -> Outcome) -> Outcome;
    fn get(&self, id: &str) -> Result<Value, Failure>;
    fn verify(&self, id: &str) -> Result<Value, Failure>;
}

impl Source for Client {
    fn list(&self, each: &mut dyn FnMut(Value) -> Outcome) -> Outcome {
        self.all("/api/v1/cdrs", each)
    }

    fn get(&self, id: &str) -> Result<Value, Failure> {
        self.get(&format!("/api/v1/cdrs/{}", plain(id)?))
    }

    fn verify(&self, id: &str) -> Result<Value, Failure> {
        self.get(&format!("/api/v1/cdrs/{}/verify", plain(id)?))
    }
}

/// An id that can stand in a path.
fn plain(id: &str) -> Result<&str, Failure> {
    if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Ok(id);
    }
    Err(Failure::Failed(format!("{id:?} is not the id of a CDR")))
}

impl Cdr {
    pub(super) fn run(self) -> Outcome {
        match self {
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Verify(verify) => verify.run(),
        }
    }
}

impl SourceArgs {
    fn open(&self) -> Result<Box<dyn Source>, Failure> {
        Ok(match &self.data {
            Some(data) => Box::new(Stopped::open(data)?),
            None => Box::new(Client::new(&self.host)?),
        })
    }
}

impl List {
    fn run(self) -> Outcome {
        let source = self.from.open()?;
        let mut stdout = std::io::stdout().lock();
        if !self.json {
            writeln!(
                stdout,
                "{:36}  {:24}  {:16}  {:>12}  TO PAY",
                "CDR", "SEALED", "STATION", "WH"
            )?;
        }
        source.list(&mut |cdr| {
            if self.json {
                writeln!(stdout, "{cdr}")?;
                return Ok(());
            }
            let text = |name: &str| cdr[name].as_str().unwrap_or("").to_owned();
            writeln!(
                stdout,
                "{:36}  {:24}  {:16}  {:>12}  {}",
                text("id"),
                text("sealed_at"),
                text("station_id"),
                cdr["energy_wh"].to_string(),
                payable(&cdr),
            )?;
            Ok(())
        })
    }
}

impl Show {
    fn run(self) -> Outcome {
        let cdr = self.from.open()?.get(&self.id)?;
        let text = serde_json::to_string_pretty(&cdr).unwrap_or_default();
        writeln!(std::io::stdout(), "{text}")?;
        Ok(())
    }
}

impl Verify {
    fn run(self) -> Outcome {
        let source = self.from.open()?;
        match self.id {
            Some(id) => prove(&*source, &[id], true),
            None => prove(&*source, &all(&*source)?, true),
        }
    }
}

/// Verifies all CDRs of a stopped host's data folder; says only what differs, and the count.
pub(super) fn verify_all(data: &Path) -> Outcome {
    let source = Stopped::open(data)?;
    prove(&source, &all(&source)?, false)
}

fn all(source: &dyn Source) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    source.list(&mut |cdr| {
        ids.push(cdr["id"].as_str().unwrap_or("").to_owned());
        Ok(())
    })?;
    Ok(ids)
}

fn prove(source: &dyn Source, ids: &[String], say_all: bool) -> Outcome {
    let mut stdout = std::io::stdout().lock();
    let mut differ = 0;
    for id in ids {
        let verdict = source.verify(id)?;
        if verdict["verified"].as_bool() != Some(true) {
            differ += 1;
            let why = verdict["difference"].as_str().unwrap_or("no reason was given");
            writeln!(stdout, "{id}  DIFFERS: {why}")?;
        } else if say_all {
            writeln!(stdout, "{id}  same")?;
        }
    }
    writeln!(stdout, "{} of {} CDRs verified", ids.len() - differ, ids.len())?;
    if differ == 0 { Ok(()) } else { Err(Failure::No) }
}

fn payable(cdr: &Value) -> String {
    let cost = &cdr["cost"];
    let text = |name: &str| cost[name].as_str().unwrap_or("").to_owned();
    format!("{} {}", text("payable"), text("currency"))
}
