//! Owns how doors read and answer lines: one answer for each line that is not blank, at once. Must
//! never end at a line that makes no sense.

use std::io::{self, BufRead, Read, Write};

/// A longer line is answered with an error and passed over.
const LONGEST: u64 = 16 << 20;

/// Answers line by line until the input ends. `judge` gets the line, or why it cannot be read.
pub(super) fn answer(
    mut input: impl BufRead,
    mut output: impl Write,
    mut judge: impl FnMut(Result<&str, String>) -> String,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        let cut = read as u64 == LONGEST && line.last() != Some(&b'\n');
        if cut {
            skip_line(&mut input)?;
        } else if line.trim_ascii().is_empty() {
            continue;
        }
        let text = match std::str::from_utf8(line.trim_ascii()) {
            _ if cut => Err(format!("the line is longer than {LONGEST} bytes")),
            Ok(text) => Ok(text),
            Err(_) => Err("the line is not UTF-8".to_owned()),
        };
        writeln!(output, "{}", judge(text))?;
        // Who asks line by line waits for each answer.
        output.flush()?;
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffered = input.fill_buf()?;
        if buffered.is_empty() {
            return Ok(());
        }
        let end = buffered.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffered.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}
