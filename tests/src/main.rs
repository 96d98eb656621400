//! The host's binary once more, under a name of its own: cargo builds it for the tests that start
//! and kill it. Must never do anything but what `host/server/src/main.rs` does.

#[global_allocator]
static ALLOCATOR: busbar::Allocator = busbar::Allocator;

fn main() -> std::process::ExitCode {
    busbar::cli::run()
}
