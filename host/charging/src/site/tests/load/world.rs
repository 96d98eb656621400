//! Owns a site in virtual time: stations with their cars, a host that dies, cuts of the limit, and
//! the judgement of what was really drawn.

use std::collections::VecDeque;

use super::host::Host;
use super::lines::{self, Message, Transit};
use super::plans::Plans;
use crate::fact::load::PriceSlot;
use crate::fact::metering::ReportKind;
use crate::input::{CarWish, Input, Request, StationEvent};
use crate::load::config::Config;
use crate::load::external::Window;
use crate::load::kernel::capability::Hole;
use crate::load::kernel::tests::station::Station;
use crate::load::kernel::tests::{Random, START};
use crate::load::legs::{Legs, Line};
use crate::load::rows::{CircuitLimit, Row, RowKind, Rows};
use crate::units::{Current, Energy, Micros, Millis, Power, Timestamp};

const SECOND: Millis = Millis::from_secs(1);

/// A mistake that a host could make; each must be found by the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    None,
    /// What was sent counts as acknowledged.
    SentIsAcknowledged,
    /// What leaves is journalled a minute later.
    JournalsLate,
    /// Every station is taken for one that keeps to durations, by our clock.
    CreditsAnyClock,
    /// Its own clock is never wrong.
    TrustsItsClock,
}

/// What is made of a site.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) config: Config,
    pub(super) seed: u64,
    pub(super) broken: Break,
    /// The limit during a cut, in per mille.
    pub(super) cut: i64,
    /// Stations of a hundred that ignore durations, and that have a hole.
    pub(super) ignore_duration: usize,
    pub(super) holes: usize,
    /// Every fifth takes so many profiles of a thousand and says that it did not.
    pub(super) denies: i64,
    pub(super) offline_every: Millis,
    pub(super) offline_for: Millis,
    pub(super) clock_jumps_every: Millis,
    pub(super) crash_every: Millis,
    /// How often the host's own clock is set, by up to an hour.
    pub(super) clock_set_every: Millis,
    pub(super) loss_per_mille: i64,
    /// A car stays at most so long.
    pub(super) stay: Millis,
    /// Who plans, where anyone does: then prices differ and cars say what they need.
    pub(super) plans: Option<Plans>,
}

impl Setting {
    /// The fault model.
    pub(super) fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            seed,
            broken: Break::None,
            cut: 786,
            ignore_duration: 5,
            holes: 5,
            denies: 300,
            offline_every: Millis::from_secs(3 * 3_600),
            offline_for: Millis::from_secs(600),
            clock_jumps_every: Millis::from_secs(48 * 3_600),
            crash_every: Millis::from_secs(6 * 1_800),
            clock_set_every: Millis::from_secs(10 * 3_600),
            loss_per_mille: 15,
            stay: Millis::from_secs(2 * 3_600),
            plans: None,
        }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) seconds: i64,
    /// Seconds above a limit outside a reaction to a cut that was not announced.
    pub(super) over: i64,
    /// The longest time that such a reaction took.
    pub(super) reaction: i64,
    /// Seconds above a limit from 15 s to 45 s after such a cut.
    pub(super) late: i64,
    /// The worst load, in per mille of its limit, outside a reaction.
    pub(super) worst: i64,
    pub(super) drawn: i64,
    pub(super) ideal: i64,
    pub(super) messages: i64,
    /// Messages that were questions.
    pub(super) questions: i64,
    pub(super) withheld: i64,
    pub(super) cuts: i64,
    pub(super) facts: i64,
    /// The first second above a limit outside a reaction, since the start and the last cut.
    pub(super) first: Option<(i64, i64)>,
}

impl Score {
    pub(super) fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.over += other.over;
        self.reaction = self.reaction.max(other.reaction);
        self.late += other.late;
        self.worst = self.worst.max(other.worst);
        self.drawn += other.drawn;
        self.ideal += other.ideal;
        self.messages += other.messages;
        self.questions += other.questions;
        self.withheld += other.withheld;
        self.cuts += other.cuts;
        self.facts += other.facts;
        self.first = self.first.or(other.first);
    }
}

/// A cut of the limit.
#[derive(Clone, Copy, Debug)]
struct Cut {
    from: Timestamp,
    until: Timestamp,
    announced: bool,
}

