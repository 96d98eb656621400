//! Owns what happens at the site: cars that come and go, stations that are offline, dark or asked
//! by operators, a host that dies, a base load that moves, and cuts.
//! Must never do what only a host could do.

use busbar_charging::fact::site::{Blob, LoadBody};
use busbar_charging::input::Request;
use busbar_charging::load::external::Window;
use busbar_charging::load::rows::CircuitLimit;
use busbar_charging::subject::Subject;
use busbar_charging::units::{Current, Timestamp};
use busbar_sim::car::{Car, MJ_PER_WH, Supply};
use busbar_sim::rng::Rng;
use busbar_sim::station::{Act, Input};
use busbar_sim::words::Status;

use super::judge::{Cut, Flow, Judge, REACTION, Score, cut_to};
use super::yard::{BASE_MA, Kind, OUTLET_MA, Yard};
use crate::simulation::finish;
use crate::simulation::net::Weather;
use crate::simulation::operators::site;
use crate::simulation::plan::{Chaos, Faults, HOUR, MINUTE, Order, Plan, SECOND, START, token};
use crate::simulation::pricer::Pricer;
use crate::simulation::world::{Break, World};

/// Cars come from then on: before, stations are put up.
const OPENS: i64 = START + 5 * MINUTE;

/// The base load moves by at most so much in a second.
const DRIFT_MA: i64 = 50;

/// A frame takes so long.
const DELAY: (i64, i64) = (50, 4_900);

/// After the start of a process most stations are back so soon.
const BACK_AFTER: i64 = 10 * SECOND;

/// What is drawn of a site.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) seed: u64,
    pub(super) broken: Break,
    /// Stations that lie.
    pub(super) liars: usize,
    /// Two stations drop what they accept, or hold what they reject.
    pub(super) two_faced: bool,
    /// Some stations do not tell all phases; else they all do.
    pub(super) is_vague: bool,
    /// No station is asked which profiles it holds.
    pub(super) hides_profiles: bool,
    /// The meter measures the EVSEs too.
    pub(super) whole_meter: bool,
    /// The process dies that often, in the mean.
    pub(super) crash_every: i64,
    /// So many of a thousand frames are lost.
    pub(super) lost: u16,
    /// What a feeder has beyond the fallbacks of its EVSEs.
    pub(super) room_ma: i64,
    /// The host's clock is set that often, in the mean; never where that is 0.
    pub(super) clock_every: i64,
}

impl Setting {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            broken: Break::Nothing,
            liars: 0,
            two_faced: true,
            is_vague: true,
            hides_profiles: false,
            whole_meter: false,
            crash_every: 3 * HOUR,
            lost: 7,
            room_ma: 30_000,
            clock_every: 0,
        }
    }
}

/// An outlet and its car.
#[derive(Clone, Debug, Default)]
struct Place {
    car: Option<Car>,
    /// When the car comes or leaves.
    next: i64,
    /// When its driver holds the card to the reader.
    presents: Option<i64>,
    paused: bool,
    lies_since: Option<i64>,
}

/// When what happens next to a station.
#[derive(Clone, Copy, Debug)]
struct Mishaps {
    offline: i64,
    cut: i64,
    dark: i64,
    operator: i64,
}

/// A site and its day.
pub(super) struct Day {
    setting: Setting,
    yard: Yard,
    world: World,
    rng: Rng,
    places: Vec<Place>,
    mishaps: Vec<Mishaps>,
    base: [i64; 3],
    base_goal: [i64; 3],
    meter_due: i64,
    meter_silent: i64,
    cut: Cut,
    /// What the host has yet to be told.
    untold: Option<Vec<Window>>,
    next_crash: i64,
    next_clock: i64,
    /// When the host was up last, or down.
    up_since: i64,
    judge: Judge,
}

