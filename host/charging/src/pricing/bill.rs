//! Owns the host's sums: a plugin's lines are checked and added up here, and nowhere else.
//! Must never take a total from a plugin.

use serde::{Deserialize, Serialize};

use super::{Dimension, Line, PriceError};
use crate::units::{Currency, Micros, Money};

/// No bill is above ten million units of its currency: a plugin that says so is broken.
const LARGEST: i64 = 10_000_000 * 1_000_000;
/// No bill has more lines.
const MOST_LINES: usize = 10_000;

/// The totals of a bill: exact sums, and what is to be paid after the one rounding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Exact, in millionths.
    pub excl_tax: Micros,
    /// Exact, in millionths.
    pub incl_tax: Micros,
    /// `incl_tax` rounded half up, once, to the decimals of the currency.
    pub payable: Money,
}

/// Checks every line against the rules of DESIGN section 6 and adds them up exactly.
///
/// # Errors
/// `PriceError::Misbehaved` names the line and the rule that it breaks.
pub fn add_up(
    lines: &[Line],
    currency: Currency,
    negative_prices: bool,
) -> Result<Totals, PriceError> {
    if lines.len() > MOST_LINES {
        return Err(broken(format!("{} lines are more than {MOST_LINES}", lines.len())));
    }
    let mut excl_tax = Micros::ZERO;
    let mut incl_tax = Micros::ZERO;
    for (index, line) in lines.iter().enumerate() {
        let (excl, incl) = line_amounts(line, negative_prices)
            .map_err(|why| broken(format!("line {index} ({}): {why}", line.description)))?;
        excl_tax = checked_sum(excl_tax, excl)?;
        incl_tax = checked_sum(incl_tax, incl)?;
    }
    if !negative_prices && (excl_tax.0 < 0 || incl_tax.0 < 0) {
        return Err(broken("the total is negative and the tariff declares no negative prices"));
    }
    let payable = Money { amount: incl_tax.round_half_up(currency.decimals()), currency };
    Ok(Totals { excl_tax, incl_tax, payable })
}

impl Micros {
    /// No money.
    pub const ZERO: Self = Self(0);
}

fn line_amounts(line: &Line, negative_prices: bool) -> Result<(Micros, Micros), String> {
    let product = i128::from(line.quantity) * i128::from(line.unit_price.0);
    let per = i128::from(line.unit.per_unit_price());
    let off = (product - i128::from(line.amount.0) * per).abs();
    if off > per {
        return Err(format!("amount {} is not quantity times unit price", line.amount.0));
    }
    let may_be_negative = negative_prices || line.dimension == Dimension::Adjustment;
    if !may_be_negative && (line.amount.0 < 0 || line.unit_price.0 < 0) {
        return Err("it is negative and the tariff declares no negative prices".into());
    }
    if line.quantity < 0 {
        return Err("its quantity is negative".into());
    }
    if line.end < line.start {
        return Err("it ends before it starts".into());
    }
    let mut taxes = 0_i64;
    for tax in &line.taxes {
        if tax.rate < 0 || tax.rate > 1_000_000 {
            return Err(format!("tax {} has a rate of {} millionths", tax.name, tax.rate));
        }
        if !may_be_negative && tax.amount.0 < 0 {
            return Err(format!("tax {} is negative", tax.name));
        }
        taxes = taxes.checked_add(tax.amount.0).ok_or("its taxes overflow")?;
    }
    let other = if line.tax_included {
        line.amount.0.checked_sub(taxes)
    } else {
        line.amount.0.checked_add(taxes)
    };
    let other = Micros(other.ok_or("its amount overflows")?);
    Ok(if line.tax_included { (other, line.amount) } else { (line.amount, other) })
}

fn checked_sum(total: Micros, amount: Micros) -> Result<Micros, PriceError> {
    match total.checked_add(amount) {
        Some(sum) if sum.0.unsigned_abs() <= LARGEST.unsigned_abs() => Ok(sum),
        _ => Err(broken("the total is beyond ten million")),
    }
}

fn broken(why: impl Into<String>) -> PriceError {
    PriceError::Misbehaved(why.into())
}

#[cfg(test)]
mod tests;
