//! Owns the end of a run: everything calms down, everything is told, and then every true charge
//! has its one session, billed as it truly was or held for what looks wrong.
//! Must never look away from a session that it cannot explain.

use std::sync::Arc;

use busbar_charging::fact::command::CommandOutcome;
use busbar_charging::fact::station::{AuthorizationStatus, Registration};
use busbar_charging::fact::transaction::{Finding, HeldFor};
use busbar_charging::ids::{SessionId, StationId};
use busbar_charging::input::Request;
use busbar_charging::row::{self, RowBody, SessionState};
use busbar_charging::subject::{Key, Table};
use busbar_charging::units::Timestamp;
use busbar_sim::spec::Spec;
use busbar_sim::station::{Act, Input};

use super::chaos::{check_deadlines, same_site};
use super::host::subject;
use super::plan::{Faults, HOUR, MINUTE};
use super::pricer::TARIFF;
use super::truth::{Charge, is_sound};
use super::world::{Tally, World};

/// Lets a run come to its end, and checks what must hold then.
pub(super) fn run(world: &mut World) -> Tally {
    let end = world.now;
    world.calm = true;
    world.prompt = world.faults.prompt;
    world.faults = Faults {
        doubled: 0,
        postponed: 0,
        prompt: false,
        refused_commit: 0,
        slow_commit: 0,
        late_price: 0,
        failed_price: 0,
        lost_price: 0,
        log_window: 300,
    };
    // A station without power cannot end what runs: the cable is pulled again when it is back.
    for minutes in [0, 10, 30] {
        world.until(end + minutes * MINUTE);
        everybody_leaves(world);
    }
    world.until(end + 3 * HOUR);
    check_told(world);
    for _ in 0..5 {
        for station in 0..world.stations.len() {
            world.say_again(station);
        }
        world.until(world.now + MINUTE);
    }
    reprice(world);
    // A charge of which nothing more is heard is held after three days.
    world.until(end + 78 * HOUR);
    check_quiet(world);
    check_same(world);
    let tally = check_charges(world);
    let resolved = resolve(world);
    for station in 0..world.stations.len() {
        world.say_again(station);
    }
    world.until(end + 80 * HOUR);
    check_quiet(world);
    check_same(world);
    check_resolved(world, &resolved);
    world.crash(1);
    world.until(end + 81 * HOUR);
    check_quiet(world);
    check_same(world);
    check_resolved(world, &resolved);
    tally
}

/// An operator accepts what is proposed of one half of the held sessions, and gives the others up.
fn resolve(world: &mut World) -> Vec<(row::Session, bool)> {
    let held = sessions(world).into_iter().filter(|s| s.state == SessionState::Held);
    let mut resolved = Vec::new();
    for session in held.collect::<Vec<_>>() {
        let accept = session.proposal.is_some() && world.rng.chance(500);
        let request = Request::Resolve {
            station: session.station.clone(),
            transaction: session.transaction.clone(),
            accept,
            reason: "looked at".into(),
        };
        world.ask(subject(session.station.as_str()), request);
        resolved.push((session, accept));
    }
    resolved
}

/// What an operator decided stands, whatever a station repeats.
fn check_resolved(world: &World, resolved: &[(row::Session, bool)]) {
    for (before, accepted) in resolved {
        let row = world.disk.rows.get(&Key::session(before.session)).expect("a session's row");
        let after = row::Session::from_row(row).expect("a session's row");
        let sums = &world.oracle.sessions[&before.session];
        if *accepted {
            let proposed = before.proposal.as_ref().expect("it was accepted").totals.payable;
            assert_eq!(after.state, SessionState::Billed, "{before:?}\n{after:?}");
            assert_eq!(sums.payable, proposed.amount, "{before:?}\n{after:?}");
        } else {
            assert_eq!(after.state, SessionState::Void, "{before:?}\n{after:?}");
            assert!(sums.standing.is_none(), "{before:?}\n{after:?}");
        }
    }
    let live = world.disk.rows.keys().find(|key| key.table == Table::Live);
    assert_eq!(live, None, "a session is live at the end");
}

fn everybody_leaves(world: &mut World) {
    for station in 0..world.stations.len() {
        world.register(station, Registration::Accepted);
        let evses = world.stations[station].sim.spec().evses.len() as u16;
        for evse in 1..=evses {
            world.station_input(station, Input::Act(Act::Mend { evse }));
            world.station_input(station, Input::Act(Act::Unplug { evse }));
        }
    }
}

