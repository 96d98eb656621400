//! PITFALLS 25 to 34, as far as a connection decides them: which registration is answered, and
//! what a pending station may say, is the core's.

use busbar_charging::action::{Action, Reply};
use busbar_charging::fact::station::{Dialect, Registration};
use busbar_charging::input::StationEvent;

use super::support::*;
use crate::LinkConfig;

fn booted(registration: Registration) -> Reply {
    Reply::Boot { registration, now: NOW }
}

#[test]
fn pitfall_025_interval_is_heartbeat_or_retry() {
    for dialect in ALL {
        for (registration, name, interval) in [
            (Registration::Accepted, "Accepted", 900),
            (Registration::Pending, "Pending", 45),
            (Registration::Rejected, "Rejected", 45),
        ] {
            let config =
                LinkConfig { heartbeat_interval_s: 900, retry_interval_s: 45, ..config(dialect) };
            let mut bench = Bench::with(config);
            let answer =
                bench.answer("BootNotification", boot_payload(dialect), booted(registration));
            assert_eq!(answer["status"], name);
            assert_eq!(answer["interval"], interval);
            assert_eq!(answer["currentTime"], "2026-09-21T14:13:20.123Z");
            assert_eq!(bench.link.registration(), Some(registration));
        }
    }
}

#[test]
fn pitfall_026_027_pending_lets_in_a_heartbeat_that_was_asked_for() {
    for dialect in ALL {
        let mut bench = Bench::registered(dialect, Registration::Pending);
        assert_eq!(bench.call("Heartbeat", "{}").error().1, "SecurityError");
        bench.command(1, "TriggerMessage", r#"{"requestedMessage":"Heartbeat"}"#);
        bench.receive(&format!(r#"[3,"{}",{{"status":"Accepted"}}]"#, command_id(1)));
        assert_eq!(bench.call("Heartbeat", "{}").sent[0][0], 3);
        assert_eq!(bench.call("Heartbeat", "{}").error().1, "SecurityError");
    }
}

#[test]
fn pitfall_028_rejected_gets_a_security_error() {
    for dialect in ALL {
        let mut bench = Bench::registered(dialect, Registration::Rejected);
        assert_eq!(bench.call("Heartbeat", "{}").error().1, "SecurityError");
        // Everything else is the core's word.
        let heap = bench.call("StatusNotification", status_payload(dialect));
        assert_eq!(bench.reply(&heap.call(), Reply::NotAccepted).error().1, "SecurityError");
        let heap = bench.call("BootNotification", boot_payload(dialect));
        assert_eq!(bench.reply(&heap.call(), booted(Registration::Accepted)).sent[0][0], 3);
        assert_eq!(bench.call("Heartbeat", "{}").sent[0][0], 3);
    }
}

#[test]
fn pitfall_028_a_refusal_is_not_an_answer_to_keep() {
    let mut bench = Bench::new(Dialect::V16);
    let heap = bench.call_as("1", "StatusNotification", status_payload(Dialect::V16));
    bench.reply(&heap.call(), Reply::NotAccepted);
    let again = bench.call_as("1", "StatusNotification", status_payload(Dialect::V16));
    assert_eq!(again.inputs.len(), 1);
}

#[test]
fn pitfall_028_a_heartbeat_is_refused_once_the_core_has_refused() {
    for dialect in ALL {
        let mut bench = Bench::registered(dialect, Registration::Accepted);
        let heap = bench.call("StatusNotification", status_payload(dialect));
        bench.reply(&heap.call(), Reply::NotAccepted);
        assert_eq!(bench.call("Heartbeat", "{}").error().1, "SecurityError");
    }
}

#[test]
fn one_that_never_booted_has_its_heartbeats_answered_whatever_else_is_refused() {
    for dialect in ALL {
        let mut bench = Bench::new(dialect);
        let heap = bench.call("StatusNotification", status_payload(dialect));
        bench.reply(&heap.call(), Reply::NotAccepted);
        assert_eq!(bench.link.registration(), None);
        assert_eq!(bench.call("Heartbeat", "{}").sent[0][0], 3);
    }
}

#[test]
fn one_that_an_operator_accepts_has_its_heartbeats_answered_without_another_boot() {
    for registration in [Registration::Pending, Registration::Rejected] {
        let mut bench = Bench::registered(Dialect::V16, registration);
        assert_eq!(bench.call("Heartbeat", "{}").error().1, "SecurityError");
        for (generation, answers) in [(GENERATION + 1, false), (GENERATION, true)] {
            let accept = Action::Accept { station: "CS-1".into(), generation };
            assert_eq!(bench.link.act(&accept, NOW), answers);
            assert_eq!(bench.call("Heartbeat", "{}").sent[0][0], if answers { 3 } else { 4 });
        }
    }
}

#[test]
fn pitfall_030_a_security_event_reaches_the_core_in_any_state() {
    for dialect in ALL {
        let mut bench = Bench::registered(dialect, Registration::Rejected);
        let payload = r#"{"type":"StartupOfTheDevice","timestamp":"2026-01-01T00:00:00Z"}"#;
        let heap = bench.call("SecurityEventNotification", payload);
        assert!(matches!(heap.event(), StationEvent::Other { .. }));
        assert_eq!(bench.reply(&heap.call(), Reply::NotAccepted).error().1, "SecurityError");
    }
}

#[test]
fn pitfall_031_a_reconnect_keeps_the_registration_and_no_boot_is_demanded() {
    for dialect in ALL {
        for known in [None, Some(Registration::Accepted)] {
            let mut bench = Bench::with(LinkConfig { registration: known, ..config(dialect) });
            assert_eq!(bench.call("Heartbeat", "{}").sent[0][0], 3);
            let heap = bench.call("StatusNotification", status_payload(dialect));
            assert_eq!(bench.reply(&heap.call(), Reply::Received).sent[0][0], 3);
        }
    }
}

#[test]
fn a_boot_is_answered_anew_also_with_an_old_id() {
    let mut bench = Bench::new(Dialect::V16);
    let payload = boot_payload(Dialect::V16);
    let heap = bench.call_as("1", "BootNotification", payload);
    bench.reply(&heap.call(), booted(Registration::Pending));
    let heap = bench.call_as("1", "BootNotification", payload);
    let answer = bench.reply(&heap.call(), booted(Registration::Accepted));
    assert_eq!(answer.sent[0][2]["status"], "Accepted");
}

#[test]
fn what_a_boot_says() {
    let heap = Bench::new(Dialect::V16).call(
        "BootNotification",
        r#"{"chargePointVendor":"","chargePointModel":"M","chargeBoxSerialNumber":"B",
            "firmwareVersion":"1.2"}"#,
    );
    let StationEvent::Booted { vendor, model, serial, firmware, reason } = heap.event() else {
        panic!("{heap:?}")
    };
    assert_eq!((&**vendor, &**model, serial.as_deref()), ("", "M", Some("B")));
    assert_eq!((firmware.as_deref(), reason.as_deref()), (Some("1.2"), None));
    for dialect in TWO {
        let heap = Bench::new(dialect).call(
            "BootNotification",
            r#"{"reason":"Watchdog","chargingStation":{"vendorName":"V","model":"M",
                "serialNumber":"S","firmwareVersion":"2"}}"#,
        );
        let StationEvent::Booted { serial, firmware, reason, .. } = heap.event() else {
            panic!("{heap:?}")
        };
        assert_eq!(
            (serial.as_deref(), firmware.as_deref(), reason.as_deref()),
            (Some("S"), Some("2"), Some("Watchdog"))
        );
    }
}

#[test]
fn quirks_23_to_25_over_long_names_are_borne() {
    let heap = Bench::new(Dialect::V16).call(
        "BootNotification",
        r#"{"chargePointVendor":"Schneider","chargePointModel":"EVlink Smart Wallbox 3",
            "chargeBoxSerialNumber":"3N193440013B1S1B75150020130101x"}"#,
    );
    assert!(matches!(heap.event(), StationEvent::Booted { .. }));
    assert_eq!(heap.borne().len(), 2);
}
