//! The binary: everything is in the library. Must never hold anything that a test cannot reach.

#[global_allocator]
static ALLOCATOR: busbar::Allocator = busbar::Allocator;

fn main() -> std::process::ExitCode {
    busbar::cli::run()
}
