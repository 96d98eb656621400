//! Proves that a log that was damaged outside is refused and left as it is, and that one that a
//! crash left behind is not refused.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use busbar_charging::fact::station::StationRemoved;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Batch, Position, Snapshot, Store as _};
use tempfile::TempDir;

use super::*;
use crate::SledStore;
use crate::sled_store::tests::{contents, copy, noise, options};

/// Facts of a store whose log went through more segments than its file has.
const FACTS: u64 = 320;

fn fact(n: u64) -> Fact {
    let bytes = [300, 12_000, 40_000][n as usize % 3];
    let actor = Actor::User(noise(n as usize, bytes).into());
    StationRemoved { at: Timestamp(n as i64), actor, station: "S".into() }.into()
}

/// Commits the facts after `from` up to `to`, each by itself, with a snapshot now and then.
fn fill(store: &mut SledStore, from: u64, to: u64) {
    for n in from + 1..=to {
        let subject = Subject::Station("S".into());
        let position = Position { shard: subject.shard(), sequence: n };
        let facts = vec![(position, subject.clone(), fact(n))];
        let mut batch = Batch { facts, ..Batch::default() };
        if n % 20 == 0 {
            let (at, facts) = (Timestamp(n as i64), vec![fact(n)]);
            batch.snapshots.push(Snapshot { subject, position, at, facts });
        }
        store.commit(&batch).unwrap();
    }
}

/// Opens a store, which must hold so many facts, and be good for more.
fn open(folder: &Path, facts: u64) -> Result<(), StoreError> {
    let (mut store, _) = SledStore::open(folder, options())?;
    let mut found = 0;
    store.keeper().history(|(_, _, one)| {
        found += 1;
        assert_eq!(one, fact(found));
        ControlFlow::Continue(())
    })?;
    assert_eq!(found, facts, "facts are lost");
    fill(&mut store, facts, facts + 1);
    Ok(())
}

/// What a process leaves behind that is killed after so many facts, or, at last, closes its store.
fn lives(home: &TempDir, mut look: impl FnMut(&Path, u64)) {
    let live = home.path().join("live");
    let (mut store, _) = SledStore::open(&live, options()).unwrap();
    for n in (0..FACTS).step_by(20) {
        fill(&mut store, n, n + 20);
        look(&live, n + 20);
    }
    store.close().unwrap();
    look(&live, FACTS);
}

fn db(folder: &Path) -> PathBuf {
    folder.join(SLED_FOLDER).join("db")
}

#[test]
fn what_a_crash_leaves_is_not_refused() {
    let home = TempDir::new().unwrap();
    let mut newest = 0;
    lives(&home, |live, facts| {
        let dead = home.path().join("dead");
        copy(live, &dead);
        // A commit that was cut off on its way, and was not acknowledged.
        let log = LogFile::open(&db(&dead)).unwrap();
        let tip = Known::read(&dead).unwrap().tip.unwrap();
        newest = tip.lsn / SEGMENT_BYTES;
        let headers = log
            .headers
            .iter()
            .position(|header| header.is_some_and(|header| header.lsn / SEGMENT_BYTES == newest));
        let at = headers.unwrap() as i64 * SEGMENT_BYTES + tip.lsn % SEGMENT_BYTES + 1;
        let file = File::options().write(true).open(db(&dead)).unwrap();
        let left = (SEGMENT_BYTES - 1 - tip.lsn % SEGMENT_BYTES).min(5_000) as usize;
        file.write_all_at(&[7; 5_000][..left], at.cast_unsigned()).unwrap();
        // Twice: the second start finds what the first left that died soon.
        open(&dead, facts).unwrap();
        open(&dead, facts + 1).unwrap();
        fs::remove_dir_all(dead).unwrap();
    });
    let segments =
        fs::metadata(db(&home.path().join("live"))).unwrap().len() as i64 / SEGMENT_BYTES;
    assert!(newest > 2 * segments, "no segment was used again: {newest} in {segments}");
}

/// Changes the file, and gives the first byte that is changed.
type Strike<'a> = &'a dyn Fn(&mut Vec<u8>, usize);

#[test]
fn what_was_damaged_outside_is_refused_and_left_as_it_is() {
    let home = TempDir::new().unwrap();
    let strikes: [(&str, Strike<'_>); 3] = [
        ("flipped", &|bytes, at| bytes[at] ^= 1 << (at % 8)),
        ("zeroed", &|bytes, at| {
            let to = bytes.len().min(at + 512);
            bytes[at..to].fill(0);
        }),
        ("cut", &|bytes, at| bytes.truncate(at)),
    ];
    let (mut refused, mut borne) = (0, 0);
    lives(&home, |live, facts| {
        if facts != FACTS / 2 && facts < FACTS {
            return;
        }
        let whole = fs::read(db(live)).unwrap();
        let dead = home.path().join("dead");
        copy(live, &dead);
        open(&dead, facts).unwrap();
        fs::remove_dir_all(&dead).unwrap();
        for n in 0..45 {
            let (name, strike) = strikes[n % 3];
            // Headers of segments among them.
            let at = match n % 4 {
                3 => n / 4 * SEGMENT_BYTES as usize + n % 20,
                _ => n * 7_919 * 7_919,
            } % whole.len();
            copy(live, &dead);
            let mut bytes = whole.clone();
            strike(&mut bytes, at);
            fs::write(db(&dead), &bytes).unwrap();
            let left = contents(&dead);
            match open(&dead, facts) {
                Ok(()) => borne += 1,
                Err(error) => {
                    let said = error.to_string();
                    assert!(matches!(error, StoreError::Damaged(_)), "{name} at {at}: {said}");
                    let names = said.contains("block ") && said.contains("busbar restore");
                    assert!(names, "{name} at {at}: {said}");
                    assert!(contents(&dead) == left, "{name} at {at}: changed, with {said}");
                    refused += 1;
                }
            }
            fs::remove_dir_all(&dead).unwrap();
        }
    });
    // How many do no harm is a matter of what sled had freed.
    assert!(refused > 40, "{refused} were refused, {borne} did no harm");
}

/// The tip is a help: an older one, or none, refuses nothing.
#[test]
fn an_older_tip_or_none_refuses_nothing() {
    let home = TempDir::new().unwrap();
    let mut old = None;
    lives(&home, |live, facts| {
        let dead = home.path().join("dead");
        copy(live, &dead);
        let tip = dead.join(super::super::TIP_FILE);
        let new = fs::read(&tip).unwrap();
        match old.replace(new) {
            Some(old) if facts % 40 == 0 => fs::write(&tip, &old[..64]).unwrap(),
            _ => fs::remove_file(&tip).unwrap(),
        }
        open(&dead, facts).unwrap();
        fs::remove_dir_all(dead).unwrap();
    });
}

/// What a lost end of the log was, the tip knows also where sled's file tells nothing.
#[test]
fn a_log_that_goes_back_is_refused() {
    let home = TempDir::new().unwrap();
    let (live, old) = (home.path().join("live"), home.path().join("old"));
    let (mut store, _) = SledStore::open(&live, options()).unwrap();
    fill(&mut store, 0, 40);
    copy(&live.join(SLED_FOLDER), &old);
    fill(&mut store, 40, 43);
    drop(store);
    fs::remove_dir_all(live.join(SLED_FOLDER)).unwrap();
    fs::rename(&old, live.join(SLED_FOLDER)).unwrap();
    let Err(error) = SledStore::open(&live, options()) else { panic!("opened") };
    assert!(error.to_string().contains("up to block 43"), "{error}");
}
