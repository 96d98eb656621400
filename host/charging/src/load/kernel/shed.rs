//! Owns what the kernel takes from the wishes: a row that could not hold them, once all had
//! arrived, lowers them, the largest first, to one level. Whoever charges is lowered to what his
//! car needs and no further while that is enough; then some are paused, and not all. Must never
//! raise a wish.

mod keep;

use self::keep::Kept;
use super::station::Line;
use super::view::View;
use crate::units::Current;

/// In a row that is over its limit, one of so many decreases is taken to fail, the largest first:
/// the others go further down meanwhile, so that a lost message does not keep the row over.
const FAILS_ONE_OF: usize = 10;

/// Limits are looked for in steps of 100 mA.
const STEP: i64 = 100;

/// What an EVSE can still be told.
#[derive(Clone, Copy, Debug)]
struct Steer {
    /// It counts with no less than this, whatever it is told.
    least: Current,
    /// Told less than this it pauses.
    needs: Current,
    /// It draws no less than this, whatever it is told.
    lowest: Current,
    /// It cannot be lowered now, and counts with so much.
    fixed: Option<Current>,
    /// So much is on its way to it.
    sent: Option<Current>,
}

/// One EVSE in the row that is looked at, in mA.
#[derive(Clone, Copy, Debug)]
struct Member {
    evse: u32,
    part: i64,
    target: i64,
    /// It is lowered no further than this, unless it is paused.
    floor: i64,
    least: i64,
    lowest: i64,
    fixed: Option<i64>,
    sent: Option<i64>,
}

/// Memory of a decision's targets and, after `targets`, their result.
#[derive(Debug, Default)]
pub(super) struct Shed {
    /// By EVSE: the wish, or less where a row could not hold all of them.
    pub(super) targets: Vec<Current>,
    steer: Vec<Steer>,
    /// By row, in microamperes: what the targets add up to.
    sums: Vec<i64>,
    members: Vec<Member>,
    falls: Vec<i64>,
    kept: Vec<Kept>,
    /// By row: whether someone waits for room in it.
    waits: Vec<bool>,
}

impl Shed {
    /// Lowers wishes where a row could not hold all of them.
    pub(super) fn targets(&mut self, view: &View<'_>, wishes: impl Iterator<Item = Current>) {
        self.targets.clear();
        self.targets.extend(wishes);
        self.steer.clear();
        self.steer.extend(view.evses().map(|evse| steer_of(view, evse)));
        let Self { targets, steer, sums, .. } = self;
        view.sums(sums, |evse| steer[evse as usize].settled(targets[evse as usize]));
        for row in 0..view.loads.len() {
            let is_over = view.loads[row] > view.room_now(row);
            if is_over || self.sums[row] > view.room(row) {
                self.row(view, row, is_over);
            }
        }
    }

    fn row(&mut self, view: &View<'_>, row: usize, is_over: bool) {
        self.list(view, row);
        let members = &mut self.members;
        let room = view.room(row);
        if settled(members, i64::MAX) > room {
            fit(members, room);
        }
        if is_over {
            // Nobody is paused for a message that may be lost.
            let room = room.saturating_sub(margin(view, members, &mut self.falls));
            let level = highest(members, |level| settled(members, level) <= room);
            lower(members, level.unwrap_or_default());
        }
        for place in 0..self.members.len() {
            let Member { evse, target, .. } = self.members[place];
            self.move_to(view, evse, Current(target));
        }
    }

    /// Another target, and what the rows add up to with it.
    fn move_to(&mut self, view: &View<'_>, evse: u32, target: Current) {
        let steer = &self.steer[evse as usize];
        let more = steer.settled(target).0 - steer.settled(self.targets[evse as usize]).0;
        self.targets[evse as usize] = target;
        if more != 0 {
            for (row, part) in view.rows_of(evse) {
                self.sums[row] = self.sums[row].saturating_add(more.saturating_mul(part));
            }
        }
    }

    fn list(&mut self, view: &View<'_>, row: usize) {
        let legs = |evse: u32| view.site.legs.get(evse as usize).copied().unwrap_or_default();
        let there = view.site.rows.of_row(row as u32, legs);
        let known = there.filter(|(evse, part)| *part > 0 && view.evses().contains(evse));
        let (targets, steer) = (&self.targets, &self.steer);
        self.members.clear();
        self.members.extend(known.map(|(evse, part)| {
            let (target, steer) = (targets[evse as usize], &steer[evse as usize]);
            let charges = target >= steer.needs;
            Member {
                evse,
                part: i64::from(part),
                target: target.0,
                floor: if charges { steer.needs.max(steer.least) } else { steer.least }.0,
                least: steer.least.0,
                lowest: steer.lowest.0,
                fixed: steer.fixed.map(|current| current.0),
                sent: steer.sent.map(|current| current.0),
            }
        }));
    }
}

impl Steer {
    /// What it counts with once it was told so much.
    fn settled(&self, target: Current) -> Current {
        self.fixed.unwrap_or(target.max(self.least))
    }
}

