//! The door, line by line.

use serde_json::json;

use super::*;

fn answers(lines: &[u8]) -> Vec<Value> {
    let mut out = Vec::new();
    run(lines, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn answer(case: &Value) -> Value {
    answers(case.to_string().as_bytes()).remove(0)
}

fn case() -> Value {
    json!({
        "id": "one",
        "tariff": {
            "id": "1", "currency": "EUR", "last_updated": "2026-01-01T00:00:00Z",
            "elements": [{ "price_components": [
                { "type": "ENERGY", "price": 0.25, "vat": 10.0, "step_size": 1 },
                { "type": "PARKING_TIME", "price": 6, "step_size": 1 },
                { "type": "TIME", "price": 1.2, "step_size": 1 },
            ] }],
        },
        "session": {
            "start_date_time": "2026-05-05T08:00:00Z",
            "end_date_time": "2026-05-05T09:00:00Z",
            "timezone": "Europe/Berlin",
            "charging_periods": [
                { "start_date_time": "2026-05-05T08:00:00Z", "dimensions": [
                    { "type": "ENERGY", "volume": 20.1 }, { "type": "TIME", "volume": 0.5 } ] },
                { "start_date_time": "2026-05-05T08:30:00Z", "dimensions": [
                    { "type": "PARKING_TIME", "volume": 0.5 } ] },
            ],
        },
    })
}

#[test]
fn a_case_has_its_totals_and_lines() {
    let answer = answer(&case());
    assert_eq!(answer["id"], "one");
    // 20.1 kWh at 0.25, half an hour at 1.20, half an hour at 6.00; 10 % on the energy.
    assert_eq!(answer["total_excl_vat"], "8.625");
    assert_eq!(answer["total_incl_vat"], "9.1275");
    let energy = &answer["lines"][0];
    assert_eq!((&energy["quantity"], &energy["unit"]), (&json!("20100"), &json!("Wh")));
    assert_eq!((&energy["amount"], &energy["taxes"][0]["rate"]), (&json!("5.025"), &json!("0.1")));
}

#[test]
fn a_line_that_cannot_be_read_is_answered_and_the_next_one_is_read() {
    let good = case().to_string();
    let lines = format!("{{\n\n[]\n{{\"id\": 7}}\n\u{0}\n{good}\n");
    let mut lines = lines.into_bytes();
    lines.extend(b"\xFF\xFE\n");
    lines.extend(good.as_bytes());
    let answers = answers(&lines);
    let errors: Vec<_> = answers.iter().map(|answer| answer["error"].as_str()).collect();
    let bad = Some("invalid_session");
    assert_eq!(errors, [bad, bad, bad, bad, None, bad, None]);
    assert_eq!(answers[2]["id"], 7);
}

#[test]
fn a_line_without_end_is_passed_over() {
    let mut lines = vec![b' '; LONGEST_LINE as usize + 10];
    lines.push(b'\n');
    lines.extend(case().to_string().as_bytes());
    let answers = answers(&lines);
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0]["error"], "invalid_session");
    assert_eq!(answers[1]["id"], "one");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut bad = case();
        change(&mut bad);
        let answer = answer(&bad);
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        (text("error"), text("at"))
    };
    let pair = |error: &str, at: &str| (error.to_owned(), at.to_owned());
    let session = |at: &str| pair("invalid_session", at);
    assert_eq!(
        refused(&|c| c["session"]["end_date_time"] = json!("2026-05-05T07:00:00Z")),
        session("/session/end_date_time")
    );
    assert_eq!(
        refused(&|c| c["session"]["start_date_time"] = json!("yesterday")),
        session("/session/start_date_time")
    );
    assert_eq!(
        refused(&|c| c["session"]["charging_periods"] = json!([])),
        session("/session/charging_periods")
    );
    let volume = "/session/charging_periods/0/dimensions/0/volume";
    for wrong in [json!(-1), json!("many"), json!(1e30), json!(null)] {
        let at = refused(&|c| c.pointer_mut(volume).map(|v| *v = wrong.clone()).unwrap_or(()));
        assert_eq!(at, session(volume));
    }
    assert_eq!(
        refused(&|c| c["session"]["charging_periods"][1]["start_date_time"] =
            json!("2026-05-05T07:30:00Z")),
        session("/session/charging_periods/1/start_date_time")
    );
    assert_eq!(
        refused(&|c| c["session"]["charging_periods"][1]["dimensions"] = json!([])),
        session("/session/charging_periods/1/dimensions")
    );
    assert_eq!(
        refused(&|c| c["session"]["timezone"] = json!("Mars")),
        session("/session/time_zone")
    );
    assert_eq!(
        refused(&|c| c["tariff"]["currency"] = json!("Euro")),
        pair("invalid_configuration", "/currency")
    );
    assert_eq!(
        refused(&|c| c["plugin"] = json!("nobody")),
        pair("invalid_configuration", "/plugin")
    );
    assert_eq!(refused(&|c| c["tariff"]["elements"] = json!(5)).0, "invalid_configuration");
}

