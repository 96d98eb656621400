//! What all targets share: libFuzzer's entry, and a bound on memory. Must never know what is
//! checked.

use std::alloc::System;

/// No input of a few kilobytes may make the host hold more: who asks for it is ended, which
/// libFuzzer keeps as a crash.
const MEMORY_BYTES: usize = 256 << 20;

#[global_allocator]
static MEMORY: cap::Cap<System> = cap::Cap::new(System, MEMORY_BYTES);

/// The target of a check: a function of bytes that panics where its property does not hold. The
/// crate that uses it names `libfuzzer-sys` too.
#[macro_export]
macro_rules! target {
    ($check:path) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $check(data));
    };
}