impl Member {
    /// Its target in a row that is lowered to a level.
    fn lowered(&self, level: i64) -> i64 {
        self.target.min(level.max(self.floor))
    }

    fn counts(&self, level: i64) -> i64 {
        let current = self.fixed.unwrap_or_else(|| self.lowered(level).max(self.least));
        current.saturating_mul(self.part)
    }
}

/// What they add up to when the row is lowered to a level.
fn settled(members: &[Member], level: i64) -> i64 {
    members.iter().map(|member| member.counts(level)).sum()
}

fn lower(members: &mut [Member], level: i64) {
    members.iter_mut().for_each(|member| member.target = member.lowered(level));
}

/// Lowers members until the row holds them: all to what they need, then some to nothing, those
/// first who wish least, and the last of them.
fn fit(members: &mut [Member], room: i64) {
    let mut sum = settled(members, 0);
    if sum > room {
        members.sort_unstable_by_key(|member| (member.target, std::cmp::Reverse(member.evse)));
        for member in members.iter_mut().filter(|member| member.fixed.is_none()) {
            let paused = member.least.saturating_mul(member.part);
            let less = member.counts(0) - paused;
            if sum > room && less > 0 {
                (member.target, member.floor) = (0, 0);
                sum -= less;
            }
        }
    }
    if let Some(level) = highest(members, |level| settled(members, level) <= room) {
        return lower(members, level);
    }
    // Not even the fallbacks fit: whoever listens is told less than his fallback.
    let told = |level: i64| -> i64 {
        let current = |member: &Member| {
            // A pause that is on its way is one: else all others were paused for it too.
            let fixed = member.sent.or(member.fixed);
            fixed.unwrap_or(member.target.min(level).max(member.lowest))
        };
        members.iter().map(|member| current(member).saturating_mul(member.part)).sum()
    };
    let level = highest(members, |level| told(level) <= room).unwrap_or_default();
    members.iter_mut().for_each(|member| member.target = member.target.min(level));
}

/// What may not fall in time, because its message is lost. Who is alone in a row cannot make up for
/// his own message: he would only be told less than there is.
fn margin(view: &View<'_>, members: &[Member], falls: &mut Vec<i64>) -> i64 {
    if members.len() == 1 {
        return 0;
    }
    falls.clear();
    let fall = |member: &Member| {
        let to = member.fixed.unwrap_or(member.target.max(member.least));
        (view.exposure[member.evse as usize].0 - to).saturating_mul(member.part)
    };
    falls.extend(members.iter().map(fall).filter(|fall| *fall > 0));
    falls.sort_unstable_by(|one, other| other.cmp(one));
    largest(falls)
}

/// The sum of those that are taken to fail, of falls in order, the largest first.
fn largest(falls: &[i64]) -> i64 {
    falls.iter().take(falls.len().div_ceil(FAILS_ONE_OF)).sum()
}

fn steer_of(view: &View<'_>, evse: u32) -> Steer {
    let settled = || view.kernel.settled_exposure(evse, view.now);
    let known = &view.kernel.evses[evse as usize];
    let station = view.kernel.station_of(known);
    let least = known.ledger.fallback();
    let step = station.capability.step.0.max(STEP);
    let minimum = view.site.rows.evses()[evse as usize].min.max(station.capability.minimum);
    let needs = Current((minimum.0.max(0) + step - 1) / step * step);
    let lowest = station.capability.writable(Current::ZERO);
    let steer = |fixed| Steer { least, needs, lowest, fixed, sent: None };
    if !view.kernel.is_commandable(evse, view.now) {
        return steer(Some(settled()));
    }
    let over =
        || view.rows_of(evse).any(|(row, part)| part > 0 && view.loads[row] > view.room_now(row));
    match station.line {
        Line::Limit { evse: number, grant, .. } if over() => {
            // Its line is taken for some seconds yet: it ends at what is on its way, no lower.
            let on_its_way = [super::Purpose::Default, super::Purpose::Transaction]
                .into_iter()
                .flat_map(|purpose| known.ledger.in_flight(purpose))
                .find(|held| number == known.id.evse && held.grant == grant);
            match on_its_way {
                Some(held) if held.limit < settled() => {
                    Steer { sent: Some(held.limit), ..steer(Some(held.limit.max(least))) }
                }
                _ => steer(Some(settled())),
            }
        }
        Line::Taken { .. } if over() => steer(Some(settled())),
        _ => steer(None),
    }
}

/// The highest level, in steps of 100 mA, for which it holds; none if it does not for zero.
fn highest(members: &[Member], holds: impl Fn(i64) -> bool) -> Option<i64> {
    if !holds(0) {
        return None;
    }
    // Above all targets nobody is lowered.
    let most = members.iter().map(|member| member.target).max().unwrap_or_default();
    let (mut holds_at, mut fails_at) = (0, most.max(0) / STEP + 2);
    while fails_at - holds_at > 1 {
        let middle = i64::midpoint(holds_at, fails_at);
        if holds(middle * STEP) { holds_at = middle } else { fails_at = middle }
    }
    Some(holds_at * STEP)
}
