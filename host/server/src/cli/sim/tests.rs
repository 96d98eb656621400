//! The flags of `busbar sim load`.

use super::*;

#[test]
fn a_mix_is_a_phase_for_each_part() {
    let phases = phases("heartbeat,status=2+meter=3", 10.0).expect("a mix");
    assert_eq!((phases[0].mix.heartbeat, phases[0].mix.total()), (1, 1));
    assert_eq!((phases[1].mix.status, phases[1].mix.meter), (2, 3));
    let error = self::phases("hartbeat", 1.0).expect_err("a typing error");
    assert!(error.contains("hartbeat") && error.contains("heartbeat"), "{error}");
}

#[test]
fn versions_have_shares() {
    let read = versions("1.6=6,2.1").expect("shares");
    assert_eq!((read.v16, read.v201, read.v21), (6, 0, 1));
    assert!(versions("1.5").is_err());
}

#[test]
fn an_unknown_scenario_names_those_that_are_known() {
    let error = named("no-such-scenario").expect_err("none");
    assert!(error.contains("storm"), "{error}");
}
