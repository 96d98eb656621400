//! What is asked of load control, and what of it is refused.

use super::host::{Host, put, yard};
use super::world::Break;
use super::{amps, circuit, config, one_row, point};
use crate::action::{Action, Problem, Reply};
use crate::context::{Context, Policy};
use crate::fact::{Actor, Call};
use crate::ids::Ids;
use crate::input::{Input, Precondition, Recalled, Request};
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
    let silent = START.plus(Millis::from_secs(400));
    assert_eq!(headroom(&host, silent), (amps(20), true));
}

#[test]
fn a_source_that_is_silent_leaves_its_fallback() {
    let mut tree = one_row(2, 100, 6);
    let source = &mut tree.tree.circuits[0].external[0];
    source.timeout_seconds = Some(120);
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

#[test]
fn a_site_where_nothing_charges_is_not_asked() {
    let mut host = Host::new(Break::None, START, &one_row(2, 100, 6));
    host.due(START);
    assert_eq!(host.site.deadline(), None);
    assert!(!Site::new(yard()).is_load_controlled());
}
