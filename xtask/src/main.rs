//! Set-up, demo, tests, checks and benches of the workspace: `cargo xtask COMMAND`.
//!
//! It builds with Rust alone, because it is what installs FFmpeg and every other tool.
//!
//! | Module | Content |
//! |---|---|
//! | [`setup`], [`test`](mod@test), [`demo`], [`corpus`], [`fuzz`], [`ci`] | the commands |
//! | [`bench`](mod@bench), [`beside`] | commands that run programs of other folders |
//! | [`needs`] | what the machine must have, and the packages that provide it |
//! | [`python`] | pinned tools and packages from PyPI |
//! | [`workspace`], [`programs`] | packages and built programs |
//! | [`shell`], [`steps`], [`failure`] | child processes, timed steps, errors |
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program writes to its terminal"
)]

mod bench;
mod beside;
mod ci;
mod corpus;
mod demo;
mod failure;
mod fuzz;
mod needs;
mod programs;
mod python;
mod setup;
mod shell;
mod steps;
mod test;
mod workspace;

use std::process::ExitCode;

use failure::{Failure, Usage, usage};
use workspace::Workspace;

const USAGE: &str = "usage: cargo xtask COMMAND
  doctor           Report what this machine has and lacks; exit with 1 if something is missing
  setup            Install what is missing (Debian, Ubuntu), or print the command that does
  test [-- ARGS]   Set up, then run every check and test; with ARGS, only tests: ARGS go to nextest
  demo [-- ARGS]   Set up, then check, upload and index clips with an emulator on this machine
  corpus [DIR]     Make the media files of tests and benches in target/corpus or DIR
  bench NAME       Run the bench `upload`, `validate` or `emulator`; --quick, --write, --strict
  chaos [ARGS]     Disturb bulk ingestions with real processes; --minutes N, --seed N
  orchestrators    Run Ray and Prefect with `tl ingest-one`; names of engines may follow
  dist COMMAND     Build self-contained programs and packages; `build`, `package`, `check`
  mutants [AREA]   Change the pure logic, one change at a time, and run the tests that must notice
  fuzz [N] [NAME]  Run fuzz targets for a minute each, or N seconds; needs nightly and cargo-fuzz
  ci STEP          Run one check, or `all`; `cargo xtask ci` lists the checks
  help             Print this list";

/// The names that may follow `cargo xtask`.
pub(crate) fn command_names() -> impl Iterator<Item = &'static str> {
    USAGE
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Err(failure) = dispatch(&arguments) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("xtask: {failure:#}");
    ExitCode::from(if failure.is::<Usage>() { 2 } else { 1 })
}

fn dispatch(arguments: &[String]) -> Result<(), Failure> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(usage(format!("no command given\n{USAGE}")));
    };
    match command.as_str() {
        "doctor" => no_arguments(rest).and_then(|()| setup::doctor()),
        "setup" => no_arguments(rest).and_then(|()| setup::ensure(&Workspace::here()?)),
        "test" => test::run(rest),
        "demo" => demo::run(rest),
        "corpus" => corpus::run(rest),
        "bench" => bench::run(rest),
        "chaos" => beside::chaos(rest),
        "orchestrators" => beside::orchestrators(rest),
        "dist" => beside::dist(rest),
        "mutants" => beside::mutants(rest),
        "fuzz" => fuzz::run(rest),
        "ci" => ci::run(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            no_arguments(rest)
        }
        _ => Err(usage(format!("no command `{command}`\n{USAGE}"))),
    }
}

fn no_arguments(arguments: &[String]) -> Result<(), Failure> {
    match arguments.first() {
        None => Ok(()),
        Some(extra) => Err(usage(format!("unexpected argument `{extra}`"))),
    }
}

/// The arguments after `--`, for the program that the command runs.
pub(crate) fn passed_through(arguments: &[String]) -> Result<&[String], Failure> {
    match arguments.split_first() {
        None => Ok(&[]),
        Some((dashes, rest)) if dashes == "--" => Ok(rest),
        Some((extra, _)) => Err(usage(format!(
            "unexpected argument `{extra}`\n  hint: arguments to pass on follow `--`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    #[test]
    fn arguments_are_passed_on_only_after_two_dashes() {
        assert_eq!(passed_through(&[]).unwrap(), &[] as &[String]);
        let arguments = words("-- -p tl-model");
        assert_eq!(passed_through(&arguments).unwrap(), words("-p tl-model"));
        let refused = passed_through(&words("-p tl-model")).unwrap_err();
        assert!(
            refused.is::<Usage>() && refused.to_string().contains("`-p`"),
            "{refused}"
        );
    }

    #[test]
    fn an_unknown_command_is_a_usage_error_with_the_list() {
        let refused = dispatch(&words("dance")).unwrap_err();
        assert!(refused.is::<Usage>() && refused.to_string().ends_with(USAGE));
        assert!(dispatch(&words("doctor now")).unwrap_err().is::<Usage>());
        assert_eq!(command_names().count(), 13);
    }
}
