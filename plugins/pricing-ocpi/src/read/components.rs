//! Owns the reading of PriceComponents. Must never take a dimension for another.

use busbar_sdk::Error;
use busbar_sdk::json::Node;

use super::{MICROS, at_least_one, not_negative, one_of};
use crate::tariff::{Component, Dimension, Rate, Taxation};

/// The dimensions of OCPI, and `SESSION_TIME`, which is none but occurs.
const DIMENSIONS: &[(&str, Option<Dimension>)] = &[
    ("ENERGY", Some(Dimension::Energy)),
    ("FLAT", Some(Dimension::Flat)),
    ("PARKING_TIME", Some(Dimension::ParkingTime)),
    ("TIME", Some(Dimension::Time)),
    ("SESSION_TIME", None),
];
/// A whole in millionths: no tax is higher, and no host accepts one.
const WHOLE: i64 = 1_000_000;

pub(super) struct Components {
    pub(super) read: Vec<Component>,
    /// In words: what is not charged.
    pub(super) ignored: Vec<String>,
}

pub(super) fn read(list: &Node<'_>, taxation: Taxation) -> Result<Components, Error> {
    let mut components = Components { read: vec![], ignored: vec![] };
    for node in at_least_one(list)? {
        let names: Vec<_> = DIMENSIONS.iter().map(|(name, _)| *name).collect();
        let (name, dimension) = DIMENSIONS[one_of(&node.field("type")?, &names)?];
        let price = node.field("price")?.decimal(MICROS)?;
        let step_size = node.optional("step_size")?.map_or(Ok(1), |step| step.whole())?;
        let taxes = taxes(&node, taxation)?;
        match dimension {
            Some(dimension) => {
                components.read.push(Component { dimension, price, step_size, taxes });
            }
            None => components.ignored.push(format!("{name} is not in OCPI: not charged")),
        }
    }
    Ok(components)
}

/// `vat` in per cent, and `taxes` as a list of names and percentages where there is more than one.
fn taxes(node: &Node<'_>, taxation: Taxation) -> Result<Vec<Rate>, Error> {
    let mut taxes = vec![];
    if let Some(vat) = node.optional("vat")? {
        taxes.push(Rate { name: "VAT".into(), rate: percentage(&vat)? });
    }
    for name in ["taxes", "tax"] {
        let Some(list) = node.optional(name)? else { continue };
        for tax in list.items()? {
            let rate = percentage(&tax.field("percentage")?)?;
            taxes.push(Rate { name: tax.field("name")?.text()?.into(), rate });
        }
    }
    if taxation == Taxation::None && taxes.iter().any(|tax| tax.rate != 0) {
        return Err(node.error("it has a tax, and tax_included says that none applies"));
    }
    Ok(taxes)
}

fn percentage(node: &Node<'_>) -> Result<i64, Error> {
    let rate = not_negative(node, MICROS - 2)?;
    match rate <= WHOLE {
        true => Ok(rate),
        false => Err(node.error("a tax above 100 %")),
    }
}
