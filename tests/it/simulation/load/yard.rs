//! Owns what stands at the site: circuits, EVSEs and their wiring, and stations of every kind. The
//! judge reads it as it truly is; the host is told it as an operator would, in words.
//! Must never hold what changes with time.

use busbar_charging::load::config::Config;
use busbar_ocpp::Version;
use busbar_sim::car::Supply;
use busbar_sim::rng::Rng;
use busbar_sim::spec::{ProfileFaults, Rejects, Spec, Tells};
use serde_json::{Value, json};

use super::life::Setting;
use crate::simulation::plan::SECOND;

/// What is not managed, at most, on each line.
pub(super) const BASE_MA: i64 = 30_000;
/// What is kept free for it to rise.
const RESERVE_MA: i64 = 6_000;
/// An outlet gives at most so much on each phase.
pub(super) const OUTLET_MA: i64 = 32_000;
/// In a cut, so many of a thousand parts of the grid connection are left.
pub(super) const CUT: i64 = 786;

/// A station of some kind: what is wrong with it, and what the host is told that its model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As the standard says, and known to be so.
    Sound,
    /// As the standard says, and nothing is known of it.
    Unknown,
    /// Goes on with a profile after its duration, and stays at a schedule's first period.
    IgnoresDuration,
    /// Its clock is another after each reboot.
    LosesClock,
    /// Gives all that it can for some seconds after each profile.
    Hole,
    /// Has no profiles any more after a reboot.
    Forgets,
    /// Accepts every profile and gives all that it can: known to.
    Deaf,
    /// The same, and the host is told that it is sound.
    Liar,
    /// Never gives less than 10 A while something flows.
    NeverLow,
    /// Takes watts only.
    Watts,
    /// Takes `Relative` profiles only.
    Relative,
    /// Takes no profile with a limit of 0.
    NoZero,
    /// Takes TxDefaultProfile only.
    DefaultOnly,
    /// Takes no level above 0.
    OneLevel,
    /// Accepts profiles of a transaction, and does not hold them.
    Drops,
    /// Rejects profiles of a transaction, and holds them.
    Denies,
}

use Kind::*;

/// Kinds of which a site may have one each, beside sound ones.
const ODD: [Kind; 9] =
    [Unknown, LosesClock, Forgets, NeverLow, Watts, Relative, NoZero, DefaultOnly, OneLevel];
/// What a station says of a limit is not what it holds: such ones where nothing is broken.
const TWO_FACED: [Kind; 2] = [Drops, Denies];

impl Kind {
    fn faults(self) -> ProfileFaults {
        let none = ProfileFaults::default();
        match self {
            Sound | Unknown | LosesClock => none,
            IgnoresDuration => {
                ProfileFaults { ignores_duration: true, ignores_periods: true, ..none }
            }
            Hole => ProfileFaults { hole_ms: 10 * SECOND, ..none },
            Forgets => ProfileFaults { forgets: true, ..none },
            Deaf | Liar => ProfileFaults { ignores: true, ..none },
            NeverLow => ProfileFaults { least_ma: 10_000, ..none },
            Watts => ProfileFaults { rejects: Rejects::Amperes, ..none },
            Relative => ProfileFaults { rejects: Rejects::Absolute, ..none },
            NoZero => ProfileFaults { rejects: Rejects::Zero, ..none },
            DefaultOnly => ProfileFaults { rejects: Rejects::OfTransactions, ..none },
            Drops => ProfileFaults { drops: true, ..none },
            Denies => ProfileFaults { denies: true, ..none },
            OneLevel => ProfileFaults { rejects: Rejects::Levels, ..none },
        }
    }

    /// What the host is told of its model.
    fn model(self, tells: Tells) -> Value {
        let mut model = json!({ "model": name(self, tells), "known_as": "standard" });
        if tells == Tells::UsedPhasesAlone && self != Unknown {
            model["omits_idle_phases"] = json!(true);
        }
        let told = match self {
            Sound | Liar | Drops | Denies => json!({}),
            Unknown => json!({ "known_as": "unknown" }),
            IgnoresDuration => json!({ "keeps_durations": false }),
            LosesClock => json!({ "keeps_clock": false }),
            Hole => json!({ "hole": "full" }),
            Forgets => json!({ "persists": false }),
            Deaf => json!({ "minimum": "32 A", "pause": "minimum" }),
            NeverLow => json!({ "minimum": "10 A", "pause": "minimum" }),
            Watts => json!({ "unit": "watts" }),
            Relative => json!({ "takes_absolute": false }),
            NoZero => json!({ "pause": "minimum" }),
            DefaultOnly => json!({ "takes_transaction_profile": false }),
            OneLevel => json!({ "stack_level_max": 0 }),
        };
        for (name, value) in told.as_object().into_iter().flatten() {
            model[name] = value.clone();
        }
        model
    }

