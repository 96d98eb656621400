//! What events mean at 10:00, one line for each: limits in W and prices in millionths, with the
//! minutes after 10:00 between which they hold.

use serde_json::{Value, json};

use super::*;
use crate::http::units::Time;

const TEN: &str = "2026-11-29T10:00:00Z";

fn ten() -> Timestamp {
    Time::parse(TEN).unwrap().0
}

/// `HH:MM` of that day.
fn at(time: &str) -> String {
    format!("2026-11-29T{time}:00Z")
}

fn event(id: &str, more: Value) -> Value {
    let mut event = json!({
        "id": id, "objectType": "EVENT", "programID": "p1", "eventName": "for people",
        "createdDateTime": at("09:00"), "modificationDateTime": at("09:30"), "targets": null,
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

/// One interval from a time on with one payload.
fn simple(id: &str, from: &str, duration: &str, kind: &str, value: Value) -> Value {
    let period = json!({ "start": at(from), "duration": duration });
    event(id, json!({ "intervalPeriod": period, "intervals": [interval(kind, value)] }))
}

fn limit(id: &str, from: &str, duration: &str, kw: f64, priority: Value) -> Value {
    let mut event = simple(id, from, duration, LIMIT, json!(kw));
    event["priority"] = priority;
    event
}

fn interval(kind: &str, value: Value) -> Value {
    json!({ "id": 0, "payloads": [{ "type": kind, "values": [value] }] })
}

fn program(descriptors: Value) -> Program {
    let program = json!({ "id": "p1", "programName": "grid", "payloadDescriptors": descriptors });
    serde_json::from_value(program).unwrap()
}

fn look(program: &Program, events: &[Value], now: Timestamp) -> Signals {
    let events: Vec<_> = events.iter().map(Value::to_string).collect();
    let listener = Listener { ven: "north", currency: Currency::parse("EUR").unwrap() };
    signals(program, &events, &listener, now)
}

fn minutes(time: Timestamp) -> String {
    if time == Timestamp::NEVER {
        return "ever".into();
    }
    (time.since(ten()).0 / 60_000).to_string()
}

/// `0..60 17000`, one after the other; what is bad by its reason.
fn shown(found: &Signals) -> String {
    let limits = found
        .limits
        .iter()
        .map(|one| (one.from, one.until, one.limit.power.map_or(-1, |power| power.0)));
    let prices = found.prices.iter().map(|one| (one.from, one.until, one.price.0));
    let held = limits.chain(prices);
    let held =
        held.map(|(from, until, value)| format!("{}..{} {value}", minutes(from), minutes(until)));
    let bad = found.bad.iter().map(|bad| format!("{}: {}", bad.event, bad.why));
    held.chain(bad).collect::<Vec<_>>().join(", ")
}

fn check(events: &[Value], expected: &str) {
    assert_eq!(shown(&look(&program(json!(null)), events, ten())), expected, "{events:#?}");
}

#[test]
fn limits_hold_when_and_as_their_events_say() {
    let none = || json!(null);
    let parts = |period: Value, intervals: Value| {
        event("e", json!({ "intervalPeriod": period, "intervals": intervals }))
    };
    let own = |from: &str, duration: Value, kw: i64| {
        let mut part = interval(LIMIT, json!(kw));
        part["intervalPeriod"] = json!({ "start": at(from), "duration": duration });
        part
    };
    let hour = json!({ "start": at("10:00"), "duration": "PT1H" });
    let three =
        json!([interval(LIMIT, json!(1)), interval(LIMIT, json!(2)), interval(LIMIT, json!(2))]);
    let mut looped = parts(json!({ "start": at("09:00"), "duration": "PT20M" }), three.clone());
    looped["duration"] = json!("PT150M");
    let now = |duration: &str| json!({ "start": "0001-01-01T00:00:00Z", "duration": duration });
    let one = || json!([interval(LIMIT, json!(5))]);
    for (events, expected) in [
        (vec![], ""),
        (vec![limit("e", "10:00", "PT1H", 17.0, none())], "0..60 17000"),
        (vec![limit("e", "11:00", "PT1H", 17.2504, none())], "60..120 17250"),
        (vec![limit("e", "08:00", "PT1H", 17.0, none())], ""),
        (vec![limit("e", "09:00", "P9999Y", 0.0, none())], "-60..ever 0"),
        // Intervals follow each other; equal neighbours are one.
        (vec![parts(hour.clone(), three)], "0..60 1000, 60..180 2000"),
        // Own times go before common ones, and the next follows them.
        (
            vec![parts(hour, json!([own("12:00", json!("PT30M"), 3), interval(LIMIT, json!(4))]))],
            "120..150 3000, 150..210 4000",
        ),
        // Without a duration until the next begins, and the last for ever.
        (
            vec![parts(none(), json!([own("12:00", none(), 3), own("10:00", json!("PT0S"), 4)]))],
            "0..120 4000, 120..ever 3000",
        ),
        // What says that it has no end goes on beneath a shorter one.
        (
            vec![parts(
                none(),
                json!([own("10:00", json!("P9999Y"), 3), own("11:00", json!("PT1H"), 4)]),
            )],
            "0..ever 3000",
        ),
        // It began when it was said.
        (vec![parts(now("PT1H"), one())], "-30..30 5000"),
        (vec![parts(now("P9999Y"), one())], "-30..ever 5000"),
        // Its three times 20 minutes again and again until 11:30.
        (vec![looped], "0..20 1000, 20..60 2000, 60..80 1000, 80..90 2000"),
    ] {
        check(&events, expected);
    }
}

#[test]
fn of_several_limits_the_one_that_goes_first_holds() {
    let none = || json!(null);
    let one = || json!([interval(LIMIT, json!(5))]);
    for (events, expected) in [
        // The smaller number goes first, whatever it says; none comes last.
        (
            vec![
                limit("a", "10:00", "PT2H", 5.0, none()),
                limit("b", "11:00", "PT2H", 9.0, json!(7)),
            ],
            "0..60 5000, 60..180 9000",
        ),
        (
            vec![
                limit("a", "10:00", "PT2H", 9.0, json!(0)),
                limit("b", "11:00", "PT2H", 5.0, json!(1)),
            ],
            "0..120 9000, 120..180 5000",
        ),
        // Of equal ones the lower.
        (
            vec![
                limit("a", "10:00", "PT2H", 5.0, json!(1)),
                limit("b", "11:00", "PT2H", 9.0, json!(1)),
            ],
            "0..120 5000, 120..180 9000",
        ),
        // The same event on two pages is one; that of another program is none.
        (
            vec![
                limit("a", "10:00", "PT1H", 5.0, none()),
                limit("a", "10:00", "PT2H", 5.0, none()),
            ],
            "0..60 5000",
        ),
        (
            vec![event("a", json!({ "programID": "p2", "intervals": 5 }))],
            "a: invalid type: integer `5`, expected a sequence at line 1 column 89",
        ),
        (vec![event("a", json!({ "programID": "p2", "intervals": one() }))], ""),
    ] {
        check(&events, expected);
    }
}

#[test]
fn what_is_wrong_is_named_and_the_others_go_on() {
    let good = || limit("good", "10:00", "PT1H", 17.0, json!(null));
    let with = |units: &str, event: Value| {
        let mut event = event;
        let kind = event["intervals"][0]["payloads"][0]["type"].clone();
        event["payloadDescriptors"] = json!([{ "payloadType": kind, "units": units }]);
        event
    };
    let said = |value: Value| simple("e", "10:00", "PT1H", LIMIT, value);
    let price = |value: Value| simple("e", "10:00", "PT1H", PRICE, value);
    let mut timeless = said(json!(1));
    timeless["intervalPeriod"] = json!(null);
    let mut unsaid = said(json!(1));
    unsaid["intervalPeriod"]["start"] = json!("0001-01-01");
    unsaid["modificationDateTime"] = json!(null);
    unsaid["createdDateTime"] = json!(null);
    let mut twice = said(json!(1));
    twice["intervals"][0]["payloads"][0]["values"] = json!([1, 2]);
    let mut foreign = price(json!(1));
    foreign["payloadDescriptors"] =
        json!([{ "payloadType": PRICE, "units": "KWH", "currency": "SEK" }]);
    let limit_ = "e: interval 0: IMPORT_CAPACITY_LIMIT:";
    for (bad, expected) in [
        (said(json!(-1)), format!("{limit_} -1000 W is no limit")),
        (said(json!("17")), format!("{limit_} \"17\" is no number that can be")),
        (said(json!(1e30)), format!("{limit_} 1e+30 is no number that can be")),
        (said(json!(null)), format!("{limit_} null is no number that can be")),
        (twice, format!("{limit_} it has 2 values where one is expected")),
        (
            with("KVA", said(json!(1))),
            format!("{limit_} its units are \"KVA\": KW and W are known"),
        ),
        (
            with("MWH", price(json!(1))),
            "e: interval 0: PRICE: its units are \"MWH\": KWH is known".into(),
        ),
        (foreign, "e: interval 0: PRICE: its currency is \"SEK\", the site's is EUR".into()),
        (price(json!(1_000_001)), "e: interval 0: PRICE: 1000001 is no price of a kWh".into()),
        (timeless, "e: interval 0: nothing says when it begins".into()),
        (unsaid, "e: it begins now, and nothing says when that was".into()),
        (
            simple("e", "25:00", "PT1H", LIMIT, json!(1)),
            "e: \"2026-11-29T25:00:00Z\" is not a time as 2026-11-24T07:00:00Z is".into(),
        ),
        (
            simple("e", "10:00", "one", LIMIT, json!(1)),
            "e: interval 0: \"one\" is not a duration as PT15M is".into(),
        ),
        (
            json!("what?"),
            "without an id: invalid type: string \"what?\", expected struct Event".into(),
        ),
    ] {
        let found = shown(&look(&program(json!(null)), &[bad.clone(), good()], ten()));
        let at = found.find(" at line").unwrap_or(found.len());
        assert_eq!(&found[..at], format!("0..60 17000, {expected}"), "{bad}");
    }
    check(
        &[with("kW", said(json!(1))), with("W", limit("w", "11:00", "PT1H", 800.0, json!(null)))],
        "0..60 1000, 60..120 800",
    );
}

#[test]
fn prices_are_exact_and_those_said_last_hold() {
    let price = |id: &str, from: &str, value: Value, said: &str| {
        let mut event = simple(id, from, "PT2H", PRICE, value);
        event["modificationDateTime"] = json!(at(said));
        event
    };
    check(&[price("a", "10:00", json!(0.2534), "09:00")], "0..120 253400");
    check(&[price("a", "10:00", json!(-0.01), "09:00")], "0..120 -10000");
    let (old, new) =
        (price("a", "10:00", json!(0.1), "09:00"), price("b", "11:00", json!(0.2), "09:30"));
    check(&[old.clone(), new.clone()], "0..60 100000, 60..180 200000");
    check(&[new, old], "0..60 100000, 60..180 200000");
    // The program says what its events do not; what is said of reports is something else.
    let of = |kind: &str, currency: &str| {
        let mut descriptor = json!({ "objectType": kind, "payloadType": PRICE });
        descriptor["currency"] = json!(currency);
        descriptor
    };
    let descriptors =
        json!([of("REPORT_PAYLOAD_DESCRIPTOR", "USD"), of("EVENT_PAYLOAD_DESCRIPTOR", "SEK")]);
    let found = look(&program(descriptors), &[price("a", "10:00", json!(0.1), "09:00")], ten());
    assert!(found.prices.is_empty() && found.bad[0].why.contains("SEK"), "{found:?}");
    let mut own = price("a", "10:00", json!(0.1), "09:00");
    own["payloadDescriptors"] = json!([of("EVENT_PAYLOAD_DESCRIPTOR", "EUR")]);
    let found = look(&program(json!([of("EVENT_PAYLOAD_DESCRIPTOR", "SEK")])), &[own], ten());
    assert_eq!(shown(&found), "0..120 100000");
}

#[test]
fn a_random_start_makes_a_limit_end_late_and_never_begin_late() {
    let mut event = limit("e", "10:00", "PT1H", 5.0, json!(null));
    event["intervalPeriod"]["randomizeStart"] = json!("PT20M");
    let mut ends = BTreeSet::new();
    for id in 0..50 {
        event["id"] = json!(format!("e{id}"));
        let found = look(&program(json!(null)), &[event.clone()], ten());
        assert_eq!(
            found,
            look(&program(json!(null)), &[event.clone()], ten().plus(Millis(60_000)))
        );
        let [window] = found.limits.try_into().unwrap();
        assert_eq!(window.from, ten());
        ends.insert(window.until.since(ten()).0 / 60_000);
    }
    let (first, last) = (ends.first().unwrap(), ends.last().unwrap());
    assert!(*first >= 60 && *first < 65 && *last <= 80 && *last > 75, "{ends:?}");
}

#[test]
fn what_is_said_stays_the_same_while_time_passes_and_is_bounded() {
    let period = json!({ "start": at("10:00"), "duration": "PT1M" });
    let many: Vec<_> = (0..4_000).map(|n| interval(LIMIT, json!(n % 2))).collect();
    let long = event("e", json!({ "intervalPeriod": period, "intervals": many }));
    let first = look(&program(json!(null)), std::slice::from_ref(&long), ten());
    assert_eq!(first.limits.len(), MOST);
    let later = ten().plus(Millis(10 * 60_000));
    let second = look(&program(json!(null)), &[long], later);
    assert_eq!(first.limits[10..], second.limits[..MOST - 10]);
    let many: Vec<_> = (0..5_001).map(|n| interval(LIMIT, json!(n % 2))).collect();
    check(
        &[event("e", json!({ "intervalPeriod": period, "intervals": many }))],
        "e: it has 5001 intervals: 5000 are read",
    );
    let mut busy = limit("e", "10:00", "PT1S", 5.0, json!(null));
    busy["duration"] = json!("P9999Y");
    check(&[busy], "e: its intervals repeat too often: 5000 are read");
    let found = look(&program(json!(null)), &[limit("e", "10:00", "PT1H", 5.0, json!(-1))], ten());
    assert!(found.bad[0].why.contains("expected u32"), "{found:?}");
}

#[test]
fn what_nothing_is_made_of_is_named_and_harms_nothing() {
    let mut event = limit("e", "10:00", "PT1H", 5.0, json!(null));
    let more = json!({ "type": "IMPORT_CAPACITY_SUBSCRIPTION", "values": ["any", { "x": 1 }] });
    event["intervals"][0]["payloads"].as_array_mut().unwrap().push(more);
    let odd = self::event("odd", json!({ "intervals": [interval("SIMPLE", json!(1))] }));
    let found = look(&program(json!(null)), &[event, odd], ten());
    assert_eq!(shown(&found), "0..60 5000");
    assert_eq!(
        found.unused.iter().map(String::as_str).collect::<Vec<_>>(),
        ["IMPORT_CAPACITY_SUBSCRIPTION", "SIMPLE"]
    );
}
