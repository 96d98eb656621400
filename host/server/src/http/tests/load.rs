//! A site's load over the API.

use busbar_charging::fact::station::Dialect;

use super::rig::Rig;

const SITE: &str = r#"{"name":"North","load":{"tree":{
    "circuit":[{"name":"grid","current":"63 A","meter":"M1","external":[{"source":"dso"}]}],
    "evse":[{"evse":"CS1/1","circuit":"grid","max":"32 A","fallback":"6 A"}]}}}"#;

#[tokio::test]
async fn who_may_draw_what_and_what_outsiders_say() {
    let rig = Rig::ready(Dialect::V201).await;
    let load = "/api/v1/sites/north/load";
    assert_eq!(rig.get(load).await.problem(), "not-found");
    assert_eq!(rig.put("/api/v1/sites/north", r#"{"name":"North"}"#).await.status, 201);
    let uncontrolled = rig.get(load).await;
    assert_eq!(uncontrolled.problem(), "not-found");
    assert!(uncontrolled.text.contains("not controlled"), "{}", uncontrolled.text);
    assert_eq!(rig.put("/api/v1/sites/north", SITE).await.status, 200);
    let read = rig.get(load).await.json;
    assert_eq!(read["configuration"]["tree"]["circuit"][0]["name"], "grid", "{read}");
    let evse = &read["evses"][0];
    assert_eq!((&evse["evse"], evse.get("limit_a")), (&"CS1/1".into(), Some(&().into())), "{read}");

    let limits = "/api/v1/sites/north/load/limits/dso";
    let far = r#"{"circuit":"grid","limits":[{"until":"2099-01-01T00:00:00Z","current":"40 A"},
        {"from":"2099-01-01T00:00:00Z","power":"11 kW"}]}"#;
    assert_eq!(rig.put(limits, far).await.status, 204);
    assert_eq!(rig.put(limits, r#"{"circuit":"grid"}"#).await.status, 204, "it is still there");
    assert_eq!(rig.put(limits, r#"{"circuit":"attic"}"#).await.problem(), "not-found");
    assert_eq!(
        rig.put("/api/v1/sites/north/load/limits/me", r#"{"circuit":"grid"}"#).await.problem(),
        "not-found"
    );
    for wrong in [
        r#"{"circuit":"grid","limits":[{"current":"-1 A"}]}"#,
        r#"{"circuit":"grid","limits":[{"current":"NaN"}]}"#,
        r#"{"circuit":"grid","limits":[{}]}"#,
        r#"{"circuit":"grid","limits":[{"until":"2001-01-01T00:00:00Z","current":"40 A"}]}"#,
        r#"{"circuit":"grid","limits":[{"current":"40 V"}]}"#,
    ] {
        let answer = rig.put(limits, wrong).await;
        assert_eq!(answer.problem(), "invalid-body", "{wrong}: {}", answer.text);
    }

    let meter = "/api/v1/sites/north/load/meters/M1";
    assert_eq!(rig.put(meter, r#"{"current":["10 A","-2.5 A","0 A"]}"#).await.status, 204);
    assert_eq!(rig.put(meter, r#"{"current":"1e9 A"}"#).await.problem(), "invalid-body");
    let unknown = "/api/v1/sites/north/load/meters/M2";
    assert_eq!(rig.put(unknown, r#"{"current":"10 A"}"#).await.problem(), "not-found");
}
