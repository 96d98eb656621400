//! Owns the question which rows are too full to let anyone wait for a price: held against it is
//! what the cars need that are there, and what cars would need that may still come. Must never
//! count on nobody coming: then waiting would cost energy, not money.

use super::{Car, Question};
use crate::load::legs::Legs;
use crate::units::{Current, Millis};

/// The car that may come to a free EVSE at any moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coming {
    /// It charges so long with all that the EVSE can give.
    pub charges: Millis,
    /// It stays so long.
    pub stays: Millis,
}

impl Default for Coming {
    /// An hour and a half at 11 kW are 16 kWh and at 22 kW 33, more than most charges take.
    fn default() -> Self {
        Self { charges: Millis::from_secs(90 * 60), stays: Millis::from_secs(8 * 60 * 60) }
    }
}

/// What a car takes of its rows, and by when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    evse: u32,
    legs: Legs,
    max: Current,
    /// Thousandths of slots at its most.
    need: i64,
    /// In slots.
    until: usize,
}

impl Need {
    pub(super) fn of(question: &Question<'_>, car: &Car, until: usize) -> Self {
        let need = car.need(question);
        Self { evse: car.evse, legs: car.legs, max: car.max, need, until }
    }
}

/// By row, whether what is needed by any time is more than so many thousandths of what the row can
/// give until then.
pub(super) fn scarce_rows(
    question: &Question<'_>,
    coming: Coming,
    thousandths: u32,
    mut needs: Vec<Need>,
) -> Vec<bool> {
    let slots = |time: Millis, per: i64| time.0.saturating_mul(per) / question.slot.0.max(1);
    for evse in question.free {
        if let Some(wiring) = question.rows.evses().get(*evse as usize) {
            needs.push(Need {
                evse: *evse,
                legs: Legs::UNKNOWN,
                max: wiring.max,
                need: slots(coming.charges, 1_000),
                until: slots(coming.stays, 1) as usize,
            });
        }
    }
    needs.sort_by_key(|need| need.until);
    let rows = question.rows.rows().len();
    let mut scarce: Vec<_> = (0..rows).map(|row| question.scarce.get(row) == Some(&true)).collect();
    let mut needed = vec![0_i64; rows];
    for need in needs {
        for (row, a) in question.rows.of_evse(need.evse, need.legs) {
            let row = row as usize;
            // mA times thousandths of slots.
            let part = i128::from(need.max.0) * i128::from(a) * i128::from(need.need) / 1_000;
            needed[row] = needed[row].saturating_add(i64::try_from(part).unwrap_or(i64::MAX));
            let headroom = question.headroom.get(row).map_or(0, |headroom| headroom.0.max(0));
            let can = i128::from(headroom) * need.until as i128 * i128::from(thousandths);
            scarce[row] |= a > 0 && i128::from(needed[row]) > can;
        }
    }
    scarce
}

/// Whether a car counts in none of the rows that are scarce.
pub(super) fn may_wait(question: &Question<'_>, car: &Car, scarce: &[bool]) -> bool {
    let mut rows = question.rows.of_evse(car.evse, car.legs);
    !rows.any(|(row, a)| a > 0 && scarce[row as usize])
}
