//! kill -9 at any time: every acknowledged write is there, in order, with its rows.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::node::Node;
use super::open_sled;

/// Set in the child: the folder of its store.
const FOLDER: &str = "BUSBAR_TEST_STORE";
/// Set in the child: how many inputs it takes.
const INPUTS: &str = "BUSBAR_TEST_INPUTS";

/// The command that runs `writer` in a process of its own.
pub(super) fn writer_process(mut command: Command, folder: &Path, inputs: u64) -> Child {
    command
        .args(["--exact", "store::killed::writer", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(INPUTS, inputs.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What runs in the child; in the test run itself it has nothing to do.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let inputs: u64 = std::env::var(INPUTS).unwrap().parse().unwrap();
    let mut node = Node::new(open_sled(Path::new(&folder)));
    for _ in 0..inputs {
        node.step();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {}", node.inputs).unwrap();
        out.flush().unwrap();
    }
}

/// The number that a line of the child acknowledges.
pub(super) fn acknowledged(line: &str) -> Option<u64> {
    let rest = line.split("acknowledged ").nth(1)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let me = std::env::current_exe().unwrap();
    let mut last = 0;
    for round in 0..25_u64 {
        let mut child = writer_process(Command::new(&me), home.path(), 100_000);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let kill_after = 1 + (round * 7_919) % 149;
        for _ in 0..kill_after {
            let line = lines.by_ref().map_while(Result::ok).find_map(|line| acknowledged(&line));
            last = line.expect("the child ended by itself");
        }
        child.kill().unwrap();
        last =
            lines.map_while(Result::ok).filter_map(|line| acknowledged(&line)).fold(last, u64::max);
        child.wait().unwrap();
        let node = Node::new(open_sled(home.path()));
        assert!(
            node.inputs >= last,
            "round {round}: {last} was acknowledged, {} is there",
            node.inputs
        );
        assert!(node.inputs <= last + 1, "round {round}: more is there than was begun");
        node.check_rows();
    }
}
