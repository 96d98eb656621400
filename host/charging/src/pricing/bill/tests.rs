//! The sums of the host, and every rule that a line may break.

use super::*;
use crate::pricing::{QuantityUnit, Tax};
use crate::units::Timestamp;

fn eur() -> Currency {
    Currency::parse("EUR").unwrap()
}

fn energy_line(quantity: i64, unit_price: i64, amount: i64) -> Line {
    Line {
        dimension: Dimension::Energy,
        description: "energy".into(),
        quantity,
        unit: QuantityUnit::Energy,
        unit_price: Micros(unit_price),
        amount: Micros(amount),
        tax_included: false,
        taxes: vec![],
        start: Timestamp(0),
        end: Timestamp(1),
    }
}

#[test]
fn adds_exactly_and_rounds_once() {
    let mut line = energy_line(20_000_000, 250_000, 5_000_000);
    line.taxes = vec![Tax { name: "VAT".into(), rate: 100_000, amount: Micros(500_000) }];
    let totals = add_up(&[line.clone(), line], eur(), false).unwrap();
    assert_eq!(totals.excl_tax, Micros(10_000_000));
    assert_eq!(totals.incl_tax, Micros(11_000_000));
    assert_eq!(totals.payable.to_string(), "11.00 EUR");
}

#[test]
fn included_tax_is_taken_out_of_the_amount() {
    let mut line = energy_line(1_000_000, 1_190_000, 1_190_000);
    line.tax_included = true;
    line.taxes = vec![Tax { name: "VAT".into(), rate: 190_000, amount: Micros(190_000) }];
    let totals = add_up(&[line], eur(), false).unwrap();
    assert_eq!((totals.excl_tax, totals.incl_tax), (Micros(1_000_000), Micros(1_190_000)));
}

#[test]
fn refuses_what_breaks_a_rule() {
    let wrong_product = energy_line(20_000_000, 250_000, 5_000_002);
    let negative = energy_line(20_000_000, -250_000, -5_000_000);
    let mut discount = energy_line(1_000_000, -1_000_000, -1_000_000);
    discount.dimension = Dimension::Adjustment;
    let huge = energy_line(i64::MAX, 1_000_000, i64::MAX);
    let mut tax = energy_line(0, 0, 0);
    tax.taxes = vec![Tax { name: "VAT".into(), rate: 2_000_000, amount: Micros(0) }];
    for (line, word) in [
        (wrong_product, "not quantity times unit price"),
        (negative, "negative"),
        (discount, "total is negative"),
        (huge, "ten million"),
        (tax, "rate"),
    ] {
        let error = add_up(&[line], eur(), false).unwrap_err();
        assert!(format!("{error:?}").contains(word), "{error:?} does not say {word}");
    }
    let negative = energy_line(20_000_000, -250_000, -5_000_000);
    assert!(add_up(&[negative], eur(), true).is_ok());
}
