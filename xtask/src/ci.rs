//! `cargo xtask ci STEP`: the table of checks, and running one or all of them. Each check is a room below this one.
//!
//! A check that guards an invariant carries a positive control: the same checking function runs on a case that must
//! fail, and the step fails if it does not.

mod bins;
mod cargo;
mod deny;
mod deps;
mod endurance;
mod features;
mod fuzz;
mod purity;
mod python;
mod tidy;

use crate::demo;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::needs::{self, Need};
use crate::steps::Steps;
use crate::test;
use crate::workspace::Workspace;

/// One check.
struct Step {
    name: &'static str,
    about: &'static str,
    needs: &'static [&'static [Need]],
    run: fn(&Workspace) -> Result<(), Failure>,
}

/// In the order of `ci all`: what is quick first, what builds on the same artefacts together, the tests last.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "the code is formatted",
        needs: &[&[Need::Components]],
        run: cargo::fmt,
    },
    Step {
        name: "deps",
        about: "crates depend only on what the architecture allows; transports hold no workflow; no foreign types in public signatures",
        needs: &[],
        run: deps::run,
    },
    Step {
        name: "deny",
        about: "licences, banned crates and sources of all dependencies (with cargo-deny also its advisories)",
        needs: &[],
        run: deny::run,
    },
    Step {
        name: "bins",
        about: "the programs build, and `tl` itself links no FFmpeg",
        needs: &[Need::MEDIA_BUILD],
        run: bins::run,
    },
    Step {
        name: "tidy",
        about: "the habits of the house: file heads and sizes, leftovers, names and commands in the documents",
        needs: &[Need::MEDIA_BUILD],
        run: tidy::run,
    },
    Step {
        name: "clippy",
        about: "no warning in any target",
        needs: &[&[Need::Components], Need::MEDIA_BUILD],
        run: cargo::clippy,
    },
    Step {
        name: "purity",
        about: "tl-http, tl-protocol and tl-model read no clock, randomness, file, environment or socket",
        needs: &[&[Need::Components, Need::CCompiler]],
        run: purity::run,
    },
    Step {
        name: "features",
        about: "every combination of features compiles without a warning",
        needs: &[&[Need::Components], Need::MEDIA_BUILD],
        run: features::run,
    },
    Step {
        name: "doc",
        about: "the documentation builds without a warning",
        needs: &[Need::MEDIA_BUILD],
        run: cargo::doc,
    },
    Step {
        name: "fuzz",
        about: "every fuzz target compiles",
        needs: &[Need::MEDIA_BUILD],
        run: fuzz::run,
    },
    Step {
        name: "python",
        about: "the official Python client drives the emulator, and generated requests find nothing wrong (needs PyPI once)",
        needs: &[Need::MEDIA_BUILD, &[Need::FfmpegProgram, Need::Python]],
        run: python::run,
    },
    Step {
        name: "demo",
        about: "the story of `cargo xtask demo`, without its setup",
        needs: &[Need::MEDIA_BUILD, &[Need::FfmpegProgram]],
        run: |_| demo::tell(&[]),
    },
    Step {
        name: "endurance",
        about: "3 GB through both colours, while the platform fails and restarts and the client is killed ten times",
        needs: &[Need::MEDIA_BUILD, &[Need::FfmpegProgram]],
        run: endurance::run,
    },
    Step {
        name: "test",
        about: "every test and every example in the documentation",
        needs: &[Need::MEDIA_BUILD, &[Need::FfmpegProgram, Need::Strace]],
        run: |workspace| test::run_tests(workspace, &[]),
    },
];

/// The names that may follow `cargo xtask ci`.
pub(crate) fn step_names() -> Vec<&'static str> {
    let all = std::iter::once("all");
    STEPS.iter().map(|step| step.name).chain(all).collect()
}

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let [name] = arguments else {
        return Err(Failure::usage(format!("`ci` takes one step\n{}", list())));
    };
    if name == "all" {
        return run_all(&Workspace::here()?);
    }
    let Some(step) = STEPS.iter().find(|step| step.name == name) else {
        return Err(Failure::usage(format!(
            "there is no step `{name}`\n{}",
            list()
        )));
    };
    run_step(step, &Workspace::here()?)
        .map_err(|failure| Failure::new(format!("ci {name}: {failure}")))
}

/// Every step; one that fails does not keep the next from running.
pub(crate) fn run_all(workspace: &Workspace) -> Result<(), Failure> {
    let Some((last, steps)) = STEPS.split_last() else {
        return Ok(());
    };
    let mut run = Steps::default();
    for step in steps {
        run.run(step.name, || run_step(step, workspace));
    }
    run.run_last(last.name, || run_step(last, workspace))
}

/// Runs one step, after looking whether the machine has what it needs.
fn run_step(step: &Step, workspace: &Workspace) -> Result<(), Failure> {
    let needs = step.needs.concat();
    let missing = needs::missing(&Machine::this(), workspace.rust_version()?, &needs);
    if let Some((need, seen)) = missing.first() {
        return Err(Failure::new(format!(
            "needs {}: {seen}; run `cargo xtask setup`",
            need.name()
        )));
    }
    (step.run)(workspace)
}

fn list() -> String {
    let mut list = String::from("cargo xtask ci STEP, where STEP is one of:");
    for step in STEPS {
        list.push_str(&format!("\n  {:<9} {}", step.name, step.about));
    }
    list.push_str("\n  all       every step above, in this order");
    list
}

/// Turns findings into the result of a step: each on a line of its own, then one failure that counts them.
fn verdict(what: &str, findings: &[String]) -> Result<(), Failure> {
    if findings.is_empty() {
        eprintln!("{what}: ok");
        return Ok(());
    }
    for finding in findings {
        eprintln!("{what}: {finding}");
    }
    let first = findings.first().map(String::as_str).unwrap_or_default();
    Err(Failure::new(match findings.len() {
        1 => format!("{what}: {first}"),
        many => format!("{what}: {many} findings, the first: {first}"),
    }))
}

/// A positive control: the check must report something that contains `expected` about a case that is wrong on purpose.
fn control(what: &str, findings: &[String], expected: &str) -> Result<(), Failure> {
    match findings.iter().find(|finding| finding.contains(expected)) {
        Some(finding) => {
            eprintln!("{what}: control refused as it must be: {finding}");
            Ok(())
        }
        None => Err(Failure::new(format!(
            "{what}: the check cannot fail: its control should report {expected}, but none of its {} findings does",
            findings.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_that_is_not_refused_fails_the_step() {
        assert!(control("x", &["has tokio".into()], "tokio").is_ok());
        let failure = control("x", &[], "tokio").unwrap_err().to_string();
        assert!(failure.contains("the check cannot fail"), "{failure}");
    }

    #[test]
    fn findings_fail_a_step_and_are_counted() {
        assert!(verdict("x", &[]).is_ok());
        let two = ["one".to_owned(), "two".to_owned()];
        assert_eq!(
            verdict("x", &two).unwrap_err().to_string(),
            "x: 2 findings, the first: one"
        );
    }

    #[test]
    fn the_tests_are_the_last_step() {
        assert_eq!(STEPS.last().map(|step| step.name), Some("test"));
    }
}
