//! Judgements of payloads by the name of their schema file.

use super::*;

mod any_text;
mod faults;
mod generated;
mod labelled;
mod payload;

#[test]
fn an_unknown_action_and_a_wrong_way_have_different_codes() {
    use ErrorCode::{NotImplemented, NotSupported};
    let cases = [
        (Version::V16, Side::Csms, "StartTransaction", Ok(())),
        (Version::V201, Side::Csms, "StartTransaction", Err(NotImplemented)),
        (Version::V16, Side::Csms, "TransactionEvent", Err(NotImplemented)),
        (Version::V16, Side::Csms, "Reset", Err(NotSupported)),
        (Version::V16, Side::Station, "Reset", Ok(())),
        (Version::V21, Side::Station, "BootNotification", Err(NotSupported)),
        (Version::V21, Side::Csms, "reset", Err(NotImplemented)),
        (Version::V21, Side::Csms, "ResetRequest", Err(NotImplemented)),
        (Version::V21, Side::Csms, "NotifyWebPaymentStarted", Ok(())),
        (Version::V21, Side::Station, "NotifyWebPaymentStarted", Ok(())),
        (Version::V16, Side::Station, "DataTransfer", Ok(())),
    ];
    for (version, side, action, expected) in cases {
        assert_eq!(accepts(version, side, action), expected, "{version:?} {action}");
    }
}

/// The counts of MESSAGES: actions by version, and by who sends them.
#[test]
fn every_action_is_there() {
    let count = |version: Version, way: Direction| {
        let requests = messages(version).iter().filter(|m| !m.is_response);
        requests.filter(|m| m.direction == way).count()
    };
    use Direction::{Both, CsmsToStation, StationToCsms};
    let ways = [StationToCsms, CsmsToStation, Both];
    assert_eq!(ways.map(|way| count(Version::V16, way)), [13, 25, 1]);
    assert_eq!(ways.map(|way| count(Version::V201, way)), [24, 39, 1]);
    // Two of the CSMS's own are answered too when a station sends them.
    assert_eq!(ways.map(|way| count(Version::V21, way)), [36, 52, 3]);
    for (version, files) in [(Version::V16, 78), (Version::V201, 128), (Version::V21, 181)] {
        assert_eq!(messages(version).len(), files);
        for request in messages(version).iter().filter(|m| !m.is_response) {
            let answers = messages(version).iter().filter(|m| m.is_response);
            let answered = answers.filter(|m| m.action == request.action).count();
            assert_eq!(answered == 0, is_unanswered(version, request.action));
        }
    }
}

#[test]
fn a_payload_that_is_no_object_is_a_format_violation() {
    for (payload, rule) in [
        ("[]", Rule::Object),
        ("5", Rule::Object),
        ("", Rule::Syntax),
        ("{", Rule::Syntax),
        ("{} {}", Rule::Syntax),
        (r#"{"idTag":"a",}"#, Rule::Syntax),
    ] {
        for leniency in [Leniency::Strict, Leniency::Tolerant] {
            let result = check(Version::V16, "Authorize", payload, leniency);
            assert_eq!(result.code, Some(ErrorCode::FormatViolation), "{payload}");
            assert_eq!((result.rule, &*result.path), (Some(rule), ""), "{payload}");
        }
    }
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    let result = check(Version::V16, "Authorize", &deep, Leniency::Tolerant);
    assert_eq!(result.rule, Some(Rule::Syntax));
    let result = check(Version::V16, "AuthorizeRequest", "{}", Leniency::Strict);
    assert_eq!(result.code, Some(ErrorCode::NotImplemented));
}

#[test]
fn the_first_violation_is_of_occurrence_then_type_then_property_then_format() {
    let parts = [
        (r#""bogus":1"#, Rule::AdditionalProperties),
        (r#""vendorId":"xx""#, Rule::MaxLength),
        (r#""connectorId":true"#, Rule::Type),
    ];
    let rest = r#""errorCode":"NoError","status":"Available","timestamp":"2024-03-01T12:00:00Z""#;
    let long = "x".repeat(2000);
    for first in 1..=3 {
        let members: Vec<_> = parts[..first].iter().map(|(text, _)| *text).collect();
        let members = members.join(",").replace("xx", &long);
        let connector = if first == 3 { "" } else { r#","connectorId":1"# };
        let payload = format!("{{{members},{rest}{connector}}}");
        let result = check(Version::V16, "StatusNotification", &payload, Leniency::Strict);
        assert_eq!(result.rule, Some(parts[first - 1].1), "{payload}");
        assert_eq!(result.violations.len(), first);
    }
    let payload = r#"{"bogus":1,"vendorId":5,"connectorId":1,"errorCode":"NoError"}"#;
    let result = check(Version::V16, "StatusNotification", payload, Leniency::Strict);
    assert_eq!((result.rule, &*result.path), (Some(Rule::Required), "/status"));
}

#[test]
fn a_flood_of_violations_is_cut_but_what_decides_is_kept() {
    let bogus: String = (0..5000).map(|n| format!(r#""b{n}":1,"#)).collect();
    let payload = format!(r#"{{{bogus}"idTag":5}}"#);
    let result = check(Version::V16, "Authorize", &payload, Leniency::Tolerant);
    assert!(result.valid);
    assert_eq!((result.violations.len(), result.rule), (256, Some(Rule::Type)));
    let payload = format!(r#"{{{bogus}"idTag":[]}}"#);
    let result = check(Version::V16, "Authorize", &payload, Leniency::Tolerant);
    assert_eq!((result.valid, &*result.path), (false, "/idTag"));
}

#[test]
fn what_we_build_wrongly_does_not_pass_the_strict_encoder() {
    let mut message = v16::ClearCacheRequest::default();
    assert!(v16::Request::from(message.clone()).encode_strict().is_ok());
    message.extra.push("bogus", crate::values::Json::string("x"));
    let fault = v16::Request::from(message).encode_strict().unwrap_err();
    assert_eq!(fault.rule, Rule::AdditionalProperties);
    let empty = v201::SetVariablesRequest::default();
    let fault = v201::Request::from(empty).encode_strict().unwrap_err();
    assert_eq!((fault.rule, &*fault.path), (Rule::MinItems, "/setVariableData"));
}
