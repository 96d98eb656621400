//! The door `busbar check ocpp --stdio`: one payload a line in, one verdict a line out. A line
//! that cannot be read is answered like any other, and the next one is read. Must never judge
//! otherwise than a running host does.

use std::io::{self, BufRead, Write};

use busbar_ocpp::{Leniency, Version, check};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::{Outcome, door, lines};

#[derive(Debug, Args)]
pub(super) struct CheckOcpp {
    /// Read standard input and answer on standard output, line by line
    #[arg(long, required = true)]
    stdio: bool,
    /// Refuse every deviation from the schemas, as for certification
    #[arg(long)]
    strict: bool,
}

#[derive(Deserialize)]
struct Case {
    version: String,
    message: String,
    payload: String,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Verdict {
    valid: bool,
    code: Option<&'static str>,
    path: Option<String>,
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl CheckOcpp {
    pub(super) fn run(&self) -> Outcome {
        let leniency = if self.strict { Leniency::Strict } else { Leniency::Tolerant };
        door(|stdin, stdout| run(stdin, stdout, leniency))
    }
}

fn run(stdin: impl BufRead, stdout: impl Write, leniency: Leniency) -> io::Result<()> {
    lines::answer(stdin, stdout, |line| {
        let verdict = judge(line, leniency);
        serde_json::to_string(&verdict).unwrap_or_default()
    })
}

fn judge(line: Result<&str, String>, leniency: Leniency) -> Verdict {
    let unreadable = |error: String| Verdict { error: Some(error), ..Verdict::default() };
    let case: Case = match line.map(serde_json::from_str) {
        Ok(Ok(case)) => case,
        Ok(Err(error)) => return unreadable(format!("the line cannot be read: {error}")),
        Err(error) => return unreadable(error),
    };
    let version = match &*case.version {
        "v16" => Version::V16,
        "v201" => Version::V201,
        "v21" => Version::V21,
        other => return unreadable(format!("version {other:?} is not one of v16, v201, v21")),
    };
    let result = check(version, &case.message, &case.payload, leniency);
    let broken = result.rule.is_some();
    Verdict {
        valid: result.valid,
        code: result.code.map(|code| code.spelling(version)),
        path: broken.then_some(result.path),
        rule: result.rule.map(busbar_ocpp::Rule::as_str),
        error: None,
    }
}

#[cfg(test)]
mod tests;
