//! Owns the reading of an OCPI Tariff object: everything that a price depends on is checked, and an
//! error says where by a JSON pointer. What is unknown is passed over (extensions are allowed); an
//! unknown value of a known enum is not. Must never mend what is wrong.

mod components;
mod when;

use busbar_sdk::Error;
use busbar_sdk::json::{Node, Value};

use crate::currencies;
use crate::local;
use crate::tariff::{Element, Limit, Tariff, Taxation};

/// Places of a millionth.
const MICROS: u32 = 6;
const TARIFF_TYPES: &[&str] =
    &["AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"];

/// Reads a tariff, and says what of it is not a dimension of OCPI and will not be charged.
///
/// # Errors
/// At the first thing that is wrong.
pub(crate) fn tariff(root: &Node<'_>, currency: &str) -> Result<(Tariff, Vec<String>), Error> {
    currency_is(&root.field("currency")?, currency)?;
    if let Some(kind) = root.optional("type")? {
        one_of(&kind, TARIFF_TYPES)?;
    }
    let taxation = match root.optional("tax_included")? {
        Some(node) => match one_of(&node, &["YES", "NO", "N/A"])? {
            0 => Taxation::Inside,
            1 => Taxation::OnTop,
            _ => Taxation::None,
        },
        None => Taxation::OnTop,
    };
    let valid_from = instant(root, "start_date_time")?;
    let valid_until = instant(root, "end_date_time")?;
    if let (Some(from), Some(until)) = (valid_from, valid_until)
        && from >= until
    {
        return Err(root.field("end_date_time")?.error("it is not after start_date_time"));
    }
    let min_price = limit(root, "min_price", taxation)?;
    let max_price = limit(root, "max_price", taxation)?;
    ordered(root, min_price, max_price)?;
    let mut ignored = vec![];
    let elements = root.field("elements")?;
    let elements = at_least_one(&elements)?
        .iter()
        .map(|node| {
            let components = components::read(&node.field("price_components")?, taxation)?;
            ignored.extend(components.ignored);
            let when = node.optional("restrictions")?.map_or(Ok(Default::default()), when::read)?;
            Ok(Element { when, components: components.read })
        })
        .collect::<Result<_, Error>>()?;
    let tariff = Tariff { taxation, valid_from, valid_until, min_price, max_price, elements };
    Ok((tariff, ignored))
}

fn currency_is(node: &Node<'_>, expected: &str) -> Result<(), Error> {
    let currency = node.text()?;
    if !currencies::is_known(currency) {
        return Err(node.error(format!("{currency:?} is not a currency code of ISO 4217")));
    }
    match currency == expected {
        true => Ok(()),
        false => Err(node.error(format!("it is {currency}, and the tariff is kept in {expected}"))),
    }
}

fn instant(root: &Node<'_>, name: &str) -> Result<Option<i64>, Error> {
    let Some(node) = root.optional(name)? else { return Ok(None) };
    let instant = local::instant_of(node.text()?);
    Ok(Some(instant.ok_or_else(|| node.error("a UTC time such as 2026-12-31T23:59:59Z"))?))
}

/// Price of 2.2.1 (`excl_vat`, `incl_vat`), PriceLimit of 2.3.0 (`before_taxes`, `after_taxes`), or
/// a bare number, as it occurs.
fn limit(root: &Node<'_>, name: &str, taxation: Taxation) -> Result<Limit, Error> {
    let Some(node) = root.optional(name)? else { return Ok(Limit::default()) };
    if let Value::Number(_) = node.value {
        let amount = Some(not_negative(&node, MICROS)?);
        return Ok(match taxation {
            Taxation::Inside => Limit { excl: None, incl: amount },
            Taxation::OnTop | Taxation::None => Limit { excl: amount, incl: None },
        });
    }
    let amount = |names: [&str; 2]| {
        for name in names {
            if let Some(amount) = node.optional(name)? {
                return not_negative(&amount, MICROS).map(Some);
            }
        }
        Ok::<_, Error>(None)
    };
    let limit = Limit {
        excl: amount(["excl_vat", "before_taxes"])?,
        incl: amount(["incl_vat", "after_taxes"])?,
    };
    match limit.excl.or(limit.incl) {
        Some(_) => Ok(limit),
        None => Err(node.error("excl_vat or before_taxes is required")),
    }
}

fn ordered(root: &Node<'_>, min: Limit, max: Limit) -> Result<(), Error> {
    let beyond = |min: Option<i64>, max: Option<i64>| min.zip(max).is_some_and(|(a, b)| a > b);
    match beyond(min.excl, max.excl) || beyond(min.incl, max.incl) {
        true => Err(root.field("min_price")?.error("it is above max_price")),
        false => Ok(()),
    }
}

/// A number that is not negative, times ten to the power of `places`.
fn not_negative(node: &Node<'_>, places: u32) -> Result<i64, Error> {
    match node.decimal(places)? {
        number if number < 0 => Err(node.error("it must not be negative")),
        number => Ok(number),
    }
}

/// The place of a text in a list.
fn one_of(node: &Node<'_>, names: &[&str]) -> Result<usize, Error> {
    let text = node.text()?;
    let place = names.iter().position(|name| *name == text);
    place.ok_or_else(|| node.error(format!("{text:?} is none of {}", names.join(", "))))
}

fn at_least_one<'a>(node: &Node<'a>) -> Result<Vec<Node<'a>>, Error> {
    let items = node.items()?;
    match items.is_empty() {
        true => Err(node.error("at least one is required")),
        false => Ok(items),
    }
}
