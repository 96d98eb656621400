//! The binary: everything is in the library. Must never hold anything that a test cannot reach.

fn main() -> std::process::ExitCode {
    busbar::cli::run()
}
