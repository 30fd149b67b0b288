//! The header reader: any bytes as mp4, mov, mkv or webm. Run with `cargo xtask fuzz header`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tl_validate::header::HeaderReader;
use tl_validate::{Prober, Route, RulePack, Target, check, check_probe_failure};

fuzz_target!(|data: &[u8]| {
    // A panic of a decoder is caught by the reader; here it shall be seen.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    let answer = HeaderReader::new().probe_ranges(&mut &data[..], "fuzz");
    std::panic::set_hook(before);
    let target = Target::new(Route::Tasks);
    match answer {
        Ok(facts) => {
            assert!(facts.header_only);
            let report = check(&facts, &target, RulePack::current());
            assert!(report.findings.iter().any(|f| f.rule == "file.header_only"));
        }
        Err(error) => {
            assert!(check_probe_failure(&error, &target, RulePack::current()).is_refused())
        }
    }
});
