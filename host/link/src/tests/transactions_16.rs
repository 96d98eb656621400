//! PITFALLS 46 to 59, as far as a connection decides them: nothing is refused, all is told.

use busbar_charging::action::Reply;
use busbar_charging::fact::metering::{ReadingContext, ReadingValue, ReportKind};
use busbar_charging::fact::station::{ConnectorStatus, Dialect};
use busbar_charging::ids::{IdToken, TokenKind};
use busbar_charging::input::{StationEvent, TransactionRef};
use busbar_charging::units::{Energy, Timestamp};
use busbar_ocpp::Rule;

use super::support::*;

fn known(id: &str) -> TransactionRef {
    TransactionRef::Known(id.into())
}

fn bench() -> Bench {
    Bench::new(Dialect::V16)
}

#[test]
fn pitfall_047_053_a_start_tells_its_content_and_its_own_time() {
    let payload = r#"{"connectorId":2,"idTag":"ab","meterStart":1234,"reservationId":9,
        "timestamp":"2020-01-01T00:00:00Z"}"#;
    let heap = bench().call("StartTransaction", payload);
    let (transaction, report, wants_cost) = heap.report();
    assert_eq!((transaction, wants_cost), (&TransactionRef::Issue, false));
    assert_eq!((report.kind, &*report.trigger), (ReportKind::Started, "StartTransaction"));
    assert_eq!(
        (report.at, report.seq, report.offline),
        (Timestamp(1_577_836_800_000), None, false)
    );
    assert_eq!((report.evse, report.connector), (Some(2), Some(1)));
    assert_eq!(report.token, Some(IdToken::new(TokenKind::Iso14443, "AB")));
    assert_eq!((report.reservation, report.remote_start), (Some(9), None));
    let [reading] = report.readings.as_slice() else { panic!("{report:?}") };
    assert_eq!((&reading.context, reading.at), (&ReadingContext::Begin, report.at));
    assert_eq!(reading.value, ReadingValue::Energy(Energy::from_wh(1234)));
    // The same message under another id says the same.
    let again = bench().call_as("other", "StartTransaction", payload);
    assert_eq!(again.report(), heap.report());
}

#[test]
fn pitfall_048_049_050_ids_that_we_did_not_give_are_told_and_answered() {
    for id in ["0", "-1", "77", "2147483648"] {
        let stop = format!(
            r#"{{"transactionId":{id},"meterStop":10,"timestamp":"2026-01-01T00:00:00Z"}}"#
        );
        let mut bench = bench();
        let heap = bench.call("StopTransaction", &stop);
        assert_eq!(heap.report().0, &known(id));
        let answer = bench.reply(&heap.call(), transaction_reply(id, None));
        assert_eq!(answer.sent[0][2], serde_json::json!({}));
        // Whatever else the core says, the queue of the station moves on.
        let heap = bench.call("StopTransaction", &stop);
        assert_eq!(bench.reply(&heap.call(), Reply::Received).sent[0][0], 3);
    }
}

#[test]
fn pitfall_051_a_second_stop_with_a_new_id_is_told_again() {
    let stop = r#"{"transactionId":5,"meterStop":10,"timestamp":"2026-01-01T00:00:00Z"}"#;
    let mut bench = bench();
    let first = bench.call("StopTransaction", stop);
    bench.reply(&first.call(), transaction_reply("5", None));
    let second = bench.call("StopTransaction", stop);
    assert_eq!(first.report(), second.report());
}

#[test]
fn pitfall_052_nonsense_about_a_transaction_is_told_not_refused() {
    let stop = r#"{"transactionId":5,"meterStop":-10,"timestamp":"2099-01-01T00:00:00Z"}"#;
    let heap = bench().call("StopTransaction", stop);
    let (_, report, _) = heap.report();
    assert_eq!(report.readings[0].value, ReadingValue::Energy(Energy::from_wh(-10)));
    assert_eq!(report.at, Timestamp(4_070_908_800_000));
}

