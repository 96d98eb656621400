//! The command line: what may be typed, and how it ends.

use clap::{CommandFactory, Parser};

use super::Cli;

#[test]
fn the_commands_hang_together() {
    Cli::command().debug_assert();
}

#[test]
fn what_is_typed_wrongly_is_refused() {
    for wrong in [
        &["busbar"][..],
        &["busbar", "nonsense"],
        &["busbar", "cdr", "verify"],
        &["busbar", "cdr", "verify", "id", "--all"],
        &["busbar", "cdr", "list", "--data", "x", "--url", "http://x"],
        &["busbar", "check", "ocpp"],
        &["busbar", "check", "--config", "x", "ocpp", "--stdio"],
        &["busbar", "plugin", "price"],
        &["busbar", "export", "frames"],
        &["busbar", "restore", "from"],
    ] {
        assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
    }
    for right in [
        &["busbar", "serve"][..],
        &["busbar", "serve", "--config", "a.toml", "--data", "d"],
        &["busbar", "check"],
        &["busbar", "check", "--config", "a.toml"],
        &["busbar", "check", "ocpp", "--stdio", "--strict"],
        &["busbar", "cdr", "verify", "--all"],
        &["busbar", "cdr", "verify", "id", "--data", "d"],
        &["busbar", "cdr", "list", "--url", "http://127.0.0.1:1", "--json"],
        &["busbar", "plugin", "price", "--stdio"],
        &["busbar", "export", "frames", "--station", "CS1"],
        &["busbar", "backup"],
        &["busbar", "backup", "to", "--data", "d"],
        &["busbar", "restore", "from", "--data", "d"],
    ] {
        assert!(Cli::try_parse_from(right).is_ok(), "{right:?}");
    }
}
