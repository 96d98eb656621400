//! A full disk: the commit fails and says why, what was acknowledged is there, and work resumes
//! when there is space. On a small disk of its own, in a name space of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use busbar_engine::store::{Restored, Store, StoreError};
use busbar_store::{Options, SledStore};

use super::node::Node;

/// Set in the child: a folder on a small disk.
const FOLDER: &str = "BUSBAR_TEST_SMALL_DISK";

fn open(folder: &Path) -> Result<(SledStore, Restored), StoreError> {
    let options = Options {
        cache_bytes: 1 << 20,
        reserve_bytes: 12 << 20,
        low_space_bytes: 14 << 20,
        archive_step: 16,
        ..Options::default()
    };
    SledStore::open(folder, options)
}

fn node((store, restored): (SledStore, Restored)) -> Node {
    let store: Box<dyn Store> = Box::new(store);
    Node::new((store, restored))
}

/// Commits until the disk is full; returns how many inputs were acknowledged.
fn fill(mut node: Node) -> u64 {
    loop {
        match node.try_step() {
            Ok(()) => assert!(node.inputs < 100_000, "the disk is never full"),
            Err(StoreError::Full(_)) => return node.inputs,
            Err(error) => panic!("not told as a full disk: {error}"),
        }
    }
}

/// What runs in the child; in the test run itself it has nothing to do.
#[test]
fn on_a_small_disk() {
    let Some(home) = std::env::var_os(FOLDER) else { return };
    let (ballast, folder) = (Path::new(&home).join("ballast"), Path::new(&home).join("store"));
    fs::write(&ballast, vec![7; 16 << 20]).unwrap();
    let (store, restored) = open(&folder).unwrap();
    let keeper = store.keeper();
    assert!(!keeper.is_low_on_space());
    let acknowledged = fill(node((store, restored)));
    assert!(keeper.is_low_on_space());
    assert!(!folder.join("reserve").exists(), "the reserve is given up");
    drop(keeper);
    // The reserve lets it start and stop in order.
    let after = node(open(&folder).unwrap());
    assert!(after.inputs >= acknowledged && after.inputs <= acknowledged + 1);
    after.check_rows();
    let acknowledged = fill(after);
    // Now there is nothing left to give up.
    match open(&folder) {
        Ok(opened) => {
            let after = node(opened);
            assert!(after.inputs >= acknowledged);
            after.check_rows();
        }
        Err(StoreError::Full(_)) => {}
        Err(error) => panic!("not told as a full disk: {error}"),
    }
    fs::remove_file(ballast).unwrap();
    let mut again = node(open(&folder).unwrap());
    assert!(again.inputs >= acknowledged && again.inputs <= acknowledged + 1);
    again.check_rows();
    (0..50).for_each(|_| again.step());
    again.check_rows();
    println!("it all held on the small disk");
}

#[test]
fn a_full_disk_takes_nothing_that_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let me = std::env::current_exe().unwrap();
    let script = "mount -t tmpfs -o size=72m tmpfs \"$0\" || exit 77; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(home.path()).arg(me);
    command.args(["--exact", "store::full::on_a_small_disk", "--nocapture"]);
    let output = command.env(FOLDER, home.path()).output();
    let output = match output {
        Ok(output) if output.status.code() != Some(77) => output,
        _ => {
            let skip = std::env::var_os("BUSBAR_SKIP_FOREIGN").is_some();
            assert!(skip, "no small disk: apt-get install util-linux (or BUSBAR_SKIP_FOREIGN=1)");
            println!("SKIPPED: no small disk can be mounted here");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("it all held on the small disk"), "{said}\n{complained}");
}
