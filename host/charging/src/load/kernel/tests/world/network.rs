//! Owns the lines between the host and its stations: calls in order, each with its delay, some
//! lost; messages of stations, kept while they are offline; operators' slow calls.

use super::World;
use crate::load::kernel::decide::Send;
use crate::load::kernel::event::{Event, EvseChange, Returned, StationChange};
use crate::load::kernel::ledger::GrantId;
use crate::load::kernel::profile::Profile;
use crate::units::{Millis, Timestamp};

/// A call on its way to a station.
#[derive(Clone, Debug)]
pub(super) struct Transit {
    arrives: Timestamp,
    generation: u64,
    grant: GrantId,
    profile: Profile,
    /// When the answer is there; none if it is lost.
    answered: Option<Timestamp>,
}

/// The one open call of a station, as the host sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Of a limit; none for an operator's call.
    grant: Option<GrantId>,
    ends: Timestamp,
    how: Returned,
}

/// A message on its way to the host.
#[derive(Clone, Debug)]
pub(super) struct Message {
    arrives: Timestamp,
    station: usize,
    generation: u64,
    reported: Timestamp,
    what: Option<EvseChange>,
}

/// `link` gives a call up after so long.
const TIMEOUT: Millis = Millis::from_secs(30);

impl World {
    /// A call leaves: it takes one to ten seconds there and back, and may be lost on either way.
    pub(super) fn transmit(&mut self, n: usize, send: Send) {
        let trip = self.random.between(1_000, 10_000);
        let there = self.random.between(200, trip - 200);
        let after_last = self.transit[n].back().map_or(self.now, |last| last.arrives);
        let arrives = self.now.plus(Millis(there)).max(after_last);
        let lost = self.random.per_mille(self.setting.loss_per_mille);
        let lost_there = lost && self.random.per_mille(500);
        let answer = arrives.plus(Millis(trip - there));
        if !lost_there {
            self.transit[n].push_back(Transit {
                arrives,
                generation: self.stations[n].generation,
                grant: send.granted.grant,
                profile: send.profile,
                answered: (!lost).then_some(answer),
            });
        }
        let is_broken = self.setting.broken != super::super::host::Break::None;
        assert!(self.open[n].is_none() || is_broken, "two open calls on one line");
        let ends = self.now.plus(TIMEOUT);
        self.open[n] =
            Some(Open { grant: Some(send.granted.grant), ends, how: Returned::TimedOut });
    }

    /// An operator asks a station something; a slow one may take more than half a minute.
    pub(super) fn operator_calls(&mut self, n: usize) {
        let next = self.random.between(1_800, 5_400);
        self.events[n].operator = self.now.plus(Millis::from_secs(next));
        let is_free = self.open[n].is_none() && self.knows(n) && self.is_up();
        if is_free {
            let ends = self.now.plus(Millis::from_secs(self.random.between(1, 40)));
            self.open[n] = Some(Open { grant: None, ends, how: Returned::Accepted });
            self.tell(n, StationChange::LineTaken);
        }
    }

    /// The host gives up an open call.
    pub(super) fn give_up(&mut self, n: usize) {
        if let Some(open) = self.open[n].take() {
            self.end(n, open, Returned::TimedOut);
        }
    }

    /// What arrives in this second.
    pub(super) fn network(&mut self) {
        for n in 0..self.stations.len() {
            while self.transit[n].front().is_some_and(|call| call.arrives <= self.now) {
                let call = self.transit[n].pop_front();
                call.into_iter().for_each(|call| self.arrive(n, call));
            }
            if let Some(open) = self.open[n].filter(|open| open.ends <= self.now) {
                self.open[n] = None;
                self.end(n, open, open.how);
            }
        }
        let (due, later) =
            std::mem::take(&mut self.messages).into_iter().partition(|m| m.arrives <= self.now);
        self.messages = later;
        let due: Vec<Message> = due;
        due.into_iter().for_each(|message| self.deliver(message));
    }

    fn arrive(&mut self, n: usize, call: Transit) {
        let station = &mut self.stations[n];
        if !station.online || station.generation != call.generation {
            return;
        }
        let how = station.set(self.now, call.profile, &mut self.random);
        if let (Some(open), Some(answered)) = (self.open[n].as_mut(), call.answered)
            && open.grant == Some(call.grant)
        {
            open.ends = answered.max(self.now);
            open.how = how;
        }
    }

