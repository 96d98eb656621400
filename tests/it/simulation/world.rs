//! Owns virtual time and the queue of what happens: one seed, one order of events, and nothing
//! from outside. Must never sleep, start a thread, or draw chance from anything but the seed.

use std::collections::BTreeMap;

use busbar_charging::action::Action;
use busbar_charging::input::{Needs, Recalled};
use busbar_charging::units::Timestamp;
use busbar_engine::{BatchId, Event, RecallId};
use busbar_sim::rng::Rng;

use super::disk::Disk;
use super::field::{Cp, Late};
use super::finish;
use super::host::Life;
use super::load::Lines;
use super::net::Net;
use super::operators::Operators;
use super::oracle::Oracle;
use super::plan::{Faults, Plan, Planned, START};
use super::pricer::Pricer;
use super::truth::Truth;

/// A deliberate break of what is proven here: the test of the test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Break {
    /// All is well.
    #[default]
    Nothing,
    /// The committer acknowledges what is written and not synced.
    AcknowledgedBeforeSync,
    /// Actions leave without waiting for their commit.
    ActsBeforeCommit,
    /// Nothing is ever recalled: what left the state is not known any more.
    ForgetsDuplicates,
    /// A crash loses one fact that was durable.
    LosesFact,
    /// A command that may have left is sent again on the next connection.
    RepeatsCommands,
    /// What one site tells another never arrives.
    LosesTold,
    /// A limit is written rounded up.
    RoundsUp,
    /// Whatever a station says, its open limit is taken for acknowledged by it.
    TakesAnyAnswer,
    /// A crash loses what a grid operator said last.
    LosesLimit,
    /// Nobody sees that the host's clock was set.
    TrustsItsClock,
}

/// What happens at a point in time.
#[derive(Debug)]
pub(super) enum Happening {
    Planned(Planned),
    /// For the engine of the life that sent it.
    Engine(Box<Event>),
    Recall(RecallId, Needs),
    Recalled(RecallId, Recalled),
    Synced,
    Committed(BatchId),
    Action(Action),
    /// The process starts again.
    Start,
    /// A handshake reaches the host.
    Dialed {
        conn: u64,
    },
    /// A handshake's answer reaches the station.
    Up {
        conn: u64,
    },
    ToHost {
        conn: u64,
        text: String,
    },
    ToStation {
        conn: u64,
        text: String,
    },
    StationLoses {
        conn: u64,
    },
    HostLoses {
        conn: u64,
    },
    /// A message that was kept back is due.
    Late(usize),
}

/// All there is.
pub(super) struct World {
    pub(super) now: i64,
    queue: BTreeMap<(i64, u64), (u64, Happening)>,
    order: u64,
    pub(super) seed: u64,
    pub(super) rng: Rng,
    pub(super) faults: Faults,
    pub(super) broken: Break,
    pub(super) pricer: Pricer,
    pub(super) stations: Vec<Cp>,
    pub(super) late: Vec<Late>,
    pub(super) net: Net,
    pub(super) life: Option<Life>,
    pub(super) lives: u64,
    pub(super) disk: Disk,
    pub(super) oracle: Oracle,
    pub(super) truth: Truth,
    pub(super) operators: Operators,
    /// Nothing breaks any more.
    pub(super) calm: bool,
    pub(super) steps: u64,
    traced: bool,
    /// All messages came within the time that a bill waits for them.
    pub(super) prompt: bool,
    /// How far the host's clock is ahead, and whether it ever was.
    pub(super) skew: i64,
    pub(super) was_skewed: bool,
    /// A break: the last command of each station.
    pub(super) repeated: BTreeMap<usize, String>,
    /// What is odd about the lines of a site whose load is controlled.
    pub(super) lines: Lines,
}

/// What a run came to, for the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) steps: u64,
    pub(super) lives: u64,
    pub(super) facts: u64,
    pub(super) charges: u64,
    pub(super) billed: u64,
    pub(super) held: u64,
    pub(super) credits: u64,
    pub(super) commands: u64,
    pub(super) moves: u64,
    pub(super) limits: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.lives += other.lives;
        self.facts += other.facts;
        self.charges += other.charges;
        self.billed += other.billed;
        self.held += other.held;
        self.credits += other.credits;
        self.commands += other.commands;
        self.moves += other.moves;
        self.limits += other.limits;
    }
}

impl World {
    /// Runs a seed to its end; panics with what does not hold.
    pub(super) fn run(seed: u64, broken: Break, pricer: Pricer) -> Tally {
        let plan = Plan::new(seed);
        let mut world = Self::new(seed, broken, pricer, &plan);
        world.set_up();
        for (at, planned) in plan.planned {
            world.later(at, Happening::Planned(planned));
        }
        world.until(plan.end);
        finish::run(&mut world)
    }

