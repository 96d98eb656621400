//! Owns the way from a core module to a component, and the proof that it imports nothing: names of
//! types, and no function. Must never let a component through that asks for one.

use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::WorldItem;

use crate::Failure;

/// Makes the component.
///
/// # Errors
/// When the module is not one of ours, or the component would import anything at all.
pub(crate) fn from_module(module: &[u8]) -> Result<Vec<u8>, Failure> {
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| format!("{error:#}"))?;
    match imports(&component)?.as_slice() {
        [] => Ok(component),
        imports => Err(format!("it imports {}; a plugin must not", imports.join(", "))),
    }
}

/// Every function that the component would import. An interface of types alone is none: it is how
/// a component names the types of its exports.
fn imports(component: &[u8]) -> Result<Vec<String>, Failure> {
    let decoded = wit_component::decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("it is a package, not a component".into());
    };
    let mut found = vec![];
    for item in resolve.worlds[world].imports.values() {
        match item {
            WorldItem::Interface { id, .. } => {
                found.extend(resolve.interfaces[*id].functions.keys().cloned());
            }
            WorldItem::Function(function) => found.push(function.name.clone()),
            WorldItem::Type { .. } => {}
        }
    }
    Ok(found)
}