    fn end(&mut self, n: usize, open: Open, how: Returned) {
        if !self.is_up() {
            return;
        }
        match open.grant {
            Some(grant) => {
                let evse = self.id(n);
                self.host.learn(Event::Returned { at: self.now, evse, grant, how });
            }
            None => self.tell(n, StationChange::LineFreed),
        }
    }

    /// A station says something, when it can.
    pub(super) fn report(&mut self, n: usize, what: Option<EvseChange>) {
        let station = &self.stations[n];
        let delay = self.random.between(100, 3_000);
        let is_lost = !station.online && matches!(what, Some(EvseChange::Measured(_)));
        if is_lost && !self.random.per_mille(300) {
            return;
        }
        self.messages.push(Message {
            // What it cannot say now it says when it is back.
            arrives: if station.online { self.now.plus(Millis(delay)) } else { Timestamp::NEVER },
            station: n,
            generation: station.generation,
            reported: station.clock(self.now),
            what,
        });
    }

    fn deliver(&mut self, message: Message) {
        let n = message.station;
        if !self.stations[n].online || !self.is_up() || !self.knows(n) {
            let back = Message { arrives: Timestamp::NEVER, ..message };
            self.messages.push(back);
            return;
        }
        let was_kept = message.generation != self.stations[n].generation;
        self.tell(n, StationChange::Heard { reported: message.reported });
        match message.what {
            // A reading that was kept says nothing about now.
            Some(EvseChange::Measured(_)) if was_kept => {}
            Some(what) => {
                let (at, evse) = (self.now, self.id(n));
                self.host.learn(Event::Evse { at, evse, what });
            }
            None => {}
        }
    }

    pub(super) fn lose_connection(&mut self, n: usize) {
        self.stations[n].online = false;
        self.stations[n].generation += 1;
        self.transit[n].clear();
        // The host notices within half a minute, by its own pings.
        let notices = self.now.plus(Millis::from_secs(self.random.between(0, 30)));
        if let Some(open) = self.open[n].as_mut() {
            open.ends = open.ends.min(notices);
            open.how = Returned::Gone { may_have_left: true };
        }
        self.notices[n] = notices;
        if !self.is_up() {
            self.open[n] = None;
        }
    }

    pub(super) fn notice(&mut self, n: usize) {
        if self.notices[n] <= self.now && self.is_up() {
            self.notices[n] = Timestamp::NEVER;
            if !self.stations[n].online && self.knows(n) {
                self.give_up_gone(n);
                self.tell(n, StationChange::Disconnected);
            }
        }
    }

    fn give_up_gone(&mut self, n: usize) {
        if let Some(open) = self.open[n].take() {
            self.end(n, open, Returned::Gone { may_have_left: true });
        }
    }

    pub(super) fn connect(&mut self, n: usize) {
        if !self.is_up() {
            self.events[n].online = self.now.plus(Millis::from_secs(5));
            return;
        }
        self.give_up_gone(n);
        self.notices[n] = Timestamp::NEVER;
        self.stations[n].online = true;
        self.tell(n, StationChange::Connected);
        if self.random.per_mille(300) {
            self.tell(n, StationChange::Booted);
            if self.stations[n].forgets_clock && self.random.per_mille(500) {
                let offset = self.random.between(-3_600, 3_600);
                self.stations[n].offset = Millis::from_secs(offset);
            }
        }
        for (delay, message) in (0..).zip(self.messages.iter_mut().filter(|m| m.station == n)) {
            message.arrives = message.arrives.min(self.now.plus(Millis(2_000 + delay * 200)));
        }
    }

    fn knows(&self, n: usize) -> bool {
        let id = &self.setting.rows.evses()[n].id.station;
        self.host.kernel.station(id).is_some_and(|station| station.connected)
    }

    pub(super) fn is_up(&self) -> bool {
        self.now >= self.host_down_until
    }

    pub(super) fn tell(&mut self, n: usize, what: StationChange) {
        let station = self.id(n).station;
        self.host.learn(Event::Station { at: self.now, station, what });
    }
}
