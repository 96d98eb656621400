//! Owns what people see of load control at one moment: every row with its limit and what flows
//! there, every EVSE with its limit and why it is no more. Must never decide.

use super::Load;
use super::tick::Room;
use crate::ids::TransactionId;
use crate::load::kernel::decide::WRITES_A_DAY;
use crate::load::legs::Legs;
use crate::load::rows::{EvseId, RowKind};
use crate::site::Site;
use crate::units::{Current, Timestamp};

/// Load control at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadView {
    /// When.
    pub at: Timestamp,
    /// In the order of the rows.
    pub rows: Vec<RowView>,
    /// In the order of the tree.
    pub evses: Vec<EvseView>,
    /// When it decided last.
    pub decided: Timestamp,
    /// When it decides next, if nothing happens.
    pub next: Option<Timestamp>,
}

/// A row at one moment. Currents are as the row counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowView {
    /// Its circuit.
    pub circuit: Box<str>,
    /// What it limits there.
    pub kind: RowKind,
    /// As people call it.
    pub name: Box<str>,
    /// The limit that holds; none where nothing limits it.
    pub limit: Option<Current>,
    /// What is not managed there.
    pub base: Current,
    /// What there is for the EVSEs.
    pub headroom: Current,
    /// What the EVSEs may be drawing.
    pub exposure: Current,
    /// What they are measured to draw.
    pub drawn: Current,
    /// Whether nothing is increased, because a meter is silent.
    pub bound: bool,
}

/// An EVSE at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvseView {
    /// Which.
    pub evse: EvseId,
    /// The transaction that runs there.
    pub transaction: Option<TransactionId>,
    /// Whether it may charge, and since when; or since when it waits.
    pub on: bool,
    /// See `on`.
    pub since: Timestamp,
    /// What its station has acknowledged, on each phase.
    pub limit: Current,
    /// Why it was given what it was told last, or why it waits; for people.
    pub reason: Box<str>,
    /// What it may be drawing.
    pub exposure: Current,
    /// What it was last measured to draw on its busiest phase, and when.
    pub drawn: Option<(Timestamp, Current)>,
    /// The legs that its car uses.
    pub legs: Legs,
    /// Whether it can be told a limit now.
    pub commandable: bool,
    /// Whether it draws more than it may, and is counted with that.
    pub disobedient: bool,
    /// How often its station was written to today.
    pub writes: u32,
    /// Whether that is as often as its budget of a day allows.
    pub over_budget: bool,
}

impl Site {
    /// Load control at a moment; none where the load is not controlled.
    pub fn load_view(&self, now: Timestamp) -> Option<LoadView> {
        Some(self.load()?.view(now))
    }
}

impl Load {
    fn view(&self, now: Timestamp) -> LoadView {
        let room = self.room(now);
        let rows = (0..self.rows.rows().len()).map(|row| self.row_view(row, now, &room));
        let evses = 0..self.evses.len() as u32;
        LoadView {
            at: now,
            rows: rows.collect(),
            evses: evses.map(|evse| self.evse_view(evse, now)).collect(),
            decided: self.decided,
            next: self.due,
        }
    }

    fn row_view(&self, index: usize, now: Timestamp, room: &Room) -> RowView {
        let row = &self.rows.rows()[index];
        let legs = |evse: u32| self.evses[evse as usize].legs;
        let exposure = |evse| (self.kernel.exposure(evse, now), legs(evse));
        let drawn = |evse| {
            let draw = self.kernel.draw(evse).and_then(|draw| draw.fresh(now));
            (draw.unwrap_or_default(), legs(evse))
        };
        RowView {
            circuit: (&*row.circuit).into(),
            kind: row.kind,
            name: row.to_string().into(),
            limit: Some(room.limits[index]).filter(|limit| limit.0 < i64::MAX),
            base: room.base[index],
            headroom: room.headroom[index],
            exposure: self.rows.load(index as u32, exposure),
            drawn: self.rows.load(index as u32, drawn),
            bound: room.bound[index],
        }
    }

    fn evse_view(&self, evse: u32, now: Timestamp) -> EvseView {
        let live = &self.evses[evse as usize];
        let id = self.rows.evses()[evse as usize].id.clone();
        let writes = self.kernel.station(&id.station).map_or(0, |known| known.writes(now));
        EvseView {
            transaction: self.kernel.transaction(evse).cloned(),
            on: live.on,
            since: live.since,
            limit: self.kernel.acknowledged(evse, now),
            reason: live.reason.clone(),
            exposure: self.kernel.exposure(evse, now),
            drawn: self.kernel.draw(evse).and_then(|draw| draw.last()),
            legs: live.legs,
            commandable: self.kernel.is_commandable(evse, now),
            disobedient: self.kernel.draw(evse).is_some_and(|draw| draw.is_disobedient()),
            writes,
            over_budget: writes >= WRITES_A_DAY,
            evse: id,
        }
    }
}
