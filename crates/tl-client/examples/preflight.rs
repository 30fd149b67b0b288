//! Checks files, or bytes from standard input (`-`), without the network or an API key, and prints
//! what the platform would refuse: `preflight FILE...`. Exit code 1 if anything is refused.
#![allow(clippy::print_stdout, reason = "the findings are printed")]

use std::{env, error::Error, fs::File, io, io::Read, process::ExitCode};

use tl_client::Checker;
use tl_client::validate::{Route, Target, validate_bytes};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (checker, mut refused) = (Checker::standard()?, false);
    for name in env::args().skip(1) {
        let report = if name == "-" {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes)?;
            validate_bytes("standard input", &bytes, &Target::new(Route::Asset))?
        } else {
            checker
                .check_file(File::open(&name)?, &name, Route::Asset)?
                .report
        };
        println!("{name}: {}", report.verdict);
        for finding in &report.findings {
            println!(
                "  {}: {}, allowed {}",
                finding.rule, finding.observed, finding.allowed
            );
        }
        refused |= report.is_refused();
    }
    Ok(ExitCode::from(u8::from(refused)))
}
