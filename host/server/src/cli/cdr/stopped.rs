//! Owns CDRs of a host that does not run: its store, opened to read.

use std::path::Path;
use std::sync::Arc;

use busbar_charging::ids::CdrId;
use busbar_charging::row::{self, RowBody};
use busbar_charging::subject::{Key, Row, Table};
use busbar_engine::store::{Range, Reader, Store, StoreError};
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
        let (store, _) = SledStore::open(&folder, options).map_err(|error| failed(&error))?;
        let key = InstallationKey::open(data)?;
        let code_key = key.derive("compiled code").bytes();
        let plugins = PluginHost::open(data, code_key).map_err(|error| failed(&error))?;
        let reader = store.reader();
        Ok(Self { _store: store, reader, plugins })
    }

    fn sealed(&self, id: &str) -> Result<row::Cdr, Failure> {
        let missing = || Failure::Failed(format!("there is no CDR {id}"));
        let key = Key::cdr(CdrId(Uuid::try_parse(id).map_err(|_| missing())?));
        read(self.reader.get(&key)?).ok_or_else(missing)?
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
