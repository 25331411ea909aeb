//! Hands what the fuzzer makes up to the target.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::parsers::run(data));
