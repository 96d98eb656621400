//! PITFALLS 60 to 78 and 161 to 164, as far as a connection decides them.

use busbar_charging::action::Reply;
use busbar_charging::fact::metering::{ChargingState, ReportKind};
use busbar_charging::fact::station::{ConnectorStatus, Dialect};
use busbar_charging::ids::{IdToken, TokenKind, TransactionId};
use busbar_charging::input::{Input, StationEvent, TransactionRef};
use busbar_charging::units::{Currency, Micros, Money, Timestamp};

use super::support::*;

fn event(kind: &str, rest: &str) -> String {
    format!(
        r#"{{"eventType":"{kind}","timestamp":"2026-01-01T00:00:00Z","triggerReason":"Trigger",
            "seqNo":4,"transactionInfo":{{"transactionId":"tx-1"}}{rest}}}"#
    )
}

#[test]
fn pitfall_060_to_070_an_event_tells_all_that_it_says() {
    for dialect in TWO {
        let heap = Bench::new(dialect).call(
            "TransactionEvent",
            r#"{"eventType":"Updated","timestamp":"2026-01-01T00:00:00Z","seqNo":4,
                "triggerReason":"ChargingStateChanged","offline":true,"reservationId":12,
                "transactionInfo":{"transactionId":"tx-1","chargingState":"SuspendedEVSE",
                    "remoteStartId":-3},
                "evse":{"id":2,"connectorId":1},"idToken":{"idToken":"ab","type":"ISO15693"}}"#,
        );
        let (transaction, report, _) = heap.report();
        assert_eq!(transaction, &TransactionRef::Known("tx-1".into()));
        assert_eq!((report.kind, report.at), (ReportKind::Updated, Timestamp(1_767_225_600_000)));
        assert_eq!((report.seq, &*report.trigger), (Some(4), "ChargingStateChanged"));
        assert!(report.offline);
        assert_eq!((report.evse, report.connector), (Some(2), Some(1)));
        assert_eq!(report.token, Some(IdToken::new(TokenKind::Iso15693, "AB")));
        assert_eq!(report.state, Some(ChargingState::SuspendedEvse));
        assert_eq!((report.remote_start, report.reservation), (Some(-3), Some(12)));
        assert_eq!(report.stopped_reason, None);
    }
}

