//! Runs `answers::check` under libFuzzer. Must never hold a check of its own.
#![no_main]

busbar_fuzz_harness::target!(busbar_fuzz::answers::check);
