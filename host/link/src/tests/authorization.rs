//! PITFALLS 35 to 45, as far as a connection decides them.

use busbar_charging::action::Reply;
use busbar_charging::fact::station::{Authorization, AuthorizationStatus, Dialect};
use busbar_charging::ids::{IdToken, TokenKind};
use busbar_charging::input::StationEvent;
use busbar_charging::units::Timestamp;

use super::support::*;
use crate::Note;

const STATUSES: [(AuthorizationStatus, &str, &str); 7] = [
    (AuthorizationStatus::Accepted, "Accepted", "Accepted"),
    (AuthorizationStatus::Blocked, "Blocked", "Blocked"),
    (AuthorizationStatus::Expired, "Expired", "Expired"),
    (AuthorizationStatus::Invalid, "Invalid", "Invalid"),
    (AuthorizationStatus::ConcurrentTx, "ConcurrentTx", "ConcurrentTx"),
    (AuthorizationStatus::Unknown, "Invalid", "Unknown"),
    (AuthorizationStatus::NotAtThisLocation, "Invalid", "NotAtThisLocation"),
];

const TOKEN_2X: &str = r#"{"idToken":{"idToken":"aa11","type":"ISO14443"}}"#;

#[test]
fn pitfall_035_036_statuses_by_version() {
    for (status, in_16, in_2x) in STATUSES {
        let reply = || Reply::Authorized(authorization(status));
        let answer = Bench::new(Dialect::V16).answer("Authorize", r#"{"idTag":"x"}"#, reply());
        assert_eq!(answer["idTagInfo"]["status"], in_16);
        for dialect in TWO {
            let answer = Bench::new(dialect).answer("Authorize", TOKEN_2X, reply());
            assert_eq!(answer["idTokenInfo"]["status"], in_2x);
        }
    }
}

#[test]
fn pitfall_037_038_tokens_are_compared_in_capitals_where_rfid() {
    let heap = Bench::new(Dialect::V16).call("Authorize", r#"{"idTag":"aB-1"}"#);
    let StationEvent::Authorize { token } = heap.event() else { panic!("{heap:?}") };
    assert_eq!(*token, IdToken::new(TokenKind::Iso14443, "AB-1"));
    for dialect in TWO {
        let heap = Bench::new(dialect).call("Authorize", TOKEN_2X);
        let StationEvent::Authorize { token } = heap.event() else { panic!("{heap:?}") };
        assert_eq!(*token, IdToken::new(TokenKind::Iso14443, "AA11"));
        let heap = Bench::new(dialect).call(
            "Authorize",
            r#"{"idToken":{"idToken":"DE-8AA-C1","type":"eMAID",
                "additionalInfo":[{"additionalIdToken":"q","type":"w"}]}}"#,
        );
        let StationEvent::Authorize { token } = heap.event() else { panic!("{heap:?}") };
        assert_eq!(*token, IdToken::new(TokenKind::EMaid, "DE-8AA-C1"));
    }
}

