//! The half with FFmpeg: any bytes as a file. Run with `cargo xtask fuzz media`.
#![no_main]

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tl_validate::ffmpeg::InProcess;
use tl_validate::{ProbeOptions, Prober, Route, RulePack, Target, check, check_probe_failure};

fuzz_target!(|data: &[u8]| {
    let memory = rustix::fs::memfd_create("fuzz", rustix::fs::MemfdFlags::CLOEXEC).expect("memory");
    let mut file = File::from(memory);
    file.write_all(data).expect("memory");
    let options = ProbeOptions::default().with_deadline(Duration::from_secs(2));
    let start = Instant::now();
    let answer = InProcess::with_options(options).probe_file(file, "fuzz");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "deaf to its deadline"
    );
    let target = Target::new(Route::Tasks);
    let _ = match answer {
        Ok(facts) => check(&facts, &target, RulePack::current()),
        Err(error) => check_probe_failure(&error, &target, RulePack::current()),
    };
});
