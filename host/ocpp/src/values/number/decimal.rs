//! The value of a decimal number's text.
//!
//! Owns the arithmetic. Must never overflow or take time that grows with an exponent.

use std::cmp::Ordering;

/// A number as `±digits × 10^exponent`, without zeros at the end of the digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    negative: bool,
    /// The first [`KEPT`] digits.
    digits: u128,
    /// How many digits `digits` has; none for zero.
    kept: i64,
    /// Whether there are more digits than are kept.
    more: bool,
    /// Power of ten of the last digit that is kept.
    exponent: i64,
    /// Power of ten of the last digit that there is.
    last: i64,
}

/// How many digits fit a `u128` for certain.
const KEPT: i64 = 38;

impl Decimal {
    /// Reads the text of a JSON number. Anything else gives some number, never a panic.
    pub(crate) fn of(text: &str) -> Self {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], read_exponent(&text[at + 1..])),
            None => (text, 0),
        };
        let negative = mantissa.starts_with('-');
        let (whole, fraction) =
            mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('-');
        let all = || whole.bytes().chain(fraction.bytes());
        let leading = all().take_while(|b| *b == b'0').count();
        let trailing = all().rev().take_while(|b| *b == b'0').count();
        let count = all().count();
        let used = count.saturating_sub(leading).saturating_sub(trailing);
        let last = exponent.saturating_sub(to_i64(fraction.len())).saturating_add(if used == 0 {
            0
        } else {
            to_i64(trailing)
        });
        let kept = to_i64(used).min(KEPT);
        let digits = all()
            .skip(leading)
            .take(usize::try_from(kept).unwrap_or_default())
            .fold(0u128, |sum, b| sum * 10 + u128::from(b.wrapping_sub(b'0') % 10));
        let dropped = to_i64(used) - kept;
        let exponent = last.saturating_add(dropped);
        Self { negative, digits, kept, more: dropped > 0, exponent, last }
    }

    /// Whether it is below zero.
    pub(crate) fn negative(self) -> bool {
        self.negative && self.kept > 0
    }

    /// Whether it is a multiple of 10^`power`.
    pub(crate) fn is_multiple_of_power(self, power: i64) -> bool {
        self.kept == 0 || self.last >= power
    }

    /// Itself times 10^`places`, if that is an integer of 64 bits.
    pub(crate) fn to_fixed(self, places: u32) -> Option<i64> {
        if self.is_multiple_of_power(-i64::from(places)) {
            self.to_fixed_rounded(places)
        } else {
            None
        }
    }

    /// Itself times 10^`places`, rounded half away from zero, if that fits 64 bits.
    pub(crate) fn to_fixed_rounded(self, places: u32) -> Option<i64> {
        if self.kept == 0 {
            return Some(0);
        }
        let shift = self.exponent.saturating_add(i64::from(places));
        let size = if shift >= 0 {
            self.digits.checked_mul(power_of_ten(shift)?)?
        } else {
            match power_of_ten(shift.saturating_neg()) {
                Some(divisor) => self.digits / divisor + self.digits % divisor / (divisor / 2),
                None => 0,
            }
        };
        let size = i128::try_from(size).ok()?;
        i64::try_from(if self.negative { -size } else { size }).ok()
    }

    /// How it compares with an integer.
    pub(crate) fn compare(self, other: i64) -> Ordering {
        let sign = match (self.kept, self.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        if sign != other.signum() || sign == 0 {
            return sign.cmp(&other.signum());
        }
        let size = self.compare_size(u128::from(other.unsigned_abs()));
        if sign < 0 { size.reverse() } else { size }
    }

    /// How its absolute value compares with `other`, when both are above zero.
    fn compare_size(self, other: u128) -> Ordering {
        if self.exponent >= 0 {
            // With digits beyond those kept it has more than any `other` to begin with.
            let size = power_of_ten(self.exponent).and_then(|p| self.digits.checked_mul(p));
            return size.map_or(Ordering::Greater, |size| size.cmp(&other));
        }
        let beyond = if self.more { Ordering::Greater } else { Ordering::Equal };
        let scaled =
            power_of_ten(self.exponent.saturating_neg()).and_then(|p| other.checked_mul(p));
        scaled.map_or(Ordering::Less, |scaled| self.digits.cmp(&scaled).then(beyond))
    }
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn power_of_ten(exponent: i64) -> Option<u128> {
    10u128.checked_pow(u32::try_from(exponent).ok()?)
}

/// The exponent of a number; one that no 64 bits hold is as good as infinite.
fn read_exponent(text: &str) -> i64 {
    let limit = i64::MAX / 4;
    text.parse().unwrap_or(if text.starts_with('-') { -limit } else { limit }).clamp(-limit, limit)
}

/// Writes `units` / 10^`places` with no zeros at its end.
pub(super) fn write_fixed(units: i64, places: u32) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let width = usize::try_from(places).unwrap_or_default();
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = width + 1);
    let (whole, fraction) = digits.split_at(digits.len() - width);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}
