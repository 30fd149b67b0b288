//! Runs fuzz targets with the stable compiler: `cargo run --release -p tl-fuzz-targets --example
//! drive -- SECONDS [TARGET]...`. It has no coverage to follow and no sanitizer, unlike
//! `cargo xtask fuzz`, which needs nightly. It prints how often each target ran, and the input before
//! a failure.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program writes to its terminal"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tl_fuzz_targets::{Mutator, TARGETS, Target};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|first| first.parse().ok());
    let Some(seconds) = seconds.map(Duration::from_secs) else {
        eprintln!("usage: drive SECONDS [TARGET]...");
        return ExitCode::from(2);
    };
    let names: Vec<String> = arguments.collect();
    let mut failed = false;
    for target in TARGETS {
        if names.is_empty() || names.iter().any(|name| name == target.name) {
            failed |= !drive(target, seconds);
        }
    }
    ExitCode::from(u8::from(failed))
}

fn drive(target: &Target, time: Duration) -> bool {
    let seeds = match target.seeds() {
        Ok(seeds) => seeds,
        Err(error) => {
            eprintln!("{}: no seeds: {error}", target.name);
            return false;
        }
    };
    let start = Instant::now();
    let number = std::process::id().into();
    let mut mutator = Mutator::new(seeds, number);
    let mut runs = 0_u64;
    while start.elapsed() < time {
        let input = mutator.next_input();
        let result = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        if result.is_err() {
            let path = std::env::temp_dir().join(format!("tl-fuzz-{}-{number}", target.name));
            let written = std::fs::write(&path, &input);
            eprintln!(
                "{}: failed with {} ({written:?})",
                target.name,
                path.display()
            );
            return false;
        }
        runs += 1;
    }
    println!("{}: {runs} runs in {:?}", target.name, start.elapsed());
    true
}
