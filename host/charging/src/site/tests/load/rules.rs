//! What is asked of load control, and what of it is refused.

use super::host::{Host, put, yard};
use super::world::Break;
use super::{amps, circuit, config, one_row, point};
use crate::action::{Action, Problem, Reply};
use crate::context::{Context, Policy};
use crate::fact::station::Dialect;
use crate::fact::{Actor, Call};
use crate::ids::Ids;
use crate::input::{CommandReturned, Input, Precondition, Recalled, Request, StationEvent};
use crate::load::external::Window;
use crate::load::kernel::tests::START;
use crate::load::rows::CircuitLimit;
use crate::network::Network;
use crate::site::Site;
use crate::units::{Current, Millis, Timestamp};

fn refusal(site: &Site, request: Request) -> Option<Problem> {
    let (network, policy, recalled) = (Network::default(), Policy::default(), Recalled::default());
    let ids = Ids { seed: 1 };
    let context = Context { network: &network, recalled: &recalled, ids, policy: &policy };
    let call = Some(Call::Api { incarnation: 1, request: 1 });
    let input = Input::Operator { actor: Actor::Clock, call, request };
    let outcome = site.decide(&context, START, input);
    outcome.actions.into_iter().find_map(|action| match action {
        Action::Reply { reply: Reply::Problem(problem), .. } => Some(problem),
        _ => None,
    })
}

#[test]
fn a_tree_that_is_wrong_is_refused_with_all_that_is_wrong() {
    let site = Site::new(yard());
    // Six EVSEs that give 6 A by themselves do not fit into 30 A; nor is a circuit its own parent.
    let too_much = put(&one_row(6, 30, 6));
    let asked = Request::PutSite(Box::new(too_much), Precondition::None);
    let Some(Problem::Invalid(why)) = refusal(&site, asked) else { panic!("it was taken") };
    assert!(why.contains("the fallbacks of its EVSEs add up to 36 A"), "{why}");
    let mut cycle = one_row(1, 63, 6);
    cycle.tree.circuits.push(circuit("a", Some("b"), 63));
    cycle.tree.circuits.push(circuit("b", Some("a"), 63));
    cycle.tree.evses.push(point(1, "nowhere", "L1", 0));
    let asked = Request::PutSite(Box::new(put(&cycle)), Precondition::None);
    let Some(Problem::Invalid(why)) = refusal(&site, asked) else { panic!("it was taken") };
    assert!(why.contains("a: ") && why.contains("nowhere"), "{why}");
    let mut other = put(&one_row(1, 63, 6));
    other.load.as_mut().unwrap().version = 9;
    let asked = Request::PutSite(Box::new(other), Precondition::None);
    let Some(Problem::Invalid(why)) = refusal(&site, asked) else { panic!("it was taken") };
    assert!(why.contains("version 9"), "{why}");
}

#[test]
fn limits_and_readings_that_make_no_sense_are_refused() {
    let host = Host::new(Break::None, START, &one_row(2, 63, 6));
    let window = |from: i64, until: i64, limit: i64| Window {
        from: START.plus(Millis::from_secs(from)),
        until: START.plus(Millis::from_secs(until)),
        limit: CircuitLimit { lines: Some([amps(limit); 3]), power: None },
    };
    let limit = |circuit: &str, source: &str, window: Window| {
        let (circuit, source) = (circuit.into(), source.into());
        let windows = Some(vec![window]);
        refusal(&host.site, Request::LimitLoad { circuit, source, windows })
    };
    let fine = window(0, 60, 32);
    assert_eq!(limit("grid", "dso", fine), None);
    assert!(matches!(limit("grid", "nobody", fine), Some(Problem::NotFound(_))));
    assert!(matches!(limit("feeder", "dso", fine), Some(Problem::NotFound(_))));
    for wrong in [window(-60, -1, 32), window(60, 60, 32), window(0, 60, -1)] {
        assert!(matches!(limit("grid", "dso", wrong), Some(Problem::Invalid(_))), "{wrong:?}");
    }
    let meter = Request::MeterLoad { meter: "m".into(), lines: [amps(1); 3], with_evses: false };
    assert!(matches!(refusal(&host.site, meter.clone()), Some(Problem::NotFound(_))));
    assert!(matches!(refusal(&Site::new(yard()), meter), Some(Problem::Conflict(_))));
}

