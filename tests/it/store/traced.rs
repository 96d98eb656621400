//! Durable means synced: by the system calls that a committing process makes, every file that it
//! wrote is synced after the last write to it, and every folder in which it made a file, before
//! the acknowledgement leaves. kill -9 keeps the page cache and cannot show this.
//!
//! One file is synced later: `rows.redb`, whose rows the log makes again. What relies on it does
//! wait: no block goes to the archive before a sync of the rows that were made of it. And `tip`,
//! which says how far the log was synced, may be older than it is, and never newer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use super::killed::{acknowledged, writer_process};

const CALLS: &str = "trace=write,writev,pwrite64,pwritev,fsync,fdatasync,openat,ftruncate,\
                     fallocate,rename,renameat,renameat2,unlink,unlinkat,mkdir";

/// What was written and not synced yet.
#[derive(Default)]
struct Unsynced {
    /// Paths, and the call that left them so.
    paths: BTreeMap<String, String>,
    /// A sync that began and has not returned, by process.
    syncing: BTreeMap<String, String>,
    /// All files that were ever written.
    written: BTreeSet<String>,
    acknowledged: u64,
    syncs: u64,
    /// The last write to the file of rows that no sync has followed.
    rows: Option<String>,
    rows_synced: u64,
    /// `rows_synced` when blocks went to the archive last.
    archived_at: u64,
    archived: u64,
    tips: u64,
}

/// The file that is synced later.
const LATER: &str = "/rows.redb";
/// The file that is written after the sync of the log.
const TIP: &str = "/tip";

impl Unsynced {
    fn line(&mut self, folder: &str, line: &str) {
        let (process, call) = line.split_once(' ').unwrap_or(("", line));
        let call = call.trim_start();
        if call.starts_with("<... ") {
            if call.contains("sync resumed") || call.contains("datasync resumed") {
                let path = self.syncing.remove(process);
                path.inspect(|path| self.synced(path));
            }
            return;
        }
        let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
        let path = arguments.split(['<', '>']).nth(1).unwrap_or_default();
        let ours = path.starts_with(folder);
        if call.contains(" = -1 E") {
            return;
        }
        match name {
            "write" if acknowledged(line).is_some() => self.acknowledge(line),
            "fsync" | "fdatasync" if ours && call.contains("unfinished") => {
                self.syncing.insert(process.into(), path.into());
            }
            "fsync" | "fdatasync" if ours => self.synced(path),
            "openat" if call.contains("O_CREAT") => {
                self.made(folder, arguments.split('"').nth(1).unwrap_or_default(), call);
            }
            "rename" | "unlink" | "mkdir" | "renameat" | "renameat2" | "unlinkat" => {
                for path in arguments.split('"').skip(1).step_by(2) {
                    self.made(folder, path, call);
                }
            }
            "write" | "writev" | "pwrite64" | "pwritev" | "ftruncate" | "fallocate" if ours => {
                if path.ends_with(TIP) && name == "pwrite64" {
                    let ahead = self.paths.keys().find(|path| path.ends_with("/db"));
                    assert_eq!(ahead, None, "the tip is ahead of the log: {line}");
                    self.tips += 1;
                    return;
                }
                let is_new = self.written.insert(path.into());
                if path.ends_with(LATER) {
                    self.rows = Some(call.into());
                    return;
                }
                if path.ends_with(".blocks") && !is_new {
                    self.archive(line);
                }
                self.paths.insert(path.into(), call.into());
            }
            _ => {}
        }
    }

    fn synced(&mut self, path: &str) {
        if path.ends_with(LATER) {
            self.rows_synced += 1;
            self.rows = None;
            return;
        }
        self.syncs += 1;
        self.paths.remove(path);
    }

    /// Blocks go to the archive: their rows must be durable.
    fn archive(&mut self, line: &str) {
        let synced = self.rows_synced > self.archived_at;
        assert!(synced, "archived before its rows were synced: {line}");
        (self.archived_at, self.archived) = (self.rows_synced, self.archived + 1);
    }

    /// An entry of the parent folder changed.
    fn made(&mut self, folder: &str, path: &str, call: &str) {
        let parent = Path::new(path).parent().and_then(Path::to_str).unwrap_or_default();
        // A file that is only opened again changes nothing, which the call does not tell: sled's
        // own file is opened so, and stands in the folder from the first start on.
        if parent.starts_with(folder) && !(call.starts_with("openat") && path.ends_with("/db")) {
            self.paths.insert(parent.into(), call.into());
        }
    }

    fn acknowledge(&mut self, line: &str) {
        self.acknowledged += 1;
        assert!(self.paths.is_empty(), "not synced before {line:?}: {:#?}", self.paths);
    }
}

#[test]
fn nothing_is_acknowledged_before_it_is_synced() {
    if Command::new("strace").arg("-V").output().is_err() {
        let skip = std::env::var_os("BUSBAR_SKIP_FOREIGN").is_some();
        assert!(skip, "strace is missing: apt-get install strace (or BUSBAR_SKIP_FOREIGN=1)");
        println!("SKIPPED: strace is missing, so no system call was looked at");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().canonicalize().unwrap().join("store");
    let trace = home.path().join("trace");
    let mut archived = 0;
    for _start in 0..3 {
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-s", "64", "-e", CALLS, "-o"]).arg(&trace);
        command.arg(std::env::current_exe().unwrap());
        let child = writer_process(command, &folder, 150);
        assert!(child.wait_with_output().unwrap().status.success());
        let mut unsynced = Unsynced::default();
        for line in std::fs::read_to_string(&trace).unwrap().lines() {
            unsynced.line(folder.to_str().unwrap(), line);
        }
        assert_eq!(unsynced.acknowledged, 150);
        assert!(unsynced.syncs >= 150, "{} syncs", unsynced.syncs);
        let written = |end: &str| unsynced.written.iter().any(|path| path.ends_with(end));
        assert!(written("/db") && written(".blocks"), "{:?}", unsynced.written);
        assert!(written(LATER), "{:?}", unsynced.written);
        assert!(unsynced.tips >= 150, "{} tips", unsynced.tips);
        archived += unsynced.archived;
        assert_eq!(unsynced.rows, None, "the rows are synced in the end");
    }
    assert!(archived > 3, "blocks went to the archive {archived} times");
}
