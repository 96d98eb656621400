//! Owns the reading of decimals as they stand in the text of a document. Must never pass through
//! a binary fraction: 1.1 kWh is 1,100,000 mWh, not one less.

use serde_json::value::RawValue;

/// Larger or finer numbers are no quantity of a charging session.
const MOST_DIGITS: usize = 30;

/// Reads a JSON number, or a string that holds one, times ten to the power of `scale`, rounded
/// half away from zero.
pub(super) fn scaled(raw: &RawValue, scale: i32) -> Result<i64, String> {
    let text = raw.get().trim_matches('"').trim();
    parse(text, scale).ok_or_else(|| format!("{} is not a usable decimal", shown(raw)))
}

fn parse(text: &str, scale: i32) -> Option<i64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let is_number = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > MOST_DIGITS {
        return None;
    }
    let value: i128 = digits.parse().ok()?;
    let shift = exponent.checked_add(scale)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    let value = match (shift >= 0, power) {
        (true, Some(power)) => value.checked_mul(power)?,
        (true, None) if value != 0 => return None,
        (false, Some(power)) => (value + power / 2) / power,
        _ => 0,
    };
    i64::try_from(if negative { -value } else { value }).ok()
}

fn shown(raw: &RawValue) -> String {
    raw.get().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_digit_by_digit() {
        for (text, scale, value) in [
            ("20", 6, Some(20_000_000)),
            ("0.1", 6, Some(100_000)),
            ("1.0000000000000002", 6, Some(1_000_000)),
            ("0.1666666667", 9, Some(166_666_667)),
            ("-0.0056", 4, Some(-56)),
            ("1e-4", 6, Some(100)),
            ("4.2E1", 3, Some(42_000)),
            ("2.5", 0, Some(3)),
            ("-2.5", 0, Some(-3)),
            ("0e999", 6, Some(0)),
            ("1e-999", 6, Some(0)),
            ("1e999", 6, None),
            ("99999999999999999999", 6, None),
            ("", 6, None),
            (".5", 6, None),
            ("1.2.3", 6, None),
            ("+1", 6, None),
            ("1e99999999999", 6, None),
            ("NaN", 6, None),
        ] {
            assert_eq!(parse(text, scale), value, "{text}");
        }
    }
}
