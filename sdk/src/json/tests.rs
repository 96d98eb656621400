//! Numbers, texts, places, and what is not JSON.

use super::{Value, parse};
use crate::Error;

fn number(text: &str, places: u32) -> Option<i64> {
    parse(text).unwrap().root().decimal(places).ok()
}

#[test]
fn numbers_are_read_without_floats() {
    for (text, places, expected) in [
        ("0.25", 6, Some(250_000)),
        ("-0.05", 6, Some(-50_000)),
        ("20", 0, Some(20)),
        ("0.33000000000000002", 6, Some(330_000)),
        ("0.0000005", 6, Some(1)),
        ("-0.0000005", 6, Some(-1)),
        ("0.00000049", 6, Some(0)),
        ("1e3", 6, Some(1_000_000_000)),
        ("25E-2", 6, Some(250_000)),
        ("1.5e+1", 0, Some(15)),
        ("5e-7", 6, Some(1)),
        ("4e-7", 6, Some(0)),
        ("9e-9", 6, Some(0)),
        ("0e99999999999999999999", 6, Some(0)),
        ("1e-99999999999999999999", 6, Some(0)),
        ("1e99999999999999999999", 6, None),
        ("9223372036854775807", 0, Some(i64::MAX)),
        ("-9223372036854775808", 0, Some(i64::MIN)),
        ("9223372036854775808", 0, None),
    ] {
        assert_eq!(number(text, places), expected, "{text}");
    }
    for (text, expected) in [("300", Some(300)), ("3e2", Some(300)), ("1.0", Some(1))] {
        assert_eq!(parse(text).unwrap().root().whole().ok(), expected, "{text}");
    }
    for text in ["0.5", "-1", "true"] {
        assert!(parse(text).unwrap().root().whole().is_err(), "{text}");
    }
}

#[test]
fn texts_lose_their_escapes() {
    let value = parse(r#" "a\n\"\u00e4\ud83d\ude97é" "#).unwrap();
    assert_eq!(value, Value::Text("a\n\"ä🚗é".into()));
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for (text, place) in [
        ("", "line 1, column 1"),
        ("{\"a\": 1,\n \"a\": 2}", "line 2, column 2"),
        ("[1,]", "line 1, column 4"),
        ("[01]", "line 1, column 3"),
        ("{\"a\" 1}", "line 1, column 6"),
        ("\"\\ud800\"", "half of a surrogate pair"),
        ("\"\\u12", "four hexadecimal digits"),
        ("\"\\u+123\"", "four hexadecimal digits"),
        ("\"tab\there\"", "control character"),
        ("1 2", "nothing more"),
        ("nul", "a value was expected"),
        ("1.", "a digit"),
        (&"[".repeat(100_000), "nested too deep"),
    ] {
        let Err(Error::InvalidConfiguration(fault)) = parse(text) else {
            panic!("{text:.20} was accepted");
        };
        assert!(fault.message.contains(place), "{text:.20}: {}", fault.message);
    }
}

#[test]
fn errors_point_into_the_document() {
    let value = parse(r#"{"list": [{"a/b": "x", "n": null}]}"#).unwrap();
    let list = value.root().field("list").unwrap();
    let item = list.items().unwrap().remove(0);
    let place = |error: Error| match error {
        Error::InvalidConfiguration(fault) => fault.at,
        other => panic!("{other:?}"),
    };
    assert_eq!(place(item.field("a/b").unwrap().decimal(0).unwrap_err()), "/list/0/a~1b");
    assert_eq!(place(item.field("n").unwrap_err()), "/list/0/n");
    assert_eq!(place(item.only(&["n"]).unwrap_err()), "/list/0/a~1b");
    assert!(item.optional("n").unwrap().is_none());
    assert_eq!(place(value.root().items().unwrap_err()), "");
}
