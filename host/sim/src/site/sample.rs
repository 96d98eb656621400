//! Owns what the stations drew at one moment, as it is inside of them, and what that adds up to.
//! Must never take anything that a station said for what it did.

use super::plan::Plan;
use crate::socket::View;
use crate::words::Status;

/// One look at all stations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When, in milliseconds of the run.
    pub at_ms: i64,
    /// By station.
    pub evses: Vec<Drawn>,
}

/// What one station does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Current in each of its conductors that its car uses.
    pub ma: i64,
    /// How many these are.
    pub phases: u8,
    /// Whether it is connected.
    pub online: bool,
    /// Whether its car charges.
    pub charges: bool,
    /// Whether it has paused its car.
    pub paused: bool,
    /// Its register.
    pub register_mwh: i64,
    /// How often the host has told it a limit.
    pub told: u32,
}

impl Drawn {
    /// What one sees of a station.
    pub fn of(view: &View) -> Self {
        let Some(plug) = view.plugs.first() else { return Self::default() };
        Self {
            ma: plug.current_ma,
            phases: plug.phases,
            online: view.online,
            charges: plug.status == Status::Charging,
            paused: plug.status == Status::SuspendedEvse,
            register_mwh: plug.register_mwh,
            told: view.limits_told,
        }
    }
}

impl Sample {
    /// What flows on each line to the stations of a feeder, or to all of them.
    pub fn lines_ma(&self, plan: &Plan, feeder: Option<usize>) -> [i64; 3] {
        let mut lines = [0; 3];
        for (place, drawn) in plan.places.iter().zip(&self.evses) {
            if feeder.is_some() && place.feeder != feeder {
                continue;
            }
            for line in place.lines.iter().take(usize::from(drawn.phases)) {
                lines[*line] += drawn.ma;
            }
        }
        lines
    }
}
