//! Owns what stands between cargo and rustc. Cargo names a crate of this checkout by a hash of its
//! path where it lies outside `plugins/` (the SDK, the examples), and that hash decides the order
//! of functions in a module. Here such a crate is named by its package instead. Must never change
//! another argument.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::Failure;

/// Set for rustc only: its value is the checkout.
pub(crate) const ROOT: &str = "BUSBAR_BUILD_PLUGINS_ROOT";

/// Runs the compiler that cargo asked for; the exit code is its own.
///
/// # Errors
/// When there is no compiler to run.
pub(crate) fn run(root: &Path, arguments: Vec<OsString>) -> Result<i32, Failure> {
    let (rustc, arguments) = arguments.split_first().ok_or("no compiler was named")?;
    let ours = std::env::var_os("CARGO_MANIFEST_DIR")
        .filter(|manifest| Path::new(manifest).starts_with(root))
        .and_then(|_| std::env::var("CARGO_PKG_NAME").ok());
    let status = Command::new(rustc)
        .args(arguments.iter().map(|argument| named(argument, ours.as_deref())))
        .env_remove(ROOT)
        .status()
        .map_err(|error| format!("{}: {error}", rustc.display()))?;
    Ok(status.code().unwrap_or(1))
}

fn named(argument: &OsString, package: Option<&str>) -> OsString {
    match package {
        Some(package) if argument.to_string_lossy().starts_with("metadata=") => {
            format!("metadata={package}").into()
        }
        _ => argument.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn only_our_crates_are_named_by_their_package() {
        let hash = "metadata=5df2b7".into();
        assert_eq!(named(&hash, Some("busbar-sdk")), "metadata=busbar-sdk");
        assert_eq!(named(&hash, None), "metadata=5df2b7");
        assert_eq!(named(&"extra-filename=-5d".into(), Some("busbar-sdk")), "extra-filename=-5d");
    }
}