/// Everything that a station had to say has been acknowledged.
fn check_told(world: &World) {
    for cp in &world.stations {
        let name = &cp.sim.spec().identity;
        assert!(cp.sim.is_online(), "{name} does not come back");
        assert_eq!(cp.sim.queued(), 0, "{name} cannot tell all");
    }
    for (index, late) in world.late.iter().enumerate() {
        assert!(late.answered, "message {index} that was kept back is never answered");
    }
    assert!(world.truth.charges.iter().all(|charge| charge.end.is_some()), "a charge never ends");
}

/// Sessions that have no price for the fault of a plugin are priced again.
fn reprice(world: &mut World) {
    for session in sessions(world) {
        if matches!(session.held, Some(HeldFor::Unpriced(_))) {
            let station = session.station.clone();
            let request = Request::Reprice {
                station: session.station,
                transaction: session.transaction,
                quote: session.quote,
                reason: "the plugin is mended".into(),
            };
            world.ask(subject(station.as_str()), request);
        }
    }
}

fn sessions(world: &World) -> Vec<row::Session> {
    let rows = world.disk.rows.iter().filter(|(key, _)| key.table == Table::Session);
    rows.map(|(_, row)| row::Session::from_row(row).expect("a session's row")).collect()
}

/// Load control never comes to an end: what it asked a moment ago is answered in some seconds.
fn let_answers_arrive(world: &mut World) {
    for _ in 0..60 {
        let life = world.life.as_ref().expect("the process runs");
        let asked = life.links.values().any(|open| open.link.open_calls() != (0, 0));
        let open = world.oracle.commands.values().any(|command| command.ended.is_none());
        let counters = life.engine.counters();
        if !asked && !open && counters.uncommitted == 0 && counters.held_actions == 0 {
            return;
        }
        world.until(world.now + 1_000);
    }
}

/// Nothing is under way any more.
fn check_quiet(world: &mut World) {
    let_answers_arrive(world);
    let life = world.life.as_ref().expect("the process runs");
    check_deadlines(life);
    let counters = life.engine.counters();
    assert_eq!(counters.uncommitted, 0, "{counters:?}");
    assert_eq!(counters.held_actions, 0, "{counters:?}");
    assert_eq!(counters.queued, 0, "{counters:?}");
    assert_eq!(counters.recalling, 0, "{counters:?}");
    for cp in &world.stations {
        let id = StationId::from(cp.sim.spec().identity.as_str());
        let row = world.disk.rows.get(&Key::place(&id));
        let place = row.map(|row| row::Place::from_row(row).expect("a place's row"));
        let arrived = place.is_none_or(|place| place.holder == place.placed.site);
        assert!(arrived, "station {id} is not where it is wanted");
        let here = life.engine.site(&life.holder(&id));
        assert!(here.is_some_and(|site| site.has_station(&id)), "station {id} is lost");
    }
    for (conn, open) in &life.links {
        assert_eq!(open.link.open_calls(), (0, 0), "connection {conn} owes an answer");
    }
    world.check_answers();
    for (command, state) in &world.oracle.commands {
        let ended = state.ended.as_ref();
        assert!(ended.is_some(), "command {command} never ends");
        let answered = matches!(ended, Some(CommandOutcome::Answered { .. }));
        assert!(!answered || state.on_wire == 1, "command {command} was answered and not sent");
    }
}

/// The engine's state, the facts' and the rows are one.
fn check_same(world: &World) {
    let life = world.life.as_ref().expect("the process runs");
    assert_eq!(*life.engine.network(), world.oracle.network);
    for (subject, site) in &world.oracle.sites {
        let held = life.engine.site(subject).map(|site| site.snapshot()).unwrap_or_default();
        same_site(subject, &held, &site.snapshot());
    }
    for (key, row) in &world.oracle.rows {
        assert_eq!(world.disk.rows.get(key), Some(row), "a row is missing or another: {key:?}");
    }
    assert_eq!(world.disk.rows.len(), world.oracle.rows.len(), "there are rows without facts");
    world.oracle.check_kept(world.disk.facts().map(|(_, _, fact)| fact));
}

