//! Payloads made from the schema table: least, greatest and random ones.

use crate::schema::{Field, Presence, Shape};

/// A JSON value that can be changed at any place.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    pub(super) fn leaf(text: impl Into<String>) -> Self {
        Self::Leaf(text.into())
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Leaf(text) => text.clone(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::text).collect();
                format!("[{}]", items.join(","))
            }
            Self::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{}", value.text()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    pub(super) fn child(&mut self, steps: &[usize]) -> &mut Self {
        let Some((step, rest)) = steps.split_first() else { return self };
        match self {
            Self::Leaf(text) => panic!("a step into {text}"),
            Self::List(items) => items[*step].child(rest),
            Self::Object(members) => members[*step].1.child(rest),
        }
    }
}

/// One value of a payload.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) steps: Vec<usize>,
    pub(super) pointer: String,
    pub(super) shape: &'static Shape,
    /// Of a property; `None` for the payload and for items.
    pub(super) presence: Option<Presence>,
}

/// How much of what may be left out is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Least,
    Most,
    Random,
}

/// Makes values; the same seed makes the same ones.
pub(super) struct Maker {
    state: u64,
    fill: Fill,
}

impl Maker {
    pub(super) fn new(seed: u64, fill: Fill) -> Self {
        Self { state: seed, fill }
    }

    /// A number below `bound` (splitmix64).
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound.max(1) as u64).unwrap()
    }

    fn is_there(&mut self, field: &Field) -> bool {
        match self.fill {
            _ if field.presence != Presence::Optional => true,
            Fill::Least => false,
            Fill::Most => true,
            Fill::Random => self.below(3) == 0,
        }
    }

    /// A sound value, and every place in it.
    pub(super) fn value(&mut self, at: Place, places: &mut Vec<Place>) -> Tree {
        places.push(at.clone());
        let below = |step: usize, name: &str, shape, presence| Place {
            steps: at.steps.iter().copied().chain([step]).collect(),
            pointer: format!("{}/{name}", at.pointer),
            shape,
            presence,
        };
        match *at.shape {
            Shape::Object(object) => {
                let mut members = Vec::new();
                for field in object.fields {
                    if self.is_there(field) {
                        let presence = Some(field.presence);
                        let place = below(members.len(), field.name, field.shape, presence);
                        members.push((field.name.to_owned(), self.value(place, places)));
                    }
                }
                if object.open && self.fill != Fill::Least {
                    members.push(("any".to_owned(), Tree::leaf(r#"{"n":[1e2,null,"é"]}"#)));
                }
                Tree::Object(members)
            }
            Shape::List { item, min, max } => {
                let more = if self.fill == Fill::Random { self.below(3) } else { 1 };
                let count = (min + more).min(max).max(min);
                let count = if self.fill == Fill::Least { min } else { count };
                let items = (0..count)
                    .map(|n| self.value(below(n, &n.to_string(), item, None), places))
                    .collect();
                Tree::List(items)
            }
            ref scalar => Tree::Leaf(self.scalar(scalar)),
        }
    }

    fn scalar(&mut self, shape: &Shape) -> String {
        match *shape {
            Shape::Text { max } => {
                let length =
                    if self.fill == Fill::Most { max.min(40) } else { self.below(max.min(9)) };
                format!("\"{}\"", ["x", "é", "漢"][self.below(3)].repeat(length))
            }
            Shape::Time => {
                let times = ["2024-03-01T12:00:00Z", "2024-02-29t23:59:60.123456789z"];
                let zoned = ["1970-01-01T00:00:00.5+05:30", "9999-12-31T23:59:59-00:00"];
                format!("\"{}\"", [times, zoned].concat()[self.below(4)])
            }
            Shape::Int { min, max } => {
                let low = min.max(-1000);
                let value = low.saturating_add(i64::try_from(self.below(2000)).unwrap());
                value.min(max).to_string()
            }
            Shape::Number { min, max, .. } => {
                let at = 0i64.clamp(min, max);
                let inside = if max > at { format!("{at}.5") } else { format!("-{}.5", -at) };
                [at.to_string(), inside, format!("{at}.0"), format!("{at}e2")][self.below(4)]
                    .clone()
            }
            Shape::Bool => ["true", "false"][self.below(2)].to_owned(),
            Shape::Choice { values, .. } => format!("\"{}\"", values[self.below(values.len())]),
            Shape::Any => ["null", "1e400", "[{}]", r#""\ud83d\ude00""#][self.below(4)].to_owned(),
            Shape::Object(_) | Shape::List { .. } => unreachable!("not a scalar"),
        }
    }
}

/// The place of a whole payload.
pub(super) fn root(shape: &'static Shape) -> Place {
    Place { steps: Vec::new(), pointer: String::new(), shape, presence: None }
}
