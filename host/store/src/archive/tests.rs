//! Proves that an append that a crash cut off is done again.

use busbar_charging::fact::station::StationRemoved;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;
use busbar_engine::store::Position;
use tempfile::TempDir;

use super::*;
use crate::codec::{Sealer, encode_block};

fn block(number: u64) -> (u64, Vec<u8>) {
    let body = StationRemoved { at: Timestamp(1), actor: Actor::Clock, station: "S".into() };
    let position = Position { shard: 1, sequence: number };
    let facts = [(position, Subject::Network, Fact::from(body))];
    let sealed = Sealer::new().unwrap().seal(Kind::Block, number, &encode_block(&facts).unwrap());
    (number, sealed.unwrap())
}

fn open(folder: &Path, first_in_log: u64) -> Result<Archive, StoreError> {
    Archive::open(folder.into(), 300, first_in_log, None)
}

/// However much of the last append a crash left, the log still has its blocks.
#[test]
fn an_unfinished_append_is_cut_off_and_done_again() {
    let home = TempDir::new().unwrap();
    let mut archive = open(home.path(), 1).unwrap();
    archive.append(&[block(1), block(2)]).unwrap();
    let before = fs::metadata(home.path().join(block_file_name(1))).unwrap().len();
    archive.append(&[block(3)]).unwrap();
    let path = home.path().join(block_file_name(1));
    let whole = fs::read(&path).unwrap();
    for length in (before..whole.len() as u64).rev() {
        fs::write(&path, &whole[..length as usize]).unwrap();
        let mut archive = open(home.path(), 3).unwrap();
        assert_eq!(archive.last(), 2, "{length} bytes were left");
        archive.append(&[block(3)]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert_eq!(open(home.path(), 4).unwrap().last(), 3);
    }
    // Without the log behind it, the same is damage.
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(open(home.path(), 4), Err(StoreError::Damaged(_))));
}

#[test]
fn a_file_that_was_only_begun_is_begun_again() {
    let home = TempDir::new().unwrap();
    let path = home.path().join(block_file_name(1));
    for length in 0..16 {
        fs::write(&path, &MAGIC[..length]).unwrap();
        let mut archive = open(home.path(), 1).unwrap();
        archive.append(&[block(1)]).unwrap();
        assert_eq!(open(home.path(), 1).unwrap().last(), 1);
    }
}

/// Where the archive ended once, only what came after is read; what is not there as it was left
/// is looked for from the beginning of its file, with the same outcome as without.
#[test]
fn only_the_tail_is_read_and_nothing_is_missed() {
    let home = TempDir::new().unwrap();
    let open_at = |first_in_log, end| Archive::open(home.path().into(), 1 << 20, first_in_log, end);
    let mut archive = open_at(1, None).unwrap();
    archive.append(&(1..=40).map(block).collect::<Vec<_>>()).unwrap();
    let end = archive.end();
    let path = home.path().join(block_file_name(1));
    let marked = fs::metadata(&path).unwrap().len();
    archive.append(&(41..=43).map(block).collect::<Vec<_>>()).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in (0..=whole.len() as u64).rev().step_by(7) {
        fs::write(&path, &whole[..length as usize]).unwrap();
        let with = open_at(41, end).map(|archive| (archive.last(), archive.end()));
        fs::write(&path, &whole[..length as usize]).unwrap();
        let without = open_at(41, None).map(|archive| (archive.last(), archive.end()));
        match (with, without) {
            (Ok(with), Ok(without)) => assert_eq!(with, without, "{length} bytes"),
            (Err(StoreError::Damaged(_)), Err(StoreError::Damaged(_))) => {}
            other => panic!("{length} bytes: {other:?}"),
        }
        assert_eq!(open_at(41, end).is_ok(), length >= marked, "{length} bytes");
    }
    // What lies before the tail is not read: a start takes the same time however long it is.
    let mut old = whole.clone();
    old[100] ^= 1;
    fs::write(&path, &old).unwrap();
    assert_eq!(open_at(44, end).unwrap().last(), 43);
    assert!(matches!(open_at(44, None), Err(StoreError::Damaged(_))));
    // It goes on where it ended.
    fs::write(&path, &whole).unwrap();
    let mut archive = open_at(44, end).unwrap();
    archive.append(&[block(44)]).unwrap();
    assert_eq!(open_at(45, archive.end()).unwrap().last(), 44);
    assert_eq!(open_at(45, None).unwrap().end(), archive.end());
}