pub(super) struct World {
    pub(super) setting: Setting,
    pub(super) random: Random,
    pub(super) now: Timestamp,
    pub(super) stations: Vec<Station>,
    pub(super) lines: Vec<lines::Line>,
    pub(super) messages: Vec<Message>,
    /// What stations hold, on its way: when it arrives, of which, on which connection.
    pub(super) reports: Vec<(Timestamp, usize, u64, StationEvent)>,
    pub(super) transit: Vec<VecDeque<Transit>>,
    events: Vec<Events>,
    pub(super) host: Host,
    pub(super) host_down_until: Timestamp,
    host_was_down: Timestamp,
    next_crash: Timestamp,
    next_set: Timestamp,
    cut: Cut,
    /// What the host has yet to be told of the limits.
    untold: Option<Vec<Window>>,
    pub(super) score: Score,
    rows: Rows,
}

/// What happens to one station next.
#[derive(Clone, Copy, Debug)]
struct Events {
    offline: Timestamp,
    online: Timestamp,
    jump: Timestamp,
    operator: Timestamp,
    car: Timestamp,
    meter: Timestamp,
}

impl World {
    pub(super) fn new(setting: Setting) -> Self {
        let rows = setting.config.compile().unwrap();
        let count = rows.evses().len();
        let mut random = Random(setting.seed);
        let mut stations = Vec::new();
        let mut events = Vec::new();
        for n in 0..count {
            let offset = Millis::from_secs(random.between(-3_600, 3_600));
            let mut station = Station::new(offset);
            station.ignores_duration = n * 100 < setting.ignore_duration * count;
            station.forgets_clock = n % 10 == 3;
            let holes = setting.holes * count / 100;
            if (count / 2..count / 2 + holes).contains(&n) {
                station.hole = Some(if n % 2 == 0 { Hole::Default } else { Hole::Full });
            }
            station.denies = if n % 5 == 1 { setting.denies } else { 0 };
            station.online = false;
            stations.push(station);
            events.push(Events::new(&setting, n, &mut random));
        }
        let mut host = Host::new(setting.broken, START, &setting.config);
        host.plans = setting.plans.unwrap_or(Plans::Never);
        for n in 0..count {
            host.adopt(START, rows.evses()[n].id.station.clone());
        }
        let mut world = Self {
            random,
            now: START,
            stations,
            lines: vec![lines::Line::default(); count],
            messages: Vec::new(),
            reports: Vec::new(),
            transit: vec![VecDeque::new(); count],
            events,
            host,
            host_down_until: START,
            host_was_down: Timestamp(0),
            next_crash: START.plus(setting.crash_every),
            next_set: START.plus(Millis(setting.clock_set_every.0 / 3)),
            cut: Cut { from: START, until: START, announced: false },
            untold: None,
            score: Score::default(),
            rows,
            setting,
        };
        world.next_cut();
        world
    }

    pub(super) fn run(mut self, hours: i64) -> Score {
        for _ in 0..hours * 3_600 {
            self.second();
        }
        self.score.withheld = self.host.withheld;
        self.score.facts = self.host.facts;
        self.score
    }

    fn second(&mut self) {
        self.now = self.now.plus(SECOND);
        self.life_of_stations();
        self.life_of_host();
        self.network();
        if self.now >= self.cut.until {
            self.next_cut();
        }
        if self.cut.from == self.now && !self.cut.announced {
            self.untold = Some(self.windows());
        }
        if self.is_up() {
            self.tell_limits();
            self.tell_prices();
            let actions = self.host.due(self.now);
            self.act(actions);
        }
        for station in &mut self.stations {
            station.step(self.now);
        }
        // Commissioning and the first cars take some minutes.
        if self.now.since(START) > Millis::from_secs(900) {
            self.judge();
        }
    }

    /// A cut in every two hours, of a quarter of an hour, every other one announced.
    fn next_cut(&mut self) {
        let from = self.now.plus(Millis::from_secs(self.random.between(3_600, 9_000)));
        let from = Timestamp(from.0 - from.0.rem_euclid(1_000));
        let until = from.plus(Millis::from_secs(900));
        self.cut = Cut { from, until, announced: self.random.per_mille(500) };
        self.score.cuts += 1;
        if self.cut.announced {
            self.untold = Some(self.windows());
        }
    }

    /// The row of the grid connection's first line.
    fn grid(&self) -> usize {
        let is_it = |row: &Row| &*row.circuit == "grid" && row.kind == RowKind::Line(Line::L1);
        self.rows.rows().iter().position(is_it).unwrap()
    }

    fn windows(&self) -> Vec<Window> {
        let limit = self.limit(self.grid(), self.cut.from);
        let limit = CircuitLimit { lines: Some([limit; 3]), power: None };
        vec![Window { from: self.cut.from, until: self.cut.until, limit }]
    }

