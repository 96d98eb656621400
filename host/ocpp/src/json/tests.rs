//! The reader against `serde_json`, and its traps.

use super::*;
use proptest::prelude::*;

const DIALECT: Dialect = Dialect { integral_decimals: true, numbers_as_text: false };

fn skip(text: &str) -> Result<&str, Stop> {
    let mut reader = Reader::new(text, DIALECT, MAX_DEPTH);
    let value = reader.skip()?;
    reader.end().map(|()| value)
}

fn string(text: &str) -> Result<String, Stop> {
    Reader::new(text, DIALECT, MAX_DEPTH).string().map(|text| text.into_owned())
}

/// What `serde_json` refuses although it is JSON: it reads escapes while it goes over a text.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

#[test]
fn a_number_keeps_its_text_in_the_whole_workspace() {
    // With `arbitrary_precision` on, by any crate, this would be `100.0` or a map.
    let value: serde_json::Value = serde_json::from_str("1e2").unwrap();
    assert_eq!(value.to_string(), "100.0", "serde_json/arbitrary_precision must stay off");
}

#[test]
fn takes_json_and_nothing_else() {
    for good in [
        "0",
        "-0",
        "-1.5e+10",
        "1E400",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        " [ 1 , 2 ] ",
        r#"{"a":{"b":[{}]},"a":1}"#,
        r#""\u0041\/\b\f\n\r\t\\\"""#,
        r#""\ud800""#,
        "\"\u{7f}é漢😀\"",
    ] {
        assert_eq!(skip(good), Ok(good.trim()), "{good}");
        assert!(is_json(good) || good.contains("ud800"), "{good}");
    }
    for bad in [
        "",
        " ",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "tru",
        "truex",
        "nul",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\u{0}\"",
        "1 2",
        "'a'",
        "\u{feff}{}",
        "[1]]",
        "/**/1",
    ] {
        assert_eq!(skip(bad), Err(Stop), "{bad}");
        assert!(!is_json(bad), "{bad}");
    }
}

#[test]
fn texts_are_unescaped_and_half_pairs_found() {
    assert_eq!(string(r#""a\u00e9\n\"\\\/""#).as_deref(), Ok("aé\n\"\\/"));
    assert_eq!(string(r#""\ud83d\ude00!""#).as_deref(), Ok("😀!"));
    for half in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83dx""#, r#""\ud83d\u0041""#] {
        assert_eq!(string(half), Err(Stop), "{half}");
    }
    let text = r#""\ud83d\ud83d\ude00\u0041""#;
    let lossy = Reader::new(text, DIALECT, MAX_DEPTH).lossy_string().unwrap();
    assert_eq!((&*lossy.text, lossy.sound), ("\u{fffd}😀A", false));
}

#[test]
fn depth_is_bounded() {
    let nest = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(skip(&nest(MAX_DEPTH)).is_ok());
    assert!(skip(&nest(MAX_DEPTH + 1)).is_err());
    assert!(skip(&"{\"a\":".repeat(100_000)).is_err());
    let wide = format!("[{}{{}}]", "{},".repeat(100_000));
    assert!(skip(&wide).is_ok());
}

#[test]
fn a_member_that_a_decoder_wrote_reads_back() {
    for text in ["", "a", "é\"\\\u{1}\u{1f}\u{7f}\n", "😀\u{2028}"] {
        let mut out = String::new();
        write_string(&mut out, text);
        assert_eq!(string(&out).as_deref(), Ok(text));
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}

/// Texts that look like JSON more often than chance would have it.
fn almost_json() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"a\"",
        "\"é\":",
        "1",
        "-",
        ".5",
        "e9",
        "true",
        "null",
        " ",
        "\\ud800",
        "\\u0041",
        "\n",
        "\u{0}",
        "[1,2]",
        "{\"a\":1}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn agrees_with_serde_json(text in almost_json()) {
        let ours = skip(&text);
        prop_assert_eq!(ours.is_ok(), is_json(&text), "{}", text);
        if let Ok(value) = serde_json::from_str::<String>(&text) {
            prop_assert_eq!(string(&text), Ok(value));
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        prop_assert_eq!(skip(&text).is_ok(), is_json(&text));
        prop_assert_eq!(string(&text).is_ok() && skip(&text).is_ok(),
            serde_json::from_str::<String>(&text).is_ok());
    }

    #[test]
    fn any_text_is_written_as_serde_json_reads_it(text in any::<String>()) {
        let mut out = String::new();
        write_string(&mut out, &text);
        prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
