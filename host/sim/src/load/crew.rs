//! Owns the loader processes of a run. Must never leave one behind.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Options;
use super::pool::{Account, Run, Setup, Stats};
use super::scenario::Phase;
use super::worker::Word;

struct Hand {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// The processes, and how many stations they have.
pub(super) struct Crew {
    hands: Vec<Hand>,
    stations: usize,
}

impl Crew {
    pub(super) fn spawn(options: &Options, processes: usize) -> Result<Self, String> {
        let (program, arguments) = &options.worker;
        let mut hands = Vec::new();
        for _ in 0..processes {
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
            // When the conductor dies, so do they: their input ends, and this is the belt to it.
            let spawned = command.kill_on_drop(true).spawn();
            let mut child = spawned.map_err(|error| format!("{}: {error}", program.display()))?;
            let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
                return Err("a loader process has no pipes".to_owned());
            };
            hands.push(Hand { child, input, output: BufReader::new(output).lines() });
        }
        Ok(Self { hands, stations: 0 })
    }

    /// Connects further stations, dealt out evenly.
    pub(super) async fn connect(
        &mut self,
        options: &Options,
        accounts: &[Account],
    ) -> Result<Stats, String> {
        let processes = self.hands.len();
        let each = accounts.len().div_ceil(processes);
        let mut words = Vec::new();
        for process in 0..processes {
            let first = process * each;
            let stations = accounts.iter().skip(first).take(each).cloned().collect();
            words.push(Word::Connect(Setup {
                url: options.url.clone(),
                root: options.root.clone(),
                seed: options.seed,
                ramp: options.scenario.ramp / processes as f64,
                process,
                first: self.stations + first,
                stations,
            }));
        }
        self.stations += accounts.len();
        self.tell(&words).await
    }

    /// Runs a phase in all processes at once.
    pub(super) async fn run(&mut self, phase: &Phase) -> Result<Stats, String> {
        let run = || Run { phase: phase.clone(), of: self.stations };
        let words: Vec<_> = self.hands.iter().map(|_| Word::Run(Box::new(run()))).collect();
        self.tell(&words).await
    }

    /// Lets all processes end.
    pub(super) async fn end(self) {
        for hand in self.hands {
            let Hand { mut child, input, output } = hand;
            drop((input, output));
            let _ = child.wait().await;
        }
    }

    async fn tell(&mut self, words: &[Word]) -> Result<Stats, String> {
        let broken = |error: std::io::Error| format!("a loader process: {error}");
        for (hand, word) in self.hands.iter_mut().zip(words) {
            let mut line = serde_json::to_string(word).map_err(|error| error.to_string())?;
            line.push('\n');
            hand.input.write_all(line.as_bytes()).await.map_err(broken)?;
            hand.input.flush().await.map_err(broken)?;
        }
        let mut all = Stats::default();
        for hand in &mut self.hands {
            let line = hand.output.next_line().await.map_err(broken)?;
            let line = line.ok_or("a loader process has died")?;
            let stats: Result<Stats, String> =
                serde_json::from_str(&line).map_err(|error| error.to_string())?;
            all.add(&stats?);
        }
        Ok(all)
    }
}
