//! Owns the one cargo call that makes the core modules, with everything fixed that could change a
//! byte: flags, profile, lock file, and every path that could end up in a panic text. Must never
//! pass on a setting of the machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::dist::Plugin;
use crate::{Failure, component, toolchain, wrapper};

const TARGET: &str = "wasm32-unknown-unknown";
/// Small, so that a fresh instance touches few pages (a guest does not recurse deeply).
const SHADOW_STACK: usize = 64 * 1024;
const UNIT: char = '\u{1f}';
/// The profile again: what stands on the command line beats a configuration file of the machine.
const PROFILE: &[&str] = &[
    "opt-level=3",
    "lto=\"fat\"",
    "codegen-units=1",
    "panic=\"abort\"",
    "strip=true",
    "debug=false",
    "incremental=false",
    "overflow-checks=true",
];

/// Builds every package that names a world in `package.metadata.busbar`.
///
/// # Errors
/// In words, when a build fails or a component breaks a rule.
pub(crate) fn build(root: &Path, target: &Path) -> Result<Vec<Plugin>, Failure> {
    let packages = packages(root)?;
    let mut cargo = cargo(root);
    cargo.args(["build", "--locked", "--lib", "--profile", "guest", "--target", TARGET]);
    cargo.arg("--target-dir").arg(target);
    for setting in PROFILE {
        cargo.arg("--config").arg(format!("profile.guest.{setting}"));
    }
    for package in &packages {
        cargo.arg("-p").arg(&package.name);
    }
    let tool = std::env::current_exe().map_err(|error| format!("this tool: {error}"))?;
    cargo.env("RUSTC_WRAPPER", tool).env(wrapper::ROOT, root);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(root)?);
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err("a guest does not build".into());
    }
    let modules = target.join(TARGET).join("guest");
    packages.into_iter().map(|package| finish(package, &modules)).collect()
}

fn finish(mut plugin: Plugin, modules: &Path) -> Result<Plugin, Failure> {
    let module = modules.join(format!("{}.wasm", plugin.name.replace('-', "_")));
    let bytes = std::fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))?;
    plugin.wasm =
        component::from_module(&bytes).map_err(|error| format!("{}: {error}", plugin.name))?;
    Ok(plugin)
}

fn packages(root: &Path) -> Result<Vec<Plugin>, Failure> {
    let output = cargo(root)
        .args(["metadata", "--no-deps", "--locked", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo names no packages")?;
    let guests = packages.iter().filter(|package| package["metadata"]["busbar"].is_object());
    guests.map(package).collect()
}

fn package(package: &Value) -> Result<Plugin, Failure> {
    let text = |value: &Value, what: &str| match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("{}: Cargo.toml names no {what}", package["name"])),
    };
    let busbar = &package["metadata"]["busbar"];
    Ok(Plugin {
        name: text(&package["name"], "name")?,
        version: text(&package["version"], "version")?,
        description: text(&package["description"], "description")?,
        licence: text(&package["license"], "license")?,
        world: text(&busbar["world"], "world")?,
        wit: text(&busbar["wit"], "wit")?,
        wasm: vec![],
    })
}

/// Cargo without what the caller's environment would add: flags, wrappers, profiles.
fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root.join("plugins"));
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        let kept = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTRIES_"];
        let is_cargo = shown == "CARGO"
            || shown.starts_with("CARGO_") && !kept.iter().any(|kept| shown.starts_with(kept));
        if is_cargo || shown.starts_with("RUSTC") || shown.ends_with("RUSTFLAGS") {
            cargo.env_remove(&name);
        }
    }
    cargo.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
    cargo
}

fn flags(root: &Path) -> Result<OsString, Failure> {
    let (library, library_name) = toolchain::library_sources(root)?;
    let mut flags = OsString::from(format!("-Clink-arg=-zstack-size={SHADOW_STACK}"));
    let mut remap = |path: &Path, name: &str| {
        flags.push(format!("{UNIT}--remap-path-prefix="));
        flags.push(path);
        flags.push(format!("={name}"));
    };
    remap(root, "/busbar");
    for registry in registries()? {
        remap(&registry, "/registry");
    }
    remap(Path::new(&library), &library_name);
    Ok(flags)
}

/// The folders of crate sources: one for each registry or mirror that this machine uses.
fn registries() -> Result<Vec<PathBuf>, Failure> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let sources = home.ok_or("neither CARGO_HOME nor a home folder is known")?;
    let sources = sources.join("registry/src");
    let Ok(entries) = std::fs::read_dir(&sources) else {
        return Err(format!("{}: no crate sources; run `cargo fetch` first", sources.display()));
    };
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}
