//! Owns what is asked of load control from outside: limits of sources, readings of meters, and what
//! is wrong with a configuration. Must never take a limit that nobody may set, nor a reading of a
//! meter that is not there.

use crate::action::{Done, Problem};
use crate::context::Outcome;
use crate::fact::load::{LimitWindow, LoadLimited, LoadMetered};
use crate::fact::site::LoadBody;
use crate::ids::StationId;
use crate::load::config::Config;
use crate::load::external::{CURRENT_MOST, ExternalLimit, Window};
use crate::network::{done, problem};
use crate::site::Site;
use crate::site::operator::Asking;
use crate::units::Current;

/// A source may announce so many limits at once: a quarter of an hour each for ten days.
const WINDOWS: usize = 1_000;

/// Why a configuration cannot be taken.
pub(crate) fn what_is_wrong(stored: &LoadBody) -> Option<String> {
    let config = match Config::read(stored.version, &stored.body.0) {
        Ok(config) => config,
        Err(unreadable) => return Some(unreadable.to_string()),
    };
    let problems = config.compile().err()?;
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Some(lines.join("; "))
}

impl Site {
    pub(crate) fn limit_load(
        &self,
        asking: Asking,
        circuit: Box<str>,
        source: Box<str>,
        windows: Option<Vec<Window>>,
    ) -> Outcome {
        let Some(load) = self.load() else { return uncontrolled(asking) };
        let named = |known: &ExternalLimit| *known.circuit == *circuit && *known.source == *source;
        if !load.sources.iter().any(named) {
            let why = format!("the tree names no source {source} of a circuit {circuit}");
            return problem(asking.call, Problem::NotFound(why));
        }
        let announced = windows.iter().flatten();
        let wrong = announced.clone().find_map(|one| ExternalLimit::check(one, asking.now).err());
        if let Some(wrong) = wrong {
            return problem(asking.call, Problem::Invalid(wrong.to_string()));
        }
        if announced.count() > WINDOWS {
            let why = format!("at most {WINDOWS} limits may be announced at once");
            return problem(asking.call, Problem::Invalid(why));
        }
        let stored = |window: Window| LimitWindow {
            from: window.from,
            until: window.until,
            lines: window.limit.lines,
            power: window.limit.power,
        };
        let windows = windows.map(|windows| windows.into_iter().map(stored).collect());
        let (at, actor) = (asking.now, asking.actor);
        let fact = LoadLimited { at, actor, circuit, source, windows };
        done(asking.call, Done::Accepted, fact)
    }

    pub(crate) fn meter_load(
        &self,
        asking: Asking,
        meter: Box<str>,
        lines: [Current; 3],
        with_evses: bool,
    ) -> Outcome {
        let Some(load) = self.load() else { return uncontrolled(asking) };
        let mut circuits = load.config.tree.circuits.iter();
        if !circuits.any(|circuit| circuit.meter.as_deref() == Some(&*meter)) {
            let why = format!("the tree names no meter {meter}");
            return problem(asking.call, Problem::NotFound(why));
        }
        if lines.iter().any(|line| line.0.abs() > CURRENT_MOST.0) {
            let why = "a reading of more than a million amperes is none";
            return problem(asking.call, Problem::Invalid(why.into()));
        }
        let (at, actor) = (asking.now, asking.actor);
        let fact = LoadMetered { at, actor, meter, lines, with_evses };
        done(asking.call, Done::Accepted, fact)
    }
}

impl Site {
    /// Why a command must not be sent: it would change a limit behind the back of load control,
    /// which counts on what it was told itself.
    pub(crate) fn owns_limits(
        &self,
        station: &StationId,
        action: &str,
        payload: &str,
    ) -> Option<&'static str> {
        let owned = !self.load()?.kernel.evses_of(station).is_empty();
        let limits = ["SetChargingProfile", "ClearChargingProfile", "UpdateDynamicSchedule"];
        let starts = ["RemoteStartTransaction", "RequestStartTransaction"];
        // A key may be written with escapes too, which nobody does who means well.
        let carries = payload.contains("\"chargingProfile\"") || payload.contains("\\u");
        let why = "load control owns the limits of this station: take it out of the site's tree";
        let forbidden = limits.contains(&action) || starts.contains(&action) && carries;
        (owned && forbidden).then_some(why)
    }
}

fn uncontrolled(asking: Asking) -> Outcome {
    problem(asking.call, Problem::Conflict("the load of this site is not controlled".into()))
}
