//! Owns what there is at each moment of a run: the limit, the base load, and whether somebody is
//! still reacting to something that nobody could know. Must never round in favour of the host.

use super::scenario::{Event, REACTION_S, Scenario};

/// The grid connection over the time of a run. Milliamperes, and milliseconds of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    limit_ma: i64,
    base_ma: i64,
    percent: [u32; 3],
    ramps: Vec<Ramp>,
    cuts: Vec<Window>,
    surprises_ms: Vec<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ramp {
    at_ms: i64,
    over_ms: i64,
    to_ma: i64,
}

/// A lower limit that holds for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When the host is told.
    pub told_ms: i64,
    /// From when on it holds.
    pub from_ms: i64,
    /// Until before then.
    pub until_ms: i64,
    /// What holds.
    pub to_ma: i64,
}

impl Window {
    /// Whether the host cannot have everyone down in time.
    pub fn is_a_surprise(&self) -> bool {
        self.from_ms - self.told_ms < ms(REACTION_S)
    }
}

impl Grid {
    /// As a scenario says.
    pub fn new(scenario: &Scenario) -> Self {
        let (mut ramps, mut cuts, mut surprises_ms) = (Vec::new(), Vec::new(), Vec::new());
        for event in &scenario.events {
            match event {
                Event::BaseLoad { at_s, to_a, over_s } => {
                    let ramp = Ramp { at_ms: ms(*at_s), over_ms: ms(*over_s), to_ma: ma(*to_a) };
                    if ramp.over_ms == 0 {
                        surprises_ms.push(ramp.at_ms);
                    }
                    ramps.push(ramp);
                }
                Event::Cut { at_s, until_s, to_a, lead_s } => cuts.push(Window {
                    told_ms: ms(*at_s - *lead_s),
                    from_ms: ms(*at_s),
                    until_ms: ms(*until_s),
                    to_ma: ma(*to_a),
                }),
                Event::DropOff { .. } | Event::KillHost { .. } => {}
            }
        }
        ramps.sort_by_key(|ramp| ramp.at_ms);
        cuts.sort_by_key(|cut| cut.from_ms);
        surprises_ms.extend(cuts.iter().filter(|cut| cut.is_a_surprise()).map(|cut| cut.from_ms));
        let site = &scenario.site;
        Self {
            limit_ma: ma(site.limit_a),
            base_ma: ma(site.base_load_a),
            percent: site.base_load_percent,
            ramps,
            cuts,
            surprises_ms,
        }
    }

    /// What the grid connection carries on each line.
    pub fn limit_ma(&self, at_ms: i64) -> i64 {
        let hold = self.cuts.iter().filter(|cut| (cut.from_ms..cut.until_ms).contains(&at_ms));
        hold.map(|cut| cut.to_ma).chain([self.limit_ma]).min().unwrap_or(self.limit_ma)
    }

    /// What flows there beside the stations, line by line.
    pub fn base_ma(&self, at_ms: i64) -> [i64; 3] {
        let mut base = self.base_ma;
        for ramp in self.ramps.iter().filter(|ramp| ramp.at_ms <= at_ms) {
            let passed = (at_ms - ramp.at_ms).min(ramp.over_ms);
            base = match ramp.over_ms {
                0 => ramp.to_ma,
                over_ms => base + (ramp.to_ma - base) * passed / over_ms,
            };
        }
        // What is measured is rounded up, so what is left never is.
        self.percent.map(|percent| (base * i64::from(percent)).div_euclid(100) + 1)
    }

    /// What there is for the stations, line by line.
    pub fn room_ma(&self, at_ms: i64) -> [i64; 3] {
        self.base_ma(at_ms).map(|base| self.limit_ma(at_ms) - base)
    }

    /// What they may draw: what there is, and for a while after a surprise what there was before
    /// it.
    pub fn allowed_ma(&self, at_ms: i64) -> [i64; 3] {
        let recent = |from: &&i64| (0..=ms(REACTION_S)).contains(&(at_ms - **from));
        let before = self.surprises_ms.iter().filter(recent).map(|from| self.room_ma(from - 1));
        before
            .fold(self.room_ma(at_ms), |most, room| [0, 1, 2].map(|n: usize| most[n].max(room[n])))
    }

    /// All lower limits, the earliest first.
    pub fn cuts(&self) -> &[Window] {
        &self.cuts
    }
}

/// Milliseconds of seconds.
pub(super) fn ms(seconds: f64) -> i64 {
    (seconds * 1e3).round() as i64
}

/// Milliamperes of amperes.
pub(super) fn ma(amps: f64) -> i64 {
    (amps * 1e3).round() as i64
}
