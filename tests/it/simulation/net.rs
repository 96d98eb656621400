//! Owns the connections between stations and the host: what each side believes of them, and how
//! long what is under way takes. TCP keeps the order of one direction of one connection; nothing
//! else is sure. Must never let a frame pass a connection that was cut.

use std::collections::BTreeMap;

use busbar_sim::rng::Rng;

/// A connection. Its number is also its generation at the host.
#[derive(Clone, Debug)]
pub(super) struct Conn {
    pub(super) station: usize,
    pub(super) station_open: bool,
    pub(super) host_open: bool,
    /// The network between both is gone.
    cut: bool,
    /// What was under way then is gone too.
    loses: [bool; 2],
    last_arrival: [i64; 2],
    patience: i64,
}

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up = 0,
    Down = 1,
}

/// How bad the lines are, beside what happens to single connections.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    /// A frame takes at least and at most so long; without, each connection has its own patience.
    pub(super) delay: Option<(i64, i64)>,
    /// So many of a thousand frames never arrive, and the connection stays.
    pub(super) lost: u16,
}

/// All connections that ever were.
pub(super) struct Net {
    pub(super) conns: BTreeMap<u64, Conn>,
    pub(super) weather: Weather,
    rng: Rng,
    last: u64,
}

impl Net {
    pub(super) fn new(seed: u64) -> Self {
        let (conns, weather) = (BTreeMap::new(), Weather::default());
        Self { conns, weather, rng: Rng::part(seed, "net"), last: 0 }
    }

    /// A new connection; each has a delay of its own. Behind a ghost is no station, only somebody
    /// who knows its name.
    pub(super) fn open(&mut self, station: usize, ghost: bool) -> u64 {
        self.last += 1;
        let patience = if self.rng.chance(800) { 40 } else { 2_000 };
        let conn = Conn {
            station,
            station_open: !ghost,
            host_open: false,
            cut: false,
            loses: [false; 2],
            last_arrival: [0; 2],
            patience,
        };
        self.conns.insert(self.last, conn);
        self.last
    }

    /// When something that is sent now arrives; none when it never will.
    pub(super) fn arrival(&mut self, id: u64, way: Way, now: i64) -> Option<i64> {
        let conn = self.conns.get_mut(&id)?;
        if conn.cut {
            return None;
        }
        let (least, most) = self.weather.delay.unwrap_or((0, conn.patience));
        let delay = self.rng.between(least, most);
        let last = &mut conn.last_arrival[way as usize];
        *last = (now + delay).max(*last);
        Some(*last)
    }

    /// When a frame that is sent now arrives; none when it never will.
    pub(super) fn carry(&mut self, id: u64, way: Way, now: i64) -> Option<i64> {
        let lost = self.rng.chance(self.weather.lost);
        self.arrival(id, way, now).filter(|_| !lost)
    }

    /// Whether something that was under way arrives.
    pub(super) fn arrives(&self, id: u64, way: Way) -> bool {
        let Some(conn) = self.conns.get(&id) else { return false };
        let open = match way {
            Way::Up => conn.host_open,
            Way::Down => conn.station_open,
        };
        open && !(conn.cut && conn.loses[way as usize])
    }

    /// Cuts a connection; gives when the station and when the host will know of it.
    pub(super) fn cut(&mut self, id: u64, now: i64) -> Option<(i64, i64)> {
        let conn = self.conns.get_mut(&id).filter(|conn| !conn.cut)?;
        conn.cut = true;
        conn.loses = [self.rng.chance(700), self.rng.chance(700)];
        let mut knows = |most: i64| {
            let most = if self.rng.chance(600) { 500 } else { most };
            now + self.rng.between(0, most)
        };
        Some((knows(90_000), knows(300_000)))
    }
}
