//! Owns the arithmetic of a bill's line, so that every amount is its quantity times its unit price
//! within a millionth, and taxes add up. Must never round to cents: the host does, once.

use crate::money::{ONE, mul_div};
use crate::{Dimension, Error, Line, QuantityUnit, Session, Tax};

impl QuantityUnit {
    /// How many of the quantity make one unit of the unit price: mWh in a kWh, ms in an hour.
    pub fn per_unit_price(self) -> i64 {
        match self {
            Self::Energy => 1_000_000,
            Self::Time => 3_600_000,
            Self::Count => 1_000,
        }
    }
}

impl Line {
    /// A line over the whole session: `quantity` in mWh, ms or thousandths of one, `unit_price` in
    /// millionths of the currency per kWh, hour or one.
    ///
    /// # Errors
    /// [`Error::InvalidSession`] when the amount does not fit.
    pub fn new(
        dimension: Dimension,
        quantity: i64,
        unit: QuantityUnit,
        unit_price: i64,
        session: &Session,
    ) -> Result<Self, Error> {
        let amount = mul_div(quantity, unit_price, unit.per_unit_price()).ok_or_else(too_large)?;
        Ok(Self {
            dimension,
            description: String::new(),
            quantity,
            unit,
            unit_price,
            amount,
            tax_included: false,
            taxes: vec![],
            start: session.start,
            end: session.end,
        })
    }

    /// A line for energy in mWh, at a price per kWh.
    ///
    /// # Errors
    /// [`Error::InvalidSession`] when the amount does not fit.
    pub fn energy(quantity: u64, unit_price: i64, session: &Session) -> Result<Self, Error> {
        let quantity = i64::try_from(quantity).map_err(|_| too_large())?;
        Self::new(Dimension::Energy, quantity, QuantityUnit::Energy, unit_price, session)
    }

    /// A line for a fee that is due once.
    ///
    /// # Errors
    /// [`Error::InvalidSession`] when the amount does not fit.
    pub fn flat(price: i64, session: &Session) -> Result<Self, Error> {
        Self::new(Dimension::Flat, 1_000, QuantityUnit::Count, price, session)
    }

    /// The line in a driver's words.
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The line over a part of the session only: from `start` up to `end`.
    pub fn during(mut self, start: i64, end: i64) -> Self {
        (self.start, self.end) = (start, end);
        self
    }

    /// The line with taxes added on top of its amount; each rate in millionths.
    ///
    /// # Errors
    /// [`Error::InvalidSession`] when a tax does not fit.
    pub fn plus_taxes(mut self, rates: &[(&str, i64)]) -> Result<Self, Error> {
        self.tax_included = false;
        self.taxes = rates
            .iter()
            .map(|&(name, rate)| {
                let amount = mul_div(self.amount, rate, ONE).ok_or_else(too_large)?;
                Ok(Tax { name: name.into(), rate, amount })
            })
            .collect::<Result<_, Error>>()?;
        Ok(self)
    }

    /// The line with taxes that its amount already contains; each rate in millionths.
    ///
    /// # Errors
    /// [`Error::InvalidSession`] when a tax does not fit.
    pub fn with_taxes_inside(mut self, rates: &[(&str, i64)]) -> Result<Self, Error> {
        self.tax_included = true;
        let gross_rate = rates.iter().try_fold(ONE, |sum, (_, rate)| sum.checked_add(*rate));
        let gross_rate = gross_rate.ok_or_else(too_large)?;
        self.taxes = rates
            .iter()
            .map(|&(name, rate)| {
                let amount = mul_div(self.amount, rate, gross_rate).ok_or_else(too_large)?;
                Ok(Tax { name: name.into(), rate, amount })
            })
            .collect::<Result<_, Error>>()?;
        Ok(self)
    }
}

impl Session {
    /// Energy of all periods, in mWh.
    ///
    /// # Errors
    /// [`Error::InvalidSession`] when the sum does not fit.
    pub fn energy(&self) -> Result<u64, Error> {
        let mut energies = self.periods.iter().map(|period| period.energy);
        energies.try_fold(0_u64, u64::checked_add).ok_or_else(too_large)
    }
}

fn too_large() -> Error {
    Error::session("periods", "an amount is too large")
}

#[cfg(test)]
mod tests;
