//! Owns what a worker process and its conductor say to each other: a JSON line for an order, a
//! JSON line for its result. Must never outlive its conductor: the end of its input ends it.

use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use super::pool::{Pool, Setup, Stats};
use super::scenario::Phase;

/// What a worker is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// Make stations and connect them.
    Connect(Setup),
    /// Run a phase.
    Run(Phase),
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
    let mut pool: Option<Pool> = None;
    loop {
        let line = match &pool {
            Some(pool) => pool.idle(lines.next_line()).await?,
            None => lines.next_line().await?,
        };
        let Some(line) = line else {
            return Ok(());
        };
        let word: Word = serde_json::from_str(&line)?;
        let stats: Result<Stats, String> = match (word, &mut pool) {
            (Word::Connect(setup), _) => match Pool::connect(setup).await {
                Ok((made, stats)) => {
                    pool = Some(made);
                    Ok(stats)
                }
                Err(error) => Err(error),
            },
            (Word::Run(phase), Some(pool)) => Ok(pool.run(phase).await),
            (Word::Run(_), None) => Err("nobody is connected".to_owned()),
        };
        let mut answer = serde_json::to_string(&stats)?;
        answer.push('\n');
        output.write_all(answer.as_bytes()).await?;
        output.flush().await?;
    }
}
