//! The sandbox against guests that do their worst. Each fault costs its own call: in time, in
//! words that say what happened, and with the engine as good as before.

mod guest;
mod hostile;
mod loading;
mod working;

use busbar_charging::pricing::{Activity, CutSession, Period};
use busbar_charging::units::{Currency, Energy, Timestamp};

use crate::{Config, Limits, Manifest, Plugin, Sandbox};

fn sandbox() -> Sandbox {
    with_limits(Limits::default())
}

fn with_limits(limits: Limits) -> Sandbox {
    Sandbox::new(Config { limits, ..Config::default() }).unwrap()
}

fn manifest(name: &str) -> Manifest {
    Manifest::parse(&format!(
        "name = {name:?}\nversion = \"1.0.0\"\nworld = \"pricing\"\nwit = \"0.1\"\n"
    ))
    .unwrap()
}

fn load(sandbox: &Sandbox, bytes: &[u8]) -> Plugin {
    sandbox.load(bytes, &manifest("guest")).unwrap_or_else(|error| panic!("{error}"))
}

fn euro() -> Currency {
    Currency::parse("EUR").unwrap()
}

fn session(periods: i64) -> CutSession {
    let minute = |n: i64| Timestamp(1_760_000_000_000 + n * 60_000);
    let period = |n: i64| Period {
        start: minute(n),
        end: minute(n + 1),
        utc_offset: 120,
        activity: Activity::Charging,
        energy: Energy(500_000),
        min_power: None,
        max_power: None,
        min_current: None,
        max_current: None,
    };
    CutSession {
        start: minute(0),
        end: minute(periods),
        periods: (0..periods).map(period).collect(),
        complete: true,
        attributes: Vec::new(),
    }
}