fn check_charges(world: &World) -> Tally {
    let mut tally = Tally {
        steps: world.steps,
        lives: world.lives,
        facts: world.oracle.facts,
        charges: world.truth.charges.len() as u64,
        commands: world.oracle.commands.len() as u64,
        moves: world.oracle.moves(),
        limits: world.oracle.limits,
        ..Tally::default()
    };
    for charge in &world.truth.charges {
        check_charge(world, charge);
    }
    for (index, cp) in world.stations.iter().enumerate() {
        let spec = cp.sim.spec();
        let of = |name: &str| name == spec.identity;
        let known = world.oracle.sessions.values().filter(|sums| of(&sums.station)).count();
        let true_ones = world.truth.charges.iter().filter(|c| c.station == index).count();
        let none_made_up = spec.faults.offline_number.is_some() || known == true_ones;
        assert!(none_made_up, "{}: {known} sessions of {true_ones} charges", spec.identity);
    }
    for session in sessions(world) {
        match session.state {
            SessionState::Billed => tally.billed += 1,
            SessionState::Held => tally.held += 1,
            state => panic!("session {} is {state:?} at the end: {session:?}", session.session),
        }
    }
    let ends_first = world.stations.iter().any(|cp| cp.sim.spec().faults.end_first);
    let in_order = world.prompt || (world.late.is_empty() && !ends_first);
    tally.credits = world.oracle.sessions.values().map(|sums| sums.credits).sum();
    assert!(!in_order || tally.credits == 0, "a CDR was made anew though nothing came late");
    tally
}

fn check_charge(world: &World, charge: &Charge) {
    let spec = world.stations[charge.station].sim.spec();
    let place = (spec.identity.clone(), u32::from(charge.evse), charge.start);
    let found = world.oracle.starts.get(&place);
    let found: Vec<&SessionId> = found.into_iter().flatten().collect();
    assert_eq!(found.len(), 1, "a charge has {} sessions: {charge:?}", found.len());
    let id = *found[0];
    let row = world.disk.rows.get(&Key::session(id)).expect("a session's row");
    let session = row::Session::from_row(row).expect("a session's row");
    let sums = &world.oracle.sessions[&id];
    let refused = sums.authorized != Some(AuthorizationStatus::Accepted);
    let energy = charge.energy(spec);
    if session.state == SessionState::Held {
        assert!(sums.standing.is_none(), "held and billed: {session:?}");
        let Some(HeldFor::Review(findings)) = &session.held else {
            panic!("held without a cause that lasts: {session:?}\n{charge:?}");
        };
        let unexplained = findings.iter().find(|finding| !explains(spec, refused, finding));
        assert_eq!(unexplained, None, "nothing explains it: {session:?}\n{charge:?}");
        return;
    }
    assert_eq!(session.state, SessionState::Billed, "{session:?}\n{charge:?}");
    if !is_sound(spec) {
        return;
    }
    assert!(!(refused && energy > 0), "billed though its token was refused: {session:?}");
    assert_eq!(session.review, [], "{session:?}\n{charge:?}");
    let standing = sums.standing.as_ref().expect("a bill stands");
    assert_eq!(sums.energy, energy, "billed energy is not the meter's: {session:?}\n{charge:?}");
    let start = Timestamp(charge.start);
    let pinned = world.oracle.network.tariff_version(&TARIFF.into(), standing.quote.version);
    let tariff: &Arc<_> = pinned.expect("the tariff that was quoted");
    if spec.faults.clock_offset_ms <= 0 && !world.was_skewed {
        let in_force = world.oracle.network.tariff_at(None, start).expect("a tariff in force");
        assert_eq!(tariff.version, in_force.version, "another tariff: {session:?}\n{charge:?}");
    }
    if let Some(cost) = charge.cost.filter(|_| world.late.is_empty() && !spec.faults.end_first) {
        let payable = sums.payable.0;
        assert_eq!(cost, payable, "the driver was told another cost: {session:?}\n{charge:?}");
    }
    let truth = world.pricer.truth(tariff, &charge.metered(spec));
    assert_eq!(
        sums.payable, truth.payable.amount,
        "another price: {session:?}\n{charge:?}\n{:?}",
        standing.input.periods
    );
}

/// Whether a finding has a cause in what is wrong with the station.
fn explains(spec: &Spec, refused: bool, finding: &Finding) -> bool {
    let faults = &spec.faults;
    let lost_end = faults.lost_stop_permille > 0 || faults.offline_number.is_some();
    match finding {
        Finding::NotAuthorized => refused,
        Finding::MissingEnd => lost_end,
        Finding::ClockOff { .. } => faults.clock_offset_ms.abs() >= 24 * HOUR,
        Finding::MeterBackwards { .. }
        | Finding::ImpossiblePower { .. }
        | Finding::Contradiction { .. } => !is_sound(spec),
        _ => false,
    }
}
