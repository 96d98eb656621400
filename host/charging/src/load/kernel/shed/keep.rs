//! Owns which decreases are worth a message: a limit that is to fall by little, or to what its car
//! does not reach anyway, stays as it is while every row holds it, so that a base load that moves
//! does not wear out the memory of every station; where a row does not, a few go down by a whole
//! step instead of all by a fraction. Must never keep a limit that a row cannot hold, nor one that
//! keeps another waiting.

use super::{Shed, largest, margin};
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
        let mut failing = 0;
        if is_over {
            self.list(view, row);
            failing = margin(view, &self.members, &mut self.falls);
        }
        // Who is alone is not counted on to fail.
        let may_fail = is_over && self.members.len() > 1;
        for place in 0..self.kept.len() {
            if self.sums[row].saturating_add(failing) <= room {
                return;
            }
            let Kept { evse, told, lower, .. } = self.kept[place];
            let part = view.rows_of(evse).find(|(of, part)| *of == row && *part > 0);
            let Some((_, part)) = part.filter(|_| self.targets[evse as usize] == told) else {
                continue;
            };
            self.move_to(view, evse, lower);
            if may_fail {
                let (exposure, steer) = (view.exposure[evse as usize], &self.steer[evse as usize]);
                let fall = |to| exposure.minus(steer.settled(to)).0.saturating_mul(part);
                replace(&mut self.falls, fall(told), fall(lower));
                failing = largest(&self.falls);
            }
        }
    }
}

/// One of the falls becomes another; those that are none are not among them.
fn replace(falls: &mut Vec<i64>, old: i64, new: i64) {
    let place = |falls: &[i64], one: i64| falls.partition_point(|fall| *fall > one);
    if old > 0 {
        falls.remove(place(falls, old));
    }
    if new > 0 {
        falls.insert(place(falls, new), new);
    }
}
