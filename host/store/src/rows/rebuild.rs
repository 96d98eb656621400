//! Owns the making of all rows again, from all facts ever committed.
//! Must never leave a file that is only half made under the name of a whole one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use busbar_charging::network::Network;
use busbar_charging::site::Site;
use busbar_charging::subject::{Key, Row, Subject};
use busbar_engine::store::StoreError;

use super::file::{Opened, RowsFile};
use crate::codec::PlacedFact;
use crate::sled_store::io_error;

/// So many rows are written in one step.
const STEP: usize = 100_000;

/// All states, as the facts make them.
struct Replay {
    network: Network,
    sites: BTreeMap<Subject, Site>,
    rows: BTreeMap<Key, Option<Row>>,
}

/// Takes one fact.
type Take<'a> = dyn FnMut(PlacedFact) -> Result<(), StoreError> + 'a;

/// Makes the file of rows from all facts, those of the blocks up to `through`, which `give` gives
/// in order.
pub(crate) fn rebuild(
    path: &Path,
    cache_bytes: u64,
    through: u64,
    give: impl FnOnce(&mut Take<'_>) -> Result<(), StoreError>,
) -> Result<RowsFile, StoreError> {
    let unfinished = path.with_extension("unfinished");
    let named = |error| io_error(&unfinished.display().to_string(), &error);
    if unfinished.exists() {
        fs::remove_file(&unfinished).map_err(named)?;
    }
    let file = RowsFile::create(&unfinished, cache_bytes)?;
    let (network, sites) = (Network::default(), BTreeMap::new());
    let mut replay = Replay { network, sites, rows: BTreeMap::new() };
    give(&mut |fact| {
        replay.take(fact);
        if replay.rows.len() < STEP {
            return Ok(());
        }
        file.write(&std::mem::take(&mut replay.rows), 0)
    })?;
    file.write(&replay.rows, through)?;
    drop((file, replay));
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::rename(&unfinished, path).map_err(named)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(named)?;
    match RowsFile::open(path, cache_bytes)? {
        Opened::Ready(file) => Ok(file),
        Opened::Unusable(why) => Err(StoreError::Failed(format!("{}: {why}", path.display()))),
    }
}

impl Replay {
    fn take(&mut self, (_, subject, fact): PlacedFact) {
        let rows = match subject {
            Subject::Network => {
                self.network.apply(&fact);
                self.network.rows(&fact)
            }
            _ => {
                let new = || Site::new(subject.clone());
                let site = self.sites.entry(subject.clone()).or_insert_with(new);
                site.apply(&fact);
                site.rows(&fact)
            }
        };
        self.rows.extend(rows);
    }
}
