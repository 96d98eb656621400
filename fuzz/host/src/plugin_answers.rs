//! What a plugin answers, as the bytes in its memory: through the sandbox, the conversion and the
//! host's checks. The input is the answer, which the guest puts at address 16384 and returns as
//! the record that the contract wants: of `prepare` where the first byte is `p`, else of `price`.
//! Whatever it is, it is refused in words or a bill that adds up. Must never trust the guest.

use std::sync::LazyLock;

use busbar_charging::pricing::bill::add_up;
use busbar_charging::pricing::cut::{check_boundaries, cut};
use busbar_charging::pricing::{Activity, CutSession, MeteredSession, Period, PriceError};
use busbar_charging::units::{Currency, Energy, Timestamp};
use busbar_sandbox::{Config, Manifest, Plugin, Sandbox};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Both functions put their bytes at 16384 and answer with that address. A configuration is text,
/// so `prepare` takes two letters for a byte: `a` is 0, `p` is 15.
const GUEST: &str = r#"(module
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 98304))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func $nibble (param $at i32) (result i32)
        (i32.and (i32.sub (i32.load8_u (local.get $at)) (i32.const 97)) (i32.const 15)))
    (func (export "prepare") (param $from i32) (param $length i32) (param i32 i32) (result i32)
        (local $done i32)
        (block $end (loop $more
            (br_if $end (i32.ge_u (i32.shl (local.get $done) (i32.const 1)) (local.get $length)))
            (i32.store8 (i32.add (i32.const 16384) (local.get $done))
                (i32.or
                    (i32.shl (call $nibble (local.get $from)) (i32.const 4))
                    (call $nibble (i32.add (local.get $from) (i32.const 1)))))
            (local.set $from (i32.add (local.get $from) (i32.const 2)))
            (local.set $done (i32.add (local.get $done) (i32.const 1)))
            (br $more)))
        (i32.const 16384))
    (func (export "price") (param $from i32) (param $length i32)
        (param i64 i64 i32 i32 i32 i32 i32) (result i32)
        (memory.copy (i32.const 16384) (local.get $from) (local.get $length))
        (i32.const 16384)))"#;

/// Most bytes of an answer: what lies between its place and the guest's inputs, twice over for the
/// letters.
const MOST: usize = 32 << 10;

/// Lets the guest answer.
pub fn check(data: &[u8]) {
    static PLUGIN: LazyLock<Plugin> = LazyLock::new(guest);
    let Some((first, answer)) = data.split_first() else { return };
    let answer = &answer[..answer.len().min(MOST)];
    if *first == b'p' { prepared(&PLUGIN, answer) } else { priced(&PLUGIN, answer) }
}

fn prepared(plugin: &Plugin, answer: &[u8]) {
    let letter = |nibble: u8| char::from(b'a' + nibble);
    let text: String =
        answer.iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect();
    match plugin.prepare(&text, euro()) {
        Ok(prepared) => {
            let boundaries = &prepared.tariff.boundaries;
            assert_eq!(check_boundaries(boundaries), Ok(()), "accepted, and cannot be cut at");
            let metered = MeteredSession {
                start: Timestamp(1_760_000_000_000),
                end: Timestamp(1_760_003_600_000),
                time_zone: "Europe/Berlin".into(),
                energy: vec![(Timestamp(1_760_003_600_000), Energy(11_000_000))],
                activities: vec![(Timestamp(0), Activity::Charging)],
                power: Vec::new(),
                current: Vec::new(),
                complete: true,
                attributes: Vec::new(),
            };
            let cut = cut(&metered, boundaries).expect("an hour is cut at what exists");
            assert_eq!(cut.periods.iter().map(|period| period.energy.0).sum::<i64>(), 11_000_000);
        }
        Err(error) => is_told(&error, "prepare"),
    }
}

fn priced(plugin: &Plugin, answer: &[u8]) {
    match plugin.price(answer, &session()) {
        Ok(lines) => match add_up(&lines, euro(), false) {
            Ok(totals) => assert!(totals.excl_tax.0 >= 0 && totals.incl_tax.0 >= 0),
            Err(PriceError::Misbehaved(why)) => assert!(!why.is_empty()),
            Err(other) => panic!("lines are the plugin's, and it was told {other:?}"),
        },
        Err(error) => is_told(&error, "price"),
    }
}

/// The plugin's own words are cut to a length; what the host says names plugin and function.
fn is_told(error: &PriceError, function: &str) {
    if let PriceError::Misbehaved(why) = error {
        assert!(why.starts_with(&format!("plugin guest 1.0.0, {function}: ")), "{why}");
    }
    let words = match error {
        PriceError::InvalidConfiguration { at, message }
        | PriceError::InvalidSession { at, message } => [at.as_str(), message.as_str()],
        PriceError::NotApplicable(why)
        | PriceError::Internal(why)
        | PriceError::Misbehaved(why) => [why.as_str(), ""],
    };
    for words in words {
        assert!(words.chars().count() < 2_000, "a plugin's words fill the log");
    }
}

fn euro() -> Currency {
    Currency::parse("EUR").expect("a currency")
}

fn session() -> CutSession {
    let (start, end) = (Timestamp(1_760_000_000_000), Timestamp(1_760_000_060_000));
    let period = Period {
        start,
        end,
        utc_offset: 120,
        activity: Activity::Charging,
        energy: Energy(500_000),
        min_power: None,
        max_power: None,
        min_current: None,
        max_current: None,
    };
    CutSession { start, end, periods: vec![period], complete: true, attributes: Vec::new() }
}

fn guest() -> Plugin {
    let mut resolve = Resolve::default();
    resolve
        .push_str("pricing.wit", include_str!("../../../wit/v0.1/pricing/pricing.wit"))
        .expect("the contract");
    let world = "package test:guest; world test { include busbar:pricing/pricing@0.1.0; }";
    let package = resolve.push_str("test.wit", world).expect("a world");
    let world = resolve.select_world(&[package], Some("test")).expect("the world");
    let mut module = wat::parse_str(GUEST).expect("a module");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("its types");
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).expect("a module with its types");
    let component = encoder.encode().expect("a component");
    let manifest = "name = \"guest\"\nversion = \"1.0.0\"\nworld = \"pricing\"\nwit = \"0.1\"\n";
    let manifest = Manifest::parse(manifest).expect("a manifest");
    let sandbox = Sandbox::new(Config::default()).expect("a sandbox");
    sandbox.load(&component, &manifest).expect("a plugin")
}
