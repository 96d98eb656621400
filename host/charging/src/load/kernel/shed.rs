//! Owns what the kernel takes from the wishes: a row that could not hold them, once all had
//! arrived, lowers them, the largest first, to one level. Must never raise a wish.

use super::station::Line;
use super::view::View;
use crate::units::Current;

/// In a row that is over its limit, one of so many decreases is taken to fail, the largest first:
/// the others go further down meanwhile, so that a lost message does not keep the row over.
const FAILS_ONE_OF: usize = 10;

/// What each EVSE can still be told.
#[derive(Clone, Copy)]
enum Steer {
    /// It can be told; it counts with no less than its fallback, whatever it is told, and draws no
    /// less than what its model can be told.
    Free { least: Current, lowest: Current },
    /// So much is on its way to it; it counts with no less than `least`.
    Sent { limit: Current, least: Current },
    /// It cannot be lowered now, and counts with so much.
    Fixed(Current),
}

/// By EVSE: the wish, or less where a row could not hold all of them.
pub(super) fn targets(view: &View<'_>, wishes: &[Current]) -> Vec<Current> {
    let mut shed = Shed::new(view, wishes);
    for row in 0..view.loads.len() {
        shed.row(view, row);
    }
    shed.targets
}

struct Shed {
    targets: Vec<Current>,
    steer: Vec<Steer>,
    /// By row: its EVSEs and their coefficients.
    members: Vec<Vec<(u32, i64)>>,
}

impl Shed {
    fn new(view: &View<'_>, wishes: &[Current]) -> Self {
        let mut members = vec![Vec::new(); view.loads.len()];
        let mut steer = Vec::new();
        for evse in view.evses() {
            steer.push(steer_of(view, evse));
            for (row, coefficient) in view.rows_of(evse).filter(|(_, part)| *part > 0) {
                members[row].push((evse, coefficient));
            }
        }
        let targets =
            view.evses().map(|evse| wishes.get(evse as usize).copied().unwrap_or_default());
        Self { targets: targets.collect(), steer, members }
    }

    fn row(&mut self, view: &View<'_>, row: usize) {
        let settled = |evse: u32, level: Current| match self.steer[evse as usize] {
            Steer::Free { least, .. } => self.targets[evse as usize].min(level).max(least),
            Steer::Sent { limit, least } => limit.max(least),
            Steer::Fixed(current) => current,
        };
        let told = |evse: u32, level: Current| match self.steer[evse as usize] {
            Steer::Free { lowest, .. } => self.targets[evse as usize].min(level).max(lowest),
            // A pause that is on its way is one: else all others were paused for it too.
            Steer::Sent { limit, .. } => limit,
            Steer::Fixed(current) => current,
        };
        let members = &self.members[row];
        let sum = |level: Current, counts: &dyn Fn(u32, Current) -> Current| -> i64 {
            members.iter().map(|(evse, part)| counts(*evse, level).0.saturating_mul(*part)).sum()
        };
        let room = view.room(row);
        let unlimited = Current(i64::MAX);
        let mut level = unlimited;
        if sum(level, &settled) > room {
            level = highest(|level| sum(level, &settled) <= room)
                // Not even the fallbacks fit: whoever listens is told less than his fallback.
                .or_else(|| highest(|level| sum(level, &told) <= room))
                .unwrap_or_default();
        }
        if view.loads[row] > view.room_now(row) {
            // Nobody is paused for a message that may be lost.
            let floor = self.floor(row);
            let room = room.saturating_sub(margin(view, members, |evse| settled(evse, level)));
            let lower = highest(|level| sum(level, &settled) <= room).unwrap_or_default();
            level = level.min(lower.max(floor));
        }
        if level < unlimited {
            for (evse, _) in &self.members[row] {
                let target = &mut self.targets[*evse as usize];
                *target = level.min(*target);
            }
        }
    }

    /// The highest of its members' fallbacks.
    fn floor(&self, row: usize) -> Current {
        let least = |(evse, _): &(u32, i64)| match self.steer[*evse as usize] {
            Steer::Free { least, .. } => Some(least),
            Steer::Sent { .. } | Steer::Fixed(_) => None,
        };
        self.members[row].iter().filter_map(least).max().unwrap_or_default()
    }
}

/// What may not fall in time, because its message is lost.
fn margin(view: &View<'_>, members: &[(u32, i64)], settled: impl Fn(u32) -> Current) -> i64 {
    let mut falls: Vec<_> = members
        .iter()
        .map(|(evse, part)| view.exposure[*evse as usize].minus(settled(*evse)).0 * part)
        .filter(|fall| *fall > 0)
        .collect();
    falls.sort_unstable_by(|one, other| other.cmp(one));
    falls.iter().take(falls.len().div_ceil(FAILS_ONE_OF)).sum()
}

fn steer_of(view: &View<'_>, evse: u32) -> Steer {
    let exposure = view.exposure[evse as usize];
    if !view.kernel.is_commandable(evse, view.now) {
        return Steer::Fixed(exposure);
    }
    let over =
        || view.rows_of(evse).any(|(row, part)| part > 0 && view.loads[row] > view.room_now(row));
    let known = &view.kernel.evses[evse as usize];
    let least = known.ledger.fallback();
    if let Line::Limit { evse: number, grant, .. } = view.kernel.station_of(known).line
        && over()
    {
        // Its line is taken for some seconds yet: it ends at what is on its way, no lower.
        let on_its_way = [super::Purpose::Default, super::Purpose::Transaction]
            .into_iter()
            .flat_map(|purpose| known.ledger.in_flight(purpose))
            .find(|held| number == known.id.evse && held.grant == grant);
        return match on_its_way {
            Some(held) if held.limit < exposure => Steer::Sent { limit: held.limit, least },
            _ => Steer::Fixed(exposure),
        };
    }
    let lowest = view.kernel.station_of(known).capability.writable(Current::ZERO);
    Steer::Free { least, lowest }
}

/// The highest level, in steps of 100 mA, for which it holds; none if it does not for zero.
fn highest(holds: impl Fn(Current) -> bool) -> Option<Current> {
    const STEP: i64 = 100;
    if !holds(Current::ZERO) {
        return None;
    }
    // Beyond ten thousand amperes nobody is limited.
    let (mut holds_at, mut fails_at) = (0, 10_000_000 / STEP);
    while fails_at - holds_at > 1 {
        let middle = i64::midpoint(holds_at, fails_at);
        if holds(Current(middle * STEP)) { holds_at = middle } else { fails_at = middle }
    }
    Some(Current(holds_at * STEP))
}
