//! Owns who would be given what at a moment, and why an EVSE gets no more, for people. Must never
//! say anything but what was found at that moment.

use std::cell::OnceCell;

use super::Load;
use super::held::DELAYED;
use super::tick::Room;
use crate::load::amount::Amps;
use crate::load::fill::{Explained, Filled, Filler, Reason, Settings};
use crate::load::kernel::decide::worth;
use crate::units::{Current, Timestamp};

/// So many that cannot be told are named.
const NAMED: usize = 2;

/// What was found at one moment.
pub(super) struct Found<'a> {
    pub(super) load: &'a Load,
    pub(super) now: Timestamp,
    pub(super) room: Room,
    pub(super) filled: Filled<'a>,
    /// By row: the EVSEs in it that cannot be told, and what they count with together.
    untold: OnceCell<Vec<Untold>>,
}

/// Who cannot be told in a row.
#[derive(Clone, Debug, Default)]
struct Untold {
    /// In microamperes.
    micros: i64,
    evses: Vec<u32>,
}

impl Load {
    /// Shares what there is at a moment.
    pub(super) fn found<'a>(&'a self, now: Timestamp, filler: &'a mut Filler) -> Found<'a> {
        let room = self.room(now);
        let settings = Settings { policy: self.config.policy, ..Settings::default() };
        let states = self.states(now);
        let to_share = self.to_share(&room, &states);
        let filled = filler.tick(&self.rows, &settings, now, &to_share, &states);
        Found { load: self, now, room, filled, untold: OnceCell::new() }
    }
}

impl Found<'_> {
    /// Why an EVSE is given what it is given.
    pub(super) fn reason(&self, evse: u32) -> String {
        let kernel = &self.load.kernel;
        if !kernel.is_commandable(evse, self.now) {
            return self.why_not_told(evse);
        }
        if kernel.transaction(evse).is_none() {
            return "no car charges".into();
        }
        if self.load.is_delayed(evse, self.now) {
            return DELAYED.into();
        }
        let Room { limits, headroom, .. } = &self.room;
        let Some(explained) = Explained::new(&self.filled, evse, &self.load.rows, limits, headroom)
        else {
            return String::new();
        };
        let mut reason = explained.to_string();
        if let Reason::Row(row) | Reason::Waiting(row) =
            self.filled.allocations[evse as usize].reason
        {
            reason += &self.untold_in(row);
        }
        reason
    }

    /// The same, and why it is told less than that, where it is.
    pub(super) fn standing(&self, evse: u32) -> String {
        let reason = self.reason(evse);
        let told = self.load.kernel.acknowledged(evse, self.now);
        let given = self.filled.allocations.get(evse as usize).map(|given| given.limit);
        let worth = worth(self.load.rows.evses()[evse as usize].max);
        let rises = given.is_some_and(|given| given.minus(told) >= worth);
        if !rises {
            return reason;
        }
        let legs = self.load.legs(evse, self.now);
        let mut rows = self.load.rows.of_evse(evse, legs).filter(|(_, part)| *part > 0);
        let silent = rows.find(|(row, _)| self.room.bound[*row as usize]);
        let told = Amps(told);
        match silent.and_then(|(row, _)| self.load.rows.rows().get(row as usize)) {
            Some(row) => format!("{reason}; held at {told} while the meter of {row} is silent"),
            None => format!("{reason}; told {told} so far"),
        }
    }

    fn why_not_told(&self, evse: u32) -> String {
        let kernel = &self.load.kernel;
        let counted = Amps(kernel.exposure(evse, self.now));
        let known = kernel.station(&self.load.rows.evses()[evse as usize].id.station);
        let draw = kernel.draw(evse);
        let why = match draw {
            _ if known.is_none_or(|known| !known.connected()) => {
                "the station is not connected at this site, or was not accepted"
            }
            _ if known.is_some_and(|known| known.faulted()) => "the station is faulted",
            Some(draw) if draw.claimed().is_some() => {
                "the station says that it allows more than it was told"
            }
            Some(draw) if draw.is_disobedient() => "it drew more than it was told",
            _ => "the station does not answer",
        };
        format!("counts with {counted}: {why}")
    }

    /// Who in a row cannot be told, where anyone who counts with something.
    fn untold_in(&self, row: u32) -> String {
        let untold = self.untold.get_or_init(|| self.untold());
        let (Some(untold), Some(known)) =
            (untold.get(row as usize), self.load.rows.rows().get(row as usize))
        else {
            return String::new();
        };
        if untold.evses.is_empty() {
            return String::new();
        }
        let id = |evse: &u32| self.load.rows.evses()[*evse as usize].id.to_string();
        let mut names: Vec<_> = untold.evses.iter().take(NAMED).map(id).collect();
        let more = untold.evses.len() - names.len();
        if more > 0 {
            names.push(format!("{more} more"));
        }
        let last = names.pop().unwrap_or_default();
        let names =
            if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) };
        let counted = known.shown(Current(untold.micros / 1_000));
        format!(", {counted} of it for {names} that cannot be told")
    }

    fn untold(&self) -> Vec<Untold> {
        let Self { load, now, .. } = self;
        let mut rows = vec![Untold::default(); load.rows.rows().len()];
        for evse in 0..load.evses.len() as u32 {
            let counted = load.kernel.settled_exposure(evse, *now);
            if load.kernel.is_commandable(evse, *now) || counted <= Current::ZERO {
                continue;
            }
            let of_evse = load.rows.of_evse(evse, load.legs(evse, *now));
            for (row, part) in of_evse.filter(|(_, part)| *part > 0) {
                let untold = &mut rows[row as usize];
                untold.evses.push(evse);
                let counts = counted.0.saturating_mul(i64::from(part));
                untold.micros = untold.micros.saturating_add(counts);
            }
        }
        rows
    }
}