#[test]
fn pitfall_064_evse_and_connector_are_none_where_they_are_not_told() {
    for dialect in TWO {
        let heap = Bench::new(dialect).call("TransactionEvent", &event("Updated", ""));
        assert_eq!((heap.report().1.evse, heap.report().1.connector), (None, None));
        let evse = event("Updated", r#","evse":{"id":3}"#);
        let heap = Bench::new(dialect).call("TransactionEvent", &evse);
        assert_eq!((heap.report().1.evse, heap.report().1.connector), (Some(3), None));
    }
}

#[test]
fn pitfall_066_067_069_no_event_is_refused_for_what_it_means() {
    for dialect in TWO {
        let mut bench = Bench::new(dialect);
        // Ended first, twice, of an unknown transaction, with an old sequence number.
        for kind in ["Ended", "Ended", "Updated", "Started"] {
            let heap = bench.call("TransactionEvent", &event(kind, ""));
            let answer = bench.reply(&heap.call(), transaction_reply("tx-1", None));
            assert_eq!(answer.sent[0][2], serde_json::json!({}));
        }
        let heap = bench.call("TransactionEvent", &event("Ended", ""));
        assert_eq!(bench.reply(&heap.call(), Reply::Received).sent[0][0], 3);
    }
}

#[test]
fn pitfall_073_the_reason_of_a_message_is_kept_as_it_is_named() {
    let payload = event("Updated", "").replace(r#""Trigger""#, r#""TariffChanged""#);
    let heap = Bench::new(Dialect::V21).call("TransactionEvent", &payload);
    assert_eq!(&*heap.report().1.trigger, "TariffChanged");
}

#[test]
fn pitfall_016_an_end_without_a_reason_is_local() {
    for dialect in TWO {
        let heap = Bench::new(dialect).call("TransactionEvent", &event("Ended", ""));
        assert_eq!(heap.report().1.stopped_reason.as_deref(), Some("Local"));
    }
}

#[test]
fn pitfall_076_the_five_states() {
    for dialect in TWO {
        for name in ["Available", "Occupied", "Reserved", "Unavailable", "Faulted"] {
            let payload = status_payload(dialect).replace("Available", name);
            let heap = Bench::new(dialect).call("StatusNotification", &payload);
            let StationEvent::Status { evse: 1, connector: 1, status, .. } = heap.event() else {
                panic!("{heap:?}")
            };
            assert_eq!(Some(*status), crate::words::connector_status(name));
        }
    }
}

fn notify(events: &[String]) -> String {
    let events = events.join(",");
    format!(r#"{{"generatedAt":"2026-01-01T00:00:00Z","seqNo":0,"eventData":[{events}]}}"#)
}

fn event_data(component: &str, variable: &str, value: &str) -> String {
    format!(
        r#"{{"eventId":1,"timestamp":"2026-01-01T00:00:00Z","trigger":"Delta",
            "actualValue":"{value}","component":{component},"variable":{{"name":"{variable}"}},
            "eventNotificationType":"HardWiredNotification"}}"#
    )
}

#[test]
fn pitfall_077_availability_states_are_statuses() {
    let connector =
        |n: u32| format!(r#"{{"name":"Connector","evse":{{"id":{n},"connectorId":2}}}}"#);
    for dialect in TWO {
        let mut bench = Bench::new(dialect);
        let payload = notify(&[
            event_data(&connector(1), "AvailabilityState", "Occupied"),
            event_data(r#"{"name":"ChargingStation"}"#, "AvailabilityState", "Faulted"),
        ]);
        let heap = bench.call("NotifyEvent", &payload);
        let [
            Input::Station {
                call: None,
                event: StationEvent::Status { evse: 1, connector: 2, .. },
                ..
            },
            Input::Station {
                call: Some(call),
                event:
                    StationEvent::Status {
                        evse: 0, connector: 0, status: ConnectorStatus::Faulted, ..
                    },
                ..
            },
        ] = heap.inputs.as_slice()
        else {
            panic!("{heap:?}")
        };
        assert_eq!(bench.reply(call, Reply::Received).sent[0][2], serde_json::json!({}));
        // What is not a status is recorded as it came, beside the statuses.
        let payload = notify(&[
            event_data(&connector(1), "AvailabilityState", "Available"),
            event_data(&connector(1), "Temperature", "90"),
        ]);
        let heap = bench.call("NotifyEvent", &payload);
        let [StationEvent::Status { .. }, StationEvent::Other { payload: kept, .. }] =
            heap.events()[..]
        else {
            panic!("{heap:?}")
        };
        assert_eq!(**kept, payload);
        heap.call();
    }
}

#[test]
fn pitfall_161_162_when_a_cost_is_wanted_and_told() {
    let cost = Money { amount: Micros(1_250_000), currency: Currency::parse("EUR").unwrap() };
    for (dialect, kind, told) in [
        (Dialect::V201, "Started", false),
        (Dialect::V201, "Updated", false),
        (Dialect::V201, "Ended", true),
        (Dialect::V21, "Started", false),
        (Dialect::V21, "Updated", true),
        (Dialect::V21, "Ended", true),
    ] {
        let mut bench = Bench::new(dialect);
        let heap = bench.call("TransactionEvent", &event(kind, ""));
        assert_eq!(heap.report().2, told, "{dialect:?} {kind}");
        let transaction = TransactionId::from("tx-1");
        let reply = Reply::Transaction { transaction, authorization: None, cost: Some(cost) };
        let text = serde_json::to_string(&bench.reply(&heap.call(), reply).sent[0][2]).unwrap();
        assert_eq!(text.contains("totalCost"), told, "{dialect:?} {kind} {text}");
    }
}

#[test]
fn pitfall_163_what_is_free_costs_nothing_and_the_unknown_is_left_out() {
    for (micros, currency, text) in [
        (0, "EUR", r#"{"totalCost":0.00}"#),
        (12_400_000, "EUR", r#"{"totalCost":12.40}"#),
        (-1, "EUR", r#"{"totalCost":-0.000001}"#),
        (1_000_000_000_000, "JPY", r#"{"totalCost":1000000}"#),
        (9_007_199_254_740_993, "EUR", r#"{"totalCost":9007199254.740993}"#),
    ] {
        let mut bench = Bench::new(Dialect::V201);
        let heap = bench.call_as("1", "TransactionEvent", &event("Ended", ""));
        let currency = Currency::parse(currency).unwrap();
        let reply = Reply::Transaction {
            transaction: "tx-1".into(),
            authorization: None,
            cost: Some(Money { amount: Micros(micros), currency }),
        };
        let action = busbar_charging::action::Action::Reply { call: heap.call(), reply };
        assert!(bench.link.act(&action, NOW));
        let Some(crate::LinkOutput::Send(frame)) = bench.link.poll() else { panic!() };
        assert_eq!(frame, format!(r#"[3,"1",{text}]"#));
    }
    let mut bench = Bench::new(Dialect::V201);
    let reply = transaction_reply("tx-1", None);
    let answer = bench.answer("TransactionEvent", &event("Ended", ""), reply);
    assert_eq!(answer, serde_json::json!({}));
}

#[test]
fn pitfall_164_an_end_with_a_stop_token_has_both() {
    for dialect in TWO {
        let payload = event("Ended", r#","idToken":{"idToken":"x","type":"Central"}"#);
        let mut bench = Bench::new(dialect);
        let heap = bench.call("TransactionEvent", &payload);
        assert!(heap.report().2);
        let reply = Reply::Transaction {
            transaction: "tx-1".into(),
            authorization: Some(authorization(
                busbar_charging::fact::station::AuthorizationStatus::Accepted,
            )),
            cost: Some(Money { amount: Micros(1), currency: Currency::parse("EUR").unwrap() }),
        };
        let answer = &bench.reply(&heap.call(), reply).sent[0][2];
        assert!(answer.get("totalCost").is_some() && answer.get("idTokenInfo").is_some());
    }
}
