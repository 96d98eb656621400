//! What our own plugins are given: any configuration, through the sandbox. It is refused with a
//! place, or prices a session by lines that the host can add up. A trap, an endless loop, an
//! answer that breaks the contract: each is a defect of the plugin. The input is the name of a
//! plugin, a line break, and a configuration. Must never bear what a driver would pay.

use std::sync::LazyLock;

use busbar_charging::pricing::bill::add_up;
use busbar_charging::pricing::{Activity, MeteredSession, PriceError};
use busbar_charging::units::{Currency, Current, Energy, Power, Timestamp};
use busbar_sandbox::{Config, FirstParty, Plugin, Sandbox, first_party};

/// Prepares and prices.
pub fn check(data: &[u8]) {
    static PLUGINS: LazyLock<Vec<Plugin>> = LazyLock::new(load);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((name, configuration)) = text.split_once('\n') else { return };
    let Some(plugin) = PLUGINS.iter().find(|plugin| plugin.manifest().name == name) else {
        return;
    };
    let euro = Currency::parse("EUR").expect("a currency");
    let prepared = match plugin.prepare(configuration, euro) {
        Ok(prepared) => prepared,
        Err(PriceError::InvalidConfiguration { at, message }) => {
            assert!(at.is_empty() || at.starts_with('/'), "no pointer: {at:?}");
            assert!(!message.is_empty(), "no words");
            return;
        }
        Err(error) => panic!("prepare of {name}: {error:?}"),
    };
    for session in [session(true), session(false)] {
        match plugin.price_metered(configuration, euro, &session) {
            Ok(priced) => {
                let again = plugin.price(&prepared.compiled, &priced.session);
                assert_eq!(again.as_ref(), Ok(&priced.lines), "the same session, another price");
                let added = add_up(&priced.lines, euro, prepared.tariff.negative_prices);
                if let Err(PriceError::Misbehaved(why)) = added {
                    // No bill is that large; the plugin need not know.
                    assert!(why.contains("beyond ten million"), "{name}: {why}");
                }
            }
            // More boundaries in a session than the host cuts.
            Err(PriceError::NotApplicable(_) | PriceError::InvalidSession { .. }) => {}
            Err(error) => panic!("price of {name}: {error:?}"),
        }
    }
}

/// An evening over midnight: charging, then full, then idle.
fn session(complete: bool) -> MeteredSession {
    let start = 1_790_881_200_000_i64;
    let minute = |minutes: i64| Timestamp(start + minutes * 60_000);
    MeteredSession {
        start: minute(0),
        end: minute(420),
        time_zone: "Europe/Amsterdam".into(),
        energy: vec![
            (minute(0), Energy(0)),
            (minute(90), Energy(16_500_123)),
            (minute(240), Energy(22_000_000)),
        ],
        activities: vec![
            (minute(-1), Activity::Charging),
            (minute(240), Activity::PausedByCar),
            (minute(330), Activity::Idle),
        ],
        power: vec![(minute(1), Power(11_000)), (minute(90), Power(3_700))],
        current: vec![(minute(1), Current(48_000)), (minute(90), Current(16_000))],
        complete,
        attributes: Vec::new(),
    }
}

fn load() -> Vec<Plugin> {
    let sandbox = Sandbox::new(Config::default()).expect("a sandbox");
    let plugin = |found: &FirstParty| {
        let manifest = found.manifest().expect("a manifest");
        sandbox.load(found.bytes, &manifest).expect("a plugin that loads")
    };
    first_party().iter().map(plugin).collect()
}
