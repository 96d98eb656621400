//! Makes components of a few lines of WebAssembly text, for the contract as it stands.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The bodies of a guest's functions; what is not given answers with an empty `ok`.
#[derive(Clone, Copy)]
pub(super) struct Guest<'a> {
    pub(super) prepare: &'a str,
    pub(super) price: &'a str,
    /// Further items of the module.
    pub(super) items: &'a str,
    /// Pages of memory at the start.
    pub(super) pages: u32,
}

/// An answer in zeroed memory: `ok`, with everything in it empty.
pub(super) const EMPTY_OK: &str = "i32.const 1024";

impl Default for Guest<'_> {
    fn default() -> Self {
        Self { prepare: EMPTY_OK, price: EMPTY_OK, items: "", pages: 4 }
    }
}

impl Guest<'_> {
    pub(super) fn component(&self) -> Vec<u8> {
        encode(&self.module(), "world test { include busbar:pricing/pricing@0.1.0; }")
    }

    fn module(&self) -> String {
        let Self { prepare, price, items, pages } = self;
        format!(
            r#"(module
                {items}
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const 8192))
                (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.add (global.get $next) (i32.const 7)))
                    (local.set $at (i32.and (local.get $at) (i32.const -8)))
                    (global.set $next (i32.add (local.get $at) (local.get 3)))
                    (local.get $at))
                (func $prepare (export "prepare") (param i32 i32 i32 i32) (result i32) {prepare})
                (func $price (export "price")
                    (param i32 i32 i64 i64 i32 i32 i32 i32 i32) (result i32) {price}))"#
        )
    }
}

/// A component of a module and of a world `test`.
pub(super) fn encode(module: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1/pricing");
    resolve.push_dir(contract).unwrap();
    let package = resolve.push_str("test.wit", &format!("package test:guest; {world}")).unwrap();
    let world = resolve.select_world(&[package], Some("test")).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}
