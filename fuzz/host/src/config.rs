//! The configuration: TOML and environment. What is wrong has a line and a column that exist, or
//! the name of its variable; what is right is read as the same again. The input is TOML, and
//! behind a line `--- env` lines `NAME=VALUE`. Must never read a file or the real environment.

use std::path::Path;

use busbar::config::Config;

const FILE: &str = "busbar.toml";

/// Reads a configuration.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (toml, env) = text.split_once("--- env\n").unwrap_or((text, ""));
    let env: Vec<(String, String)> = env
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let read = |toml: &str| Config::parse(Some(Path::new(FILE)), toml, env.clone());
    match read(toml) {
        Ok(config) => {
            assert_eq!(read(toml).as_ref(), Ok(&config), "the same text, another configuration");
            let more = format!("{toml}\n# a comment\n");
            assert_eq!(read(&more).as_ref(), Ok(&config), "a comment changed it");
            assert!(!config.http.is_empty(), "no listener");
            let _ = (config.policy(), config.warnings());
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused, and nobody knows why");
            for problem in problems {
                has_a_place(&problem.to_string(), toml, &env);
            }
        }
    }
}

fn has_a_place(told: &str, toml: &str, env: &[(String, String)]) {
    let Some(rest) = told.strip_prefix("busbar.toml:") else {
        let named = env.iter().any(|(name, _)| told.starts_with(&format!("{name}: ")));
        assert!(named, "no place: {told}");
        return;
    };
    let mut parts = rest.splitn(3, ':');
    let mut number = || parts.next().and_then(|text| text.parse::<usize>().ok());
    let (Some(line), Some(column)) = (number(), number()) else { panic!("no place: {told}") };
    let words = parts.next().unwrap_or_default();
    assert!(words.trim().len() > 3, "no words: {told}");
    let lines: Vec<&str> = toml.split('\n').collect();
    assert!(line >= 1 && column >= 1 && line <= lines.len(), "not in the text: {told}");
    assert!(column <= lines[line - 1].chars().count() + 1, "not in its line: {told}");
}