#[test]
fn a_base_load_takes_from_what_there_is_and_a_silent_meter_from_all() {
    let mut grid = circuit("grid", None, 100);
    grid.meter = Some("main".into());
    grid.base_load = Some(crate::load::amount::PerLine::all(amps(80)));
    let tree = config(vec![grid], vec![point(0, "grid", "L1", 6)]);
    let mut host = Host::new(Break::None, START, &tree);
    let headroom = |host: &Host, at: Timestamp| {
        let view = host.site.load_view(at).unwrap();
        let row = view.rows.iter().find(|row| &*row.name == "grid, L1").unwrap();
        (row.headroom, row.bound)
    };
    assert_eq!(headroom(&host, START), (amps(20), true), "it was never heard");
    let read = |host: &mut Host, at: Timestamp, current: Current, with_evses: bool| {
        let (meter, lines) = ("main".into(), [current; 3]);
        host.ask(at, Request::MeterLoad { meter, lines, with_evses });
    };
    read(&mut host, START, amps(30), false);
    assert_eq!(headroom(&host, START), (amps(70), false));
    // What exports can end at any time; what cannot be is no reading.
    read(&mut host, START.plus(Millis::from_secs(10)), amps(-20), true);
    read(&mut host, START.plus(Millis::from_secs(11)), amps(900), false);
    assert_eq!(headroom(&host, START.plus(Millis::from_secs(12))), (amps(100), false));
    // Unless it stays so: then it is no slip of the meter.
    assert_eq!(headroom(&host, START.plus(Millis::from_secs(45))), (amps(-800), false));
    // More than is configured, and no more than the circuit carries, is what flows there.
    read(&mut host, START.plus(Millis::from_secs(50)), amps(95), false);
    assert_eq!(headroom(&host, START.plus(Millis::from_secs(50))), (amps(5), false));
    let silent = START.plus(Millis::from_secs(450));
    assert_eq!(headroom(&host, silent), (amps(5), true));
}

/// What a site's meter can show is what its circuit carries, however that changes.
#[test]
fn a_meter_counts_with_what_its_circuit_carries_now() {
    let tree = |limit: i64| {
        let mut grid = circuit("grid", None, limit);
        grid.meter = Some("main".into());
        config(vec![grid], vec![point(0, "grid", "L1", 6)])
    };
    let mut host = Host::new(Break::None, START, &tree(63));
    host.ask(START, Request::PutSite(Box::new(put(&tree(200))), Precondition::None));
    let row = host.site.load_view(START).unwrap().rows[0].clone();
    assert_eq!((row.base, row.headroom), (amps(200), amps(0)));
}

#[test]
fn a_source_that_is_silent_leaves_its_fallback() {
    let mut tree = one_row(2, 100, 6);
    let source = &mut tree.tree.circuits[0].external[0];
    source.timeout_seconds = Some(120);
    let problem = tree.compile().unwrap_err()[0].to_string();
    assert!(problem.contains("no fallback"), "{problem}");
    let source = &mut tree.tree.circuits[0].external[0];
    source.fallback_current = Some(crate::load::amount::PerLine::all(amps(11)));
    let problem = tree.compile().unwrap_err()[0].to_string();
    assert!(problem.contains("holds while \"dso\" is silent"), "{problem}");
    let source = &mut tree.tree.circuits[0].external[0];
    source.fallback_current = Some(crate::load::amount::PerLine::all(amps(40)));
    let mut host = Host::new(Break::None, START, &tree);
    let limit = |host: &Host, at: Timestamp| host.site.load_view(at).unwrap().rows[0].limit;
    assert_eq!(limit(&host, START), Some(amps(40)), "it was never heard");
    let alive = Request::LimitLoad { circuit: "grid".into(), source: "dso".into(), windows: None };
    host.ask(START, alive);
    assert_eq!(limit(&host, START.plus(Millis::from_secs(100))), Some(amps(100)));
    // Its silence is decided on when it begins, though nothing else happens.
    host.due(START.plus(Millis::from_secs(1)));
    let next = host.site.load_view(START).unwrap().next;
    assert_eq!(next, Some(START.plus(Millis::from_secs(120))));
    assert_eq!(limit(&host, START.plus(Millis::from_secs(121))), Some(amps(40)));
}

