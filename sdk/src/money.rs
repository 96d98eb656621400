//! Owns exact arithmetic on whole millionths. Must never use a float.

/// Millionths in one: of a currency, of a tax rate.
pub const ONE: i64 = 1_000_000;

/// `a * b / c`, rounded to the nearest whole and half away from zero; nothing when `c` is zero or
/// the result does not fit.
pub fn mul_div(a: i64, b: i64, c: i64) -> Option<i64> {
    if c == 0 {
        return None;
    }
    let product = i128::from(a) * i128::from(b);
    // In wasm a division of 128 bits costs some hundred times one of 64, and is hardly ever needed.
    let (quotient, remainder) = match i64::try_from(product) {
        Ok(product) if c != -1 => (i128::from(product / c), i128::from(product % c)),
        _ => {
            let quotient = product / i128::from(c);
            (quotient, product - quotient * i128::from(c))
        }
    };
    let away = if (product < 0) == (c < 0) { 1 } else { -1 };
    let rounded = match remainder.unsigned_abs() * 2 >= u128::from(c.unsigned_abs()) {
        true => quotient + away,
        false => quotient,
    };
    i64::try_from(rounded).ok()
}

#[cfg(test)]
mod tests {
    use super::mul_div;

    #[test]
    fn rounds_half_away_from_zero() {
        for (a, b, c, expected) in [
            (1, 1, 2, Some(1)),
            (-1, 1, 2, Some(-1)),
            (1, 1, 3, Some(0)),
            (2, 1, 3, Some(1)),
            (5, -1, 2, Some(-3)),
            (5, 1, -2, Some(-3)),
            (20_450_000, 250_000, 1_000_000, Some(5_112_500)),
            (i64::MAX, i64::MAX, i64::MAX, Some(i64::MAX)),
            (i64::MAX, 2, 1, None),
            (1, 1, 0, None),
            (i64::MIN, 1, -1, None),
            (i64::MAX, 3, 2, None),
            (i64::MAX, 2, 4, Some(4_611_686_018_427_387_904)),
            (7, 0, -3, Some(0)),
        ] {
            assert_eq!(mul_div(a, b, c), expected, "{a} * {b} / {c}");
        }
    }
}
