//! Owns how a sample becomes a `Reading`: measurand, context, unit and fixed point, once, at
//! decode. Must never go through a float, and never guess at what is billed: what cannot be read
//! for certain is `Unreadable` and held for review (OCPP.md rule 9).

use busbar_charging::fact::metering::{Measurand, Reading, ReadingContext, ReadingValue};
use busbar_charging::units::{Current, Energy, Power, Timestamp};
use busbar_ocpp::values::Number;

/// The measurand where none is named (PITFALLS 79).
const DEFAULT_MEASURAND: &str = "Energy.Active.Import.Register";

/// A sample of any version, in the texts of the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample<'a> {
    pub(crate) at: Timestamp,
    pub(crate) value: &'a str,
    pub(crate) multiplier: i64,
    pub(crate) unit: Option<&'a str>,
    pub(crate) measurand: Option<&'a str>,
    pub(crate) context: Option<&'a str>,
    pub(crate) phase: Option<&'a str>,
    pub(crate) location: Option<&'a str>,
}

impl Sample<'_> {
    /// The reading of a value that is a number.
    pub(crate) fn plain(&self) -> Reading {
        let value = self.number().unwrap_or_else(|| ReadingValue::Unreadable(self.as_it_came()));
        self.reading(value)
    }

    /// The reading of a value that is signed, kept byte for byte (PITFALLS 80 and 81).
    pub(crate) fn signed(
        &self,
        data: &str,
        method: Option<&str>,
        encoding: Option<&str>,
        public_key: Option<&str>,
    ) -> Reading {
        self.reading(ReadingValue::Signed {
            data: data.into(),
            method: method.map(Into::into),
            encoding: encoding.map(Into::into),
            public_key: public_key.map(Into::into),
        })
    }

    fn reading(&self, value: ReadingValue) -> Reading {
        Reading {
            at: self.at,
            context: context(self.context),
            measurand: measurand(self.measurand_name()),
            phase: self.phase.map(Into::into),
            location: self.location.filter(|place| *place != "Outlet").map(Into::into),
            value,
        }
    }

    fn measurand_name(&self) -> &str {
        self.measurand.unwrap_or(DEFAULT_MEASURAND)
    }

    fn number(&self) -> Option<ReadingValue> {
        let name = self.measurand_name();
        let unit = unit(self.unit, name);
        let fixed = |shift| fixed_point(self.value, self.multiplier.checked_add(shift)?);
        match measurand(name) {
            Measurand::EnergyImport | Measurand::EnergyImportInterval | Measurand::EnergyExport => {
                let shift = one_of(unit, &[("Wh", 3), ("kWh", 6)])?;
                fixed(shift).map(|value| ReadingValue::Energy(Energy(value)))
            }
            Measurand::PowerImport => {
                let shift = one_of(unit, &[("W", 0), ("kW", 3)])?;
                fixed(shift).map(|value| ReadingValue::Power(Power(value)))
            }
            Measurand::CurrentImport => {
                let shift = one_of(unit, &[("A", 3), ("mA", 0)])?;
                fixed(shift).map(|value| ReadingValue::Current(Current(value)))
            }
            Measurand::Voltage | Measurand::StateOfCharge | Measurand::Other(_) => {
                let thousandths = fixed(3)?;
                Some(ReadingValue::Other { thousandths, unit: unit.into() })
            }
        }
    }

    /// Value and unit, for the operator who reviews it.
    fn as_it_came(&self) -> Box<str> {
        match (self.unit, self.multiplier) {
            (None, 0) => self.value.into(),
            (unit, 0) => format!("{} {}", self.value, unit.unwrap_or_default()).into(),
            (unit, power) => {
                format!("{} x 10^{power} {}", self.value, unit.unwrap_or_default()).into()
            }
        }
    }
}

/// The register at a transaction's start or end in 1.6: whole watt-hours.
pub(crate) fn register(at: Timestamp, context: ReadingContext, watt_hours: i64) -> Reading {
    let value = watt_hours.checked_mul(1000).map_or_else(
        || ReadingValue::Unreadable(watt_hours.to_string().into()),
        |value| ReadingValue::Energy(Energy(value)),
    );
    let measurand = Measurand::EnergyImport;
    Reading { at, context, measurand, phase: None, location: None, value }
}

/// What a measurand's name means.
fn measurand(name: &str) -> Measurand {
    match name {
        DEFAULT_MEASURAND => Measurand::EnergyImport,
        "Energy.Active.Import.Interval" => Measurand::EnergyImportInterval,
        "Energy.Active.Export.Register" => Measurand::EnergyExport,
        "Power.Active.Import" => Measurand::PowerImport,
        "Current.Import" => Measurand::CurrentImport,
        "Voltage" => Measurand::Voltage,
        "SoC" => Measurand::StateOfCharge,
        other => Measurand::Other(other.into()),
    }
}

/// What a reading context's name means.
fn context(name: Option<&str>) -> ReadingContext {
    match name {
        Some("Transaction.Begin") => ReadingContext::Begin,
        Some("Transaction.End") => ReadingContext::End,
        _ => ReadingContext::Sample,
    }
}

/// The unit by its one name. Where none is named it is Wh for energy, which the texts say, and
/// for all else the only one that fits, which they leave open. `Hertz` and `Celcius` are other
/// spellings (QUIRKS Q51).
fn unit<'a>(name: Option<&'a str>, measurand: &str) -> &'a str {
    match name.map(str::trim).filter(|name| !name.is_empty()) {
        Some("Hertz") => "Hz",
        Some("Celcius") => "Celsius",
        Some("%") => "Percent",
        Some(name) => name,
        None if measurand.starts_with("Power.Factor") => "",
        None if measurand.starts_with("Power.") => "W",
        None if measurand.starts_with("Current.") => "A",
        None if measurand.starts_with("Voltage") => "V",
        None => match measurand {
            "SoC" => "Percent",
            "Frequency" => "Hz",
            "Temperature" => "Celsius",
            name if name == "RPM" || name.starts_with("Display.") => "",
            _ => "Wh",
        },
    }
}

/// The shift of a unit among those that a measurand may have. Capitals are not told apart where
/// no two units differ by them alone.
fn one_of(unit: &str, units: &[(&str, i64)]) -> Option<i64> {
    let same = |name: &str| name == unit || (name != "mA" && name.eq_ignore_ascii_case(unit));
    units.iter().find(|(name, _)| same(name)).map(|(_, shift)| *shift)
}

/// The decimal number `text` times 10^`shift`, rounded half away from zero: beyond a thousandth
/// of a watt-hour, stations send the noise of their floats. `None` when it is no number or does
/// not fit.
fn fixed_point(text: &str, shift: i64) -> Option<i64> {
    let text = text.trim();
    if let Some(value) = plain_number(text, shift) {
        return Some(value);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let power = exponent.checked_add(shift)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let digits = format!("{whole}{fraction}");
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    Number::new(&format!("{sign}{digits}e{power}")).ok()?.to_fixed_rounded(0)
}

/// What nearly every reading is: some digits, and no more after the point than are kept.
fn plain_number(text: &str, shift: i64) -> Option<i64> {
    const FITS: usize = 12;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.bytes().chain(fraction.bytes());
    if whole.is_empty() || text.len() > FITS || !digits.clone().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let zeros = shift.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let zeros = u32::try_from(zeros).ok().filter(|zeros| *zeros <= 6)?;
    let value = digits.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some(value * 10_i64.pow(zeros))
}

#[cfg(test)]
mod tests;
