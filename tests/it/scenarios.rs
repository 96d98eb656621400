//! The common and the ugly cases of a charge: transcripts as stations of each version send them,
//! one expected list of facts, one bill. They run through the real links, engine, domain and
//! pricing plugin, in virtual time over a store in memory. Must never depend on a clock, a socket
//! or luck: a scenario is the same in every run.

mod script;
mod told;
pub(crate) mod world;

use std::path::{Path, PathBuf};

use busbar_charging::fact::station::Dialect;

use script::Script;
use world::World;

/// A transcript of each version. What 2.0.1 and 2.1 send is often the same, and is then one file.
const TRANSCRIPTS: [(&str, Dialect); 4] = [
    ("16.txt", Dialect::V16),
    ("2x.txt", Dialect::V201),
    ("2x.txt", Dialect::V21),
    ("21.txt", Dialect::V21),
];

macro_rules! scenarios {
    ($($(#[$doc:meta])* $name:ident)*) => {
        /// Every folder under `tests/scenarios` that a test runs.
        const RUN: &[&str] = &[$(stringify!($name)),*];

        $($(#[$doc])*
        #[test]
        fn $name() {
            run(stringify!($name));
        })*
    };
}

scenarios! {
    /// Boot, authorize, start, meter values, the car is full, stop.
    common_charge
    /// The connection is lost while it charges, and what was measured meanwhile comes later.
    reconnect_in_mid_charge
    /// A whole charge from yesterday, and its messages all at once.
    offline_queue_replayed
    /// A start comes again with an old and with a new id, and twice within one batch.
    duplicate_start
    /// The end of a transaction that nobody knows.
    stop_for_unknown_transaction
    /// Ids that no CSMS gives.
    transaction_id_0_and_minus_1
    /// A register that falls is held for review, and billed as proposed.
    meter_backwards
    /// A station that lives in another year.
    clock_off_by_a_year
    /// A start, then nothing, then the next start.
    missing_stop
    /// Two cars at one station.
    two_sessions_on_two_evses
    /// The new connection wins, and the transaction goes on.
    second_connection_with_same_identity
    /// What changes a sealed bill makes a credit and a new one, what changes nothing makes none.
    event_after_its_cdr_was_sealed
    /// The host dies in mid-charge, and starts again.
    host_dies_in_mid_charge
}

/// A folder that no test runs proves nothing.
#[test]
fn every_folder_is_run() {
    let folders = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<_> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| folder().join(name).is_dir());
    names.sort();
    let mut run = RUN.to_vec();
    run.sort_unstable();
    assert_eq!(names, run);
}

fn run(name: &str) {
    let folder = folder().join(name);
    let mut versions = 0;
    for (file, dialect) in TRANSCRIPTS {
        let Ok(text) = std::fs::read_to_string(folder.join(file)) else { continue };
        versions += 1;
        let mut world = World::new(dialect);
        Script::parse(&text)
            .and_then(|script| script.play(&mut world))
            .unwrap_or_else(|wrong| panic!("{name}/{file}, {dialect:?}: {wrong}"));
        same(&folder.join("expected.txt"), &format!("{name}, {dialect:?}"), &told::all(&world));
    }
    assert_eq!(versions, 3, "{name}: a transcript of each version");
}

/// What came out is what is expected; `UPDATE_EXPECT=1` writes it down instead.
fn same(file: &Path, who: &str, found: &str) {
    let first = who.contains("V16");
    if std::env::var_os("UPDATE_EXPECT").is_some() && first {
        std::fs::write(file, found).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        found == expected,
        "{who}: not as in {}:\n{found}\nexpected:\n{expected}",
        file.display()
    );
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}
