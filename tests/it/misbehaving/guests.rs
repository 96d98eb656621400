//! The guests of the load generator are what their texts say: `UPDATE_EXPECT=1` builds them again.

use std::path::{Path, PathBuf};

use busbar_sim::load::tariffs::GUESTS;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

#[test]
fn guests_are_built_from_their_texts() {
    let mut stale = Vec::new();
    for (name, shipped) in GUESTS {
        let built = component(name);
        if built != shipped {
            stale.push(name);
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(folder().join(format!("{name}.wasm")), built).unwrap();
        }
    }
    assert!(stale.is_empty(), "not what their texts say: {stale:?} (UPDATE_EXPECT=1 builds them)");
}

fn component(name: &str) -> Vec<u8> {
    let text = |name: &str| std::fs::read_to_string(folder().join(format!("{name}.wat"))).unwrap();
    let module = format!("(module {}\n{})", text("frame"), text(name));
    let mut module = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit/v0.1/pricing")).unwrap();
    let world = "package busbar:guest; world guest { include busbar:pricing/pricing@0.1.0; }";
    let package = resolve.push_str("guest.wit", world).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

fn folder() -> PathBuf {
    root().join("host/sim/scenarios/guests")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
