//! Owns the host of the fault model: a kernel, its journal, and the ways in which a host could be
//! wrong.

use crate::load::kernel::Kernel;
use crate::load::kernel::event::{Event, Returned, StationChange};
use crate::load::kernel::ledger::GRACE;
use crate::units::Millis;

/// A mistake that a host could make; each must be found by the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    None,
    /// What was sent counts as acknowledged.
    SentIsAcknowledged,
    /// An old limit is forgotten as soon as the new one is acknowledged.
    ForgetFalling,
    /// A station is given credit whatever it does with durations and whatever its clock shows.
    CreditAnyClock,
    /// What was sent is journalled a minute later.
    SendBeforeJournal,
}

/// A process that may die.
pub(super) struct Host {
    pub(super) kernel: Kernel,
    pub(super) broken: Break,
    snapshot: Kernel,
    journal: Vec<Event>,
}

impl Host {
    pub(super) fn new(broken: Break) -> Self {
        let kernel = Kernel::default();
        Self { snapshot: kernel.clone(), kernel, broken, journal: Vec::new() }
    }

    /// Journals an event and applies it.
    pub(super) fn learn(&mut self, event: Event) {
        let Some(event) = self.mistaken(event) else { return };
        self.kernel.apply(&event);
        self.journal.push(event.clone());
        if let (Break::SentIsAcknowledged, Event::Granted(granted)) = (self.broken, event) {
            let (at, evse, grant) = (granted.at, granted.evse.clone(), granted.grant);
            self.learn(Event::Returned { at, evse, grant, how: Returned::Accepted });
        }
        if self.journal.len() > 20_000 && self.broken != Break::SendBeforeJournal {
            self.journal.clear();
            self.snapshot = self.kernel.clone();
        }
    }

    fn mistaken(&self, mut event: Event) -> Option<Event> {
        match (self.broken, &mut event) {
            (Break::ForgetFalling, Event::Returned { at, how: Returned::Accepted, .. }) => {
                *at = at.plus(Millis(-GRACE.0));
            }
            (Break::CreditAnyClock, Event::Capable { capability, .. }) => {
                capability.keeps_durations = true;
            }
            (Break::CreditAnyClock, Event::Station { at, what, .. }) => match what {
                StationChange::Heard { reported } => *reported = *at,
                StationChange::Booted => return None,
                _ => {}
            },
            _ => {}
        }
        Some(event)
    }

    /// Dies and comes back: what the journal says is all that is left, and it is all there was.
    pub(super) fn crash(&mut self, at: crate::units::Timestamp) {
        let kept = match self.broken {
            Break::SendBeforeJournal => {
                let written = at.plus(Millis::from_secs(-60));
                self.journal.iter().take_while(|event| event.at() < written).count()
            }
            _ => self.journal.len(),
        };
        let mut replayed = self.snapshot.clone();
        self.journal[..kept].iter().for_each(|event| replayed.apply(event));
        if kept == self.journal.len() {
            assert_eq!(replayed, self.kernel, "replay gives another state");
        }
        self.journal.clear();
        self.snapshot = replayed.clone();
        self.kernel = replayed;
        self.learn(Event::Restarted { at, known: at });
    }
}