impl Day {
    pub(super) fn new(setting: Setting) -> Self {
        let (yard, specs) = Yard::new(&setting);
        let mut rng = Rng::part(setting.seed, "day");
        let plan = Plan { faults: faults(), planned: Vec::new(), end: START, specs };
        let world = World::new(setting.seed, setting.broken, Pricer::Native, &plan);
        let (outlets, stations) = (yard.outlets.len(), plan.specs.len());
        let mut within = |from: i64, span: i64| from + rng.between(0, span / SECOND) * SECOND;
        let place = |_| Place { next: within(OPENS, 5 * MINUTE), ..Place::default() };
        let places = (0..outlets).map(place).collect();
        let mishap = |_| Mishaps {
            offline: within(OPENS, 3 * HOUR),
            cut: within(OPENS, 6 * HOUR),
            dark: within(OPENS, 24 * HOUR),
            operator: within(OPENS, HOUR),
        };
        let mishaps = (0..stations).map(mishap).collect();
        let mut day = Self {
            yard,
            world,
            rng,
            places,
            mishaps,
            base: [BASE_MA / 2; 3],
            base_goal: [BASE_MA / 2; 3],
            meter_due: START,
            meter_silent: START,
            cut: Cut { from: START, until: START, announced: true, excused: START },
            untold: None,
            next_crash: OPENS + setting.crash_every / 2,
            next_clock: OPENS + setting.clock_every / 2,
            up_since: START,
            judge: Judge::default(),
            setting,
        };
        day.set_up();
        day
    }

    fn set_up(&mut self) {
        let world = &mut self.world;
        world.set_up();
        let (version, body) = self.yard.config().store();
        world.put_site(0, Some(LoadBody { version, body: Blob(body) }));
        world.until(START + MINUTE);
        for station in 0..world.stations.len() {
            world.order(&Order::Place { station, site: Some(0) });
        }
        world.until(START + 2 * MINUTE);
        world.check_answers();
        let controlled = world.oracle.sites[&Subject::Site(site(0))].is_load_controlled();
        assert!(controlled, "the configuration was refused: {:?}", self.yard.config().compile());
        assert_eq!(world.oracle.moves(), world.stations.len() as u64, "stations are elsewhere");
        world.lines.slow = true;
        world.net.weather = Weather { delay: Some(DELAY), lost: self.setting.lost };
        self.next_cut();
    }

    /// Lets so many hours pass, and comes to the end of all of it.
    pub(super) fn run(mut self, hours: i64) -> Score {
        for _ in 0..hours * HOUR / SECOND {
            self.second();
        }
        let tally = &mut self.judge.score;
        tally.facts = self.world.oracle.facts as i64;
        tally.messages = self.world.oracle.limits as i64;
        self.world.net.weather = Weather::default();
        // By a clock that was wrong, bills are held.
        if self.setting.broken == Break::Nothing && self.setting.clock_every == 0 {
            finish::run(&mut self.world);
        }
        self.judge.score
    }

    fn second(&mut self) {
        let now = self.world.now + SECOND;
        self.world.until(now);
        self.clock(now);
        self.host(now);
        self.base(now);
        if now >= self.cut.until {
            self.next_cut();
        }
        if self.cut.from == now && !self.cut.announced {
            self.untold = Some(self.windows());
        }
        self.tell();
        for station in 0..self.mishaps.len() {
            self.mishap(station, now);
        }
        for index in 0..self.places.len() {
            self.visit(index, now);
        }
        for station in 0..self.mishaps.len() {
            if self.world.stations[station].sim.plugs().iter().any(|plug| plug.tx.is_some()) {
                self.world.station_input(station, Input::Tick);
            }
        }
        let flows: Vec<_> = (0..self.places.len()).map(|index| self.flow(index, now)).collect();
        let over = self.judge.score.over;
        self.judge.look(&self.yard, now, &flows, self.base, &self.cut);
        if over == 0 && self.judge.score.over > 0 {
            self.show(&flows);
        }
    }

    /// Says how it stands, to whoever reads along: `BUSBAR_TRACE=1` with one seed.
    fn show(&self, flows: &[Flow]) {
        let view = self.world.oracle.sites[&Subject::Site(site(0))].load_view(self.world.clock());
        for ((outlet, flow), evse) in self.yard.outlets.iter().zip(flows).zip(view.unwrap().evses) {
            self.world.trace(|| format!("{outlet:?} {flow:?} {evse:?}"));
        }
    }

