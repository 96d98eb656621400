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
    for (text, clean) in [
        (
            r#"[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cret"}]"#,
            r#"[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]"#,
        ),
        (
            r#"[3,"1",{"configurationKey":[{"key":"authorizationkey","readonly":false,"value":"s3cret"}]}]"#,
            r#"[3,"1",{"configurationKey":[{"key":"authorizationkey","readonly":false,"value":"***"}]}]"#,
        ),
        (
            r#"{"setVariableData":[{"attributeValue":"s3cret","component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}},{"attributeValue":"60","component":{"name":"OCPPCommCtrlr"},"variable":{"name":"HeartbeatInterval"}}]}"#,
            r#"{"setVariableData":[{"attributeValue":"***","component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}},{"attributeValue":"60","component":{"name":"OCPPCommCtrlr"},"variable":{"name":"HeartbeatInterval"}}]}"#,
        ),
        (
            r#"{"variable":{"name":"BasicAuthPassword"},"variableAttribute":[{"value":"s3cret"}]}"#,
            r#"{"variable":{"name":"BasicAuthPassword"},"variableAttribute":[{"value":"***"}]}"#,
        ),
        (
            r#"{"connectionData":{"basicAuthPassword":"s3cret","apn":{"apnPassword":"s3cret"}}}"#,
            r#"{"connectionData":{"basicAuthPassword":"***","apn":{"apnPassword":"***"}}}"#,
        ),
        (
            r#"{"location":"ftp://user:s3cret@files.example/a@b","retries":1}"#,
            r#"{"location":"ftp://***@files.example/a@b","retries":1}"#,
        ),
    ] {
        assert_eq!(redact(text), clean);
    }
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
