//! Owns the cast of a run: which station hangs where, what is wrong with it, and when which car
//! comes. Made from the scenario and a seed alone. Must never do I/O.

use serde_json::{Value, json};

use super::grid::{ma, ms};
use super::scenario::{Event, Fault, Group, Scenario};
use crate::car::{Car, Supply};
use crate::rng::Rng;
use crate::scene::Scene;
use crate::spec::{Rejects, Spec};
use crate::station::Act;
use crate::visit::{Start, Visit};
use crate::words::Token;

const EVSE_MAX_MA: i64 = 32_000;
/// What a station that never gives less gives.
const FLOOR_MA: i64 = 10_000;
/// What a car that follows slowly needs: the longest that IEC 61851-1 allows.
const SLOW_MS: i64 = 5_000;
/// How finely time is cut in the stations: what is sampled is no older.
const STEP_MS: i64 = 250;
/// Whoever does not leave stays longer than any run.
const FOR_EVER_MS: i64 = 1_000 * 3_600_000;

/// Who hangs where, and what happens to them.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The stations, in the order of the tree.
    pub places: Vec<Place>,
    /// The name of the site.
    pub site: String,
}

/// A station with one EVSE, and what happens there.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub identity: String,
    /// Its password.
    pub password: String,
    /// Its group, by its number in the scenario.
    pub group: usize,
    /// Its feeder, by its number in the scenario.
    pub feeder: Option<usize>,
    /// The lines that its conductors hang on, in the order of its connector: 0 is L1.
    pub lines: Vec<usize>,
    /// When it loses its connection, and for how long, in milliseconds of the run.
    pub drops_ms: Vec<(i64, i64)>,
    spec: Spec,
    visit: Option<Visit>,
}

impl Plan {
    /// Makes the cast.
    pub fn new(scenario: &Scenario, seed: u64, prefix: &str) -> Self {
        let mut rng = Rng::part(seed, "site");
        let count = scenario.stations();
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, rng.below(last as u64 + 1) as usize);
        }
        // Groups are dealt out by chance, so that none hangs on one feeder.
        let numbered = scenario.groups.iter().enumerate();
        let groups = numbered.flat_map(|(n, group)| (0..group.stations).map(move |m| (n, m)));
        let mut members: Vec<(usize, usize)> = vec![(0, 0); count];
        for (index, member) in order.into_iter().zip(groups) {
            members[index] = member;
        }
        let place = |(index, (group, member)): (usize, &(usize, usize))| {
            Place::new(scenario, index, (*group, *member), seed, prefix)
        };
        let places = members.iter().enumerate().map(place).collect();
        Self { places, site: prefix.to_ascii_lowercase() }
    }

    /// The site as the API takes it.
    pub fn site(&self, scenario: &Scenario) -> Value {
        let site = &scenario.site;
        let base = site.base_load_percent;
        let base = base.map(|percent| amps(ma(site.base_load_max_a) * i64::from(percent) / 100));
        let mut circuits = vec![json!({
            "name": GRID,
            "kind": "grid",
            "current": amps(ma(site.told_limit_a.unwrap_or(site.limit_a))),
            "reserve": amps(ma(site.reserve_a)),
            "base_load": base,
            "meter": METER,
            "external": [{ "source": SOURCE }],
        })];
        circuits.extend(site.feeders.iter().map(|feeder| {
            json!({
                "name": feeder.name,
                "parent": GRID,
                "current": amps(ma(feeder.limit_a)),
                "reserve": amps(ma(feeder.reserve_a)),
            })
        }));
        let evse = |place: &Place| {
            let feeder = place.feeder.map_or(GRID, |feeder| site.feeders[feeder].name.as_str());
            let phases: Vec<_> = place.lines.iter().map(|line| format!("L{}", line + 1)).collect();
            json!({
                "evse": format!("{}/1", place.identity),
                "circuit": feeder,
                "phases": phases.join(" "),
                "max": amps(EVSE_MAX_MA),
                "fallback": amps(ma(site.fallback_a)),
            })
        };
        let evses: Vec<_> = self.places.iter().map(evse).collect();
        let models = json!([
            { "model": "Hole", "known_as": "standard", "hole": "full" },
            { "model": "No zero", "known_as": "standard", "pause": "minimum" },
            { "model": "Stranger" },
            { "known_as": "standard" },
        ]);
        let tree = json!({ "circuit": circuits, "evse": evses });
        let load = json!({ "policy": "fair", "model": models, "tree": tree });
        json!({ "name": "Simulated site", "load": load })
    }
}

/// The grid connection, its meter, and who may lower its limit, as the tree calls them.
pub(super) const GRID: &str = "grid connection";
pub(super) const METER: &str = "base-load";
pub(super) const SOURCE: &str = "grid-operator";

/// A current as the API takes it.
pub(super) fn amps(ma: i64) -> String {
    format!("{}.{:03} A", ma.div_euclid(1000), ma.rem_euclid(1000))
}

