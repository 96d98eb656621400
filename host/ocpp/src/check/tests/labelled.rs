//! Every labelled payload: accepted or refused with the right rule, place and code.

use super::*;
use std::collections::BTreeMap;
use std::io::Read as _;

#[derive(serde::Deserialize)]
struct Labelled {
    version: String,
    message: String,
    valid: bool,
    class: String,
    path: String,
    rules: Vec<String>,
    payload: String,
}

fn payloads() -> Vec<Labelled> {
    let packed: &[u8] = include_bytes!("../../../tests-data/payloads.jsonl.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn version(tag: &str) -> Version {
    match tag {
        "v16" => Version::V16,
        "v201" => Version::V201,
        "v21" => Version::V21,
        other => panic!("version {other}"),
    }
}

/// The labels write a pointer without its first slash, and enumeration values behind it.
fn pointer(path: &str) -> String {
    match path.trim_start_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    }
}

/// The same JSON with every integral number in one form: `2.0` is `2`.
fn canonical(text: &str) -> serde_json::Value {
    fn walk(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Number(number) => {
                if let Some(float) = number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 1e15)
                {
                    *value = serde_json::json!(float as i64);
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(walk),
            serde_json::Value::Object(members) => members.values_mut().for_each(walk),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(text).unwrap();
    walk(&mut value);
    value
}

#[test]
fn every_labelled_payload_is_judged_as_labelled_when_strict() {
    let mut wrong = Vec::new();
    let all = payloads();
    assert_eq!(all.len(), 14_479);
    for case in &all {
        let version = version(&case.version);
        let result = check(version, &case.message, &case.payload, Leniency::Strict);
        let right = if case.valid {
            result.valid && result.violations.is_empty()
        } else {
            result.rule.is_some_and(|rule| {
                case.rules.iter().any(|r| r == rule.as_str())
                    && result.path == pointer(&case.path)
                    && result.code == Some(rule.code())
                    && result.violations.len() == 1
            })
        };
        if !right {
            wrong.push(format!(
                "{} {} {} {} {:?} -> {result:?}",
                case.version, case.message, case.class, case.path, case.rules
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

#[test]
fn a_payload_that_is_taken_goes_out_as_it_came() {
    for case in payloads().iter().filter(|case| case.valid) {
        let known = messages(version(&case.version)).iter().find(|m| m.file == case.message);
        for leniency in [Leniency::Strict, Leniency::Tolerant] {
            let taken = (known.unwrap().recode)(&case.payload, leniency).unwrap();
            assert!(taken.violations.is_empty());
            assert_eq!(canonical(&taken.message), canonical(&case.payload));
        }
    }
}

/// How many payloads of each class the tolerant policy takes and refuses.
#[test]
fn the_tolerant_policy_bears_what_loses_nothing() {
    let expected = [
        ("bad_date_date_only", (0, 81)),
        ("bad_date_empty", (40, 34)),
        ("bad_date_feb30", (0, 70)),
        ("bad_date_junk", (0, 74)),
        ("bad_date_nozone", (73, 0)),
        ("bad_date_space", (0, 77)),
        ("bad_date_zone_hh", (83, 0)),
        ("bad_date_zone_hhmm", (71, 0)),
        ("bad_enum", (15, 211)),
        ("bad_enum_case", (12, 199)),
        ("extra_prop", (548, 0)),
        ("max_items", (0, 90)),
        ("min_items", (0, 152)),
        ("missing", (1, 864)),
        ("multiple_of", (0, 4)),
        ("null", (957, 1057)),
        ("range", (0, 153)),
        ("too_long", (428, 0)),
        ("wrong_type", (72, 2370)),
    ];
    let mut counted = BTreeMap::<String, (usize, usize)>::new();
    for case in payloads().into_iter().filter(|case| !case.valid) {
        let version = version(&case.version);
        let result = check(version, &case.message, &case.payload, Leniency::Tolerant);
        let count = counted.entry(case.class).or_default();
        if result.valid {
            count.0 += 1
        } else {
            count.1 += 1
        }
        assert_eq!(result.violations.len(), 1);
        assert_eq!(result.path, pointer(&case.path));
    }
    let expected = expected.map(|(class, count)| (class.to_owned(), count));
    assert_eq!(counted, BTreeMap::from(expected));
}
