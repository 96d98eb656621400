//! Configurations that are wrong, as the binary says it: everything at once, with its places.
//! Must never start with a part of one.

use std::path::Path;
use std::process::{Command, Output, Stdio};

const BUSBAR: &str = env!("CARGO_BIN_EXE_busbar-host");

#[test]
fn a_wrong_configuration_is_told_whole_and_ends_with_78() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("busbar.toml");
    let wrong = "nonsense = 1\n[ocpp]\nbind = \"nowhere\"\nmax_depht = 3\n[billing]\nsettle = 5\n";
    std::fs::write(&file, wrong).unwrap();
    let said = words(&serve(folder.path(), &[]), 78);
    for (line, key) in [(1, "nonsense"), (3, "bind"), (4, "max_depht"), (6, "settle")] {
        let place = format!(":{line}:");
        assert!(
            said.lines().any(|words| words.contains(&place) && words.contains(key)),
            "{key} on line {line} is missing in:\n{said}"
        );
    }
    std::fs::write(&file, "[ocpp\nbind").unwrap();
    words(&serve(folder.path(), &[]), 78);
    std::fs::write(&file, b"\xff\xfe\0").unwrap();
    words(&serve(folder.path(), &[]), 78);
    std::fs::write(&file, "").unwrap();
    let said = words(&serve(folder.path(), &[("BUSBAR_OCPP__BIND", "nowhere")]), 78);
    assert!(said.contains("BUSBAR_OCPP__BIND"), "{said}");
    std::fs::remove_file(&file).unwrap();
    words(&serve(folder.path(), &[]), 78);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was begun");
}

#[test]
fn a_taken_port_and_a_folder_that_cannot_be_are_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("busbar.toml");
    std::fs::write(&file, format!("[ocpp]\nbind = \"{address}\"\n")).unwrap();
    let said = words(&serve(folder.path(), &[]), 1);
    assert!(said.contains(&address.to_string()), "{said}");
    std::fs::write(&file, "data = \"file/inside\"\n[ocpp]\nbind = \"127.0.0.1:0\"\n").unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    words(&serve(folder.path(), &[]), 1);
}

fn serve(folder: &Path, env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(BUSBAR);
    command.args(["serve", "--config"]).arg(folder.join("busbar.toml")).current_dir(folder);
    command.envs(env.iter().copied());
    command.stdin(Stdio::null()).output().unwrap()
}

/// What it said, on its way out.
fn words(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.len() > 10, "{said:?}");
    assert!(!said.contains("panicked"), "{said}");
    said
}
