//! Owns the door `busbar plugin price --stdio`: one JSON line in (an OCPI tariff with a session or
//! a CDR), one out (totals and lines, or an error). Must never price by itself: it converts, and
//! the plugin prices as it does in a running host.

mod answer;
mod decimal;
mod ocpi_case;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};

use busbar_charging::pricing::PriceError;
use busbar_charging::pricing::bill::add_up;
use busbar_sandbox::{Config, FirstParty, Plugin, Sandbox};
use serde_json::Value;

pub use answer::Answer;
pub use ocpi_case::OcpiCase;

/// The plugin of a case that names none.
const DEFAULT_PLUGIN: &str = "pricing-ocpi";
/// A longer line is answered with an error and passed over.
const LONGEST_LINE: u64 = 16 << 20;

/// Why a case has no price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `not_applicable`, `invalid_configuration`, `invalid_session`, or `failed` when the plugin
    /// itself broke.
    pub error: &'static str,
    /// A JSON pointer, or a field of the session.
    pub at: String,
    /// What is wrong there.
    pub message: String,
}

impl Refusal {
    fn session(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error: "invalid_session", at: at.into(), message: message.into() }
    }

    fn configuration(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error: "invalid_configuration", at: at.into(), message: message.into() }
    }
}

impl From<PriceError> for Refusal {
    fn from(error: PriceError) -> Self {
        match error {
            PriceError::InvalidConfiguration { at, message } => Self::configuration(at, message),
            PriceError::InvalidSession { at, message } => Self::session(at, message),
            PriceError::NotApplicable(message) => {
                Self { error: "not_applicable", at: String::new(), message }
            }
            PriceError::Internal(message) | PriceError::Misbehaved(message) => {
                Self { error: "failed", at: String::new(), message }
            }
        }
    }
}

/// Answers line by line until the input ends. A line that cannot be read is answered like any
/// other, and the next one is read.
///
/// # Errors
/// When a stream breaks, or the sandbox cannot be set up.
pub fn run(mut stdin: impl BufRead, mut stdout: impl Write) -> io::Result<()> {
    let mut door = Door::open()?;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        let answer = if read as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
            skip_line(&mut stdin)?;
            let words = format!("the line is longer than {LONGEST_LINE} bytes");
            answer::refused(&Value::Null, &Refusal::session("", words))
        } else if line.trim_ascii().is_empty() {
            continue;
        } else {
            door.answer(&line)
        };
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
}

fn skip_line(stdin: &mut impl BufRead) -> io::Result<()> {
    loop {
        let rest = stdin.fill_buf()?;
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            let length = rest.len();
            if length == 0 {
                return Ok(());
            }
            stdin.consume(length);
            continue;
        };
        stdin.consume(end + 1);
        return Ok(());
    }
}

/// A sandbox with the plugins that cases have named so far.
pub struct Door {
    sandbox: Sandbox,
    plugins: BTreeMap<String, Plugin>,
}

impl Door {
    /// Sets up the sandbox.
    ///
    /// # Errors
    /// When the machine has no room for it.
    pub fn open() -> io::Result<Self> {
        let sandbox = Sandbox::new(Config::default()).map_err(io::Error::other)?;
        Ok(Self { sandbox, plugins: BTreeMap::new() })
    }

    /// Answers one line.
    pub fn answer(&mut self, line: &[u8]) -> Value {
        let case = match OcpiCase::read(line) {
            Ok(case) => case,
            Err((id, refusal)) => return answer::refused(&id, &refusal),
        };
        match self.price(&case) {
            Ok(priced) => priced.to_json(&case),
            Err(refusal) => answer::refused(&case.id, &refusal),
        }
    }

    /// Prices one case as the host prices a session: prepare, price, add up.
    ///
    /// # Errors
    /// When the tariff or the session cannot be used, or nothing of the tariff covers it.
    pub fn price(&mut self, case: &OcpiCase) -> Result<Answer, Refusal> {
        let plugin = self.plugin(case.plugin.as_deref().unwrap_or(DEFAULT_PLUGIN))?;
        let prepared = plugin.prepare(&case.configuration, case.currency)?;
        let lines = plugin.price(&prepared.compiled, &case.session)?;
        let totals = add_up(&lines, case.currency, prepared.tariff.negative_prices)?;
        Ok(Answer::new(totals, lines, case.is_credit))
    }

    fn plugin(&mut self, name: &str) -> Result<Plugin, Refusal> {
        if let Some(plugin) = self.plugins.get(name) {
            return Ok(plugin.clone());
        }
        let Some(embedded) = FirstParty::find(name) else {
            let words = format!("{name:?} is not a plugin that comes with this host");
            return Err(Refusal::configuration("/plugin", words));
        };
        let loaded = embedded
            .manifest()
            .and_then(|manifest| self.sandbox.load(embedded.bytes, &manifest))
            .map_err(|error| Refusal::configuration("/plugin", error.to_string()))?;
        self.plugins.insert(name.to_owned(), loaded.clone());
        Ok(loaded)
    }
}

#[cfg(test)]
mod tests;
