//! Owns what a station does with an order of the server, whatever its version. Must never read or
//! write a message: the tongues of `wire` do that.

use super::{Net, Power, Station};
use crate::limits::Profile;
use crate::settings::{Setting, Settings, Written};
use crate::wire;
use crate::words::{BootReason, Context, Reason, Report, Status, Token, Trigger};

/// Time between the answer to a reset and the reset.
const RESET_AFTER_MS: i64 = 500;

/// An order of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Start a transaction.
    Start {
        /// Where, if the server cares.
        evse: Option<u16>,
        /// For whom.
        token: Token,
        /// The server's number for its wish (2.x).
        remote_start_id: i64,
        /// A limit for the transaction.
        limit: Option<Profile>,
    },
    /// Stop the transaction of this name (2.x) or number (1.6).
    Stop(String),
    /// Start anew; with `hard` at once, else when transactions have ended well.
    Reset {
        /// At once.
        hard: bool,
    },
    /// Let go of the cable.
    Unlock(u16),
    /// Go in or out of service; EVSE 0 is the station.
    Availability {
        /// Which.
        evse: u16,
        /// In service.
        operative: bool,
    },
    /// Send a message.
    Trigger {
        /// Which.
        wanted: Wanted,
        /// About which EVSE; none or 0 for all.
        evse: Option<u16>,
    },
    /// Hold this limit.
    Limit(Profile),
    /// Keep an outlet for somebody.
    Reserve {
        /// The server's number.
        id: i64,
        /// Which outlet; 0 for any.
        evse: u16,
        /// For whom.
        token: Token,
        /// Until when.
        until_ms: i64,
    },
    /// Keep it no more.
    CancelReservation(i64),
    /// Take this version of the local list.
    LocalList(i64),
}

/// A message that the server can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The boot message.
    Boot,
    /// A heartbeat.
    Heartbeat,
    /// States of connectors.
    Status,
    /// Readings.
    Readings,
    /// The state of a firmware update.
    Firmware,
    /// The state of a log upload.
    Log,
}

/// What the station says to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It does it.
    Accepted,
    /// It does not.
    Rejected,
    /// It does it when the transaction is over.
    Scheduled,
    /// The outlet is in use.
    Occupied,
    /// The outlet is out of service.
    Unavailable,
    /// There is no such thing.
    Unknown,
}

impl Station {
    /// Does what the server orders, as far as it can.
    pub fn obey(&mut self, order: Order) -> Reply {
        match order {
            Order::Start { evse, token, remote_start_id, limit } => {
                self.remote_start(evse, token, remote_start_id, limit)
            }
            Order::Stop(tx) => self.remote_stop(&tx),
            Order::Reset { hard } => self.reset(hard),
            Order::Unlock(evse) => self.unlock(evse),
            Order::Availability { evse, operative } => self.availability(evse, operative),
            Order::Trigger { wanted, evse } => self.trigger(wanted, evse),
            Order::Limit(profile) => self.limit(profile),
            Order::Reserve { id, evse, token, until_ms } => {
                self.reserve(super::plug::Reserved { id, token, until_ms }, evse)
            }
            Order::CancelReservation(id) => {
                let mut found = false;
                for plug in &mut self.plugs {
                    found |= plug.reserved.take_if(|kept| kept.id == id).is_some();
                }
                if found { Reply::Accepted } else { Reply::Rejected }
            }
            Order::LocalList(version) => {
                self.list_version = version;
                Reply::Accepted
            }
        }
    }

    /// Puts a report in line that follows from an order.
    pub fn report(&mut self, report: Report) {
        self.line.push(report, &self.spec);
    }

    /// Version of its local list.
    pub fn list_version(&self) -> i64 {
        self.list_version
    }

    /// By its own clock.
    pub fn clock_ms(&self) -> i64 {
        self.now_ms + self.spec.faults.clock_offset_ms
    }

    /// All its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The server writes a setting, by its key of 1.6.
    pub fn write(&mut self, key: &str, value: &str) -> Written {
        self.settings.write(key, value)
    }

    /// Whether a transaction of this name runs, and whether anything of it (or, without a name,
    /// of any) waits in the queue.
    pub fn transaction_status(&self, tx: Option<&str>) -> (bool, bool) {
        let Some(id) = tx else {
            return (false, self.line.queued() > 0);
        };
        let runs = self.plugs.iter().any(|plug| plug.tx.as_ref().is_some_and(|tx| tx.id == id));
        (runs, self.line.holds(id))
    }

    /// Settings with their current values, for a report of the device model.
    pub fn variables(&self) -> Vec<Setting> {
        self.settings.iter().cloned().collect()
    }

    /// Number of its outlets.
    pub fn evses(&self) -> u16 {
        self.plugs.len() as u16
    }

