//! Owns what breaks: the process, connections, and somebody else by a station's name; and what
//! must hold when the process starts again.
//! Must never break what the disk said was durable, unless a break asks for it.

use std::collections::BTreeMap;

use busbar_charging::fact::Fact;
use busbar_charging::network::Network;
use busbar_charging::site::Site;
use busbar_charging::subject::Subject;
use busbar_charging::units::Millis;
use busbar_engine::store::Restored;
use busbar_engine::{Event, Tuning};

use super::host::Life;
use super::net::Way;
use super::plan::{Chaos, SECOND};
use super::world::{Break, Happening, World};

/// A clock that is set by more than this is seen to be.
const SEEN: i64 = 2 * SECOND;

impl World {
    pub(super) fn break_something(&mut self, chaos: &Chaos) {
        match chaos {
            Chaos::Crash { away } => self.crash(*away),
            Chaos::Cut { station } => {
                if let Some(conn) = self.stations[*station].conn {
                    self.cut(conn);
                }
            }
            Chaos::Ghost { station } => {
                let conn = self.net.open(*station, true);
                if self.accepted(conn) {
                    let at = self.now + self.rng.between(1, 30) * SECOND;
                    self.later(at, Happening::HostLoses { conn });
                }
            }
            Chaos::Again { station } => self.say_again(*station),
            Chaos::Clock { by } => self.set_clock(*by),
            Chaos::WriteBehind(batches) => self.disk.write_behind(*batches),
        }
    }

    /// The host's clock is set; whoever watches over it sees that, where it is by much.
    pub(super) fn set_clock(&mut self, by: i64) {
        self.skew += by;
        self.was_skewed = true;
        if by.abs() > SEEN && self.broken != Break::TrustsItsClock {
            self.tell(Event::ClockSet(Millis(by)));
        }
        self.drain();
    }

    fn cut(&mut self, conn: u64) {
        if let Some((station, host)) = self.net.cut(conn, self.now) {
            self.later(station, Happening::StationLoses { conn });
            self.later(host, Happening::HostLoses { conn });
        }
    }

    /// The process dies: all that is not on disk is gone. It starts again after `away`.
    pub(super) fn crash(&mut self, away: i64) {
        let Some(life) = &mut self.life else { return };
        check_deadlines(life);
        // What was written and not synced may be there or not, whole or not at all.
        let in_flight = life.in_flight.take().filter(|_| self.rng.chance(500));
        if let Some((_, batch)) = in_flight {
            self.make_durable(&batch);
        }
        self.life = None;
        if self.broken == Break::LosesFact {
            self.disk.lose(|fact| matches!(fact, Fact::TransactionReported(_)));
        }
        if self.broken == Break::LosesLimit {
            self.disk.lose(|fact| matches!(fact, Fact::LoadLimited(_)));
        }
        let open = self.net.conns.iter().filter(|(_, conn)| conn.host_open);
        let open: Vec<u64> = open.map(|(conn, _)| *conn).collect();
        for conn in open {
            if let Some(conn) = self.net.conns.get_mut(&conn) {
                conn.host_open = false;
            }
            // A machine that lost its power says nothing.
            let most = if self.rng.chance(800) { 200 } else { 120_000 };
            let at = self.now + self.rng.between(0, most);
            let at = self.net.arrival(conn, Way::Down, self.now).unwrap_or(at).max(at);
            self.later(at, Happening::StationLoses { conn });
        }
        let at = self.now + away;
        self.later(at, Happening::Start);
    }

    /// The process starts, with what the disk holds.
    pub(super) fn start(&mut self) {
        if self.life.is_some() {
            return;
        }
        let trim = self.rng.chance(500);
        let restored = self.disk.reopen(trim);
        self.oracle.check_kept(self.disk.facts().map(|(_, _, fact)| fact));
        if self.broken != Break::LosesLimit {
            self.check_restored(&restored);
        }
        self.lives += 1;
        let tuning = Tuning {
            pace: Millis(self.rng.between(0, 20)),
            full_batch: self.rng.between(1, 200) as usize,
            log_window: self.rng.between(1, self.faults.log_window) as u64,
            snapshots_per_batch: self.rng.between(1, 8) as usize,
        };
        let now = self.clock().0;
        self.life = Some(Life::new(self.lives, self.seed, tuning, restored, now));
        self.drain();
    }

    /// Snapshots and the log after them make the state that all facts make.
    fn check_restored(&self, restored: &Restored) {
        let mut network = Network::default();
        let mut sites: BTreeMap<&Subject, Site> = BTreeMap::new();
        let mut covered: BTreeMap<&Subject, u64> = BTreeMap::new();
        let of_snapshots = restored
            .snapshots
            .iter()
            .flat_map(|snapshot| snapshot.facts.iter().map(move |fact| (&snapshot.subject, fact)));
        for snapshot in &restored.snapshots {
            covered.insert(&snapshot.subject, snapshot.position.sequence);
        }
        let after = restored.facts.iter().filter(|(position, subject, _)| {
            covered.get(subject).is_none_or(|last| position.sequence > *last)
        });
        let after = after.map(|(_, subject, fact)| (subject, fact));
        for (subject, fact) in of_snapshots.chain(after) {
            match subject {
                Subject::Network => network.apply(fact),
                _ => {
                    let site = sites.entry(subject);
                    site.or_insert_with(|| Site::new(subject.clone())).apply(fact);
                }
            }
        }
        assert_eq!(network, self.oracle.network, "the network is another after a start");
        for (subject, site) in &self.oracle.sites {
            let restored = sites.get(subject).map(Site::snapshot).unwrap_or_default();
            same_site(subject, &restored, &site.snapshot());
        }
    }
}

/// Two states of a site are the same, as far as a snapshot keeps them.
pub(super) fn same_site(subject: &Subject, one: &[Fact], other: &[Fact]) {
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one, other, "{subject} is another after a start");
    }
    assert_eq!(one.len(), other.len(), "{subject} is another after a start");
}

/// No subject was due again and again.
pub(super) fn check_deadlines(life: &Life) {
    let idle = life.engine.counters().idle_deadlines;
    assert_eq!(idle, 0, "a deadline came again and again");
}