#[test]
fn pitfall_016_a_stop_without_a_reason_is_local() {
    let stop = |reason: &str| {
        format!(r#"{{"transactionId":5,"meterStop":1,"timestamp":"2026-01-01T00:00:00Z"{reason}}}"#)
    };
    for (reason, told) in [
        ("", "Local"),
        (r#","reason":"PowerLoss""#, "PowerLoss"),
        (r#","reason":"Unplugged""#, "Unplugged"),
    ] {
        let heap = bench().call("StopTransaction", &stop(reason));
        assert_eq!(heap.report().1.stopped_reason.as_deref(), Some(told));
    }
}

#[test]
fn quirks_38_41_zero_and_empty_mean_none() {
    let start = r#"{"connectorId":1,"idTag":"x","meterStart":0,"reservationId":0,
        "timestamp":"2026-01-01T00:00:00Z"}"#;
    assert_eq!(bench().call("StartTransaction", start).report().1.reservation, None);
    let stop = r#"{"transactionId":5,"idTag":"","meterStop":1,"timestamp":"2026-01-01T00:00:00Z"}"#;
    assert_eq!(bench().call("StopTransaction", stop).report().1.token, None);
}

#[test]
fn pitfall_058_connector_0_is_the_station() {
    let heap = bench().call(
        "StatusNotification",
        r#"{"connectorId":0,"errorCode":"NoError","status":"Unavailable"}"#,
    );
    assert!(matches!(
        heap.event(),
        StationEvent::Status { evse: 0, connector: 0, status: ConnectorStatus::Unavailable, .. }
    ));
    let start =
        r#"{"connectorId":0,"idTag":"x","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}"#;
    let heap = bench().call("StartTransaction", start);
    assert_eq!((heap.report().1.evse, heap.report().1.connector), (None, None));
}

#[test]
fn pitfall_059_every_status_passes_in_any_order() {
    let mut bench = bench();
    for name in [
        "Finishing",
        "Available",
        "Charging",
        "SuspendedEV",
        "SuspendedEVSE",
        "Preparing",
        "Reserved",
        "Faulted",
        "Unavailable",
    ] {
        let payload = format!(r#"{{"connectorId":3,"errorCode":"NoError","status":"{name}"}}"#);
        let heap = bench.call("StatusNotification", &payload);
        let StationEvent::Status { evse: 3, connector: 1, status, error: None, .. } = heap.event()
        else {
            panic!("{heap:?}")
        };
        assert_eq!(Some(*status), crate::words::connector_status(name));
    }
}

#[test]
fn quirk_27_occupied_is_the_word_of_2x_and_borne() {
    let payload = r#"{"connectorId":1,"errorCode":"Mode3Error","status":"Occupied"}"#;
    let heap = bench().call("StatusNotification", payload);
    let StationEvent::Status { status, error, .. } = heap.event() else { panic!("{heap:?}") };
    assert_eq!((*status, error.as_deref()), (ConnectorStatus::Occupied, Some("Mode3Error")));
    assert_eq!(heap.borne(), [Rule::Enum, Rule::Enum]);
    let strict =
        crate::LinkConfig { leniency: busbar_ocpp::Leniency::Strict, ..config(Dialect::V16) };
    let heap = Bench::with(strict).call("StatusNotification", payload);
    assert_eq!(heap.error().1, "PropertyConstraintViolation");
    // Another fault beside it is still a fault.
    let payload = r#"{"connectorId":"x","errorCode":"NoError","status":"Occupied"}"#;
    heap_is_refused(&bench().call("StatusNotification", payload));
}

fn heap_is_refused(heap: &Heap) {
    heap.error();
    assert!(heap.inputs.is_empty());
}

#[test]
fn quirk_29_nothing_written_out_is_nothing() {
    let status = |rest: &str| {
        let payload = format!(r#"{{"connectorId":1,"status":"Faulted",{rest}}}"#);
        match bench().call("StatusNotification", &payload).event() {
            StationEvent::Status { error, .. } => error.clone(),
            other => panic!("{other:?}"),
        }
    };
    let abb = r#""errorCode":"NoError","info":"null","vendorErrorCode":"0x0000""#;
    assert_eq!(status(abb), None);
    let abb =
        r#""errorCode":"OtherError","info":"null","vendorErrorCode":"0x0000","vendorId":"ABB""#;
    assert_eq!(status(abb).as_deref(), Some("OtherError"));
    let all = r#""errorCode":"GroundFailure","info":"RCD","vendorErrorCode":"E7","vendorId":"ABB""#;
    assert_eq!(status(all).as_deref(), Some("GroundFailure, ABB, E7, RCD"));
}
