//! The door `busbar sim allocate --stdio`: the filling alone, driven step by step as
//! `tests/load/drive.py` does, so that any release can be driven and scored. A line that cannot
//! be read is answered with an error, and the next one is read. Must never know more than a real
//! controller would.

mod message;
mod site;

use std::io::{self, BufRead, Write};
use std::time::Instant;

use clap::Args;

use crate::cli::{Outcome, door, lines};
use message::{Hello, Step};
use site::Site;

#[derive(Debug, Args)]
pub(in crate::cli) struct Allocate {
    /// Read standard input and answer on standard output, line by line
    #[arg(long, required = true)]
    stdio: bool,
}

impl Allocate {
    pub(super) fn run(&self) -> Outcome {
        door(run)
    }
}

fn run(stdin: impl BufRead, stdout: impl Write) -> io::Result<()> {
    let mut site = None;
    lines::answer(stdin, stdout, |line| {
        let answer = line.and_then(|line| answer(&mut site, line));
        answer.unwrap_or_else(|error| serde_json::json!({ "error": error }).to_string())
    })
}

fn answer(site: &mut Option<Site>, line: &str) -> Result<String, String> {
    let unreadable = |error: serde_json::Error| format!("the line cannot be read: {error}");
    match site {
        None => {
            let hello: Hello = serde_json::from_str(line).map_err(unreadable)?;
            *site = Some(Site::new(&hello)?);
            Ok("{\"ok\":1}".to_owned())
        }
        Some(site) => {
            let step: Step = serde_json::from_str(line).map_err(unreadable)?;
            let start = Instant::now();
            let mut amps = site.step(&step)?;
            amps.ms = start.elapsed().as_secs_f64() * 1e3;
            serde_json::to_string(&amps).map_err(unreadable)
        }
    }
}
