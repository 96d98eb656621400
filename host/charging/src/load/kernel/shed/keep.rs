//! Owns which decreases are worth a message: a limit that is to fall by little, or to what its car
//! does not reach anyway, stays as it is while every row holds it, so that a base load that moves
//! does not wear out the memory of every station; where a row does not, a few go down by a whole
//! step instead of all by a fraction. Must never keep a limit that a row cannot hold, nor one that
//! keeps another waiting.

use super::{Shed, margin};
use crate::load::kernel::decide::{waits, worth};
use crate::load::kernel::view::View;
use crate::units::Current;

/// A limit that could stay as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    evse: u32,
    /// What it is told now.
    told: Current,
    /// What it is to be told.
    target: Current,
    /// What it is told at once where its limit falls, so that the next fall is not a message.
    lower: Current,
}

impl Shed {
    /// After `targets`: raises those to what is told now that are only a little lower, where the
    /// rows hold it.
    pub(in crate::load::kernel) fn keep(&mut self, view: &View<'_>) {
        self.kept.clear();
        self.waits.clear();
        self.waits.resize(view.loads.len(), false);
        for evse in view.evses() {
            let known = &view.kernel.evses[evse as usize];
            let told = view.kernel.commanded(known, view.now);
            let target = self.targets[evse as usize];
            if target > told {
                if waits(view.kernel, view.now, known, target) {
                    view.rows_of(evse).filter(|(_, part)| *part > 0).for_each(|(row, _)| {
                        self.waits[row] = true;
                    });
                }
                continue;
            }
            let worth = worth(known.maximum);
            let steer = &self.steer[evse as usize];
            let falls = told.minus(target);
            // What its car does not take anyway need not be said before somebody else wants it.
            let bites = known.draw.fresh(view.now).is_none_or(|draw| draw > target);
            let stays = falls.0 > 0 && target >= steer.needs && (falls < worth || !bites);
            if stays && steer.fixed.is_none() {
                let lower = told.minus(worth).max(steer.needs.max(steer.least)).min(target);
                self.kept.push(Kept { evse, told, target, lower });
                self.move_to(view, evse, told);
            }
        }
        if self.kept.is_empty() {
            return;
        }
        // Who falls most is lowered first.
        self.kept.sort_unstable_by_key(|kept| (kept.target.minus(kept.told), kept.evse));
        for row in 0..view.loads.len() {
            self.lower_in(view, row);
        }
    }

    /// Lowers those who stayed, one after the other, until a row holds the rest.
    fn lower_in(&mut self, view: &View<'_>, row: usize) {
        let is_over = view.loads[row] > view.room_now(row);
        let room = if self.waits[row] { view.lasting(row) } else { view.room(row) };
        if self.sums[row] <= room && !is_over {
            return;
        }
        // What may not fall in time is looked at where a row is over already.
        let mut failing = if is_over { self.failing(view, row) } else { 0 };
        for place in 0..self.kept.len() {
            if self.sums[row].saturating_add(failing) <= room {
                return;
            }
            let kept = self.kept[place];
            let counts = view.rows_of(kept.evse).any(|(of, part)| of == row && part > 0);
            if counts && self.targets[kept.evse as usize] == kept.told {
                self.move_to(view, kept.evse, kept.lower);
                if is_over {
                    failing = self.failing(view, row);
                }
            }
        }
    }

    fn failing(&mut self, view: &View<'_>, row: usize) -> i64 {
        self.list(view, row);
        margin(view, &self.members, &mut self.falls)
    }

    /// Another target, and what the rows add up to with it.
    fn move_to(&mut self, view: &View<'_>, evse: u32, target: Current) {
        let steer = &self.steer[evse as usize];
        let more = steer.settled(target).0 - steer.settled(self.targets[evse as usize]).0;
        self.targets[evse as usize] = target;
        for (row, part) in view.rows_of(evse) {
            self.sums[row] = self.sums[row].saturating_add(more.saturating_mul(part));
        }
    }
}
