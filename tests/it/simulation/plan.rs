//! Owns what a seed decides before anything happens: which stations there are, what is wrong with
//! them, who comes to charge, what operators ask, and what breaks when.
//! Must never look at what happens while it runs.

use busbar_charging::fact::station::Registration;
use busbar_ocpp::Version;
use busbar_sim::car::{Car, Supply};
use busbar_sim::rng::Rng;
use busbar_sim::spec::{Meter, Spec};
use busbar_sim::station::Act;
use busbar_sim::words::Token;

/// When it all begins: 2025-11-10, 09:00 UTC.
pub(super) const START: i64 = 1_762_765_200_000;
pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
/// Tokens that are known; the last is blocked from the start.
pub(super) const TOKENS: usize = 7;

/// Sites that there are at the most.
pub(super) const SITES: u64 = 3;

/// How often what goes wrong, in permille of each occasion.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    /// A station's frame comes twice.
    pub(super) doubled: u16,
    /// A message about a transaction is kept back by the station and sent much later.
    pub(super) postponed: u16,
    /// And all of them come within the time that a bill waits for them.
    pub(super) prompt: bool,
    /// A commit is refused.
    pub(super) refused_commit: u16,
    /// A commit takes seconds.
    pub(super) slow_commit: u16,
    /// A price comes late.
    pub(super) late_price: u16,
    /// A price is an error.
    pub(super) failed_price: u16,
    /// A worker dies with its price.
    pub(super) lost_price: u16,
    /// A snapshot is due after so many facts at the most.
    pub(super) log_window: i64,
}

/// What an operator asks.
#[derive(Clone, Debug)]
pub(super) enum Order {
    RemoteStart {
        station: usize,
        evse: u16,
        token: usize,
    },
    RemoteStop {
        station: usize,
        evse: u16,
    },
    Reset {
        station: usize,
        hard: bool,
    },
    Trigger {
        station: usize,
        what: &'static str,
    },
    /// A new version of the tariff, by a number that makes its prices.
    Tariff(u64),
    /// A station is accepted, or not.
    Register {
        station: usize,
        registration: Registration,
    },
    /// A station is to be at a site, or at none.
    Place {
        station: usize,
        site: Option<u64>,
    },
    /// A token is blocked, or let in again.
    Block {
        token: usize,
        blocked: bool,
    },
}

/// What breaks.
#[derive(Clone, Debug)]
pub(super) enum Chaos {
    /// The process dies and is away for so long.
    Crash { away: i64 },
    /// The connection of a station is cut: each side learns of it when it does.
    Cut { station: usize },
    /// Somebody else connects by the name of a station.
    Ghost { station: usize },
    /// A station says again what it said before.
    Again { station: usize },
    /// The host's clock is set.
    Clock { by: i64 },
    /// Rows reach the disk.
    WriteBehind(usize),
}

#[derive(Clone, Debug)]
pub(super) enum Planned {
    Act { station: usize, act: Act },
    Order(Order),
    Chaos(Chaos),
}

/// All that a seed decides.
pub(super) struct Plan {
    pub(super) specs: Vec<Spec>,
    pub(super) faults: Faults,
    pub(super) planned: Vec<(i64, Planned)>,
    /// After this nothing breaks any more, and nobody charges.
    pub(super) end: i64,
}

