//! Owns pages: their size, their opaque cursors, and how a list is read and filtered without
//! reading for ever. Must never know a resource.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use busbar_charging::subject::{Key, Row, Table};
use busbar_engine::store::{Range, Reader, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Kind, Problem};

/// The most rows that one request looks at: a filter that fits few rows gives short pages.
const LOOKED_AT: usize = 5_000;
const READ_AT_ONCE: usize = 500;
const LARGEST: usize = 500;
const USUAL: usize = 50;

/// What every list takes.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// At most so many: 1 to 500, 50 where nothing is said.
    #[param(minimum = 1, maximum = 500, required = false)]
    pub limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(required = false)]
    pub cursor: Option<String>,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last one. A page may be short, even empty, and
    /// still have a next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// How a list is read.
pub struct Listing {
    /// All keys that begin so.
    pub prefix: Key,
    /// Newest keys first.
    pub reverse: bool,
    /// At most so many.
    pub limit: usize,
    /// After this path.
    pub after: Option<String>,
}

/// The size of a page that a client asked for.
///
/// # Errors
/// It is not between 1 and 500.
pub fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(USUAL);
    if (1..=LARGEST).contains(&limit) {
        return Ok(limit);
    }
    Err(Kind::InvalidQuery.because(format!("limit: {limit} is not between 1 and {LARGEST}")))
}

/// Reads a cursor of a list.
///
/// # Errors
/// It is not one of this list.
pub fn cursor(list: &str, text: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || Kind::InvalidCursor.because("take next_cursor of the page before, of this list");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let decoded = String::from_utf8(bytes).map_err(|_| wrong())?;
    let place = decoded.strip_prefix(list).and_then(|rest| rest.strip_prefix('\n'));
    place.map(|place| Some(place.to_owned())).ok_or_else(wrong)
}

/// Writes a cursor of a list.
pub fn to_cursor(list: &str, place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}\n{place}"))
}

impl Listing {
    /// A list over all keys of a table that begin with `path`.
    ///
    /// # Errors
    /// A wrong limit or cursor.
    pub fn new(
        table: Table,
        path: &str,
        reverse: bool,
        limit_asked: Option<usize>,
        after: Option<&str>,
    ) -> Result<Self, Problem> {
        let after = cursor(list_name(table), after)?;
        if after.as_ref().is_some_and(|after| !after.starts_with(path)) {
            let why = "the cursor is of the same list with another filter";
            return Err(Kind::InvalidCursor.because(why));
        }
        let prefix = Key { table, path: path.to_owned() };
        Ok(Self { prefix, reverse, limit: limit(limit_asked)?, after })
    }

    /// Reads the page: `wanted` says what becomes of a row, or that it is not wanted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn read<T>(
        self,
        reader: &dyn Reader,
        mut wanted: impl FnMut(&Key, &Row) -> Option<T>,
    ) -> Result<Page<T>, StoreError> {
        let list = list_name(self.prefix.table);
        let mut items = Vec::new();
        let mut after = self.after;
        let mut looked_at = 0;
        loop {
            let range = Range {
                prefix: self.prefix.clone(),
                after: after.clone(),
                reverse: self.reverse,
                limit: READ_AT_ONCE,
            };
            let rows = reader.page(&range)?;
            let last = rows.len() < READ_AT_ONCE;
            for (key, row) in rows {
                if items.len() == self.limit || looked_at == LOOKED_AT {
                    let next_cursor = after.map(|after| to_cursor(list, &after));
                    return Ok(Page { items, next_cursor });
                }
                looked_at += 1;
                items.extend(wanted(&key, &row));
                after = Some(key.path);
            }
            if last {
                return Ok(Page { items, next_cursor: None });
            }
        }
    }
}

fn list_name(table: Table) -> &'static str {
    match table {
        Table::Station => "stations",
        Table::Token => "tokens",
        Table::Tariff => "tariffs",
        Table::Transaction => "transactions",
        Table::Session => "sessions",
        Table::Cdr => "cdrs",
        Table::Plugin => "plugins",
        Table::SessionCdr => "session-cdrs",
        Table::Command => "commands",
        Table::Site => "sites",
        Table::SiteStation => "site-stations",
        Table::Start
        | Table::Live
        | Table::Idempotency
        | Table::Connector
        | Table::Place
        | Table::EvseLoad
        | Table::LoadSlot => "other",
    }
}

#[cfg(test)]
mod tests;