impl Place {
    fn new(
        scenario: &Scenario,
        index: usize,
        (group, member): (usize, usize),
        seed: u64,
        prefix: &str,
    ) -> Self {
        let identity = format!("{prefix}{index:04}");
        let mut rng = Rng::part(seed, &identity);
        let password = format!("{:016x}{:08x}", rng.next_u64(), rng.next_u64() >> 32);
        let site = &scenario.site;
        let feeders = site.feeders.len();
        // One after the other on each feeder, so that each has all lines alike.
        let turn = index / feeders.max(1);
        let single = site.single_phase_every > 0
            && index % site.single_phase_every == site.single_phase_every - 1;
        let lines: Vec<usize> = (0..if single { 1 } else { 3 }).map(|n| (n + turn) % 3).collect();
        let settings = &scenario.groups[group];
        let spec = spec(scenario, index, &identity, settings.fault, lines.len() as u8, &mut rng);
        let visit = visit(settings, &identity, &mut rng);
        let drops_ms = if group == 0 { drops(scenario, member) } else { Vec::new() };
        let feeder = (feeders > 0).then(|| index % feeders.max(1));
        Self { identity, password, group, feeder, lines, drops_ms, spec, visit }
    }

    /// The card that is shown there.
    pub fn token(&self) -> String {
        token(&self.identity)
    }

    /// The station with its car, switched on at `now_ms`, in a run that begins at `begin_ms`.
    pub fn scene(&self, now_ms: i64, begin_ms: i64) -> Scene {
        let mut scene = Scene::new(self.spec.clone(), now_ms);
        if let Some(visit) = self.visit.clone() {
            scene.visit(1, Visit { arrive_ms: begin_ms + visit.arrive_ms, ..visit });
        }
        for (at_ms, for_ms) in &self.drops_ms {
            scene.act_at(begin_ms + at_ms, Act::NetworkDown { for_ms: *for_ms });
        }
        scene
    }

    /// What it is.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }
}

fn token(identity: &str) -> String {
    format!("CARD{identity}")
}

fn spec(
    scenario: &Scenario,
    index: usize,
    identity: &str,
    fault: Option<Fault>,
    phases: u8,
    rng: &mut Rng,
) -> Spec {
    let mut spec = Spec::new(identity, scenario.version(index), rng.next_u64());
    spec.evses = vec![Supply::Ac { phases, max_ma: EVSE_MAX_MA }];
    spec.sample_s = scenario.sample_s;
    spec.step_ms = STEP_MS;
    spec.model = "Site".to_owned();
    let profiles = &mut spec.faults.profiles;
    match fault {
        None | Some(Fault::SlowCar) => {}
        Some(Fault::Ignores) => profiles.ignores = true,
        Some(Fault::NeverBelow10A) => profiles.least_ma = FLOOR_MA,
        Some(Fault::Hole) => {
            profiles.hole_ms = 3_000;
            spec.model = "Hole".to_owned();
        }
        Some(Fault::RejectsZero) => {
            profiles.rejects = Rejects::Zero;
            spec.model = "No zero".to_owned();
        }
        Some(Fault::AnswersLate) => profiles.answers_after_ms = 6_000,
        Some(Fault::ClockOff) => spec.faults.clock_offset_ms = -20 * 60_000,
        Some(Fault::UnknownModel) => spec.model = "Stranger".to_owned(),
    }
    spec
}

/// A car that comes to a station of a group; times are those of the run.
fn visit(group: &Group, identity: &str, rng: &mut Rng) -> Option<Visit> {
    let [from_s, to_s] = group.plug_in_s?;
    let arrive_ms = rng.between(ms(from_s), ms(to_s));
    let mut car = Car::any(rng);
    car.ac_phases = if rng.chance(group.one_phase_permille) { 1 } else { 3 };
    car.wake_ms = rng.between(500, 2_000);
    if group.fault == Some(Fault::SlowCar) {
        car.follows_ms = SLOW_MS;
    }
    car.target_permille = 1_000;
    let nearly_full = rng.chance(group.nearly_full_permille);
    let missing_wh = if nearly_full { rng.between(30, 600) } else { rng.between(5_000, 9_000) };
    let car = car.missing(missing_wh);
    let leaves_ms = group.unplug_s.map(|[from_s, to_s]| rng.between(ms(from_s), ms(to_s)));
    Some(Visit {
        arrive_ms,
        token: Token::card(&token(identity)),
        car,
        start: Start::Card,
        fumble_ms: rng.between(200, 1_000),
        stay_ms: leaves_ms.map_or(FOR_EVER_MS, |at_ms| (at_ms - arrive_ms).max(1_000)),
        linger_ms: FOR_EVER_MS,
        ends_by_card: false,
    })
}

/// When a member of the first group loses its connection: the first ones of it, by turns.
fn drops(scenario: &Scenario, member: usize) -> Vec<(i64, i64)> {
    let mut drops = Vec::new();
    let mut first = 0;
    for event in &scenario.events {
        if let Event::DropOff { at_s, stations, for_s } = event {
            let size = scenario.groups[0].stations.max(1);
            let place = (member + size - first % size) % size;
            if place < *stations {
                drops.push((ms(*at_s), ms(*for_s)));
            }
            first += stations;
        }
    }
    drops
}
