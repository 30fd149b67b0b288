//! `cargo xtask bench WHAT`: what the project promises about speed and memory, measured against others in one run.
//!
//! | Room | What lives there |
//! |---|---|
//! | [`upload`], [`validate`], [`emulator`] | the three benches: which contenders, which work, what is demanded |
//! | [`contest`] | interleaved runs, and their medians |
//! | [`demand`] | a bound, and whether it is met |
//! | [`report`] | the tables, on the terminal and in `docs/benchmarks.md` |
//! | [`peers`] | the programs of others: how they are installed and asked |
//! | [`sink`] | the server of `tl-bench` while it runs |

mod contest;
mod demand;
mod emulator;
mod peers;
mod report;
mod sink;
mod upload;
mod validate;

use crate::failure::Failure;
use crate::workspace::Workspace;
use report::Report;

/// How a bench is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Options {
    /// Small sizes and one round: shows that the bench works, not how fast anything is.
    quick: bool,
    /// The tables go to `docs/benchmarks.md`.
    write: bool,
    /// A demand that is not met fails the run.
    strict: bool,
}

type Bench = fn(&Workspace, Options) -> Result<Report, Failure>;

const BENCHES: &[(&str, Bench)] = &[
    ("upload", upload::run),
    ("validate", validate::run),
    ("emulator", emulator::run),
];

const USAGE: &str = "`cargo xtask bench upload|validate|emulator [--quick] [--write] [--strict]`";

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some((name, words)) = arguments.split_first() else {
        return Err(Failure::usage(format!("no bench is named: {USAGE}")));
    };
    let Some((_, bench)) = BENCHES.iter().find(|(known, _)| known == name) else {
        return Err(Failure::usage(format!(
            "there is no bench `{name}`: {USAGE}"
        )));
    };
    let options = options(words)?;
    let workspace = Workspace::here()?;
    let report = bench(&workspace, options)?;
    let text = report.text(&workspace, options.quick)?;
    println!("{text}");
    if options.write {
        report::write(&workspace, name, &text)?;
    }
    let missed = report.missed();
    if options.strict && missed > 0 {
        return Err(Failure::new(format!("{missed} demands are not met")));
    }
    Ok(())
}

fn options(words: &[String]) -> Result<Options, Failure> {
    let mut options = Options::default();
    for word in words {
        match word.as_str() {
            "--quick" => options.quick = true,
            "--write" => options.write = true,
            "--strict" => options.strict = true,
            other => return Err(Failure::usage(format!("`{other}` is unknown: {USAGE}"))),
        }
    }
    if options.quick && options.write {
        return Err(Failure::usage(
            "`--quick` measures nothing that is worth to be written: leave out one of `--quick` and `--write`",
        ));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_run_is_never_written() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(String::from).collect() };
        assert!(options(&words("--quick --strict")).unwrap().quick);
        assert!(options(&words("--quick --write")).is_err());
        assert!(options(&words("--fast")).is_err());
    }
}
