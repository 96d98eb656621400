//! How long a price takes, in a fresh instance of the compiled plugin for each call, beside the
//! same code run natively, and how long a load: `cargo bench -p busbar-tests`.

use std::hint::black_box;
use std::time::Instant;

use busbar_charging::pricing::cut::cut;
use busbar_charging::pricing::{Activity, CutSession, MeteredSession};
use busbar_charging::units::{Currency, Energy, Timestamp};
use busbar_sandbox::{Config, FirstParty, Manifest, Plugin, Sandbox};
use busbar_sdk::{Configuration, Period, Pricing, Session};
use criterion::Criterion;
use pricing_ocpi::OcpiPricing;

const START: i64 = 1_762_765_200_000;
const TARIFF: &str = r#"{"id": "T", "currency": "EUR", "elements": [
    {"price_components": [{"type": "ENERGY", "price": 0.49, "vat": 19.0, "step_size": 1},
                          {"type": "TIME", "price": 0.6, "vat": 19.0, "step_size": 60}],
     "restrictions": {"start_time": "08:00", "end_time": "20:00"}},
    {"price_components": [{"type": "FLAT", "price": 0.5, "vat": 19.0, "step_size": 1},
                          {"type": "ENERGY", "price": 0.39, "vat": 19.0, "step_size": 1},
                          {"type": "PARKING_TIME", "price": 6.0, "vat": 19.0, "step_size": 60}]}],
    "last_updated": "2026-01-01T00:00:00Z"}"#;

fn metered(readings: i64) -> MeteredSession {
    let reading = |n: i64| Timestamp(START + n * 60_000);
    MeteredSession {
        start: reading(0),
        end: reading(readings),
        time_zone: "Europe/Berlin".into(),
        energy: (0..=readings).map(|n| (reading(n), Energy(n * 180_000))).collect(),
        activities: vec![(reading(0), Activity::Charging)],
        power: Vec::new(),
        current: Vec::new(),
        complete: true,
        attributes: Vec::new(),
    }
}

fn open(cache: Option<&std::path::Path>) -> Sandbox {
    let config = Config { cache_dir: cache.map(Into::into), ..Config::default() };
    Sandbox::new(config).unwrap_or_else(|error| panic!("{error}"))
}

fn load(sandbox: &Sandbox, bytes: &[u8], manifest: &Manifest) -> Plugin {
    sandbox.load(bytes, manifest).unwrap_or_else(|error| panic!("{error}"))
}

fn pricing(criterion: &mut Criterion) {
    let Some(embedded) = FirstParty::find("pricing-ocpi") else { panic!("it is embedded") };
    let manifest = embedded.manifest().unwrap_or_else(|error| panic!("{error}"));
    let Some(euro) = Currency::parse("EUR") else { panic!("a currency") };
    let plugin = load(&open(None), embedded.bytes, &manifest);
    let prepared = plugin.prepare(TARIFF, euro).unwrap_or_else(|error| panic!("{error:?}"));
    for periods in [4, 96] {
        let metered = metered(periods);
        let session = match cut(&metered, &prepared.tariff.boundaries) {
            Ok(session) => session,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(session.periods.len() as i64, periods);
        let fresh =
            median_us(criterion, &format!("price, fresh instance, {periods} periods"), || {
                plugin.price(black_box(&prepared.compiled), black_box(&session)).is_ok()
            });
        let (compiled, of_guest) = (compiled_natively(), native(&session));
        let here = OcpiPricing::price(&compiled, &of_guest).map(|lines| lines.len());
        let there = plugin.price(&prepared.compiled, &session).map(|lines| lines.len());
        assert!(here.is_ok_and(|here| Ok(here) == there), "both price");
        let native = median_us(criterion, &format!("price, natively, {periods} periods"), || {
            OcpiPricing::price(black_box(&compiled), black_box(&of_guest)).is_ok()
        });
        if let (Some(fresh), Some(native)) = (fresh, native) {
            let ratio = fresh / native;
            println!(
                "{periods} periods: fresh instance {fresh:.1} µs, natively {native:.1} µs, \
                 ratio {ratio:.1}\n"
            );
        }
        criterion.bench_function(&format!("cut, {periods} periods"), |bench| {
            bench.iter(|| cut(black_box(&metered), &prepared.tariff.boundaries).is_ok());
        });
    }
}

/// Benches a call, and gives the median of its samples; none when a filter leaves it out.
fn median_us(criterion: &mut Criterion, name: &str, call: impl Fn() -> bool) -> Option<f64> {
    let mut samples = Vec::new();
    criterion.bench_function(name, |bench| {
        bench.iter_custom(|times| {
            let began = Instant::now();
            for _ in 0..times {
                black_box(call());
            }
            let took = began.elapsed();
            samples.push(took.as_secs_f64() * 1e6 / times as f64);
            took
        });
    });
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}

fn compiled_natively() -> Vec<u8> {
    let config = Configuration { text: TARIFF.to_owned(), currency: "EUR".to_owned() };
    match OcpiPricing::prepare(&config) {
        Ok(prepared) => prepared.compiled,
        Err(error) => panic!("{error:?}"),
    }
}

/// The session as the guest gets it.
fn native(session: &CutSession) -> Session {
    let period = |period: &busbar_charging::pricing::Period| Period {
        start: period.start.0,
        end: period.end.0,
        utc_offset: period.utc_offset,
        activity: busbar_sdk::Activity::Charging,
        energy: period.energy.0 as u64,
        min_power: None,
        max_power: None,
        min_current: None,
        max_current: None,
    };
    Session {
        start: session.start.0,
        end: session.end.0,
        periods: session.periods.iter().map(period).collect(),
        complete: session.complete,
        attributes: Vec::new(),
    }
}

fn loading(criterion: &mut Criterion) {
    let Some(embedded) = FirstParty::find("pricing-ocpi") else { panic!("it is embedded") };
    let manifest = embedded.manifest().unwrap_or_else(|error| panic!("{error}"));
    let sandbox = open(None);
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    group.bench_function("compiled anew", |bench| {
        bench.iter(|| load(&sandbox, embedded.bytes, &manifest));
    });
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let cached = open(Some(folder.path()));
    load(&cached, embedded.bytes, &manifest);
    group.bench_function("from the cache", |bench| {
        bench.iter(|| load(&cached, embedded.bytes, &manifest));
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    pricing(&mut criterion);
    loading(&mut criterion);
    criterion.final_summary();
}
