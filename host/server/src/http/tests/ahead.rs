//! What people say over the API of what is to come.

use busbar_charging::fact::station::Dialect;
use busbar_charging::units::{Current, Millis};

use super::rig::Rig;

const SITE: &str = r#"{"name":"North","load":{"policy":"laxity",
    "plan":{"off_peak":[{"days":["mon","fri"],"from":"23:00","until":"07:00"}],
        "start_delay_seconds":600},
    "tree":{"circuit":[{"name":"grid","current":"63 A","meter":"M1"}],
        "battery":[{"name":"cellar","circuit":"grid","capacity_wh":9000,"charge":"3 kW",
            "discharge":"3 kW"}],
        "evse":[{"evse":"CS1/1","circuit":"grid","max":"32 A","fallback":"6 A"}]}}}"#;

#[tokio::test]
async fn prices_forecasts_and_wishes_are_taken_or_refused_by_name() {
    let rig = Rig::ready(Dialect::V201).await;
    let prices = "/api/v1/sites/north/load/prices";
    assert_eq!(rig.put(prices, r#"{"slots":[]}"#).await.problem(), "not-found");
    let wrong = SITE.replace("600", "6000");
    assert_eq!(rig.put("/api/v1/sites/north", &wrong).await.problem(), "invalid-body");
    let wrong = SITE.replace("23:00", "25:00");
    assert_eq!(rig.put("/api/v1/sites/north", &wrong).await.problem(), "invalid-body");
    assert_eq!(rig.put("/api/v1/sites/north", SITE).await.status, 201);

    let hour = |n: u32| {
        let (from, until) = (n, n + 1);
        format!(r#""from":"2099-01-01T{from:02}:00:00Z","until":"2099-01-01T{until:02}:00:00Z""#)
    };
    let slots = |one: String, other: String| format!(r#"{{"slots":[{{{one}}},{{{other}}}]}}"#);
    let price = |n, per_kwh: &str| format!(r#"{},"per_kwh":"{per_kwh}""#, hour(n));
    let fine = slots(price(1, "0.2534"), price(2, "-0.01"));
    assert_eq!(rig.put(prices, &fine).await.status, 204);
    assert_eq!(rig.put(prices, r#"{"slots":[]}"#).await.status, 204, "nobody knows any more");
    for (wrong, word) in [
        (slots(price(1, "1"), price(1, "1")), "slot 2"),
        (slots(price(1, "1"), price(2, "NaN")), "slots[1].per_kwh"),
        (slots(price(1, "99999999"), price(2, "1")), "is none"),
    ] {
        let answer = rig.put(prices, &wrong).await;
        assert_eq!(answer.problem(), "invalid-body", "{wrong}: {}", answer.text);
        assert!(answer.text.contains(word), "{word}: {}", answer.text);
    }

    let forecast = "/api/v1/sites/north/load/forecast";
    let power = |n, power: &str| format!(r#"{},"power":"{power}""#, hour(n));
    let fine = slots(power(1, "12.5 kW"), power(2, "0 kW"));
    assert_eq!(rig.put(forecast, &fine).await.status, 204);
    let negative = slots(power(1, "-1 kW"), power(2, "0 kW"));
    assert_eq!(rig.put(forecast, &negative).await.problem(), "invalid-body");

    let wish = "/api/v1/sites/north/load/wishes/CS1/1";
    let nobody = rig.put(wish, r#"{"energy_wh":20000}"#).await;
    assert_eq!(nobody.problem(), "conflict", "{}", nobody.text);
    let unknown = "/api/v1/sites/north/load/wishes/CS1/7";
    assert_eq!(rig.put(unknown, r#"{"energy_wh":20000}"#).await.problem(), "not-found");
    assert_eq!(rig.put(wish, r#"{"energy":"all"}"#).await.problem(), "invalid-body");
}

#[tokio::test]
async fn a_battery_is_told_of_and_shown_with_what_it_is_to_do() {
    let rig = Rig::ready(Dialect::V201).await;
    let (site, load) = ("/api/v1/sites/north", "/api/v1/sites/north/load");
    let wrong = SITE.replace("\"charge\":\"3 kW\"", "\"charge\":\"-3 kW\"");
    let answer = rig.put(site, &wrong).await;
    assert!(answer.text.contains("charge of -3 kW"), "{}", answer.text);
    assert_eq!(rig.put(site, SITE).await.status, 201);
    let batteries = |name: &str| format!("{load}/batteries/{name}");
    let fine = r#"{"state_of_charge_percent":57.5,"power":"-1.2 kW"}"#;
    assert_eq!(rig.put(&batteries("attic"), fine).await.problem(), "not-found");
    for wrong in ["100.1", "-1", "57.55", "\"half\""] {
        let wrong = fine.replace("57.5", wrong);
        assert_eq!(rig.put(&batteries("cellar"), &wrong).await.problem(), "invalid-body");
    }
    let answer = rig.put(&batteries("cellar"), fine).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    let shown = rig.get(load).await.json;
    let battery = &shown["batteries"][0];
    assert_eq!(battery["battery"], "cellar");
    assert_eq!(battery["state_of_charge_percent"], 57.5);
    assert_eq!(battery["power_w"], -1_200);
    assert_eq!(battery["stale"], false);
    assert_eq!(shown["configuration"]["tree"]["battery"][0]["capacity_wh"], 9_000);
}

#[tokio::test]
async fn what_is_planned_is_shown_for_all_and_for_each_car() {
    let rig = Rig::ready(Dialect::V201).await;
    let load = "/api/v1/sites/north/load";
    assert_eq!(rig.put("/api/v1/sites/north", &SITE.replace("600", "0")).await.status, 201);
    let placed = rig.put("/api/v1/stations/CS1/site", r#"{"site_id":"north"}"#).await;
    assert_eq!(placed.status, 201, "{}", placed.text);
    rig.takes_all();
    rig.world.connect("CS1", Dialect::V201);
    let meter = r#"{"current":["10 A","10 A","10 A"]}"#;
    let path = format!("{load}/meters/M1");
    let reads = || rig.put(&path, meter);
    reads().await;
    rig.world.pass(20);
    rig.world.draw("CS1", "T1", 0, Current(6_000));
    let hours = |hours: i64| rig.world.now().plus(Millis::from_secs(3_600 * hours));
    let slot = |from, until, price: &str| {
        format!(r#"{{"from":"{}","until":"{}","per_kwh":"{price}"}}"#, hours(from), hours(until))
    };
    let slots = [slot(0, 4, "0.40"), slot(4, 10, "0.10")].join(",");
    let put = rig.put(&format!("{load}/prices"), &format!(r#"{{"slots":[{slots}]}}"#)).await;
    assert_eq!(put.status, 204, "{}", put.text);
    let departure = hours(10).to_string();
    let wish = |most: &str| {
        format!(r#"{{"energy_wh":10000,"departure":"{departure}","max_current":"{most}"}}"#)
    };
    let path_of_wish = format!("{load}/wishes/CS1/1");
    for wrong in ["16", "11 kW", "5 A", "-16 A", "all"] {
        let answer = rig.put(&path_of_wish, &wish(wrong)).await;
        assert_eq!(answer.problem(), "invalid-body", "{wrong}: {}", answer.text);
        assert!(answer.text.contains("max_current"), "{wrong}: {}", answer.text);
    }
    let put = rig.put(&path_of_wish, &wish("16 A")).await;
    assert_eq!(put.status, 204, "{}", put.text);
    let slot = format!(r#"{{"from":"{}","until":"{}","power":"2 kW"}}"#, hours(20), hours(21));
    let put = rig.put(&format!("{load}/forecast"), &format!(r#"{{"slots":[{slot}]}}"#)).await;
    assert_eq!(put.status, 204, "{}", put.text);
    for _ in 0..11 {
        rig.world.pass(30);
        // Where nobody knows what is left of a line, nobody waits for a price.
        reads().await;
    }

    let shown = rig.get(load).await.json;
    let power: Vec<_> =
        shown["plan"].as_array().unwrap().iter().map(|run| &run["power_w"]).collect();
    assert_eq!(power[0], 0, "the dear hours are left out: {shown}");
    assert!(power.iter().any(|power| power.as_f64().unwrap() > 1_000.0), "{power:?}");
    let own = shown["evses"][0]["plan"].as_array().unwrap();
    assert_eq!(own[0]["at_most_a"], 0, "{own:?}");
    assert!(own.iter().any(|run| run["at_most_a"] != 0), "{own:?}");
    assert_eq!(shown["prices"][1]["per_kwh"], "0.1");
    assert_eq!(shown["forecast"][0]["power_w"], 2_000);
    let evse = &shown["evses"][0];
    assert!(evse["wants_wh"].as_f64().is_some_and(|left| left > 0.0 && left <= 10_000.0), "{evse}");
    assert_eq!(evse["departs_at"], departure);
    assert_eq!(evse["reason"], "0 A: as planned");
}
