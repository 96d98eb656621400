//! What people say over the API of what is to come.

use busbar_charging::fact::station::Dialect;

use super::rig::Rig;

const SITE: &str = r#"{"name":"North","load":{"policy":"laxity",
    "plan":{"off_peak":[{"days":["mon","fri"],"from":"23:00","until":"07:00"}],
        "start_delay_seconds":600},
    "tree":{"circuit":[{"name":"grid","current":"63 A"}],
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
