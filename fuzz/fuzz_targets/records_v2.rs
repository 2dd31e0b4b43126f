#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apograph_testing::fuzz::records_v2(data));