pub(super) fn token(index: usize) -> Token {
    Token::card(&format!("04A1B2{index:02X}"))
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::part(seed, "plan");
        let stations =
            if rng.chance(900) { rng.between(1, 4) } else { rng.between(5, 12) } as usize;
        let specs: Vec<Spec> = (0..stations).map(|n| spec(seed, n, &mut rng)).collect();
        let end = START + rng.between(20, 75) * MINUTE;
        // Some seeds are calm, so that a fault is not always hidden behind another.
        let mut sometimes = |most: i64| {
            if rng.chance(400) { 0 } else { rng.between(0, most) as u16 }
        };
        let faults = Faults {
            doubled: sometimes(60),
            postponed: sometimes(300),
            prompt: false,
            refused_commit: sometimes(4),
            slow_commit: sometimes(30),
            late_price: sometimes(200),
            failed_price: sometimes(200),
            lost_price: sometimes(100),
            log_window: 300,
        };
        let mut plan = Self { specs, faults, planned: Vec::new(), end };
        for station in 0..stations {
            for evse in 1..=plan.specs[station].evses.len() as u16 {
                plan.visits(station, evse, &mut rng);
            }
            plan.mishaps(station, &mut rng);
        }
        plan.orders(&mut rng);
        plan.chaos(&mut rng);
        plan.moves(&mut Rng::part(seed, "moves"));
        plan.planned.sort_by_key(|(at, _)| *at);
        plan
    }

    fn push(&mut self, at: i64, planned: Planned) {
        if at < self.end {
            self.planned.push((at, planned));
        }
    }

    /// The cars that come to an outlet.
    fn visits(&mut self, station: usize, evse: u16, rng: &mut Rng) {
        let mut at = START + rng.between(5, 300) * SECOND;
        while at < self.end {
            let who = rng.below(TOKENS as u64 + 1) as usize;
            let act = |act| Planned::Act { station, act };
            let car = Car::any(rng);
            self.push(at, act(Act::PlugIn { evse, car }));
            at += rng.between(1, 30_000);
            if rng.chance(250) {
                self.push(at, Planned::Order(Order::RemoteStart { station, evse, token: who }));
            } else {
                self.push(at, act(Act::Present { evse, token: token(who) }));
            }
            at += rng.between(10, 25 * 60) * SECOND + rng.between(0, 999);
            match rng.below(4) {
                0 => {}
                1 => self.push(at, Planned::Order(Order::RemoteStop { station, evse })),
                _ => self.push(at, act(Act::Present { evse, token: token(who) })),
            }
            at += rng.between(1, 20_000);
            self.push(at, act(Act::Unplug { evse }));
            at += rng.between(1, 600) * SECOND;
        }
    }

    /// What happens to a station itself.
    fn mishaps(&mut self, station: usize, rng: &mut Rng) {
        for _ in 0..rng.below(4) {
            let at = rng.between(START + 10 * SECOND, self.end);
            let evse = rng.between(1, self.specs[station].evses.len() as i64) as u16;
            let act = match rng.below(5) {
                0 => Act::PowerCut { for_ms: rng.between(1, 300) * SECOND },
                1 => Act::Break { evse },
                _ => Act::NetworkDown { for_ms: rng.between(1, 1500) * SECOND },
            };
            let broken = matches!(act, Act::Break { .. });
            self.push(at, Planned::Act { station, act });
            if broken {
                let mended = Act::Mend { evse };
                self.push(at + rng.between(5, 300) * SECOND, Planned::Act { station, act: mended });
            }
        }
    }

    fn orders(&mut self, rng: &mut Rng) {
        let pending = if rng.chance(200) { 10 } else { 0 };
        // A station that is not let in tells nothing in time.
        self.faults.prompt = pending == 0 && rng.chance(500);
        for _ in 0..rng.below(20) + pending {
            let at = rng.between(START + 10 * SECOND, self.end);
            let station = rng.below(self.specs.len() as u64) as usize;
            let evse = rng.between(1, self.specs[station].evses.len() as i64) as u16;
            let token = rng.below(TOKENS as u64) as usize;
            let order = match rng.below(10 + pending / 2) {
                10.. => Order::Register { station, registration: registration(rng) },
                0 => Order::RemoteStart { station, evse, token },
                1 => Order::RemoteStop { station, evse },
                2 => Order::Reset { station, hard: rng.chance(500) },
                3 => Order::Trigger { station, what: "StatusNotification" },
                4 => Order::Trigger { station, what: "BootNotification" },
                5 | 6 => Order::Trigger { station, what: "MeterValues" },
                7 | 8 => Order::Tariff(rng.next_u64()),
                _ => Order::Block { token, blocked: rng.chance(500) },
            };
            self.push(at, Planned::Order(order));
        }
    }

    /// Stations come to sites of two to four in the first minutes, and move at random moments.
    fn moves(&mut self, rng: &mut Rng) {
        let stations = self.specs.len() as u64;
        let sites = stations.div_ceil(4).max(rng.below(SITES) + 1).min(SITES);
        if rng.chance(200) {
            return;
        }
        for station in 0..stations {
            let at = START + rng.between(1, 300) * SECOND;
            let site = Some(station % sites);
            let place = Order::Place { station: station as usize, site };
            self.push(at, Planned::Order(place));
        }
        for _ in 0..rng.below(3 * stations + 1) {
            let at = rng.between(START, self.end);
            let station = rng.below(stations) as usize;
            let site = rng.chance(800).then(|| rng.below(sites));
            self.push(at, Planned::Order(Order::Place { station, site }));
            if rng.chance(300) {
                // Another wish before this one is fulfilled, or the process dies on the way.
                let soon = at + rng.between(0, 400);
                let site = rng.chance(500).then(|| rng.below(sites));
                self.push(soon, Planned::Order(Order::Place { station, site }));
            }
            if rng.chance(300) {
                let soon = at + rng.between(0, 60);
                self.push(soon, Planned::Chaos(Chaos::Crash { away: rng.between(1, 2_000) }));
            }
        }
    }

    fn chaos(&mut self, rng: &mut Rng) {
        let minutes = ((self.end - START) / MINUTE) as u64;
        let crashes = if rng.chance(250) { 0 } else { rng.below(6) };
        for _ in 0..crashes {
            let at = rng.between(START + 10 * SECOND, self.end);
            let away =
                if rng.chance(800) { rng.between(1, 5_000) } else { rng.between(5, 900) * SECOND };
            self.push(at, Planned::Chaos(Chaos::Crash { away }));
            // What makes it die may do so again at once.
            for again in 0..if rng.chance(200) { rng.below(4) as i64 } else { 0 } {
                let at = at + away + again * 40 + rng.between(0, 40);
                self.push(at, Planned::Chaos(Chaos::Crash { away: 30 }));
            }
        }
        // And when nobody charges any more: while the last messages come, and long after.
        for _ in 0..rng.below(3) {
            let span = if rng.chance(500) { 20 * MINUTE } else { 77 * HOUR };
            let at = self.end + rng.between(0, span);
            self.planned.push((at, Planned::Chaos(Chaos::Crash { away: rng.between(1, 5_000) })));
        }
        let often = rng.below(3);
        for _ in 0..rng.below(minutes * often + 1) {
            let at = rng.between(START + 10 * SECOND, self.end);
            let station = rng.below(self.specs.len() as u64) as usize;
            let chaos = match rng.below(10) {
                0 => Chaos::Ghost { station },
                1..4 => Chaos::Again { station },
                _ => Chaos::Cut { station },
            };
            self.push(at, Planned::Chaos(chaos));
        }
        for _ in 0..if rng.chance(200) { rng.below(8) } else { 0 } {
            let at = rng.between(START + 10 * SECOND, self.end);
            self.push(at, Planned::Chaos(Chaos::Clock { by: rng.between(-3_000, 3_000) }));
        }
        for _ in 0..rng.below(minutes) {
            let at = rng.between(START, self.end);
            self.push(at, Planned::Chaos(Chaos::WriteBehind(rng.between(1, 200) as usize)));
        }
    }
}

