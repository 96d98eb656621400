//! Owns plugins of tests: those that misbehave whenever they price, and the smallest one that does
//! not. Must never need a compiler for guests.

use busbar_sandbox::FirstParty;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// `prepare` answers with an empty `ok`; what `price` does is put in.
const GUEST: &str = r#"(module
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 8192))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func (export "prepare") (param i32 i32 i32 i32) (result i32) i32.const 1024)
    (func (export "price") (param i32 i32 i64 i64 i32 i32 i32 i32 i32) (result i32) PRICE))"#;

/// A component that traps.
pub(crate) fn trapping() -> Vec<u8> {
    misbehaving("unreachable")
}

/// A component that does this instead of pricing.
pub(crate) fn misbehaving(price: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/v0.1/pricing");
    resolve.push_dir(contract).unwrap();
    let world = "package test:guest; world test { include busbar:pricing/pricing@0.1.0; }";
    let package = resolve.push_str("test.wit", world).unwrap();
    let world = resolve.select_world(&[package], Some("test")).unwrap();
    let mut module = wat::parse_str(GUEST.replace("PRICE", price)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

/// The component of `examples/hello-pricing`.
pub(crate) fn hello() -> &'static [u8] {
    FirstParty::find("hello-pricing").unwrap().bytes
}
