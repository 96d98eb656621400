//! Builds every guest of this workspace into `plugins/dist/<name>/`, the same bytes on every
//! machine that has the pinned compiler. Must never leave out a check to make a build pass.
//!
//! ```text
//! cargo run --manifest-path plugins/Cargo.toml -p build-plugins              # write plugins/dist
//! cargo run --manifest-path plugins/Cargo.toml -p build-plugins -- --check   # compare with it
//! ```

mod component;
mod dist;
mod guests;
mod toolchain;
mod wrapper;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What stops a build, in words for the person at the terminal.
type Failure = String;

fn main() -> ExitCode {
    if let Some(root) = std::env::var_os(wrapper::ROOT) {
        let ran = wrapper::run(Path::new(&root), std::env::args_os().skip(1).collect());
        std::process::exit(ran.unwrap_or_else(|failure| complain(&failure)));
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => build(),
        ["--check"] => check(),
        _ => Err("usage: build-plugins [--check]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn complain(failure: &str) -> i32 {
    eprintln!("build-plugins: {failure}");
    1
}

fn build() -> Result<(), Failure> {
    let root = root()?;
    toolchain::pinned(&root)?.map_err(|other| format!("dist is built by the pinned {other}"))?;
    for plugin in guests::build(&root, &target_folder(&root))? {
        let size = plugin.wasm.len();
        dist::write(&dist::folder(&root), &plugin)?;
        println!("plugins/dist/{}/plugin.wasm: {size} bytes", plugin.name);
    }
    Ok(())
}

fn check() -> Result<(), Failure> {
    let root = root()?;
    if let Err(other) = toolchain::pinned(&root)? {
        println!("plugins/dist: byte check not run, it needs the pinned {other}");
        return Ok(());
    }
    let fresh = std::env::temp_dir().join(format!("busbar-guests-{}", std::process::id()));
    let plugins = guests::build(&root, &fresh);
    std::fs::remove_dir_all(&fresh).map_err(|error| format!("{}: {error}", fresh.display()))?;
    let plugins = plugins?;
    dist::compare(&dist::folder(&root), &plugins)?;
    println!("plugins/dist: {} plugins, every byte as rebuilt", plugins.len());
    Ok(())
}

/// The checkout that this tool was built in.
fn root() -> Result<PathBuf, Failure> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tool.ancestors().nth(2).ok_or("this tool stands in no checkout")?;
    root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))
}

fn target_folder(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root.join("plugins/target")).join("guests")
}
