//! The slow pass: every violation of a payload, with rule and place.
//!
//! Owns the judgement of a text by a shape, and which violations can be borne at all. It must
//! agree with the fast pass on every payload: what this finds sound the fast pass takes without a
//! note, and what this finds tolerable the fast pass can hold. Must never run on a payload that
//! the fast pass took without a note.

use crate::fault::{Rule, Violation};
use crate::json::{Dialect, Kind, MAX_DEPTH, Reader, Stop};
use crate::schema::{Field, ObjectShape, Presence, Shape};
use crate::values::{self, Decimal, Integer, Reading};
use std::borrow::Cow;

mod scalar;

/// Most violations that are listed of one payload.
const MOST_VIOLATIONS: usize = 256;
/// A text is borne up to this many times its greatest length.
const TOLERATED_GROWTH: usize = 4;

/// Lists the violations of `payload`, in the order of the text.
pub(crate) fn examine(payload: &str, shape: &Shape, dialect: Dialect) -> Vec<Violation> {
    let mut walk = Walk {
        reader: Reader::new(payload, dialect, MAX_DEPTH),
        path: String::new(),
        found: Vec::new(),
        heaviest: (true, u8::MAX),
        first: u8::MAX,
    };
    if walk.payload(shape).is_err() {
        let too_deep = walk.reader.too_deep();
        let detail = if too_deep { "nested too deep" } else { "not JSON" };
        walk.violation(Rule::Syntax, false, detail);
    }
    walk.found
}

struct Walk<'a> {
    reader: Reader<'a>,
    path: String,
    found: Vec<Violation>,
    /// Least `(tolerable, rank)` found: what refuses the payload by the tolerant policy.
    heaviest: (bool, u8),
    /// Least rank found: what refuses it by the strict one.
    first: u8,
}

/// Only a text that is not JSON stops the walk.
type Walked = Result<(), Stop>;

impl Walk<'_> {
    fn payload(&mut self, shape: &Shape) -> Walked {
        if self.reader.peek() == Kind::Object {
            self.value(shape, false)?;
        } else {
            self.reader.skip()?;
            self.violation(Rule::Object, false, "payload is not an object");
        }
        self.reader.end()
    }

    fn violation(&mut self, rule: Rule, tolerable: bool, detail: impl Into<Cow<'static, str>>) {
        let weight = (tolerable, rule.rank());
        let full = self.found.len() == MOST_VIOLATIONS;
        // A flood must cost no more than its bytes: the list is only searched for what decides
        // more than all before.
        if full && weight >= self.heaviest && rule.rank() >= self.first {
            return;
        }
        self.heaviest = self.heaviest.min(weight);
        self.first = self.first.min(rule.rank());
        let path = self.path.clone();
        let new = Violation { rule, path, detail: detail.into(), tolerable };
        if full {
            let lightest = |(_, v): &(usize, &Violation)| (v.tolerable, v.rule.rank());
            let at = self.found.iter().enumerate().max_by_key(lightest).map(|(at, _)| at);
            self.found.remove(at.unwrap_or_default());
        }
        self.found.push(new);
    }

    fn at<T>(&mut self, step: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        let done = walk(self);
        self.path.truncate(length);
        done
    }

    fn wrong_type(&mut self, tolerable: bool, wanted: &'static str) -> Walked {
        self.violation(Rule::Type, tolerable, wanted);
        self.reader.skip().map(drop)
    }

    /// `absent`: whether the property may be left out.
    fn value(&mut self, shape: &Shape, absent: bool) -> Walked {
        let kind = self.reader.peek();
        if kind == Kind::Bad {
            return Err(Stop);
        }
        if absent && kind == Kind::Null && !matches!(shape, Shape::Any) {
            return self.wrong_type(true, "null for a value that is left out");
        }
        match *shape {
            Shape::Any => self.reader.skip().map(drop),
            Shape::Object(object) if kind == Kind::Object => self.object(object),
            Shape::Object(_) => self.wrong_type(false, "not an object"),
            Shape::List { item, min, max } if kind == Kind::Array => self.list(item, min, max),
            Shape::List { .. } => self.wrong_type(false, "not an array"),
            Shape::Bool if kind == Kind::Bool => self.reader.bool().map(drop),
            Shape::Bool => self.wrong_type(false, "not a boolean"),
            Shape::Text { max } => self.text(kind, max),
            Shape::Time => self.time(kind, absent),
            Shape::Choice { values, open } => self.choice(kind, values, open, absent),
            Shape::Int { min, max } => self.integer(kind, min, max, absent),
            Shape::Number { min, max, tenths } => self.number(kind, (min, max), tenths, absent),
        }
    }

    fn list(&mut self, item: &Shape, min: usize, max: usize) -> Walked {
        let mut first = true;
        let mut count = 0;
        self.reader.open_array()?;
        while self.reader.item(&mut first)? {
            let step = count.to_string();
            self.at(&step, |walk| walk.value(item, false))?;
            count += 1;
        }
        if count < min {
            self.violation(Rule::MinItems, false, format!("{count} items, at least {min}"));
        }
        if count > max {
            self.violation(Rule::MaxItems, false, format!("{count} items, at most {max}"));
        }
        Ok(())
    }

    fn object(&mut self, object: &ObjectShape) -> Walked {
        let mut first = true;
        let mut seen = 0u64;
        self.reader.open_object()?;
        while let Some((key, sound)) = self.reader.lossy_key(&mut first)? {
            if !sound {
                self.violation(Rule::Encoding, false, "half a surrogate pair in a name");
            }
            let field = object.fields.iter().enumerate().find(|(_, f)| f.name == key && sound);
            let Some((index, field)) = field else {
                if !object.open && sound {
                    self.violation(Rule::AdditionalProperties, true, unknown(&key));
                }
                self.reader.skip()?;
                continue;
            };
            self.at(field.name, |walk| walk.field(field, seen & (1 << index) != 0))?;
            seen |= 1 << index;
        }
        for (index, field) in object.fields.iter().enumerate() {
            if field.presence != Presence::Optional && seen & (1 << index) == 0 {
                let tolerable = field.presence == Presence::Expected;
                self.at(field.name, |walk| walk.violation(Rule::Required, tolerable, "missing"));
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, again: bool) -> Walked {
        if again {
            self.violation(Rule::Duplicate, false, "occurs twice");
        }
        self.value(field.shape, field.presence != Presence::Required)
    }
}

/// Names an unknown property, as far as 64 characters go.
fn unknown(key: &str) -> String {
    let shown: String = key.chars().take(48).collect();
    format!("unknown: {shown}")
}