    /// What its EVSEs give without a valid profile.
    fn fallback_ma(self) -> i64 {
        match self {
            Deaf => OUTLET_MA,
            NeverLow => 10_000,
            _ => 6_000,
        }
    }
}

/// An EVSE, as it is wired.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    pub(super) station: usize,
    /// Its number at its station.
    pub(super) evse: u16,
    pub(super) kind: Kind,
    pub(super) fallback_ma: i64,
    /// Circuits from its own to the grid connection.
    pub(super) above: Vec<usize>,
    /// The line of each phase of its connector.
    pub(super) lines: [usize; 3],
}

/// A circuit; the first is the grid connection.
#[derive(Clone, Debug)]
pub(super) struct Circuit {
    pub(super) name: &'static str,
    parent: Option<usize>,
    pub(super) limit_ma: i64,
}

/// The site.
#[derive(Clone, Debug)]
pub(super) struct Yard {
    /// None of its stations is asked which profiles it holds.
    pub(super) hides_profiles: bool,
    /// Some of its stations do not tell all phases.
    is_vague: bool,
    pub(super) outlets: Vec<Outlet>,
    pub(super) circuits: Vec<Circuit>,
    pub(super) kinds: Vec<Kind>,
}

/// Name, and its parent by its place.
const CIRCUITS: [(&str, Option<usize>); 5] = [
    ("grid", None),
    ("board", Some(0)),
    ("feeder 1", Some(1)),
    ("feeder 2", Some(1)),
    ("feeder 3", Some(0)),
];
/// Where EVSEs hang.
const FEEDERS: [usize; 3] = [2, 3, 4];

impl Yard {
    /// Twelve stations with fifteen EVSEs, one station in each dozen of those that lie, and the
    /// specs of the stations. A feeder has so much beyond the fallbacks of its EVSEs.
    pub(super) fn new(setting: &Setting) -> (Self, Vec<Spec>) {
        let Setting { seed, liars, two_faced, is_vague, room_ma, .. } = *setting;
        let mut rng = Rng::part(seed, "yard");
        let mut kinds = vec![IgnoresDuration, Hole, Deaf];
        kinds.extend(std::iter::repeat_n(Liar, liars));
        let first = rng.below(ODD.len() as u64) as usize;
        kinds.extend((0..4).map(|n| ODD[(first + n) % ODD.len()]));
        if two_faced {
            kinds.extend(TWO_FACED);
        }
        kinds.resize(12, Sound);
        for n in (1..kinds.len()).rev() {
            kinds.swap(n, rng.below(n as u64 + 1) as usize);
        }
        let specs: Vec<_> = (0..12).map(|n| spec(n, kinds[n], is_vague, &mut rng)).collect();
        let mut outlets = Vec::new();
        for (station, spec) in specs.iter().enumerate() {
            for evse in 1..=spec.evses.len() as u16 {
                let kind = kinds[station];
                let turn = rng.below(3) as usize;
                outlets.push(Outlet {
                    station,
                    evse,
                    kind,
                    fallback_ma: kind.fallback_ma(),
                    above: above(FEEDERS[station % 3]),
                    lines: [0, 1, 2].map(|phase| (phase + turn) % 3),
                });
            }
        }
        let mut circuits: Vec<_> = CIRCUITS
            .iter()
            .map(|(name, parent)| Circuit { name, parent: *parent, limit_ma: 0 })
            .collect();
        for (index, circuit) in circuits.iter_mut().enumerate() {
            let below = outlets.iter().filter(|outlet| outlet.above.contains(&index));
            let fallbacks: i64 = below.map(|outlet| outlet.fallback_ma).sum();
            circuit.limit_ma = match index {
                0 => (fallbacks + BASE_MA + RESERVE_MA + 4_000) * 1_000 / CUT,
                1 => fallbacks + room_ma * 5 / 3,
                _ => fallbacks + room_ma,
            };
        }
        (Self { hides_profiles: setting.hides_profiles, is_vague, outlets, circuits, kinds }, specs)
    }

