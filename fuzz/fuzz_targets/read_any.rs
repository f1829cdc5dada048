//! Whatever a file is, reading it does not panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use schism_history::format::read_any;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(import) = read_any(bytes, Default::default()) {
        for op in import.history.operations() {
            let _ = (op.to_string(), op.output().to_string());
        }
    }
});
