//! Owns the composite schedule: what a station is going to allow on an EVSE, second by second, as
//! its profiles stand. Must never look at what flows.

use super::{About, Amount, Cap, Limits, Period};
use crate::car::{DC_V, PHASE_V, Supply};

/// More changes than this are not told: a schedule of seconds over years.
const PERIODS_AT_MOST: usize = 1_000;

/// What an outlet is going to give, at most, from a moment on and for so many seconds; in tenths of
/// an ampere or of a watt. A change within a second is told at the next.
pub fn composite(
    limits: &Limits,
    about: About<'_>,
    supply: Supply,
    in_amperes: bool,
    from_ms: i64,
    seconds: i64,
) -> Vec<Period> {
    let mut periods: Vec<Period> = Vec::new();
    let mut start_s = 0;
    while start_s < seconds.max(1) && periods.len() < PERIODS_AT_MOST {
        let at_ms = from_ms + start_s * 1000;
        let (tenths, phases) = least(supply, limits.caps(about, at_ms), in_amperes);
        if periods.last().is_none_or(|last| (last.tenths, last.phases) != (tenths, phases)) {
            periods.push(Period { start_s, tenths, phases });
        }
        let Some(next_ms) = limits.next_change_ms(about, at_ms) else { break };
        start_s = (next_ms - from_ms + 999).div_euclid(1000);
    }
    periods
}

/// The least of an outlet's make and of its limits.
fn least(supply: Supply, caps: [Option<Cap>; 3], in_amperes: bool) -> (i64, Option<u8>) {
    let caps = caps.into_iter().flatten();
    let (phases, own) = match supply {
        Supply::Ac { phases, max_ma } => {
            let told = caps.clone().filter_map(|cap| cap.phases).min().unwrap_or(phases);
            (Some(phases.min(told).max(1)), Amount::Milliamperes(max_ma))
        }
        Supply::Dc { max_w } => (None, Amount::Watts(max_w)),
    };
    // A watt on alternating current is a watt over all phases in use.
    let volts = phases.map_or(DC_V, |phases| PHASE_V * i64::from(phases));
    let tenths = |amount| match (amount, in_amperes) {
        (Amount::Milliamperes(ma), true) => ma / 100,
        (Amount::Milliamperes(ma), false) => ma * volts / 100,
        (Amount::Watts(w), true) => w * 10 / volts,
        (Amount::Watts(w), false) => w * 10,
    };
    let all = caps.map(|cap| tenths(cap.amount)).chain([tenths(own)]);
    (all.min().unwrap_or(0), phases)
}
