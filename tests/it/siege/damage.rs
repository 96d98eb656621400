//! Owns what happens to the host's files between two lives. Must never leave a damage behind that
//! a host refuses to start with: that is looked at, and taken back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The host's binary: its main does nothing but call the library.
const BUSBAR: &str = env!("CARGO_BIN_EXE_busbar-host");

/// What is done to a host that was killed, or, with a full disk, to one that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    None,
    /// The derived rows are gone.
    NoRows,
    /// The derived rows are those of some lives ago.
    OldRows,
    /// A bit of a block of the log is wrong, below the checksum of its file.
    FlippedByte,
    /// A bit of the log's file is wrong, wherever it is.
    FlippedBit,
    /// The last block of the log is not whole.
    TornBlock,
    /// There is no space for a while.
    FullDisk,
}

impl Damage {
    /// All that happen on a disk with space.
    pub(super) const ALL: [Self; 6] = [
        Self::None,
        Self::FlippedBit,
        Self::NoRows,
        Self::FlippedByte,
        Self::OldRows,
        Self::TornBlock,
    ];

    /// Does it; true when the host refused to start, as it must, and was mended.
    pub(super) fn strike(self, folder: &Path, old_rows: &mut Option<Vec<u8>>) -> bool {
        let rows = folder.join("data/store/rows.redb");
        match self {
            Self::None | Self::FullDisk => {
                *old_rows = std::fs::read(&rows).ok();
                false
            }
            Self::NoRows => {
                std::fs::remove_file(&rows).unwrap();
                false
            }
            Self::OldRows => {
                if let Some(old) = old_rows.as_ref() {
                    std::fs::write(&rows, old).unwrap();
                }
                false
            }
            Self::FlippedBit => flip_bits(folder),
            Self::FlippedByte => refused(folder, "checksum", |table, blocks| {
                let key = &blocks[blocks.len() / 2];
                let mut part = table.get(key).unwrap().unwrap().to_vec();
                let middle = part.len() / 2;
                part[middle] ^= 1;
                table.insert(key, part).unwrap();
            }),
            Self::TornBlock => refused(folder, "a part of it is missing", |table, blocks| {
                // The first part of a block of two.
                let mut next = blocks.last().unwrap().to_vec();
                let number = u64::from_be_bytes(next[1..9].try_into().unwrap()) + 1;
                next[1..9].copy_from_slice(&number.to_be_bytes());
                next[9..].fill(0);
                let mut part = 5_000_u32.to_be_bytes().to_vec();
                part.resize(4096, 7);
                table.insert(next, part).unwrap();
            }),
        }
    }
}

/// Damages the log's table, sees the host refuse it by block and say what to do, and takes the
/// damage back.
fn refused(folder: &Path, why: &str, damage: impl FnOnce(&sled::Db, &[sled::IVec])) -> bool {
    let path = folder.join("data/store/sled");
    let kept = folder.join("kept");
    copy(&path, &kept);
    let table = sled::Config::new().path(&path).flush_every_ms(None).open().unwrap();
    let blocks: Vec<_> = table.scan_prefix(b"L").keys().map(Result::unwrap).collect();
    damage(&table, &blocks);
    table.flush().unwrap();
    drop(table);
    let said = start(folder).expect_err("a host started over a damaged log");
    let names = said.contains("block ") && said.contains("busbar restore") && said.contains(why);
    assert!(names, "{why}: {said}");
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::rename(&kept, &path).unwrap();
    true
}

/// So many bits are flipped, one at a time, until one does no harm.
const FLIPS: u64 = 5;

/// Flips a bit of the log's file: the host refuses it and leaves all as it is, or it comes up, and
/// the siege goes on with what it made of it. True when it refused one.
fn flip_bits(folder: &Path) -> bool {
    let (store, kept) = (folder.join("data/store"), folder.join("kept"));
    copy(&store, &kept);
    let (mut refused, path) = (false, store.join("sled/db"));
    for n in 0..FLIPS {
        let mut bytes = std::fs::read(&path).unwrap();
        let length = bytes.len() as u64;
        let at = (length / 3 + n * 7_919 * 104_729) % length;
        bytes[at as usize] ^= 1 << (at % 8);
        std::fs::write(&path, &bytes).unwrap();
        let left = contents(&store);
        let Err(said) = start(folder) else { break };
        let names = said.contains("sled/db") && said.contains("block ");
        assert!(names && said.contains("busbar restore"), "byte {at}: {said}");
        assert!(contents(&store) == left, "byte {at}: a refused start changed the store: {said}");
        refused = true;
        std::fs::remove_dir_all(&store).unwrap();
        copy(&kept, &store);
    }
    std::fs::remove_dir_all(&kept).unwrap();
    refused
}

/// Starts a host and kills it when it runs; gives what it said where it does not come to that.
fn start(folder: &Path) -> Result<(), String> {
    let log = folder.join("start.log");
    let out = File::create(&log).unwrap();
    let mut host = Command::new(BUSBAR);
    host.arg("serve").arg("--config").arg(folder.join("busbar.toml")).current_dir(folder);
    host.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
    let mut host = host.spawn().unwrap();
    for _ in 0..6_000 {
        let ended = host.try_wait().unwrap();
        let said = std::fs::read_to_string(&log).unwrap();
        if let Some(status) = ended {
            assert!(!status.success(), "{said}");
            return Err(said);
        }
        if said.contains("busbar is running") {
            host.kill().unwrap();
            host.wait().unwrap();
            return Ok(());
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("neither running nor refused");
}

/// Names and contents of all files in a folder, in order.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            all.push((path, bytes));
        }
    }
    all.sort();
    all
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Leaves a running host no space for a while.
pub(super) fn fill_disk(folder: &Path, span: Duration) {
    let ballast = folder.join("ballast");
    let mut bytes = vec![7_u8; 200 << 20];
    while std::fs::write(&ballast, &bytes).is_err() && bytes.len() > 4096 {
        bytes.truncate(bytes.len() - bytes.len() / 64);
    }
    std::thread::park_timeout(span + Duration::from_millis(500));
    std::fs::remove_file(ballast).unwrap();
}
