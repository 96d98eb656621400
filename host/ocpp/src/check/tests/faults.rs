//! One fault put into a sound payload, and what must be said about it.

use super::payload::{Place, Tree};
use super::*;
use crate::json::Dialect;
use crate::schema::{Presence, Shape};

/// What a fault breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) rule: Rule,
    pub(super) pointer: String,
    pub(super) tolerable: bool,
}

/// Ways to spoil a value, or not: some of them are allowed at some places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoil {
    Missing,
    Twice,
    Surplus,
    Null,
    OtherType,
    Empty,
    Bogus,
    Number,
    NumberInText,
    IntegralDecimal,
    Fraction,
    Huge,
    TooSmall,
    TooBig,
    TooLong,
    FarTooLong,
    TooFew,
    TooMany,
    HalfPair,
    NoZone,
    ShortZone,
}

impl Spoil {
    pub(super) const ALL: [Self; 21] = [
        Self::Missing,
        Self::Twice,
        Self::Surplus,
        Self::Null,
        Self::OtherType,
        Self::Empty,
        Self::Bogus,
        Self::Number,
        Self::NumberInText,
        Self::IntegralDecimal,
        Self::Fraction,
        Self::Huge,
        Self::TooSmall,
        Self::TooBig,
        Self::TooLong,
        Self::FarTooLong,
        Self::TooFew,
        Self::TooMany,
        Self::HalfPair,
        Self::NoZone,
        Self::ShortZone,
    ];
}