#[test]
fn pitfall_039_kinds_are_closed_in_201_and_open_in_21() {
    let payload = r#"{"idToken":{"idToken":"x","type":"DirectPayment"}}"#;
    let heap = Bench::new(Dialect::V201).call("Authorize", payload);
    assert_eq!(heap.error().1, "PropertyConstraintViolation");
    let heap = Bench::new(Dialect::V21).call("Authorize", payload);
    let StationEvent::Authorize { token } = heap.event() else { panic!("{heap:?}") };
    assert_eq!(*token.kind(), TokenKind::Other("DirectPayment".into()));
    let long = format!(r#"{{"idToken":{{"idToken":"{}","type":"Central"}}}}"#, "x".repeat(255));
    assert!(Bench::new(Dialect::V21).call("Authorize", &long).borne().is_empty());
}

#[test]
fn pitfall_040_the_group_is_told_in_every_id_tag_info() {
    let told = Authorization {
        group: Some("FLEET".into()),
        expires: Some(Timestamp(1_800_000_000_000)),
        ..authorization(AuthorizationStatus::Accepted)
    };
    let mut bench = Bench::new(Dialect::V16);
    let authorize = bench.answer("Authorize", r#"{"idTag":"x"}"#, Reply::Authorized(told.clone()));
    let start =
        r#"{"connectorId":1,"idTag":"x","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}"#;
    let start = bench.answer("StartTransaction", start, transaction_reply("5", Some(told.clone())));
    let stop =
        r#"{"transactionId":5,"idTag":"y","meterStop":1,"timestamp":"2026-01-01T01:00:00Z"}"#;
    let stop = bench.answer("StopTransaction", stop, transaction_reply("5", Some(told.clone())));
    for answer in [authorize, start, stop] {
        assert_eq!(
            answer["idTagInfo"],
            serde_json::json!({"status": "Accepted", "parentIdTag": "FLEET",
                "expiryDate": "2027-01-15T08:00:00Z"})
        );
    }
    for dialect in TWO {
        let answer =
            Bench::new(dialect).answer("Authorize", TOKEN_2X, Reply::Authorized(told.clone()));
        assert_eq!(
            answer["idTokenInfo"],
            serde_json::json!({"status": "Accepted", "cacheExpiryDateTime": "2027-01-15T08:00:00Z",
                "groupIdToken": {"idToken": "FLEET", "type": "Central"}})
        );
    }
}

#[test]
fn pitfall_040_a_group_that_does_not_fit_is_left_out_not_cut() {
    let told = Authorization {
        group: Some("G".repeat(21).into()),
        ..authorization(AuthorizationStatus::Accepted)
    };
    let mut bench = Bench::new(Dialect::V16);
    let heap = bench.call("Authorize", r#"{"idTag":"x"}"#);
    let heap = bench.reply(&heap.call(), Reply::Authorized(told));
    assert_eq!(heap.sent[0][2], serde_json::json!({"idTagInfo": {"status": "Accepted"}}));
    assert!(matches!(heap.notes[..], [Note::UnfitReply { .. }]));
}

#[test]
fn pitfall_041_a_start_with_an_invalid_token_has_its_transaction_id() {
    let start =
        r#"{"connectorId":1,"idTag":"x","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}"#;
    for (told, status) in [
        (Some(authorization(AuthorizationStatus::Blocked)), "Blocked"),
        (Some(authorization(AuthorizationStatus::Unknown)), "Invalid"),
        (None, "Invalid"),
    ] {
        let reply = transaction_reply("2147483647", told);
        let answer = Bench::new(Dialect::V16).answer("StartTransaction", start, reply);
        assert_eq!(
            answer,
            serde_json::json!({"idTagInfo": {"status": status}, "transactionId": 2_147_483_647})
        );
    }
}

#[test]
fn pitfall_042_a_stop_tells_only_of_its_own_id_tag() {
    let accepted = || Some(authorization(AuthorizationStatus::Accepted));
    for (id_tag, told) in [("", false), (r#""idTag":"","#, false), (r#""idTag":"y","#, true)] {
        let stop = format!(
            r#"{{"transactionId":5,{id_tag}"meterStop":1,"timestamp":"2026-01-01T01:00:00Z"}}"#
        );
        let mut bench = Bench::new(Dialect::V16);
        let answer = bench.answer("StopTransaction", &stop, transaction_reply("5", accepted()));
        assert_eq!(answer.get("idTagInfo").is_some(), told, "{id_tag}");
    }
}

#[test]
fn pitfall_043_id_token_info_exactly_when_there_was_an_id_token() {
    for dialect in TWO {
        for (token, told) in [
            ("", None),
            (r#","idToken":{"idToken":"x","type":"Central"}"#, Some("Accepted")),
            (r#","idToken":{"idToken":"","type":"NoAuthorization"}"#, Some("Accepted")),
        ] {
            let payload = format!(
                r#"{{"eventType":"Ended","timestamp":"2026-01-01T00:00:00Z","triggerReason":
                    "StopAuthorized","seqNo":3,"transactionInfo":{{"transactionId":"t"}}{token}}}"#
            );
            let accepted = authorization(AuthorizationStatus::Accepted);
            let reply = transaction_reply("t", Some(accepted));
            let answer = Bench::new(dialect).answer("TransactionEvent", &payload, reply);
            assert_eq!(answer["idTokenInfo"]["status"].as_str(), told);
        }
    }
}

#[test]
fn pitfall_044_no_authorization_is_a_kind_of_its_own() {
    for dialect in TWO {
        let payload = r#"{"idToken":{"idToken":"","type":"NoAuthorization"}}"#;
        let heap = Bench::new(dialect).call("Authorize", payload);
        let StationEvent::Authorize { token } = heap.event() else { panic!("{heap:?}") };
        assert_eq!((token.kind(), token.value()), (&TokenKind::NoAuthorization, ""));
        assert!(heap.borne().is_empty());
    }
}

#[test]
fn a_reply_of_another_kind_becomes_an_internal_error() {
    let mut bench = Bench::new(Dialect::V16);
    let heap = bench.call("Authorize", r#"{"idTag":"x"}"#);
    let heap = bench.reply(&heap.call(), Reply::Received);
    assert_eq!(heap.error().1, "InternalError");
    assert!(matches!(heap.notes[..], [Note::UnfitReply { .. }]));
}
