//! Proves that no secret is written down.

use super::*;

#[test]
fn what_holds_no_secret_stays_as_it_is() {
    for text in [
        r#"[2,"1","Heartbeat",{}]"#,
        r#"[2,"1","Authorize",{"idTag":"a@b"}]"#,
        r#"[2,"1","ChangeConfiguration",{"key":"HeartbeatInterval","value":"60"}]"#,
        "not json at all",
    ] {
        assert!(matches!(redact(text), Cow::Borrowed(kept) if kept == text), "{text}");
    }
}

#[test]
fn secrets_are_masked_wherever_they_stand() {
    for kept in [
        r#"[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cret"}]"#,
        r#"[3,"1",{"configurationKey":[{"key":"authorizationkey","value":"s3cret"}]}]"#,
        r#"{"variable":{"name":"BasicAuthPassword"},"attributeValue":"s3cret"}"#,
        r#"{"attributeValue":"s3cret","variable":{"name":"BasicAuthPassword"}}"#,
        r#"{"variable":{"name":"BasicAuthPassword"},"actualValue":"s3cret"}"#,
        r#"{"variable":{"name":"BasicAuthPassword"},"variableAttribute":[{"value":"s3cret"}]}"#,
        r#"{"connectionData":{"basicAuthPassword":"s3cret","apn":{"apnPassword":"s3cret"}}}"#,
    ] {
        assert_eq!(redact(kept), kept.replace("s3cret", "***"), "{kept}");
    }
    let url = r#"{"location":"ftp://user:s3cret@files.example/a@b","retries":1}"#;
    assert_eq!(redact(url), r#"{"location":"ftp://***@files.example/a@b","retries":1}"#);
}

/// The same message may set what is a secret and what is none.
#[test]
fn only_the_secret_of_several_variables_is_masked() {
    let other = r#"{"attributeValue":"60","variable":{"name":"HeartbeatInterval"}}"#;
    let secret = r#"{"attributeValue":"s3cret","variable":{"name":"BasicAuthPassword"}}"#;
    let both = format!(r#"{{"setVariableData":[{other},{secret}]}}"#);
    assert_eq!(redact(&both), both.replace("s3cret", "***"));
}

#[test]
fn escapes_hide_nothing() {
    let text = r#"{"key":"\u0041uthorizationKey","value":"s3\u0063ret"}"#;
    let clean = redact(text);
    assert!(!clean.contains("s3") && clean.contains("***"), "{clean}");
    // The secret also stands where it is none: that stays.
    let twice = r#"{"key":"AuthorizationKey","value":"Core","vendor":"Core"}"#;
    assert_eq!(redact(twice), r#"{"key":"AuthorizationKey","value":"***","vendor":"Core"}"#);
    let number = r#"{"key":"AuthorizationKey","value":12345678}"#;
    assert!(!redact(number).contains("1234"));
}

#[test]
fn what_cannot_be_read_and_may_hold_a_secret_is_not_kept() {
    let broken = r#"[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cret""#;
    assert!(!redact(broken).contains("s3cret"));
    let broken = r#"[2,"1","GetDiagnostics",{"location":"ftp://u:s3cret@h/"#;
    assert_eq!(redact(broken), r#"[2,"1","GetDiagnostics",{"location":"ftp://***@h/"#);
}