/// Spoils `place` in `tree`. `None` when that cannot be done there, `Some(None)` when the
/// payload is as sound as before.
pub(super) fn spoil(
    tree: &mut Tree,
    place: &Place,
    way: Spoil,
    dialect: Dialect,
) -> Option<Option<Broken>> {
    let here =
        |rule, tolerable| Some(Some(Broken { rule, pointer: place.pointer.clone(), tolerable }));
    let optional = place.presence.is_some_and(|presence| presence != Presence::Required);
    match (way, place.shape) {
        (Spoil::Missing, _) => {
            let (index, parent) = parent(tree, place)?;
            parent.remove(index);
            match place.presence? {
                Presence::Optional => Some(None),
                presence => here(Rule::Required, presence == Presence::Expected),
            }
        }
        (Spoil::Twice, _) => {
            let (index, parent) = parent(tree, place)?;
            parent.push(parent[index].clone());
            here(Rule::Duplicate, false)
        }
        (Spoil::Surplus, Shape::Object(object)) => {
            let Tree::Object(members) = tree.child(&place.steps) else { return None };
            members.insert(0, ("bogus".to_owned(), Tree::leaf(r#"[1.50,{"a":"\ud800"}]"#)));
            if object.open { Some(None) } else { here(Rule::AdditionalProperties, true) }
        }
        (Spoil::TooFew, Shape::List { min: 1.., .. }) => {
            *tree.child(&place.steps) = Tree::List(Vec::new());
            here(Rule::MinItems, false)
        }
        (Spoil::TooMany, Shape::List { max, .. }) if *max <= 20 => {
            let Tree::List(items) = tree.child(&place.steps) else { return None };
            let item = items.first()?.clone();
            items.resize(max + 1, item);
            here(Rule::MaxItems, false)
        }
        _ if place.steps.is_empty() => None,
        (_, Shape::Any) => None,
        (Spoil::Null, _) => {
            *tree.child(&place.steps) = Tree::leaf("null");
            here(Rule::Type, optional)
        }
        (Spoil::OtherType, shape) => {
            let other = if matches!(shape, Shape::Object(_)) { "[{}]" } else { r#"{"a":[1]}"# };
            *tree.child(&place.steps) = Tree::leaf(other);
            here(Rule::Type, false)
        }
        _ => {
            let (text, broken) = scalar(place.shape, way, dialect, optional)?;
            *tree.child(&place.steps) = Tree::Leaf(text);
            match broken {
                Some((rule, tolerable)) => here(rule, tolerable),
                None => Some(None),
            }
        }
    }
}

/// The object that holds `place`, and where in it.
fn parent<'a>(tree: &'a mut Tree, place: &Place) -> Option<(usize, &'a mut Vec<(String, Tree)>)> {
    let (index, steps) = place.steps.split_last()?;
    match tree.child(steps) {
        Tree::Object(members) => Some((*index, members)),
        _ => None,
    }
}

/// A scalar and the rule that it breaks.
fn scalar(
    shape: &Shape,
    way: Spoil,
    dialect: Dialect,
    optional: bool,
) -> Option<(String, Option<(Rule, bool)>)> {
    let lenient = dialect.numbers_as_text;
    let says = |text: &str, broken| Some((text.to_owned(), broken));
    match (way, shape) {
        (Spoil::Empty, Shape::Text { .. }) => says(r#""""#, None),
        (Spoil::Empty, Shape::Time) => says(r#""""#, Some((Rule::Format, optional))),
        (Spoil::Empty, Shape::Choice { open, .. }) => {
            says(r#""""#, Some((Rule::Enum, *open || optional)))
        }
        (Spoil::Empty, Shape::Int { .. } | Shape::Number { .. }) => {
            says(r#""""#, Some((Rule::Type, optional)))
        }
        (Spoil::Bogus, Shape::Choice { open, .. }) => says(r#""Bogus""#, Some((Rule::Enum, *open))),
        (Spoil::Bogus, Shape::Time) => {
            says(r#""2024-02-30T00:00:00Z""#, Some((Rule::Format, false)))
        }
        (Spoil::Bogus, Shape::Int { .. } | Shape::Number { .. }) => {
            says(r#""x1""#, Some((Rule::Type, false)))
        }
        (Spoil::NoZone, Shape::Time) => {
            says(r#""2024-03-01T12:00:00""#, Some((Rule::Format, true)))
        }
        (Spoil::ShortZone, Shape::Time) => {
            says(r#""2024-03-01T12:00:00+02""#, Some((Rule::Format, true)))
        }
        (Spoil::Number, Shape::Text { .. }) => says("5", Some((Rule::Type, lenient))),
        (Spoil::Number, Shape::Time | Shape::Choice { .. } | Shape::Bool) => {
            says("5", Some((Rule::Type, false)))
        }
        (Spoil::NumberInText, Shape::Int { min, .. } | Shape::Number { min, .. }) => {
            let text = format!("\"{}\"", 0.max(*min));
            says(&text, Some((Rule::Type, lenient)))
        }
        (Spoil::IntegralDecimal, Shape::Int { min, max }) => {
            let text = format!("{}.0", 0i64.clamp(*min, *max));
            says(&text, (!dialect.integral_decimals).then_some((Rule::Type, lenient)))
        }
        (Spoil::Fraction, Shape::Int { .. }) => says("0.5", Some((Rule::Type, false))),
        (Spoil::Fraction, Shape::Number { tenths: true, .. }) => {
            says("16.11", Some((Rule::MultipleOf, false)))
        }
        (Spoil::Huge, Shape::Int { .. }) => {
            says("99999999999999999999", Some((Rule::Maximum, false)))
        }
        (Spoil::Huge, Shape::Number { max: i64::MAX, .. }) => says("1e308", None),
        (Spoil::TooSmall, Shape::Int { min, .. } | Shape::Number { min, .. }) => {
            says(&min.checked_sub(1)?.to_string(), Some((Rule::Minimum, false)))
        }
        (Spoil::TooBig, Shape::Int { max, .. } | Shape::Number { max, .. }) => {
            says(&max.checked_add(1)?.to_string(), Some((Rule::Maximum, false)))
        }
        (Spoil::TooLong, Shape::Text { max: max @ ..20_000 }) => {
            says(&format!("\"{}\"", "é".repeat(max + 1)), Some((Rule::MaxLength, true)))
        }
        (Spoil::FarTooLong, Shape::Text { max: max @ ..3_000 }) => {
            says(&format!("\"{}\"", "x".repeat(4 * max + 1)), Some((Rule::MaxLength, false)))
        }
        (Spoil::HalfPair, Shape::Text { .. } | Shape::Time | Shape::Choice { .. }) => {
            says(r#""\udc00x""#, Some((Rule::Encoding, false)))
        }
        _ => None,
    }
}
