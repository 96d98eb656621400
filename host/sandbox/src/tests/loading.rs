//! What is refused before it runs.

use super::guest::{Guest, encode};
use super::*;
use crate::{FirstParty, LoadError, LoadFault};

fn refused(bytes: &[u8]) -> LoadError {
    match sandbox().load(bytes, &manifest("guest")) {
        Ok(_) => panic!("it loads"),
        Err(error) => error,
    }
}

const EXPORTS: &str = r#"(memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
    (func (export "prepare") (param i32 i32 i32 i32) (result i32) i32.const 1024)
    (func (export "price") (param i32 i32 i64 i64 i32 i32 i32 i32 i32) (result i32)
        i32.const 1024)"#;

#[test]
fn an_import_is_refused_by_its_name() {
    let world = "interface clock { now: func() -> u64; }
        world test { include busbar:pricing/pricing@0.1.0; import clock; import log: func(); }";
    let module = |import: &str| format!("(module (import {import}) {EXPORTS})");
    let clock = encode(&module(r#""test:guest/clock" "now" (func (result i64))"#), world);
    let error = refused(&clock);
    assert_eq!(error.fault, LoadFault::Import("test:guest/clock".into()));
    let words = error.to_string();
    assert_eq!(
        words,
        r#"plugin guest: it imports "test:guest/clock", which its world does not give"#
    );
    let log = encode(&module(r#""$root" "log" (func)"#), world);
    assert_eq!(refused(&log).fault, LoadFault::Import("log".into()));
}

#[test]
fn another_world_is_refused() {
    let world = "world test { export greet: func(); }";
    let error = refused(&encode(r#"(module (func (export "greet")))"#, world));
    let LoadFault::Export(words) = &error.fault else { panic!("{error}") };
    assert!(words.contains("prepare"), "{words}");
}

#[test]
fn the_right_names_with_foreign_types_are_refused() {
    let world = "world test { export prepare: func(a: u32) -> u32; export price: func() -> u32; }";
    let module = r#"(module (func (export "prepare") (param i32) (result i32) i32.const 0)
        (func (export "price") (result i32) i32.const 0))"#;
    let error = refused(&encode(module, world));
    let LoadFault::Export(words) = &error.fault else { panic!("{error}") };
    assert!(words.contains("prepare"), "{words}");
}

#[test]
fn what_is_not_a_component_is_refused() {
    let core = wat::parse_str("(module)").unwrap();
    for bytes in [&b""[..], b"(component)", b"\0asm", &core, &[0xFF; 1000]] {
        let error = refused(bytes);
        assert!(matches!(error.fault, LoadFault::NotAComponent(_)), "{error}");
    }
    let mut cut_off = Guest::default().component();
    cut_off.truncate(cut_off.len() / 2);
    assert!(matches!(refused(&cut_off).fault, LoadFault::NotAComponent(_)));
    let limits = Limits { component_bytes: 100, ..Limits::default() };
    let error = with_limits(limits).load(&[0; 101], &manifest("guest")).err().unwrap();
    assert!(matches!(error.fault, LoadFault::TooLarge(_)), "{error}");
}

#[test]
fn damaged_components_are_refused_or_contained() {
    let sandbox = sandbox();
    let whole = Guest::default().component();
    let mut refused = 0;
    for at in (0..whole.len()).step_by(7) {
        for bit in [0x01, 0x80] {
            let mut damaged = whole.clone();
            damaged[at] ^= bit;
            match sandbox.load(&damaged, &manifest("guest")) {
                Ok(plugin) => drop(plugin.price(&[], &session(4))),
                Err(error) => {
                    assert!(error.to_string().starts_with("plugin guest: "), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(load(&sandbox, &whole).price(&[], &session(4)), Ok(vec![]));
}

#[test]
fn a_start_function_has_the_limits_of_a_call() {
    for (body, word) in [
        ("(loop $again (br $again))", "ran out of fuel"),
        ("unreachable", "trap: unreachable"),
        ("(drop (memory.grow (i32.const 60000)))", "grow"),
    ] {
        let items = format!("(func $start {body}) (start $start)");
        let error = refused(&Guest { items: &items, ..Guest::default() }.component());
        let LoadFault::Start(words) = &error.fault else { panic!("{error}") };
        assert!(words.contains(word), "{words}");
    }
    let error = refused(&Guest { pages: 20_000, ..Guest::default() }.component());
    assert!(error.to_string().contains("memory"), "{error}");
}

#[test]
fn a_contract_that_this_host_does_not_speak_is_named() {
    for (world, wit) in [("pricing", "0.2"), ("energy", "0.1")] {
        let manifest = Manifest { world: world.into(), wit: wit.into(), ..manifest("guest") };
        let error = sandbox().load(&Guest::default().component(), &manifest).err().unwrap();
        let words = error.to_string();
        assert!(matches!(error.fault, LoadFault::UnknownContract(_)), "{words}");
        assert!(words.contains(wit) && words.contains("it speaks pricing 0.1"), "{words}");
    }
}

#[test]
fn a_manifest_says_what_is_wrong_with_it() {
    let good = "name = \"a\"\nversion = \"1\"\nworld = \"pricing\"\nwit = \"0.1\"\n";
    assert!(Manifest::parse(good).is_ok());
    for (bad, word) in [
        (good.replace("wit", "vit"), "vit"),
        (good.replace("name = \"a\"\n", ""), "name"),
        (good.replace("\"a\"", "\"../a\""), "small letters"),
        (format!("{good}network = true\n"), "network"),
        ("name = ".into(), "line 1"),
    ] {
        let words = Manifest::parse(&bad).unwrap_err().to_string();
        assert!(words.contains("plugin.toml") && words.contains(word), "{words}");
    }
}

#[test]
fn the_plugins_of_this_repository_load() {
    let sandbox = sandbox();
    for plugin in crate::first_party() {
        let manifest = plugin.manifest().unwrap();
        assert_eq!(manifest.name, plugin.name);
        let loaded = sandbox.load(plugin.bytes, &manifest).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(loaded.hash(), crate::content_hash(plugin.bytes));
        assert!(FirstParty::find(plugin.name).is_some());
    }
    assert!(FirstParty::find("nobody").is_none());
}