#[test]
fn a_credit_is_the_same_bill_with_the_sign_turned() {
    let mut credit = case();
    credit["cdr"] = credit["session"].take();
    credit["cdr"]["credit"] = json!(true);
    let answer = answer(&credit);
    assert_eq!(answer["total_excl_vat"], "-8.625");
    assert_eq!(answer["total_incl_vat"], "-9.1275");
    assert_eq!(answer["lines"][0]["quantity"], "-20100");
}

#[test]
fn the_tariff_of_a_cdr_is_the_one_that_its_periods_name() {
    let mut cdr = case();
    let tariff = cdr["tariff"].take();
    cdr["cdr"] = cdr["session"].take();
    let mut other = tariff.clone();
    other["id"] = json!("2");
    other["elements"][0]["price_components"][0]["price"] = json!(99);
    cdr["cdr"]["tariffs"] = json!([other, tariff]);
    let periods = cdr["cdr"]["charging_periods"].as_array_mut().unwrap();
    periods.iter_mut().for_each(|period| period["tariff_id"] = json!("1"));
    assert_eq!(answer(&cdr)["total_excl_vat"], "8.625");
    cdr["cdr"]["charging_periods"][1]["tariff_id"] = json!("2");
    assert_eq!(answer(&cdr)["at"], "/cdr/charging_periods");
}

#[test]
fn a_period_with_several_kinds_of_time_is_divided_by_them() {
    let mut case = case();
    case["session"]["charging_periods"] = json!([{
        "start_date_time": "2026-05-05T08:00:00Z",
        "dimensions": [
            { "type": "PARKING_TIME", "volume": 0.75 },
            { "type": "TIME", "volume": 0.25 },
            { "type": "ENERGY", "volume": 1 },
        ],
    }]);
    // 0.25 for the energy, 0.30 for the charging, 4.50 for the parking.
    assert_eq!(answer(&case)["total_excl_vat"], "5.05");
    case["session"]["charging_periods"][0]["dimensions"][1]["volume"] = json!(-0.0056);
    assert_eq!(answer(&case)["total_excl_vat"], "6.25");
}

#[test]
fn a_period_is_priced_by_what_holds_at_its_start() {
    let mut case = case();
    let component = |price: f64| json!([{ "type": "ENERGY", "price": price, "step_size": 1 }]);
    case["tariff"]["elements"] = json!([
        { "price_components": component(0.5), "restrictions": { "end_time": "10:15" } },
        { "price_components": component(0.1) },
    ]);
    // The first period begins at 10:00 local time.
    assert_eq!(answer(&case)["total_excl_vat"], "10.05");
    case["session"]["charging_periods"][0]["start_date_time"] = json!("2026-05-05T08:15:00Z");
    assert_eq!(answer(&case)["total_excl_vat"], "2.01");
}

#[test]
fn periods_may_come_in_any_order() {
    let mut case = case();
    case["session"]["charging_periods"].as_array_mut().unwrap().reverse();
    assert_eq!(answer(&case)["total_excl_vat"], "8.625");
}

#[test]
fn old_spellings_and_unknown_dimensions_are_taken() {
    let mut old = case();
    let session = &mut old["session"];
    session["stop_date_time"] = json!("2026-05-05T09:00:00");
    session["start_date_time"] = json!("2026-05-05T10:00:00+02:00");
    session.as_object_mut().unwrap().remove("end_date_time");
    session.as_object_mut().unwrap().remove("timezone");
    session["location"] = json!({ "time_zone": "Europe/Berlin" });
    session["charging_periods"][0]["dimensions"] = json!([
        { "type": "SESSION_TIME", "volume": "0.5" },
        { "type": "ENERGY", "volume": "20.1" },
        { "type": "STATE_OF_CHARGE", "volume": 80 },
    ]);
    let answer = answer(&old);
    assert_eq!(answer["total_excl_vat"], "8.625");
    assert_eq!(answer["warnings"].as_array().map(Vec::len), Some(2));
}
