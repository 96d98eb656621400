//! Owns the house rules: what every file of the project must look like, held over all files that
//! git tracks. Must never change a file.

mod source;

use std::path::{Path, PathBuf};
use std::process::Command;

use source::{code_of, functions, has_word};

const LINES_OF_FUNCTION: usize = 70;
const LINES_OF_FILE: usize = 600;
const COLUMNS: usize = 100;

/// The only file of the host that may say `unsafe`: compiled code of our own comes back from its
/// cache there. The SDK's bindings are what wit-bindgen makes.
const UNSAFE: [&str; 2] = ["host/sandbox/src/code_cache.rs", "sdk/src/bindings.rs"];

/// Crates whose results are a function of their arguments.
const PURE: [&str; 4] = ["ocpp", "charging", "link", "engine"];

#[test]
fn files_and_functions_are_short_and_lines_are_narrow() {
    let mut wrong = Vec::new();
    for file in rust().filter(|file| !file.is_generated()) {
        let lines = file.text.lines().count();
        if lines > LINES_OF_FILE {
            wrong.push(format!("{}: {lines} lines, at most {LINES_OF_FILE}", file.name));
        }
        for (name, first, lines) in functions(&code_of(&file.text)) {
            if lines > LINES_OF_FUNCTION {
                let at = format!("{}:{first}", file.name);
                wrong.push(format!("{at}: {name} has {lines} lines, at most {LINES_OF_FUNCTION}"));
            }
        }
        for (number, line) in file.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS {
                let at = format!("{}:{}", file.name, number + 1);
                wrong.push(format!("{at}: {columns} columns, at most {COLUMNS}"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_module_says_what_it_owns_and_what_it_must_never_do() {
    let mut wrong = Vec::new();
    for file in rust().filter(|file| !file.is_generated()) {
        let doc: Vec<_> = file.text.lines().take_while(|line| !is_code(line)).collect();
        let doc = doc.iter().filter_map(|line| line.strip_prefix("//!")).collect::<String>();
        if doc.is_empty() {
            wrong.push(format!("{}: no //! at its top", file.name));
        } else if !file.is_of_tests() && !has_word(&doc.to_lowercase(), "never") {
            wrong.push(format!("{}: its //! does not say what it must never do", file.name));
        }
        if file.name.ends_with("/mod.rs") {
            wrong.push(format!("{}: foo.rs and foo/, never mod.rs", file.name));
        }
    }
    none(&wrong);
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let mut wrong = Vec::new();
    let never = ["todo!", "unimplemented!", "#[ignore", "dead_code", "dbg!"];
    for file in rust() {
        let code = code_of(&file.text);
        for (number, line) in code.lines().enumerate() {
            for word in never.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{}: {word}", file.name, number + 1));
            }
        }
    }
    let marks = [["FIX", "ME"].concat(), ["TO", "DO"].concat(), ["XX", "X:"].concat()];
    for file in texts().filter(File::is_written_by_hand) {
        for (number, line) in file.text.lines().enumerate() {
            for mark in marks.iter().filter(|mark| line.contains(mark.as_str())) {
                wrong.push(format!("{}:{}: {mark}", file.name, number + 1));
            }
        }
    }
    none(&wrong);
}

#[test]
fn unsafe_code_has_one_place() {
    let mut wrong = Vec::new();
    for file in rust().filter(|file| !UNSAFE.contains(&file.name.as_str())) {
        let code = code_of(&file.text);
        if has_word(&code, "unsafe") || code.contains("allow(unsafe_code") {
            wrong.push(format!("{}: unsafe", file.name));
        }
    }
    none(&wrong);
}

/// The project works from any folder of any machine: no file names one of them.
#[test]
fn no_file_names_a_place_on_one_machine() {
    let roots = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/tm", "p/"].concat()];
    let mut wrong = Vec::new();
    for name in tracked() {
        let bytes = std::fs::read(root().join(&name)).unwrap();
        for place in &roots {
            if bytes.windows(place.len()).any(|window| window == place.as_bytes()) {
                wrong.push(format!("{name}: names {place}"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn pure_crates_have_a_ban_list() {
    let mut wrong = Vec::new();
    for name in PURE {
        let list = format!("host/{name}/clippy.toml");
        let text = std::fs::read_to_string(root().join(&list)).unwrap_or_default();
        for banned in [
            "std::time::Instant::now",
            "std::time::SystemTime::now",
            "std::thread::spawn",
            "std::env::var",
            "std::fs::File::open",
            "std::collections::HashMap",
        ] {
            if !text.contains(&format!("\"{banned}\"")) {
                wrong.push(format!("{list}: does not ban {banned}"));
            }
        }
    }
    for name in tracked().filter(|name| name.ends_with("/Cargo.toml")) {
        let text = std::fs::read_to_string(root().join(&name)).unwrap();
        if name.starts_with("host/") && text.contains("[features]") {
            wrong.push(format!("{name}: features; the host has none"));
        }
        if !text.contains("[lints") {
            wrong.push(format!("{name}: without the lints of the workspace"));
        }
    }
    wrong.retain(|line| !line.starts_with("plugins/Cargo.toml"));
    none(&wrong);
}

/// A file that git tracks, and that is text.
struct File {
    name: String,
    text: String,
}

impl File {
    fn is_generated(&self) -> bool {
        self.text.starts_with("// @generated")
    }

    /// Tests need not say what they must never do.
    fn is_of_tests(&self) -> bool {
        let path = Path::new(&self.name);
        let is_test = |part: &std::ffi::OsStr| {
            part.to_str().is_some_and(|part| part.trim_end_matches(".rs").ends_with("tests"))
        };
        path.iter().any(is_test) || path.iter().any(|part| part == "benches")
    }

    fn is_written_by_hand(&self) -> bool {
        let end = Path::new(&self.name).extension().and_then(|end| end.to_str());
        matches!(end, None | Some("rs" | "toml" | "md" | "py" | "mjs" | "sh" | "wit"))
            && !self.is_generated()
    }
}

fn is_code(line: &&str) -> bool {
    !line.trim().is_empty() && !line.starts_with("//")
}

fn rust() -> impl Iterator<Item = File> {
    texts().filter(|file| file.name.ends_with(".rs"))
}

fn texts() -> impl Iterator<Item = File> {
    tracked().filter_map(|name| {
        let text = std::fs::read_to_string(root().join(&name)).ok()?;
        Some(File { name, text })
    })
}

/// What git tracks and what stands.
fn tracked() -> impl Iterator<Item = String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let listed = listed.expect("git is needed: install it, and run this in a clone");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).unwrap();
    let names: Vec<_> = names.split_terminator('\0').map(str::to_owned).collect();
    assert!(names.len() > 100, "too few files are tracked to be the project");
    names.into_iter().filter(|name| root().join(name).is_file())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} times:\n{}", wrong.len(), wrong.join("\n"));
}
