//! Frames, good and bad, and what they are answered.

use super::*;
use Version::{V16, V21, V201};

fn read(version: Version, text: &str) -> Result<Frame<'_>, BadFrame> {
    parse(version, text, &Limits::default())
}

/// What a bad frame is answered in `version`, as the frame that goes out.
fn answer(version: Version, text: &str) -> Option<String> {
    let bad = read(version, text).expect_err(text);
    bad.answer.map(|answer| answer.write(version))
}

#[test]
fn reads_every_kind() {
    let call = r#" [2 , "1", "Boot\u0041", {"a":[1, {"b":"]}"}]} ] "#;
    for version in Version::ALL {
        assert_eq!(
            read(version, call),
            Ok(Frame::Call {
                id: "1".into(),
                action: "BootA".into(),
                payload: r#"{"a":[1, {"b":"]}"}]}"#
            })
        );
        assert_eq!(
            read(version, r#"[3,"1",{}]"#),
            Ok(Frame::CallResult { id: "1".into(), payload: "{}" })
        );
        let refusal = Refusal {
            id: "1".into(),
            code: ErrorCode::OccurrenceConstraintViolation,
            code_text: "OccurenceConstraintViolation".into(),
            description: "d\"".into(),
            details: r#"{"x":1}"#,
        };
        let text = r#"[4,"1","OccurenceConstraintViolation","d\"",{"x":1}]"#;
        assert_eq!(read(version, text), Ok(Frame::CallError(refusal.clone())));
        let text = text.replacen('4', "5", 1);
        if version == V21 {
            assert_eq!(read(version, &text), Ok(Frame::CallResultError(refusal)));
        }
    }
    assert_eq!(
        read(V21, r#"[6,"1","NotifyPeriodicEventStream",{"id":1}]"#),
        Ok(Frame::Send {
            id: "1".into(),
            action: "NotifyPeriodicEventStream".into(),
            payload: r#"{"id":1}"#
        })
    );
}

#[test]
fn null_is_an_empty_payload() {
    for text in [r#"[2,"1","Heartbeat",null]"#, r#"[2,"1","Heartbeat", null ]"#] {
        let frame = read(V16, text).unwrap();
        assert!(matches!(frame, Frame::Call { payload: "{}", .. }));
    }
    let frame = read(V201, r#"[3,"1",null]"#).unwrap();
    assert!(matches!(frame, Frame::CallResult { payload: "{}", .. }));
}

#[test]
fn a_refusal_may_be_short_and_its_code_unlisted() {
    let Ok(Frame::CallError(refusal)) = read(V16, r#"[4,"1","Weird"]"#) else { panic!() };
    assert_eq!((refusal.code, &*refusal.code_text), (ErrorCode::GenericError, "Weird"));
    assert_eq!((&*refusal.description, refusal.details), ("", "{}"));
    let text = r#"[4,"1","FormationViolation",null,null]"#;
    let Ok(Frame::CallError(refusal)) = read(V201, text) else { panic!() };
    assert_eq!(refusal.code, ErrorCode::FormatViolation);
    assert_eq!((&*refusal.description, refusal.details), ("", "{}"));
}

#[test]
fn a_bad_call_with_an_id_is_refused_with_that_id() {
    for text in [
        r#"[2,"7"]"#,
        r#"[2,"7","A"]"#,
        r#"[2,"7",5,{}]"#,
        r#"[2,"7","A",{},{}]"#,
        r#"[2,"7","A",{}"#,
        r#"[2,"7","A",{}] x"#,
        r#"[2,"7","A",{"transactionId":,"b":1}]"#,
        "[2,\"7\",\"A\",{\"a\":\"\u{0}\"}]",
    ] {
        let old = answer(V16, text).unwrap();
        assert!(old.starts_with(r#"[4,"7","FormationViolation",""#), "{text}: {old}");
        for version in [V201, V21] {
            let new = answer(version, text).unwrap();
            assert!(new.starts_with(r#"[4,"7","RpcFrameworkError",""#), "{text}: {new}");
        }
    }
}

#[test]
fn an_unreadable_frame_is_answered_by_2_x_only() {
    for text in [
        "",
        "x",
        "{}",
        "null",
        "[]",
        "[2",
        r#"["2","7","A",{}]"#,
        r#"[2.0,"7","A",{}]"#,
        r#"[2,7,"A",{}]"#,
        r#"[2,null,"A",{}]"#,
        r#"[2,"\ud800","A",{}]"#,
        r#"[-2,"7","A",{}]"#,
    ] {
        assert_eq!(answer(V16, text), None, "{text}");
        for version in [V201, V21] {
            let new = answer(version, text).unwrap();
            assert!(new.starts_with(r#"[4,"-1","RpcFrameworkError",""#), "{text}: {new}");
        }
    }
}

#[test]
fn a_bad_response_and_an_unknown_type_are_never_answered() {
    for version in Version::ALL {
        for text in [r#"[3,"7"]"#, r#"[4,"7"]"#, r#"[3,"7",{},{}]"#, r#"[3,"7",{]"#] {
            let bad = read(version, text).unwrap_err();
            assert_eq!((bad.answer, bad.id.as_deref()), (None, Some("7")), "{text}");
        }
        for text in [r#"[7,"7","A",{}]"#, r#"[0,"7"]"#, "[99]"] {
            let bad = read(version, text).unwrap_err();
            assert_eq!((bad.answer, bad.kind), (None, BadKind::UnknownType), "{text}");
        }
    }
    for version in [V16, V201] {
        for text in [r#"[5,"7","GenericError","",{}]"#, r#"[6,"7","A",{}]"#] {
            assert_eq!(read(version, text).unwrap_err().kind, BadKind::UnknownType);
        }
    }
    assert_eq!(answer(V21, r#"[6,"7","A"]"#), None);
    assert_eq!(answer(V21, r#"[5,"7"]"#), None);
}

#[test]
fn ids_have_36_characters_at_most() {
    let good = "ü".repeat(36);
    assert!(read(V201, &format!(r#"[2,"{good}","A",{{}}]"#)).is_ok());
    let long = "a".repeat(37);
    let refused = answer(V16, &format!(r#"[2,"{long}","A",{{}}]"#)).unwrap();
    assert!(refused.starts_with(&format!(r#"[4,"{long}","FormationViolation""#)));
    let huge = "a".repeat(300);
    assert_eq!(answer(V16, &format!(r#"[2,"{huge}","A",{{}}]"#)), None);
    let refused = answer(V21, &format!(r#"[2,"{huge}","A",{{}}]"#)).unwrap();
    assert!(refused.starts_with(r#"[4,"-1","#));
}

#[test]
fn limits_hold() {
    let limits = Limits { bytes: 100, depth: 4 };
    let fill = |n: usize| format!(r#"[2,"7","A","{}"]"#, "x".repeat(n));
    assert!(parse(V16, &fill(86), &limits).is_ok());
    let bad = parse(V16, &fill(87), &limits).unwrap_err();
    assert_eq!(bad.kind, BadKind::TooLong);
    assert_eq!(bad.answer.unwrap().code, ErrorCode::FormatViolation);
    // An id that is not within the limit is not looked for.
    let text = format!("{}{}", " ".repeat(200), fill(1));
    assert_eq!(parse(V16, &text, &limits).unwrap_err().id, None);

    let nest = |n: usize| format!(r#"[2,"7","A",{}1{}]"#, "[".repeat(n), "]".repeat(n));
    assert!(parse(V16, &nest(3), &limits).is_ok());
    let bad = parse(V16, &nest(4), &limits).unwrap_err();
    assert_eq!((bad.kind, bad.id.as_deref()), (BadKind::TooDeep, Some("7")));
    assert_eq!(read(V21, &nest(31)).map(|_| ()), Ok(()));
    assert_eq!(read(V21, &nest(32)).unwrap_err().kind, BadKind::TooDeep);
    let bad = read(V21, &"[".repeat(200_000)).unwrap_err();
    assert_eq!(bad.kind, BadKind::TooDeep);
}

#[test]
fn writes_every_kind() {
    assert_eq!(
        call("a\"b", "Reset", r#"{"type":"Soft"}"#),
        r#"[2,"a\"b","Reset",{"type":"Soft"}]"#
    );
    assert_eq!(call_result("1", "{}"), r#"[3,"1",{}]"#);
    assert_eq!(send("1", "N", "{}"), r#"[6,"1","N",{}]"#);
    let code = ErrorCode::FormatViolation;
    assert_eq!(call_error(V16, "1", code, "", "{}"), r#"[4,"1","FormationViolation","",{}]"#);
    assert_eq!(call_error(V201, "1", code, "", "{}"), r#"[4,"1","FormatViolation","",{}]"#);
    assert_eq!(
        call_result_error("1", code, "a\n\u{1}", "{}"),
        r#"[5,"1","FormatViolation","a\n\u0001",{}]"#
    );
    let long = call_error(V21, "1", code, &"ü".repeat(300), "{}");
    assert!(long.contains(&"ü".repeat(255)) && !long.contains(&"ü".repeat(256)));
}

#[test]
fn codes_are_spelled_as_their_version_demands() {
    let spelled = |code: ErrorCode| Version::ALL.map(|version| code.spelling(version));
    assert_eq!(
        spelled(ErrorCode::OccurrenceConstraintViolation),
        [
            "OccurrenceConstraintViolation",
            "OccurrenceConstraintViolation",
            "OccurenceConstraintViolation"
        ]
    );
    assert_eq!(
        spelled(ErrorCode::FormatViolation),
        ["FormatViolation", "FormatViolation", "FormationViolation"]
    );
    assert_eq!(spelled(ErrorCode::MessageTypeNotSupported)[2], "GenericError");
}
