//! Owns how typed values are read out of the tree: every read notes what is wrong and goes on
//! with the default, so that all problems are found at once. Must never know a key.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::tree::{Kind, Origin, Table, Value};
use super::values;

/// Something wrong with a configuration, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub(super) origin: Origin,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn of_file(path: &Path, message: &str) -> Self {
        let origin = Origin::File { path: Arc::new(path.to_owned()), line: 0, column: 0 };
        Self { origin, message: message.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File { path, line: 0, .. } => write!(f, "{}: ", path.display())?,
            Origin::File { path, line, column } => {
                write!(f, "{}:{line}:{column}: ", path.display())?;
            }
            Origin::Env(name) => write!(f, "{name}: ")?,
        }
        f.write_str(&self.message)
    }
}

impl Problem {
    /// In the order of a reader: by place in the file, then what the environment says.
    pub(super) fn place(&self) -> (usize, usize, String) {
        match &self.origin {
            Origin::File { line, column, .. } => (*line, *column, String::new()),
            Origin::Env(name) => (usize::MAX, 0, name.clone()),
        }
    }
}

/// Where the problems of all sections are gathered.
pub(super) struct Problems {
    found: RefCell<Vec<Problem>>,
    pub(super) folder: PathBuf,
}

impl Problems {
    pub(super) fn new(folder: &Path) -> Self {
        Self { found: RefCell::default(), folder: folder.to_owned() }
    }

    pub(super) fn add(&self, origin: &Origin, message: impl Into<String>) {
        let problem = Problem { origin: origin.clone(), message: message.into() };
        self.found.borrow_mut().push(problem);
    }

    pub(super) fn into_found(self) -> Vec<Problem> {
        self.found.into_inner()
    }
}

/// A table that is being read. When it is dropped, keys that nobody read are problems.
pub(super) struct Section<'a> {
    name: String,
    table: Option<&'a Table>,
    known: RefCell<BTreeSet<&'static str>>,
    pub(super) problems: &'a Problems,
    /// Where it stands.
    pub(super) origin: Origin,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        name: &str,
        table: Option<&'a Table>,
        origin: Origin,
        problems: &'a Problems,
    ) -> Self {
        let known = RefCell::default();
        Self { name: name.to_owned(), table, known, problems, origin }
    }

    /// A section that is not there: everything in it has its default.
    fn absent(&self, key: &'static str) -> Self {
        Self::new(&self.path(key), None, self.origin.clone(), self.problems)
    }

    /// The place of a key that was read, or of the section.
    pub(super) fn place(&self, key: &str) -> Origin {
        let entry = self.table.and_then(|table| table.get(key));
        entry.map_or_else(|| self.origin.clone(), |(_, value)| value.origin.clone())
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// The value of a key by `read`, or its default.
    pub(super) fn get<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> T {
        match self.value(key).map(|value| (value, read(value))) {
            None => default,
            Some((_, Ok(read))) => read,
            Some((value, Err(message))) => {
                self.problems.add(&value.origin, format!("{}: {message}", self.path(key)));
                default
            }
        }
    }

    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        self.get(key, default, boolean)
    }

    pub(super) fn text(&self, key: &'static str, default: &str) -> String {
        self.get(key, default.to_owned(), |value| text(value).map(str::to_owned))
    }

    pub(super) fn number(
        &self,
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> u64 {
        self.get(key, default, |value| in_range(integer(value)?, &range, u64::to_string))
    }

    pub(super) fn size(&self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.get(key, default, |value| {
            let size = match &value.kind {
                Kind::Integer(_) => integer(value)?,
                _ => values::size(text(value)?)?,
            };
            in_range(size, &range, |bytes| format!("{bytes} bytes"))
        })
    }

    pub(super) fn span(
        &self,
        key: &'static str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        self.get(key, default, |value| {
            let span = match &value.kind {
                Kind::Integer(number) => {
                    return Err(format!("{number} has no unit: write it as \"{number}s\""));
                }
                _ => values::duration(text(value)?)?,
            };
            in_range(span, &range, |span| format!("{span:?}"))
        })
    }

    /// A path: relative to the file that names it, or to the working folder where the
    /// environment does.
    pub(super) fn path_of(&self, key: &'static str) -> Option<PathBuf> {
        self.get(key, None, |value| match (text(value)?, &value.origin) {
            ("", _) => Err("the path is empty".into()),
            (path, Origin::Env(_)) => Ok(Some(PathBuf::from(path))),
            (path, Origin::File { .. }) => Ok(Some(self.problems.folder.join(path))),
        })
    }

    /// An inner table.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        match self.value(key) {
            None => self.absent(key),
            Some(Value { kind: Kind::Table(table), origin }) => {
                Self::new(&self.path(key), Some(table), origin.clone(), self.problems)
            }
            Some(value) => {
                let message = format!("{} is a table, not {}", self.path(key), value.kind.name());
                self.problems.add(&value.origin, message);
                self.absent(key)
            }
        }
    }

    /// A list of tables.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let path = self.path(key);
        let Some(value) = self.value(key) else { return Vec::new() };
        let Kind::List(list) = &value.kind else {
            let message = format!("{path} is a list: write [[{path}]]");
            self.problems.add(&value.origin, message);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in list {
            match &item.kind {
                Kind::Table(table) => {
                    let origin = item.origin.clone();
                    sections.push(Self::new(&path, Some(table), origin, self.problems));
                }
                other => {
                    let message = format!("{path} is a list of tables, not of {}", other.name());
                    self.problems.add(&item.origin, message);
                }
            }
        }
        sections
    }

    /// The whole name of a key.
    pub(super) fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// A value as it stands, if it is there.
    pub(super) fn raw(&self, key: &'static str) -> Option<&'a Value> {
        self.value(key)
    }

    fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.known.borrow_mut().insert(key);
        self.table?.get(key).map(|(_, value)| value)
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let known = self.known.borrow();
        let unknown = self.table.into_iter().flatten().filter(|(key, _)| !known.contains(&***key));
        for (key, (origin, _)) in unknown {
            let known: Vec<_> = known.iter().copied().collect();
            let path = self.path(key);
            let message = format!("unknown key {path}; known here: {}", known.join(", "));
            self.problems.add(origin, message);
        }
    }
}