/// A station that is in the tree and not here yet may draw all that it can; when it comes it is
/// told its fallback first, and when it leaves it is not believed any more.
#[test]
fn a_station_counts_with_all_it_can_until_it_is_told() {
    let mut host = Host::new(Break::None, START, &one_row(2, 100, 6));
    let exposures = |host: &Host, at: Timestamp| {
        let view = host.site.load_view(at).unwrap();
        let of = |n: usize| (view.evses[n].exposure.0 / 1_000, view.evses[n].commandable);
        (of(0), of(1))
    };
    host.due(START);
    assert_eq!(exposures(&host, START), ((32, false), (32, false)));
    host.adopt(START, "CS-0".into());
    let say = |host: &mut Host, event| {
        let station = "CS-0".into();
        host.input(START, Input::Station { station, generation: 1, call: None, event })
    };
    let connected = StationEvent::Connected {
        dialect: Dialect::V16,
        incarnation: 1,
        remote: "192.0.2.1:1".into(),
        security_profile: 1,
    };
    say(&mut host, connected);
    let soon = START.plus(Millis::from_secs(1));
    assert!(host.due(soon).is_empty(), "it is told something before it was let in");
    let (vendor, model) = ("Test".into(), "true-true-Default".into());
    say(
        &mut host,
        StationEvent::Booted { vendor, model, serial: None, firmware: None, reason: None },
    );
    host.due_answered(soon);
    let soon = soon.plus(Millis::from_secs(1));
    let sent = host.due_answered(soon);
    let [Action::Command { station, command, profile: Some(profile), .. }] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!((profile.periods[0].tenths, profile.transaction.clone()), (60, None));
    let returned = super::host::accepted();
    let input = Input::Command { station: station.clone(), command: *command, returned };
    host.input(soon, input);
    let later = soon.plus(Millis::from_secs(20));
    assert_eq!(exposures(&host, later), ((6, true), (32, false)));
    let view = host.site.load_view(later).unwrap();
    assert_eq!(&*view.evses[0].reason, "no car charges");
    let never = "counts with 32 A: the station is not connected at this site, or was not accepted";
    assert_eq!(&*view.evses[1].reason, never);
}

/// What cannot even leave is not tried again without pause.
#[test]
fn a_limit_that_nothing_can_write_is_tried_again_later() {
    let mut host = Host::new(Break::None, START, &one_row(1, 100, 6));
    host.adopt(START, "CS-0".into());
    let (dialect, remote) = (Dialect::V16, "192.0.2.1:1".into());
    for event in [
        StationEvent::Connected { dialect, incarnation: 1, remote, security_profile: 1 },
        StationEvent::Booted {
            vendor: "Test".into(),
            model: "x".into(),
            serial: None,
            firmware: None,
            reason: None,
        },
    ] {
        host.input(
            START,
            Input::Station { station: "CS-0".into(), generation: 1, call: None, event },
        );
    }
    let mut sent = 0;
    for tenth in 1..600 {
        let now = START.plus(Millis(tenth * 100));
        for action in host.due(now) {
            let Action::Command { station, command, .. } = action else { continue };
            sent += 1;
            let returned = CommandReturned::Gone { may_have_left: false };
            host.input(now, Input::Command { station, command, returned });
        }
    }
    assert!((12..=15).contains(&sent), "{sent} times in a minute");
}

#[test]
fn a_site_where_nothing_charges_is_not_asked() {
    let mut host = Host::new(Break::None, START, &one_row(2, 100, 6));
    host.due(START);
    assert_eq!(host.site.deadline(), None);
    assert!(!Site::new(yard()).is_load_controlled());
}

/// A circuit that only its operator limits from outside, and does not now: what its meter shows, or
/// does not, takes nothing from anybody.
#[test]
fn a_meter_takes_nothing_where_nothing_limits() {
    let mut tree = one_row(1, 100, 6);
    let mut house = circuit("house", Some("grid"), 1);
    (house.current, house.meter) = (None, Some("m".into()));
    house.external = std::mem::take(&mut tree.tree.circuits[0].external);
    tree.tree.circuits.push(house);
    tree.tree.evses[0].circuit = "house".into();
    super::calls::Yard::charging_at(&tree);
}

/// Our clock was an hour ahead when it was last decided.
#[test]
fn a_clock_that_is_set_back_stops_no_decisions() {
    let mut host = Host::new(Break::None, START, &one_row(1, 100, 6));
    let alive = Request::LimitLoad { circuit: "grid".into(), source: "dso".into(), windows: None };
    let later = START.plus(Millis::from_secs(3_600));
    host.ask(later, alive.clone());
    host.due(later.plus(Millis::from_secs(1)));
    host.ask(START, alive);
    let next = host.site.load_view(START).unwrap().next;
    assert!(next.is_some_and(|next| next <= START.plus(Millis::from_secs(2))), "{next:?}");
}

/// A whole station leaves the tree while a command of an operator is open, and comes back later.
#[test]
fn a_station_that_comes_back_into_the_tree_has_a_free_line() {
    let mut yard = super::calls::Yard::of("true-true-Default", &one_row(1, 100, 6));
    yard.operator();
    let [asked] = &yard.pass(1)[..] else { panic!("it was not asked") };
    let command = asked.command;
    let place = |yard: &mut super::calls::Yard, n: usize| {
        let tree = config(vec![circuit("grid", None, 100)], vec![point(n, "grid", "L1", 6)]);
        let mut site = put(&tree);
        site.at = yard.now;
        yard.host.site.apply(&site.into());
    };
    place(&mut yard, 1);
    yard.answer(command, super::host::accepted());
    yard.pass(1);
    place(&mut yard, 0);
    assert!(yard.evse().commandable);
}
