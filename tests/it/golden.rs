//! The compiled `pricing-ocpi` component against priced cases: worked examples of the OCPI
//! specification, tariffs of the market, real CDRs, and edges derived by hand. It is asked through
//! the same code as `busbar plugin price --stdio`.

use std::path::Path;

use busbar::cli::plugin_price::{Door, OcpiCase};
use serde_json::Value;

const FILES: &[&str] = &[
    "edge_cases.json",
    "ocpi-spec/ocpi_spec.json",
    "ocpi_tariffs_popular.json",
    "ocpi_tariffs_real_cdrs.json",
];
/// The total that such a CDR states is not one to match; ours is shown and has to exist.
const DISPUTED: &str = "cdr_total_is_wrong_on_purpose_or_disputed";

#[test]
fn every_case_has_the_total_that_its_source_derives() {
    let mut door = Door::open().unwrap();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for file in FILES {
        for case in cases(file) {
            match check(&mut door, &case) {
                Ok(totals) => compared += totals,
                Err(why) => wrong.push(format!("{file} {}: {why}", case["id"])),
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // A test that compares nothing would pass as well.
    assert!(compared >= 190, "only {compared} totals were compared");
}

#[test]
fn a_wrong_expectation_is_seen() {
    let mut door = Door::open().unwrap();
    let mut case = cases("edge_cases.json").remove(0);
    case["expected"]["total_incl_vat"] = "6.01".into();
    assert!(check(&mut door, &case).unwrap_err().contains("total_incl_vat"));
    case["expected"] = serde_json::json!({ "not_applicable": true });
    assert!(check(&mut door, &case).is_err());
}

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    document["cases"].as_array().unwrap().clone()
}

/// How many totals agree, or what differs.
fn check(door: &mut Door, case: &Value) -> Result<usize, String> {
    let expected = &case["expected"];
    let asked = question(case);
    let answer = door.answer(asked.as_bytes());
    if expected["not_applicable"] == true {
        let is_so = answer["error"] == "not_applicable";
        return if is_so { Ok(1) } else { Err(format!("it is applicable: {answer}")) };
    }
    if answer.get("error").is_some() {
        return Err(answer.to_string());
    }
    if case["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == DISPUTED)) {
        let (ours, theirs) = (&answer["total_excl_vat"], &expected["total_excl_vat"]);
        println!("disputed: {}: ours {ours}, the CDR's own {theirs}", case["id"]);
        return Ok(0);
    }
    let mut agree = 0;
    for total in ["total_excl_vat", "total_incl_vat"] {
        if expected[total].is_null() {
            continue;
        }
        let off = nanos(&answer[total]) - nanos(&expected[total]);
        if off.abs() > nanos(&expected["tolerance"]) {
            return Err(format!("{total} is {}, expected {}", answer[total], expected[total]));
        }
        agree += 1;
    }
    Ok(agree)
}

/// The case without what it expects, as the door gets it. Numbers keep their text.
fn question(case: &Value) -> String {
    let mut case = case.clone();
    case.as_object_mut().unwrap().retain(|key, _| key != "expected" && key != "cross_check");
    let question = case.to_string();
    assert!(OcpiCase::read(question.as_bytes()).is_ok_and(|read| read.id == case["id"]));
    question
}

/// A decimal string in billionths.
fn nanos(decimal: &Value) -> i128 {
    let text = decimal.as_str().unwrap();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanos: i128 = format!("{whole}{fraction:0<9.9}").parse().unwrap();
    nanos
}
