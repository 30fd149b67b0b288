//! Run with `cargo xtask fuzz 60 matrix`; the code is in `crates/tl-fuzz-targets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tl_fuzz::run("matrix", data));
