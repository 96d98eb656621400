//! Owns what happens to the host's files between two lives. Must never leave a damage behind that
//! a host refuses to start with: that is looked at, and taken back.

use std::path::Path;
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
    /// A bit of a block of the log is wrong.
    FlippedByte,
    /// The last block of the log is not whole.
    TornBlock,
    /// There is no space for a while.
    FullDisk,
}

impl Damage {
    /// All that happen on a disk with space.
    pub(super) const ALL: [Self; 5] =
        [Self::None, Self::NoRows, Self::FlippedByte, Self::OldRows, Self::TornBlock];

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
    let mut host = Command::new(BUSBAR);
    host.arg("serve").arg("--config").arg(folder.join("busbar.toml")).current_dir(folder);
    let output = host.stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(!output.status.success(), "a host started over a damaged log: {said}");
    let names = said.contains("block ") && said.contains("busbar restore") && said.contains(why);
    assert!(names, "{why}: {said}");
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::rename(&kept, &path).unwrap();
    true
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