    /// What feeds a circuit.
    pub(super) fn parent(&self, circuit: usize) -> Option<usize> {
        self.circuits[circuit].parent
    }

    /// What an operator tells the host of it.
    pub(super) fn config(&self) -> Config {
        let amps = |ma: i64| format!("{ma} mA");
        let circuit = |(index, circuit): (usize, &Circuit)| {
            let mut told = json!({ "name": circuit.name, "current": amps(circuit.limit_ma) });
            match circuit.parent {
                Some(parent) => told["parent"] = self.circuits[parent].name.into(),
                None => {
                    told["base_load"] = amps(BASE_MA).into();
                    told["reserve"] = amps(RESERVE_MA).into();
                    told["meter"] = "house".into();
                    told["external"] = json!([{ "source": "dso" }]);
                }
            }
            assert_eq!(index == 0, circuit.parent.is_none(), "the first is the grid connection");
            told
        };
        let point = |outlet: &Outlet| {
            let lines = outlet.lines.map(|line| ["L1", "L2", "L3"][line]).join(" ");
            json!({
                "evse": format!("CP-{}/{}", outlet.station, outlet.evse),
                "circuit": self.circuits[outlet.above[0]].name,
                "phases": lines,
                "max": amps(OUTLET_MA),
                "fallback": amps(outlet.fallback_ma),
            })
        };
        let circuits: Vec<_> = self.circuits.iter().enumerate().map(circuit).collect();
        let evses: Vec<_> = self.outlets.iter().map(point).collect();
        let mut models: Vec<_> =
            (0..).zip(&self.kinds).map(|(n, kind)| kind.model(tells(n, self.is_vague))).collect();
        if self.hides_profiles {
            models.iter_mut().for_each(|model| model["tells_profiles"] = json!(false));
        }
        models.dedup();
        let tree = json!({ "voltage": 230, "circuit": circuits, "evse": evses });
        let all = json!({ "model": models, "tree": tree });
        serde_json::from_value(all).expect("a configuration as an operator writes it")
    }
}

/// A circuit and all that feed it.
fn above(circuit: usize) -> Vec<usize> {
    std::iter::successors(Some(circuit), |circuit| CIRCUITS[*circuit].1).collect()
}

/// What stations tell of their phases: half of them all, as most that people show on the trackers
/// (QUIRKS); two each only the used ones, those without the power, and the power alone.
fn tells(number: usize, is_vague: bool) -> Tells {
    match number {
        _ if !is_vague => Tells::AllPhases,
        0..6 => Tells::AllPhases,
        6 | 7 => Tells::UsedPhases,
        8 | 9 => Tells::UsedPhasesAlone,
        _ => Tells::Power,
    }
}

/// The name of a model: it does alike in all that load control can be told of it. Of a longer one
/// its stations could tell only the beginning, and the host would not know it.
fn name(kind: Kind, tells: Tells) -> String {
    let name = match tells {
        Tells::UsedPhasesAlone => format!("{kind:?} idle"),
        _ => format!("{kind:?}"),
    };
    assert!(name.len() <= 20, "{name} does not fit a BootNotification");
    name
}

fn spec(number: usize, kind: Kind, is_vague: bool, rng: &mut Rng) -> Spec {
    let version = [Version::V16, Version::V201, Version::V21][number % 3];
    let mut spec = Spec::new(&format!("CP-{number}"), version, rng.next_u64());
    if number.is_multiple_of(4) {
        spec.evses.push(Supply::Ac { phases: 3, max_ma: OUTLET_MA });
    }
    spec.tells = tells(number, is_vague);
    spec.model = name(kind, spec.tells);
    spec.sample_s = 15;
    // The world ticks every second.
    spec.step_ms = 60 * SECOND;
    // The times of a transaction never go back.
    spec.resumes = version == Version::V21 && kind != LosesClock && rng.chance(500);
    spec.faults.clock_offset_ms = rng.between(-3_600, 3_600) * SECOND;
    if kind == LosesClock {
        spec.faults.clock_jump_ms = rng.between(-3_600, 3_600) * SECOND;
    }
    spec.faults.profiles = kind.faults();
    spec
}