fn registration(rng: &mut Rng) -> Registration {
    let all = [Registration::Accepted, Registration::Pending, Registration::Rejected];
    *rng.pick(&all).expect("there are some")
}

fn spec(seed: u64, number: usize, rng: &mut Rng) -> Spec {
    let version = [Version::V16, Version::V16, Version::V201, Version::V21];
    let version = *rng.pick(&version).expect("there are versions");
    let mut spec = Spec::new(&format!("CP-{number}"), version, rng.next_u64() ^ seed);
    if rng.chance(300) {
        spec.evses.push(Supply::Dc { max_w: 150_000 });
    }
    spec.sample_s = *rng.pick(&[0, 30, 60, 300]).expect("there are pauses");
    spec.step_ms = 20_000;
    spec.call_timeout_ms = rng.between(5, 40) * SECOND;
    spec.starts_offline = rng.chance(700);
    spec.in_kwh = rng.chance(200);
    spec.stop_data = rng.chance(300);
    spec.status_by_event = version == Version::V21 && rng.chance(300);
    spec.resumes = version == Version::V21 && rng.chance(400);
    if rng.chance(500) {
        return spec;
    }
    let faults = &mut spec.faults;
    faults.lost_answers_permille = rng.between(0, 150) as u16;
    faults.doubled_permille = rng.between(0, 100) as u16;
    faults.new_id_on_repeat = rng.chance(500);
    faults.end_first = version != Version::V16 && rng.chance(200);
    match rng.below(9) {
        0 => faults.clock_offset_ms = rng.between(-40 * MINUTE, 40 * MINUTE),
        1 => faults.clock_offset_ms = rng.between(-20 * SECOND, 0),
        2 => faults.clock_offset_ms = [-400, -3, 3][rng.below(3) as usize] * 24 * HOUR,
        3 => faults.lost_stop_permille = 500,
        4 => faults.offline_number = Some([-1, 0][rng.below(2) as usize]),
        5 => {
            let lies = [Meter::Backwards, Meter::Jumps, Meter::Frozen];
            faults.meter = *rng.pick(&lies).expect("there are lies");
        }
        _ => {}
    }
    spec
}
