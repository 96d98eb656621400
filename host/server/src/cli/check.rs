//! `busbar check`: all that is wrong with a configuration, before the host is started with it.
//! Must never open the data folder.

use std::io::Write;

use clap::{Args, Subcommand};

use super::{ConfigArgs, Failure, Outcome, check_ocpp};
use crate::tls;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Check {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Judge OCPP payloads: one JSON line in (version, message, payload), one verdict a line out
    Ocpp(check_ocpp::CheckOcpp),
}

impl Check {
    pub(super) fn run(self) -> Outcome {
        match self.what {
            Some(What::Ocpp(check)) => check.run(),
            None => configuration(&self.config),
        }
    }
}

fn configuration(args: &ConfigArgs) -> Outcome {
    let config = args.load()?;
    let listeners = config.http.iter().filter_map(|http| http.tls.as_ref());
    let unusable: Vec<_> =
        listeners.chain(&config.ocpp.tls).filter_map(|tls| tls::server(tls).err()).collect();
    if !unusable.is_empty() {
        return Err(Failure::Failed(unusable.join("\nbusbar: ")));
    }
    for warning in config.warnings() {
        writeln!(std::io::stderr(), "warning: {warning}")?;
    }
    writeln!(std::io::stdout(), "ok")?;
    Ok(())
}
