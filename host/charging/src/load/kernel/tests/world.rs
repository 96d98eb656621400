//! Owns a site in virtual time: stations with their cars, a network that delays and loses, a host
//! that dies, cuts of the limit, and the judgement of what was really drawn.

mod network;

use std::collections::VecDeque;

use super::host::{Break, Host};
use super::station::Station;
use super::{Random, START, wired};
use crate::load::kernel::capability::Hole;
use crate::load::kernel::decide::{LEAD, Send, Site};
use crate::load::kernel::event::{Event, EvseChange, StationChange};
use crate::load::legs::Legs;
use crate::load::rows::Rows;
use crate::units::{Current, Millis, Timestamp};
use network::{Message, Open, Transit};

const SECOND: Millis = Millis::from_secs(1);

/// What is made of a site.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) rows: Rows,
    pub(super) seed: u64,
    pub(super) broken: Break,
    /// The limit during a cut, in per mille.
    pub(super) cut: i64,
    /// Stations of a hundred that ignore durations, and that have a hole.
    pub(super) ignore_duration: usize,
    pub(super) holes: usize,
    pub(super) ignore_limits: usize,
    pub(super) offline_every: Millis,
    pub(super) offline_for: Millis,
    pub(super) clock_jumps_every: Millis,
    pub(super) crash_every: Millis,
    pub(super) loss_per_mille: i64,
    /// A car stays at most so long.
    pub(super) stay: Millis,
    /// How long the decision waits for the next look.
    pub(super) control_every: Millis,
}

