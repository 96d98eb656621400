//! Owns what a site run does, read from a file: data only. Must never connect, nor let a number
//! through that makes no sense.

use busbar_ocpp::Version;
use serde::{Deserialize, Serialize};

use crate::load::scenario::{Versions, parse};

/// A cut that is announced so early is no surprise: the same as the time to react to one.
pub(super) const REACTION_S: f64 = 15.0;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// How long it takes, from when all stations are ready.
    pub seconds: f64,
    /// Pause between two meter values of a station.
    #[serde(default = "five")]
    pub sample_s: i64,
    /// Shares of the versions.
    #[serde(default)]
    pub versions: Versions,
    /// The site.
    pub site: Site,
    /// Its stations, with the cars that come there.
    #[serde(rename = "group")]
    pub groups: Vec<Group>,
    /// What happens, in any order.
    #[serde(default, rename = "event")]
    pub events: Vec<Event>,
    /// What the run must keep to, beside that no limit is exceeded.
    #[serde(default)]
    pub bounds: Bounds,
}

/// The electrical tree: a grid connection and its feeders. Amperes are those of one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// What the grid connection carries.
    pub limit_a: f64,
    /// What the host is told that it carries, in place of that: to see the run fail.
    #[serde(default)]
    pub told_limit_a: Option<f64>,
    /// What the host is to keep free of it: what base load can rise, and a station draw beyond
    /// what it was told, before the others have made room.
    #[serde(default)]
    pub reserve_a: f64,
    /// The base load at the beginning, on L1.
    #[serde(default)]
    pub base_load_a: f64,
    /// The most that it can be, as the tree says it.
    #[serde(default)]
    pub base_load_max_a: f64,
    /// How much of the base load each line carries.
    #[serde(default = "alike")]
    pub base_load_percent: [u32; 3],
    /// What a station gives by itself, with no profile.
    #[serde(default)]
    pub fallback_a: f64,
    /// Every so manieth station is wired to one line only; 0 is none.
    #[serde(default)]
    pub single_phase_every: usize,
    /// Between the grid connection and the stations, which are dealt out to them evenly.
    #[serde(default, rename = "feeder")]
    pub feeders: Vec<Feeder>,
}

/// A feeder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeder {
    /// As people call it.
    pub name: String,
    /// What it carries.
    pub limit_a: f64,
    /// What the host is to keep free of it.
    #[serde(default)]
    pub reserve_a: f64,
}

/// Stations that are alike, and their cars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// As the picture calls it.
    pub name: String,
    /// How many.
    pub stations: usize,
    /// What is wrong with them.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// Between which seconds cars are plugged in; none are where nothing is said.
    #[serde(default)]
    pub plug_in_s: Option<[f64; 2]>,
    /// Between which seconds they leave; they stay where nothing is said.
    #[serde(default)]
    pub unplug_s: Option<[f64; 2]>,
    /// So many of a thousand cars charge on one phase.
    #[serde(default)]
    pub one_phase_permille: u16,
    /// So many of a thousand cars are nearly full: they take less and less.
    #[serde(default)]
    pub nearly_full_permille: u16,
}

/// What is wrong with a station or its car.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It accepts limits and gives all it can, and the host was told nothing of that.
    Ignores,
    /// It never gives less than 10 A while something flows, and the host was told nothing of that.
    #[serde(rename = "never_below_10_a")]
    NeverBelow10A,
    /// It gives all it can for 3 s after each profile; the tree says so of its model.
    Hole,
    /// It rejects limits of 0; the tree says so of its model.
    RejectsZero,
    /// It answers an order after 6 s.
    AnswersLate,
    /// Its car follows a limit after 5 s, the longest that IEC 61851-1 allows; others after 2 s.
    SlowCar,
    /// Its clock is 20 minutes slow.
    ClockOff,
    /// The host knows nothing of its model.
    UnknownModel,
}

/// Something that happens, at a second of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The base load changes.
    BaseLoad {
        /// When it begins to.
        at_s: f64,
        /// To what, on L1.
        to_a: f64,
        /// How long that takes.
        #[serde(default)]
        over_s: f64,
    },
    /// The grid operator lowers the limit for a while.
    Cut {
        /// From when on.
        at_s: f64,
        /// Until when.
        until_s: f64,
        /// To what.
        to_a: f64,
        /// How long before it is told to the host; 0 is no warning at all.
        #[serde(default)]
        lead_s: f64,
    },
    /// Stations of the first group lose their connection; they and their cars go on.
    DropOff {
        /// When.
        at_s: f64,
        /// How many.
        stations: usize,
        /// How long.
        for_s: f64,
    },
    /// The host is killed with -9, and started again.
    KillHost {
        /// When.
        at_s: f64,
        /// How long it stays away.
        for_s: f64,
    },
}

