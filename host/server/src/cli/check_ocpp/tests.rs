//! The door for payloads, line by line.

use busbar_ocpp::Leniency;
use serde_json::Value;

use super::run;

fn answers(input: &[u8], leniency: Leniency) -> Vec<Value> {
    let mut output = Vec::new();
    run(input, &mut output, leniency).unwrap();
    let text = String::from_utf8(output).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn case(version: &str, message: &str, payload: &str) -> String {
    let line = serde_json::json!({ "version": version, "message": message, "payload": payload });
    format!("{line}\n")
}

#[test]
fn each_line_has_its_verdict_and_the_loop_goes_on() {
    let input = [
        case("v16", "Heartbeat", "{}"),
        "not json\n".to_owned(),
        case("v99", "Heartbeat", "{}"),
        case("v201", "HeartbeatRequest", "{}"),
        case("v16", "Authorize", "{}"),
        case("v16", "Nonsense", "{}"),
        "{\"version\":\"v16\"}\n".to_owned(),
        case("v21", "HeartbeatRequest", "{\"x\":1}"),
    ]
    .concat();
    let found = answers(input.as_bytes(), Leniency::Strict);
    let valid: Vec<_> = found.iter().map(|verdict| verdict["valid"].as_bool().unwrap()).collect();
    assert_eq!(valid, [true, false, false, true, false, false, false, false]);
    assert!(found[1]["error"].as_str().unwrap().starts_with("the line cannot be read"));
    assert_eq!(found[2]["error"], "version \"v99\" is not one of v16, v201, v21");
    assert_eq!(found[4]["code"], "OccurenceConstraintViolation");
    assert_eq!(found[4]["path"], "/idTag");
    assert_eq!(found[5]["code"], "NotImplemented");
    assert!(found[7]["rule"].is_string(), "{}", found[7]);
}

#[test]
fn nothing_in_a_line_ends_the_loop() {
    let mut input = vec![0xFF, 0xFE, b'\n', b'\n', b'\r', b'\n'];
    input.extend(std::iter::repeat_n(b'[', 100_000));
    input.push(b'\n');
    input.extend(case("v16", "Heartbeat", "{}").trim_end().as_bytes());
    let found = answers(&input, Leniency::Tolerant);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0]["error"].is_string() && found[1]["error"].is_string());
    assert_eq!(found[2]["valid"], true);
}
