//! The command line: what a person types, and how it ends. Exit codes: 0 done; 1 it failed, or a
//! CDR does not verify; 2 wrong usage; 69 the host cannot be reached; 78 the configuration is
//! wrong. Must never print a secret.

mod backup;
mod cdr;
mod check;
mod check_ocpp;
mod client;
mod export;
mod lines;
pub mod plugin_price;
mod serve;
mod sim;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Problem};

/// Busbar runs a network of charging stations: OCPP in, priced and provable CDRs out.
#[derive(Debug, Parser)]
#[command(name = "busbar", version, disable_help_subcommand = true, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the host until it is told to stop (SIGTERM, Ctrl-C)
    Serve(serve::Serve),
    /// Try it: a host and twenty simulated stations in a temporary folder
    Demo(crate::demo::Demo),
    /// Check the configuration, or OCPP payloads
    Check(check::Check),
    /// Work with plugins
    #[command(subcommand)]
    Plugin(Plugin),
    /// List, show and prove CDRs
    #[command(subcommand)]
    Cdr(cdr::Cdr),
    /// Copy a host, running or stopped: store, plugins, configuration and keys
    Backup(backup::Backup),
    /// Make a data folder from a backup, check all of it and verify its CDRs
    Restore(backup::Restore),
    /// Write out what the host keeps, as JSON lines
    #[command(subcommand)]
    Export(export::Export),
    /// Put load on a host from simulated stations
    #[command(subcommand)]
    Sim(sim::Sim),
}

#[derive(Debug, Subcommand)]
enum Plugin {
    /// Price OCPI sessions: one JSON case a line in, one answer a line out
    Price(Stdio),
}

/// A door: lines in, lines out.
#[derive(Debug, Args)]
struct Stdio {
    /// Read standard input and answer on standard output, line by line
    #[arg(long, required = true)]
    stdio: bool,
}

/// Which configuration is meant.
#[derive(Clone, Debug, Default, Args)]
struct ConfigArgs {
    /// The configuration file [default: busbar.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "BUSBAR_CONFIG")]
    config: Option<PathBuf>,
}

/// How a command ended that did not succeed.
#[derive(Debug)]
enum Failure {
    /// It failed: one sentence.
    Failed(String),
    /// It worked, and the answer is no; it was printed.
    No,
    /// Who reads the output has seen enough: no failure at all.
    ReaderGone,
    /// The host cannot be reached: one sentence.
    Unreachable(String),
    /// The configuration is wrong.
    Config(Vec<Problem>),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(error.to_string()),
        }
    }
}

type Outcome = Result<(), Failure>;

/// Runs what the arguments of this process say.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Plugin(Plugin::Price(_)) => door(plugin_price::run),
        Command::Cdr(cdr) => cdr.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Export(export) => export.run(),
        Command::Demo(demo) => crate::demo::run(&demo).map_err(Failure::Failed),
        Command::Sim(sim) => sim.run(),
    };
    ended(outcome)
}

/// Runs a door over standard input and output.
fn door(
    run: impl FnOnce(io::StdinLock<'static>, BufWriter<io::StdoutLock<'static>>) -> io::Result<()>,
) -> Outcome {
    Ok(run(io::stdin().lock(), BufWriter::new(io::stdout().lock()))?)
}

fn ended(outcome: Outcome) -> ExitCode {
    let mut stderr = io::stderr().lock();
    // Where standard error is gone, the exit code is all that is left.
    match outcome {
        Ok(()) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(Failure::No) => ExitCode::from(1),
        Err(Failure::Failed(why)) => {
            let _ = writeln!(stderr, "busbar: {why}");
            ExitCode::from(1)
        }
        Err(Failure::Unreachable(why)) => {
            let _ = writeln!(stderr, "busbar: {why}");
            ExitCode::from(69)
        }
        Err(Failure::Config(problems)) => {
            for problem in &problems {
                let _ = writeln!(stderr, "{problem}");
            }
            let count = problems.len();
            let _ = writeln!(stderr, "busbar: {count} problem(s) in the configuration");
            ExitCode::from(78)
        }
    }
}

impl ConfigArgs {
    fn load(&self) -> Result<Config, Failure> {
        let env = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Config::load(self.config.as_deref(), env).map_err(Failure::Config)
    }
}

#[cfg(test)]
mod tests;