    pub(super) fn new(seed: u64, broken: Break, pricer: Pricer, plan: &Plan) -> Self {
        let now = START - 60_000;
        let stations = plan.specs.iter().map(|spec| Cp::new(spec.clone(), START)).collect();
        let mut world = Self {
            now,
            queue: BTreeMap::new(),
            order: 0,
            seed,
            rng: Rng::part(seed, "world"),
            faults: plan.faults.clone(),
            broken,
            pricer,
            stations,
            late: Vec::new(),
            net: Net::new(seed),
            life: None,
            lives: 0,
            disk: Disk::default(),
            oracle: Oracle::default(),
            truth: Truth::default(),
            operators: Operators::default(),
            calm: true,
            steps: 0,
            traced: std::env::var_os("BUSBAR_TRACE").is_some(),
            prompt: false,
            skew: 0,
            was_skewed: false,
            repeated: BTreeMap::new(),
            lines: Lines::default(),
        };
        world.start();
        world
    }

    /// What the host takes for now.
    pub(super) fn clock(&self) -> Timestamp {
        Timestamp(self.now + self.skew)
    }

    /// Says what happens, when somebody reads along: `BUSBAR_TRACE=1` with one seed.
    pub(super) fn trace(&self, what: impl FnOnce() -> String) {
        if self.traced {
            let (minutes, rest) = ((self.now - START) / 60_000, (self.now - START) % 60_000);
            println!("{minutes:>4}:{rest:05} {}", what());
        }
    }

    /// Puts something into the queue, for this life of the process.
    pub(super) fn later(&mut self, at: i64, what: Happening) {
        self.order += 1;
        self.queue.insert((at.max(self.now), self.order), (self.lives, what));
    }

    /// Lets everything happen until a point in time.
    pub(super) fn until(&mut self, end: i64) {
        loop {
            let stations = self.stations.iter().filter_map(|cp| cp.next_tick);
            let others = stations.chain(self.host_deadline()).min();
            let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
            let next = [others, queued].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            self.steps += 1;
            assert!(self.steps < 20_000_000, "nothing comes to an end");
            if queued.is_some_and(|at| at <= self.now) {
                if let Some((_, (life, what))) = self.queue.pop_first() {
                    self.happen(life, what);
                }
            } else {
                self.stations_tick();
                self.host_ticks();
            }
        }
        self.now = end;
    }

    fn happen(&mut self, life: u64, what: Happening) {
        let lives = self.life.as_ref().is_some_and(|now| now.number == life);
        self.trace(|| {
            let gone = if lives { "" } else { " (of another life)" };
            format!("{what:?}{gone}").chars().take(400).collect()
        });
        match what {
            Happening::Planned(planned) => self.planned(planned),
            Happening::Engine(event) if lives => self.tell(*event),
            Happening::Recall(id, needs) if lives => {
                let recalled = match self.broken {
                    Break::ForgetsDuplicates => Recalled::default(),
                    _ => self.disk.read(&needs),
                };
                let at = self.now + self.rng.between(0, 5);
                self.later(at, Happening::Recalled(id, recalled));
            }
            Happening::Recalled(id, recalled) if lives => self.tell(Event::Recalled(id, recalled)),
            Happening::Synced if lives => self.synced(),
            Happening::Committed(id) if lives => self.tell(Event::Committed(id)),
            Happening::Action(action) if lives => self.act(&action),
            Happening::Engine(_)
            | Happening::Recall(..)
            | Happening::Recalled(..)
            | Happening::Synced
            | Happening::Committed(_)
            | Happening::Action(_) => {}
            Happening::Start => self.start(),
            Happening::Dialed { conn } => self.dialed(conn),
            Happening::Up { conn } => self.up(conn),
            Happening::ToHost { conn, text } => self.host_receives(conn, &text),
            Happening::ToStation { conn, text } => self.station_receives(conn, &text),
            Happening::StationLoses { conn } => self.station_loses(conn),
            Happening::HostLoses { conn } => self.host_loses(conn),
            Happening::Late(index) => self.say_late(index),
        }
    }

    fn planned(&mut self, planned: Planned) {
        match planned {
            Planned::Act { station, act } => {
                self.station_input(station, busbar_sim::station::Input::Act(act));
            }
            Planned::Order(order) => self.order(&order),
            Planned::Chaos(chaos) => self.break_something(&chaos),
        }
    }
}
