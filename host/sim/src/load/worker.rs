//! Owns what a worker process and its conductor say to each other: a JSON line for an order, a
//! JSON line for its result. Must never outlive its conductor: the end of its input ends it.

use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use super::pool::{Pool, Run, Setup, Stats};

/// What a worker is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// Make further stations and connect them.
    Connect(Setup),
    /// Run a phase.
    Run(Box<Run>),
}

/// Serves a conductor until its input ends.
///
/// # Errors
/// Its conductor says nonsense or cannot be heard.
pub async fn serve(
    input: impl AsyncBufRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut lines = input.lines();
    let mut pool = Pool::new();
    loop {
        let Some(line) = pool.idle(lines.next_line()).await? else {
            return Ok(());
        };
        let word: Word = serde_json::from_str(&line)?;
        let stats: Result<Stats, String> = match word {
            Word::Connect(setup) => pool.connect(setup).await,
            Word::Run(run) => Ok(pool.run(*run).await),
        };
        let mut answer = serde_json::to_string(&stats)?;
        answer.push('\n');
        output.write_all(answer.as_bytes()).await?;
        output.flush().await?;
    }
}
