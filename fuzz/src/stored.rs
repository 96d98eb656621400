//! What is on disk: blocks of the log, snapshots, files of blocks. What is read is written and
//! read as the same; whatever was damaged is an error that names the place, never other facts.
//!
//! The first byte of an input says what the rest is: `r`, sealed as it is on disk; `s`, a body
//! that gets a good seal, so that what stands behind the checksum is reached; `d`, damage of up
//! to four bytes (two bytes say where, four what) and a body that has a good seal before it.
//! Must never expect a checksum to see more than a checksum can.

use std::io::Write;

use busbar_store::stored::{Kind, read_block, read_block_file, read_snapshot};
use busbar_store::stored::{seal, write_block, write_snapshot};

/// Of the block that is read.
const NUMBER: u64 = 7;

/// A block of the log.
pub fn block(data: &[u8]) {
    let Some((way, rest)) = data.split_first() else { return };
    let sealed = match way {
        b'r' => rest.to_vec(),
        b's' => sealed(Kind::Block, NUMBER, rest),
        b'd' => return damaged(Kind::Block, rest, |sealed| read_block(NUMBER, sealed).err()),
        _ => return,
    };
    match read_block(NUMBER, &sealed) {
        Ok(facts) => {
            let written = write_block(NUMBER, &facts).expect("what was read can be written");
            assert_eq!(read_block(NUMBER, &written).expect("and read again"), facts);
        }
        Err(error) => names(&error.to_string(), "block 7"),
    }
}

/// A snapshot.
pub fn snapshot(data: &[u8]) {
    let Some((way, rest)) = data.split_first() else { return };
    let sealed = match way {
        b'r' => rest.to_vec(),
        b's' => sealed(Kind::Snapshot, NUMBER, rest),
        b'd' => return damaged(Kind::Snapshot, rest, |sealed| read_snapshot(sealed).err()),
        _ => return,
    };
    match read_snapshot(&sealed) {
        Ok(read) => {
            let written = write_snapshot(&read).expect("what was read can be written");
            let again = read_snapshot(&written).expect("and read again");
            assert_eq!((again.subject, again.position), (read.subject, read.position));
            assert_eq!((again.at, again.facts), (read.at, read.facts));
        }
        Err(error) => names(&error.to_string(), "a snapshot"),
    }
}

/// A file of blocks: `r` and the bytes of one; else bodies, each behind its length in two bytes,
/// which are sealed in order. With `d`, two bytes say where the file is damaged and four how.
pub fn archive(data: &[u8]) {
    let Some((way, rest)) = data.split_first() else { return };
    match (way, rest.split_at_checked(6)) {
        (b'r', _) => drop(read_file(rest)),
        (b's', _) => drop(read_file(&file_of(rest))),
        (b'd', Some((damage, bodies))) => {
            let whole = file_of(bodies);
            let mut damaged = whole.clone();
            if !damage_at(&mut damaged, damage) {
                return;
            }
            let (Some(good), Some(read)) = (read_file(&whole), read_file(&damaged)) else { return };
            // Damage to a length may show as the end of the file, where nothing was lost before.
            assert!(good.starts_with(&read), "damage gave other facts");
        }
        _ => {}
    }
}

type Blocks = Vec<(u64, Vec<busbar_store::PlacedFact>)>;

fn read_file(bytes: &[u8]) -> Option<Blocks> {
    let mut file = tempfile::NamedTempFile::new_in(memory()).expect("a folder for files");
    file.write_all(bytes).expect("room for a file");
    match read_block_file(file.path()) {
        Ok((blocks, error)) => {
            if let Some(error) = error {
                names(&error.to_string(), "at byte");
            }
            Some(blocks)
        }
        Err(error) => {
            names(&error.to_string(), "at byte 0");
            None
        }
    }
}

fn file_of(mut bodies: &[u8]) -> Vec<u8> {
    let mut file = b"busbar blocks 1\n".to_vec();
    let mut number = 0;
    while let Some((length, rest)) = bodies.split_first_chunk::<2>() {
        let (body, rest) = rest.split_at(rest.len().min(usize::from(u16::from_be_bytes(*length))));
        number += 1;
        let sealed = sealed(Kind::Block, number, body);
        file.extend((sealed.len() as u32).to_be_bytes());
        file.extend(sealed);
        bodies = rest;
    }
    file
}

/// A folder in memory where there is one: thousands of files a second.
pub(crate) fn memory() -> std::path::PathBuf {
    let shared = std::path::PathBuf::from("/dev/shm");
    if shared.is_dir() { shared } else { std::env::temp_dir() }
}

pub(crate) fn sealed(kind: Kind, number: u64, body: &[u8]) -> Vec<u8> {
    seal(kind, number, body).expect("a small body is sealed")
}

/// A checksum of 32 bits sees every burst of up to 32.
fn damaged<E>(kind: Kind, rest: &[u8], read: impl Fn(&[u8]) -> Option<E>) {
    let Some((damage, body)) = rest.split_at_checked(6) else { return };
    let mut sealed = sealed(kind, NUMBER, body);
    if damage_at(&mut sealed, damage) {
        assert!(read(&sealed).is_some(), "damage was read as a sound value");
    }
}

/// Whether it changed anything.
fn damage_at(bytes: &mut [u8], damage: &[u8]) -> bool {
    let at = usize::from(u16::from_be_bytes([damage[0], damage[1]])) % bytes.len();
    let with = &damage[2..];
    let touched = bytes[at..].iter_mut().zip(with);
    touched.fold(false, |changed, (byte, with)| {
        *byte ^= with;
        changed || *with != 0
    })
}

fn names(error: &str, what: &str) {
    assert!(error.contains(what), "{error:?} does not name {what}");
    assert!(error.contains("restore"), "{error:?} does not say what to do");
    assert!(error.len() < 2_000, "an error of {} bytes", error.len());
}
