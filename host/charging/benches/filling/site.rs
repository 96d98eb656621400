//! The site whose ticks are measured: feeders of 100 EVSEs and boards of ten below one grid
//! connection, on three phases. Every car charges, and every level of the tree binds somewhere.
//! Must never depend on chance: each run measures the same.

use busbar_charging::load::fill::{Demand, EvseState, Filler, Settings};
use busbar_charging::load::kernel::Kernel;
use busbar_charging::load::kernel::capability::Capability;
use busbar_charging::load::kernel::decide::{Decision, Scratch, Site};
use busbar_charging::load::kernel::event::{Event, EvseChange, Returned, StationChange, Wired};
use busbar_charging::load::legs::{Legs, Line};
use busbar_charging::load::rows::{
    EvseId, EvseWiring, Phasor, Row, RowKind, Rows, RowsBuilder, Term,
};
use busbar_charging::units::{Current, Energy, Millis, Timestamp};

const FEEDER: usize = 100;
const BOARD: usize = 10;
const START: Timestamp = Timestamp(1_790_000_000_000);

/// A site, what there is in each of its rows, and its cars.
pub(crate) struct Yard {
    pub(crate) rows: Rows,
    pub(crate) headroom: Vec<Current>,
    pub(crate) states: Vec<EvseState>,
}

impl Yard {
    pub(crate) fn new(evses: usize) -> Self {
        let mut builder = RowsBuilder::new((0..evses).map(wiring).collect());
        let mut headroom = Vec::new();
        for (size, amps_each) in [(evses, 9), (FEEDER, 10), (BOARD, 12)] {
            for first in (0..evses).step_by(size) {
                let there = first..(first + size).min(evses);
                for line in Line::ALL {
                    let term = |evse: usize| Term {
                        evse: evse as u32,
                        leg: ((line as usize + 3 - evse % 3) % 3) as u8,
                        phasor: Phasor { re: 1.0, im: 0.0 },
                    };
                    let terms: Vec<_> = there.clone().map(term).collect();
                    // Some have more, some less, so that each level of the tree binds somewhere.
                    let amps =
                        (there.len() * amps_each) as i64 * (75 + (first / size * 13 % 50) as i64);
                    headroom.push(Current(amps * 10));
                    builder.line(row(line), &terms);
                }
            }
        }
        Self { rows: builder.build(), headroom, states: (0..evses).map(state).collect() }
    }
}

fn wiring(n: usize) -> EvseWiring {
    EvseWiring {
        id: EvseId { station: format!("CS-{n}").as_str().into(), evse: 1 },
        min: Current(6_000),
        max: Current(32_000),
        fallback: Current::ZERO,
        legs: 3,
        millivolts: 230_000,
        efficiency: 1_000,
        dc: false,
    }
}

fn row(line: Line) -> Row {
    Row {
        circuit: "circuit".into(),
        kind: RowKind::Line(line),
        limit: None,
        reserve: Current::ZERO,
        base_max: Current::ZERO,
        millivolts: 230_000,
    }
}

fn state(n: usize) -> EvseState {
    EvseState {
        demand: Demand::Wants,
        legs: Legs::first(if n.is_multiple_of(7) { 1 } else { 3 }),
        min: Current(6_000),
        max: Current(if n.is_multiple_of(4) { 32_000 } else { 16_000 }),
        on: !n.is_multiple_of(3),
        since: Timestamp(START.0 - ((n * 37 % 7_200) as i64) * 1_000),
        energy: Some(Energy::from_wh(2_000 + (n * 131 % 40_000) as i64)),
        departure: Some(Timestamp(START.0 + (n * 61 % 36_000) as i64 * 1_000)),
        ..EvseState::default()
    }
}

/// A site with its kernel: a tick is a filling, and a decision about what it wishes.
pub(crate) struct Controlled {
    pub(crate) yard: Yard,
    settings: Settings,
    kernel: Kernel,
    legs: Vec<Legs>,
    bound: Vec<bool>,
    now: Timestamp,
    filler: Filler,
    scratch: Scratch,
    wishes: Vec<Current>,
}

impl Controlled {
    /// Every station has acknowledged what it was told.
    pub(crate) fn settled(evses: usize, settings: Settings) -> Self {
        let yard = Yard::new(evses);
        let mut site = Self {
            legs: yard.states.iter().map(|state| state.legs).collect(),
            bound: vec![false; yard.headroom.len()],
            yard,
            settings,
            kernel: Kernel::default(),
            now: START,
            filler: Filler::default(),
            scratch: Scratch::default(),
            wishes: Vec::new(),
        };
        site.arrive();
        // Before the first leases are half over.
        for _ in 0..6 {
            site.hear();
            for send in site.tick().sends {
                let granted = send.granted;
                let (at, evse, grant) = (granted.at, granted.evse.clone(), granted.grant);
                site.kernel.apply(&Event::Granted(granted));
                site.kernel.apply(&Event::Returned { at, evse, grant, how: Returned::Accepted });
            }
            site.now = site.now.plus(Millis::from_secs(61));
        }
        site
    }

    fn arrive(&mut self) {
        let wired = |evse: &EvseWiring| Wired {
            id: evse.id.clone(),
            maximum: evse.max,
            fallback: evse.fallback,
        };
        let (at, evses) = (self.now, self.yard.rows.evses().iter().map(wired).collect());
        self.kernel.apply(&Event::Wired { at, evses });
        for evse in self.yard.rows.evses().iter().map(|evse| evse.id.clone()) {
            let (station, capability) = (evse.station.clone(), Capability::STANDARD);
            self.kernel.apply(&Event::Capable { at, station: station.clone(), capability });
            self.kernel.apply(&Event::Station { at, station, what: StationChange::Connected });
            let what = EvseChange::Started("1".into());
            self.kernel.apply(&Event::Evse { at, evse, what });
        }
    }

    fn hear(&mut self) {
        let (at, what) = (self.now, StationChange::Heard { reported: self.now });
        for evse in self.yard.rows.evses() {
            let station = evse.id.station.clone();
            self.kernel.apply(&Event::Station { at, station, what });
        }
    }

    /// One full tick.
    pub(crate) fn tick(&mut self) -> Decision {
        let Yard { rows, headroom, states } = &self.yard;
        // The cars stand still, so that each tick is the same.
        let filled = self.filler.tick(rows, &self.settings, START, headroom, states);
        self.wishes.clear();
        self.wishes.extend(filled.allocations.iter().map(|given| given.limit));
        let (announced, legs, bound) = (headroom, &*self.legs, &*self.bound);
        let site = Site { rows, legs, headroom, announced, lasting: headroom, bound };
        self.kernel.decide_in(&mut self.scratch, self.now, &site, &self.wishes)
    }
}
