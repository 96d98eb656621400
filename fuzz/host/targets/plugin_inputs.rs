//! Runs `plugin_inputs::check` under libFuzzer. Must never hold a check of its own.
#![no_main]

busbar_fuzz_harness::target!(busbar_fuzz_host::plugin_inputs::check);
