//! Owns the raw form of a configuration: a tree of values, each with the place that it came
//! from, made of TOML and of the environment. Must never know a key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::read::Problem;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The configuration file.
    File { path: Arc<PathBuf>, line: usize, column: usize },
    /// A variable of the environment.
    Env(String),
}

impl Origin {
    /// The file's name and the line, or the variable: what may be told to anyone.
    pub(super) fn in_file(&self) -> String {
        match self {
            Self::File { path, line, .. } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                format!("{}:{line}", name.to_string_lossy())
            }
            Self::Env(name) => name.clone(),
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) origin: Origin,
    pub(super) kind: Kind,
}

/// A table: its entries, each with the place of its key.
pub(super) type Table = BTreeMap<String, (Origin, Value)>;

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Value>),
    Table(Table),
    /// What no key takes: a float or a date; or a number beyond 64 bits.
    Other(&'static str),
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }
}

/// The one key that is in no section. Other variables without `__` are not configuration:
/// `BUSBAR_URL` is the client's, `BUSBAR_SEED` a test's.
const TOP_LEVEL: &str = "BUSBAR_DATA";

/// The tree of a file's text, and what is wrong with its syntax.
pub(super) fn parse(file: Option<&Path>, text: &str) -> (Table, Vec<Problem>) {
    let path = Arc::new(file.unwrap_or(Path::new(super::DEFAULT_FILE)).to_owned());
    let places = Places { path, text };
    let (table, errors) = DeTable::parse_recoverable(text);
    let problems = errors.iter().map(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Problem { origin: places.at(at), message: error.message().to_owned() }
    });
    (places.table(table.get_ref()), problems.collect())
}

struct Places<'a> {
    path: Arc<PathBuf>,
    text: &'a str,
}

impl Places<'_> {
    fn at(&self, offset: usize) -> Origin {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Origin::File { path: Arc::clone(&self.path), line, column }
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key: &Spanned<std::borrow::Cow<'_, str>> = key;
            (key.get_ref().to_string(), (self.at(key.span().start), self.value(value)))
        };
        table.iter().map(entry).collect()
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Value {
        let kind = match value.get_ref() {
            DeValue::String(text) => Kind::Text(text.to_string()),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Kind::Integer(number),
                    Err(_) => Kind::Other("a number beyond 64 bits"),
                }
            }
            DeValue::Boolean(value) => Kind::Boolean(*value),
            DeValue::Array(list) => Kind::List(list.iter().map(|item| self.value(item)).collect()),
            DeValue::Table(table) => Kind::Table(self.table(table)),
            DeValue::Float(_) => Kind::Other("a number with a fraction"),
            DeValue::Datetime(_) => Kind::Other("a date or time"),
        };
        Value { origin: self.at(value.span().start), kind }
    }
}

/// Lays `BUSBAR_SECTION__KEY` over the tree: what the environment says counts.
pub(super) fn overlay(
    tree: &mut Table,
    env: impl IntoIterator<Item = (String, String)>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let ours =
        |name: &str| name == TOP_LEVEL || (name.starts_with("BUSBAR_") && name.contains("__"));
    let mut variables: Vec<_> = env.into_iter().filter(|(name, _)| ours(name)).collect();
    variables.sort();
    for (name, text) in variables {
        let path = name["BUSBAR_".len()..].to_lowercase();
        let parts: Vec<&str> = path.split("__").collect();
        let origin = Origin::Env(name.clone());
        let value = Value { origin: origin.clone(), kind: Kind::Text(text) };
        if let Err(message) = put(tree, &parts, value) {
            problems.push(Problem { origin, message });
        }
    }
    problems
}

fn put(table: &mut Table, path: &[&str], value: Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    if first.is_empty() {
        return Err("a key of its path is empty".into());
    }
    let origin = value.origin.clone();
    if rest.is_empty() {
        table.insert((*first).to_owned(), (origin, value));
        return Ok(());
    }
    let numbered = rest[0].parse::<usize>().ok();
    let empty = || match numbered {
        Some(_) => Kind::List(Vec::new()),
        None => Kind::Table(Table::new()),
    };
    let entry = table
        .entry((*first).to_owned())
        .or_insert_with(|| (origin.clone(), Value { origin: origin.clone(), kind: empty() }));
    match (&mut entry.1.kind, numbered) {
        (Kind::Table(inner), None) => put(inner, rest, value),
        (Kind::List(list), Some(index)) => put_in_list(list, first, index, &rest[1..], value),
        (Kind::List(_), None) => Err(format!("{first} is a list: name one, as in {first}__0")),
        (other, _) => Err(format!("{first} is {}, it has no keys", other.name())),
    }
}

fn put_in_list(
    list: &mut Vec<Value>,
    name: &str,
    index: usize,
    rest: &[&str],
    value: Value,
) -> Result<(), String> {
    if index > list.len() {
        return Err(format!(
            "{name} has only {} entries: the next is {name}__{}",
            list.len(),
            list.len()
        ));
    }
    if index == list.len() {
        list.push(Value { origin: value.origin.clone(), kind: Kind::Table(Table::new()) });
    }
    match &mut list[index].kind {
        _ if rest.is_empty() => list[index] = value,
        Kind::Table(inner) => put(inner, rest, value)?,
        other => return Err(format!("{name} {index} is {}, it has no keys", other.name())),
    }
    Ok(())
}
