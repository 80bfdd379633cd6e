#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| coeur_sim::fuzzing::calls(data));
