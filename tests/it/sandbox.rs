//! The plugins that come with the host, as a running host uses them: compiled once, kept by their
//! hash, and asked again years later by `verify`.

use busbar_charging::pricing::cut::cut;
use busbar_charging::pricing::{Activity, Line, MeteredSession};
use busbar_charging::units::{Currency, Energy, Timestamp};
use busbar_sandbox::{Config, FirstParty, Manifest, Plugin, PluginDir, Sandbox};

const START: i64 = 1_762_765_200_000;
const TARIFF: &str = r#"{"id": "T", "currency": "EUR", "elements": [
    {"price_components": [{"type": "ENERGY", "price": 0.49, "vat": 19.0, "step_size": 1}],
     "restrictions": {"start_time": "10:30", "end_time": "20:00"}},
    {"price_components": [{"type": "ENERGY", "price": 0.39, "vat": 19.0, "step_size": 1}]}],
    "last_updated": "2026-01-01T00:00:00Z"}"#;

fn euro() -> Currency {
    Currency::parse("EUR").unwrap()
}

fn session() -> MeteredSession {
    let minute = |n: i64| Timestamp(START + n * 60_000);
    MeteredSession {
        start: minute(0),
        end: minute(60),
        time_zone: "Europe/Berlin".into(),
        energy: (0..=4).map(|n| (minute(n * 15), Energy(n * 5_500_000))).collect(),
        activities: vec![(minute(0), Activity::Charging)],
        power: Vec::new(),
        current: Vec::new(),
        complete: true,
        attributes: Vec::new(),
    }
}

fn price(plugin: &Plugin) -> Vec<Line> {
    plugin.price_metered(TARIFF, euro(), &session()).unwrap().lines
}

#[test]
fn kept_bytes_price_the_same_input_alike_after_a_start() {
    let data = tempfile::tempdir().unwrap();
    let embedded = FirstParty::find("pricing-ocpi").unwrap();
    let open = || {
        let cache_dir = Some(data.path().join("compiled"));
        Sandbox::new(Config { cache_dir, ..Config::default() }).unwrap()
    };
    let plugins = PluginDir::open(&data.path().join("plugins")).unwrap();
    let hash = plugins.put(embedded.bytes, embedded.manifest_toml).unwrap();
    let plugin = open().load(embedded.bytes, &embedded.manifest().unwrap()).unwrap();
    assert_eq!(plugin.hash(), hash);
    let first = price(&plugin);
    drop(plugin);

    let kept = plugins.get(hash).unwrap().unwrap();
    let manifest = Manifest::parse(&kept.manifest).unwrap();
    let again = open().load(&kept.bytes, &manifest).unwrap();
    assert_eq!(price(&again), first);
    // One hour of 22 kWh from 10:00, at 0.39 until 10:30 and 0.49 after.
    let amounts: Vec<i64> = first.iter().map(|line| line.amount.0).collect();
    assert_eq!(amounts, [4_290_000, 5_390_000]);
}

#[test]
fn calls_of_many_threads_answer_alike() {
    let embedded = FirstParty::find("pricing-ocpi").unwrap();
    let sandbox = Sandbox::new(Config::default()).unwrap();
    let plugin = sandbox.load(embedded.bytes, &embedded.manifest().unwrap()).unwrap();
    let prepared = plugin.prepare(TARIFF, euro()).unwrap();
    let session = cut(&session(), &prepared.tariff.boundaries).unwrap();
    let expected = plugin.price(&prepared.compiled, &session).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(plugin.price(&prepared.compiled, &session).unwrap(), expected);
                }
            });
        }
    });
}
