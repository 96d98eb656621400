//! Runs `frame_log::check` under libFuzzer. Must never hold a check of its own.
#![no_main]

busbar_fuzz_harness::target!(busbar_fuzz::frame_log::check);
