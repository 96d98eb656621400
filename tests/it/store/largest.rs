//! sled puts what is large into files of their own that nothing syncs: we never let it.

use std::fs;
use std::path::Path;

use busbar_charging::fact::station::StationRemoved;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::subject::{Key, Row, Subject, Table};
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Batch, Position, Snapshot};

use super::{noise, open_sled};

/// A piece of noise, another one each time.
fn piece(noise: &str, n: u64, bytes: usize) -> &str {
    let from = (n as usize * 7_919) % (noise.len() - bytes);
    &noise[from..from + bytes]
}

fn fact(n: u64, text: &str) -> Fact {
    let actor = Actor::User(text.into());
    StationRemoved { at: Timestamp(n as i64), actor, station: "S".into() }.into()
}

fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| entry.metadata().unwrap().len()).sum()
}

/// 10,000 blocks that fill their parts to the brim, under retention, with rows and snapshots.
#[test]
fn ten_thousand_of_the_largest_blocks_make_no_blob() {
    let home = tempfile::tempdir().unwrap();
    let mut store = open_sled(home.path()).0;
    let subject = Subject::Station("S".into());
    let (mut largest, noise) = (0, noise(1, 1 << 20));
    for n in 1..=10_000_u64 {
        let position = Position { shard: subject.shard(), sequence: n };
        let size = 17_000 + (n as usize * 37) % 2_500;
        let key = Key { table: Table::Session, path: format!("{:02}", n % 50) };
        let mut batch = Batch {
            facts: vec![(position, subject.clone(), fact(n, piece(&noise, n, size)))],
            rows: vec![(key, Some(Row(piece(&noise, n, size / 2).into())))],
            snapshots: Vec::new(),
        };
        if n % 20 == 0 {
            let (at, facts) = (Timestamp(n as i64), vec![fact(n, piece(&noise, n, size))]);
            batch.snapshots.push(Snapshot { subject: subject.clone(), position, at, facts });
        }
        store.commit(&batch).unwrap();
        if n % 500 == 0 {
            largest = largest.max(bytes(&home.path().join("sled")));
        }
    }
    let blobs = home.path().join("sled").join("blobs");
    assert_eq!(fs::read_dir(blobs).unwrap().count(), 0, "sled made files that nobody syncs");
    assert!(largest < 200 << 20, "sled grew to {} MiB", largest >> 20);
}