    /// The grid operator's word reaches the host as soon as it is up.
    fn tell_limits(&mut self) {
        let Some(mut windows) = self.untold.take() else { return };
        for window in &mut windows {
            window.from = window.from.plus(self.host.ahead);
            window.until = window.until.plus(self.host.ahead);
        }
        let (circuit, source) = ("grid".into(), "dso".into());
        let request = Request::LimitLoad { circuit, source, windows: Some(windows) };
        let actions = self.host.ask(self.now, request);
        self.act(actions);
    }

    /// Prices of the next hours change every half an hour.
    fn tell_prices(&mut self) {
        let seconds = self.now.since(START).0 / 1_000;
        if self.setting.plans.is_none() || seconds % 1_800 != 1 {
            return;
        }
        let quarter = Millis::from_secs(900);
        let begin = |n: i64| Timestamp(self.now.0 - self.now.0 % 900_000 + n * quarter.0);
        let mut slots = Vec::new();
        for n in 0..24 {
            let price = Micros(self.random.between(-50_000, 400_000));
            slots.push(PriceSlot { from: begin(n), until: begin(n + 1), price });
        }
        let actions = self.host.ask(self.now, Request::PriceLoad { slots });
        self.act(actions);
        for battery in self.setting.config.tree.batteries.clone() {
            let charge = self.random.between(0, 1_000) as u32;
            let power = Some(Power(self.random.between(-500, 500)));
            let request = Request::TellBattery { battery: battery.name, charge, power };
            let actions = self.host.ask(self.now, request);
            self.act(actions);
        }
    }

    /// Most cars say what they need, soon after they came.
    fn tell_wish(&mut self, n: usize) {
        if self.setting.plans.is_none() || !self.is_up() || self.random.per_mille(300) {
            return;
        }
        let wish = CarWish {
            energy: Some(Energy::from_wh(self.random.between(500, 20_000))),
            departure: Some(self.now.plus(Millis::from_secs(self.random.between(600, 7_200)))),
            class: Some(self.random.between(0, 2) as u8),
            at_once: self.random.per_mille(100),
            maximum: None,
        };
        let evse = self.rows.evses()[n].id.clone();
        let actions = self.host.ask(self.now, Request::WishLoad { evse, transaction: None, wish });
        self.act(actions);
    }

    /// The limit of a row at a time; only the grid's is cut.
    fn limit(&self, row: usize, time: Timestamp) -> Current {
        let row = &self.rows.rows()[row];
        let limit = row.limit.map_or(i64::MAX / 4_000, |limit| limit.0);
        let cut = self.cut.from <= time && time < self.cut.until;
        let is_grid = &*row.circuit == "grid";
        Current(if cut && is_grid { limit * self.setting.cut / 1_000 } else { limit })
    }

    /// What it knows of limits to come is by its clock of before: it is told again. What had begun
    /// stays so where the clock was set back.
    fn set_clock_of_host(&mut self) {
        self.next_set = self.now.plus(self.setting.clock_set_every);
        // By seconds, as time servers do, or by up to an hour.
        let most = if self.random.per_mille(500) { 60 } else { 3_600 };
        let ahead = Millis::from_secs(self.random.between(-most, most));
        let is_forward = ahead > self.host.ahead;
        let actions = self.host.set_clock(self.now, ahead, self.is_up());
        self.act(actions);
        let begun = self.now >= self.cut.from;
        if (begun && is_forward) || (!begun && self.cut.announced) {
            self.untold = Some(self.windows());
        }
    }

    fn life_of_host(&mut self) {
        let now = self.now;
        if now >= self.next_set {
            self.set_clock_of_host();
        }
        if now >= self.next_crash {
            self.next_crash = now.plus(self.setting.crash_every);
            self.host_down_until = now.plus(Millis::from_secs(self.random.between(2, 10)));
            self.host.crash(now);
            for n in 0..self.stations.len() {
                self.lose_connection(n);
                self.lines[n].forget();
                let back = self.host_down_until.plus(Millis::from_secs(self.random.between(1, 10)));
                if self.events[n].online < now {
                    self.events[n].online = back;
                }
            }
            self.host_was_down = self.host_down_until.plus(Millis::from_secs(10));
        } else if now == self.host_down_until {
            let actions = self.host.input(now, Input::Recovered);
            self.act(actions);
        }
    }