    /// The host's clock is set, by seconds or by as much as an hour; it may be down just then. A
    /// time that is told it means another moment afterwards, so not while something is cut.
    fn clock(&mut self, now: i64) {
        let is_cut = self.cut.from <= now + MINUTE && now <= self.cut.until;
        let every = self.setting.clock_every;
        if every == 0 || now < self.next_clock || is_cut {
            return;
        }
        self.next_clock = now + self.rng.between(every / 2, every * 3 / 2) / SECOND * SECOND;
        let by = match self.rng.chance(500) {
            true => self.rng.between(-MINUTE, MINUTE),
            false => self.rng.between(-HOUR, HOUR) - self.world.skew,
        };
        self.world.set_clock(by);
    }

    /// The process dies now and then, for seconds; once in a while for so long that leases end.
    fn host(&mut self, now: i64) {
        if self.world.life.is_none() {
            self.up_since = now;
        }
        // Stations come back within some seconds.
        let reacts = self.cut.from <= now && now <= self.cut.excused + REACTION;
        if reacts && now - self.up_since < BACK_AFTER {
            self.cut.excused = self.up_since + BACK_AFTER;
        }
        if now < self.next_crash {
            return;
        }
        let every = self.setting.crash_every;
        self.next_crash = now + self.rng.between(every / 2, every * 3 / 2) / SECOND * SECOND;
        self.judge.score.crashes += 1;
        let away = self.rng.between(1, 10) * SECOND;
        self.world.crash(away);
        self.up_since = now;
    }

    /// The base load wanders; while nobody can hear of it, it does not rise.
    fn base(&mut self, now: i64) {
        if self.rng.chance(2) {
            self.base_goal = [(); 3].map(|()| self.rng.between(BASE_MA / 2, BASE_MA));
        }
        let unheard = self.world.life.is_none() || now < self.meter_silent + 10 * SECOND;
        for line in 0..3 {
            let step = (self.base_goal[line] - self.base[line]).clamp(-DRIFT_MA, DRIFT_MA);
            self.base[line] += if unheard { step.min(0) } else { step };
        }
        if now < self.meter_due || self.world.life.is_none() {
            return;
        }
        self.meter_due = now + 10 * SECOND;
        if now < self.meter_silent {
            return;
        }
        if self.rng.chance(2) {
            self.meter_silent = now + self.rng.between(20, 400) * SECOND;
        }
        let mut lines = self.base;
        if self.setting.whole_meter {
            for outlet in &self.yard.outlets {
                let plug =
                    self.world.stations[outlet.station].sim.plug(usize::from(outlet.evse) - 1);
                let plug = plug.expect("an outlet of the station");
                for line in &outlet.lines[..usize::from(plug.phases)] {
                    lines[*line] += plug.current_ma;
                }
            }
        }
        let request = Request::MeterLoad {
            meter: "house".into(),
            lines: lines.map(Current),
            with_evses: self.setting.whole_meter,
        };
        self.world.ask(Subject::Site(site(0)), request);
    }

    /// A cut every one or two hours, of a quarter of an hour; every other one is announced, but to
    /// a host by whose clock it would come at another time.
    fn next_cut(&mut self) {
        let from = self.world.now + self.rng.between(3_600, 9_000) * SECOND;
        let announced = self.rng.chance(500) && self.setting.clock_every == 0;
        self.cut = Cut { from, until: from + 15 * MINUTE, announced, excused: from };
        match announced {
            true => self.untold = Some(self.windows()),
            false => self.judge.score.cuts += 1,
        }
    }

    fn windows(&self) -> Vec<Window> {
        let limit = Current(cut_to(self.yard.circuits[0].limit_ma));
        let limit = CircuitLimit { lines: Some([limit; 3]), power: None };
        let [from, until] =
            [self.cut.from, self.cut.until].map(|at| Timestamp(at + self.world.skew));
        vec![Window { from, until, limit }]
    }

    /// The grid operator's word reaches the host as soon as it is up.
    fn tell(&mut self) {
        if self.world.life.is_none() {
            return;
        }
        let Some(windows) = self.untold.take() else { return };
        let (circuit, source) = ("grid".into(), "dso".into());
        let request = Request::LimitLoad { circuit, source, windows: Some(windows) };
        self.world.ask(Subject::Site(site(0)), request);
    }