/// What a run must keep to, beside that no limit is exceeded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Between which seconds the share of the limit that is used is taken.
    #[serde(default)]
    pub busy_s: Option<[f64; 2]>,
    /// The least that it must be then, on the lines together.
    #[serde(default)]
    pub share_percent_min: Option<f64>,
    /// The most pauses of cars that had begun to charge.
    #[serde(default)]
    pub pauses_max: Option<u32>,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// What is wrong, with its line and column.
    pub fn read(text: &str) -> Result<Self, String> {
        let scenario: Self = parse(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Its stations.
    pub fn stations(&self) -> usize {
        self.groups.iter().map(|group| group.stations).sum()
    }

    /// Whether the host is killed.
    pub fn kills(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::KillHost { .. }))
    }

    /// The versions of the stations in turn, in the shares that are asked for.
    pub fn version(&self, index: usize) -> Version {
        let Versions { v16, v201, v21 } = self.versions;
        // Shares are dealt out one by one, so that each feeder has all versions.
        let all = (v16 + v201 + v21).max(1);
        let place = index as u32 * 7 % all;
        if place < v16 {
            Version::V16
        } else if place < v16 + v201 {
            Version::V201
        } else {
            Version::V21
        }
    }

    /// The same with about so many stations: groups, amperes and those that drop off in
    /// proportion.
    #[must_use]
    pub fn scaled(mut self, stations: usize) -> Self {
        let factor = stations as f64 / self.stations().max(1) as f64;
        let whole = |number: &mut usize| {
            *number = ((*number as f64 * factor).round() as usize).max(usize::from(*number > 0));
        };
        let amps = |amps: &mut f64| *amps = (*amps * factor).round();
        self.groups.iter_mut().for_each(|group| whole(&mut group.stations));
        let site = &mut self.site;
        [&mut site.limit_a, &mut site.reserve_a, &mut site.base_load_a, &mut site.base_load_max_a]
            .into_iter()
            .chain(site.told_limit_a.as_mut())
            .for_each(amps);
        for feeder in &mut site.feeders {
            amps(&mut feeder.limit_a);
            amps(&mut feeder.reserve_a);
        }
        for event in &mut self.events {
            match event {
                Event::BaseLoad { to_a, .. } | Event::Cut { to_a, .. } => amps(to_a),
                Event::DropOff { stations, .. } => whole(stations),
                Event::KillHost { .. } => {}
            }
        }
        self
    }

    /// Whether its numbers make sense.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), String> {
        let bad = |what: &str| Err(format!("scenario {}: {what}", self.name));
        if !(1.0..=86_400.0).contains(&self.seconds) {
            return bad("seconds must be between 1 and 86400");
        }
        if !(1..=1000).contains(&self.sample_s) {
            return bad("sample_s must be between 1 and 1000");
        }
        if !(1..=5_000).contains(&self.stations()) {
            return bad("the groups must have 1 to 5000 stations in all");
        }
        let Versions { v16, v201, v21 } = self.versions;
        if v16 + v201 + v21 == 0 {
            return bad("versions must name one");
        }
        let site = &self.site;
        let amps = [site.reserve_a, site.base_load_a, site.base_load_max_a, site.fallback_a];
        let feeders = site.feeders.iter().map(|feeder| feeder.reserve_a);
        if amps.into_iter().chain(feeders).any(|amps| !(0.0..=100_000.0).contains(&amps)) {
            return bad("amperes must be between 0 and 100000");
        }
        let limits = site.feeders.iter().map(|feeder| feeder.limit_a);
        let mut limits = limits.chain([site.limit_a]).chain(site.told_limit_a);
        if limits.any(|amps| !(1.0..=100_000.0).contains(&amps)) {
            return bad("limits must be between 1 and 100000 A");
        }
        let spans = self.groups.iter().flat_map(|group| [group.plug_in_s, group.unplug_s]);
        let mut spans = spans.chain([self.bounds.busy_s]).flatten();
        if spans.any(|[from, to]| !from.is_finite() || from < 0.0 || !to.is_finite() || to < from) {
            return bad("a span of seconds has a beginning and a later end: [20, 40]");
        }
        self.events.iter().try_for_each(|event| event.check(self))
    }
}

impl Event {
    /// When it begins, in seconds of the run.
    pub fn at_s(&self) -> f64 {
        match self {
            Self::BaseLoad { at_s, .. }
            | Self::Cut { at_s, .. }
            | Self::DropOff { at_s, .. }
            | Self::KillHost { at_s, .. } => *at_s,
        }
    }

    fn check(&self, scenario: &Scenario) -> Result<(), String> {
        let bad = |what: &str| {
            Err(format!("scenario {}: event at {} s: {what}", scenario.name, self.at_s()))
        };
        let times = match self {
            Self::BaseLoad { over_s, .. } => [*over_s, 0.0],
            Self::Cut { until_s, lead_s, .. } => [*until_s, *lead_s],
            Self::DropOff { for_s, .. } | Self::KillHost { for_s, .. } => [*for_s, 0.0],
        };
        let mut times = times.into_iter().chain([self.at_s()]);
        if times.any(|s| !(0.0..=86_400.0).contains(&s)) {
            return bad("seconds must be between 0 and 86400");
        }
        match self {
            Self::BaseLoad { to_a, .. } if !(0.0..=100_000.0).contains(to_a) => {
                bad("to_a must be between 0 and 100000")
            }
            Self::Cut { to_a, .. } if !(0.0..=100_000.0).contains(to_a) => {
                bad("to_a must be between 0 and 100000")
            }
            Self::Cut { at_s, until_s, .. } if until_s <= at_s => bad("it ends before it begins"),
            Self::DropOff { stations, .. }
                if scenario.groups.first().is_none_or(|group| group.stations < *stations) =>
            {
                bad("the first group has fewer stations")
            }
            _ => Ok(()),
        }
    }
}

fn five() -> i64 {
    5
}

fn alike() -> [u32; 3] {
    [100; 3]
}