    /// What was really drawn, against what is allowed.
    fn judge(&mut self) {
        let since_cut = self.now.since(self.cut.from);
        let excused = self.host_was_down.since(self.cut.from).0.max(0);
        let in_cut = since_cut.0 >= 0 && !self.cut.announced;
        let reacting = in_cut && since_cut.0 <= excused + 15_000;
        let is_late = in_cut && !reacting && since_cut.0 <= excused + 45_000;
        let mut is_over = false;
        for row in 0..self.rows.rows().len() {
            let drawn = |evse: u32| (self.stations[evse as usize].draw, Legs::THREE);
            let load = self.rows.load(row as u32, drawn).0;
            let limit = self.limit(row, self.now).0;
            if load > limit {
                is_over = true;
                if !reacting {
                    self.score.worst = self.score.worst.max(load * 1_000 / limit);
                }
            }
        }
        self.score.seconds += 1;
        if is_over && reacting {
            self.score.reaction = self.score.reaction.max((since_cut.0 - excused) / 1_000);
        } else if is_over {
            self.score.late += i64::from(is_late);
            self.score.over += i64::from(!is_late);
            let seconds = (self.now.since(START).0 / 1_000, since_cut.0 / 1_000);
            self.score.first.get_or_insert(seconds);
        }
        self.score.drawn += self.stations.iter().map(|station| station.draw.0).sum::<i64>();
        let demand = self.stations.iter().filter_map(|station| station.car.as_ref());
        let demand = demand.map(|car| car.demand.0).sum::<i64>();
        self.score.ideal += demand.min(self.limit(self.grid(), self.now).0);
    }

    fn life_of_stations(&mut self) {
        for n in 0..self.stations.len() {
            let now = self.now;
            let events = self.events[n];
            self.notice(n);
            if now == events.online && !self.connect(n) {
                self.events[n].online = now.plus(Millis::from_secs(5));
            }
            if now >= events.offline {
                self.lose_connection(n);
                let next = self.setting.offline_every.0 / 1_000;
                let next = Millis::from_secs(self.random.between(next / 2, next * 3 / 2));
                self.events[n].online = now.plus(self.setting.offline_for);
                self.events[n].offline = now.plus(self.setting.offline_for).plus(next);
            }
            // A clock that is set back while its station is away cannot be known of.
            if now >= events.jump && self.stations[n].online {
                let next = self.setting.clock_jumps_every.0 / 1_000;
                let next = Millis::from_secs(self.random.between(next / 2, next * 3 / 2));
                self.events[n].jump = now.plus(next);
                self.stations[n].offset = Millis::from_secs(self.random.between(-3_600, 3_600));
            }
            if now >= events.car {
                self.car(n);
            }
            if now >= events.operator {
                let next = self.random.between(1_800, 5_400);
                self.events[n].operator = now.plus(Millis::from_secs(next));
                self.operator_calls(n);
            }
            if now >= events.meter {
                self.events[n].meter = now.plus(Millis::from_secs(15));
                if self.random_wish(n) {
                    self.tell_wish(n);
                }
                self.report(n, ReportKind::Updated);
            }
        }
    }

    /// One report in twenty comes with a wish.
    fn random_wish(&mut self, n: usize) -> bool {
        let asks = self.setting.plans.is_some() && self.stations[n].car.is_some();
        asks && self.random.per_mille(50)
    }

    fn car(&mut self, n: usize) {
        let wait = Millis::from_secs(self.random.between(60, 900));
        match &self.stations[n].car {
            None => {
                let stay = self.setting.stay;
                self.stations[n].arrives(n, self.now, stay, &mut self.random);
                self.events[n].car = self.stations[n].car.as_ref().unwrap().leaves;
                self.report(n, ReportKind::Started);
            }
            Some(_) => {
                self.report(n, ReportKind::Ended);
                self.stations[n].leaves();
                self.events[n].car = self.now.plus(wait);
            }
        }
    }

    pub(super) fn station_id(&self, n: usize) -> crate::ids::StationId {
        self.rows.evses()[n].id.station.clone()
    }

    pub(super) fn is_up(&self) -> bool {
        self.now >= self.host_down_until
    }
}

impl Events {
    fn new(setting: &Setting, n: usize, random: &mut Random) -> Self {
        let mut within = |span: Millis| {
            START.plus(Millis::from_secs(random.between(30, (span.0 / 1_000).max(31))))
        };
        Self {
            offline: within(setting.offline_every).plus(Millis::from_secs(300)),
            online: START.plus(Millis::from_secs(1 + n as i64 % 10)),
            jump: within(setting.clock_jumps_every).plus(Millis::from_secs(300)),
            operator: within(Millis::from_secs(3_600)),
            car: within(Millis::from_secs(300)).plus(Millis::from_secs(30)),
            meter: within(Millis::from_secs(40)),
        }
    }
}
