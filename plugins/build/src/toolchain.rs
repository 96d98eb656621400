//! Owns the question which compiler is at work. Other compilers make other bytes. Must never
//! install one.

use std::path::Path;
use std::process::Command;

use crate::Failure;

/// Whether `rustc` is the one that `rust-toolchain.toml` pins; else both, in words.
///
/// # Errors
/// When the file or the compiler cannot be asked.
pub(crate) fn pinned(root: &Path) -> Result<Result<(), String>, Failure> {
    let file = root.join("rust-toolchain.toml");
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    compare(&text, &rustc(root, &["-vV"])?)
}

fn compare(toolchain: &str, version: &str) -> Result<Result<(), String>, Failure> {
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .map(|channel| channel.trim().trim_matches('"'))
        .ok_or("rust-toolchain.toml names no channel")?;
    let release = field(version, "release: ")?;
    Ok(match release == channel {
        true => Ok(()),
        false => Err(format!("rustc {channel}, and this is {release}")),
    })
}

/// Where the sources of the standard library stand when they are installed, and the name that the
/// compiler gives them when they are not.
///
/// # Errors
/// When the compiler cannot be asked.
pub(crate) fn library_sources(root: &Path) -> Result<(String, String), Failure> {
    let sysroot = rustc(root, &["--print", "sysroot"])?;
    let version = rustc(root, &["-vV"])?;
    let commit = field(&version, "commit-hash: ")?;
    Ok((format!("{}/lib/rustlib/src/rust", sysroot.trim()), format!("/rustc/{commit}")))
}

fn field<'a>(version: &'a str, name: &str) -> Result<&'a str, Failure> {
    let found = version.lines().find_map(|line| line.strip_prefix(name));
    found.ok_or_else(|| format!("rustc -vV names no {name}"))
}

fn rustc(root: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new("rustc")
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| format!("rustc: {error}"))?;
    match output.status.success() {
        true => String::from_utf8(output.stdout).map_err(|error| format!("rustc: {error}")),
        false => Err(format!("rustc: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn only_the_pinned_release_is_the_pinned_one() {
        let file = "[toolchain]\nchannel = \"1.95.0\"\n";
        assert_eq!(compare(file, "rustc\nrelease: 1.95.0\n"), Ok(Ok(())));
        for other in ["1.95.0-beta.1", "1.96.0"] {
            let version = format!("rustc\nrelease: {other}\n");
            let said = format!("rustc 1.95.0, and this is {other}");
            assert_eq!(compare(file, &version), Ok(Err(said)));
        }
        assert!(compare("", "release: 1.95.0").is_err());
        assert!(compare(file, "").is_err());
    }
}
