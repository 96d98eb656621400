//! Owns the reading of JSON numbers as integers. Must never pass through a float.

/// The number times ten to the power of `places`, rounded half away from zero; `None` when it does
/// not fit.
pub(super) fn scaled(text: &str, places: u32) -> Option<i64> {
    let (number, dropped) = parts(text, places)?;
    let away = if text.starts_with('-') { -1 } else { 1 };
    number.checked_add(if dropped.half_or_more { away } else { 0 })
}

/// The number, when it is whole.
pub(super) fn whole(text: &str) -> Option<i64> {
    let (number, dropped) = parts(text, 0)?;
    (!dropped.any).then_some(number)
}

struct Dropped {
    any: bool,
    half_or_more: bool,
}

fn parts(text: &str, places: u32) -> Option<(i64, Dropped)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        // An exponent that does not fit 64 bits is as good as the largest that does.
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, mantissa),
    };
    let (units, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    // Digits before this place are kept.
    let kept = i64::try_from(units.len()).ok()? + exponent.saturating_add(i64::from(places));
    let mut number = 0_i64;
    let mut dropped = Dropped { any: false, half_or_more: false };
    let mut place = 0_i64;
    for digit in units.bytes().chain(fraction.bytes()).map(|byte| i64::from(byte - b'0')) {
        if place < kept {
            number = number.checked_mul(10)?.checked_add(sign * digit)?;
        } else {
            dropped.half_or_more |= place == kept && digit >= 5;
            dropped.any |= digit != 0;
        }
        place += 1;
    }
    while number != 0 && place < kept {
        number = number.checked_mul(10)?;
        place += 1;
    }
    Some((number, dropped))
}

fn exponent_of(text: &str) -> i64 {
    const FAR: i64 = i64::MAX / 4;
    match text.strip_prefix('-') {
        Some(digits) => -digits.parse().unwrap_or(FAR).min(FAR),
        None => text.trim_start_matches('+').parse().unwrap_or(FAR).min(FAR),
    }
}
