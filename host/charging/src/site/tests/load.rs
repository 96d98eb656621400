//! The load control of a site through `decide` and `apply`: a site with faults in virtual time, and
//! what is asked of it.
//!
//! More and longer: `BUSBAR_LOAD_SEEDS=8 BUSBAR_LOAD_HOURS=90 cargo test --release -p
//! busbar-charging --lib site::tests::load -- --nocapture`.

mod calls;
mod cuts;
mod host;
mod legs;
mod lines;
mod plans;
mod rules;
mod survey;
mod world;

use crate::load::amount::{Amount, PerLine};
use crate::load::circuit::{Circuit, EvsePoint, ExternalSource, Tree};
use crate::load::config::{Config, KnownAs, Model};
use crate::load::fill::Policy;
use crate::load::kernel::capability::Hole;
use crate::load::legs::Rotation;
use crate::units::{Current, Millis};
use plans::Plans;
use world::{Break, Score, Setting, World};

/// A reaction to a cut that was not announced may take so long.
const REACTION_SECONDS: i64 = 15;

fn amps(amps: i64) -> Current {
    Current(amps * 1_000)
}

fn circuit(name: &str, parent: Option<&str>, limit: i64) -> Circuit {
    let dso = ExternalSource {
        source: "dso".into(),
        timeout_seconds: None,
        fallback_current: None,
        fallback_power: None,
    };
    Circuit {
        name: name.into(),
        parent: parent.map(Into::into),
        current: Some(PerLine::all(amps(limit))),
        external: Vec::from_iter(parent.is_none().then_some(dso)),
        ..Circuit::default()
    }
}

fn point(n: usize, circuit: &str, phases: &str, fallback: i64) -> EvsePoint {
    EvsePoint {
        evse: format!("CS-{n}/1").into(),
        circuit: circuit.into(),
        phases: Rotation::parse(phases).unwrap(),
        supply: Default::default(),
        efficiency_percent: None,
        min: None,
        max: Amount::Current(amps(32)),
        fallback: Some(Amount::Current(amps(fallback))),
        weight: None,
        class: None,
    }
}

/// EVSEs on one line with one limit.
fn one_row(evses: usize, limit: i64, fallback: i64) -> Config {
    let points = (0..evses).map(|n| point(n, "grid", "L1", fallback));
    config(vec![circuit("grid", None, limit)], points.collect())
}

/// Feeders of five three-phase EVSEs each, rotated, below one grid connection.
fn feeders(feeders: usize, limit: i64, each: i64, fallback: i64) -> Config {
    let names: Vec<_> = (0..feeders).map(|n| format!("feeder {n}")).collect();
    let below = names.iter().map(|name| circuit(name, Some("grid"), each));
    let circuits = std::iter::once(circuit("grid", None, limit)).chain(below).collect();
    let phases = ["L1 L2 L3", "L2 L3 L1", "L3 L1 L2"];
    let points = (0..feeders * 5).map(|n| point(n, &names[n / 5], phases[n % 3], fallback));
    config(circuits, points.collect())
}

fn config(circuits: Vec<Circuit>, evses: Vec<EvsePoint>) -> Config {
    let mut models = Vec::new();
    for (name, durations, clock, hole) in kinds() {
        models.push(Model {
            model: Some(name.into()),
            known_as: KnownAs::Standard,
            keeps_durations: Some(durations),
            keeps_clock: Some(clock),
            hole: Some(hole),
            ..Model::default()
        });
    }
    Config {
        policy: Default::default(),
        models,
        plan: Default::default(),
        count_generation: false,
        tree: Tree { voltage: 230, circuits, evses, batteries: Vec::new() },
    }
}

/// The kinds of stations that there are, by the name of their model.
fn kinds() -> impl Iterator<Item = (String, bool, bool, Hole)> {
    (0..8).map(|n| {
        let (durations, clock, default) = (n & 1 == 0, n & 2 == 0, n & 4 == 0);
        let hole = if default { Hole::Default } else { Hole::Full };
        (format!("{durations}-{clock}-{hole:?}"), durations, clock, hole)
    })
}

#[test]
fn a_saturated_site_with_faults_stays_below_its_limit() {
    let mut all = Score::default();
    for seed in 0..asked("BUSBAR_LOAD_SEEDS", 1) {
        all.add(&safe(Setting::new(one_row(12, 126, 6), seed as u64)));
    }
    println!("one row, 12 EVSEs: {}", told(&all, 12));
    assert_eq!(all.late, 0, "{}", told(&all, 12));
    assert!(all.drawn * 100 >= all.ideal * 80, "{}", told(&all, 12));
    let messages = all.messages * 3_600 / all.seconds / 12;
    assert!(messages <= 25, "{messages} messages per EVSE-hour");
}

