//! Owns CDRs of a host that does not run: its store, opened to read. Must never change it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use busbar_charging::context::Policy;
use busbar_charging::ids::CdrId;
use busbar_charging::row::{self, RowBody};
use busbar_charging::subject::{Key, Row, Table};
use busbar_engine::store::{Range, Reader, Restored, Store, StoreError};
use busbar_engine::{Engine, Output, Tuning};
use busbar_store::{Options, SledStore};
use serde_json::Value;
use uuid::Uuid;

use super::{Failure, Outcome, Source};
use crate::http::api::cdrs;
use crate::node::PluginHost;
use crate::secrets::InstallationKey;
use crate::verify::verify;

const AT_ONCE: usize = 500;

pub(super) struct Stopped {
    _store: SledStore,
    reader: Arc<dyn Reader>,
    plugins: PluginHost,
}

impl Stopped {
    pub(super) fn open(data: &Path) -> Result<Self, Failure> {
        let failed = |why: &dyn std::fmt::Display| Failure::Failed(why.to_string());
        let folder = data.join("store");
        if !folder.is_dir() {
            let why = format!("{} is not the data folder of a host", data.display());
            return Err(Failure::Failed(why));
        }
        let options = Options { read_only: true, ..Options::default() };
        let (store, restored) =
            SledStore::open(&folder, options).map_err(|error| failed(&error))?;
        let key = InstallationKey::read(data)?;
        let code_key = key.derive("compiled code").bytes();
        let plugins = PluginHost::open(data, code_key).map_err(|error| failed(&error))?;
        let reader = Arc::new(Whole { rows: missing_rows(restored), store: store.reader() });
        Ok(Self { _store: store, reader, plugins })
    }

    fn sealed(&self, id: &str) -> Result<row::Cdr, Failure> {
        let missing = || Failure::Failed(format!("there is no CDR {id}"));
        let key = Key::cdr(CdrId(Uuid::try_parse(id).map_err(|_| missing())?));
        read(self.reader.get(&key)?).ok_or_else(missing)?
    }
}

/// The rows that the store may miss: they are written behind its facts, which a start derives
/// them from.
fn missing_rows(restored: Restored) -> BTreeMap<Key, Option<Row>> {
    let facts = restored.facts.iter().map(|(_, _, fact)| fact.at());
    let snapshots = restored.snapshots.iter().map(|snapshot| snapshot.at);
    // No later than the last thing known: nothing falls due while we look.
    let now = facts.chain(snapshots).max().unwrap_or_default();
    let (policy, tuning) = (Policy::default(), Tuning::default());
    let mut engine = Engine::new(0, 0, policy, tuning, restored, now);
    while let Some(output) = engine.poll(now) {
        if let Output::Commit(_, batch) = output {
            return batch.rows.iter().cloned().collect();
        }
    }
    BTreeMap::new()
}

/// A store's rows with those that it misses.
struct Whole {
    rows: BTreeMap<Key, Option<Row>>,
    store: Arc<dyn Reader>,
}

impl Reader for Whole {
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        match self.rows.get(key) {
            Some(row) => Ok(row.clone()),
            None => self.store.get(key),
        }
    }

    fn page(&self, range: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
        let fits = |key: &Key| {
            let after = range.after.as_ref();
            key.table == range.prefix.table
                && key.path.starts_with(&range.prefix.path)
                && after
                    .is_none_or(|after| (key.path < *after) == range.reverse && key.path != *after)
        };
        let ours: BTreeMap<_, _> = self.rows.iter().filter(|(key, _)| fits(key)).collect();
        // Each of ours may hide one of the store's.
        let wider = Range { limit: range.limit.saturating_add(ours.len()), ..range.clone() };
        let theirs = self.store.page(&wider)?;
        let hidden = |key: &Key| self.rows.contains_key(key);
        let mut rows: Vec<_> = theirs.into_iter().filter(|(key, _)| !hidden(key)).collect();
        rows.extend(ours.into_iter().filter_map(|(key, row)| Some((key.clone(), row.clone()?))));
        rows.sort_by(|(left, _), (right, _)| left.cmp(right));
        if range.reverse {
            rows.reverse();
        }
        rows.truncate(range.limit);
        Ok(rows)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

fn read<T: RowBody>(row: Option<Row>) -> Option<Result<T, Failure>> {
    row.map(|row| T::from_row(&row).map_err(|error| Failure::Failed(error.to_string())))
}

impl Source for Stopped {
    fn list(&self, each: &mut dyn FnMut(Value) -> Outcome) -> Outcome {
        let mut after = None;
        loop {
            let prefix = Key { table: Table::Cdr, path: String::new() };
            let range = Range { prefix, after, reverse: true, limit: AT_ONCE };
            let rows = self.reader.page(&range)?;
            let last = rows.len() < AT_ONCE;
            after = rows.last().map(|(key, _)| key.path.clone());
            for (_, row) in rows {
                if let Some(cdr) = read::<row::Cdr>(Some(row)) {
                    each(cdrs::short(cdr?))?;
                }
            }
            if last {
                return Ok(());
            }
        }
    }

    fn get(&self, id: &str) -> Result<Value, Failure> {
        Ok(cdrs::whole(self.sealed(id)?))
    }

    fn verify(&self, id: &str) -> Result<Value, Failure> {
        let sealed = self.sealed(id)?.sealed;
        let key = Key::tariff(&sealed.quote.tariff, sealed.quote.version);
        let tariff = read::<row::Tariff>(self.reader.get(&key)?).transpose()?;
        let verdict = verify(&sealed, tariff.as_ref().map(|tariff| &tariff.put), &self.plugins);
        Ok(cdrs::verified(&sealed, verdict))
    }
}

#[cfg(test)]
mod tests;
