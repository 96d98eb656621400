//! Owns the tree of a site that is not built for load control: stations as they happen to be, of
//! whose models nothing is known, at whichever site they are.
//! Must never be too narrow for the stations' fallbacks.

use busbar_charging::fact::site::{Blob, LoadBody};
use busbar_charging::load::config::Config;
use busbar_sim::car::Supply;
use busbar_sim::rng::Rng;
use busbar_sim::spec::Spec;
use serde_json::json;

/// The least and the fallback of alternating current; direct current falls back to nothing.
const LEAST_MA: i64 = 6_000;

/// In three of ten seeds, a tree with all these stations.
pub(in crate::simulation) fn tree<'a>(
    seed: u64,
    specs: impl Iterator<Item = &'a Spec>,
) -> Option<LoadBody> {
    let mut rng = Rng::part(seed, "tree");
    if !rng.chance(300) {
        return None;
    }
    let mut limit_ma = 0;
    let mut points = Vec::new();
    for spec in specs {
        for (evse, supply) in (1..).zip(&spec.evses) {
            let phases = *rng.pick(&["L1 L2 L3", "L2 L3 L1", "L3 L1 L2"]).expect("there are some");
            let mut point = json!({
                "evse": format!("{}/{evse}", spec.identity),
                "circuit": "grid",
                "phases": phases,
            });
            match supply {
                Supply::Ac { max_ma, .. } => {
                    point["max"] = format!("{max_ma} mA").into();
                    point["fallback"] = format!("{LEAST_MA} mA").into();
                    limit_ma += LEAST_MA + rng.between(0, 12_000);
                }
                Supply::Dc { max_w } => {
                    point["supply"] = "dc".into();
                    point["max"] = format!("{max_w} W").into();
                    point["fallback"] = "0 W".into();
                    limit_ma += rng.between(20_000, 250_000);
                }
            }
            points.push(point);
        }
    }
    let grid = json!({ "name": "grid", "current": format!("{limit_ma} mA") });
    let all = json!({ "tree": { "voltage": 230, "circuit": [grid], "evse": points } });
    let config: Config = serde_json::from_value(all).expect("a configuration");
    config.compile().expect("a sound tree");
    let (version, body) = config.store();
    Some(LoadBody { version, body: Blob(body) })
}
