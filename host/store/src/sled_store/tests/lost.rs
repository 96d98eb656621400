//! Proves that what was taken away is missed, and never replaced by something empty.

use std::fs;

use super::*;
use crate::sled_store::{SLED_FOLDER, TIP_FILE};

fn refused(folder: &Path, options: Options) -> StoreError {
    match SledStore::open(folder, options) {
        Err(error) => error,
        Ok(_) => panic!("a store was opened that is not there"),
    }
}

/// Names and contents of all files in a folder, in order.
pub(crate) fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            all.push((path, bytes));
        }
    }
    all.sort();
    all
}

#[test]
fn a_lost_log_is_not_replaced_by_an_empty_one() {
    let home = TempDir::new().unwrap();
    let mut node = Node::open(home.path(), 0).unwrap();
    (0..120).for_each(|n| node.put(n % 5, 200).unwrap());
    drop(node);
    fs::remove_dir_all(home.path().join(SLED_FOLDER)).unwrap();
    for beside in [ROWS_FILE, TIP_FILE, "archive"] {
        let left = contents(home.path());
        let error = refused(home.path(), options());
        let said = error.to_string();
        assert!(matches!(error, StoreError::Damaged(_)), "{said}");
        assert!(said.contains(beside) && said.contains("busbar restore"), "{said}");
        assert!(contents(home.path()) == left, "a refused start changed the folder");
        if beside != "archive" {
            fs::remove_file(home.path().join(beside)).unwrap();
        }
    }
}

#[test]
fn a_store_that_was_open_is_not_made_again() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("store");
    filled(&folder);
    let again = Options { create: false, ..options() };
    drop(SledStore::open(&folder, again.clone()).unwrap());
    fs::rename(&folder, home.path().join("away")).unwrap();
    let said = refused(&folder, again.clone()).to_string();
    assert!(said.contains("holds none any more"), "{said}");
    assert!(!folder.exists(), "something was made in its place");
    fs::rename(home.path().join("away"), &folder).unwrap();
    assert_eq!(SledStore::open(&folder, again).unwrap().1.facts.len(), 20);
}

/// The marks of a new store come first: what is there without them was never a store.
#[test]
fn a_first_start_that_died_is_begun_again() {
    let home = TempDir::new().unwrap();
    drop(open_sled(home.path(), 1 << 20).unwrap());
    filled(home.path());
    Node::open(home.path(), 1_000_000).unwrap().check_replayed(20);
}

/// A file in the middle of the archive is not read by a start: whoever reads all of it misses it.
#[test]
fn a_hole_in_the_archive_is_named_and_never_backed_up() {
    let home = TempDir::new().unwrap();
    let (live, backup) = (home.path().join("live"), home.path().join("backup"));
    let mut node = Node::open(&live, 0).unwrap();
    (0..200).for_each(|n| node.put(n % 5, 200).unwrap());
    drop(node);
    let files = crate::archive::block_files(&live.join("archive")).unwrap();
    assert!(files.len() > 3, "{files:?}");
    fs::remove_file(&files[1].1).unwrap();
    let lacks = format!("lacks block {}", files[1].0);
    let (store, _) = SledStore::open(&live, options()).unwrap();
    let said = store.keeper().backup(&backup, &[]).unwrap_err().to_string();
    assert!(said.contains(&lacks), "{said}");
    let all = store.keeper().history(|_| ControlFlow::Continue(()));
    assert!(all.unwrap_err().to_string().contains(&lacks));
    drop(store);
    fs::remove_file(&files[0].1).unwrap();
    assert!(refused(&live, options()).to_string().contains("lacks the blocks 1 to"));
}
