//! The one entry for set-up, demo, tests and checks: `cargo xtask VERB`.
//!
//! One room per verb; this one only reads the verb. It builds without FFmpeg, because it is what installs FFmpeg.
//!
//! | Room | What lives there |
//! |---|---|
//! | [`doctor`], [`setup`], [`mod@test`], [`demo`], [`mod@bench`], [`mod@fuzz`], [`ci`] | the verbs |
//! | [`needs`], [`probes`], [`libclang`] | what the verbs need, and how it is looked for |
//! | [`machine`] | the system under us: its package manager, its environment |
//! | [`programs`] | the built `tl`, `tl-probe` and demo |
//! | [`clips`], [`corpus`] | the video clips of the demo; the files of tests and benches |
//! | [`shell`], [`steps`], [`failure`] | child processes, timed steps, and the one line that says what failed |
//! | [`source`], [`workspace`] | Rust source as tokens; the packages of this workspace |
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks to its terminal"
)]

mod bench;
mod ci;
mod clips;
mod corpus;
mod demo;
mod doctor;
mod failure;
mod folder;
mod fuzz;
mod libclang;
mod machine;
mod needs;
mod probes;
mod programs;
mod setup;
mod shell;
#[cfg(test)]
mod simulated;
mod source;
mod steps;
mod test;
mod workspace;

use std::process::ExitCode;

use failure::Failure;

/// One word after `cargo xtask`.
struct Verb {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "doctor",
        arguments: "",
        about: "report what this machine has and lacks; changes nothing; exit 1 if something is missing",
        run: doctor::run,
    },
    Verb {
        name: "setup",
        arguments: "",
        about: "install what is missing (Debian, Ubuntu), or print the command that does",
        run: setup::run,
    },
    Verb {
        name: "test",
        arguments: "[-- ARGS]",
        about: "setup, every check of `ci all`, every test; with ARGS: only the tests, ARGS go to their runner",
        run: test::run,
    },
    Verb {
        name: "demo",
        arguments: "[-- ARGS]",
        about: "setup, then check, upload and index real clips against the emulator on this machine",
        run: demo::run,
    },
    Verb {
        name: "corpus",
        arguments: "[DIR]",
        about: "make and list the media files of tests and benches, in target/corpus or DIR",
        run: corpus::run,
    },
    Verb {
        name: "bench",
        arguments: "WHAT",
        about: "measure `upload`, `validate` or `emulator` against others; `--quick`, `--write` to docs, `--strict`",
        run: bench::run,
    },
    Verb {
        name: "fuzz",
        arguments: "[TARGET]",
        about: "fuzz every target, or some, for a minute each or `--seconds N`; on a nightly toolchain, by cargo-fuzz",
        run: fuzz::run,
    },
    Verb {
        name: "ci",
        arguments: "STEP",
        about: "one check, or `all` of them; `cargo xtask ci` lists the steps",
        run: ci::run,
    },
    Verb {
        name: "help",
        arguments: "",
        about: "this list",
        run: help,
    },
];

/// The names that may follow `cargo xtask`.
pub(crate) fn verb_names() -> Vec<&'static str> {
    VERBS.iter().map(|verb| verb.name).collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        None => Err(Failure::usage(format!("no verb given\n{}", verb_list()))),
        Some((word, _)) if word == "--help" || word == "-h" => help(&[]),
        Some((word, rest)) => match VERBS.iter().find(|verb| verb.name == word) {
            Some(verb) => (verb.run)(rest),
            None => Err(Failure::usage(format!(
                "there is no verb `{word}`\n{}",
                verb_list()
            ))),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            failure.exit_code()
        }
    }
}

fn help(arguments: &[String]) -> Result<(), Failure> {
    no_arguments("help", arguments)?;
    println!("{}", verb_list());
    Ok(())
}

fn verb_list() -> String {
    let mut list = String::from("cargo xtask VERB, where VERB is one of:");
    for verb in VERBS {
        let call = format!("{} {}", verb.name, verb.arguments);
        list.push_str(&format!("\n  {call:<16} {}", verb.about));
    }
    list
}

/// Refuses arguments after a verb that takes none.
pub(crate) fn no_arguments(verb: &str, arguments: &[String]) -> Result<(), Failure> {
    match arguments.first() {
        None => Ok(()),
        Some(extra) => Err(Failure::usage(format!(
            "`{verb}` takes no arguments, but got `{extra}`"
        ))),
    }
}

/// The arguments after `--`, meant for the program that the verb runs.
pub(crate) fn passed_on<'a>(verb: &str, arguments: &'a [String]) -> Result<&'a [String], Failure> {
    match arguments.split_first() {
        None => Ok(&[]),
        Some((dashes, rest)) if dashes == "--" => Ok(rest),
        Some((extra, _)) => Err(Failure::usage(format!(
            "`{verb}` does not know `{extra}`; write `--` before arguments that it should pass on"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_passed_on_only_after_two_dashes() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(String::from).collect() };
        assert_eq!(passed_on("test", &[]).unwrap(), &[] as &[String]);
        assert_eq!(
            passed_on("test", &words("-- -p tl-model")).unwrap(),
            words("-p tl-model")
        );
        let refused = passed_on("test", &words("-p tl-model"))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("`-p`"), "{refused}");
    }

    #[test]
    fn the_verb_list_names_every_verb_on_a_line_of_its_own() {
        let list = verb_list();
        assert_eq!(list.lines().count(), VERBS.len() + 1);
        for name in verb_names() {
            assert!(list.contains(&format!("\n  {name} ")), "{name}");
        }
    }
}