    fn mishap(&mut self, station: usize, now: i64) {
        let due = self.mishaps[station];
        if now >= due.offline {
            let for_ms = self.rng.between(30, 1_200) * SECOND;
            let next = now + for_ms + self.rng.between(HOUR, 5 * HOUR) / SECOND * SECOND;
            self.mishaps[station].offline = next;
            self.world.station_input(station, Input::Act(Act::NetworkDown { for_ms }));
        }
        if now >= due.cut {
            self.mishaps[station].cut =
                now + self.rng.between(3 * HOUR, 9 * HOUR) / SECOND * SECOND;
            self.world.break_something(&Chaos::Cut { station });
        }
        if now >= due.dark {
            let next = now + self.rng.between(12 * HOUR, 36 * HOUR) / SECOND * SECOND;
            self.mishaps[station].dark = next;
            let for_ms = self.rng.between(5, 300) * SECOND;
            self.world.station_input(station, Input::Act(Act::PowerCut { for_ms }));
        }
        if now >= due.operator {
            self.mishaps[station].operator = now + self.rng.between(1_800, 5_400) * SECOND;
            self.world.order(&Order::Trigger { station, what: "Heartbeat" });
        }
    }

    /// Cars come, are let in, and leave.
    fn visit(&mut self, index: usize, now: i64) {
        let (station, evse) = (self.yard.outlets[index].station, self.yard.outlets[index].evse);
        if self.places[index].presents.take_if(|at| *at <= now).is_some() {
            // Those that may charge at two places at once.
            let who = [1, 2, 4, 5][self.rng.below(4) as usize];
            let act = Act::Present { evse, token: token(who) };
            self.world.station_input(station, Input::Act(act));
        }
        if now < self.places[index].next {
            return;
        }
        let place = &mut self.places[index];
        if place.car.take().is_some() {
            place.next = now + self.rng.between(60, 300) * SECOND;
            (place.presents, place.paused) = (None, false);
            self.world.station_input(station, Input::Act(Act::Unplug { evse }));
            return;
        }
        let mut car = Car::any(&mut self.rng);
        // Some come nearly full, and taper.
        if self.rng.chance(200) {
            let soc = self.rng.between(850, 990);
            car.content_mj = car.battery_wh * MJ_PER_WH / 1_000 * soc;
            car.target_permille = 1_000;
        }
        car.follows_ms = self.rng.between(500, 4_000);
        car.wakes = !self.rng.chance(30);
        place.car = Some(car.clone());
        place.presents = Some(now + self.rng.between(2, 20) * SECOND);
        place.next = now + self.rng.between(15, 90) * MINUTE;
        self.judge.score.cars += 1;
        self.world.station_input(station, Input::Act(Act::PlugIn { evse, car }));
    }

    /// What flows at an outlet now.
    fn flow(&mut self, index: usize, now: i64) -> Flow {
        let outlet = &self.yard.outlets[index];
        let plug = self.world.stations[outlet.station].sim.plug(usize::from(outlet.evse) - 1);
        let plug = plug.expect("an outlet of the station");
        let place = &mut self.places[index];
        let lies = outlet.kind == Kind::Liar && plug.current_ma > outlet.fallback_ma;
        place.lies_since = lies.then(|| place.lies_since.unwrap_or(now));
        let is_paused = plug.status == Status::SuspendedEvse;
        if is_paused && !place.paused {
            self.judge.score.pauses += 1;
        }
        place.paused = is_paused;
        let wish = place.car.as_ref().filter(|_| plug.tx.is_some()).map(|car| {
            let soc = plug.soc_permille.unwrap_or_default();
            let content_mj = car.battery_wh * MJ_PER_WH / 1_000 * soc;
            let car = Car { content_mj, ..car.clone() };
            car.draw(Supply::Ac { phases: 3, max_ma: OUTLET_MA })
        });
        let wished = wish.filter(|wish| wish.current_ma > 0);
        Flow {
            ma: plug.current_ma,
            phases: usize::from(plug.phases),
            wish_phases: wished.map_or(0, |wish| usize::from(wish.phases)),
            wish_ma: wished.map_or(0, |wish| wish.current_ma),
            lies_since: place.lies_since,
        }
    }
}

fn faults() -> Faults {
    Faults {
        doubled: 10,
        postponed: 0,
        prompt: false,
        refused_commit: 0,
        slow_commit: 0,
        late_price: 20,
        failed_price: 0,
        lost_price: 0,
        log_window: 5_000,
    }
}
