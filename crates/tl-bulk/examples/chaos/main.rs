//! Chaos: bulk ingestions that are killed, starved and lied to, again and again, with an oracle.
//!
//! ```console
//! $ cargo build -p twelvelabs-cli
//! $ cargo run -p tl-bulk --example chaos -- --minutes 3
//! $ cargo run -p tl-bulk --example chaos -- --seed 42 --rounds 1
//! ```
//!
//! Each round starts an emulator and real `tl` processes, injects one kind of trouble chosen by its
//! seed, lets later runs finish the work, and compares the emulator's state with what must be true:
//! each content is indexed exactly once, no asset is left over, no chunk was stored twice, and the
//! ledger is consistent. A round that fails prints its seed and keeps its folder.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for developers, which ends at the first unexpected result"
)]

mod clips;
mod clock;
mod disk;
mod disturb;
mod emulator;
mod leases;
mod oracle;
mod postgres;
mod process;
mod round;
mod scenario;
mod webhook;

use std::time::{Duration, Instant};

use round::Round;
use scenario::Scenario;

/// What to run.
pub(crate) struct Options {
    minutes: f64,
    rounds: Option<u64>,
    seed: u64,
    only: Option<Scenario>,
    tl: std::path::PathBuf,
    keeps_folders: bool,
}

fn options() -> Result<Options, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    // target/PROFILE/examples/chaos
    let folder = own.parent().and_then(|folder| folder.parent());
    let mut options = Options {
        minutes: 3.0,
        rounds: None,
        seed: 1,
        only: None,
        tl: folder.map(|folder| folder.join("tl")).unwrap_or_default(),
        keeps_folders: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
        let wrong = |text: &str| format!("`{text}` is no value of {name}");
        match name.as_str() {
            "--minutes" => {
                let text = value()?;
                options.minutes = text.parse().map_err(|_| wrong(&text))?;
            }
            "--rounds" => {
                let text = value()?;
                options.rounds = Some(text.parse().map_err(|_| wrong(&text))?);
            }
            "--seed" => {
                let text = value()?;
                options.seed = text.parse().map_err(|_| wrong(&text))?;
            }
            "--only" => {
                let text = value()?;
                let scenario = Scenario::named(&text).ok_or_else(|| wrong(&text))?;
                options.only = Some(scenario);
            }
            "--tl" => options.tl = value()?.into(),
            "--keep" => options.keeps_folders = true,
            _ => {
                let scenarios = Scenario::ALL.map(Scenario::name).join(", ");
                return Err(format!(
                    "usage: chaos [--minutes N] [--rounds N] [--seed S] [--only SCENARIO] \
                     [--tl PATH] [--keep]\nscenarios: {scenarios}"
                ));
            }
        }
    }
    if !options.tl.exists() {
        let tl = options.tl.display();
        return Err(format!(
            "{tl} does not exist: run `cargo build -p twelvelabs-cli`"
        ));
    }
    Ok(options)
}

fn main() -> std::process::ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(message) => {
            println!("{message}");
            return 2.into();
        }
    };
    let started = Instant::now();
    let limit = Duration::from_secs_f64(options.minutes * 60.0);
    let mut totals = std::collections::BTreeMap::<&str, (u32, u32)>::new();
    let mut failed = Vec::new();
    for number in 0.. {
        let is_over = match options.rounds {
            Some(rounds) => number >= rounds,
            None => started.elapsed() >= limit,
        };
        if is_over {
            break;
        }
        // The seed of a round alone repeats it.
        let seed = options.seed.wrapping_add(number);
        let scenario = options.only.unwrap_or_else(|| Scenario::of_seed(seed));
        let entry = totals.entry(scenario.name()).or_default();
        entry.0 += 1;
        let mut round = Round::new(&options, seed, scenario);
        let result = round.run();
        println!("{}", round.line(&result));
        if let Err(problem) = result {
            entry.1 += 1;
            println!(
                "  {problem}\n  repeat: chaos --rounds 1 --seed {seed} --only {}\n  kept: {}",
                scenario.name(),
                round.keep().display()
            );
            failed.push(seed);
        }
    }
    println!("\n{:<22} rounds  failed", "scenario");
    for (name, (rounds, failures)) in totals {
        println!("{name:<22} {rounds:>6}  {failures:>6}");
    }
    println!("{:.1} minutes", started.elapsed().as_secs_f64() / 60.0);
    u8::from(!failed.is_empty()).into()
}
