//! Proves that a backup of a busy store comes back whole, or not at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::sled_store::tests::{Node, filled, options};

/// A store that commits as fast as it can while a backup is made.
fn backed_up(home: &Path) -> (Manifest, u64) {
    let mut node = Node::open(&home.join("live"), 0).unwrap();
    for n in 0..200 {
        node.put(n % 9, [30, 9_000][n % 2]).unwrap();
    }
    let (keeper, stop) = (node.store.keeper(), AtomicBool::new(false));
    let extra = home.join("busbar.toml");
    fs::write(&extra, "[ocpp]\n").unwrap();
    let files = [("config/busbar.toml".to_owned(), extra)];
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut count = 200;
            while !stop.load(Ordering::Relaxed) {
                node.put(count % 9, 2_000).unwrap();
                count += 1;
            }
            count as u64
        });
        let manifest = keeper.backup(&home.join("backup"), &files).unwrap();
        stop.store(true, Ordering::Relaxed);
        (manifest, writing.join().unwrap())
    })
}

#[test]
fn a_backup_of_a_busy_store_comes_back_whole() {
    let home = TempDir::new().unwrap();
    let (manifest, written) = backed_up(home.path());
    assert!(manifest.facts >= 200 && manifest.facts <= written, "{manifest:?} of {written}");
    assert!(manifest.first_block > 50 && manifest.rows >= 5, "{manifest:?}");
    let (again, files) = (home.path().join("again"), home.path().join("etc"));
    assert_eq!(restore(&home.path().join("backup"), &again, &files).unwrap(), manifest);
    assert_eq!(fs::read_to_string(files.join("config/busbar.toml")).unwrap(), "[ocpp]\n");
    let mut node = Node::open(&again, 1_000_000).unwrap();
    node.check_replayed(manifest.facts as usize);
    for n in 0..100 {
        node.put(n % 9, 100).unwrap();
    }
    node.check_replayed(manifest.facts as usize + 100);
    let twice = restore(&home.path().join("backup"), &again, &files).unwrap_err();
    assert!(twice.to_string().contains("holds a store"), "{twice}");
    // The live store trims again.
    let mut live = Node::open(&home.path().join("live"), 2_000_000).unwrap();
    let before = live.store.keeper().log_blocks().0;
    for n in 0..100 {
        live.put(n % 9, 100).unwrap();
    }
    assert!(live.store.keeper().log_blocks().0 > before);
}

#[test]
fn every_changed_byte_of_a_backup_is_noticed() {
    let home = TempDir::new().unwrap();
    filled(&home.path().join("live"));
    let (store, _) = crate::SledStore::open(&home.path().join("live"), options()).unwrap();
    let backup = home.path().join("backup");
    let manifest = store.keeper().backup(&backup, &[]).unwrap();
    for (name, (length, _)) in &manifest.files {
        for at in [0, length / 2, length.saturating_sub(1)] {
            let path = backup.join(name);
            let whole = fs::read(&path).unwrap();
            if whole.is_empty() {
                continue;
            }
            let mut changed = whole.clone();
            changed[at as usize] ^= 1;
            fs::write(&path, changed).unwrap();
            let again = home.path().join("again");
            let error = restore(&backup, &again, &again).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert!(!again.exists(), "something was made of a damaged backup");
            fs::write(&path, whole).unwrap();
        }
    }
    fs::remove_file(backup.join(MANIFEST)).unwrap();
    assert!(restore(&backup, &home.path().join("again"), home.path()).is_err());
    let full = store.keeper().backup(&backup, &[]).unwrap_err();
    assert!(full.to_string().contains("not empty"), "{full}");
}
