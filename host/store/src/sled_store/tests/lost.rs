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
    fs::remove_file(home.path().join("sled/db")).unwrap();
    fs::write(home.path().join("sled/snap.0000000000000000"), "pages").unwrap();
    for beside in [ROWS_FILE, TIP_FILE, "archive", "sled/snap"] {
        let left = contents(home.path());
        let error = refused(home.path(), options());
        let said = error.to_string();
        assert!(matches!(error, StoreError::Damaged(_)), "{said}");
        assert!(said.contains(beside) && said.contains("busbar restore"), "{said}");
        assert!(contents(home.path()) == left, "a refused start changed the folder");
        match beside {
            "archive" => fs::remove_dir_all(home.path().join(beside)).unwrap(),
            ROWS_FILE | TIP_FILE => fs::remove_file(home.path().join(beside)).unwrap(),
            _ => {}
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

/// The log of a new store gets its name with its marks: what has none of it was never a store.
#[test]
fn a_first_start_that_died_is_begun_again() {
    let home = TempDir::new().unwrap();
    let whole = home.path().join("whole");
    drop(SledStore::open(&whole, options()).unwrap());
    let begun: [&dyn Fn(&Path); 5] = [
        &|folder| fs::create_dir_all(folder.join("archive")).unwrap(),
        &|folder| {
            // Before the marks.
            fs::create_dir_all(folder).unwrap();
            drop(open_sled(folder, 1 << 20).unwrap());
            fs::rename(folder.join(SLED_FOLDER), folder.join("sled.new")).unwrap();
        },
        &|folder| copy(&whole.join(SLED_FOLDER), &folder.join("sled.new")),
        &|folder| copy(&whole.join(SLED_FOLDER), &folder.join(SLED_FOLDER)),
        &|folder| {
            // sled makes these before its log.
            fs::create_dir_all(folder.join("sled/blobs")).unwrap();
            fs::write(folder.join("sled/conf"), "cut").unwrap();
        },
    ];
    for (n, begin) in begun.into_iter().enumerate() {
        let folder = home.path().join(n.to_string());
        begin(&folder);
        // From when its log has its name on.
        assert_eq!(SledStore::is_there(&folder).unwrap(), n == 3);
        filled(&folder);
        assert!(SledStore::is_there(&folder).unwrap());
        Node::open(&folder, 1_000_000).unwrap().check_replayed(20);
        assert!(!folder.join("sled.new").exists(), "{n}");
    }
}

/// Changes the bytes of a file.
type Strike<'a> = &'a dyn Fn(&mut Vec<u8>);

/// sled takes what it cannot read for the end of its log, be it the first byte: what bears the
/// name of a log was one, also where nothing else is left that says so.
#[test]
fn a_log_in_which_sled_finds_nothing_is_no_new_store() {
    let home = TempDir::new().unwrap();
    let strikes: [(&str, Strike<'_>); 3] = [
        ("zeroed", &|bytes| bytes.fill(0)),
        ("flipped", &|bytes| bytes[4] ^= 1),
        ("cut", &Vec::clear),
    ];
    for (name, strike) in strikes {
        let folder = home.path().join(name);
        filled(&folder);
        for beside in [ROWS_FILE, TIP_FILE] {
            fs::remove_file(folder.join(beside)).unwrap();
        }
        for (path, _) in contents(&folder.join(SLED_FOLDER)) {
            if path.to_string_lossy().contains("snap.") {
                fs::remove_file(path).unwrap();
            }
        }
        let db = folder.join("sled/db");
        let mut bytes = fs::read(&db).unwrap();
        strike(&mut bytes);
        fs::write(&db, bytes).unwrap();
        for _start in 0..2 {
            let error = refused(&folder, options());
            let said = error.to_string();
            assert!(matches!(error, StoreError::Damaged(_)), "{name}: {said}");
            assert!(said.contains("sled/db") && said.contains("busbar restore"), "{name}: {said}");
            assert!(!folder.join(ROWS_FILE).exists() && !folder.join(TIP_FILE).exists());
        }
    }
}

/// Where nothing says how far the log was acknowledged, what is derived from it does.
#[test]
fn without_a_tip_rows_and_archive_say_what_was_committed() {
    let home = TempDir::new().unwrap();
    let (live, old) = (home.path().join("live"), home.path().join("old"));
    let mut node = Node::open(&live, 0).unwrap();
    (0..20).for_each(|n| node.put(n % 5, 200).unwrap());
    copy(&live.join(SLED_FOLDER), &old);
    (0..100).for_each(|n| node.put(n % 5, 200).unwrap());
    node.store.close().unwrap();
    drop(node);
    fs::remove_file(live.join(TIP_FILE)).unwrap();
    let behind = home.path().join("behind");
    copy(&live, &behind);
    fs::remove_dir_all(behind.join(SLED_FOLDER)).unwrap();
    copy(&old, &behind.join(SLED_FOLDER));
    for beside in ["archive", ROWS_FILE] {
        let said = refused(&behind, options()).to_string();
        let names = said.contains("block 21") && said.contains(beside);
        assert!(names && said.contains("busbar restore"), "{beside}: {said}");
        assert!(!behind.join(TIP_FILE).exists(), "{said}");
        match beside {
            "archive" => fs::remove_dir_all(behind.join(beside)).unwrap(),
            _ => fs::remove_file(behind.join(beside)).unwrap(),
        }
    }
    // A store of the time before there was a tip.
    for _start in 0..2 {
        let node = Node::open(&live, 1_000_000).unwrap();
        assert_eq!(node.store.mended(), None);
        node.check_replayed(120);
        assert!(live.join(TIP_FILE).exists());
    }
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
