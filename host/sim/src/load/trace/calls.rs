//! Owns the text of a trace: `strace -f -y -x`, a system call a line, or two halves where another
//! thread came between. Must never guess what was cut.

use std::collections::BTreeMap;

/// A system call that returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SystemCall {
    pub(super) name: String,
    /// The number of its file or socket, with what it stands for: `7<socket:[815]>`.
    pub(super) of: String,
    /// What was read or written, as far as it was.
    pub(super) bytes: Vec<u8>,
    /// Whether `strace` left out a part of it.
    pub(super) is_cut: bool,
    /// The lines on which it began and ended: their order is that in which things happened.
    pub(super) begin: usize,
    pub(super) end: usize,
}

impl SystemCall {
    /// The path of a file; of a socket, what the kernel calls it.
    pub(super) fn path(&self) -> &str {
        let inner = self.of.split_once('<').map_or("", |(_, rest)| rest);
        inner.strip_suffix('>').unwrap_or(inner)
    }

    pub(super) fn is_socket(&self) -> bool {
        ["socket:", "TCP:", "TCPv6:"].iter().any(|kind| self.path().starts_with(kind))
    }
}

/// The calls of a trace that succeeded, in the order of their ends.
pub(super) fn read(text: &str) -> Vec<SystemCall> {
    let mut calls = Vec::new();
    let mut halves: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(half) = rest.strip_suffix("<unfinished ...>") {
            halves.insert(thread, (number, half));
            continue;
        }
        let resumed = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"));
        calls.extend(match resumed {
            Some((_, second)) => halves
                .remove(thread)
                .and_then(|(begin, first)| parse(&format!("{first}{second}"), begin, number)),
            None => parse(rest, number, number),
        });
    }
    calls
}

fn parse(text: &str, begin: usize, end: usize) -> Option<SystemCall> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    // Injected calls did not happen, whatever they returned.
    if result.contains("(INJECTED)") {
        return None;
    }
    let returned = result.split(' ').next()?.parse::<usize>().ok()?;
    let of = match arguments.split_once('>') {
        Some((of, _)) if of.contains('<') && !of.contains('"') => format!("{of}>"),
        _ => arguments.split([',', ')']).next()?.to_owned(),
    };
    let (mut bytes, mut is_cut) = texts(arguments);
    is_cut &= bytes.len() < returned;
    bytes.truncate(returned);
    Some(SystemCall { name: name.to_owned(), of, bytes, is_cut, begin, end })
}

/// All quoted texts, joined, and whether one of them was cut.
fn texts(arguments: &str) -> (Vec<u8>, bool) {
    let (mut bytes, mut is_cut) = (Vec::new(), false);
    let mut rest = arguments.as_bytes();
    while let Some(start) = rest.iter().position(|byte| *byte == b'"') {
        rest = text(&rest[start + 1..], &mut bytes);
        is_cut |= rest.starts_with(b"...");
    }
    (bytes, is_cut)
}

/// Undoes the escapes of a text up to its closing quote; gives what follows it.
fn text<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    loop {
        rest = match rest {
            [] => return rest,
            [b'"', after @ ..] => return after,
            [b'\\', b'x', high, low, after @ ..] => {
                bytes.push(digit(*high) << 4 | digit(*low));
                after
            }
            [b'\\', first @ b'0'..=b'7', after @ ..] => octal(*first, after, bytes),
            [b'\\', escaped, after @ ..] => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 0x0B,
                    b'f' => 0x0C,
                    other => *other,
                });
                after
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                after
            }
        };
    }
}

fn octal<'a>(first: u8, mut rest: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    let mut value = first - b'0';
    for _ in 0..2 {
        if let [next @ b'0'..=b'7', after @ ..] = rest {
            value = value.wrapping_mul(8).wrapping_add(next - b'0');
            rest = after;
        }
    }
    bytes.push(value);
    rest
}

fn digit(hex: u8) -> u8 {
    char::from(hex).to_digit(16).unwrap_or(0) as u8
}