/// Whatever a planner says, late, nonsense or nothing: no row is ever exceeded for it.
#[test]
fn no_plan_makes_a_site_exceed_a_limit() {
    let mut all = Score::default();
    for (seed, plans) in [Plans::BuiltIn, Plans::Hostile, Plans::Never].into_iter().enumerate() {
        for more in 0..asked("BUSBAR_LOAD_SEEDS", 1) {
            let mut config = feeders(2, 90, 50, 6);
            config.policy = Policy::Laxity;
            config.plan.start_delay_seconds = 60;
            config.tree.circuits[0].base_load = Some(PerLine::all(amps(1)));
            config.tree.batteries = vec![plans::batteries::battery("cellar", 500)];
            let sound = Setting::new(config, 3_000 + seed as u64 + 10 * more as u64);
            all.add(&safe(Setting { plans: Some(plans), ..sound }));
        }
    }
    println!("planned, 10 EVSEs: {}", told(&all, 10));
}

#[test]
fn feeders_and_phases_stay_below_their_limits() {
    let mut all = Score::default();
    for seed in 0..asked("BUSBAR_LOAD_SEEDS", 1) {
        all.add(&safe(Setting::new(feeders(3, 130, 50, 6), 1_000 + seed as u64)));
    }
    println!("three feeders, three phases, 15 EVSEs: {}", told(&all, 15));
}

#[test]
fn a_small_site_is_over_for_no_longer_than_a_lost_message_takes() {
    let mut all = Score::default();
    for seed in 0..asked("BUSBAR_LOAD_SEEDS", 2) {
        all.add(&safe(small(2_000 + seed as u64)));
    }
    println!("one row, 6 EVSEs: {}", told(&all, 6));
}

#[test]
fn sent_is_not_acknowledged() {
    found(Break::SentIsAcknowledged, &Setting { loss_per_mille: 100, ..small(1) });
}

#[test]
fn a_grant_is_durable_before_it_leaves() {
    let (stay, crash_every) = (Millis::from_secs(1_800), Millis::from_secs(900));
    found(Break::JournalsLate, &Setting { stay, crash_every, ..small(1) });
}

#[test]
fn a_lease_is_not_credited_to_any_clock() {
    let offline_for = Millis::from_secs(2_400);
    found(Break::CreditsAnyClock, &Setting { ignore_duration: 50, offline_for, ..small(1) });
}

/// A clock of ours that is set forward ends no lease. Those whose stations are offline meanwhile
/// would count with nothing but their fallback.
#[test]
fn a_lease_is_not_ended_by_our_own_clock() {
    let offline_for = Millis::from_secs(1_200);
    let offline_every = Millis::from_secs(3_600);
    let clock_set_every = Millis::from_secs(1_800);
    found(
        Break::TrustsItsClock,
        &Setting { offline_for, offline_every, clock_set_every, ..small(1) },
    );
}

/// What was said is not said again for it, and no line, boot or increase is of a time to come.
#[test]
fn our_own_clock_may_be_set_often_and_little_is_lost() {
    let clock_set_every = Millis::from_secs(1_800);
    let score = safe(Setting { clock_set_every, ..small(1) });
    println!("{}", told(&score, 6));
    assert!(score.drawn * 100 >= score.ideal * 75, "{}", told(&score, 6));
    let messages = score.messages * 3_600 / score.seconds / 6;
    assert!(messages <= 25, "{messages} messages per EVSE-hour");
}

fn small(seed: u64) -> Setting {
    Setting::new(one_row(6, 60, 6), seed)
}

fn safe(setting: Setting) -> Score {
    let (seed, evses) = (setting.seed, setting.config.tree.evses.len() as i64);
    let score = World::new(setting).run(asked("BUSBAR_LOAD_HOURS", 6));
    let told = told(&score, evses);
    assert_eq!(score.over, 0, "seed {seed}: {told}");
    assert_eq!(score.withheld, 0, "seed {seed}: {told}");
    assert!(score.reaction <= REACTION_SECONDS, "seed {seed}: {told}");
    score
}

/// The same sites are safe without the mistake, and one of them is not with it.
fn found(broken: Break, sound: &Setting) {
    let hours = asked("BUSBAR_LOAD_HOURS", 6);
    for seed in 1..33 {
        let sound = Setting { seed, denies: 0, ..sound.clone() };
        let score = World::new(Setting { broken, ..sound.clone() }).run(hours);
        println!("{broken:?}, seed {seed}: {}", told(&score, 6));
        if score.over > 0 {
            safe(sound);
            return;
        }
    }
    panic!("the mistake {broken:?} was not found");
}

fn asked(name: &str, usual: i64) -> i64 {
    let asked = std::env::var_os(name);
    asked.and_then(|asked| asked.to_str()?.parse().ok()).unwrap_or(usual)
}

fn told(score: &Score, evses: i64) -> String {
    let hours = score.seconds as f64 / 3_600.0;
    format!(
        "{hours:.1} h, {} s over (worst {:.1} %), reaction at most {} s ({} cuts, {} s late), \
         {:.1} % of the ideal, {:.1} messages per EVSE-hour ({:.2} of them questions), \
         {} withheld, {} facts, first {:?}",
        score.over,
        score.worst as f64 / 10.0,
        score.reaction,
        score.cuts,
        score.late,
        score.drawn as f64 * 100.0 / score.ideal as f64,
        score.messages as f64 / hours / evses as f64,
        score.questions as f64 / hours / evses as f64,
        score.withheld,
        score.facts,
        score.first,
    )
}