impl Setting {
    /// The fault model.
    pub(super) fn new(rows: Rows, seed: u64) -> Self {
        Self {
            rows,
            seed,
            broken: Break::None,
            cut: 786,
            ignore_duration: 5,
            holes: 5,
            ignore_limits: 0,
            offline_every: Millis::from_secs(3 * 3_600),
            offline_for: Millis::from_secs(600),
            clock_jumps_every: Millis::from_secs(48 * 3_600),
            crash_every: Millis::from_secs(6 * 3_600),
            loss_per_mille: 15,
            stay: Millis::from_secs(6 * 3_600),
            control_every: Millis::from_secs(5),
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
    pub(super) withheld: i64,
    pub(super) cuts: i64,
    /// The first second above a limit outside a reaction, since the start, and since the last cut.
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
        self.withheld += other.withheld;
        self.cuts += other.cuts;
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
    setting: Setting,
    random: Random,
    now: Timestamp,
    pub(super) stations: Vec<Station>,
    events: Vec<Events>,
    pub(super) host: Host,
    host_down_until: Timestamp,
    host_was_down: Timestamp,
    next_crash: Timestamp,
    cut: Cut,
    pub(super) score: Score,
    transit: Vec<VecDeque<Transit>>,
    messages: Vec<Message>,
    open: Vec<Option<Open>>,
    /// When the host notices that a connection is gone.
    notices: Vec<Timestamp>,
    next_control: Timestamp,
    limits: Vec<i64>,
    parts: Vec<Vec<(u32, i64)>>,
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
        let count = setting.rows.evses().len();
        let mut random = Random(setting.seed);
        let mut stations = Vec::new();
        let mut events = Vec::new();
        for n in 0..count {
            let offset = Millis::from_secs(random.between(-3_600, 3_600));
            let mut station = Station::new(offset);
            station.ignores_duration = n * 100 < setting.ignore_duration * count;
            station.forgets_clock = n % 10 == 3;
            let from_last = count - 1 - n;
            station.ignores_limits = from_last * 100 < setting.ignore_limits * count;
            let holes = setting.holes * count / 100;
            if (count / 2..count / 2 + holes).contains(&n) {
                station.hole = Some(if n % 2 == 0 { Hole::Default } else { Hole::Full });
            }
            stations.push(station);
            events.push(Events::new(&setting, &mut random));
        }
        let unlimited = |row: &crate::load::rows::Row| row.limit.map_or(i64::MAX / 4, |l| l.0);
        let limits = setting.rows.rows().iter().map(unlimited).collect();
        // A car of which nothing is known may use any leg: three-phase cars use all.
        let parts = (0..setting.rows.rows().len() as u32).map(|row| {
            setting.rows.of_row(row, |_| Legs::UNKNOWN).map(|(e, c)| (e, i64::from(c))).collect()
        });
        let mut world = Self {
            random,
            now: START,
            stations,
            events,
            host: Host::new(setting.broken),
            host_down_until: START,
            host_was_down: Timestamp(0),
            next_crash: START.plus(setting.crash_every),
            cut: Cut { from: START, until: START, announced: false },
            score: Score::default(),
            transit: vec![VecDeque::new(); count],
            messages: Vec::new(),
            open: vec![None; count],
            notices: vec![Timestamp::NEVER; count],
            next_control: START,
            limits,
            parts: parts.collect(),
            setting,
        };
        world.commission();
        world
    }

    fn commission(&mut self) {
        let evses = wired(&self.setting.rows);
        self.host.learn(Event::Wired { at: START, evses });
        for n in 0..self.stations.len() {
            let capability = self.stations[n].capability();
            let station = self.id(n).station;
            self.host.learn(Event::Capable { at: START, station: station.clone(), capability });
            let what = StationChange::Connected;
            self.host.learn(Event::Station { at: START, station, what });
        }
        self.next_cut();
    }

    fn id(&self, n: usize) -> crate::load::rows::EvseId {
        self.setting.rows.evses()[n].id.clone()
    }

    pub(super) fn run(&mut self, hours: i64) -> Score {
        for _ in 0..hours * 3_600 {
            self.second();
        }
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
        let is_up = self.now >= self.host_down_until;
        let at_once = self.cut.from == self.now && !self.cut.announced;
        if is_up && (self.now >= self.next_control || at_once) {
            self.control();
        }
        for station in &mut self.stations {
            station.step(self.now);
        }
        // Commissioning and the first cars take some minutes.
        if self.now.since(START) > Millis::from_secs(600) {
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
    }

    /// The limit of a row at a time; only the grid's is cut.
    fn limit(&self, row: usize, time: Timestamp) -> Current {
        let limit = self.limits[row];
        let cut = self.cut.from <= time && time < self.cut.until;
        let is_grid = &*self.setting.rows.rows()[row].circuit == "grid";
        Current(if cut && is_grid { limit * self.setting.cut / 1_000 } else { limit })
    }

    fn control(&mut self) {
        self.next_control = self.now.plus(self.setting.control_every);
        let rows = &self.setting.rows;
        let all = 0..rows.rows().len();
        let headroom: Vec<_> = all.clone().map(|row| self.limit(row, self.now)).collect();
        let soon = self.now.plus(LEAD);
        let knows = self.cut.announced || self.now >= self.cut.from;
        let announced = all.clone().map(|row| {
            let later = if knows { self.limit(row, soon) } else { headroom[row] };
            later.min(headroom[row])
        });
        let announced: Vec<_> = announced.collect();
        let legs = vec![Legs::UNKNOWN; rows.evses().len()];
        let bound = vec![false; all.len()];
        let wishes: Vec<_> = (0..self.stations.len()).map(|n| self.wish(n)).collect();
        let (headroom, announced, bound) = (&headroom, &announced, &bound);
        let site = Site { rows, legs: &legs, headroom, announced, lasting: announced, bound };
        let decision = self.host.kernel.decide(self.now, &site, &wishes);
        self.score.withheld += i64::from(decision.withheld);
        for station in decision.abandon {
            let mut evses = self.setting.rows.evses().iter();
            let n = evses.position(|evse| evse.id.station == station).unwrap();
            self.give_up(n);
        }
        for send in decision.sends {
            self.send(send);
        }
    }

    /// All wish for the most; a car that draws less than it may for something more than that.
    fn wish(&self, n: usize) -> Current {
        let kernel = &self.host.kernel;
        let told = kernel.acknowledged(n as u32, self.now);
        let draw = kernel.draw(n as u32).and_then(|draw| draw.fresh(self.now));
        match draw {
            _ if kernel.evses[n].transaction.is_none() => Current::ZERO,
            Some(draw) if draw.plus(Current(1_000)) < told => {
                draw.plus(Current(2_000)).max(Current(6_000))
            }
            _ => Current(32_000),
        }
    }

    fn send(&mut self, send: Send) {
        let n = self.host.kernel.evse(&send.granted.evse).unwrap() as usize;
        self.score.messages += 1;
        self.host.learn(Event::Granted(send.granted.clone()));
        self.transmit(n, send);
    }

    fn life_of_host(&mut self) {
        let now = self.now;
        if now >= self.next_crash {
            self.next_crash = now.plus(self.setting.crash_every);
            self.host_down_until = now.plus(Millis::from_secs(self.random.between(2, 10)));
            self.host.crash(now);
            for n in 0..self.stations.len() {
                self.lose_connection(n);
                let back = self.host_down_until.plus(Millis::from_secs(self.random.between(1, 10)));
                if self.events[n].online < now {
                    self.events[n].online = back;
                }
            }
            self.host_was_down = self.host_down_until.plus(Millis::from_secs(10));
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
        for row in 0..self.limits.len() {
            let parts = self.parts[row].iter();
            let load = parts.map(|(evse, part)| self.stations[*evse as usize].draw.0 * part);
            let load = load.sum::<i64>() / 1_000;
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
        self.score.ideal += demand.min(self.limit(0, self.now).0);
    }

    fn life_of_stations(&mut self) {
        for n in 0..self.stations.len() {
            let now = self.now;
            let events = self.events[n];
            self.notice(n);
            if now == events.online {
                self.connect(n);
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
                self.operator_calls(n);
            }
            if now >= events.meter {
                self.events[n].meter = now.plus(Millis::from_secs(10));
                let draw = self.stations[n].draw;
                self.report(n, Some(EvseChange::Measured(draw)));
            }
        }
    }

    fn car(&mut self, n: usize) {
        let wait = Millis::from_secs(self.random.between(60, 900));
        match &self.stations[n].car {
            None => {
                self.stations[n].arrives(n, self.now, self.setting.stay, &mut self.random);
                let car = self.stations[n].car.clone().unwrap();
                self.events[n].car = car.leaves;
                let transaction = car.transaction.as_str().into();
                self.report(n, Some(EvseChange::Started(transaction)));
            }
            Some(_) => {
                self.stations[n].leaves();
                self.events[n].car = self.now.plus(wait);
                self.report(n, Some(EvseChange::Ended));
            }
        }
    }
}

impl Events {
    fn new(setting: &Setting, random: &mut Random) -> Self {
        let mut within = |span: Millis| {
            START.plus(Millis::from_secs(random.between(30, (span.0 / 1_000).max(31))))
        };
        Self {
            offline: within(setting.offline_every).plus(Millis::from_secs(300)),
            online: Timestamp(0),
            jump: within(setting.clock_jumps_every).plus(Millis::from_secs(300)),
            operator: within(Millis::from_secs(3_600)),
            car: within(Millis::from_secs(300)),
            meter: within(Millis::from_secs(40)),
        }
    }
}
