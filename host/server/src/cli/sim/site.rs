//! `busbar sim site`: a whole site of simulated stations against a host that controls its load.
//! Owns the flags; must never do the work, which is in `busbar_sim::site`.

use std::io::Write;
use std::path::PathBuf;

use busbar_sim::site::{self, NotOurs, Options, Run, Scenario};
use clap::Args;

use super::served::{Served, Wanted, unless_ended};
use super::{Failure, Outcome, progress};

#[derive(Debug, Args)]
pub(in crate::cli) struct Site {
    /// A built-in scenario, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "faults")]
    scenario: String,
    /// Start a host for the run: default configuration, its own ports and a temporary folder; only
    /// such a one is killed
    #[arg(long, conflicts_with_all = ["url", "api", "token_file", "root"],
        required_unless_present = "api")]
    serve: bool,
    /// With --serve: leave its folder where it is at the end
    #[arg(long, requires = "serve")]
    keep: bool,
    /// Where stations connect
    #[arg(long, default_value = "ws://127.0.0.1:9000/ocpp")]
    url: String,
    /// For wss: the certificate of the authority that signed the host's (PEM)
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// The host's API, at which the site is set up
    #[arg(long, value_name = "HOST:PORT", requires = "token_file")]
    api: Option<String>,
    /// The file with the API's token: <data>/admin.token
    #[arg(long, value_name = "FILE", requires = "api")]
    token_file: Option<PathBuf>,
    /// About so many stations: the scenario's groups and currents in proportion
    #[arg(long, value_name = "N")]
    stations: Option<usize>,
    /// Seconds of the run; takes the place of the scenario's
    #[arg(long, value_name = "SECONDS")]
    duration: Option<f64>,
    /// Seed of everything that happens by chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the names of the stations begin with; in small letters, the site's name
    #[arg(long, default_value = "SITE")]
    prefix: String,
    /// Draw what the cars drew against the limit
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print the result as JSON, with every look at the site
    #[arg(long)]
    json: bool,
    /// Fail when a limit was exceeded, or another bound was missed
    #[arg(long)]
    check: bool,
}

impl Site {
    pub(super) fn run(self) -> Outcome {
        let options = self.options().map_err(Failure::Failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let measured = async { self.measure(options).await.map_err(Failure::Failed) };
        let (options, run) = runtime.block_on(unless_ended(measured))?;
        if let Some(file) = &self.svg {
            std::fs::write(file, site::draw(&options, &run))
                .map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
            progress(&format!("the picture is {}", file.display()));
        }
        let text = if self.json {
            serde_json::to_string(&run.report).map_err(|e| Failure::Failed(e.to_string()))? + "\n"
        } else {
            run.report.table()
        };
        std::io::stdout().write_all(text.as_bytes())?;
        let met = run.report.verdicts.iter().all(|verdict| verdict.met);
        if self.check && !met { Err(Failure::No) } else { Ok(()) }
    }

    async fn measure(&self, mut options: Options) -> Result<(Options, Run), String> {
        if !self.serve {
            let run = site::run(&options, &mut NotOurs, &mut progress).await?;
            return Ok((options, run));
        }
        progress("starting a host");
        let wanted = Wanted { tls: false, unsigned: false, keep: self.keep };
        let mut served = Served::start(wanted).await?;
        served.tell_site(&mut options);
        let run = site::run(&options, &mut served, &mut progress).await;
        served.stop().await;
        Ok((options, run?))
    }

    fn options(&self) -> Result<Options, String> {
        let mut scenario = named(&self.scenario)?;
        if let Some(stations) = self.stations {
            scenario = scenario.scaled(stations);
        }
        scenario.seconds = self.duration.unwrap_or(scenario.seconds);
        scenario.check()?;
        if scenario.kills() && !self.serve {
            return Err(format!(
                "scenario {} kills its host: only with --serve, or with another scenario",
                scenario.name
            ));
        }
        let api = match (&self.api, &self.token_file) {
            (Some(api), Some(file)) => {
                let token = std::fs::read_to_string(file);
                let token = token.map_err(|error| format!("{}: {error}", file.display()))?;
                (api.clone(), token.trim().to_owned())
            }
            _ => (String::new(), String::new()),
        };
        Ok(Options {
            scenario,
            url: self.url.clone(),
            root: self.root.clone(),
            api,
            seed: self.seed,
            prefix: self.prefix.clone(),
        })
    }
}

fn named(name: &str) -> Result<Scenario, String> {
    let text = match site::SCENARIOS.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => (*text).to_owned(),
        None => std::fs::read_to_string(name).map_err(|error| {
            let known: Vec<_> = site::SCENARIOS.iter().map(|(known, _)| *known).collect();
            format!("{name}: {error}; built in are {}", known.join(", "))
        })?,
    };
    Scenario::read(&text).map_err(|error| format!("{name}: {error}"))
}
