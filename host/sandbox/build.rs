//! Names this build, so that compiled plugins of another build are compiled again. Must never
//! protect them: the HMAC of the cache does.

use std::path::Path;
use std::process::Command;

fn main() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", lock.display());
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let compiler = Command::new(variable("RUSTC"))
        .arg("-vV")
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    let parts = [
        std::fs::read(&lock).unwrap_or_default(),
        compiler,
        variable("TARGET").into_bytes(),
        variable("PROFILE").into_bytes(),
        variable("OPT_LEVEL").into_bytes(),
        variable("CARGO_CFG_TARGET_FEATURE").into_bytes(),
    ];
    println!("cargo::rustc-env=BUSBAR_BUILD={:016x}", fnv(&parts));
}

/// FNV-1a: stable between compilers, which the standard hasher is not. It names, it does not
/// protect; the cache's HMAC does that.
fn fnv(parts: &[Vec<u8>]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.iter().copied().chain([0xFF]))
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        })
}