/// Text.
pub(super) fn text(value: &Value) -> Result<&str, String> {
    match &value.kind {
        Kind::Text(text) => Ok(text),
        other => Err(format!("it is text, not {}", other.name())),
    }
}

/// Texts: a list, or from the environment separated by commas.
pub(super) fn texts(value: &Value) -> Result<Vec<&str>, String> {
    match (&value.kind, &value.origin) {
        (Kind::List(list), _) => list.iter().map(text).collect(),
        (Kind::Text(text), Origin::Env(_)) => {
            Ok(text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect())
        }
        (other, _) => Err(format!("it is a list of texts, not {}", other.name())),
    }
}

/// True or false.
pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    match (&value.kind, &value.origin) {
        (Kind::Boolean(value), _) => Ok(*value),
        (Kind::Text(text), Origin::Env(_)) => {
            text.parse().map_err(|_| format!("it is true or false, not {text:?}"))
        }
        (other, _) => Err(format!("it is true or false, not {}", other.name())),
    }
}

fn integer(value: &Value) -> Result<u64, String> {
    match (&value.kind, &value.origin) {
        (Kind::Integer(number), _) => {
            u64::try_from(*number).map_err(|_| format!("{number} is below zero"))
        }
        (Kind::Text(text), Origin::Env(_)) => {
            text.parse().map_err(|_| format!("it is a whole number, not {text:?}"))
        }
        (other, _) => Err(format!("it is a whole number, not {}", other.name())),
    }
}

fn in_range<T: PartialOrd>(
    value: T,
    range: &RangeInclusive<T>,
    show: impl Fn(&T) -> String,
) -> Result<T, String> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) = (show(range.start()), show(range.end()));
    Err(format!("{} is not between {least} and {most}", show(&value)))
}
