//! Owns a small disk for a test: a tmpfs in a name space of its own, in which one test of this
//! binary runs again. Must never pass without having run where it could have.

use std::path::Path;
use std::process::Command;

/// Runs `test` of this binary in a process of its own with a disk of `size` at `home`, which
/// `variable` names to it. It must end well and say `word`.
pub(crate) fn run(home: &Path, size: &str, test: &str, variable: &str, word: &str) {
    let script = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" || exit 77; exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]).arg(home);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let output = match command.env(variable, home).output() {
        Ok(output) if output.status.code() != Some(77) => output,
        _ => {
            let skip = std::env::var_os("BUSBAR_SKIP_FOREIGN").is_some();
            assert!(skip, "no small disk: apt-get install util-linux (or BUSBAR_SKIP_FOREIGN=1)");
            println!("SKIPPED: no small disk can be mounted here");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains(word), "{said}\n{complained}");
}