    fn remote_start(
        &mut self,
        evse: Option<u16>,
        token: Token,
        remote_start_id: i64,
        limit: Option<Profile>,
    ) -> Reply {
        let free = |plug: &super::Plug| {
            let kept = plug.reserved.as_ref().is_some_and(|kept| !kept.token.is(&token));
            let taken = plug.tx.as_ref().is_some_and(|tx| tx.token.is_some());
            !taken && !plug.broken && !plug.inoperative && !kept
        };
        let wanted = |plug: &&super::Plug| evse.is_none_or(|evse| plug.evse == evse) && free(plug);
        let with_car = self.plugs.iter().filter(wanted).find(|plug| plug.car.is_some());
        let chosen = with_car.or_else(|| self.plugs.iter().find(wanted)).map(|plug| plug.evse);
        let Some(evse) = chosen else {
            return Reply::Rejected;
        };
        if let Some(mut profile) = limit {
            profile.evse = evse;
            profile.tx = None;
            self.limits.set(profile);
        }
        self.authorized(evse, token, Some(remote_start_id));
        Reply::Accepted
    }

    fn remote_stop(&mut self, tx: &str) -> Reply {
        let number = tx.parse::<i64>().ok();
        let is_it = |plug: &super::Plug| {
            plug.tx.as_ref().is_some_and(|running| {
                let known = self.line.number(running.number);
                running.id == tx || (known.is_some() && known == number)
            })
        };
        let Some(index) = self.plugs.iter().position(is_it) else {
            return Reply::Rejected;
        };
        self.wind_up(index, Reason::Remote, Trigger::RemoteStop, None);
        Reply::Accepted
    }

    fn reset(&mut self, hard: bool) -> Reply {
        if self.power != Power::On {
            return Reply::Rejected;
        }
        let reason = if hard { Reason::HardReset } else { Reason::SoftReset };
        for index in 0..self.plugs.len() {
            self.stop(index, reason, Trigger::Reset, None);
        }
        self.power = Power::Leaving { at_ms: self.now_ms + RESET_AFTER_MS };
        Reply::Accepted
    }

    fn unlock(&mut self, evse: u16) -> Reply {
        let Some(index) = self.plug_of(evse) else {
            return Reply::Unknown;
        };
        if self.plugs[index].tx.is_some() {
            if !wire::unlocks_in_transaction(self.spec.version) {
                return Reply::Occupied;
            }
            self.stop(index, Reason::Unlock, Trigger::Unlock, None);
        }
        Reply::Accepted
    }

    fn availability(&mut self, evse: u16, operative: bool) -> Reply {
        if evse != 0 && self.plug_of(evse).is_none() {
            return Reply::Rejected;
        }
        let mut reply = Reply::Accepted;
        for plug in self.plugs.iter_mut().filter(|plug| evse == 0 || plug.evse == evse) {
            let later = !operative && plug.tx.is_some();
            plug.inoperative_later = later;
            plug.inoperative = !operative && !later;
            if later {
                reply = Reply::Scheduled;
            }
        }
        reply
    }

    fn trigger(&mut self, wanted: Wanted, evse: Option<u16>) -> Reply {
        let evse = evse.filter(|evse| *evse != 0);
        if evse.is_some_and(|evse| self.plug_of(evse).is_none()) {
            return Reply::Rejected;
        }
        match wanted {
            Wanted::Boot if self.net == Net::Up => {
                self.boot_reason = BootReason::Triggered;
                self.report(Report::Boot(BootReason::Triggered));
            }
            Wanted::Boot => return Reply::Rejected,
            Wanted::Heartbeat => self.report(Report::Heartbeat),
            Wanted::Firmware => self.report(Report::Firmware { request_id: None, signed: false }),
            Wanted::Log => self.report(Report::Log { request_id: None }),
            Wanted::Status => self.trigger_status(evse),
            Wanted::Readings => {
                for index in 0..self.plugs.len() {
                    if evse.is_none_or(|evse| self.plugs[index].evse == evse) {
                        self.trigger_reading(index, Context::Asked, Trigger::Asked);
                    }
                }
            }
        }
        Reply::Accepted
    }

    fn trigger_status(&mut self, evse: Option<u16>) {
        let at_ms = self.clock_ms();
        if evse.is_none() && wire::tells_station(self.spec.version) {
            self.report(Report::Status { evse: 0, status: Status::Available, at_ms });
        }
        for index in 0..self.plugs.len() {
            let (this, status) = (self.plugs[index].evse, self.plugs[index].status());
            if evse.is_none_or(|evse| evse == this) {
                self.plugs[index].told = Some(status);
                self.report(Report::Status { evse: this, status, at_ms });
            }
        }
    }

    fn reserve(&mut self, reserved: super::plug::Reserved, evse: u16) -> Reply {
        let wanted = |plug: &&mut super::Plug| evse == 0 || plug.evse == evse;
        let mut reply = Reply::Rejected;
        for plug in self.plugs.iter_mut().filter(wanted) {
            let again = plug.reserved.as_ref().is_some_and(|kept| kept.id == reserved.id);
            reply = match plug.status() {
                Status::Available => Reply::Accepted,
                Status::Reserved if again => Reply::Accepted,
                Status::Unavailable | Status::Faulted => Reply::Unavailable,
                _ => Reply::Occupied,
            };
            if reply == Reply::Accepted {
                plug.reserved = Some(reserved);
                return reply;
            }
        }
        reply
    }
}
