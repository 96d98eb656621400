//! Owns when each subject wants to be asked again.
//! Must never read a clock.

use std::collections::BTreeSet;

use busbar_charging::units::Timestamp;

use crate::subjects::SlotId;

/// Every subject's next deadline, in order.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    order: BTreeSet<(Timestamp, SlotId)>,
}

impl Deadlines {
    /// Moves a subject's deadline.
    pub(crate) fn set(&mut self, slot: SlotId, old: Option<Timestamp>, new: Option<Timestamp>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.order.remove(&(old, slot));
        }
        if let Some(new) = new {
            self.order.insert((new, slot));
        }
    }

    /// The earliest of all.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The subjects that are due, earliest first.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<SlotId> {
        self.order.iter().take_while(|(at, _)| *at <= now).map(|(_, slot)| *slot).collect()
    }
}
