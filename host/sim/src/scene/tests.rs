//! A station with its visitors against a server that says yes.

use busbar_ocpp::rpc::{self, Frame, Limits};
use busbar_ocpp::{Leniency, Version, check};

use super::*;
use crate::car::{Car, Supply};
use crate::rng::Rng;
use crate::visit::Start;

const START_MS: i64 = 1_794_816_000_000;

/// Runs a scene against a server that says yes to everything; gives its frames by action.
fn run(scene: &mut Scene, version: Version, until_ms: i64) -> Vec<String> {
    let mut actions = Vec::new();
    let mut number = 0;
    let mut now_ms = START_MS;
    while now_ms <= until_ms {
        scene.handle(now_ms, Input::Tick);
        while let Some(wish) = scene.poll() {
            match wish {
                Wish::Station(Output::Connect) => scene.handle(now_ms, Input::Connected),
                Wish::Station(Output::Close) => {}
                Wish::Station(Output::Send(text)) => {
                    let frame = rpc::parse(version, &text, &Limits::default()).expect("a frame");
                    let Frame::Call { id, action, payload } = frame else { continue };
                    assert!(check(version, &action, payload, Leniency::Strict).valid, "{text}");
                    number += 1;
                    let answer = answer(&action, number);
                    actions.push(action.to_string());
                    scene.handle(now_ms, Input::Text(&rpc::call_result(&id, &answer)));
                }
                Wish::AskApp { evse, token } => {
                    let payload = format!(r#"{{"connectorId":{evse},"idTag":"{}"}}"#, token.id);
                    let call = rpc::call("app", "RemoteStartTransaction", &payload);
                    scene.handle(now_ms, Input::Text(&call));
                }
            }
        }
        now_ms = scene.deadline().expect("a deadline").max(now_ms + 1);
    }
    actions
}

fn answer(action: &str, number: i64) -> String {
    let info = r#""idTagInfo":{"status":"Accepted"}"#;
    let time = r#""currentTime":"2026-11-16T08:00:00Z""#;
    match action {
        "BootNotification" => format!(r#"{{"status":"Accepted","interval":900,{time}}}"#),
        "Heartbeat" => format!("{{{time}}}"),
        "Authorize" => format!("{{{info}}}"),
        "StartTransaction" => format!(r#"{{{info},"transactionId":{number}}}"#),
        _ => "{}".to_owned(),
    }
}

fn count(actions: &[String], action: &str) -> usize {
    actions.iter().filter(|of| *of == action).count()
}

#[test]
fn a_visit_charges_until_the_car_is_full_and_leaves() {
    for start in [Start::Card, Start::App] {
        let mut scene = Scene::new(Spec::new("CP", Version::V16, 1), START_MS);
        scene.visit(
            1,
            Visit {
                arrive_ms: START_MS + 10_000,
                token: Token::card("A"),
                car: Car::any(&mut Rng::new(3)).missing(1_000),
                start,
                fumble_ms: 5_000,
                stay_ms: 7_200_000,
                linger_ms: 60_000,
                ends_by_card: true,
            },
        );
        let actions = run(&mut scene, Version::V16, START_MS + 7_200_000);
        assert_eq!(count(&actions, "StartTransaction"), 1);
        assert_eq!(count(&actions, "StopTransaction"), 1);
        assert_eq!(count(&actions, "Authorize"), usize::from(start == Start::Card));
        assert!(scene.is_over());
        assert!(!scene.station().plugs()[0].occupied);
    }
}

#[test]
fn a_day_of_arrivals_is_busier_by_day_than_by_night() {
    let mut arrivals = Arrivals::new(5, vec![Token::card("A")], 60, START_MS);
    let mut hours = [0u32; 24];
    loop {
        let visit = arrivals.next_visit(0).expect("a visit");
        if visit.arrive_ms > START_MS + 10 * 86_400_000 {
            break;
        }
        hours[(visit.arrive_ms / 3_600_000).rem_euclid(24) as usize] += 1;
    }
    assert!((500..700).contains(&hours[17]), "about 60 an hour for ten days: {hours:?}");
    assert!(hours[3] < 40, "{hours:?}");
}

#[test]
fn a_day_at_two_outlets_makes_many_charges_and_no_bad_frame() {
    let mut spec = Spec::new("CP", Version::V16, 11);
    spec.evses.push(Supply::Dc { max_w: 150_000 });
    spec.step_ms = 10_000;
    let mut scene = Scene::new(spec, START_MS);
    for evse in [1, 2] {
        let tokens = vec![Token::card("A"), Token::card("B")];
        scene.arrive(evse, Arrivals::new(u64::from(evse), tokens, 2, START_MS));
    }
    let actions = run(&mut scene, Version::V16, START_MS + 86_400_000);
    let (starts, stops) = (count(&actions, "StartTransaction"), count(&actions, "StopTransaction"));
    assert!(starts >= 8, "{starts} charges");
    assert!(starts - stops <= 2);
}
